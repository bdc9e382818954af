"""`script`, `save`, `load` and the marks: the functions of the public API."""

from __future__ import annotations

import functools
import os
import types
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch

from .. import types as T
from ..errors import CompileError, Error
from ..frontend import marks
from ..tracing import state
from . import compiling, partials
from .collecting import without_collecting
from .function import ScriptFunction
from .module import RecursiveScriptModule, ScriptMethod

F = TypeVar("F", bound=Callable[..., Any])


def enabled() -> bool:
    """Whether compiling is on: the environment variable PYTORCH_JIT=0 turns it off."""
    return os.environ.get("PYTORCH_JIT", "1") not in ("0", "false", "False", "OFF", "off")


def script(
    obj: Any,
    optimize: bool | None = None,
    _frames_up: int = 0,
    _rcb: Any = None,
    example_inputs: Any = None,
    *,
    fallback: bool | None = None,
) -> Any:
    """Compile a function, an `nn.Module` instance, or a class.

    A function gives a `ScriptFunction`; a module a `ScriptModule` that shares its parameters and buffers; a class
    (script class, NamedTuple, Enum) is returned as it is, to be used in compiled code. `example_inputs` is a list
    of tuples of arguments (for a module: a dict from the module to such a list): they give unannotated
    arguments their types.

    `fallback=True` leaves functions, methods and submodules that cannot be compiled as Python calls;
    `uncompiled()` of the result lists them with reasons, and `save` refuses. `fallback=False` forbids even the
    calls of Python that the specification allows (`@ignore`, functions without source).

    `CompileError` shows the line that is wrong, or is outside the language.

    >>> import torch, torchscript as jit
    >>> @jit.script
    ... def halve(x: torch.Tensor) -> torch.Tensor:
    ...     while bool(x.max() > 1):
    ...         x = x / 2
    ...     return x
    >>> halve(torch.tensor([3.0]))
    tensor([0.7500])
    """
    if not enabled():
        return obj
    if isinstance(obj, ScriptFunction) or isinstance(getattr(type(obj), "_ts_class", None), T.ClassType):
        return obj
    try:
        return _script(obj, example_inputs, fallback)
    except CompileError as error:
        raise error.public() from None


_COMPILED_BY_PYTORCH = {
    "torch.jit._script.RecursiveScriptModule",
    "torch.jit._trace.TopLevelTracedModule",
}


@without_collecting
def _script(obj: Any, example_inputs: Any, fallback: bool | None) -> Any:
    if isinstance(obj, torch.nn.Module):
        if any(f"{b.__module__}.{b.__name__}" in _COMPILED_BY_PYTORCH for b in type(obj).__mro__):
            name = getattr(obj, "original_name", type(obj).__name__)
            raise Error(
                f"'{name}' was compiled by PyTorch itself. Compile the module that it was made of, or save it and "
                "take what torchscript.load makes of the archive."
            )
        return compiling.script_module(obj, example_inputs, fallback)
    if isinstance(obj, ScriptMethod):
        raise Error(
            f"'{obj.__name__}' is a method of a module that is compiled already. torchscript.compile(module) makes native "
            "code of all its methods."
        )
    if isinstance(obj, type):
        return compiling.script_class(obj)
    if isinstance(obj, types.MethodType) and isinstance(obj.__self__, torch.nn.Module):
        raise Error(
            "A method of a module cannot be compiled alone. Mark it with @export and compile the module."
        )
    if isinstance(obj, functools.partial):
        obj = partials.function_of(obj)
    if callable(obj):
        return compiling.script_function(obj, example_inputs, fallback)
    raise Error(f"'{type(obj).__name__}' objects cannot be compiled; functions, modules and classes can.")


def script_method(fn: F) -> F:
    """Mark a method of a subclass of ScriptModule: it is compiled when an instance is made."""
    if enabled():
        fn._ts_script_method = True  # type: ignore[attr-defined]
    return fn


def script_if_tracing(fn: F) -> F:
    """A function that is compiled when a trace reaches it, and is plain Python otherwise."""

    @functools.wraps(fn)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if not state.is_tracing():
            return fn(*args, **kwargs)
        with state.paused():
            compiled = script(fn)
        return compiled(*args, **kwargs)

    wrapper._torchscript_original = fn  # type: ignore[attr-defined]
    return wrapper  # type: ignore[return-value]


def save(m: Any, f: Any, _extra_files: Mapping[str, str | bytes] | None = None) -> None:
    """Write a compiled module or function to a path or file object, as an archive that PyTorch reads too."""
    if not enabled() and not hasattr(m, "save"):
        raise Error("Compiling is turned off (PYTORCH_JIT=0): there is nothing to save.")
    from ..archive.writer import save as write

    write(m, f, extra_files=_extra_files)


def load(
    f: Any,
    map_location: Any = None,
    _extra_files: dict[str, Any] | None = None,
    _restore_shapes: bool = False,
    *,
    allow_io: bool = False,
) -> Any:
    """Read an archive that this library or PyTorch wrote: a path, bytes, or a file object.

    `map_location` is a device (or its name) that all tensors are put on. Loading runs nothing but the archive's
    own compiled code, and code that reaches outside the process (`torch.from_file`, …) is refused when it is
    compiled, unless `allow_io=True` says that you trust the archive. `ArchiveError` for what is no such archive.
    """
    from .loading import load

    return load(f, map_location, _extra_files, allow_io=allow_io)


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """Leave a function or method as a Python call; what calls it cannot be saved. `drop=True` is `unused`."""
    if callable(drop):
        setattr(drop, marks.MODIFIER, marks.IGNORE)
        return drop

    def mark(fn: F) -> F:
        setattr(fn, marks.MODIFIER, marks.UNUSED if drop else marks.IGNORE)
        return fn

    return mark


def unused(fn: F) -> F:
    """Leave a function or method out: compiled code that calls it raises."""
    if isinstance(fn, property):
        if fn.fget is not None:
            setattr(fn.fget, marks.MODIFIER, marks.UNUSED)
        return fn
    setattr(fn, marks.MODIFIER, marks.UNUSED)
    return fn


def export(fn: F) -> F:
    """Compile a method of a module even if `forward` does not reach it."""
    setattr(fn, marks.MODIFIER, marks.EXPORT)
    return fn


def annotate(the_type: Any, the_value: Any) -> Any:
    """`the_value`; in compiled code it has the type `the_type`."""
    return the_value


annotate._torchscript_builtin = "annotate"  # type: ignore[attr-defined]


def isinstance_(obj: Any, target_type: Any) -> bool:
    """Whether `obj` is of `target_type`, which may be a container type such as `List[int]`."""
    from ..codegen.python.helpers import value_has_type
    from ..frontend.annotations import TypeResolver

    resolver = TypeResolver(lambda cls: None)
    targets = target_type if isinstance(target_type, tuple) else (target_type,)
    return any(
        isinstance(obj, t)
        if isinstance(t, type)
        and not isinstance(t, types.GenericAlias)
        and t not in (int, float, str, bool)
        and not hasattr(t, "__origin__")
        else value_has_type(obj, resolver.type_of_annotation(t))
        for t in targets
    )


isinstance_._torchscript_builtin = "isinstance"  # type: ignore[attr-defined]
isinstance_.__name__ = isinstance_.__qualname__ = "isinstance"


def is_scripting() -> bool:
    """False in Python; compiled code sees True."""
    return False


is_scripting._torchscript_builtin = "is_scripting"  # type: ignore[attr-defined]


def is_tracing() -> bool:
    """Whether this thread's operations are being recorded."""
    return state.is_tracing()


is_tracing._torchscript_builtin = "is_tracing"  # type: ignore[attr-defined]


class Attribute:
    """A value with its type, for an attribute of a ScriptModule: `self.words = Attribute([], List[str])`."""

    def __init__(self, value: Any, type: Any) -> None:
        self.value = value
        self.type = type


def fork(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Start `func(*args, **kwargs)`; `wait` gives its result."""
    from ..codegen.python.helpers import Future

    return Future(lambda: func(*args, **kwargs))


fork._torchscript_builtin = "fork"  # type: ignore[attr-defined]


def wait(future: Any) -> Any:
    """The result of what `fork` started."""
    return future.wait()


wait._torchscript_builtin = "wait"  # type: ignore[attr-defined]


def interface(obj: type) -> type:
    """Mark a class whose methods are signatures: modules that have them can stand where it is annotated."""
    obj.__torchscript_interface__ = True  # type: ignore[attr-defined]
    return obj


__all__ = ["CompileError", "RecursiveScriptModule", "script"]

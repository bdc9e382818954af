"""`script`, `save`, `load` and the marks: the functions of the public API."""

from __future__ import annotations

import enum
import functools
import inspect
import os
import types
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch

from .. import types as T
from ..errors import CompileError, Error
from ..frontend import marks, transient
from ..frontend.entry import compile_entry
from ..frontend.modules import ModuleSpec, SpecSplit
from ..frontend.program import Program
from ..frontend.typing_of import plain
from ..frontend.values import Module
from ..tracing import state
from .function import ScriptFunction
from .module import RecursiveScriptModule, ScriptModule, make_module, runtime_class

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
    arguments their types. `fallback=False` forbids calls of Python functions that cannot be compiled.

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
    if isinstance(obj, torch.nn.Module):
        return _script_module(obj, example_inputs, fallback)
    if isinstance(obj, type):
        return _script_class(obj)
    if isinstance(obj, types.MethodType) and isinstance(obj.__self__, torch.nn.Module):
        raise Error(
            "A method of a module cannot be compiled alone. Mark it with @export and compile the module."
        )
    if callable(obj):
        return _script_function(obj, example_inputs, fallback)
    raise Error(f"'{type(obj).__name__}' objects cannot be compiled; functions, modules and classes can.")


def _program(fallback: bool | None) -> Program:
    return Program(allow_python_calls=fallback is not False)


def _example_types(
    program: Program, function: Any, example_inputs: Any, skip: int
) -> dict[str, T.Type] | None:
    if not example_inputs:
        return None
    names = list(inspect.signature(function).parameters)[skip:]
    found: dict[str, T.Type] = {}
    for arguments in example_inputs:
        for name, value in zip(names, arguments, strict=False):
            type_ = program.type_of_object(value)
            if type_ is None:
                raise Error(
                    f"The example for the argument '{name}' is a {type(value).__name__}, which is no type of the language."
                )
            common = T.unify(found[name], type_) if name in found else type_
            if common is None:
                raise Error(
                    f"The examples for the argument '{name}' are of different types: {found[name]} and {type_}."
                )
            found[name] = common
    return found


def _script_function(function: Any, example_inputs: Any, fallback: bool | None) -> ScriptFunction:
    while True:
        program = _program(fallback)
        try:
            original = marks.unwrap(function)
            examples = _example_types(program, original, example_inputs, 0)
            return ScriptFunction(compile_entry(program, original, None, examples))
        except SpecSplit:
            continue


def _script_class(cls: type) -> type:
    if issubclass(cls, torch.nn.Module):
        raise Error(
            f"The class '{cls.__name__}' is a module: compile an instance of it, script({cls.__name__}(…))."
        )
    if issubclass(cls, enum.Enum) or (issubclass(cls, tuple) and hasattr(cls, "_fields")):
        return cls
    cls._torchscript_class = True  # type: ignore[attr-defined]
    program = Program()
    made = program.class_type(cls)
    if isinstance(made, T.ClassType):
        program.class_method(made, "__init__")
        for name, value in vars(cls).items():
            if isinstance(value, types.FunctionType) and marks.modifier_of(value) not in (
                "ignore",
                "unused",
                "drop",
            ):
                program.class_method(made, name)
    return cls


def _script_module(module: torch.nn.Module, example_inputs: Any, fallback: bool | None) -> Any:
    _check_initialized(module)
    while True:
        program = _program(fallback)
        try:
            spec = program.spec_of(module)
            _compile_entries(program, spec, module, example_inputs)
            return Builder(program).build(module)
        except SpecSplit:
            continue


def _check_initialized(module: torch.nn.Module) -> None:
    if "_parameters" not in module.__dict__:
        raise Error(f"'{type(module).__name__}.__init__' did not call super().__init__().")


def _entries(module: torch.nn.Module) -> list[str]:
    """The methods of a module that are compiled by themselves: forward, and what is exported."""
    cls = type(module)
    names = []
    forward = getattr(cls, "forward", None)
    if (
        forward is not None
        and forward is not torch.nn.Module.forward
        and marks.modifier_of(forward) not in ("ignore", "unused", "drop")
    ):
        names.append("forward")
    for base in cls.__mro__:
        for name, value in vars(base).items():
            if (
                marks.modifier_of(value) == "export" or getattr(value, "_ts_script_method", False)
            ) and name not in names:
                names.append(name)
    return names


def _compile_entries(
    program: Program, spec: ModuleSpec, module: torch.nn.Module, example_inputs: Any = None
) -> None:
    owner = Module(module, spec, spec, (), None)
    examples = example_inputs
    if isinstance(example_inputs, dict):
        examples = next((v for k, v in example_inputs.items() if k is module or k == module), None)
    entries = _entries(module)
    containers = torch.nn.ModuleList | torch.nn.ModuleDict | torch.nn.ParameterList | torch.nn.ParameterDict
    if not entries and not isinstance(module, containers):
        raise Error(
            f"The module '{type(module).__name__}' has no forward and no exported method: there is nothing to compile."
        )
    for name in entries:
        function = module.__dict__.get(name) or getattr(type(module), name)
        function = getattr(function, "__func__", function)
        is_static = isinstance(inspect.getattr_static(module, name), staticmethod)
        skip = 0 if is_static else 1
        types_ = (
            _example_types(program, marks.unwrap(function), examples, skip) if name == "forward" else None
        )
        compile_entry(program, function, owner, types_, is_static=is_static)
    exported = [m for m in module.modules() if m is not module and _exports(type(m))]  # type: ignore[arg-type]
    for child in exported:
        child_spec = program.spec_of(child)
        for name in _exports(type(child)):  # type: ignore[arg-type]  # a class is hashable
            compile_entry(
                program, getattr(type(child), name), Module(child, child_spec, child_spec, (), None)
            )


@functools.lru_cache(maxsize=4096)
def _exports(cls: Any) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(
            name
            for base in cls.__mro__
            if base is not torch.nn.Module
            for name, value in vars(base).items()
            if isinstance(value, types.FunctionType) and marks.modifier_of(value) == "export"
        )
    )


class Builder:
    """Makes the ScriptModules of a compilation; a module that stands in two places becomes one ScriptModule."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.made: dict[int, Any] = {}

    def build(self, module: Any) -> Any:
        found = self.made.get(id(module))
        if found is None:
            if isinstance(getattr(type(module), "_ts_class", None), T.ClassType):
                found = module
            else:
                found = self._build(module)
            self.made[id(module)] = found
        return found

    def _build(self, module: torch.nn.Module) -> Any:
        spec = self.program.spec_of(module)
        self.seal(spec)
        return make_module(spec.cls, self.attributes(module, spec), module)

    def seal(self, spec: ModuleSpec) -> None:
        """Note on the class what compiled code relies on."""
        for path, value in spec.relies_on.items():
            if len(path) == 1:
                spec.cls.constants[path[0]] = value

    def attributes(self, module: torch.nn.Module, spec: ModuleSpec) -> dict[str, Any]:
        attributes: dict[str, Any] = dict(spec.created)
        attributes.update(module._parameters)
        attributes.update(module._buffers)
        for name, child in module._modules.items():
            attributes[name] = self.build(child) if child is not None else None
        for name, path in spec.adopted.items():
            attributes[name] = self.build(transient.at(module, path))
        for name in spec.cls.attributes:
            if name in module.__dict__ and name not in spec.adopted:
                value = module.__dict__[name]
                attributes[name] = (
                    value.value
                    if type(value).__name__ == "Attribute" and hasattr(value, "type")
                    else plain(value)
                )
        return attributes


def compile_script_module(module: ScriptModule) -> None:
    """Compile the script methods of an instance of a subclass of ScriptModule, in place."""
    while True:
        program = Program()
        try:
            spec = program.spec_of(module)
            _compile_entries(program, spec, module)
            builder = Builder(program)
            builder.made[id(module)] = module
            attributes = builder.attributes(module, spec)
            break
        except SpecSplit:
            continue
    builder.seal(spec)
    for name, child in attributes.items():
        if name in module._modules:
            module._modules[name] = child
        elif name in spec.created:
            module.__dict__[name] = child
    module.__class__ = runtime_class(spec.cls, type(module))
    module.__dict__["_ts_ready"] = True


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

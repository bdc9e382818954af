"""`record`: run a function or a module on example inputs, and get what it did as graphs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from types import MethodType
from typing import Any

import torch
from torch import nn

from .. import types as T
from ..errors import TracingError
from ..ir import Function
from ..types import ClassType
from . import state, structures
from .branches import Branches
from .finishing import add_forward, finish
from .interception import RecordingMode
from .modules import qualified_name
from .observing import call_original, observing
from .python_state import PythonState
from .reaching import reached_from
from .recorder import Recorder, info_type
from .rewriting import rewritten
from .submodules import named_arguments

_CONTAINERS = (
    "Encountering a {} at the output of the tracer might cause the trace to be incorrect, this is only "
    "valid if the "
    "container structure does not change based on the module's inputs. Consider using a constant container "
    "instead "
    "(e.g. for `list`, use a `tuple` instead. for `dict`, use a `NamedTuple` instead). If you absolutely "
    "need this and "
    "know the side effects, pass strict=False to trace() to allow this behavior."
)


@dataclass
class Recording:
    """What a run did.

    `function` is set for a function; `cls` for a module, with a graph for each recorded method, and the
    classes of its submodules as the types of its attributes. `outputs` are what Python returned, by method.
    `caches` are the dicts of Python that the run changed, and what they held before.
    """

    function: Function | None
    cls: ClassType | None
    methods: dict[str, Function]
    outputs: dict[str, Any]
    classes: dict[tuple[str, ...], ClassType]
    plain_attributes: dict[tuple[str, ...], tuple[str, ...]]
    caches: list[tuple[dict[Any, Any], dict[Any, Any]]]

    def functions(self) -> dict[str, Function]:
        """Every recorded function by its qualified name, callers first."""
        found = {f.qualified_name: f for f in self.methods.values()}
        for cls in self.classes.values():
            found.update({f.qualified_name: f for f in cls.methods.values()})
        return found


def record(
    func: Any,
    args: tuple[Any, ...] = (),
    kwargs: dict[str, Any] | None = None,
    *,
    strict: bool = True,
    silent: bool = False,
    force_outplace: bool = False,
    branches: Branches | None = None,
) -> Recording:
    """Run `func` on example inputs and record it.

    >>> print(record(lambda x: x.relu(), (torch.ones(2),)).function.graph.str(False))
    graph(%x.1 : Float(2, strides=[1], requires_grad=0, device=cpu)):
      %0 : Float(2, strides=[1], requires_grad=0, device=cpu) = aten::relu(%x.1)
      return (%0)
    <BLANKLINE>
    """
    options: dict[str, Any] = {
        "strict": strict, "silent": silent, "force_outplace": force_outplace, "branches": branches,
    }  # fmt: skip
    if isinstance(func, nn.Module):
        calls: dict[str, Any] = {"forward": (args, kwargs or {})}
        return record_methods(func, calls, **options)
    if isinstance(func, MethodType) and isinstance(func.__self__, nn.Module):
        calls = {func.__name__: (args, kwargs or {})}
        return record_methods(func.__self__, calls, **options)
    recorder = Recorder(None, silent=silent, force_outplace=force_outplace, branches=branches)
    recorder.function_name = qualified_name(func)
    outputs = {"forward": _run(recorder, "forward", func, func, args, kwargs or {}, strict)}
    (function,) = finish(recorder).values()
    function.python_function = func
    return Recording(function, None, {"forward": function}, outputs, {}, {}, recorder.caches)


def record_methods(
    module: nn.Module,
    inputs: dict[str, tuple[tuple[Any, ...], dict[str, Any]]],
    *,
    strict: bool = True,
    silent: bool = False,
    force_outplace: bool = False,
    branches: Branches | None = None,
    entry: str | None = None,
) -> Recording:
    """Run methods of a module, one after the other, and record each. To call the module is to call `entry`."""
    recorder = Recorder(module, silent=silent, force_outplace=force_outplace, branches=branches)
    outputs = {}
    for name, (args, kwargs) in inputs.items():
        if name == "forward":
            run: Callable[..., Any] = lambda *a, **k: call_original(module, a, k)
            signature: Any = module.forward
        else:
            run = signature = getattr(module, name)
        outputs[name] = _run(recorder, name, run, signature, args, kwargs, strict)
    methods = finish(recorder)
    cls = recorder.tree.class_at(())
    if entry is not None and "forward" not in cls.methods:
        add_forward(cls, methods[entry])
    plain: dict[tuple[str, ...], tuple[str, ...]] = {}
    for path, each in recorder.tree.modules.items():
        used = [n for n in each.__dict__ if (id(each), n) in recorder.tree.used_plain]
        if used:
            plain[path] = tuple(used)
    classes = {path: recorder.tree.class_at(path) for path in recorder.tree.modules}
    return Recording(None, cls, methods, outputs, classes, plain, recorder.caches)


def _run(
    recorder: Recorder,
    name: str,
    run: Callable[..., Any],
    signature: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    strict: bool,
) -> Any:
    scopes = recorder.scopes
    recorder.source = None
    scope = scopes.open(recorder.tree.root, (), name)
    recorder.outermost_code = _run.__code__
    if recorder.branches.mode == "script":
        scope.example = args, kwargs
    root = recorder.tree.root
    if root is not None:
        scope.self_value = scope.block.add_parameter(recorder.tree.class_at(()), "self")
    reached = reached_from(signature, root)
    python_state = None if recorder.diagnostics.silent else PythonState(reached, root)
    with state.activated(recorder):
        with state.paused():
            args, kwargs = _inputs(recorder, signature, args, kwargs)
        with rewritten(reached), observing(), RecordingMode(recorder):
            result = run(*args, **kwargs)
        if recorder.diagnostics.error is not None:
            raise recorder.diagnostics.error
        if root is not None:
            for module in {id(m): m for m in recorder.tree.modules.values()}.values():
                recorder.write_changed_attributes(module)
        with state.paused():
            _output(recorder, result, strict)
            if python_state is not None:
                python_state.warn_of_changes(recorder.diagnostics)
                recorder.caches += python_state.caches()
    scope.example = None
    scopes.close()
    return result


# --- Inputs ---------------------------------------------------------------------------------------------


def _inputs(
    recorder: Recorder, signature: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A parameter for each input; and the inputs to run with (numbers are followed, a tensor given twice is
    two).
    """
    seen: set[int] = set()
    names = [name for name, _ in named_arguments(signature, args, {})]
    new_args = tuple(_input(recorder, name, obj, seen) for name, obj in zip(names, args, strict=True))
    new_kwargs = {name: _input(recorder, name, obj, seen) for name, obj in kwargs.items()}
    return new_args, new_kwargs


def _input(recorder: Recorder, name: str, obj: Any, seen: set[int]) -> Any:
    obj = _distinct(obj, seen)
    try:
        type = structures.type_of(obj)
    except structures.NotRepresentable as error:
        raise TracingError(
            f"The input '{name}' is {error}, which cannot be traced. Inputs of traced code are tensors, "
            f"numbers, "
            "and (nested) tuples, lists and dicts of them; anything else is to be made inside of it."
        ) from None
    value = recorder.scopes.current.block.add_parameter(type, name)
    if isinstance(obj, torch.Tensor):
        value.type = info_type(obj)
    for kept in _kept_as_they_are(obj):
        what = f"The input '{name}' is" if kept is obj else f"The input '{name}' holds"
        recorder.diagnostics.warn(
            f"input {name}",
            f"{what} a {kept.__class__.__name__} ({kept!r}), and only tensors, ints and floats are inputs of a trace: it "
            "keeps this value, whatever it is called with. Make a trace for each value, or compile with `script`.",
        )
    return structures.follow(recorder, obj, value)


def _kept_as_they_are(obj: Any) -> list[Any]:
    """The parts of an input that are constants of the trace."""
    if isinstance(obj, bool | str | complex | torch.device | torch.dtype):
        return [obj]
    if isinstance(obj, tuple | list):
        return [kept for part in obj for kept in _kept_as_they_are(part)]
    return (
        [kept for part in obj.values() for kept in _kept_as_they_are(part)] if isinstance(obj, dict) else []
    )


def _distinct(obj: Any, seen: set[int]) -> Any:
    """The same structure, in which no tensor stands twice: each place is an input of its own."""
    if isinstance(obj, torch.Tensor):
        if id(obj) in seen:
            obj = obj.view_as(obj)
        seen.add(id(obj))
        return obj
    if isinstance(obj, tuple):
        parts = [_distinct(e, seen) for e in obj]
        if all(a is b for a, b in zip(parts, obj, strict=True)):
            return obj
        return type(obj)(*parts) if structures.is_named_tuple(obj) else tuple(parts)
    if type(obj) is list:
        return [_distinct(e, seen) for e in obj]
    if type(obj) is dict:
        return {k: _distinct(v, seen) for k, v in obj.items()}
    return obj


# --- Outputs --------------------------------------------------------------------------------------------


def _output(recorder: Recorder, result: Any, strict: bool) -> None:
    recorder.source = None
    if result is None:
        if recorder.changes_something():
            recorder.scopes.current.block.add_output(recorder.constant(None, T.NONE))
            return
        raise TracingError(
            "The traced function didn't return any values! Side-effects are not captured in traces, so it "
            "would be "
            "a no-op."
        )
    result = _containers(recorder, result, strict)
    try:
        value = structures.build(recorder, result)
    except structures.NotRepresentable as error:
        raise TracingError(
            f"The traced function returned {error}. Only tensors, numbers, and (nested) tuples, lists and "
            "dicts of them can be output from traced functions; the elements of a list, and the values of a "
            "dict, have one type (return a tuple or a NamedTuple where they have not)."
        ) from None
    recorder.scopes.current.block.add_output(value)


def _containers(recorder: Recorder, obj: Any, strict: bool) -> Any:
    """Warn of lists and refuse dicts where `strict` says so."""
    fields = structures.from_fields(obj)
    if isinstance(fields, dict):
        if strict and not dataclasses.is_dataclass(obj):
            raise TracingError(_CONTAINERS.format("dict"))
        fields = {k: _containers(recorder, v, strict) for k, v in fields.items()}
        return fields if type(obj) is dict else structures.as_record(fields, type(obj).__name__)
    if isinstance(obj, list):
        if strict:
            recorder.diagnostics.warn("output", _CONTAINERS.format("list"))
        return [_containers(recorder, e, strict) for e in obj]
    if isinstance(obj, tuple) and not structures.is_named_tuple(obj):
        return tuple(_containers(recorder, e, strict) for e in obj)
    return obj

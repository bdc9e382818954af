"""`trace` and `trace_module`, with the signatures of PyTorch."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from types import MethodType
from typing import Any

from torch import nn

from ..errors import TracingError
from .branches import Branches, settled
from .check import Inputs
from .check import check_trace as check
from .collecting import young_objects_only
from .outside import own_modules, uncompiled
from .recording import Recording, record, record_methods


def _is_off() -> bool:
    return os.environ.get("PYTORCH_JIT", "1") == "0"


def _is_compiled(obj: Any) -> bool:
    from ..runtime.function import ScriptFunction

    return isinstance(obj, ScriptFunction) or getattr(obj, "_ts_class", None) is not None


def _as_args(inputs: Any) -> tuple[Any, ...]:
    """A single tensor or dict stands for the only argument."""
    if isinstance(inputs, tuple):
        return inputs
    return tuple(inputs) if isinstance(inputs, list) else (inputs,)


def _as_call(inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """An entry of check_inputs: positional arguments, or a dict of keyword arguments."""
    return ((), dict(inputs)) if isinstance(inputs, Mapping) else (_as_args(inputs), {})


def trace(
    func: Any,
    example_inputs: Any = None,
    optimize: Any = None,
    check_trace: bool = True,
    check_inputs: Any = None,
    check_tolerance: float = 1e-5,
    strict: bool = True,
    _force_outplace: bool = False,
    _module_class: Any = None,
    _compilation_unit: Any = None,
    example_kwarg_inputs: Any = None,
    _store_inputs: bool = True,
    *,
    branches: str = "warn",
) -> Any:
    """Record a function or module as it runs on example inputs.

    Returns a ScriptFunction for a function, and a ScriptModule for a module or a method of one, which is also what
    calling the ScriptModule calls. With `check_trace`, the recording is repeated on the example inputs, or on
    every entry of `check_inputs`, and compared. To be recorded counts as one call for a module's buffers;
    checks leave them alone.

    A trace holds one path through the program. `branches` says what is done where a tensor or its size decides the path
    (a condition, the length of a loop): "warn", "error", or "script", which compiles the function that
    takes the decision, so that the trace calls it with its control flow, and says what it compiled.

    Raises TracingError for code that cannot be recorded, TracingCheckError where a repeated recording
    differs. Warns with TracerWarning of what makes a trace right for its example only.

    >>> import torch
    >>> traced = trace(lambda x: x * 2, torch.ones(2))
    >>> traced(torch.ones(3))
    tensor([2., 2., 2.])
    """
    if _is_off():
        return func
    if optimize is not None:
        _warn_of_optimize()
    func = uncompiled(func)
    if _is_compiled(func):
        warnings.warn(
            "The input to trace is already compiled, tracing it is a no-op. Returning the object as is.",
            stacklevel=2,
        )
        return func
    if example_inputs is None and example_kwarg_inputs is None:
        raise TracingError(
            "trace() needs example inputs: pass example_inputs (a tuple of positional arguments), "
            "example_kwarg_inputs (a dict of keyword arguments), or both."
        )
    args = () if example_inputs is None else _as_args(example_inputs)
    kwargs = dict(example_kwarg_inputs or {})
    module, method = func, "forward"
    if isinstance(func, MethodType) and isinstance(func.__self__, nn.Module):
        module, method = func.__self__, func.__name__
    if isinstance(module, nn.Module):
        return _trace_methods(
            module,
            {method: (args, kwargs)},
            check_trace,
            None if check_inputs is None else {method: [_as_call(i) for i in check_inputs]},
            check_tolerance,
            strict,
            _force_outplace,
            Branches(branches),
            entry=method,
        )
    checked = None
    if check_trace:
        checked = [(args, kwargs)] if check_inputs is None else [_as_call(i) for i in check_inputs]
    options = {"strict": strict, "force_outplace": _force_outplace, "branches": Branches(branches)}
    with young_objects_only():
        return settled(
            options["branches"],  # type: ignore[arg-type]
            None,
            (args, kwargs),
            lambda: _trace_function(func, args, kwargs, checked, check_tolerance, options),
        )


def _trace_function(
    func: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    check_inputs: Sequence[Inputs] | None,
    tolerance: float,
    options: dict[str, Any],
) -> Any:
    from ..runtime.function import ScriptFunction

    recording = record(func, args, kwargs, **options)
    assert recording.function is not None
    traced = ScriptFunction(recording.function)
    if check_inputs is not None:
        check(func, traced, recording, check_inputs, tolerance, **options)
    return traced


def trace_module(
    mod: nn.Module,
    inputs: Mapping[str, Any],
    optimize: Any = None,
    check_trace: bool = True,
    check_inputs: Any = None,
    check_tolerance: float = 1e-5,
    strict: bool = True,
    _force_outplace: bool = False,
    _module_class: Any = None,
    _compilation_unit: Any = None,
    example_inputs_is_kwarg: bool = False,
    _store_inputs: bool = True,
    *,
    branches: str = "warn",
) -> Any:
    """Record several methods of a module: `inputs` holds the example inputs of each by its name.

    `check_inputs` is a list of such dicts; all else is as for `trace`.
    """
    if _is_off():
        return mod
    if optimize is not None:
        _warn_of_optimize()
    mod = uncompiled(mod)
    if not isinstance(mod, nn.Module):
        raise TracingError(
            f"trace_module() takes an nn.Module as its first argument, not a {type(mod).__name__}; trace() takes "
            "functions as well."
        )
    if not isinstance(inputs, Mapping):
        raise TracingError(
            'trace_module() takes the example inputs in a dict by the names of methods, {"forward": x}, not a '
            f"{type(inputs).__name__}."
        )
    for name in inputs:
        if not callable(getattr(mod, name, None)):
            raise TracingError(
                f"The module {type(mod).__name__} has no method '{name}' that could be traced."
            )

    def call(given: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return ((), dict(given)) if example_inputs_is_kwarg else (_as_args(given), {})

    checks: dict[str, list[Inputs]] | None = None
    if check_inputs is not None:
        checks = {name: [] for name in inputs}
        for entry in check_inputs:
            for name, given in entry.items():
                checks.setdefault(name, []).append(call(given))
    return _trace_methods(
        mod,
        {name: call(given) for name, given in inputs.items()},
        check_trace,
        checks,
        check_tolerance,
        strict,
        _force_outplace,
        Branches(branches),
    )


def _trace_methods(
    module: nn.Module,
    inputs: dict[str, Inputs],
    check_trace: bool,
    check_inputs: dict[str, list[Inputs]] | None,
    tolerance: float,
    strict: bool,
    force_outplace: bool,
    branches: Branches,
    entry: str | None = None,
) -> Any:
    if _has_backward_hooks(module):
        raise TracingError(
            "Modules that have backward hooks assigned can't be traced: a trace would lose the hooks. "
            "Remove them, trace, and register them on the traced module."
        )
    options: dict[str, Any] = {
        "strict": strict, "force_outplace": force_outplace, "branches": branches, "entry": entry,
    }  # fmt: skip

    def run() -> Any:
        if type(module) in branches.decisions and list(inputs) != ["forward"]:
            branches.refuse(type(module), "several methods of the module are traced")
        elif type(module) in branches.decisions:
            compiled = branches.scripted(module)
            if compiled is not None:
                return compiled
        with own_modules(module):
            recording = record_methods(module, inputs, **options)
            traced = make_traced_module(module, recording)
            if check_trace:
                compare(traced, recording)
        return traced

    def compare(traced: Any, recording: Recording) -> None:
        for name, example in inputs.items():
            given = [example] if check_inputs is None else check_inputs.get(name, [])
            check(
                module,
                traced if name == "forward" else getattr(traced, name),
                recording,
                given,
                tolerance,
                method=name,
                examples=inputs,
                **options,
            )

    with young_objects_only():
        return settled(branches, module, [*inputs.values()], run)


def make_traced_module(module: nn.Module, recording: Recording) -> Any:
    """The ScriptModule of a recording; it shares parameters and buffers with the module."""
    from ..runtime.module import make_module

    assert recording.cls is not None
    attributes = {name: getattr(module, name) for name in recording.plain_attributes.get((), ())}
    attributes["training"] = module.training
    traced = make_module(recording.cls, attributes, module)
    for path in recording.classes:
        original, made = _at(module, path), _at(traced, path)
        if made is not original:
            # What the hooks did is in the graphs.
            for table in ("_forward_hooks", "_forward_pre_hooks"):
                getattr(made, table).clear()
    return traced


def _at(module: nn.Module, path: tuple[str, ...]) -> nn.Module:
    for name in path:
        found = module._modules[name]
        assert found is not None
        module = found
    return module


def _has_backward_hooks(module: nn.Module) -> bool:
    return any(m._backward_hooks or m._backward_pre_hooks for m in nn.Module.modules(module))


def _warn_of_optimize() -> None:
    warnings.warn("`optimize` is deprecated and has no effect.", FutureWarning, stacklevel=3)

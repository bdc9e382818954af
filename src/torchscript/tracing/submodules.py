"""Calls that keep their own graph: of modules inside the traced one, and of compiled functions and methods.

y = self.conv(x)    →    %conv : __torch__…Conv2d = prim::GetAttr[name="conv"](%self)
                         %y : Tensor = prim::CallMethod[name="forward"](%conv, %x)
"""

from __future__ import annotations

import contextlib
import inspect
import weakref
from collections.abc import Callable, Iterator
from types import MethodType
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from .. import types as T
from ..errors import TracingError
from ..frontend.taken_over import is_foreign, taken_over
from ..ir import Function, Value
from . import state, structures
from .calls import value_for
from .outside import as_function
from .recorder import Recorder, info_type
from .scopes import Scope
from .sizes import TracedNumber, without_history

if TYPE_CHECKING:
    from .recorder import _Entry


def call_module(
    recorder: Recorder,
    module: nn.Module,
    original: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Run a module that Python calls, in a graph of its own where it belongs to the traced module."""
    if module not in recorder.tree or getattr(module, "_ts_class", None) is not None:
        if is_foreign(module):
            return taken_over(module)(*args, **kwargs)
        # compiled ones come to `call_script_method`
        return original(module, *args, **kwargs)
    recorder.locate()
    recorder.write_changed_attributes(module)
    path = recorder.tree.path_of(module)
    owner = module_value(recorder, module)
    assert owner is not None
    scope = recorder.scopes.open(module, path, "forward")
    scope.self_value = scope.add_parameter(owner, owner.type, "self")
    if recorder.branches.mode == "script":
        scope.example = args, kwargs
    before = _bind_arguments(recorder, scope, module, args, kwargs)
    try:
        result = original(module, *args, **kwargs)
        recorder.write_changed_attributes(module)
        returned = _result(recorder, result)
    except BaseException:
        scope.failed = True
        scope.example = None
        recorder.scopes.close()
        _restore(recorder, before)
        raise
    if returned is not None:
        scope.block.add_output(returned)
        scope.returns_value = True
    scope.example = None
    recorder.scopes.close()
    recorder.locate()
    types = [returned.type] if returned is not None else []
    arguments = [recorder.scopes.here(v) for v in scope.arguments]
    scope.call = recorder.emit("prim::CallMethod", arguments, types, {"name": "forward"})
    _restore(recorder, before)
    if returned is not None:
        output = scope.call.outputs[0]
        _rebind(recorder, result, output)
        recorder.name_result(output)
    return result


def module_value(recorder: Recorder, module: nn.Module) -> Value | None:
    """The value of a module in the current graph; None for one outside of the traced module."""
    if module not in recorder.tree:
        return None
    path = recorder.tree.path_of(module)
    places = [p for p, m in recorder.tree.modules.items() if m is module] if len(path) > 1 else [path]
    for scope in reversed(recorder.scopes.stack):
        for place in places:
            if scope.contains(place):
                return recorder.scopes.here(scope.module_at(place, recorder.tree))
    return None


_signatures: weakref.WeakKeyDictionary[Any, inspect.Signature | None] = weakref.WeakKeyDictionary()


def _signature(function: Any) -> tuple[inspect.Signature | None, bool]:
    """The signature of a function, and whether its first parameter is the object that the function is bound to.

    Kept by the function below a bound method, which would keep its module alive.
    """
    below = function.__func__ if isinstance(function, MethodType) else function
    try:
        known = _signatures[below]
    except (KeyError, TypeError):
        try:
            known = inspect.signature(below)
        except (TypeError, ValueError):
            known = None
        with contextlib.suppress(TypeError):  # of C, to which there are no weak references
            _signatures[below] = known
    return known, below is not function


def named_arguments(
    function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], *, skip_self: bool = False
) -> Iterator[tuple[str, Any]]:
    """The arguments of a call under the names of the function's parameters."""
    signature, is_bound = _signature(function)
    names: list[str] = []
    star: str | None = None
    if signature is not None:
        for parameter in signature.parameters.values():
            if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
                star = parameter.name
                break
            if parameter.kind in (
                inspect.Parameter.POSITIONAL_ONLY,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
            ):
                names.append(parameter.name)
        if skip_self or is_bound:
            names = names[1:]
    for i, arg in enumerate(args):
        if i < len(names):
            yield names[i], arg
        elif star is not None:
            yield f"{star}_{i - len(names)}", arg
        else:
            yield f"argument_{i + 1}", arg
    yield from kwargs.items()


_Before = dict[int, "tuple[torch.Tensor, _Entry | None]"]


def _bind_arguments(
    recorder: Recorder, scope: Scope, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> _Before:
    """Parameters for the tensors among the arguments, and for structures of nothing but tensors.

    All else is a constant of this call, or reaches its graph when it is first read there.
    """
    before: _Before = {}
    for name, obj in named_arguments(type(module).forward, args, kwargs, skip_self=True):
        if not structures.is_tensors_only(obj):
            continue
        tensors = structures.tensors_in(obj)
        if all(id(t) in before for t in tensors):
            continue
        inner = recorder.scopes.stack.pop()
        outside = structures.build(recorder, obj)
        recorder.scopes.stack.append(inner)
        for tensor in tensors:
            before.setdefault(id(tensor), (tensor, recorder.entry(tensor)))
        parameter = scope.add_parameter(outside, outside.type, name)
        structures.bind(recorder, obj, parameter)
    return before


def _restore(recorder: Recorder, before: _Before) -> None:
    for tensor, entry in before.values():
        recorder.set_entry(tensor, entry)


def _result(recorder: Recorder, result: Any) -> Value | None:
    """What the call's graph returns; None where it holds what no graph can."""
    if result is None:
        return None
    try:
        structures.type_of(result)
    except structures.NotRepresentable:
        return None
    if not structures.tensors_in(result) and not isinstance(result, TracedNumber):
        return None
    return structures.build(recorder, result)


def _rebind(recorder: Recorder, result: Any, output: Value) -> None:
    if isinstance(result, torch.Tensor):
        if not recorder.is_attribute(result):
            recorder.bind(result, output)
    else:
        structures.bind(recorder, result, output)


# --- Compiled code --------------------------------------------------------------------------------------


def _schema_arguments(
    recorder: Recorder, function: Function, args: tuple[Any, ...], kwargs: dict[str, Any], *, skip_self: bool
) -> list[Value]:
    given = dict(kwargs)
    values: list[Value] = []
    positional = list(args)
    for argument in function.schema.arguments[1 if skip_self else 0 :]:
        if positional:
            obj = positional.pop(0)
        elif argument.name in given:
            obj = given.pop(argument.name)
        elif argument.has_default:
            obj = argument.default
        else:
            raise TracingError(
                f"{function.qualified_name}() is called without its argument '{argument.name}'."
            )
        values.append(_argument(recorder, obj, argument.type))
    return values


def _argument(recorder: Recorder, obj: Any, type: T.Type) -> Value:
    if isinstance(obj, dict) or (isinstance(obj, tuple) and not isinstance(type, T.ListType)):
        return structures.build(recorder, obj)
    return value_for(recorder, obj, type)


def _run_unrecorded(run: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    with state.paused():
        return run(*map(without_history, args), **{k: without_history(v) for k, v in kwargs.items()})


def _returned(recorder: Recorder, result: Any, function: Function) -> list[T.Type]:
    if isinstance(result, torch.Tensor):
        return [info_type(result)]
    return [function.schema.return_type]


def call_script_function(
    recorder: Recorder,
    function: Function,
    run: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Record the call of a compiled function as a call, which keeps its control flow."""
    recorder.locate()
    values = _schema_arguments(recorder, function, args, kwargs, skip_self=False)
    attributes = {"name": function.name, "function": function}
    callee = recorder.emit("prim::Constant", (), (T.FUNCTION,), attributes).output
    result = _run_unrecorded(run, args, kwargs)
    types = _returned(recorder, result, function)
    node = recorder.emit("prim::CallFunction", [callee, *values], types, {"function": function})
    recorder.name_result(node.output)
    return structures.follow(recorder, result, node.output)


def call_script_method(
    recorder: Recorder,
    module: nn.Module,
    function: Function,
    run: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Record the call of a method of a compiled module; `run` takes the arguments without the module."""
    recorder.locate()
    owner = module_value(recorder, module)
    if owner is None:
        key = id(module), function.name
        known = recorder.outside_methods.get(key)
        if known is None:
            known = recorder.outside_methods[key] = module, as_function(module, function.name)
        return call_script_function(recorder, known[1], run, args, kwargs)
    values = _schema_arguments(recorder, function, args, kwargs, skip_self=True)
    result = _run_unrecorded(run, args, kwargs)
    types = _returned(recorder, result, function)
    node = recorder.emit("prim::CallMethod", [owner, *values], types, {"name": function.name})
    recorder.name_result(node.output)
    return structures.follow(recorder, result, node.output)

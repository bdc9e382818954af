"""What a traced run does with autograd.

torch.autograd.grad(y, x)        aten::grad, which the trace runs when it is called
y.backward(), x.grad             aten::backward, prim::grad
with torch.no_grad():            results are detached (`calls.py`)
with torch.enable_grad():        prim::Enter and prim::Exit around what is recorded in it
x.requires_grad = True           aten::requires_grad_
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from typing import Any

import torch
from torch.autograd import grad_mode

from .. import types as T
from ..ir import Value
from ..operators.dispatcher import schema_of
from . import state
from .recorder import Recorder, info_type

_GRADIENTS = T.ListType(T.OptionalType(T.TENSOR))


# --- Modes ----------------------------------------------------------------------------------------------


def set_grad_enabled(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`torch._C._set_grad_enabled`, which `no_grad`, `enable_grad` and `set_grad_enabled` call."""
    manager, method = _manager()
    if manager is not None and id(manager) in recorder.grad_modes:
        if method == "__exit__":
            _, entered = recorder.grad_modes.pop(id(manager))
            recorder.locate()
            if recorder.scopes.owner(entered) is not recorder.scopes.current:
                _leave_elsewhere(recorder, entered)
            else:
                nones = [recorder.constant(None, T.NONE) for _ in range(3)]
                recorder.emit("prim::Exit", [entered, *nones], [T.NONE])
    elif args[0] and method == "__enter__" and not recorder.keeps_gradients:
        recorder.locate()
        entered = recorder.emit("prim::CreateObject", [], [_enable_grad()]).output
        recorder.emit("prim::Enter", [entered], [T.NONE])
        recorder.grad_modes[id(manager)] = manager, entered
    recorder.grad_off = recorder.grad_was_on and not args[0] and not recorder.keeps_gradients
    return func(*args, **kwargs)


def _leave_elsewhere(recorder: Recorder, entered: Value) -> None:
    """End, in one call of a module, what began in another: by operators, as a `with` cannot."""
    created = entered.node
    assert created is not None
    block = created.block
    nodes, at = block.nodes, block.nodes.index(created)
    ((enter, _),) = entered.users
    end = len(nodes)
    before = block.add(
        "aten::is_grad_enabled", (), (T.BOOL,), None, created.source, schema_of("aten::is_grad_enabled")
    ).output
    switch = schema_of("aten::set_grad_enabled")
    block.add("aten::set_grad_enabled", (block.constant(True, T.BOOL),), (), None, created.source, switch)
    moved = nodes[end:]
    del nodes[end:]
    nodes[at:at] = moved
    enter.detach()
    created.detach()
    recorder.call_operator("aten::set_grad_enabled", [recorder.scopes.here(before)], [])


@functools.cache
def _enable_grad() -> T.ClassType:
    from ..frontend.program import Program

    return Program().gradient_mode("enable_grad")


def _manager() -> tuple[Any, str]:
    """The context manager of torch that switches now, and which of its methods runs."""
    found: tuple[Any, str] = None, ""
    frame: Any = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_filename == grad_mode.__file__:
            found = frame.f_locals.get("self"), frame.f_code.co_name
        elif found[0] is not None:
            break
        frame = frame.f_back
    return found


# --- Gradients ------------------------------------------------------------------------------------------

_GRAD = ("outputs", "inputs", "grad_outputs", "retain_graph", "create_graph", "only_inputs", "allow_unused")
_BACKWARD = ("tensors", "grad_tensors", "retain_graph", "create_graph", "grad_variables", "inputs")


def record_grad(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`torch.autograd.grad(outputs, inputs, …)`."""
    given = {**dict(zip(_GRAD, args, strict=False)), **kwargs}
    materializes = bool(given.pop("materialize_grads", False))
    if materializes:
        given["allow_unused"] = True
    with state.paused():
        results = list(func(**given))
    outputs, inputs = _sequence(given["outputs"]), _sequence(given["inputs"])
    if given.get("is_grads_batched") or not all(isinstance(t, torch.Tensor) for t in (*outputs, *inputs)):
        what = "for batched gradients" if given.get("is_grads_batched") else "of graph edges"
        recorder.diagnostics.outside_tensor(f"torch.autograd.grad {what}")
        return tuple(results)
    recorder.locate()
    arguments = [
        _tensors(recorder, outputs),
        _tensors(recorder, inputs),
        _optional_tensors(recorder, given.get("grad_outputs")),
        given.get("retain_graph"),
        bool(given.get("create_graph")),
        bool(given.get("allow_unused")),
    ]
    gradients = recorder.call_operator("aten::grad", arguments, [_GRADIENTS])[0]
    parts = recorder.emit("prim::ListUnpack", [gradients], [_GRADIENTS.element] * len(inputs)).outputs
    for i, (part, input) in enumerate(zip(parts, inputs, strict=True)):
        result = results[i]
        if result is None and materializes:
            with state.paused():
                results[i] = result = torch.zeros_like(input, requires_grad=bool(given.get("create_graph")))
            value = recorder.call_operator(
                "aten::zeros_like", [recorder.value_of(input)], [info_type(result)]
            )[0]
        elif result is not None:
            value = recorder.call_operator("aten::_unwrap_optional", [part], [info_type(result)])[0]
        else:
            continue
        recorder.bind(result, value)
    return tuple(results)


def record_backward(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`y.backward(…)`, `torch.autograd.backward(tensors, …)`."""
    with state.paused():
        func(*args, **kwargs)
    names = ("tensors", "gradient", *_BACKWARD[2:4], "inputs") if func is torch.Tensor.backward else _BACKWARD
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    if given.get("inputs") is not None:
        recorder.diagnostics.outside_tensor("a backward(inputs=…)")
        return
    recorder.locate()
    tensors = _sequence(given["tensors"])
    gradients = given.get("gradient", given.get("grad_tensors"))
    arguments = [
        _tensors(recorder, tensors),
        _optional_tensors(recorder, gradients),
        given.get("retain_graph"),
        bool(given.get("create_graph")),
    ]
    recorder.call_operator("aten::backward.TensorList", arguments, [])


def record_gradient_of(recorder: Recorder, tensor: torch.Tensor, gradient: torch.Tensor) -> None:
    """`x.grad`."""
    recorder.locate()
    value = recorder.call_operator("prim::grad", [recorder.value_of(tensor)], [info_type(gradient)])[0]
    recorder.bind(gradient, value)


def _sequence(given: Any) -> list[Any]:
    if isinstance(given, dict):
        return list(given.values())
    return list(given) if isinstance(given, tuple | list) else [given]


def _tensors(recorder: Recorder, tensors: Sequence[torch.Tensor]) -> Value:
    values = [recorder.value_of(tensor) for tensor in tensors]
    return recorder.emit("prim::ListConstruct", values, [T.ListType(T.TENSOR)]).output


def _optional_tensors(recorder: Recorder, given: Any) -> Value | None:
    found = _sequence(given)
    if all(tensor is None for tensor in found):
        return None
    values = [recorder.constant(None, T.NONE) if t is None else recorder.value_of(t) for t in found]
    return recorder.emit("prim::ListConstruct", values, [_GRADIENTS]).output

"""Tensors that are made from Python values.

torch.tensor(…), torch.as_tensor(…)    a constant, or what it does to the tensor or the traced numbers it is given
torch.FloatTensor(…), x.new(…)         the constructors of old: of sizes, of a sequence, of a tensor
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from .. import types as T
from . import state, structures
from .calls import operator_schemas, record_call, value_for
from .recorder import Recorder, info_type
from .sizes import TracedNumber, TracedSize, without_history


def is_followed(recorder: Recorder, tensor: Any) -> bool:
    """Whether a tensor is more than a constant."""
    return isinstance(tensor, torch.Tensor) and (
        recorder.known(tensor) is not None or recorder.is_attribute(tensor)
    )


def _traced_numbers_in(obj: Any) -> bool:
    if isinstance(obj, TracedNumber):
        return True
    return isinstance(obj, list | tuple) and any(map(_traced_numbers_in, obj))


def tensor_from(name: str) -> Callable[..., Any]:
    """`torch.tensor`, `torch.as_tensor`, `x.new_tensor`."""

    def handle(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        first = 1 if name == "new_tensor" else 0
        data = args[first] if len(args) > first else kwargs.get("data")
        with state.paused():
            plain_args = tuple(without_history(a) for a in args)
            plain_kwargs = {k: without_history(v) for k, v in kwargs.items()}
            result = func(*plain_args, **plain_kwargs)
        if isinstance(data, torch.Tensor) and is_followed(recorder, data):
            return _tensor_from_tensor(recorder, data, result, copy=name != "as_tensor")
        recorder.locate()
        if _traced_numbers_in(data):
            output = _tensor_from_numbers(recorder, data, result)
            if output is not None:
                recorder.bind(result, output)
                return result
        if structures.tensors_in(data):
            recorder.diagnostics.tensor_from_values(name)
        _copy_of_constant(recorder, result)
        return result

    return handle


def _copy_of_constant(recorder: Recorder, tensor: torch.Tensor) -> None:
    """Each call makes a new tensor, which code may change in place: not the constant itself."""
    constant = recorder.constant(recorder.copy_of(tensor), info_type(tensor))
    value = recorder.call_operator("aten::clone", [constant], [info_type(tensor)])[0]
    if tensor.requires_grad:
        value = recorder.call_operator("aten::requires_grad_", [value, True], [info_type(tensor)])[0]
    recorder.bind(tensor, value)


def new_constant(recorder: Recorder, tensor: torch.Tensor) -> None:
    """Record a tensor that was made of what nobody follows; it may share the memory of a tensor that is known."""
    recorder.locate()
    if recorder.alias_of(tensor) is None:
        _copy_of_constant(recorder, tensor)


def _tensor_from_tensor(recorder: Recorder, data: torch.Tensor, result: torch.Tensor, copy: bool) -> Any:
    if result is data:
        return result
    recorder.locate()
    value = recorder.value_of(data)
    if copy:
        value = recorder.call_operator("aten::clone", [value], [T.TENSOR])[0]
        value = recorder.call_operator("aten::detach", [value], [T.TENSOR])[0]
    if result.dtype != data.dtype or result.device != data.device:
        inputs = [value, result.device, result.dtype]
        value = recorder.call_operator("aten::to.device", inputs, [info_type(result)])[0]
    recorder.bind(result, value)
    return result


def _tensor_from_numbers(recorder: Recorder, data: Any, result: torch.Tensor) -> Any:
    """`torch.tensor([n, 2])` of traced numbers: an operator that makes it from the values at run time."""
    inputs: list[Any] = [None, result.dtype, result.device, False]
    if isinstance(data, TracedNumber):
        inputs[0] = recorder.number(data)
        key = "aten::tensor.int" if isinstance(data, int) else "aten::tensor.float"
        return recorder.call_operator(key, inputs, [info_type(result)])[0]
    if not all(isinstance(e, int | float) and not isinstance(e, bool) for e in data):
        return None
    is_float = any(isinstance(e, float) for e in data)
    element = T.FLOAT if is_float else T.INT
    inputs[0] = value_for(recorder, list(data), T.ListType(element))
    return recorder.call_operator("aten::tensor", inputs, [info_type(result)])[0]


# --- The constructors of old ----------------------------------------------------------------------------


def made_by_new(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`x.new(…)`."""
    with state.paused():
        dtype, device = args[0].dtype, args[0].device
    return constructed(recorder, lambda *rest: func(args[0], *rest, **kwargs), dtype, device, args[1:])


def constructed(
    recorder: Recorder,
    construct: Callable[..., torch.Tensor],
    dtype: torch.dtype,
    device: torch.device,
    args: tuple[Any, ...],
) -> torch.Tensor:
    """`torch.FloatTensor(…)` and its like: of sizes, of a sequence of values, or of another tensor."""
    first = args[0] if args else ()
    is_size = isinstance(first, TracedSize) or type(first) is torch.Size
    if is_size or not args or all(isinstance(arg, int) for arg in args):
        recorder.locate()
        sizes = list(first) if is_size else list(args) or [0]
        schemas = tuple(s for s in operator_schemas("aten::empty") if s.overload == "memory_format")

        def run() -> torch.Tensor:
            with state.paused():
                return construct(*map(without_history, args))

        return record_call(  # type: ignore[no-any-return]
            recorder, "aten::empty", schemas, [sizes], {"dtype": dtype, "device": device}, run
        )
    if isinstance(first, torch.Tensor):
        with state.paused():
            result = construct(*args)
        if is_followed(recorder, first):
            recorder.locate()
            output = recorder.call_operator("aten::alias", [recorder.value_of(first)], [info_type(result)])
            recorder.bind(result, output[0])
        return result
    make = tensor_from("tensor")
    return make(recorder, construct, args[:1], {})  # type: ignore[no-any-return]

"""Indexing: `x[…]` and `x[…] = y`, step by step as PyTorch takes it apart.

x[0, 1:, None, mask]    %1 = aten::select(%x, 0, 0)      an int
                        %2 = aten::slice(%1, 0, 1, …)    a slice
                        %3 = aten::unsqueeze(%2, 1)      None
                        %4 = aten::index(%3, [None, None, %mask])
x[0] = y                %1 = aten::select(%x, 0, 0)
                        %2 = aten::copy_(%1, %y, False)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from .. import types as T
from ..ir import Value
from . import state
from .calls import below_gradients, value_for
from .recorder import Recorder, info_type
from .sizes import TracedNumber, plain, without_history

_END = 9223372036854775807


@dataclass
class _View:
    """What has been taken of a tensor so far: the value, its dimensions, the tensors that index them."""

    value: Value
    dims: int
    at: int = 0  # the dimension that the next index is for
    indices: dict[int, Value] = field(default_factory=dict)


def record_getitem(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`x[index]`."""
    tensor, index = args
    recorder.locate()
    view = _view(recorder, tensor, index)
    with state.paused():
        result = func(tensor, without_history(index))
    start = recorder.value_of(tensor)
    if view.indices:
        output = recorder.call_operator(
            "aten::index.Tensor", [view.value, _indices(recorder, view)], [info_type(result)]
        )[0]
    elif view.value is start:
        output = recorder.call_operator("aten::alias", [start], [info_type(result)])[0]
    else:
        output = view.value
        output.type = info_type(result)
    if recorder.grad_off:
        output = recorder.call_operator("aten::detach", [output], [info_type(result)])[0]
    recorder.bind(result, output)
    recorder.name_result(output)
    return result


def record_setitem(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """`x[index] = value`."""
    tensor, index, given = args
    recorder.locate()
    view = _view(recorder, tensor, index, written=True)
    with state.paused():
        func(tensor, without_history(index), without_history(given))
        shape = tensor[without_history(index)].shape if not view.indices else None
    if not isinstance(given, torch.Tensor):
        if isinstance(given, list | tuple) or not isinstance(given, int | float | complex):
            given = recorder.copy_of(torch.as_tensor(given, dtype=tensor.dtype, device=tensor.device))
    if isinstance(given, torch.Tensor):
        value = recorder.value_of(given)
    elif view.indices:
        value = _as_tensor(recorder, given, tensor)
    else:
        number = value_for(recorder, given, T.NUMBER)
        recorder.call_operator("aten::fill_.Scalar", [view.value, number])
        return
    if view.indices:
        recorder.call_operator("aten::index_put_", [view.value, _indices(recorder, view), value, False])
        return
    # Leading dimensions of size one are dropped, which copy_ does not do.
    assert shape is not None
    for _ in range(max(0, given.dim() - len(shape))):
        value = recorder.call_operator("aten::select.int", [value, 0, 0])[0]
    recorder.call_operator("aten::copy_", [view.value, value, False])


def _as_tensor(recorder: Recorder, number: Any, like: torch.Tensor) -> Value:
    if isinstance(number, TracedNumber):
        inputs = [recorder.number(number), like.dtype, None, like.device]
        return recorder.call_operator("aten::scalar_tensor", inputs)[0]
    with state.paused():
        constant = torch.tensor(plain(number), dtype=like.dtype, device=like.device)
    return recorder.constant(constant, info_type(constant))


def _indices(recorder: Recorder, view: _View) -> Value:
    values = []
    for dim in range(max(view.indices) + 1):
        found = view.indices.get(dim)
        values.append(found if found is not None else recorder.constant(None, T.NONE))
    type = T.ListType(T.optional(T.TENSOR) if len(view.indices) < len(values) else T.TENSOR)
    return recorder.emit("prim::ListConstruct", values, [type]).output


def _parts(index: Any) -> list[Any]:
    """The indices for each dimension. A list is a tuple to Python's eyes only where it holds no plain
    sequence of ints.
    """
    if isinstance(index, tuple):
        return list(index)
    if isinstance(index, list) and len(index) < 32:
        if any(isinstance(e, slice | torch.Tensor | list | tuple) or e is None or e is ... for e in index):
            return list(index)
    return [index]


def _dims_taken(part: Any) -> int:
    if part is None or part is ... or isinstance(part, bool):
        return 0
    if isinstance(part, torch.Tensor) and part.dtype in (torch.bool, torch.uint8):
        return part.dim()
    return 1


def _view(recorder: Recorder, tensor: torch.Tensor, index: Any, *, written: bool = False) -> _View:
    """Record the part of indexing that makes views, and collect the tensors that index the rest."""
    with state.paused():
        dims = tensor.dim()
    value = recorder.value_of(tensor)
    view = _View(below_gradients(recorder, value, tensor) if written else value, dims)
    parts = [_normal(part) for part in _parts(index)]
    with state.paused():
        taken = sum(map(_dims_taken, parts))
    rest = dims - taken
    for part in parts:
        if part is ...:
            view.at += rest
        elif part is None:
            _step(recorder, view, "aten::unsqueeze", [view.at])
            view.at += 1
        elif isinstance(part, bool):
            _step(recorder, view, "aten::unsqueeze", [view.at])
            with state.paused():
                constant = torch.zeros(1 if part else 0, dtype=torch.int64, device=tensor.device)
            view.indices[view.at] = recorder.constant(constant, info_type(constant))
            view.at += 1
        elif isinstance(part, int):
            _step(recorder, view, "aten::select.int", [view.at, _int(recorder, part)])
        elif isinstance(part, slice):
            start = 0 if part.start is None else _int(recorder, part.start)
            stop = _END if part.stop is None else _int(recorder, part.stop)
            step = 1 if part.step is None else _int(recorder, part.step)
            _step(recorder, view, "aten::slice.Tensor", [view.at, start, stop, step])
            view.at += 1
        else:
            _tensor_index(recorder, view, part)
    return view


def _tensor_index(recorder: Recorder, view: _View, part: torch.Tensor) -> None:
    value = recorder.value_of(part)
    with state.paused():
        is_mask, dims = part.dtype in (torch.bool, torch.uint8), part.dim()
        is_int = not is_mask and dims == 0
    if is_int:  # a view, as for an int
        number = recorder.call_language("aten::IntImplicit", [value], T.INT)
        _step(recorder, view, "aten::select.int", [view.at, number])
        return
    if is_mask and dims == 0:
        _step(recorder, view, "aten::unsqueeze", [view.at])
        value = recorder.call_operator("aten::unsqueeze", [value, 0])[0]
        dims = 1
    view.indices[view.at] = value
    view.at += dims if is_mask else 1


def _normal(part: Any) -> Any:
    if part is None or part is ... or isinstance(part, int | slice | torch.Tensor):
        return part
    with state.paused():
        if isinstance(part, list | tuple | range):
            return torch.tensor([plain(e) for e in part] if not _nested(part) else part)
        if getattr(part, "ndim", 0) == 0 and hasattr(part, "__index__"):
            return part.__index__()
        return torch.as_tensor(part.copy() if hasattr(part, "copy") else part)


def _nested(part: Any) -> bool:
    return any(isinstance(e, list | tuple | torch.Tensor) for e in part)


def _step(recorder: Recorder, view: _View, key: str, rest: list[Any]) -> None:
    view.value = recorder.call_operator(key, [view.value, *rest])[0]


def _int(recorder: Recorder, number: Any) -> Any:
    """An int of an index: a value where it is traced or a tensor."""
    if isinstance(number, torch.Tensor):
        return recorder.call_language("aten::IntImplicit", [recorder.value_of(number)], T.INT)
    if isinstance(number, TracedNumber):
        return recorder.number(number)
    return number.__index__()

"""The results of `split`, `unbind`, `chunk`: tuples that know the list they were recorded as.

    x.split(2)[0]          %3 : Tensor[] = aten::split(%x, %1, %2)
                           %4 : Tensor = aten::__getitem__(%3, %0)
    torch.cat(x.split(2))  %4 : Tensor = aten::cat(%3, %0)

So a trace holds for inputs that fall into another number of pieces. What takes all of them (`a, b = x.split(2)`, a loop) is
recorded as `prim::ListUnpack`, which raises for another number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, SupportsIndex, overload

import torch
from torch.utils import _pytree as pytree

from .. import types as T
from . import state
from .sizes import traced

if TYPE_CHECKING:
    from ..ir import Value
    from .recorder import Recorder

_TENSORS = T.ListType(T.TENSOR)


class Pieces(tuple[torch.Tensor, ...]):
    """Tensors, each bound to its output of a `prim::ListUnpack` already, and the list, while its graph is recorded."""

    _ts_recorder: Recorder | None
    _ts_value: Value

    @staticmethod
    def of(recorder: Recorder, tensors: tuple[torch.Tensor, ...], value: Value) -> Pieces:
        made = Pieces(tensors)
        made._ts_recorder, made._ts_value = recorder, value
        return made

    @overload
    def __getitem__(self, index: SupportsIndex, /) -> torch.Tensor: ...
    @overload
    def __getitem__(self, index: slice, /) -> tuple[torch.Tensor, ...]: ...
    def __getitem__(self, index: Any, /) -> Any:
        found = super().__getitem__(index)
        recorder = state.current()
        if type(index) is int and recorder is not None and (value := list_of(recorder, self)) is not None:
            known = recorder.known(found)
            if known is not None and known.node is not None and known.node.kind == "prim::ListUnpack":
                recorder.locate()
                place = recorder.constant(index, T.INT)
                piece = recorder.call_language("aten::__getitem__", [value, place], T.TENSOR)
                piece.type = known.type
                recorder.bind(found, piece)
        return found

    def __reduce__(self) -> Any:
        return tuple, (list(self),)


pytree.register_pytree_node(Pieces, lambda pieces: (list(pieces), None), lambda parts, _: tuple(parts))


def list_of(recorder: Recorder, obj: Any) -> Value | None:
    """The list that pieces were recorded as, where it is a value of the current graph."""
    if type(obj) is not Pieces or getattr(obj, "_ts_recorder", None) is not recorder:
        return None
    value = obj._ts_value
    return value if recorder.scopes.owner(value) is recorder.scopes.current else None


def number_of(recorder: Recorder, pieces: Pieces, value: Value) -> Any:
    """`len(pieces)`."""
    recorder.locate()
    return traced(recorder, tuple.__len__(pieces), recorder.call_language("aten::len", [value], T.INT))


def with_list(recorder: Recorder, result: Any, value: Value) -> Any:
    """The result of an operator, which may be asked for its pieces."""
    if type(result) is not tuple or value.type != _TENSORS or recorder.force_outplace or recorder.grad_off:
        return result
    return Pieces.of(recorder, result, value)

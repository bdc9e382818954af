"""Adaptive pooling to a size with None in it: that dimension keeps the input's size."""

from __future__ import annotations

import torch.nn.functional as F

from .. import types as T
from . import function_calls
from .emitter import Emitter
from .values import Dynamic, Sequence, Val, type_of


def sizes(e: Emitter, x: Val, wanted: Val) -> Val:
    """`wanted` with the size of `x` in place of each None."""
    from . import loops

    type = type_of(wanted)
    if not isinstance(type, T.TupleType) or T.NONE not in type.elements:
        return wanted
    items = loops.static_items(e, wanted) or []
    found: list[Val] = []
    for index, item in enumerate(items):
        dim = e.static(index - len(items))
        own = isinstance(type_of(item), T.NoneType)
        found.append(Dynamic(e.call("aten::size", [x, dim])) if own else item)
    return Sequence(found)


def adaptive_pool(e: Emitter, function: object, positional: list[Val], named: dict[str, Val]) -> Val:
    names = ("input", "output_size")
    arguments = {**dict(zip(names, positional, strict=False)), **named}
    if set(arguments) == set(names):
        arguments["output_size"] = sizes(e, arguments["input"], arguments["output_size"])
        return function_calls.call_function(e, function, [arguments[n] for n in names], {})
    return function_calls.call_function(e, function, positional, named)


ADAPTIVE = (F.adaptive_avg_pool2d, F.adaptive_avg_pool3d)
__all__ = ["ADAPTIVE", "adaptive_pool", "sizes"]

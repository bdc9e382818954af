"""Tuples whose length only a run tells, as results: `return tuple(xs)`.

The IR has no such type: `tuple(xs)` is a list of its own there, and in archives. What a function returns is noted in its
schema (`T.RunTimeTupleType`), so that Python gets the tuple that it gets in eager mode (`set_values.py`).
"""

from __future__ import annotations

from .. import types as T
from ..ir.graph import Value
from .emitter import Emitter
from .pending import settled
from .values import Dynamic, Val


def run_time_tuple(e: Emitter, val: Val) -> Val:
    """Note that a list stands for a tuple."""
    if isinstance(val, Dynamic) and isinstance(val.value.type, T.ListType):
        e.program.run_time_tuples[id(val.value)] = val.value
    return val


def type_of_result(e: Emitter, value: Value) -> T.Type:
    """The type of a returned value, with tuples for the lists that stand for some."""
    if id(value) in e.program.run_time_tuples:
        type = settled(value.type)
        assert isinstance(type, T.ListType)
        return T.RunTimeTupleType(type.element)
    node = value.node
    if node is None:
        return value.type
    own = value.type
    if node.kind == "prim::TupleConstruct" and isinstance(own, T.TupleType):
        if not isinstance(own, T.NamedTupleType):
            return T.TupleType(tuple(type_of_result(e, v) for v in node.inputs))
    if node.kind == "prim::If" and isinstance(own, T.ListType):
        index = next(i for i, v in enumerate(node.outputs) if v is value)
        sides = [type_of_result(e, block.outputs[index]) for block in node.blocks]
        tuples = [isinstance(side, T.RunTimeTupleType) for side in sides]
        if all(tuples):
            return sides[0]
        if any(tuples):
            raise e.unsupported(
                "What is returned is a tuple of unknown length on one path and a list on the other.", None,
                "Return a list on both: leave out tuple().",
            )  # fmt: skip
    return own

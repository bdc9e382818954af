"""Tuples whose length only a run tells: `tuple(xs)`, and the columns that `zip(*rows)` gives.

The IR has no such type: `tuple(xs)` is a list of its own there, and in archives. What a function takes and returns is
noted in its schema (`T.RunTimeTupleType`), so that Python gets the tuple that it gets in eager mode (`set_values.py`).
Where a program sees the difference (`str(t)`, `isinstance(t, tuple)`, `t == [1]`), `is_tuple` tells it.
"""

from __future__ import annotations

from .. import types as T
from ..ir.graph import Node, Value
from ..set_values import holds_sets
from .emitter import Emitter
from .pending import settled
from .values import Dynamic, Sequence, Val


def run_time_tuple(e: Emitter, val: Val) -> Val:
    """Note that a list stands for a tuple."""
    if isinstance(val, Dynamic) and isinstance(val.value.type, T.ListType):
        e.program.run_time_tuples[id(val.value)] = val.value
    return val


def as_list(e: Emitter, part: Value) -> Value:
    """What a starred name takes of a tuple: a list."""
    return e.call("aten::list", [Dynamic(part)]) if is_tuple(e, part) else part


def is_tuple(e: Emitter, value: Value) -> bool:
    """Whether a list stands for a tuple; an error where it does so on one path only."""
    return isinstance(value.type, T.ListType) and isinstance(type_of_result(e, value), T.RunTimeTupleType)


def stands_for_tuple(e: Emitter, val: Val) -> bool:
    """`is_tuple` of any value."""
    return isinstance(val, Dynamic) and is_tuple(e, val.value)


def is_size(e: Emitter, val: Val) -> bool:
    """Whether this is a torch.Size, which is a tuple in Python and a list in the IR: `x.shape`, `x.shape[1:] + y.shape`."""
    return isinstance(val, Dynamic) and isinstance(val.type, T.ListType) and _is_size(e, val.value)


def _is_size(e: Emitter, value: Value) -> bool:
    node = value.node
    if node is None:  # a loop's variable is first what it was before
        owner = value.block.owner if value.block is not None else None
        is_carried = owner is not None and owner.kind == "prim::Loop" and value.offset > 0
        return owner is not None and is_carried and _is_size(e, owner.inputs[value.offset + 1])
    if node.kind in ("aten::slice", "aten::add"):
        return _is_size(e, node.inputs[0])
    if node.kind == "prim::Loop":
        return _is_size(e, node.inputs[value.offset + 2])
    return node.kind == "aten::size" or id(value) in e.program.sizes


def is_tuple_in_python(e: Emitter, val: Val) -> bool:
    """Whether a list of the IR is certainly a tuple in Python."""
    return is_size(e, val) or stands_for_tuple(e, val)


def is_surely_list(val: Val) -> bool:
    """Whether a list of the IR that is not known as a tuple is certainly none."""
    if isinstance(val, Sequence):
        return val.is_list
    value = val.value if isinstance(val, Dynamic) else None
    if value is None or value.node is None:
        return value is not None and value.block is not None and value.block.owner is None  # a parameter
    return value.node.kind in ("prim::ListConstruct", "aten::sorted", "aten::tolist")


class _Search:
    """One look through a graph for what stands for a tuple.

    `within` are the values that are being looked at: `rows.append(rows[0])` says nothing of the rows. `answers` has
    what is known of others, since many paths lead to one value. `cuts` counts what was left out because it is `within`:
    an answer that lacks something holds for this path only.
    """

    __slots__ = ("answers", "cuts", "within")

    def __init__(self) -> None:
        self.within: list[Value] = []
        self.answers: dict[Value, T.Type] = {}
        self.cuts = 0


def type_of_result(e: Emitter, value: Value, search: _Search | None = None) -> T.Type:
    """The type of a returned value, with tuples for the lists that stand for some."""
    search = search or _Search()
    known = search.answers.get(value)
    if known is not None:
        return known
    if value in search.within:
        search.cuts += 1
        return value.type
    cuts = search.cuts
    search.within.append(value)
    found = _looked_up(e, value, search)
    search.within.pop()
    if search.cuts == cuts:
        search.answers[value] = found
    return found


def _looked_up(e: Emitter, value: Value, search: _Search) -> T.Type:
    own = value.type
    if id(value) in e.program.run_time_tuples:
        type = settled(own)
        assert isinstance(type, T.ListType)
        return T.RunTimeTupleType(_common(e, search, type.element))
    node = value.node
    if not may_hold_a_tuple(own):
        return own
    if node is None:  # a loop's variable is first what it was before
        owner = value.block.owner if value.block is not None else None
        if owner is None or owner.kind != "prim::Loop" or value.offset == 0:
            return own
        return type_of_result(e, owner.inputs[value.offset + 1], search)
    if node.kind == "prim::TupleConstruct" and isinstance(own, T.TupleType):
        if not isinstance(own, T.NamedTupleType):
            return T.TupleType(tuple(type_of_result(e, v, search) for v in node.inputs))
    if (
        node.kind in _TUPLES_OF_TENSORS and isinstance(own, T.ListType) and own.element == T.TENSOR
    ):  # `s.split()` is none
        return T.RunTimeTupleType(own.element)
    if node.kind == "prim::If":
        return _of_sides(e, node, value, search)
    if node.kind == "prim::Loop":
        body = node.blocks[0]
        before, after = node.inputs[value.offset + 2], body.outputs[value.offset + 1]
        return _of_paths(e, value, [type_of_result(e, v, search) for v in (before, after)])
    whole = settled(own)
    if node.kind in _OF_PARTS and isinstance(whole, T.ListType):
        sides = [type_of_result(e, v, search) for v in node.inputs if isinstance(v.type, T.ListType)]
        return next((side for side in sides if isinstance(side, T.RunTimeTupleType)), own)
    if node.kind in ("aten::__getitem__", "prim::ListUnpack"):
        container = type_of_result(e, node.inputs[0], search)
        if isinstance(container, T.ListType | T.DictType):
            return container.contained[-1]
    if isinstance(whole, T.ListType):
        return T.ListType(_common(e, search, whole.element))
    if isinstance(whole, T.DictType):
        return T.DictType(whole.key, _common(e, search, whole.value))
    return own


_TUPLES_OF_TENSORS = frozenset(
    f"aten::{name}"
    for name in (
        "split", "split_with_sizes", "chunk", "unbind", "tensor_split", "hsplit", "vsplit", "dsplit", "unsafe_split",
        "unsafe_split_with_sizes", "unsafe_chunk", "meshgrid", "broadcast_tensors", "nonzero_numpy",
    )
)  # fmt: skip
"""Operators that return a list, for functions of PyTorch that return a tuple."""

_OF_PARTS = ("aten::slice", "aten::add", "aten::mul")  # of lists


def may_hold_a_tuple(type: T.Type | None) -> bool:
    return type is not None and any(isinstance(t, T.ListType) for t in settled(type).walk())


def _held(value: Value) -> list[Value]:
    """What is put into a list or dict, as far as that can be seen where it is made."""
    node = value.node
    held: list[Value] = []
    if node is not None and node.kind == "prim::ListConstruct":
        held += node.inputs
    elif node is not None and node.kind == "prim::DictConstruct":
        held += node.inputs[1::2]
    elif node is not None and node.kind == "aten::list":
        held += _held(node.inputs[0])
    for user, index in value.users:
        place = _PUT.get(user.kind)
        if place is not None and index == 0:
            held.append(user.inputs[place])
    return held


_PUT = {
    "aten::append": 1,
    "aten::insert": 2,
    "aten::_set_item": 2,
}  # and where what is put stands among the inputs


def _common(e: Emitter, search: _Search, declared: T.Type) -> T.Type:
    """The type of what a container, the last that is looked at, holds: with tuples, if all that is put in is one."""
    held = _held(search.within[-1])
    others = [v for v in held if not _is_item_of(v, search.within)]
    search.cuts += len(held) - len(others)
    types = [type_of_result(e, v, search) for v in others]
    return types[0] if types and all(t == types[0] for t in types) and holds_sets(types[0]) else declared


def _is_item_of(value: Value, containers: list[Value]) -> bool:
    node = value.node
    return node is not None and node.kind == "aten::__getitem__" and node.inputs[0] in containers


def _of_sides(e: Emitter, node: Node, value: Value, search: _Search) -> T.Type:
    index = next(i for i, v in enumerate(node.outputs) if v is value)
    return _of_paths(e, value, [type_of_result(e, block.outputs[index], search) for block in node.blocks])


def _of_paths(e: Emitter, value: Value, sides: list[T.Type]) -> T.Type:
    tuples = [isinstance(side, T.RunTimeTupleType) for side in sides]
    if all(tuples):
        return sides[0]
    if isinstance(value.type, T.OptionalType):
        some = [side for side in sides if not isinstance(side, T.NoneType)]
        return T.optional(some[0]) if len(some) == 1 and any(tuples) else value.type
    if any(tuples):
        raise e.unsupported(
            "This is a tuple of unknown length on one path and a list on the other.", None,
            "Make it a list on both: leave out tuple().",
        )  # fmt: skip
    return value.type

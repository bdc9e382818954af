"""Elements of lists that can be read where they lie, without a count of references.

    row = rows[i]            const List<int64_t>& row = ts::item(rows, i);
    x = row[j]          →    const int64_t x = lang::__getitem___(row, j);

That holds while nobody changes a list of that type: up to the last reader, in the same block, nothing may write one,
call other code, or branch.
"""

from __future__ import annotations

from ... import types as T
from ...ir.graph import Node
from .operators import schema_of
from .problems import Problem
from .types import is_heavy


def is_borrowed(node: Node) -> bool:
    """Whether the result of `aten::__getitem__` on a list can be a reference to the element."""
    value, source = node.output, node.inputs[0]
    if not is_heavy(value.type) or isinstance(value.type, T.OptionalType | T.UnionType) or not value.users:
        return False
    if not isinstance(source.type, T.ListType) or str(source.type.element) != str(value.type):
        return False
    block = node.block
    users = {user for user, _ in value.users}
    if any(user.block is not block or user is block.return_node for user in users):
        return False
    start = block.nodes.index(node)
    for following in block.nodes[start + 1 :]:
        if not _keeps_lists(following, str(source.type), value in following.inputs):
            return False
        users.discard(following)
        if not users:
            return True
    return False


def _keeps_lists(node: Node, type: str, reads: bool) -> bool:
    """Whether a node changes no list of that type, and (if it reads the element) makes no other name for it."""
    if node.kind == "prim::Constant":
        return True
    if node.blocks or node.kind.startswith("prim::"):
        return False
    try:
        schema = schema_of(node)
    except Problem:
        return False
    for argument, value in zip(schema.arguments, node.inputs, strict=False):
        if argument.is_write and str(value.type) == type:
            return False
    return not reads or node.kind in _READERS


_READERS = frozenset({"aten::__getitem__", "aten::_set_item", "aten::len", "aten::__contains__"})

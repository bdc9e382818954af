"""Build a list at once that is made and then appended to, where nobody sees it in between.

    %l : Tensor[] = prim::ListConstruct(%x)
    %1 : Tensor[] = aten::append(%l, %y)         →    %l : Tensor[] = prim::ListConstruct(%x, %y)
    %c : Tensor = aten::cat(%l, %zero)                %c : Tensor = aten::cat(%l, %zero)

Also `extend` by a list that is known, and `l[0] = x`. Only in one block: a list that grows in a loop stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .. import types as T
from ..ir.graph import Block, Graph, Node, Value
from .constants import constant_int


def remove_list_mutation(graph: Graph) -> bool:
    """Make lists that grow step by step at once; True if there was one."""
    return _visit(graph.block)


def _visit(block: Block) -> bool:
    changed = False
    for node in list(block.nodes):
        for inner in node.blocks:
            changed |= _visit(inner)
        if (
            node.kind == "prim::ListConstruct"
            and isinstance(node.output.type, T.ListType)
            and node.output.users
        ):
            changed |= _build_at_once(node)
    return changed


def _build_at_once(node: Node) -> bool:
    """Take the writes to a new list into its making, as far as they come before anything that keeps the list."""
    changed = False
    made: Node | None = node
    while made is not None:
        made = _with_next_write(made)
        changed |= made is not None
    return changed


def _with_next_write(node: Node) -> Node | None:
    """The list as the first write to it leaves it, in the place of that write; None where that is not possible."""
    block, value = node.block, node.output
    users = {user for user, _ in value.users}
    if not any(user.schema is not None and user.schema.is_mutable for user in users):
        return None
    for position in range(block.nodes.index(node) + 1, len(block.nodes)):
        later = block.nodes[position]
        if later not in users:
            if later.blocks and any(inner in users for inner in later.all_nodes()):
                return None
            continue
        write = _WRITES.get(later.kind)
        if write is None or later.inputs[0] is not value:
            if later.blocks or not _only_reads(later, value):
                return None
            continue
        elements = write(node.inputs, later.inputs[1:])
        if elements is None or value in later.inputs[1:]:
            return None
        new = Node("prim::ListConstruct", elements, [value.type], {}, later.source)
        new.block = block
        new.output.name = value.name
        for output in later.outputs:
            output.replace_all_uses_with(new.output)
        later.release()
        block.nodes[position] = new
        _replace_after(value, new)
        return new
    return None


def _replace_after(value: Value, new: Node) -> None:
    block = new.block
    later = set(block.nodes[block.nodes.index(new) + 1 :]) | {block.return_node}
    for user, index in list(value.users):
        place = user
        while place.block is not block:
            assert place.block.owner is not None
            place = place.block.owner
        if place in later:
            user.set_input(index, new.output)


def _only_reads(node: Node, value: Value) -> bool:
    """Whether the node neither writes the list nor keeps it, nor yields something that is part of it."""
    if node.schema is None or node.schema.is_mutable:
        return False
    for argument, given in zip(node.schema.arguments, node.inputs, strict=False):
        if given is value and argument.alias is not None:
            return False
    return all(r.alias is None for r in node.schema.returns)


def _append(elements: Sequence[Value], given: Sequence[Value]) -> list[Value] | None:
    return [*elements, given[0]]


def _extend(elements: Sequence[Value], given: Sequence[Value]) -> list[Value] | None:
    other = given[0].node
    if other is None or other.kind != "prim::ListConstruct" or len(given[0].users) != 1:
        return None  # what others read may have been written since it was made
    return [*elements, *other.inputs]


def _set_item(elements: Sequence[Value], given: Sequence[Value]) -> list[Value] | None:
    index = constant_int(given[0])
    if index is None or not -len(elements) <= index < len(elements):
        return None
    result = list(elements)
    result[index] = given[1]
    return result


_WRITES: dict[str, Callable[[Sequence[Value], Sequence[Value]], list[Value] | None]] = {
    "aten::append": _append,
    "aten::extend": _extend,
    "aten::_set_item": _set_item,
}

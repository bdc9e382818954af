"""Use the elements of a tuple or list directly, where it is known what they are.

    %3 : (Tensor, int) = prim::TupleConstruct(%x, %n)
    %4 : Tensor, %5 : int = prim::TupleUnpack(%3)        →    %6 : Tensor = aten::mul(%x, %n)
    %6 : Tensor = aten::mul(%4, %5)

    %3 : int[] = prim::ListConstruct(%a, %b)
    %4 : int = aten::__getitem__(%3, %one)               →    %5 : int = aten::add(%b, %two)
    %5 : int = aten::add(%4, %6)             where %6 is aten::len(%3)

A list is looked into only if nothing writes to it. What made the tuple or list is dead code afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .. import types as T
from ..ir.graph import Block, Graph, Node, Value
from .aliasing import AliasSets
from .constants import constant_int, constant_value, is_constant


def forward_elements(graph: Graph) -> bool:
    """Replace reads of known elements; True if there were any."""
    return _forward_block(graph.block, AliasSets(graph))


def _forward_block(block: Block, aliases: AliasSets) -> bool:
    changed = False
    nodes: list[Node] = []
    for node in block.nodes:
        for inner in node.blocks:
            changed |= _forward_block(inner, aliases)
        read = _READS.get(node.kind)
        found = read(node, aliases) if read is not None else None
        if found is None:
            nodes.append(node)
            continue
        if isinstance(found, Node):
            found.block = block
            found.source = node.source
            nodes.append(found)
            values: Sequence[Value] = found.outputs
        else:
            values = found
        for output, value in zip(node.outputs, values, strict=True):
            output.replace_all_uses_with(value)
        node.release()
        changed = True
    block.nodes = nodes
    return changed


def _elements(value: Value, kind: str) -> list[Value] | None:
    if value.node is None or value.node.kind != kind:
        return None
    return value.node.inputs


def _known_list(value: Value, aliases: AliasSets) -> list[Value] | None:
    elements = _elements(value, "prim::ListConstruct")
    # an escaped list is written by others only before or after this graph runs, unless it was given to a call
    return None if elements is None or aliases.is_written(value) else elements


def _tuple_unpack(node: Node, aliases: AliasSets) -> Sequence[Value] | None:
    return _elements(node.inputs[0], "prim::TupleConstruct")


def _list_unpack(node: Node, aliases: AliasSets) -> Sequence[Value] | None:
    elements = _known_list(node.inputs[0], aliases)
    return elements if elements is not None and len(elements) == len(node.outputs) else None


def _tuple_index(node: Node, aliases: AliasSets) -> Sequence[Value] | None:
    return _at(_elements(node.inputs[0], "prim::TupleConstruct"), node.inputs[1])


def _tuple_slice(node: Node, aliases: AliasSets) -> Node | None:
    """`t[1:]`, with `begin` and `end` as attributes."""
    elements = _elements(node.inputs[0], "prim::TupleConstruct")
    begin, end = node.attributes.get("begin"), node.attributes.get("end")
    if elements is None or not isinstance(begin, int) or not isinstance(end, int) or len(node.inputs) != 1:
        return None
    return Node("prim::TupleConstruct", elements[begin:end], [node.output.type])


def _get_item(node: Node, aliases: AliasSets) -> Sequence[Value] | None:
    if not isinstance(node.inputs[0].type, T.ListType):
        return None
    return _at(_known_list(node.inputs[0], aliases), node.inputs[1])


def _at(elements: Sequence[Value] | None, index: Value) -> Sequence[Value] | None:
    position = constant_int(index)
    if elements is None or position is None or not -len(elements) <= position < len(elements):
        return None
    return [elements[position]]


def _len(node: Node, aliases: AliasSets) -> Node | None:
    value = node.inputs[0]
    elements = _known_list(value, aliases)
    length: int | None = len(elements) if elements is not None else None
    if length is None and is_constant(value) and isinstance(constant_value(value), str):
        length = len(constant_value(value))
    return None if length is None else Node("prim::Constant", (), (T.INT,), {"value": length})


_READS: dict[str, Callable[[Node, AliasSets], Sequence[Value] | Node | None]] = {
    "prim::TupleUnpack": _tuple_unpack,
    "prim::ListUnpack": _list_unpack,
    "prim::TupleIndex": _tuple_index,
    "prim::TupleSlice": _tuple_slice,
    "aten::__getitem__": _get_item,
    "aten::len": _len,
}

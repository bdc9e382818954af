"""Let conditionals yield, and loops carry, the elements of tuples instead of tuples.

    %5 : (int, int) = prim::If(%c)                %a : int, %b : int = prim::If(%c)
      block0():                                     block0():
        %3 : (int, int) = …                    →      %3 : (int, int) = …
        -> (%3)                                       %6 : int, %7 : int = prim::TupleUnpack(%3)
      block1(): …                                     -> (%6, %7) …
                                                  %5 : (int, int) = prim::TupleConstruct(%a, %b)

Element forwarding then removes the tuples, unless they are needed whole.
"""

from __future__ import annotations

from .. import types as T
from ..ir.graph import Block, Graph, Node, Value


def lower_tuples(graph: Graph) -> bool:
    """Split tuples that cross the border of a block; True if there were any."""
    return _lower_block(graph.block)


def _lower_block(block: Block) -> bool:
    changed = False
    nodes: list[Node] = []
    for node in block.nodes:
        before: list[Node] = []
        after: list[Node] = []
        if node.kind == "prim::If":
            while _split_yielded(node, after):
                changed = True
        elif node.kind == "prim::Loop":
            while _split_carried(node, before, after):
                changed = True
        # what was made last depends on nothing made before it
        for made in (*before, *after):
            made.block = block
        nodes += [*before, node, *reversed(after)]
        for inner in node.blocks:
            changed |= _lower_block(inner)
    block.nodes = nodes
    return changed


def _first_tuple(values: list[Value]) -> int | None:
    for index, value in enumerate(values):
        if isinstance(value.type, T.TupleType) and value.type.elements:
            return index
    return None


def _unpack(value: Value, types: tuple[T.Type, ...]) -> tuple[list[Node], list[Value]]:
    """Nodes that take a tuple apart, and the elements; of a tuple that is not set, none of which is."""
    if value.node is not None and value.node.kind == "prim::Uninitialized":
        nodes = [Node("prim::Uninitialized", (), [type], schema=value.node.schema) for type in types]
        return nodes, [node.output for node in nodes]
    assert isinstance(value.type, T.TupleType)
    node = Node("prim::TupleUnpack", [value], value.type.elements)
    return [node], node.outputs


def _construct(whole: Value, parts: list[Value]) -> Node:
    node = Node("prim::TupleConstruct", parts, [whole.type])
    node.output.name = whole.name
    whole.replace_all_uses_with(node.output)
    return node


def _put(values: list[Value], index: int, parts: list[Value]) -> list[Value]:
    return [*values[:index], *parts, *values[index + 1 :]]


def _renumber(values: list[Value]) -> list[Value]:
    for offset, value in enumerate(values):
        value.offset = offset
    return values


def _yield_parts(block: Block, index: int, types: tuple[T.Type, ...]) -> None:
    nodes, parts = _unpack(block.outputs[index], types)
    for node in nodes:
        block.append(node)
    block.return_node.set_inputs(_put(block.outputs, index, parts))


def _split_yielded(node: Node, after: list[Node]) -> bool:
    index = _first_tuple(node.outputs)
    if index is None or any(not isinstance(b.outputs[index].type, T.TupleType) for b in node.blocks):
        return False
    whole = node.outputs[index]
    assert isinstance(whole.type, T.TupleType)
    parts = [Value(type, None, node, None, 0) for type in whole.type.elements]
    node.outputs = _renumber(_put(node.outputs, index, parts))
    for block in node.blocks:
        _yield_parts(block, index, whole.type.elements)
    after.append(_construct(whole, parts))
    return True


def _split_carried(node: Node, before: list[Node], after: list[Node]) -> bool:
    (body,) = node.blocks
    index = _first_tuple(node.outputs)
    if index is None:
        return False
    whole, parameter = node.outputs[index], body.parameters[index + 1]
    ends = (parameter, node.inputs[index + 2], body.outputs[index + 1])
    if any(not isinstance(value.type, T.TupleType) for value in ends):
        return False
    assert isinstance(whole.type, T.TupleType) and isinstance(parameter.type, T.TupleType)

    made, first = _unpack(node.inputs[index + 2], parameter.type.elements)
    before += made
    node.set_inputs(_put(node.inputs, index + 2, first))

    inner = [Value(type, None, None, body, 0) for type in parameter.type.elements]
    body.parameters = _renumber(_put(body.parameters, index + 1, inner))
    again = _construct(parameter, inner)
    again.block = body
    body.nodes.insert(0, again)
    _yield_parts(body, index + 1, parameter.type.elements)

    parts = [Value(type, None, node, None, 0) for type in whole.type.elements]
    node.outputs = _renumber(_put(node.outputs, index, parts))
    after.append(_construct(whole, parts))
    return True

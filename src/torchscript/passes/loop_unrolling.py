"""Repeat the body of a loop with few trips, instead of looping.

    %3 : Tensor = prim::Loop(%two, %true, %x)        %5 : Tensor = aten::mul(%x, %zero)
      block0(%i : int, %4 : Tensor):            →    %3 : Tensor = aten::mul(%5, %one)
        %5 : Tensor = aten::mul(%4, %i)
        -> (%true, %5)

Only loops whose number of trips is a constant and that nothing leaves early: those of `for i in range(2)`.
"""

from __future__ import annotations

from .. import types as T
from ..ir.graph import Block, Graph, Node, Value, copy_node
from .constants import constant_int, is_bool

MOST_TRIPS = 8
MOST_NODES = 256
"""A loop is unrolled to no more nodes than this."""


def unroll_loops(graph: Graph) -> bool:
    """Unroll small loops, innermost first; True if there was one."""
    return _unroll_block(graph.block)


def _unroll_block(block: Block) -> bool:
    changed = False
    nodes: list[Node] = []
    for node in block.nodes:
        for inner in node.blocks:
            changed |= _unroll_block(inner)
        trips = _constant_trips(node)
        if trips is None:
            nodes.append(node)
            continue
        _unroll(node, trips, block, nodes)
        changed = True
    block.nodes = nodes
    return changed


def _constant_trips(node: Node) -> int | None:
    if node.kind != "prim::Loop":
        return None
    trips = constant_int(node.inputs[0])
    (body,) = node.blocks
    if (
        trips is None
        or trips > MOST_TRIPS
        or not is_bool(node.inputs[1], True)
        or not is_bool(body.outputs[0], True)
    ):
        return None
    size = sum(1 for _ in body.all_nodes())
    return max(trips, 0) if size * trips <= MOST_NODES else None


def _unroll(loop: Node, trips: int, block: Block, nodes: list[Node]) -> None:
    (body,) = loop.blocks
    carried: list[Value] = loop.inputs[2:]
    for trip in range(trips):
        number = Node("prim::Constant", (), (T.INT,), {"value": trip}, loop.source)
        number.block = block
        nodes.append(number)
        mapping = dict(zip(body.parameters, [number.output, *carried], strict=True))
        nodes += [copy_node(inner, block, mapping) for inner in body.nodes]
        carried = [mapping.get(value, value) for value in body.outputs[1:]]
    for output, value in zip(loop.outputs, carried, strict=True):
        output.replace_all_uses_with(value)
    loop.release()

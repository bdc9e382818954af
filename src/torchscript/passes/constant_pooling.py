"""Keep one constant of each value, at the top of the graph.

    %1 : int = prim::Constant[value=1]()         %1 : int = prim::Constant[value=1]()
    %2 : Tensor = aten::add(%x, %y, %1)     →    %2 : Tensor = aten::add(%x, %y, %1)
    %3 : int = prim::Constant[value=1]()         %4 : Tensor = aten::mul(%2, %1)
    %4 : Tensor = aten::mul(%2, %3)

A constant list or dict stays where it is: each time control passes it, it is a new one.
"""

from __future__ import annotations

from ..ir.graph import Block, Graph, Node, Value
from .constants import constant_key


def pool_constants(graph: Graph) -> bool:
    """Merge equal constants and move them to the top; True if that changed anything."""
    pool: dict[object, Value] = {}
    pooled: list[Node] = []
    before = list(graph.block.nodes)
    merged = _collect(graph.block, pool, pooled)
    graph.block.nodes[:0] = pooled
    for node in pooled:
        node.block = graph.block
    return merged or graph.block.nodes != before


def _collect(block: Block, pool: dict[object, Value], pooled: list[Node]) -> bool:
    kept: list[Node] = []
    changed = False
    for node in block.nodes:
        key = constant_key(node) if node.kind == "prim::Constant" else None
        if key is None:
            kept.append(node)
            for inner in node.blocks if not node.is_closed else ():
                changed |= _collect(inner, pool, pooled)
            continue
        known = pool.get(key)
        if known is None:
            pool[key] = node.output
            pooled.append(node)
            changed |= block.owner is not None
        else:
            node.output.replace_all_uses_with(known)
            changed = True
    block.nodes = kept
    return changed

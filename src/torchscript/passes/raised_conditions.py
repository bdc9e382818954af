"""After `if c: raise …`, c is false.

     = prim::If(%c)                                 = prim::If(%c)
      block0():                                      block0():
         = prim::RaiseException(%message)     →         = prim::RaiseException(%message)
        -> ()                                          -> ()
      …                                              …
     = prim::If(%c) …                                = prim::If(%false) …

The same check is made by one layer after the other; with the operators that ask for it merged, one remains.
"""

from __future__ import annotations

from .. import types as T
from ..ir.graph import Block, Graph, Node, Value
from .constants import is_constant


def use_raised_conditions(graph: Graph) -> bool:
    """Replace conditions that have raised by constants in what follows; True if there was one."""
    return _visit(graph.block)


def _visit(block: Block) -> bool:
    changed = False
    nodes: list[Node] = []
    for position, node in enumerate(block.nodes):
        nodes.append(node)
        for inner in node.blocks:
            changed |= _visit(inner)
        known = _known_after(node)
        if known is None:
            continue
        condition = node.inputs[0]
        if is_constant(condition):
            continue
        later = _readers(condition, block, set(block.nodes[position + 1 :]))
        if later:
            constant = Node("prim::Constant", (), (T.BOOL,), {"value": known}, node.source)
            constant.block = block
            nodes.append(constant)
            for user, index in later:
                user.set_input(index, constant.output)
            changed = True
    block.nodes = nodes
    return changed


def _known_after(node: Node) -> bool | None:
    """What the condition is worth where control gets past the node."""
    if node.kind != "prim::If":
        return None
    raises = [any(inner.kind == "prim::RaiseException" for inner in block.nodes) for block in node.blocks]
    if raises[0] == raises[1]:
        return None
    return raises[1]


def _readers(value: Value, block: Block, later: set[Node]) -> list[tuple[Node, int]]:
    found = []
    for user, index in value.users:
        place = user
        while place.block is not block and place.block.owner is not None:
            place = place.block.owner
        if place in later or place is block.return_node:
            found.append((user, index))
    return found

"""Read attributes of modules and objects once, before a loop, instead of in every iteration.

    %y = prim::Loop(%n, %true, %x)              %w = prim::GetAttr[name="w"](%self)
      block0(%i, %z):                           %y = prim::Loop(%n, %true, %x)
        %w = prim::GetAttr[name="w"](%self)  →    block0(%i, %z):
        …                                           …

Only out of loops in which nothing can assign an attribute: no `prim::SetAttr`, and no call of another function.
"""

from __future__ import annotations

from ..ir.graph import Block, Graph, Node
from ..types import ClassType

_MAY_ASSIGN = frozenset(
    (
        "prim::SetAttr",
        "prim::CallMethod",
        "prim::CallFunction",
        "prim::PythonCall",
        "prim::fork",
        "prim::Enter",
    )
)


def hoist_attributes(graph: Graph) -> bool:
    """Move reads of attributes in front of loops. Whether anything moved."""
    return _visit(graph.block)[0]


def _visit(block: Block) -> tuple[bool, bool]:
    """Whether anything moved, and whether anything in the block may assign an attribute."""
    changed = assigns = False
    nodes: list[Node] = []
    for node in block.nodes:
        inner_assigns = False
        for inner in node.blocks:
            moved, found = _visit(inner)
            changed |= moved
            inner_assigns |= found
        if node.kind == "prim::Loop" and not inner_assigns:
            hoisted = _hoistable(node.blocks[0])
            if hoisted:
                changed = True
                for read in hoisted:
                    read.block = block
                nodes.extend(hoisted)
        assigns |= inner_assigns or node.kind in _MAY_ASSIGN
        nodes.append(node)
    block.nodes[:] = nodes
    return changed, assigns


def _hoistable(body: Block) -> list[Node]:
    """Take out of a loop's body the reads of what is there before the loop."""
    taken: dict[Node, None] = {}
    for node in body.nodes:
        if node.kind != "prim::GetAttr":
            continue
        owner = node.inputs[0]
        outside = owner.defining_block is not body or owner.node in taken
        if outside and isinstance(owner.type, ClassType):
            taken[node] = None
    if taken:
        body.nodes[:] = [node for node in body.nodes if node not in taken]
    return list(taken)

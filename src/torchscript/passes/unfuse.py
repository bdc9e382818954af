"""Put the nodes of fusion groups back in the place of the groups.

    %4 : Tensor = prim::FusionGroup[kind="pointwise"](%x, %y)
      block0(%x.2 : Tensor, %y.2 : Tensor):
        %2 : Tensor = aten::mul(%x.2, %y.2)              →    %2 : Tensor = aten::mul(%x, %y)
        %4.2 : Tensor = aten::relu(%2)                        %4 : Tensor = aten::relu(%2)
        -> (%4.2)                                             return (%4)
    return (%4)

For back ends that make no kernels, and for archives.
"""

from __future__ import annotations

from ..ir.graph import Block, Graph, Node


def unfuse_operators(graph: Graph) -> bool:
    """Take all fusion groups apart; True if there was one."""
    return _unfuse_block(graph.block)


def unfused(graph: Graph) -> Graph:
    """The graph itself where it has no fusion groups; otherwise a copy of it that has none."""
    if all(node.kind != "prim::FusionGroup" for node in graph.all_nodes()):
        return graph
    graph = graph.copy()
    unfuse_operators(graph)
    return graph


def _unfuse_block(block: Block) -> bool:
    changed = False
    nodes: list[Node] = []
    for node in block.nodes:
        if node.kind != "prim::FusionGroup":
            for inner in node.blocks:
                changed |= _unfuse_block(inner)
            nodes.append(node)
            continue
        changed = True
        (body,) = node.blocks
        for parameter, value in zip(body.parameters, node.inputs, strict=True):
            parameter.replace_all_uses_with(value)
        for inside in body.nodes:
            inside.block = block
            nodes.append(inside)
        body.nodes = []
        for output, value in zip(node.outputs, body.outputs, strict=True):
            value.name = value.name or output.name
            output.replace_all_uses_with(value)
        node.release()
    block.nodes = nodes
    return changed

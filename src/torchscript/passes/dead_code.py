"""Remove nodes whose results nobody uses.

    %2 : Tensor = aten::relu(%1)          →      (gone)
    %3, %4 = prim::If(%c) …               →      %3 = prim::If(%c) …        where nobody uses %4
    return (%3)                                  return (%3)

A node stays if it writes to something, draws random numbers, or does anything else that can be seen: it
prints, raises, calls. Outputs of `prim::If` and values carried by `prim::Loop` that nobody uses go, with what
computed them.
"""

from __future__ import annotations

from ..ir.graph import Block, Graph, Node, Value
from .effects import can_raise, has_side_effects

_TRIMMED = frozenset({"prim::If", "prim::Loop", "prim::FusionGroup"})


def eliminate_dead_code(graph: Graph, *, keep_errors: bool = False) -> bool:
    """Remove dead code; True if there was any. `keep_errors`: what can raise stays (effects.can_raise)."""
    live = _Live(graph, keep_errors)
    changed = False
    for node in list(graph.all_nodes()):
        if node in live.nodes and node.kind in _TRIMMED:
            changed |= _trim(node, live)
    return _sweep(graph.block, live) or changed


class _Live:
    """The nodes and values that are needed, found backwards from what can be seen."""

    def __init__(self, graph: Graph, keep_errors: bool) -> None:
        self.nodes: set[Node] = set()
        self.values: set[Value] = set()
        self._pending: list[Value] = []
        self._need(graph.outputs)
        for node in graph.all_nodes():
            if has_side_effects(node) or (keep_errors and can_raise(node)):
                self._need_node(node)
        while self._pending:
            self._follow(self._pending.pop())

    def _need(self, values: list[Value]) -> None:
        for value in values:
            if value not in self.values:
                self.values.add(value)
                self._pending.append(value)

    def _follow(self, value: Value) -> None:
        if value.node is not None:
            self._need_node(value.node)
            if value.node.kind in ("prim::If", "prim::FusionGroup"):
                for block in value.node.blocks:
                    self._need([block.outputs[value.offset]])
            elif value.node.kind == "prim::Loop":
                self._need_carried(value.node, value.offset)
        elif value.block is not None and value.block.owner is not None:
            owner = value.block.owner
            self._need_node(owner)
            if owner.kind == "prim::FusionGroup":
                self._need([owner.inputs[value.offset]])
            elif owner.kind == "prim::Loop" and value.offset > 0:
                self._need_carried(owner, value.offset - 1)

    def _need_carried(self, loop: Node, index: int) -> None:
        (body,) = loop.blocks
        self._need([loop.outputs[index], loop.inputs[index + 2]])
        self._need([body.parameters[index + 1], body.outputs[index + 1]])

    def _need_node(self, node: Node) -> None:
        """The node, what decides whether and how often it runs, and what it takes in any case."""
        current: Node | None = node
        while current is not None and current not in self.nodes:
            self.nodes.add(current)
            if current.kind == "prim::Loop":
                self._need([*current.inputs[:2], current.blocks[0].outputs[0]])
            elif current.kind == "prim::If":
                self._need(current.inputs)
            elif current.kind != "prim::FusionGroup":
                self._need(current.inputs)
                for block in current.blocks:
                    self._need(block.outputs)
            current = current.block.owner


def _trim(node: Node, live: _Live) -> bool:
    """Take the outputs that nobody uses from a conditional, a loop or a group, and a group's inputs likewise."""
    if node.kind == "prim::FusionGroup":
        (body,) = node.blocks
        taken = [i for i, value in enumerate(body.parameters) if value in live.values]
        node.set_inputs([node.inputs[i] for i in taken])
        body.parameters = [body.parameters[i] for i in taken]
        _renumber(body.parameters)
    kept = [i for i, value in enumerate(node.outputs) if value in live.values]
    if len(kept) == len(node.outputs):
        return False
    first = 0
    if node.kind == "prim::Loop":
        first = 1
        (body,) = node.blocks
        node.set_inputs([*node.inputs[:2], *(node.inputs[i + 2] for i in kept)])
        body.parameters = [body.parameters[0], *(body.parameters[i + 1] for i in kept)]
        _renumber(body.parameters)
    for block in node.blocks:
        block.return_node.set_inputs([*block.outputs[:first], *(block.outputs[i + first] for i in kept)])
    node.outputs = [node.outputs[i] for i in kept]
    _renumber(node.outputs)
    return True


def _renumber(values: list[Value]) -> None:
    for offset, value in enumerate(values):
        value.offset = offset


def _sweep(block: Block, live: _Live) -> bool:
    kept = [node for node in block.nodes if node in live.nodes]
    changed = len(kept) < len(block.nodes)
    if changed:
        for node in reversed(block.nodes):
            if node not in live.nodes:
                node.release()
        block.nodes = kept
    for node in kept:
        for inner in node.blocks:
            changed |= _sweep(inner, live)
    return changed

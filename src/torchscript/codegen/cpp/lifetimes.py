"""Where each value is read last, so that generated code gives its memory up no later than Python would."""

from __future__ import annotations

from ...ir.graph import Block, Graph, Node, Value
from .borrowing import is_borrowed

_REFINEMENTS = ("prim::unchecked_cast", "prim::unchecked_unwrap_optional")


class Lifetimes:
    """`root` is the value that a refinement is another name for; `last[v]` is the position of the last reader
    of a root in the block that defines it (the block's length where its outputs read it). Who reads an element that is
    borrowed from a list reads the list.
    """

    def __init__(self, graph: Graph, aliases: dict[Value, Value]) -> None:
        self._aliases = aliases
        self._position: dict[Node, int] = {}
        self.last: dict[Value, int] = {}
        self._lenders: dict[Value, Value] = {}
        blocks = [graph.block]
        for node in graph.all_nodes():
            blocks += node.blocks
        for block in blocks:
            for i, node in enumerate(block.nodes):
                self._position[node] = i
                if node.kind == "aten::__getitem__" and is_borrowed(node):
                    self._lenders[node.output] = node.inputs[0]
            self._position[block.return_node] = len(block.nodes)
        for block in blocks:
            for node in [*block.nodes, block.return_node]:
                for value in node.inputs:
                    lender: Value | None = value
                    while lender is not None:
                        self._use(self.root(lender), node)
                        lender = self._lenders.get(self.root(lender))

    def root(self, value: Value) -> Value:
        while (original := self._aliases.get(value)) is not None:
            value = original
        return value

    def _use(self, value: Value, node: Node) -> None:
        home = value.defining_block
        while node.block is not home:
            owner = node.block.owner
            assert owner is not None
            node = owner
        position = self._position[node]
        if position > self.last.get(value, -1):
            self.last[value] = position

    def dying(self, block: Block) -> dict[int, list[Value]]:
        """The values defined by nodes of `block`, by the position of their last reader (or of their node)."""
        out: dict[int, list[Value]] = {}
        for i, node in enumerate(block.nodes):
            if node.kind in _REFINEMENTS:
                continue
            for value in node.outputs:
                if value not in self._aliases:
                    out.setdefault(self.last.get(value, i), []).append(value)
        return out

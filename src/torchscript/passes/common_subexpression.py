"""Compute once what is computed twice from the same values.

    %2 : Tensor = aten::relu(%x)                 %2 : Tensor = aten::relu(%x)
    %3 : Tensor = aten::relu(%x)            →    %4 : Tensor = aten::add(%2, %2, %1)
    %4 : Tensor = aten::add(%2, %3, %1)

Not where it could be told: where the operands or the results are written anywhere in the graph, or where two
results are seen as two objects outside it (those of two iterations too), or where a `with` begins or ends between
the two. A computation in a block is found again in the blocks inside it, and not beside it.
"""

from __future__ import annotations

from typing import Any

import torch

from .. import types as T
from ..ir.graph import Block, Graph, Node
from .aliasing import AliasSets
from .constants import constant_key, is_mutable
from .effects import has_side_effects, mode_switches

# New at each time, or control flow.
_NEVER = frozenset(
    {"prim::If", "prim::Loop", "prim::CreateObject", "prim::ListConstruct", "prim::DictConstruct"}
)

_SAME_IN_EVERY_MODE = frozenset({"prim::Constant", "prim::GetAttr"})


def eliminate_common_subexpressions(graph: Graph) -> bool:
    """Merge equal computations; True if there were any."""
    return _Merger(AliasSets(graph), mode_switches(graph)).block(graph.block)


class _Merger:
    def __init__(self, aliases: AliasSets, switches: set[Node]) -> None:
        self.aliases = aliases
        self.switches = switches
        self.known: dict[object, Node] = {}

    def block(self, block: Block) -> bool:
        changed = False
        mine: list[object] = []
        nodes: list[Node] = []
        for node in block.nodes:
            key = self.key(node)
            first = self.known.get(key) if key is not None else None
            if first is not None and self.may_merge(node, first):
                for output, same in zip(node.outputs, first.outputs, strict=True):
                    output.replace_all_uses_with(same)
                node.release()
                changed = True
                continue
            if key is not None and first is None:
                self.known[key] = node
                mine.append(key)
            nodes.append(node)
            outside = self.known
            if node.is_closed:
                self.known = {}
            for inner in node.blocks:
                changed |= self.block(inner)
            self.known = outside
            if node in self.switches:
                self.known = {key: n for key, n in self.known.items() if n.kind in _SAME_IN_EVERY_MODE}
        block.nodes = nodes
        for key in mine:
            self.known.pop(key, None)
        return changed

    def key(self, node: Node) -> object | None:
        """Equal for nodes that compute the same; None for a node that is like no other."""
        if node.kind == "prim::Constant":
            return constant_key(node)
        if node.kind in _NEVER or node.blocks or not node.outputs or has_side_effects(node):
            return None
        if node.kind == "prim::GetAttr":
            name = node.attributes["name"]
            if self.aliases.has_opaque_nodes or name in self.aliases.written_attributes:
                return None
        elif any(map(self.aliases.is_written, node.inputs)):
            return None
        schema = node.schema.key if node.schema is not None else None
        attributes = tuple((name, _attribute_key(value)) for name, value in node.attributes.items())
        return (node.kind, schema, tuple(node.inputs), attributes, tuple(v.type for v in node.outputs))

    def may_merge(self, node: Node, first: Node) -> bool:
        if node.kind in _SAME_IN_EVERY_MODE:
            return True  # the same object already
        for one, other in zip(node.outputs, first.outputs, strict=True):
            if not is_mutable(one.type):
                continue
            if self.aliases.is_written(one) or self.aliases.is_written(other):
                return False
            if self.aliases.escapes(one) and (self.aliases.escapes(other) or _is_repeated(node, first)):
                return False
        return True


def _is_repeated(node: Node, first: Node) -> bool:
    """Whether the node is in a loop that the first is outside of: each iteration makes a result of its own."""
    owner = node.block.owner
    while owner is not None and owner is not first.block.owner:
        if owner.kind == "prim::Loop":
            return True
        owner = owner.block.owner
    return False


def _attribute_key(value: Any) -> object:
    if isinstance(value, list | tuple):
        return tuple(map(_attribute_key, value))
    if isinstance(value, str | T.Type):
        return value
    if isinstance(value, int | float | complex):
        return (value.__class__, repr(value))
    return (torch.Tensor, id(value))

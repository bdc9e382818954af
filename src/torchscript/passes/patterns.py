"""What passes that look for patterns of operators ask of nodes and values."""

from __future__ import annotations

from typing import Any

import torch

from .. import types as T
from ..ir.graph import Block, Node, Value
from ..operators.dispatcher import schema_of
from .constants import constant_value, is_constant
from .fusible import UNKNOWN, known

CONVOLUTIONS = frozenset(
    {
        "aten::conv1d", "aten::conv2d", "aten::conv3d", "aten::conv1d.padding", "aten::conv2d.padding",
        "aten::conv3d.padding",
    }
)  # fmt: skip
TRANSPOSED_CONVOLUTIONS = frozenset(
    {"aten::conv_transpose1d", "aten::conv_transpose2d.input", "aten::conv_transpose3d.input"}
)
RECORDED_CONVOLUTIONS = frozenset({"aten::_convolution", "aten::_convolution.deprecated"})
"""The one operator for all convolutions, as PyTorch's traces have it."""

_ASKS_SHAPE = frozenset(
    {"aten::dim", "aten::size", "aten::numel", "prim::dtype", "prim::device", "prim::layout"}
)


def key_of(node: Node | None) -> str:
    """The overload that a node calls; empty for a node that calls none."""
    return node.schema.key if node is not None and node.schema is not None else ""


def argument(node: Node, name: str) -> Value:
    """The input of the node that its schema calls `name`."""
    assert node.schema is not None
    index = node.schema.argument_index(name)
    assert index is not None
    return node.inputs[index]


def known_argument(node: Node, name: str) -> Any:
    """What an argument is worth: a constant, or a list of constants; `UNKNOWN` for all others."""
    return known(argument(node, name))


def constant_tensor(value: Value) -> torch.Tensor | None:
    """The tensor that a constant is."""
    found = constant_value(value) if is_constant(value) else None
    return found if isinstance(found, torch.Tensor) else None


def is_none(value: Value) -> bool:
    return is_constant(value) and constant_value(value) is None


def asks_shape(node: Node) -> bool:
    """Whether the node asks for the shape, dtype or device of a tensor, and for none of its elements."""
    return node.kind in _ASKS_SHAPE


def only_reader(value: Value) -> Node | None:
    """The node that alone reads the elements of a tensor; None where there are more, or none."""
    readers = {user for user, _ in value.users if not asks_shape(user)}
    return next(iter(readers)) if len(readers) == 1 else None


class Writer:
    """Puts new nodes into a block, in front of one that is there."""

    def __init__(self, before: Node) -> None:
        self.block: Block = before.block
        self.before = before

    def add(self, node: Node) -> Node:
        self.block.insert_before(self.before, node)
        node.source = node.source or self.before.source
        return node

    def constant(self, value: Any, type: T.Type) -> Value:
        return self.add(Node("prim::Constant", (), (type,), {} if value is None else {"value": value})).output

    def tensor(self, value: torch.Tensor) -> Value:
        return self.constant(value.detach(), T.TENSOR)

    def call(self, key: str, *inputs: Value) -> Node:
        """A node that calls an overload of the dispatcher's."""
        schema = schema_of(key)
        assert schema is not None, key
        return self.add(Node(schema.name, inputs, [r.type for r in schema.returns], schema=schema))


def replace(node: Node, value: Value) -> None:
    """Make the readers of a node's only output read `value`, and take the node out."""
    value.name = value.name or node.output.name
    node.output.replace_all_uses_with(value)
    node.detach()


__all__ = [
    "CONVOLUTIONS", "RECORDED_CONVOLUTIONS", "TRANSPOSED_CONVOLUTIONS", "UNKNOWN", "Writer", "argument",
    "asks_shape", "constant_tensor", "is_none", "key_of", "known_argument", "only_reader", "replace",
]  # fmt: skip

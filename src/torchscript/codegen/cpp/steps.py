"""Linear layers in loops: each step's input in a loop over a sequence, computed several steps at a time.

    for i in range(sequence.size(0)):                  ts::fast::Steps steps(sequence, weight, bias);
        x = linear(sequence[i], weight, bias)    →     for (int64_t i = 0; …; ++i) {
        …                                                Tensor x = steps.at(i);

That holds where nothing in the loop writes a tensor or calls other code: then what step i reads is there before the loop.
All others are prepared before the loop (`ts::fast::Layer`). And a sum takes the product's place where it can:

    y = linear(x, weight, bias)                        Tensor z = layer.at(x, start);
    z = start + y                                →
"""

from __future__ import annotations

from ... import types as T
from ...ir.graph import Node, Value
from ...passes.fusible import known
from .operators import schema_of
from .problems import Problem

_OPAQUE = frozenset(
    {"prim::CallFunction", "prim::CallMethod", "prim::SetAttr", "prim::PythonCall", "prim::fork"}
)


def find_steps(loop: Node) -> dict[Node, Value]:
    """The linear layers of a loop's body that can be taken together → the sequence whose steps they read."""
    (body,) = loop.blocks
    index = body.parameters[0]
    found: dict[Node, Value] = {}
    for node in body.nodes:
        if node.kind != "aten::select" or not _selects(node, index):
            continue
        sequence = node.inputs[0]
        if sequence.defining_block is body:
            continue
        for user, place in node.output.users:
            outside = all(v.defining_block is not body for v in user.inputs[1:])
            if user.kind == "aten::linear" and place == 0 and user.block is body and outside:
                found[user] = sequence
    return found if found and not _writes_tensors(loop) else {}


def find_layers(loop: Node) -> list[Node]:
    """The linear layers in a loop, at any depth, whose weights are there before it."""
    (body,) = loop.blocks
    inside = {body}
    found = []
    for node in loop.all_nodes():
        inside.update(node.blocks)
        if node.kind == "aten::linear":
            found.append(node)
    found = [n for n in found if all(v.defining_block not in inside for v in n.inputs[1:])]
    return found if found and not _writes_tensors(loop) else []


def find_sum(node: Node) -> tuple[Node, Value] | None:
    """The sum that is the only reader of a linear layer, and its other operand, which is there before the layer."""
    value = node.output
    if len(value.users) != 1:
        return None
    ((user, place),) = value.users
    block = node.block
    if user.kind != "aten::add" or user.block is not block or place > 1 or known(user.inputs[2]) != 1:
        return None
    other = user.inputs[1 - place]
    try:
        if schema_of(user).key != "aten::add.Tensor":
            return None
    except Problem:
        return None
    start, end = block.nodes.index(node), block.nodes.index(user)
    if other is value or (other.node is not None and other.node in block.nodes[start:]):
        return None
    return (user, other) if all(map(_is_pure, block.nodes[start + 1 : end])) else None


def _is_pure(node: Node) -> bool:
    if node.kind == "prim::Constant":
        return True
    if node.kind.startswith("prim::") or node.blocks:
        return False
    try:
        return not schema_of(node).is_mutable
    except Problem:
        return False


def _selects(node: Node, index: Value) -> bool:
    if node.inputs[2] is not index or known(node.inputs[1]) != 0:
        return False
    try:
        return schema_of(node).key == "aten::select.int"
    except Problem:
        return False


def _writes_tensors(loop: Node) -> bool:
    for node in loop.all_nodes():
        if node.kind in _OPAQUE:
            return True
        if node.kind.startswith("prim::"):
            continue
        try:
            schema = schema_of(node)
        except Problem:
            return True
        for argument, value in zip(schema.arguments, node.inputs, strict=False):
            if argument.is_write and not isinstance(value.type, T.ListType | T.DictType):
                return True
    return False

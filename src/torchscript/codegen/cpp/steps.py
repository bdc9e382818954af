"""Linear layers in loops: each step's input in a loop over a sequence, computed several steps at a time.

    for i in range(sequence.size(0)):                  ts::fast::Steps steps(sequence, weight, bias);
        x = linear(sequence[i], weight, bias)    →     for (int64_t i = 0; …; ++i) {
        …                                                Tensor x = steps.at(i);

That holds where nothing in the loop writes one of these tensors, itself or by other code: then what step i reads is there
before the loop. All others are prepared before the loop (`ts::fast::Layer`, or `Cell` for those of recurrent networks).
And a sum takes the product's place where it can:

    y = linear(x, weight, bias)                        Tensor z = layer.at(x, start);
    z = start + y                                →
"""

from __future__ import annotations

from ...ir.graph import Node, Value
from ...passes.aliasing import AliasSets
from ...passes.fusible import known
from .operators import schema_of
from .problems import Problem


def find_steps(loop: Node, aliases: AliasSets) -> dict[Node, Value]:
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
    read = {user: {sequence, *weights_of(user)} for user, sequence in found.items()}
    written = _written(set().union(*read.values()), loop, aliases)
    return {user: sequence for user, sequence in found.items() if written.isdisjoint(read[user])}


_WEIGHTS_FROM = {"aten::linear": 1, "aten::gru_cell": 2, "aten::lstm_cell": 2}
"""Layers that are prepared before a loop → the first of their inputs that has to be there."""


def weights_of(layer: Node) -> list[Value]:
    """What a layer is prepared of: its weights and biases."""
    return layer.inputs[_WEIGHTS_FROM[layer.kind] :]


def find_layers(loop: Node, aliases: AliasSets) -> list[Node]:
    """The linear layers and recurrent cells in a loop, at any depth, whose weights are there before it."""
    (body,) = loop.blocks
    inside = {body}
    found = []
    for node in loop.all_nodes():
        inside.update(node.blocks)
        if node.kind in _WEIGHTS_FROM:
            found.append(node)
    found = [n for n in found if all(v.defining_block not in inside for v in weights_of(n))]
    written = _written({v for n in found for v in weights_of(n)}, loop, aliases)
    return [n for n in found if written.isdisjoint(weights_of(n))]


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


def _written(values: set[Value], loop: Node, aliases: AliasSets) -> set[Value]:
    """Those of the values whose memory something in the loop may write."""
    if not values:
        return values
    inside = set(loop.all_nodes())
    if any(n.schema is None and not n.kind.startswith("prim::") for n in inside):
        return values  # an operator that is not known yet may write anything
    return {v for v in values if not inside.isdisjoint(aliases.writers(v))}

"""Linear layers of each step's input in a loop over a sequence, computed several steps at a time.

    for i in range(sequence.size(0)):                  ts::fast::Steps steps(sequence, weight, bias);
        x = linear(sequence[i], weight, bias)    →     for (int64_t i = 0; …; ++i) {
        …                                                Tensor x = steps.at(i);

That holds where nothing in the loop writes a tensor or calls other code: then what step i reads is there before the loop.
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

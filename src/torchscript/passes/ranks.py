"""Ask the tensor that came in for the number of dimensions, not what was computed of it.

    %y : Tensor = aten::conv2d(%x, …)             %y : Tensor = aten::conv2d(%x, …)
    %z : Tensor = aten::relu(%y)             →    %z : Tensor = aten::relu(%y)
    %d : int = aten::dim(%z)                      %d : int = aten::dim(%x)

So the checks of all layers become one (common_subexpression, raised_conditions), and what was asked is free to move.
"""

from __future__ import annotations

from .. import types as T
from ..ir.graph import Graph, Value
from . import patterns
from .fusible import meaning_of, operands_of
from .patterns import key_of

_KEEP_RANK = frozenset(
    "aten::" + name
    for name in (
        "batch_norm", "instance_norm", "group_norm", "dropout", "feature_dropout", "max_pool1d", "max_pool2d",
        "max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d", "adaptive_avg_pool1d", "adaptive_avg_pool2d",
        "adaptive_avg_pool3d", "contiguous", "clone", "softmax.int", "log_softmax.int", "layer_norm",
    )
) | {"mkldnn::_convolution_pointwise"}  # fmt: skip


def ask_inputs_for_ranks(graph: Graph) -> bool:
    """Move questions for ranks up; True if there was one to move."""
    changed = False
    roots: dict[Value, Value] = {}
    for node in graph.all_nodes():
        if node.kind == "aten::dim" and key_of(node) == "aten::dim":
            found = rank_root(node.inputs[0], roots)
            if found is not node.inputs[0]:
                node.set_input(0, found)
                changed = True
    return changed


def rank_root(value: Value, roots: dict[Value, Value]) -> Value:
    """The value furthest up that has as many dimensions for certain; `roots` is filled with what was found."""
    chain: list[Value] = []
    while value not in roots:
        chain.append(value)
        above = _above(value, roots)
        if above is None or above is value:
            roots[value] = value
        else:
            value = above
    for passed in chain:
        roots[passed] = roots[value]
    return roots[value]


def _above(value: Value, roots: dict[Value, Value]) -> Value | None:
    node = value.node
    if node is None or node.schema is None:
        return None
    key = key_of(node)
    if key in _KEEP_RANK or key in patterns.CONVOLUTIONS or key in patterns.RECORDED_CONVOLUTIONS:
        return node.inputs[0]
    meaning = meaning_of(node)
    if meaning is None or meaning.kind != "pointwise":
        return None
    tensors = [v for v in operands_of(node, meaning) if isinstance(v.type, T.TensorType)]
    found = {rank_root(v, roots) for v in tensors}
    return found.pop() if len(found) == 1 else None

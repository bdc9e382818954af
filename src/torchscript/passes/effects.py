"""What a node does besides computing its outputs. Schemas decide; `prim::` nodes that have none are listed.

Errors are no effect: an optimised graph loses a node that can raise when nobody uses its results, as in PyTorch.
What the frontend makes keeps those of Python's own operators (`can_raise`): a program that ends with a KeyError in
Python does so when it is compiled.
"""

from __future__ import annotations

import torch

from .. import types as T
from ..autocast import is_autocast
from ..ir.graph import Block, Graph, Node, Value
from ..operators.dispatcher import overload_of
from ..operators.language import builtin_of
from ..operators.memory import hidden_writes
from ..schema import Schema
from .constants import is_bool

# Nodes without a schema that only compute their outputs. Any other node without a schema may do anything.
_COMPUTES_ONLY = frozenset(
    "prim::" + name
    for name in (
        "Constant", "If", "Loop", "GetAttr", "CreateObject", "ListConstruct", "ListUnpack", "TupleConstruct",
        "TupleUnpack", "TupleIndex", "TupleSlice", "DictConstruct", "unchecked_cast", "isinstance",
        "Uninitialized", "EnumName", "EnumValue", "NumToTensor", "FusionGroup",
    )
)  # fmt: skip

# Nodes without a schema that are seen outside, and change nothing that the graph can see.
_ONLY_SEEN = frozenset({"prim::Print", "prim::RaiseException"})

# The beginning and the end of `with`, and its counterpart without a block.
_CHANGE_MODES = frozenset({"prim::Enter", "prim::Exit", "aten::set_grad_enabled"})

# Operators on Python's own values that raise for some arguments, and have no other effect.
_CAN_RAISE = frozenset(
    "aten::" + name
    for name in (
        "floordiv", "remainder", "div", "pow", "__getitem__", "index", "rindex", "Int", "Float", "ord", "chr",
        "split", "format", "percentFormat", "__lshift__", "__rshift__", "sqrt", "log", "log2", "log10", "log1p",
        "acos", "asin", "acosh", "atanh", "exp", "expm1", "fmod", "factorial", "floor", "ceil", "round", "item",
    )
) | {"prim::max", "prim::min", "prim::StringIndex", "prim::ListUnpack"}  # fmt: skip

# Operators that raise for a tensor with several elements.
_OF_ONE_ELEMENT = frozenset({"aten::Bool", "aten::Int", "aten::Float", "aten::item"})

_ANSWERS: dict[str, bool] = {}


def has_side_effects(node: Node) -> bool:
    """Whether the node must run though nobody uses its outputs. What its blocks do is not asked.

    Drawing random numbers is an effect: the numbers that come after depend on it.
    """
    if node.schema is not None:
        return _operator_has_effects(node.schema) or bool(unmarked_writes(node))
    return node.kind not in _COMPUTES_ONLY


def unmarked_writes(node: Node) -> list[Value]:
    """The inputs that the node writes though its schema does not mark them: the statistics of a batch norm in training."""
    writes = hidden_writes(node.schema) if node.schema is not None else None
    if writes is None:
        return []
    named = {a.name: value for a, value in zip(node.schema.arguments, node.inputs, strict=False)}  # type: ignore[union-attr]
    if writes.condition is not None and is_bool(named[writes.condition], False):
        return []
    return [named[name] for name in writes.arguments if not isinstance(named[name].type, T.NoneType)]


def is_opaque(node: Node) -> bool:
    """Whether the node runs code that is not in the graph: it may read and write whatever it reaches."""
    return node.schema is None and node.kind not in _COMPUTES_ONLY | _ONLY_SEEN


def mode_switches(graph: Graph) -> set[Node]:
    """The nodes after which operators do something else, gradients being recorded or not, autocast casting or not; and
    the nodes around them."""
    found: set[Node] = set()
    for node in graph.all_nodes():
        switch: Node | None = node if node.kind in _CHANGE_MODES else None
        while switch is not None and switch not in found:
            found.add(switch)
            switch = switch.block.owner
    return found


def nodes_in_autocast(graph: Graph) -> set[Node]:
    """The nodes in a `with torch.autocast(…)`: their results have not the dtypes, and not the digits, that they would
    have elsewhere."""
    found: set[Node] = set()
    _find_autocast(graph.block, found)
    return found


def _find_autocast(block: Block, found: set[Node]) -> None:
    depth = 0
    for node in block.nodes:
        if node.kind in ("prim::Enter", "prim::Exit") and is_autocast(node.inputs[0].type):
            depth += 1 if node.kind == "prim::Enter" else -1
        elif depth > 0:
            found.update(node.all_nodes())
        else:
            for inner in node.blocks:
                _find_autocast(inner, found)


def _operator_has_effects(schema: Schema) -> bool:
    answer = _ANSWERS.get(schema.key)
    if answer is None:
        answer = _ANSWERS[schema.key] = _ask(schema)
    return answer


def _ask(schema: Schema) -> bool:
    if schema.is_mutable or not schema.returns:
        return True
    builtin = builtin_of(schema)
    if builtin is not None:
        return not builtin.pure
    overload = overload_of(schema)
    return overload is None or torch.Tag.nondeterministic_seeded in overload.tags  # type: ignore[attr-defined]


def can_raise(node: Node) -> bool:
    """Whether the node is an operator of Python's own, on scalars, strings, lists, dicts or the one number in a tensor,
    that raises for some of its arguments."""
    if node.kind in _OF_ONE_ELEMENT and isinstance(node.inputs[0].type, T.TensorType):
        return True
    if node.kind not in _CAN_RAISE:
        return False
    if node.kind in ("aten::floordiv", "aten::remainder", "aten::div") and len(node.inputs) == 2:
        divisor = node.inputs[1].node
        if divisor is not None and divisor.kind == "prim::Constant" and divisor.attributes.get("value"):
            return False
    if node.kind in ("aten::Int", "aten::Float"):
        return not isinstance(node.inputs[0].type, T.IntType | T.FloatType | T.BoolType)
    if node.kind in ("prim::max", "prim::min"):
        return len(node.inputs) == 1
    return not any(isinstance(value.type, T.TensorType) for value in node.inputs)

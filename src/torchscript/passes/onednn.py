"""Run convolutions by oneDNN, with weights packed beforehand, and with what follows them in the same kernel.

    %c : Tensor = aten::conv2d(%x, %w, %b, …)
    %s : Tensor = aten::add(%c, %y, %one)      →    %r : Tensor = mkldnn::_convolution_pointwise(%x, %y, %w2, …,
    %r : Tensor = aten::relu(%s)                                                       "add", %one, "relu", …)

%w2 is %w in the layout that oneDNN likes best. Only of images (four dimensions), where a check that was passed before
says so; only float32 on a CPU; a residual is added in the kernel only where it has the same shape for certain.

Results are in the memory format channels_last. What does not care goes on in it; anything else, and who called
the graph, gets what convolutions give otherwise: contiguous tensors.

Linears are `onednn_linears`'.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from .. import types as T
from ..ir.graph import Block, Graph, Node, Value
from ..operators.memory import may_return
from . import patterns
from .aliasing import AliasSets
from .effects import nodes_in_autocast
from .fusible import UNKNOWN, Meaning, known, meaning_of, operands_of
from .patterns import Writer, argument, constant_tensor, key_of, known_argument, only_reader
from .ranks import rank_root
from .tensor_facts import TensorFacts


@dataclass(frozen=True)
class Activation:
    """A function that oneDNN computes in the kernel, by the name and numbers that the operator wants."""

    name: str
    numbers: tuple[float, ...] = ()
    algorithm: str | None = None


def _numbers(*names: str) -> Callable[[Node, Meaning], tuple[float, ...] | None]:
    def read(node: Node, meaning: Meaning) -> tuple[float, ...] | None:
        values = [known_argument(node, name) for name in names]
        if any(not isinstance(v, int | float) for v in values):
            return None
        return tuple(map(float, values))

    return read


_ACTIVATIONS: dict[str, tuple[str, Callable[[Node, Meaning], tuple[float, ...] | None], str | None]] = {
    "relu": ("relu", _numbers(), None),
    "relu6": ("hardtanh", lambda node, meaning: (0.0, 6.0), None),
    "hardtanh": ("hardtanh", _numbers("min_val", "max_val"), None),
    "clamp": ("hardtanh", _numbers("min", "max"), None),
    "leaky_relu": ("leaky_relu", _numbers("negative_slope"), None),
    "sigmoid": ("sigmoid", _numbers(), None),
    "tanh": ("tanh", _numbers(), None),
    "silu": ("swish", _numbers(), None),
    "hardswish": ("hardswish", _numbers(), None),
    "hardsigmoid": ("hardsigmoid", _numbers(), None),
    "gelu": ("gelu", _numbers(), "none"),
    "gelu_tanh": ("gelu", _numbers(), "tanh"),
}

# Operators that compute the same for any memory format, and keep the one they get, or have no images as results.
_ANY_FORMAT = frozenset(
    "aten::" + name
    for name in (
        "conv2d", "max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "batch_norm", "cat", "mean.dim", "sum.dim_IntList",
        "dropout",
    )
)  # fmt: skip
_ENDS_FORMAT = frozenset(
    {"aten::flatten.using_ints", "aten::reshape", "aten::mean.dim", "aten::sum.dim_IntList"}
)

_IMAGE = 4


def use_onednn(graph: Graph) -> bool:
    """Replace convolutions of images; True if there was one."""
    aliases = AliasSets(graph)
    images = _Images(graph)
    facts = TensorFacts()
    taken: set[Node] = set()
    plans: list[_Plan] = []
    excluded = nodes_in_autocast(graph)  # these operators are not cast
    for node in graph.all_nodes():
        if node in excluded:
            continue
        if key_of(node) == "aten::conv2d" and _is_packable(node) and not aliases.is_written(node.output):
            plan = _plan(node, facts, aliases, taken)
            if any(map(aliases.is_written, plan.tensors)):
                continue  # they may not be, where the operator comes to stand, what they were
            if not images.has(node, plan.last):
                plan.waits = plan.last is node and images.has(node, _first_reader(node))
                if not plan.waits:
                    continue
            plans.append(plan)
            taken.update(plan.nodes)
    order = {node: i for i, node in enumerate(graph.all_nodes())}
    made = {_apply(plan) for plan in sorted(plans, key=lambda plan: order[plan.last])}
    _end_formats(graph, made)
    return bool(plans)


@dataclass
class _Plan:
    """A convolution, and what becomes part of it."""

    conv: Node
    add: Node | None
    activation: Activation
    last: Node
    waits: bool = False
    """Whether the check that the input is an image comes between the convolution and what reads its result."""

    @property
    def tensors(self) -> list[Value]:
        """What the operator reads that is no constant."""
        read = [argument(self.conv, "input"), *(self.add.inputs[:2] if self.add is not None else ())]
        return [value for value in read if value is not self.conv.output]

    @property
    def nodes(self) -> list[Node]:
        return [n for n in dict.fromkeys((self.conv, self.add, self.last)) if n is not None]


class _Images:
    """Which tensors have four dimensions for certain, where a node reads them."""

    def __init__(self, graph: Graph) -> None:
        self._roots: dict[Value, Value] = {}
        self._checked: dict[Value, list[Node]] = {}
        for node in graph.all_nodes():
            checked = _checked_for_images(node)
            if checked is not None:
                self._checked.setdefault(rank_root(checked, self._roots), []).append(node)

    def has(self, conv: Node, place: Node) -> bool:
        """Whether the convolution's input has, once control gets to `place`."""
        checks = self._checked.get(rank_root(argument(conv, "input"), self._roots), [])
        return any(_comes_before(check, place) for check in checks)


def _checked_for_images(node: Node) -> Value | None:
    """The tensor that has four dimensions where control gets past the node: `if x.dim() != 4: raise`."""
    if node.kind != "prim::If":
        return None
    condition = node.inputs[0].node
    if key_of(condition) not in ("aten::ne.int", "aten::eq.int"):
        return None
    assert condition is not None
    asked = condition.inputs[0].node
    if key_of(asked) != "aten::dim" or known(condition.inputs[1]) != _IMAGE:
        return None
    raising = node.blocks[0 if condition.kind == "aten::ne" else 1]
    assert asked is not None
    return asked.inputs[0] if any(n.kind == "prim::RaiseException" for n in raising.nodes) else None


def _comes_before(check: Node, node: Node) -> bool:
    block = check.block
    place = node
    while place.block is not block:
        if place.block.owner is None:
            return False
        place = place.block.owner
    end = len(block.nodes)
    return block.nodes.index(check) < (end if place is block.return_node else block.nodes.index(place))


def _is_packable(node: Node) -> bool:
    weight = constant_tensor(argument(node, "weight"))
    if weight is None or weight.dim() != _IMAGE or weight.dtype is not torch.float32:
        return False
    if weight.is_mkldnn or weight.device.type != "cpu":
        return False
    bias = argument(node, "bias")
    if not patterns.is_none(bias) and constant_tensor(bias) is None:
        return False
    return all(known_argument(node, n) is not UNKNOWN for n in ("stride", "padding", "dilation", "groups"))


def _plan(conv: Node, facts: TensorFacts, aliases: AliasSets, taken: set[Node]) -> _Plan:
    """What can go into one kernel with the convolution."""
    last, add, activation = conv, None, Activation("none")
    reader = sole_reader(last, aliases, taken)
    if reader is not None and key_of(reader) == "aten::add.Tensor" and _is_residual(reader, last, facts):
        last = add = reader
        reader = sole_reader(last, aliases, taken)
    if reader is not None and (found := activation_of(reader)) is not None:
        if add is None or found.name == "relu":
            last, activation = reader, found
    return _Plan(conv, add, activation, last)


def _first_reader(node: Node) -> Node:
    """The first node of the block that reads the result, itself or inside."""
    block = node.block
    places = set()
    for user, _ in node.output.users:
        while user.block is not block:
            assert user.block.owner is not None
            user = user.block.owner
        places.add(user)
    places.discard(block.return_node)
    return min(places, key=block.nodes.index, default=block.return_node)


def _apply(plan: _Plan) -> Value:
    """One operator in the place of the plan's nodes; its result."""
    conv, last = plan.conv, plan.last
    other = None
    if plan.add is not None:
        one, two = plan.add.inputs[:2]
        other = two if one is conv.output else one
    place = _first_reader(conv) if plan.waits else last
    if place is conv.block.return_node:
        place = Node("prim::Constant", (), (T.NONE,))
        conv.block.append(place)
    writer = Writer(place)
    inputs, key = _inputs(conv, other, plan.activation, writer)
    result = writer.call(key, *inputs).output
    result.name = last.output.name
    last.output.replace_all_uses_with(result)
    for node in reversed(plan.nodes):
        node.detach()
    return result


def sole_reader(node: Node, aliases: AliasSets, taken: set[Node]) -> Node | None:
    """The node, not taken yet, that alone reads the result, in the same block and writing nothing."""
    reader = only_reader(node.output)
    if reader is None or reader.block is not node.block or reader in taken:
        return None
    if reader.schema is None or reader.schema.is_mutable:
        return None
    if any(patterns.asks_shape(user) for user, _ in node.output.users):
        return None
    return None if any(map(aliases.is_written, reader.outputs)) else reader


def _is_residual(add: Node, conv: Node, facts: TensorFacts) -> bool:
    """Whether what is added to the convolution's result is of the same shape and dtype."""
    one, other = add.inputs[:2]
    if other is conv.output:
        one, other = other, one
    if other is one or known_argument(add, "alpha") != 1 or not isinstance(other.type, T.TensorType):
        return False
    shapes = facts.image_shape(one), facts.image_shape(other)
    return shapes[0] is not None and shapes[0] == shapes[1] and facts.dtype(one) == facts.dtype(other)


def activation_of(node: Node) -> Activation | None:
    """The activation that a node is, if oneDNN's kernels have it."""
    meaning = meaning_of(node)
    if meaning is None or meaning.name not in _ACTIVATIONS:
        return None
    if sum(isinstance(v.type, T.TensorType) for v in operands_of(node, meaning)) != 1:
        return None
    name, read, algorithm = _ACTIVATIONS[meaning.name]
    numbers = read(node, meaning)
    return None if numbers is None else Activation(name, numbers, algorithm)


def _inputs(
    conv: Node, other: Value | None, activation: Activation, writer: Writer
) -> tuple[list[Value], str]:
    weight = constant_tensor(argument(conv, "weight"))
    assert weight is not None
    stride, padding, dilation = (_pair(known_argument(conv, n)) for n in ("stride", "padding", "dilation"))
    groups = known_argument(conv, "groups")
    packed = pack(weight, padding, stride, dilation, groups)
    name, numbers, algorithm = activation_arguments(activation, writer)
    tail = [
        writer.tensor(packed),
        argument(conv, "bias"),
        *(_ints(writer, values) for values in (padding, stride, dilation)),
        writer.constant(groups, T.INT),
    ]
    x = argument(conv, "input")
    if other is None:
        return [x, *tail, name, numbers, algorithm], "mkldnn::_convolution_pointwise"
    if activation.name == "none":
        name = _text(None, writer)
    end = [_text("add", writer), writer.constant(1.0, T.FLOAT), name, numbers, algorithm]
    # x is read while the result is written
    if other is not x and _dies_at(other, writer.before, {conv.output}):
        return [other, x, *tail, *end], "mkldnn::_convolution_pointwise_.binary"
    return [x, other, *tail, *end], "mkldnn::_convolution_pointwise.binary"


def activation_arguments(activation: Activation, writer: Writer) -> tuple[Value, Value, Value]:
    """The activation's name, numbers and algorithm as oneDNN's operators take them."""
    numbers = writer.add(
        Node(
            "prim::ListConstruct",
            [writer.constant(n, T.FLOAT) for n in activation.numbers],
            [T.ListType(T.OptionalType(T.NUMBER))],
        )
    ).output
    return _text(activation.name, writer), numbers, _text(activation.algorithm, writer)


def _text(value: str | None, writer: Writer) -> Value:
    return writer.constant(value, T.NONE if value is None else T.STRING)


def _dies_at(value: Value, place: Node, between: set[Value]) -> bool:
    """Whether nobody needs a tensor of oneDNN's any more once control gets to the place: it can take the result."""
    node, block = value.node, place.block
    if node is None or node.block is not block or not node.kind.startswith("mkldnn::_convolution_pointwise"):
        return False
    position = block.nodes.index(place)
    for user, _ in value.users:
        if user is place or (user.kind == "aten::add" and not between.isdisjoint(user.inputs)):
            continue  # what the new operator takes the place of
        if user.block is not block or user is block.return_node or block.nodes.index(user) >= position:
            return False
        if user.schema is None or _may_return(user, value):
            return False
        if any(r.alias is not None and not r.alias.is_write for r in user.schema.returns):
            return False
        if any(r.alias is not None and user.inputs[0] is value for r in user.schema.returns):
            return False
    return True


def _may_return(node: Node, value: Value) -> bool:
    """Whether the node's result may be the value though its schema says that it is new."""
    assert node.schema is not None
    arguments = zip(node.schema.arguments, node.inputs, strict=False)
    return any(given is value and may_return(node.schema, argument.name) for argument, given in arguments)


def pack(
    weight: torch.Tensor, padding: list[int], stride: list[int], dilation: list[int], groups: int
) -> torch.Tensor:
    """A convolution's weight as oneDNN likes it best, for any size of images."""
    with torch.no_grad():
        weight = weight.detach().contiguous()
        packed: torch.Tensor = torch.ops.mkldnn._reorder_convolution_weight(
            weight, padding, stride, dilation, groups
        )
    return packed


def _ints(writer: Writer, values: list[int]) -> Value:
    elements = [writer.constant(v, T.INT) for v in values]
    return writer.add(Node("prim::ListConstruct", elements, [T.ListType(T.INT)])).output


def _pair(value: Any) -> list[int]:
    if isinstance(value, int):
        return [value, value]
    return list(value) * 2 if len(value) == 1 else list(value)


def _end_formats(graph: Graph, made: set[Value]) -> None:
    """Give contiguous tensors to what looks at the memory of results, and to who called the graph."""
    pending = list(made)
    formatted = set(made)
    while pending:
        value = pending.pop()
        others: list[tuple[Node, int]] = []
        for user, index in value.users:
            if _keeps_format(user):
                if key_of(user) not in _ENDS_FORMAT and user.output not in formatted:
                    formatted.add(user.output)
                    pending.append(user.output)
            elif not (patterns.asks_shape(user) or key_of(user) in _ENDS_FORMAT):
                others.append((user, index))
        if others:
            _make_contiguous(value, others)


def _keeps_format(node: Node) -> bool:
    if len(node.outputs) != 1 or not isinstance(node.outputs[0].type, T.TensorType):
        return False
    key = key_of(node)
    if key in _ANY_FORMAT or key.startswith("mkldnn::_convolution_pointwise"):
        return True
    meaning = meaning_of(node)
    return meaning is not None and meaning.kind == "pointwise"


def _make_contiguous(value: Value, users: list[tuple[Node, int]]) -> None:
    node = value.node
    assert node is not None
    block: Block = node.block
    position = block.nodes.index(node)
    if position + 1 < len(block.nodes):
        writer = Writer(block.nodes[position + 1])
    else:
        marker = Node("prim::Constant", (), (T.NONE,))
        block.append(marker)
        writer = Writer(marker)
    format = writer.constant(0, T.INT)
    copy = writer.call("aten::contiguous", value, format).output
    for user, index in users:
        user.set_input(index, copy)

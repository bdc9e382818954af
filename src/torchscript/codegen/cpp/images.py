"""Convolutions of images by oneDNN's operators, which native code has kernels of its own for (`torchscript/images.h`).

    %r = mkldnn::_convolution_pointwise(%x, %w, %b, [1, 1], …, "relu", …)

        Tensor r = ts::fast::convolution({{1, 1}, …, {ts::images::Activation::clamp, 0.f, INFINITY}}, x, w, b);

Convolutions of which each reads only what the one before made go through an image at a time:

        Tensor r = ts::fast::convolutions(x, {{how, w, b}, {how, w, b}, …}, other, in_place);

What the kernels do not take on (other dtypes and layouts, groups of several channels, windows that sum many numbers)
goes to the operator, in the runtime: so large models stay short.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...ir.graph import Node, Value
from ...passes.constants import is_constant
from ...passes.fusible import UNKNOWN
from ...passes.patterns import argument, constant_tensor, key_of, known_argument

if TYPE_CHECKING:
    from .function import FunctionPrinter
    from .nodes import NodeWriter

CONVOLUTIONS = {
    "mkldnn::_convolution_pointwise": ("attr", "scalars"),
    "mkldnn::_convolution_pointwise.binary": ("unary_attr", "unary_scalars"),
    "mkldnn::_convolution_pointwise_.binary": ("unary_attr", "unary_scalars"),
}
"""Operators → the names of the arguments that say what follows the sum."""

_INFINITY = float("inf")
_CLAMPS = {"none": (-_INFINITY, _INFINITY), "relu": (0.0, _INFINITY)}
_OTHERS = {"swish": "silu", "sigmoid": "sigmoid", "hardsigmoid": "hardsigmoid", "hardswish": "hardswish"}


class ConvolutionWriter:
    """Writes convolutions as statements of a function."""

    def __init__(self, printer: FunctionPrinter, nodes: NodeWriter) -> None:
        self._printer = printer
        self._nodes = nodes
        self._chained: set[Node] = set()  # convolutions that were written with the first of their chain

    def write(self, node: Node, key: str) -> bool:
        """A convolution of images whose numbers are known; False where only the operator computes it."""
        found = _written(node, key)
        if found is None:
            return False
        constant = constant_tensor(found.weights[0])
        if constant is not None:
            weight, was_packed = self._nodes.argument(found.weights[0]), str(constant.is_mkldnn).lower()
            self._printer.unit.preparations[f"ts::fast::prepare({weight}, {found.how}, {was_packed});"] = None
        if node in self._chained:
            return True
        chain = chain_of(node)
        if chain:
            self._chain(node, chain)
            return True
        operands = [self._nodes.argument(v) for v in (found.x, *found.weights)]
        if found.other is not None:
            operands += [self._nodes.value(found.other), "true" if found.in_place else "false"]
        self._nodes.define(node, f"ts::fast::convolution({', '.join([found.how, *operands])})")
        return True

    def _chain(self, first: Node, chain: list[Convolution]) -> None:
        """All of a chain at once, where the first one is."""
        nodes, last = [first], chain[-1]
        for _ in chain[1:]:
            nodes.append(next(iter(nodes[-1].output.users))[0])
        steps = ", ".join(f"{{{c.how}, {', '.join(map(self._nodes.argument, c.weights))}}}" for c in chain)
        other = "nullptr" if last.other is None else f"&{self._nodes.value(last.other)}"
        in_place = "true" if last.in_place else "false"
        x = self._nodes.value(chain[0].x)
        self._nodes.define(nodes[-1], f"ts::fast::convolutions({x}, {{{steps}}}, {other}, {in_place})")
        self._chained.update(nodes)


def is_of_convolutions(node: Node) -> bool:
    """Whether a list is read by convolutions alone that spell its numbers out."""
    users = [(user, key_of(user)) for user, _ in node.output.users]
    return bool(users) and all(key in CONVOLUTIONS and _written(user, key) is not None for user, key in users)


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution whose numbers are all known: the operands of `ts::fast::convolution`."""

    how: str
    x: Value
    weights: tuple[Value, Value]
    other: Value | None
    in_place: bool
    """Whether the sum goes into its other operand."""


def _written(node: Node, key: str) -> Convolution | None:
    return convolution_of(node, key) if node.output.users else None


def convolution_of(node: Node, key: str) -> Convolution | None:
    """None for a convolution that only the operator computes."""
    attr, scalars = CONVOLUTIONS[key]
    pairs = [known_argument(node, name) for name in ("padding", "stride", "dilation")]
    groups = known_argument(node, "groups")
    end = _epilogue(known_argument(node, attr), _numbers(node, scalars))
    if end is None or not isinstance(groups, int) or any(not _is_pair(pair) for pair in pairs):
        return None
    if min(pairs[0]) < 0 or min(*pairs[1], *pairs[2]) < 1:
        return None
    numbers = ", ".join(f"{{{a}, {b}}}" for a, b in pairs)
    how = f"{{{numbers}, {groups}, {{ts::images::Activation::{end}}}}}"
    x, weights = argument(node, "X"), (argument(node, "W"), argument(node, "B"))
    if not key.endswith(".binary"):
        return Convolution(how, x, weights, None, False)
    if known_argument(node, "binary_attr") != "add" or known_argument(node, "alpha") not in (None, 1):
        return None
    return Convolution(how, x, weights, argument(node, "other"), key.endswith("_.binary"))


def chain_of(first: Node) -> list[Convolution]:
    """The convolutions from this one on of which each alone reads what the one before made; none if it is alone.

    They are computed where the first one is, so the last may only add what is there by then.
    """
    chain: list[Convolution] = []
    node = first
    position = {n: i for i, n in enumerate(first.block.nodes)}
    while True:
        found = convolution_of(node, key_of(node)) if key_of(node) in CONVOLUTIONS else None
        if found is None or not _has_kernel(node) or not all(map(is_constant, found.weights)):
            break
        if chain and found.other is not None and not _is_there(found, first, position):
            break
        chain.append(found)
        users = node.output.users
        if found.other is not None or len(users) != 1:
            break
        ((node, place),) = users
        if node.block is not first.block or node not in position:
            break
        if key_of(node) not in CONVOLUTIONS or node.inputs[place] is not argument(node, "X"):
            break
    return chain if len(chain) > 1 else []


def _has_kernel(node: Node) -> bool:
    """Whether it is of single places or of single channels, which kernels always take on."""
    weight = constant_tensor(argument(node, "W"))
    groups = known_argument(node, "groups")
    if weight is None or weight.dim() != 4:
        return False
    return tuple(weight.shape[2:]) == (1, 1) if groups == 1 else tuple(weight.shape[:2]) == (groups, 1)


def _is_there(last: Convolution, first: Node, position: dict[Node, int]) -> bool:
    """Whether what the last one adds is made before the first, and not read after it by others if it is written."""
    assert last.other is not None
    made = last.other.node
    if made is not None and made in position and position[made] >= position[first]:
        return False
    if not last.in_place:
        return True
    readers = {user for user, _ in last.other.users} - {last.x.node, first}
    return sum(position.get(reader, len(position)) > position[first] for reader in readers) == 1


def _is_pair(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(type(v) is int for v in value)


def _numbers(node: Node, name: str) -> list[float] | None:
    values = known_argument(node, name)
    if values is UNKNOWN or values is None:
        return [] if values is None else None
    return [float(v) for v in values]


def _epilogue(name: Any, numbers: list[float] | None) -> str | None:
    if numbers is None:
        return None
    if name is None:
        name = "none"
    if name == "leaky_relu" and len(numbers) == 1:
        return f"leaky_relu, {_float(numbers[0])}, 0.f"
    if name in _OTHERS:
        return f"{_OTHERS[name]}, 0.f, 0.f"
    bounds = tuple(numbers) if name == "hardtanh" and len(numbers) == 2 else _CLAMPS.get(name)
    return None if bounds is None else f"clamp, {_float(bounds[0])}, {_float(bounds[1])}"


def _float(value: float) -> str:
    if value in (_INFINITY, -_INFINITY):
        return "INFINITY" if value > 0 else "-INFINITY"
    return f"static_cast<float>({value!r})"

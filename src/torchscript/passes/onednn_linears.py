"""Run large linear layers by oneDNN where there are many rows, with weights packed beforehand.

    %y : Tensor = aten::linear(%x, %w, %b)        %many : bool = …
    %z : Tensor = aten::gelu(%y)            →     %z : Tensor = prim::If(%many)
                                                    block0():
                                                      %z1 : Tensor = mkldnn::_linear_pointwise(%x, %w2, %b, "gelu", …)
                                                      -> (%z1)
                                                    block1():
                                                      %y2 : Tensor = aten::linear(%x, %w, %b)
                                                      %z2 : Tensor = aten::gelu(%y2)
                                                      -> (%z2)

%w2 is %w in the layout that oneDNN likes best. %many says that there are rows enough for it to be faster, and that it
computes what the linear does: float32, of the right size, without gradients. All else, errors too, are the linear's.

Measured on AVX-512 with one thread, relative to native code without it: 0.7 to 0.85 for 16 rows, 0.85 to 0.95 for 64 and
200. For fewer rows each layer loses a microsecond by the questions, and a call of the module a few by `runtime.tuned`'s;
smaller weights, of which one row takes 20, stay therefore. A linear in a loop stays, since native code prepares it.

An activation or a sum that alone reads the linear comes into both blocks, since native code adds to a linear in its
product; into oneDNN's kernel comes an activation where that keeps NaN, as relu's does not. What can share a kernel with
the operators after it stays where it is.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from .. import types as T
from ..codes import dtype_code
from ..ir.graph import Block, Graph, Node, Value, copy_node
from .aliasing import AliasSets
from .constants import is_constant
from .effects import nodes_in_autocast
from .fusible import meaning_of
from .onednn import Activation, activation_arguments, activation_of, sole_reader
from .patterns import Writer, argument, constant_tensor, is_none, key_of, known_argument

_LEAST_WEIGHTS = 1 << 19
_LEAST_ROWS = 16
_ROWS_EXPECTED = 64  # what oneDNN chooses the layout for; it computes any number of rows with it

_CUTS_NAN_OFF = frozenset({"relu", "hardtanh", "hardsigmoid"})
_NONE = Activation("none")


def use_onednn_linears(graph: Graph) -> bool:
    """Give large linear layers a second way, for many rows; True if there was one."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    excluded = nodes_in_autocast(graph)  # this operator is not cast
    aliases = AliasSets(graph)
    found = [n for n in _outside_loops(graph.block) if n not in excluded and _is_packable(n, aliases)]
    ways = _Ways(aliases, excluded)
    for node in found:
        ways.add(node)
    return bool(found)


def _outside_loops(block: Block) -> list[Node]:
    nodes: list[Node] = []
    for node in block.nodes:
        nodes.append(node)
        if node.kind != "prim::Loop":
            for inner in node.blocks:
                nodes += _outside_loops(inner)
    return nodes


def _is_packable(node: Node, aliases: AliasSets) -> bool:
    if key_of(node) != "aten::linear" or aliases.is_written(node.output):
        return False
    weight, bias = constant_tensor(argument(node, "weight")), argument(node, "bias")
    if weight is None or not _is_plain(weight) or weight.dim() != 2 or weight.numel() < _LEAST_WEIGHTS:
        return False
    if is_none(bias):
        return True
    found = constant_tensor(bias)
    return found is not None and _is_plain(found) and found.shape == weight.shape[:1]


def _is_plain(tensor: torch.Tensor) -> bool:
    is_dense = tensor.layout is torch.strided and tensor.device.type == "cpu"
    return is_dense and tensor.dtype is torch.float32


class _Ways:
    """Writes the second ways, and what they share: packed weights, and the answers which way to go."""

    def __init__(self, aliases: AliasSets, excluded: set[Node]) -> None:
        self._aliases = aliases
        self._excluded = excluded
        self._packed: dict[int, torch.Tensor] = {}
        self._answers: dict[tuple[Value, int], Value] = {}

    def add(self, linear: Node) -> None:
        follower = self._follower(linear)
        last = linear if follower is None else follower
        many = self._many_rows(linear)
        chosen = Writer(linear).add(Node("prim::If", [many], [last.output.type], source=linear.source))
        _fill(chosen, lambda writer: self._packed_way(linear, follower, writer))
        _fill(chosen, lambda writer: _plain_way(linear, follower, writer))
        chosen.output.name = last.output.name
        last.output.replace_all_uses_with(chosen.output)
        for node in (follower, linear):
            if node is not None:
                node.detach()

    def _follower(self, linear: Node) -> Node | None:
        """The activation or sum that can come into the blocks."""
        node = sole_reader(linear, self._aliases, self._excluded)
        if node is None or _shares_kernel(node):
            return None
        if activation_of(node) is None and not (
            key_of(node) == "aten::add.Tensor" and known_argument(node, "alpha") == 1
        ):
            return None
        others = [v for v in node.inputs if v is not linear.output and not is_constant(v)]
        return node if all(self._is_there_before(linear, v) for v in others) else None

    def _is_there_before(self, linear: Node, value: Value) -> bool:
        """Whether the value is what it will be later where the linear is."""
        nodes = linear.block.nodes
        if value.node is not None and value.node.block is linear.block:
            if nodes.index(value.node) > nodes.index(linear):
                return False
        return not self._aliases.is_written(value)

    def _many_rows(self, linear: Node) -> Value:
        """Whether oneDNN computes the linear of this input, faster."""
        x, weight = argument(linear, "input"), constant_tensor(argument(linear, "weight"))
        assert weight is not None
        columns = weight.shape[1]
        known = self._answers.get((x, columns))
        if known is not None and _reaches(known, linear) and not self._aliases.is_written(x):
            return known
        writer = Writer(linear)
        size = writer.call("aten::numel", x).output
        enough = writer.call("aten::ge.int", size, writer.constant(_LEAST_ROWS * columns, T.INT)).output
        answer = writer.add(Node("prim::If", [enough], [T.BOOL]))
        _fill(answer, lambda writer: _is_fit(x, columns, writer))
        _fill(answer, lambda writer: writer.constant(False, T.BOOL))
        self._answers[x, columns] = answer.output
        return answer.output

    def _packed_way(self, linear: Node, follower: Node | None, writer: Writer) -> Value:
        weight = constant_tensor(argument(linear, "weight"))
        assert weight is not None
        if id(weight) not in self._packed:
            self._packed[id(weight)] = pack(weight)
        activation = None if follower is None else _in_kernel(follower)
        result = writer.call(
            "mkldnn::_linear_pointwise",
            argument(linear, "input"),
            writer.constant(self._packed[id(weight)], T.TENSOR),
            argument(linear, "bias"),
            *activation_arguments(activation or _NONE, writer),
        ).output
        if follower is None or activation is not None:
            return result
        return _copy(follower, writer, {linear.output: result})


def pack(weight: torch.Tensor) -> torch.Tensor:
    """A linear's weight as oneDNN likes it best for many rows."""
    with torch.no_grad():
        weight = weight.detach().contiguous()
        packed: torch.Tensor = torch.ops.mkldnn._reorder_linear_weight(weight, _ROWS_EXPECTED)
    return packed


def _plain_way(linear: Node, follower: Node | None, writer: Writer) -> Value:
    copies: dict[Value, Value] = {}
    result = _copy(linear, writer, copies)
    return result if follower is None else _copy(follower, writer, copies)


def _is_fit(x: Value, columns: int, writer: Writer) -> Value:
    """Whether the operator computes what the linear does: it has errors of its own for other inputs, and no gradients."""
    last = writer.call("aten::size.int", x, writer.constant(-1, T.INT)).output
    fits = writer.call("aten::eq.int", last, writer.constant(columns, T.INT)).output
    dtype = writer.call("prim::dtype", x).output
    is_float = writer.call("aten::eq.int", dtype, writer.constant(dtype_code(torch.float32), T.DTYPE)).output
    learns = writer.call("prim::requires_grad", x).output
    answers = (fits, is_float, writer.call("aten::__not__", learns).output)
    both = writer.call("aten::__and__.bool", *answers[:2]).output
    return writer.call("aten::__and__.bool", both, answers[2]).output


def _in_kernel(follower: Node) -> Activation | None:
    """The activation as oneDNN's kernel has it, if NaN comes out of it as NaN."""
    found = activation_of(follower)
    if found is None or found.name in _CUTS_NAN_OFF:
        return None
    return None if found.name == "leaky_relu" and found.numbers[0] == 0 else found


def _shares_kernel(node: Node) -> bool:
    """Whether what reads the result is computed element by element; a sum with a linear is the linear's."""
    return any(meaning_of(user) is not None and not _adds_linear(user) for user, _ in node.output.users)


def _adds_linear(node: Node) -> bool:
    return key_of(node) == "aten::add.Tensor" and any(key_of(v.node) == "aten::linear" for v in node.inputs)


def _reaches(value: Value, place: Node) -> bool:
    """Whether a value that was made before the place is seen from there."""
    block: Block | None = place.block
    while block is not None and block is not value.defining_block:
        block = None if block.owner is None else block.owner.block
    return block is not None


def _fill(node: Node, write: Callable[[Writer], Value]) -> None:
    """A block of the node that gives what is written into it."""
    block = node.add_block()
    end = block.append(Node("prim::Constant", (), (T.NONE,), source=node.source))
    block.add_output(write(Writer(end)))
    end.detach()


def _copy(node: Node, writer: Writer, copies: dict[Value, Value]) -> Value:
    """A copy of a node with one result, and of the constants that may come after where it goes."""
    for value in node.inputs:
        if is_constant(value) and value not in copies and not isinstance(value.type, T.TensorType):
            assert value.node is not None
            writer.add(copy_node(value.node, writer.block, copies))
    return writer.add(copy_node(node, writer.block, copies)).output

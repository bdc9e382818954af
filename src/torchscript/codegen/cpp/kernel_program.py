"""A fusion group as a small program of vectors, masks and numbers, from which its kernel is printed.

    %2 = aten::mul(%x, %n)              v0 = input 0            (float)
    %3 = aten::gt(%2, %zero)     →      v1 = mul(v0, n0)        (float)
    %4 = aten::where(%3, %2, %y)        v2 = gt(v1, 0)          (mask)
                                        v3 = where(v2, v1, …)   (float)

All tensors of a group but masks, which are bool, have one dtype; the kernel checks it when it runs. Kernels take float
and double; those of which `takes_low` bfloat16 and half, those of which `takes_integers` int32 and int64. In a
group of kind "row" a value is a `row` (one number for each element) or, after a reduction, one number for a whole row;
`level` is how many reductions have to be finished before it can be computed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from ... import types as T
from ...codegen.python.helpers import DECODERS
from ...ir.graph import Node, Value
from ...passes.fusible import Meaning, known, meaning_of, operands_of
from .literals import float_literal

MASKS = frozenset({"logical_and", "logical_or", "logical_xor", "logical_not"})
BITWISE = {
    "bitwise_and": "logical_and",
    "bitwise_or": "logical_or",
    "bitwise_xor": "logical_xor",
    "bitwise_not": "logical_not",
}
_TAKES_MASK = {"where": 0, "masked_fill": 1}
REDUCTIONS = frozenset({"sum", "mean", "amax", "amin"})

_NAMES = """
add sub rsub mul div div_floor div_trunc remainder fmod pow addcmul addcdiv lerp maximum minimum
fmax fmin clamp clamp_min clamp_max neg abs sign square floor ceil trunc round frac copysign
reciprocal sqrt rsqrt exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan atan2 hypot
sinh cosh tanh asinh acosh atanh erf erfc sigmoid relu relu6 leaky_relu elu silu gelu
gelu_tanh softplus hardtanh hardsigmoid hardswish threshold eq ne lt le gt ge isnan isinf isfinite
where masked_fill fill_zero fill_one fill
"""

FUNCTIONS = frozenset(_NAMES.split())
"""What kernels.h has of the names of `fusible.FUSIBLE`."""


_OWN_STEPS = frozenset({"lerp", "addcmul", "addcdiv", "fmod", "remainder", "div_floor", "div_trunc"})
"""Functions that PyTorch computes in bfloat16 and half in steps of its own."""

_INTEGRAL_NAMES = """
add sub rsub mul div_floor div_trunc remainder fmod neg abs sign square maximum minimum clamp clamp_min clamp_max relu
eq ne lt le gt ge where masked_fill fill_zero fill_one fill copy number truth
"""

INTEGRAL = frozenset(_INTEGRAL_NAMES.split()) | MASKS
"""Functions of integers that give integers, or masks."""


class NoKernel(Exception):
    """The group has no kernel; its operators run one by one."""


@dataclass(eq=False, slots=True)
class Item:
    """A value of the kernel. `function` is "input", "number", or what computes it from `arguments`.

    `reads` are the tensors it depends on, as bits; `keeps` says that a reduced row counts as a dimension; `rounds` that
    it is what an operator of PyTorch gives, rather than a step on the way there.
    """

    function: str
    arguments: list[Item] = field(default_factory=list)
    is_mask: bool = False
    is_reduced: bool = False
    keeps: bool = True
    level: int = 0
    reads: int = 0
    rounds: bool = False
    text: str = ""
    name: str = ""

    @property
    def is_number(self) -> bool:
        return self.function == "number" and not self.arguments


@dataclass(slots=True)
class Kernel:
    """`tensors` and `numbers` are positions among the inputs of the group.

    `is_backward`: it computes gradients, whose strides are nobody's business.
    """

    items: list[Item]
    outputs: list[Item]
    tensors: list[int]
    masks: list[bool]
    numbers: list[int]
    is_row: bool
    dtypes: set[torch.dtype]
    is_backward: bool = False
    takes_low: bool = False
    takes_integers: bool = False


def read_group(group: Node) -> Kernel:
    """The program of a group. Raises NoKernel for what kernels do not compute."""
    return _Reader(group).read()


class _Reader:
    def __init__(self, group: Node) -> None:
        self.group = group
        (self.block,) = group.blocks
        self.items: list[Item] = []
        self.of: dict[Value, Item] = {}
        self.dtypes: set[torch.dtype] = set()
        self.is_row = group.attributes.get("kind") == "row"
        self.has_fractions = False  # among the numbers

    def read(self) -> Kernel:
        tensors: list[int] = []
        numbers: list[int] = []
        masks: list[bool] = []
        for i, value in enumerate(self.block.parameters):
            if isinstance(value.type, T.TensorType):
                is_mask = self._is_mask(value)
                self._add(
                    value, Item("input", is_mask=is_mask, reads=1 << len(tensors), text=str(len(tensors)))
                )
                tensors.append(i)
                masks.append(is_mask)
            else:
                self.has_fractions = self.has_fractions or isinstance(value.type, T.FloatType)
                self._add(value, Item("number", text=f"n{len(numbers)}"))
                numbers.append(i)
        if len(tensors) > 60:
            raise NoKernel
        for node in self.block.nodes:
            if node.kind not in ("prim::Constant", "prim::ListConstruct"):
                self._node(node)
        outputs = [self.of[v] for v in self.block.outputs]
        if any(o.function == "input" or o.is_number for o in outputs):
            raise NoKernel
        functions = {i.function for i in self.items if i.arguments}
        return Kernel(
            self.items,
            outputs,
            tensors,
            masks,
            numbers,
            self.is_row,
            self.dtypes,
            takes_low=not (self.dtypes or any(map(_has_own_steps, self.items))),
            takes_integers=functions <= INTEGRAL and not (self.is_row or self.has_fractions or self.dtypes),
        )

    def _is_mask(self, value: Value) -> bool:
        """Whether an input has to be of bool: the condition of a `where`, an operand of bit operators."""
        for user, index in value.users:
            meaning = meaning_of(user)
            if meaning is None:
                continue
            place = _TAKES_MASK.get(meaning.name)
            if place is not None and user.inputs[index] is operands_of(user, meaning)[place]:
                return True
            if meaning.name in BITWISE:
                return True
        return False

    def _add(self, value: Value, item: Item) -> Item:
        self.of[value] = item
        self.items.append(item)
        return item

    def _emit(self, function: str, arguments: list[Item], *, is_mask: bool = False) -> Item:
        tensors = [a for a in arguments if not a.is_number]
        is_reduced = bool(tensors) and all(a.is_reduced for a in tensors)
        keeps = all(a.keeps for a in tensors if a.is_reduced)
        if not is_reduced and not keeps:
            raise NoKernel  # a row without its dimension stands against other elements
        reads = 0
        for a in tensors:
            reads |= a.reads
        level = max((a.level for a in tensors), default=0)
        item = Item(function, arguments, is_mask, is_reduced, keeps, level, reads)
        self.items.append(item)
        return item

    def _number(self, value: float) -> Item:
        text = float_literal(value)
        item = Item("number", text=text)
        self.items.append(item)
        return item

    def _operand(self, value: Value) -> Item:
        found = self.of.get(value)
        if found is not None:
            return found
        constant = known(value)
        if isinstance(constant, bool | int | float):
            self.has_fractions = self.has_fractions or isinstance(constant, float) or abs(constant) >= 2**31
            return self._number(float(constant))
        raise NoKernel

    # -- operators -------------------------------------------------------------------------------------------

    def _node(self, node: Node) -> None:
        meaning = meaning_of(node)
        if meaning is None:
            raise NoKernel
        values = operands_of(node, meaning)
        if meaning.kind == "row":
            item = self._reduction(node, meaning, values)
        elif meaning.kind == "view":
            item = self._with_dimension(self._operand(values[0]))
        else:
            item = self._pointwise(node, meaning, values)
        item.rounds = not item.is_mask
        self.of[node.outputs[0]] = item

    def _with_dimension(self, item: Item) -> Item:
        if not item.is_reduced or item.keeps:
            raise NoKernel
        made = self._emit("copy", [item])
        made.keeps = True
        return made

    def _reduction(self, node: Node, meaning: Meaning, values: list[Value]) -> Item:
        operand = self._float(self._operand(values[0]))
        if operand.is_reduced or operand.is_number or not self.is_row:
            raise NoKernel
        self._same_dtype(node)
        keeps = bool(_argument(node, "keepdim"))
        if meaning.name in ("var", "std"):
            given = known(values[1])
            correction = 1.0 if given is None else float(given)
            # the elements' distances from the mean have sum 0: no gradient passes through it
            mean = self._emit("detach", [self._reduce("mean", operand, True)])
            off = self._emit("sub", [operand, mean])
            total = self._reduce("sum", self._emit("square", [off]), keeps)
            item = self._emit("over_length_less", [total, self._number(correction)])
            item.keeps = keeps
            return self._emit("std_of", [item]) if meaning.name == "std" else item
        if meaning.name not in REDUCTIONS:
            raise NoKernel
        assert node.schema is not None
        is_first = node.schema.key in ("aten::max.dim", "aten::min.dim")
        return self._reduce(meaning.name, operand, keeps, "first" if is_first else "")

    def _reduce(self, function: str, operand: Item, keeps: bool, text: str = "") -> Item:
        item = Item(function, [operand], False, True, keeps, operand.level + 1, operand.reads, text=text)
        self.items.append(item)
        return item

    def _same_dtype(self, node: Node) -> None:
        dtype = _dtype_argument(node)
        if dtype is None:
            return
        if dtype not in (torch.float32, torch.float64):
            raise NoKernel
        self.dtypes.add(dtype)

    def _pointwise(self, node: Node, meaning: Meaning, values: list[Value]) -> Item:
        name = meaning.name
        if name == "clamp":
            low, high = known(values[1]), known(values[2])
            if low is None or high is None:
                if low is high:
                    raise NoKernel
                name, values = (
                    ("clamp_max", [values[0], values[2]]) if low is None else ("clamp_min", values[:2])
                )
        if name == "pow":
            return self._power(values)
        operands = [self._operand(v) for v in values]
        if name in ("copy", "detach"):
            return self._emit(name, operands, is_mask=operands[0].is_mask)
        if name == "cast":
            return self._cast(node, meaning, operands)
        if name in BITWISE:
            if not all(o.is_mask for o in operands):
                raise NoKernel
            return self._emit(BITWISE[name], operands, is_mask=True)
        if name in MASKS:
            return self._emit(name, [self._mask(o) for o in operands], is_mask=True)
        if name not in FUNCTIONS:
            raise NoKernel
        place = _TAKES_MASK.get(name)
        if place is not None and not operands[place].is_mask:
            raise NoKernel
        floats = [o for i, o in enumerate(operands) if i != place and not o.is_number]
        if meaning.result == "bool":
            if not floats:
                raise NoKernel
        elif meaning.result == "same":
            if operands[0].is_mask or operands[0].is_number:
                raise NoKernel
        elif not any(not o.is_mask for o in floats):
            raise NoKernel  # the result would not be of the kernel's dtype
        if name in ("add", "sub", "rsub") and operands[2].is_number and operands[2].text == "1.0":
            operands.pop()
        arguments = [o if i == place else self._float(o) for i, o in enumerate(operands)]
        if name == "div" and arguments[1].is_reduced and not arguments[0].is_reduced:
            # one division for a row
            return self._emit("mul", [arguments[0], self._emit("reciprocal", [arguments[1]])])
        return self._emit(name, arguments, is_mask=meaning.result == "bool")

    def _cast(self, node: Node, meaning: Meaning, operands: list[Item]) -> Item:
        if meaning.result == "other":
            if operands[1].is_mask:
                raise NoKernel
            item = self._emit("copy", [self._float(operands[0])])
            item.reads = operands[0].reads  # the other's shape plays no part
            return item
        dtype = _dtype_argument(node)
        if dtype is torch.bool:
            return self._mask(operands[0])
        self._same_dtype(node)
        return self._emit("copy", [self._float(operands[0])])

    def _power(self, values: list[Value]) -> Item:
        base, exponent = self._operand(values[0]), known(values[1])
        if base.is_number or base.is_mask or not isinstance(exponent, int | float):
            operands = [base, self._operand(values[1])]
            if not any(not o.is_number and not o.is_mask for o in operands):
                raise NoKernel
            return self._emit("pow", [self._float(o) for o in operands])
        if exponent == 3:
            square = self._emit("square", [base])
            square.rounds = True  # so does PyTorch in bfloat16
            return self._emit("mul", [square, base])
        function = {2: "square", 0.5: "sqrt", -0.5: "rsqrt", -1: "reciprocal", 1: "copy"}.get(exponent)
        if function is not None:
            return self._emit(function, [base])
        return self._emit("pow", [base, self._number(float(exponent))])

    def _float(self, item: Item) -> Item:
        return self._emit("number", [item]) if item.is_mask else item

    def _mask(self, item: Item) -> Item:
        return item if item.is_mask else self._emit("truth", [item], is_mask=True)


def _has_own_steps(item: Item) -> bool:
    scaled = item.function in ("add", "sub", "rsub") and len(item.arguments) == 3
    return scaled or item.function in _OWN_STEPS


def _argument(node: Node, name: str) -> Any:
    assert node.schema is not None
    index = node.schema.argument_index(name)
    return None if index is None else known(node.inputs[index])


def _dtype_argument(node: Node) -> torch.dtype | None:
    """The dtype that a node names; NoKernel where it is not known."""
    value = _argument(node, "dtype")
    if isinstance(value, int):
        value = DECODERS[T.DtypeType](value)
    if value is not None and not isinstance(value, torch.dtype):
        raise NoKernel
    return value

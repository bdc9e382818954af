"""The kernel that computes the gradients of another kernel, by the chain rule over its program.

    v1 = exp(v0)              v1 = exp(v0)                       (computed again, or not at all)
    v2 = mul(v1, n0)    →     v2 = mul(g, n0)                    (g: the gradient of the result)
    result: v2                v3 = mul(v2, v1)
                              result: v3, the gradient of input 0

The kernel keeps nothing but inputs: what it needs of the values in between is computed again, which is cheaper than
memory. Its own derivative is that of the operators (`runtime/recording.cpp` runs those where somebody asks for it).

`RULES` says what reaches each argument of a function: `x`, `y`, … are the arguments, `r` is the result and `g` its
gradient. They are PyTorch's formulas (derivatives.yaml), so that ties, zeros and NaN come out as in eager mode. `-` is an
argument that nothing reaches; functions that are not in the table have gradient zero everywhere, or none.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from .kernel_program import MASKS, REDUCTIONS, Item, Kernel, NoKernel
from .literals import float_literal

_RULES = """
add x y:              g ; g
add x y a:            g ; g * a ; -
sub x y:              g ; -g
sub x y a:            g ; -(g * a) ; -
rsub x y:             -g ; g
rsub x y a:           -(g * a) ; g ; -
mul x y:              g * y ; g * x
div x y:              g / y ; -g * (r / y)
remainder x y:        g ; -g * div_floor(x, y)
fmod x y:             g ; -g * div_trunc(x, y)
pow x y:              where(y == 0, 0, g * (y * pow(x, y - 1))) ; where((x == 0) & (y >= 0), 0, g * (r * log(x)))
addcmul x a b v:      g ; g * (b * v) ; g * (a * v) ; -
addcdiv x a b v:      g ; g * (v / b) ; -g * (v * a / (b * b)) ; -
lerp x y w:           g * (1 - w) ; g * w ; g * (y - x)
maximum x y:          where(x < y, 0, where(x == y, g / 2, g)) ; where(x > y, 0, where(x == y, g / 2, g))
minimum x y:          where(x > y, 0, where(x == y, g / 2, g)) ; where(x < y, 0, where(x == y, g / 2, g))
fmax x y:             where((x >= y) | isnan(y), g, 0) ; where((x >= y) | isnan(y), 0, g)
fmin x y:             where((x <= y) | isnan(y), g, 0) ; where((x <= y) | isnan(y), 0, g)
clamp x a b:          where((x >= a) & (x <= b), g, 0) ; where((a < b) & (x < a), g, 0) ; where((x > b) | (b < a), g, 0)
clamp_min x a:        where(x >= a, g, 0) ; where(x < a, g, 0)
clamp_max x b:        where(x <= b, g, 0) ; where(x > b, g, 0)
neg x:                -g
abs x:                g * sign(x)
square x:             g * (x * 2)
frac x:               g
copysign x y:         where(x == 0, 0, g * (r / x)) ; 0
reciprocal x:         -g * (r * r)
sqrt x:               g / (r * 2)
std_of x:             where(r == 0, 0, g / (r * 2))
rsqrt x:              -0.5 * g * (r * r * r)
exp x:                g * r
exp2 x:               g * r * 0.69314718055994530942
expm1 x:              g * (r + 1)
log x:                g / x
log2 x:               g / (x * 0.69314718055994530942)
log10 x:              g / (x * 2.30258509299404568402)
log1p x:              g / (x + 1)
sin x:                g * cos(x)
cos x:                -g * sin(x)
tan x:                g * (1 + r * r)
asin x:               g * rsqrt(1 - x * x)
acos x:               -g * rsqrt(1 - x * x)
atan x:               g / (x * x + 1)
atan2 x y:            g * (y * reciprocal(x * x + y * y)) ; g * -(x * reciprocal(x * x + y * y))
hypot x y:            g * (x / r) ; g * (y / r)
sinh x:               g * cosh(x)
cosh x:               g * sinh(x)
tanh x:               g * (1 - r * r)
asinh x:              g * rsqrt(x * x + 1)
acosh x:              g * rsqrt(x * x - 1)
atanh x:              g / (1 - x * x)
erf x:                g * 1.12837916709551257390 * exp(-(x * x))
erfc x:               g * -1.12837916709551257390 * exp(-(x * x))
sigmoid x:            g * (1 - r) * r
relu x:               where(r <= 0, 0, g)
relu6 x:              where((x <= 0) | (x >= 6), 0, g)
leaky_relu x a:       where(x > 0, g, g * a) ; -
elu x a s i:          where(x <= 0, g * (i * s * a) * exp(x * i), g * s) ; - ; - ; -
silu x:               g * (sigmoid(x) * (1 + x * (1 - sigmoid(x))))
gelu x:               g * (0.5 * (1 + erf(x * 0.70710678118654752440)) + x * (exp(x * x * -0.5) * 0.39894228040143267794))
softplus x b t:       where(x * b > t, g, g * (exp(x * b) / (exp(x * b) + 1))) ; - ; -
hardtanh x a b:       where((x <= a) | (x >= b), 0, g) ; - ; -
hardsigmoid x:        where((x > -3) & (x < 3), g / 6, 0)
hardswish x:          where(x <= -3, 0, where(x >= 3, g, g * (x / 3 + 0.5)))
threshold x t v:      where(x <= t, 0, g) ; - ; -
where m x y:          - ; where(m, g, 0) ; where(m, 0, g)
masked_fill x m v:    where(m, 0, g) ; - ; where(m, g, 0)
copy x:               g
over_length_less x c: over_length_less(g, c) ; -
sum x:                g
mean x:               over_length_less(g, 0)
amax x:               number(x == r) * (g / sum(number(x == r)))
amin x:               number(x == r) * (g / sum(number(x == r)))
"""

_GELU_TANH = """
gelu_tanh x: g * (0.5 * (1 + {t}) + 0.5 * x * (1 - {t} * {t}) * (0.79788456080286535588 * (1 + 0.134145 * (x * x))))
""".replace("{t}", "tanh(0.79788456080286535588 * (x + 0.044715 * (x * x * x)))")

_FLAT = frozenset({
    "div_floor", "div_trunc", "sign", "floor", "ceil", "trunc", "round", "fill_zero", "fill_one", "fill", "detach",
})  # fmt: skip
"""Functions through which nothing passes: their results do not change with their arguments, almost everywhere."""

NONE, ZERO = "-", "0"


@cache
def rules() -> dict[tuple[str, int], tuple[list[str], list[str]]]:
    """The names of the arguments, and what reaches each, by function and number of arguments."""
    table = {}
    for line in filter(None, (_RULES + _GELU_TANH).splitlines()):
        head, _, body = line.partition(":")
        function, *names = head.split()
        table[function, len(names)] = names, [part.strip() for part in body.split(" ; ")]
    return table


@dataclass(slots=True)
class Backward:
    """How the gradients of a kernel come about.

    `kernel` takes the tensors of the first kernel that `saved` names, the gradients of the results that `gradients` names,
    and all numbers. `sources[i]` says what becomes the gradient of tensor i: a result of the kernel (0, 1, …), nothing
    (`MASK`), zeros (`NOTHING`), or the gradient of result k as it is (`PASSED + k`); `reads[i]` are the saved tensors that
    have part in it, as bits.
    """

    kernel: Kernel
    saved: list[int]
    gradients: list[int]
    sources: list[int]
    reads: list[int]
    origins: list[int]
    """For each result, the tensors whose gradients it reaches, as bits."""


MASK, NOTHING, PASSED = -1, -2, 1000


def backward_of(forward: Kernel) -> Backward:
    """Raises NoKernel where the kernel has a function without a rule, or no result with a gradient."""
    if not any(not o.is_mask for o in forward.outputs):
        raise NoKernel
    return _Differentiation(forward).run()


class _Differentiation:
    def __init__(self, forward: Kernel) -> None:
        self.forward = forward
        self.items: list[Item] = []
        self.known: dict[tuple[object, ...], Item] = {}
        self.copies: dict[Item, Item] = {}
        self.adjoints: dict[Item, list[Item]] = {}  # what has reached each item of the first kernel

    def run(self) -> Backward:
        forward = self.forward
        tensors = len(forward.tensors)
        for item in forward.items:
            self.copies[item] = self._copy(item)
        gradients = [k for k, o in enumerate(forward.outputs) if not o.is_mask]
        for k in gradients:
            place = tensors + k
            given = self._new(Item("input", reads=1 << place, text=str(place)))
            self._reach(forward.outputs[k], given)
        sources, reads, outputs = [MASK] * tensors, [0] * tensors, []
        for item in reversed(forward.items):
            adjoint = self.adjoints.get(item)
            if item.function != "input":
                if adjoint is not None and not item.is_mask:
                    self._propagate(item, self._sum(adjoint))
                continue
            if item.is_mask:
                continue
            place = int(item.text)
            if adjoint is None:
                sources[place] = NOTHING
                continue
            total = self._sum(adjoint)
            reads[place] = total.reads & ((1 << tensors) - 1)
            if total.function == "input":
                sources[place] = PASSED + int(total.text) - tensors
                continue
            if total.is_reduced or total.is_number:
                total = self._emit("copy", [total], spread=True)
            if total not in outputs:
                outputs.append(total)
            sources[place] = outputs.index(total)
        return self._backward(outputs, gradients, sources, reads)

    def _backward(
        self, outputs: list[Item], gradients: list[int], sources: list[int], reads: list[int]
    ) -> Backward:
        """The program without what no result needs, its tensors numbered anew."""
        needed: set[Item] = set()
        pending = list(outputs)
        while pending:
            item = pending.pop()
            if item not in needed:
                needed.add(item)
                pending += item.arguments
        # every number is passed on; what is not read costs nothing
        items = [i for i in self.items if i in needed or (i.function == "number" and not i.arguments)]
        tensors = len(self.forward.tensors)
        places = sorted(int(i.text) for i in items if i.function == "input")
        renumbered = {place: i for i, place in enumerate(places)}
        for item in items:
            item.reads = sum(1 << renumbered[p] for p in places if item.reads >> p & 1)
            if item.function == "input":
                item.text = str(renumbered[int(item.text)])
        saved = [p for p in places if p < tensors]
        given = [p - tensors for p in places if p >= tensors]
        count = len(self.forward.numbers)
        kernel = Kernel(
            items,
            outputs,
            tensors=list(range(len(places))),
            masks=[p < tensors and self.forward.masks[p] for p in places],
            numbers=list(range(len(places), len(places) + count)),
            is_row=any(i.function in REDUCTIONS for i in items) or self._uses_length(items),
            dtypes=set(self.forward.dtypes),
            is_backward=True,
        )
        return Backward(kernel, saved, given, sources, reads, self._origins())

    def _origins(self) -> list[int]:
        found: dict[Item, int] = {}
        for item in self.forward.items:
            if item.function == "input":
                found[item] = 0 if item.is_mask else 1 << int(item.text)
            elif item.is_mask or item.function in ("detach", "fill_zero", "fill_one", "fill"):
                found[item] = 0
            else:
                found[item] = 0
                for argument in item.arguments:
                    found[item] |= found[argument]
        return [found[o] for o in self.forward.outputs]

    @staticmethod
    def _uses_length(items: Sequence[Item]) -> bool:
        return any(i.function == "over_length_less" for i in items)

    # -- values ----------------------------------------------------------------------------------------------

    def _copy(self, item: Item) -> Item:
        """An item of the first kernel in this one."""
        arguments = [self.copies[a] for a in item.arguments]
        if item.function == "input":
            return self._new(Item("input", is_mask=item.is_mask, reads=1 << int(item.text), text=item.text))
        if item.is_number:
            return self._number(item.text)
        if item.function in REDUCTIONS and item.is_reduced:
            return self._reduce(item.function, arguments[0])
        return self._emit(item.function, arguments, is_mask=item.is_mask)

    def _new(self, item: Item) -> Item:
        self.items.append(item)
        return item

    def _number(self, text: str) -> Item:
        return self._shared(("number", text), lambda: Item("number", text=text))

    def _shared(self, key: tuple[object, ...], make: Callable[[], Item]) -> Item:
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = self._new(make())
        return found

    def _emit(
        self, function: str, arguments: list[Item], *, is_mask: bool = False, spread: bool = False
    ) -> Item:
        def make() -> Item:
            tensors = [a for a in arguments if not a.is_number]
            reads = 0
            for a in tensors:
                reads |= a.reads
            return Item(
                function,
                arguments,
                is_mask,
                is_reduced=bool(tensors) and all(a.is_reduced for a in tensors) and not spread,
                level=max((a.level for a in tensors), default=0),
                reads=reads,
            )

        if function == "copy" and not spread:
            return arguments[0]
        simpler = _simplified(function, arguments)
        if simpler is not None:
            return simpler
        return self._shared((function, spread, *map(id, arguments)), make)

    def _reduce(self, function: str, operand: Item) -> Item:
        if operand.is_reduced or operand.is_number:
            raise NoKernel
        return self._shared(
            (function, "row", id(operand)),
            lambda: Item(function, [operand], False, True, True, operand.level + 1, operand.reads),
        )

    def _sum(self, parts: list[Item]) -> Item:
        total = parts[0]
        for part in parts[1:]:
            total = self._emit("add", [total, part])
        return total

    # -- the chain rule ------------------------------------------------------------------------------------------

    def _reach(self, item: Item, gradient: Item) -> None:
        self.adjoints.setdefault(item, []).append(gradient)

    def _propagate(self, item: Item, gradient: Item) -> None:
        if item.function in _FLAT or item.function in MASKS or item.function == "truth":
            return
        if item.function == "number":  # a mask as a number
            return
        if item.text == "first":
            raise NoKernel  # of equal elements, max(dim) has one, and the kernel does not know which
        found = rules().get((item.function, len(item.arguments)))
        if found is None:
            raise NoKernel
        names, parts = found
        scope = {n: self.copies[a] for n, a in zip(names, item.arguments, strict=True)}
        scope["r"], scope["g"] = self.copies[item], gradient
        for argument, text in zip(item.arguments, parts, strict=True):
            if text in (NONE, ZERO) or argument.is_mask or self._is_constant(argument):
                continue
            part = self._value(_parsed(text), scope)
            if argument.is_reduced and not item.is_reduced:
                part = self._over_row(part)
            self._reach(argument, part)

    @staticmethod
    def _is_constant(item: Item) -> bool:
        return item.is_number or item.function in ("fill_zero", "fill_one", "detach")

    def _over_row(self, part: Item) -> Item:
        """What reaches a value of the whole row from all its elements."""
        if not part.is_reduced and not part.is_number:
            return self._reduce("sum", part)
        share = self._emit("over_length_less", [self._number("1.0"), self._number("0.0")])
        return self._emit("div", [part, share])

    def _value(self, node: ast.expr, scope: dict[str, Item]) -> Item:
        match node:
            case ast.Name(id=name):
                return scope[name]
            case ast.Constant(value=int() | float() as value):
                return self._number(float_literal(float(value)))
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
                return self._number(float_literal(-float(value)))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._emit("neg", [self._value(operand, scope)])
            case ast.BinOp(left=left, op=op, right=right):
                function = _BINARY[op.__class__]
                arguments = [self._value(left, scope), self._value(right, scope)]
                return self._emit(function, arguments, is_mask=function in MASKS)
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return self._emit(
                    _COMPARE[op.__class__],
                    [self._value(left, scope), self._value(right, scope)],
                    is_mask=True,
                )
            case ast.Call(func=ast.Name(id="sum"), args=[operand]):
                return self._reduce("sum", self._value(operand, scope))
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self._emit(name, [self._value(a, scope) for a in arguments], is_mask=name == "isnan")
        raise AssertionError(ast.dump(node))


_BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.BitAnd: "logical_and", ast.BitOr: "logical_or",
}  # fmt: skip
_COMPARE: dict[type[ast.cmpop], str] = {
    ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge",
}  # fmt: skip


@cache
def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _simplified(function: str, arguments: list[Item]) -> Item | None:
    """Products with 1, which leave a value as it is; nothing that would change NaN."""
    if function == "mul":
        for one, other in (arguments, arguments[::-1]):
            if one.is_number and one.text == "1.0" and not other.is_number:
                return other
    return None

"""Which operators a fused kernel can compute element by element, and what each computes.

One row for each overload: what it means for numbers, of what dtype the result is, and under which conditions
the row applies. `meaning_of(node)` finds the row of a node. Names of operands are those of the schema, in the
order in which the function of the row takes them; whatever else the overload takes is fixed by a condition.

Dtypes of results, by name:

    promote   that of `torch.result_type` over the operands (tensors without dimensions and numbers weigh less)
    float     the same, and the default float dtype where that is integral
    bool
    same      that of the first operand
    other     that of the operand `other`
    dtype     the constant argument `dtype`; that of the first operand where it is None (a sum of integers: int64)

Conditions: `name=value`, a constant of that value; `fixed(name)`, any constant; `last(name)`, a constant that
names the last dimension; `unused(i)`, nobody reads result i.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from .. import types as T
from ..ir.graph import Node, Value
from .constants import constant_value, is_constant

UNKNOWN = object()


@dataclass(frozen=True)
class Meaning:
    """What one overload computes, under its conditions."""

    name: str
    """The function of numbers: `add`, `gelu_tanh`; the same for all overloads that compute the same."""
    operands: tuple[str, ...]
    """The arguments of the schema that the function takes, in order: tensors, numbers, and None."""
    result: str
    """The dtype of the result, as the docstring of this module says."""
    kind: str
    """`pointwise`; `row`, which reduces the last dimension; `view`, which puts the reduced dimension back."""
    conditions: tuple[str, ...] = ()

    @property
    def may_alias(self) -> bool:
        """Whether the result may share memory with the first operand, as a cast to the dtype that it has."""
        return self.name in ("cast", "detach") or self.kind == "view"


# --- The table ------------------------------------------------------------------------------------------------

_POINTWISE = """
# x + y
aten::add.Tensor            add(self, other, alpha)         promote
aten::add.Scalar            add(self, other, alpha)         promote
aten::sub.Tensor            sub(self, other, alpha)         promote
aten::sub.Scalar            sub(self, other, alpha)         promote
aten::rsub.Tensor           rsub(self, other, alpha)        promote
aten::rsub.Scalar           rsub(self, other, alpha)        promote
aten::mul.Tensor            mul(self, other)                promote
aten::mul.Scalar            mul(self, other)                promote
aten::div.Tensor            div(self, other)                float
aten::div.Scalar            div(self, other)                float
aten::div.Tensor_mode       div(self, other)                float      rounding_mode=None
aten::div.Tensor_mode       div_floor(self, other)          promote    rounding_mode='floor'
aten::div.Tensor_mode       div_trunc(self, other)          promote    rounding_mode='trunc'
aten::div.Scalar_mode       div(self, other)                float      rounding_mode=None
aten::div.Scalar_mode       div_floor(self, other)          promote    rounding_mode='floor'
aten::div.Scalar_mode       div_trunc(self, other)          promote    rounding_mode='trunc'
aten::true_divide.Tensor    div(self, other)                float
aten::true_divide.Scalar    div(self, other)                float
aten::floor_divide          div_floor(self, other)          promote
aten::floor_divide.Scalar   div_floor(self, other)          promote
aten::remainder.Tensor      remainder(self, other)          promote
aten::remainder.Scalar      remainder(self, other)          promote
aten::remainder.Scalar_Tensor  remainder(self, other)       promote
aten::fmod.Tensor           fmod(self, other)               promote
aten::fmod.Scalar           fmod(self, other)               promote
aten::pow.Tensor_Tensor     pow(self, exponent)             promote
aten::pow.Tensor_Scalar     pow(self, exponent)             promote
aten::addcmul               addcmul(self, tensor1, tensor2, value)  promote
aten::addcdiv               addcdiv(self, tensor1, tensor2, value)  float
aten::lerp.Scalar           lerp(self, end, weight)         same
aten::lerp.Tensor           lerp(self, end, weight)         same

# the larger and the smaller
aten::maximum               maximum(self, other)            promote
aten::minimum               minimum(self, other)            promote
aten::max.other             maximum(self, other)            promote
aten::min.other             minimum(self, other)            promote
aten::fmax                  fmax(self, other)               promote
aten::fmin                  fmin(self, other)               promote
aten::clamp                 clamp(self, min, max)           promote
aten::clamp.Tensor          clamp(self, min, max)           promote
aten::clip                  clamp(self, min, max)           promote
aten::clip.Tensor           clamp(self, min, max)           promote
aten::clamp_min             clamp_min(self, min)            promote
aten::clamp_min.Tensor      clamp_min(self, min)            promote
aten::clamp_max             clamp_max(self, max)            promote
aten::clamp_max.Tensor      clamp_max(self, max)            promote

# signs, rounding
aten::neg                   neg(self)                       same
aten::negative              neg(self)                       same
aten::abs                   abs(self)                       same
aten::absolute              abs(self)                       same
aten::sign                  sign(self)                      same
aten::sgn                   sign(self)                      same
aten::square                square(self)                    same
aten::floor                 floor(self)                     same
aten::ceil                  ceil(self)                      same
aten::trunc                 trunc(self)                     same
aten::fix                   trunc(self)                     same
aten::round                 round(self)                     same
aten::frac                  frac(self)                      same
aten::copysign.Tensor       copysign(self, other)           float
aten::copysign.Scalar       copysign(self, other)           float

# powers, exponentials, logarithms
aten::reciprocal            reciprocal(self)                float
aten::sqrt                  sqrt(self)                      float
aten::rsqrt                 rsqrt(self)                     float
aten::exp                   exp(self)                       float
aten::exp2                  exp2(self)                      float
aten::expm1                 expm1(self)                     float
aten::log                   log(self)                       float
aten::log2                  log2(self)                      float
aten::log10                 log10(self)                     float
aten::log1p                 log1p(self)                     float
aten::logaddexp             logaddexp(self, other)          float
aten::xlogy.Tensor          xlogy(self, other)              float
aten::xlogy.Scalar_Self     xlogy(self, other)              float
aten::xlogy.Scalar_Other    xlogy(self, other)              float

# angles
aten::sin                   sin(self)                       float
aten::cos                   cos(self)                       float
aten::tan                   tan(self)                       float
aten::asin                  asin(self)                      float
aten::acos                  acos(self)                      float
aten::atan                  atan(self)                      float
aten::atan2                 atan2(self, other)              float
aten::hypot                 hypot(self, other)              promote
aten::sinh                  sinh(self)                      float
aten::cosh                  cosh(self)                      float
aten::tanh                  tanh(self)                      float
aten::asinh                 asinh(self)                     float
aten::acosh                 acosh(self)                     float
aten::atanh                 atanh(self)                     float
aten::erf                   erf(self)                       float
aten::erfc                  erfc(self)                      float
aten::special_erf           erf(self)                       float

# activations
aten::sigmoid               sigmoid(self)                   float
aten::special_expit         sigmoid(self)                   float
aten::relu                  relu(self)                      same
aten::relu6                 relu6(self)                     same
aten::leaky_relu            leaky_relu(self, negative_slope)  same
aten::elu                   elu(self, alpha, scale, input_scale)  same
aten::selu                  selu(self)                      same
aten::celu                  celu(self, alpha)               same
aten::silu                  silu(self)                      same
aten::mish                  mish(self)                      same
aten::gelu                  gelu(self)                      same       approximate='none'
aten::gelu                  gelu_tanh(self)                 same       approximate='tanh'
aten::softplus              softplus(self, beta, threshold) same
aten::hardtanh              hardtanh(self, min_val, max_val)  same
aten::hardsigmoid           hardsigmoid(self)               same
aten::hardswish             hardswish(self)                 same
aten::hardshrink            hardshrink(self, lambd)         same
aten::softshrink            softshrink(self, lambd)         same
aten::threshold             threshold(self, threshold, value)  same

# comparisons
aten::eq.Tensor             eq(self, other)                 bool
aten::eq.Scalar             eq(self, other)                 bool
aten::ne.Tensor             ne(self, other)                 bool
aten::ne.Scalar             ne(self, other)                 bool
aten::lt.Tensor             lt(self, other)                 bool
aten::lt.Scalar             lt(self, other)                 bool
aten::le.Tensor             le(self, other)                 bool
aten::le.Scalar             le(self, other)                 bool
aten::gt.Tensor             gt(self, other)                 bool
aten::gt.Scalar             gt(self, other)                 bool
aten::ge.Tensor             ge(self, other)                 bool
aten::ge.Scalar             ge(self, other)                 bool
aten::isnan                 isnan(self)                     bool
aten::isinf                 isinf(self)                     bool
aten::isfinite              isfinite(self)                  bool

# logic
aten::logical_and           logical_and(self, other)        bool
aten::logical_or            logical_or(self, other)         bool
aten::logical_xor           logical_xor(self, other)        bool
aten::logical_not           logical_not(self)               bool
aten::bitwise_and.Tensor    bitwise_and(self, other)        promote
aten::bitwise_and.Scalar    bitwise_and(self, other)        promote
aten::__and__.Tensor        bitwise_and(self, other)        promote
aten::__and__.Scalar        bitwise_and(self, other)        promote
aten::bitwise_or.Tensor     bitwise_or(self, other)         promote
aten::bitwise_or.Scalar     bitwise_or(self, other)         promote
aten::__or__.Tensor         bitwise_or(self, other)         promote
aten::__or__.Scalar         bitwise_or(self, other)         promote
aten::bitwise_xor.Tensor    bitwise_xor(self, other)        promote
aten::bitwise_xor.Scalar    bitwise_xor(self, other)        promote
aten::__xor__.Tensor        bitwise_xor(self, other)        promote
aten::__xor__.Scalar        bitwise_xor(self, other)        promote
aten::bitwise_not           bitwise_not(self)               same

# one or the other
aten::where.self            where(condition, self, other)   promote
aten::where.ScalarSelf      where(condition, self, other)   promote
aten::where.ScalarOther     where(condition, self, other)   promote
aten::masked_fill.Scalar    masked_fill(self, mask, value)  same
aten::masked_fill.Tensor    masked_fill(self, mask, value)  same

# the same shape with other elements
aten::zeros_like            fill_zero(self)                 same       dtype=None, layout=None, device=None, pin_memory=None, memory_format=None
aten::ones_like             fill_one(self)                  same       dtype=None, layout=None, device=None, pin_memory=None, memory_format=None
aten::full_like             fill(self, fill_value)          same       dtype=None, layout=None, device=None, pin_memory=None, memory_format=None
aten::clone                 copy(self)                      same       memory_format=None

# casts
aten::to.dtype              cast(self)                      dtype      fixed(dtype), non_blocking=False, copy=False, memory_format=None
aten::type_as               cast(self, other)               other
aten::detach                detach(self)                    same
"""  # noqa: E501

_ROW = """
aten::sum.dim_IntList       sum(self)                       dtype      last(dim), fixed(keepdim), fixed(dtype)
aten::mean.dim              mean(self)                      dtype      last(dim), fixed(keepdim), fixed(dtype)
aten::amax                  amax(self)                      same       last(dim), fixed(keepdim)
aten::amin                  amin(self)                      same       last(dim), fixed(keepdim)
aten::max.dim               amax(self)                      same       last(dim), fixed(keepdim), unused(1)
aten::min.dim               amin(self)                      same       last(dim), fixed(keepdim), unused(1)
aten::var.dim               var(self, unbiased)             same       last(dim), fixed(keepdim), fixed(unbiased)
aten::var.correction        var(self, correction)           same       last(dim), fixed(keepdim), fixed(correction)
aten::std.dim               std(self, unbiased)             same       last(dim), fixed(keepdim), fixed(unbiased)
aten::std.correction        std(self, correction)           same       last(dim), fixed(keepdim), fixed(correction)
"""

_VIEW = """
aten::unsqueeze             unsqueeze(self)                 same       last(dim)
"""

_ENTRY = re.compile(r"(\S+)\s+(\w+)\(([\w, ]*)\)\s+(\w+)\s*(.*)")


def _table(kind: str, text: str) -> dict[str, tuple[Meaning, ...]]:
    rows: dict[str, tuple[Meaning, ...]] = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        found = _ENTRY.fullmatch(line)
        assert found is not None, line
        key, name, operands, result, conditions = found.groups()
        wanted = tuple(conditions.split(", ")) if conditions else ()
        rows[key] = (
            *rows.get(key, ()),
            Meaning(name, tuple(operands.split(", ")), result, kind, wanted),
        )
    return rows


FUSIBLE: dict[str, tuple[Meaning, ...]] = {
    **_table("pointwise", _POINTWISE),
    **_table("row", _ROW),
    **_table("view", _VIEW),
}
"""The rows of every overload that can be fused, by `name.overload`."""


# --- Reading it -----------------------------------------------------------------------------------------------


def meaning_of(node: Node) -> Meaning | None:
    """The row that applies to this node; None where it cannot be fused.

    >>> from torchscript.ir import parse_graph
    >>> graph = parse_graph('''
    ... graph(%x : Tensor, %n : int):
    ...   %y : Tensor = aten::mul(%x, %n)
    ...   return (%y)
    ... ''')
    >>> meaning = meaning_of(graph.block.nodes[0])
    >>> meaning.name, meaning.operands, meaning.result
    ('mul', ('self', 'other'), 'promote')
    """
    if node.schema is None:
        return None
    for meaning in FUSIBLE.get(node.schema.key, ()):
        if _takes(node, meaning) and all(_condition(c)(node) for c in meaning.conditions):
            return meaning
    return None


def operands_of(node: Node, meaning: Meaning) -> list[Value]:
    """The inputs of the node that its meaning takes, in order."""
    assert node.schema is not None
    return [node.inputs[_index(node, name)] for name in meaning.operands]


def known(value: Value) -> Any:
    """What a value is worth that is a constant, or a list of constants; `UNKNOWN` for all others."""
    if is_constant(value):
        return constant_value(value)
    node = value.node
    if node is not None and node.kind == "prim::ListConstruct" and all(map(is_constant, node.inputs)):
        return [constant_value(v) for v in node.inputs]
    return UNKNOWN


_NUMBERS = (T.IntType, T.FloatType, T.BoolType)


def is_operand(value: Value) -> bool:
    """Whether a kernel can take the value: a tensor, or a number."""
    return isinstance(value.type, (T.TensorType, *_NUMBERS))


def _takes(node: Node, meaning: Meaning) -> bool:
    operands = operands_of(node, meaning)
    if not all(is_operand(v) or known(v) is None for v in operands):
        return False
    return any(isinstance(v.type, T.TensorType) for v in operands)


def _index(node: Node, name: str) -> int:
    assert node.schema is not None
    index = node.schema.argument_index(name)
    assert index is not None
    return index


@cache
def _condition(text: str) -> Callable[[Node], bool]:
    """A condition of the table as a function of nodes."""
    call = re.fullmatch(r"(fixed|last|unused)\((\w+)\)", text)
    if call is None:
        name, _, wanted = text.partition("=")
        value = ast.literal_eval(wanted)
        return lambda node: known(node.inputs[_index(node, name)]) == value
    which, name = call.groups()
    if which == "unused":
        return lambda node: not node.outputs[int(name)].users
    if which == "fixed":
        return lambda node: known(node.inputs[_index(node, name)]) is not UNKNOWN
    return lambda node: known(node.inputs[_index(node, name)]) in (-1, [-1])

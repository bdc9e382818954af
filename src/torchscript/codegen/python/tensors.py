"""Operators on tensors that Python has operators for."""

from __future__ import annotations

from ... import types as T
from ...ir.graph import Node
from ...schema import Schema
from .values import constant_of, is_constant
from .views import view_template

# Python's operators on tensors take a shorter way into PyTorch than its functions, to the same overload.
# Those with an `alpha` or a `rounding_mode` only if it is the default. The second operand may be a number.
_TENSOR_EXPRESSIONS = {
    "aten::add": "{0} + {1}",
    "aten::sub": "{0} - {1}",
    "aten::mul": "{0} * {1}",
    "aten::div": "{0} / {1}",
    "aten::pow": "{0} ** {1}",
    "aten::matmul": "{0} @ {1}",
    "aten::eq": "{0} == {1}",
    "aten::ne": "{0} != {1}",
    "aten::lt": "{0} < {1}",
    "aten::le": "{0} <= {1}",
    "aten::gt": "{0} > {1}",
    "aten::ge": "{0} >= {1}",
    "aten::bitwise_and": "{0} & {1}",
    "aten::bitwise_or": "{0} | {1}",
    "aten::bitwise_xor": "{0} ^ {1}",
    "aten::remainder": "{0} % {1}",
    "aten::neg": "-{0}",
    "aten::bitwise_not": "~{0}",
}
_NUMBERS = (T.IntType, T.FloatType, T.BoolType, T.ComplexType, T.NumberType)


def expression_template(node: Node, schema: Schema) -> str | None:
    """The template of an operator of the dispatcher that is an operator of Python, or a subscript."""
    text = _TENSOR_EXPRESSIONS.get(schema.name)
    if text is None:
        return view_template(node, schema)
    if schema.overload not in ("", "Tensor", "Scalar", "Tensor_Tensor", "Tensor_Scalar"):
        return None
    if not isinstance(node.inputs[0].type, T.TensorType) or schema.is_mutable:
        return None
    written = text.count("{")
    for argument, value in list(zip(schema.arguments, node.inputs, strict=True))[written:]:
        if not is_constant(value) or constant_of(value) != argument.default:
            return None
    if written == 2 and not isinstance(node.inputs[1].type, (T.TensorType, *_NUMBERS)):
        return None
    return text

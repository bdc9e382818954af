"""How one operator node is written in Python: by a template of the language's tables, or as a call.

    aten::add.int(%a, %b)             →  a + b
    aten::add.Tensor(%x, %y, %one)    →  x + y
    aten::sum.dim_IntList(%x, …)      →  torch.sum(x, (1,), True)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ... import types as T
from ...errors import BackendError
from ...ir.graph import Node, Value
from ...ir.operands import find_schema
from ...operators import Builtin, CallStyle, PythonCall, builtin_of, overload_of, python_callable_of, schemas_of
from ...schema import Schema
from .templates import Template, parse_template

_NONE: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Operation:
    """`order` are the inputs that are written, as Python evaluates them; the others equal the schema's defaults."""

    schema: Schema
    order: tuple[int, ...]
    repeated: frozenset[int] = _NONE
    conditional: frozenset[int] = _NONE
    template: Template | None = None
    builtin: Builtin | None = None
    call: PythonCall | None = None
    positional: tuple[int, ...] = ()
    keywords: tuple[tuple[str, int], ...] = ()


def is_constant(value: Value) -> bool:
    return value.node is not None and value.node.kind in ("prim::Constant", "prim::Uninitialized")


def constant_of(value: Value) -> Any:
    """The Python object of a `prim::Constant`."""
    assert value.node is not None
    return value.node.attributes.get("value")


def operation_of(node: Node) -> Operation:
    """Raises BackendError for an operator that nothing implements."""
    schema = node.schema
    if schema is None:
        schema = find_schema(node, schemas_of(node.kind))
        if schema is None:
            types = ", ".join(str(v.type) for v in node.inputs)
            raise BackendError(f"No operator '{node.kind}' takes ({types}).")
    builtin = builtin_of(schema)
    text = builtin.python if builtin is not None else _tensor_expression(node, schema)
    if text is None:
        return _call(node, schema)
    template = parse_template(text)
    order = template.order
    if template.takes_all:
        order += tuple(range(len(schema.arguments), len(node.inputs)))
    return Operation(schema, order, template.repeated, template.conditional, template, builtin)


def _call(node: Node, schema: Schema) -> Operation:
    call = python_callable_of(schema) or _overload_call(schema)
    if call is None:
        raise BackendError(f"Nothing implements the operator '{schema.key}'.")
    positional: list[int] = []
    keywords: list[tuple[str, int]] = []
    for index, (argument, value) in enumerate(zip(schema.arguments, node.inputs, strict=False)):
        if not call.is_keyword(argument):
            positional.append(index)
        elif not _is_default(argument.default, value):
            keywords.append((argument.name, index))
    while positional:
        index = positional[-1]
        if not _is_default(schema.arguments[index].default, node.inputs[index]):
            break
        positional.pop()
    positional.extend(range(len(schema.arguments), len(node.inputs)))  # of a vararg operator
    order = (*positional, *(index for _, index in keywords))
    return Operation(schema, order, call=call, positional=tuple(positional), keywords=tuple(keywords))


def _overload_call(schema: Schema) -> PythonCall | None:
    """The overload itself, as a global."""
    overload = overload_of(schema)
    if overload is None:
        return None
    name = schema.key.replace("::", "_").replace(".", "_")
    return PythonCall(
        overload, name, CallStyle.FUNCTION, frozenset(a.name for a in schema.arguments if a.kwarg_only)
    )


def _is_default(default: Any, value: Value) -> bool:
    if not is_constant(value):
        return False
    given = constant_of(value)
    return type(given) is type(default) and not hasattr(given, "shape") and bool(given == default)


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


def _tensor_expression(node: Node, schema: Schema) -> str | None:
    text = _TENSOR_EXPRESSIONS.get(schema.name)
    if text is None or schema.overload not in ("", "Tensor", "Scalar", "Tensor_Tensor", "Tensor_Scalar"):
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


def is_scalar(type: T.Type) -> bool:
    """Whether values of this type are immutable and arithmetic on them cannot fail."""
    return isinstance(type, (T.IntType, T.FloatType, T.BoolType, T.NoneType, T.DtypeType))


def is_movable(node: Node, operation: Operation) -> bool:
    """Whether the operator may as well run later than it stands: it reads nothing that changes and cannot fail."""
    template, builtin = operation.template, operation.builtin
    if template is None or builtin is None or not builtin.pure or not template.cannot_fail:
        return False
    if all(is_scalar(v.type) for v in node.inputs):
        return True
    return template.is_identity_test

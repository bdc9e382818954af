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
from ...operators import (
    Builtin,
    CallStyle,
    PythonCall,
    builtin_of,
    overload_of,
    python_callable_of,
    schemas_of,
)
from ...schema import Schema
from .templates import Template, parse_template
from .tensors import expression_template
from .values import constant_of, is_constant

_NONE: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Operation:
    """`order` are the inputs that are written, as Python evaluates them; others are the schema's defaults."""

    schema: Schema
    order: tuple[int, ...]
    repeated: frozenset[int] = _NONE
    conditional: frozenset[int] = _NONE
    template: Template | None = None
    builtin: Builtin | None = None
    call: PythonCall | None = None
    positional: tuple[int, ...] = ()
    keywords: tuple[tuple[str, int], ...] = ()


def operation_of(node: Node) -> Operation:
    """Raises BackendError for an operator that nothing implements."""
    schema = node.schema
    if schema is None:
        schema = find_schema(node, schemas_of(node.kind))
        if schema is None:
            types = ", ".join(str(v.type) for v in node.inputs)
            raise BackendError(f"No operator '{node.kind}' takes ({types}).")
    builtin = builtin_of(schema)
    text = builtin.python if builtin is not None else expression_template(node, schema)
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
        argument = schema.arguments[index]
        if argument.name == "reduction" or not _is_default(argument.default, node.inputs[index]):
            break  # the losses of torch._C._nn do not reduce by default, whatever their schemas say
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


def is_scalar(type: T.Type) -> bool:
    """Whether values of this type are immutable and arithmetic on them cannot fail."""
    return isinstance(type, (T.IntType, T.FloatType, T.BoolType, T.NoneType, T.DtypeType))


def is_movable(node: Node, operation: Operation) -> bool:
    """Whether the operator may as well run later: it reads nothing that changes and cannot fail."""
    template, builtin = operation.template, operation.builtin
    if template is None or builtin is None or not builtin.pure or not template.cannot_fail:
        return False
    if all(is_scalar(v.type) for v in node.inputs):
        return True
    return template.is_identity_test

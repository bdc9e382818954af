"""Whether a node's inputs are what its operator's schema asks for.

The inputs of a node are all arguments of the schema, in order, converted already: an int where one is wanted.
(Choosing an overload and the conversions it takes is `torchscript.schema.match`.)
"""

from __future__ import annotations

from collections.abc import Sequence

from .. import types as T
from ..schema import Conversion, Schema
from ..schema.conversion import fit
from ..schema.variables import Bindings, bind, substitute
from .graph import Node, Value

# a bool is a Scalar as it is; the type of `[]` was settled when the graph was made
_AS_IT_IS = (Conversion.NONE, Conversion.BOOL_TO_SCALAR, Conversion.RESOLVE_PENDING)


def fits(actual: T.Type, formal: T.Type) -> bool:
    """Whether a value of type `actual` may stand, as it is, where `formal` is asked for."""
    if actual is formal or actual.is_subtype_of(formal):
        return True
    how = fit(formal, actual, None)
    return how is not None and how.conversion in _AS_IT_IS


def result_types(schema: Schema, inputs: Sequence[Value]) -> tuple[T.Type, ...] | str:
    """The types of the operator's results for these inputs; a short sentence where it does not take them."""
    count = len(schema.arguments)
    if len(inputs) < count or (len(inputs) > count and not schema.is_vararg):
        return f"{schema.key} has {count} arguments, and the node {len(inputs)} inputs"
    env: Bindings = {}
    for argument, value in zip(schema.arguments, inputs, strict=False):
        why = bind(argument.type, value.type, env)
        formal = substitute(argument.type, env)
        if why is not None and isinstance(value.type, T.NoneType) and isinstance(formal, T.OptionalType):
            why = None  # None binds no variable, and fits all the same
        elif why is None and not fits(value.type, formal):
            why = f"it is of type '{value.type}', not '{formal}'"
        if why is not None:
            return f"argument '{argument.name}' of {schema.key}: {why}"
    return tuple(substitute(r.type, env) for r in schema.returns)


def find_schema(node: Node, schemas: Sequence[Schema]) -> Schema | None:
    """The overload that a node calls, by its inputs and outputs; None where none fits.

    Overloads whose results are exactly the node's outputs go before those that merely take its inputs.
    """
    outputs = tuple(v.type for v in node.outputs)
    fallback: Schema | None = None
    for schema in schemas:
        types = result_types(schema, node.inputs)
        if isinstance(types, str):
            continue
        if types == outputs or schema.is_varret:
            return schema
        if fallback is None and len(types) == len(outputs):
            fallback = schema
    return fallback

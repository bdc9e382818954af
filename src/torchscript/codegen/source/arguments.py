"""Which arguments of an operator call have to be written.

    aten::conv2d(%x, %w, %b, [1, 1], [0, 0], [1, 1], 1)    →    torch.conv2d(x, w, b)

Arguments that equal their defaults are left out, from the end, and anywhere among those that are given by
keyword; but only if a reader still finds the same overload for what is left.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from ...errors import SchemaMatchError
from ...ir.graph import Node, Value
from ...operators.dispatcher import schemas_of
from ...schema import Argument, Schema, code_of, match, match_overloads

_resolved: dict[tuple[object, ...], bool] = {}
_MAX_RESOLVED = 100_000


def schema_of_call(node: Node) -> Schema | None:
    """The overload that a node calls, or None where that is not known (or is not of fixed arguments)."""
    schema = node.schema
    if schema is None or schema.is_vararg or len(schema.arguments) != len(node.inputs):
        return None
    return schema


def written_arguments(node: Node, schema: Schema) -> list[tuple[str, int]]:
    """The arguments to write, in order: the keyword (empty for a positional one) and the input's number."""
    arguments = schema.arguments
    positional = [i for i, a in enumerate(arguments) if not a.kwarg_only]
    needed = {i for i, a in enumerate(arguments) if not _is_default(node.inputs[i], a)}
    last = max((n for n, i in enumerate(positional) if i in needed), default=-1)
    short = [("", i) for i in positional[: last + 1]]
    short += [(a.name, i) for i, a in enumerate(arguments) if a.kwarg_only and i in needed]
    if len(short) == len(arguments) or _resolves(node, schema, short):
        return short
    return [("", i) for i in positional] + [(a.name, i) for i, a in enumerate(arguments) if a.kwarg_only]


def _is_default(value: Value, argument: Argument) -> bool:
    node = value.node
    if not argument.has_default or node is None:
        return False
    default = argument.default
    if node.kind == "prim::Constant":
        return _equal(node.attributes.get("value"), default, argument)
    if node.kind == "prim::ListConstruct" and isinstance(default, list | tuple):
        if len(node.inputs) != len(default) or any(v.node is None for v in node.inputs):
            return False
        return all(
            v.node is not None
            and v.node.kind == "prim::Constant"
            and _equal(v.node.attributes.get("value"), d, argument)
            for v, d in zip(node.inputs, default)
        )
    return False


def _equal(value: Any, default: Any, argument: Argument) -> bool:
    value, default = _plain(value), _plain(default)
    if isinstance(value, torch.Tensor) or type(value) is not type(default):
        return False
    if isinstance(value, float):
        return value == default and math.copysign(1, value) == math.copysign(1, default)
    if isinstance(value, list):
        return len(value) == len(default) and all(_equal(v, d, argument) for v, d in zip(value, default))
    return bool(value == default)


def _plain(value: Any) -> Any:
    if isinstance(value, torch.dtype | torch.layout | torch.memory_format):
        return code_of(value)
    return list(value) if isinstance(value, tuple) else value


def _resolves(node: Node, schema: Schema, written: list[tuple[str, int]]) -> bool:
    """Whether a call with only these arguments finds this overload."""
    overloads = schemas_of(schema.name)
    if len(overloads) <= 1:
        return True
    key = (schema.key, tuple((k, node.inputs[i].type) for k, i in written))
    known = _resolved.get(key)
    if known is None:
        positional = [node.inputs[i] for k, i in written if not k]
        named = {k: node.inputs[i] for k, i in written if k}
        try:
            known = match_overloads(overloads, positional, named).schema.key == schema.key
        except SchemaMatchError:
            known = not isinstance(match(schema, positional, named, conversions=True), str)
        if len(_resolved) > _MAX_RESOLVED:
            _resolved.clear()
        _resolved[key] = known
    return known

"""The overloads of an operator: those that PyTorch's dispatcher knows, then the language's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ..schema import Schema, parse_schema
from .language import language_schemas_of

_SCHEMAS: dict[str, tuple[Schema, ...]] = {}
_OVERLOADS: dict[str, Any] = {}
_registered: frozenset[str] = frozenset()


def _is_registered(key: str) -> bool:
    """Whether the dispatcher has this overload. `torch.ops` also finds what PyTorch's own compiler adds."""
    global _registered
    if key not in _registered:
        _registered = frozenset(torch._C._dispatch_get_all_op_names())
    return key in _registered


def _packet(name: str) -> Any:
    namespace, _, base = name.partition("::")
    return getattr(getattr(torch.ops, namespace), base, None)


def dispatcher_schemas_of(name: str) -> tuple[Schema, ...]:
    """The dispatcher's overloads of an operator, in its order."""
    packet = _packet(name)
    if packet is None:
        return ()
    schemas: list[Schema] = []
    for overload in packet.overloads():
        key = name if overload == "default" else f"{name}.{overload}"
        if _is_registered(key):
            schemas.append(parse_schema(str(getattr(packet, overload)._schema)))
    return tuple(schemas)


def schemas_of(name: str) -> tuple[Schema, ...]:
    """Every overload of an operator such as `aten::add`, in the order in which they are tried; empty if there is none.

    >>> [s.overload for s in schemas_of("aten::relu")]
    ['', 'out']
    """
    known = _SCHEMAS.get(name)
    if known is None:
        known = dispatcher_schemas_of(name) + language_schemas_of(name)
        # An operator that is not there may be registered later.
        if known:
            _SCHEMAS[name] = known
    return known


def schema_of(key: str) -> Schema | None:
    """The overload that `aten::add.Tensor` names."""
    name, _, overload = key.partition(".")
    for schema in schemas_of(name):
        if schema.overload == overload:
            return schema
    return None


def overload_of(schema: Schema) -> Callable[..., Any] | None:
    """What runs a dispatcher overload (an OpOverload of `torch.ops`); None for the language's own operators."""
    key = schema.key
    found = _OVERLOADS.get(key)
    if found is None:
        if "::" not in key or not _is_registered(key):
            return None
        found = getattr(_packet(schema.name), schema.overload or "default")
        _OVERLOADS[key] = found
    return found  # type: ignore[no-any-return]

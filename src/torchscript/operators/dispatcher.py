"""The overloads of an operator: those that PyTorch's dispatcher knows, then the language's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ..schema import Schema, parse_schema
from .language import language_schemas_of

_SCHEMAS: dict[str, tuple[Schema, ...]] = {}
_OVERLOADS: dict[str, Any] = {}
_registered_names: frozenset[str] = frozenset()


def _is_registered(key: str) -> bool:
    """Whether the dispatcher has this overload. `torch.ops` also finds what PyTorch's own compiler adds."""
    # without the cost of an exception in C++, which reads megabytes
    if not torch._C._dispatch_has_kernel(key):
        return False
    name, _, overload = key.partition(".")
    try:
        torch._C._dispatch_find_schema_or_throw(name, overload)
    except RuntimeError:
        return False
    return True


def _packet(name: str) -> Any:
    namespace, _, base = name.partition("::")
    packet = getattr(getattr(torch.ops, namespace), base, None)
    return packet if isinstance(packet, torch._ops.OpOverloadPacket) else None


def is_operator(name: str) -> bool:
    """Whether there is an operator of this name, with no look at its overloads.

    >>> is_operator("aten::relu"), is_operator("aten::append"), is_operator("aten::no_such_thing")
    (True, True, False)
    """
    global _registered_names
    if name in _registered_names or language_schemas_of(name):
        return True
    packet = _packet(name)
    if packet is None or not any(
        _is_registered(name if overload == "default" else f"{name}.{overload}")
        for overload in packet.overloads()
    ):
        return False
    _registered_names |= {name}
    return True


def operator_names() -> frozenset[str]:
    """The names of all operators that the dispatcher has now."""
    return frozenset(key.partition(".")[0] for key in torch._C._dispatch_get_all_op_names())


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
    """Every overload of an operator such as `aten::add`, in the order in which they are tried; often none.

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
    """What runs a dispatcher overload (an OpOverload); None for the language's own operators."""
    key = schema.key
    found = _OVERLOADS.get(key)
    if found is None:
        if "::" not in key or not _is_registered(key):
            return None
        found = getattr(_packet(schema.name), schema.overload or "default")
        _OVERLOADS[key] = found
    return found  # type: ignore[no-any-return]

"""Constants: which values are, what they are worth, and which may be merged."""

from __future__ import annotations

import enum
from typing import Any

import torch

from .. import types as T
from ..ir.graph import Node, Value

_MUTABLE = (
    T.TensorType, T.ListType, T.DictType, T.ClassType, T.InterfaceType, T.AnyType, T.GeneratorType,
    T.CustomClassType, T.FutureType, T.AwaitType, T.PyObjectType, T.CapsuleType, T.StorageType, T.StreamType,
    T.TypeVariable, T.PendingType,
)  # fmt: skip

IMMUTABLE_VALUES = (int, float, complex, str, type(None), torch.device, torch.dtype, enum.Enum)


def is_mutable(type: T.Type) -> bool:
    """Whether a value of this type can be changed in place, or holds one that can.

    >>> is_mutable(T.INT), is_mutable(T.TupleType((T.INT, T.TENSOR)))
    (False, True)
    """
    if isinstance(type, _MUTABLE):
        return True
    return any(is_mutable(inner) for inner in type.contained)


def is_constant(value: Value) -> bool:
    return value.node is not None and value.node.kind == "prim::Constant"


def constant_value(value: Value) -> Any:
    """What a constant is worth; None is a value too, so ask `is_constant` first."""
    assert value.node is not None
    return value.node.attributes.get("value")


def is_bool(value: Value, wanted: bool) -> bool:
    """Whether the value is a constant, and `wanted`."""
    return is_constant(value) and constant_value(value) is wanted


def constant_int(value: Value) -> int | None:
    """The int that a constant is; None for anything else."""
    if not is_constant(value):
        return None
    found = constant_value(value)
    return found if type(found) is int else None


def constant_key(node: Node) -> object | None:
    """Equal for constants that cannot be told apart; None for one like no other (a list can change)."""
    type = node.output.type
    if "value" not in node.attributes:
        if isinstance(type, T.FunctionType):
            function = node.attributes.get("function")
            return None if function is None else (type, id(function))
        return (type,)
    value = node.attributes["value"]
    if isinstance(value, torch.Tensor):
        return (type, id(value))
    key = _value_key(value)
    return None if key is None else (type, key)


def _value_key(value: Any) -> object | None:
    """1, 1.0 and True differ here, and so do 0.0 and -0.0; two nan are the same."""
    if isinstance(value, tuple):
        keys = tuple(_value_key(v) for v in value)
        return None if None in keys else keys
    if isinstance(value, float | complex):
        return (value.__class__, repr(value))
    if isinstance(value, (*IMMUTABLE_VALUES, torch.layout, torch.memory_format)):
        return (value.__class__, value)
    return None

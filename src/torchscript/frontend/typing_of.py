"""The static type of a Python object that exists while compiling."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

import torch

from .. import types as T
from ..types.of_values import type_of_plain
from .annotations import is_named_tuple


def type_of_object(obj: Any, class_type: Callable[[type], T.Type | None]) -> T.Type | None:
    """The static type of `obj`, or None where it has none. Lists and dicts must hold one type (or one and None)."""
    if isinstance(obj, enum.Enum):
        return class_type(type(obj))
    plain = type_of_plain(obj)
    if plain is not None:
        return plain
    if isinstance(obj, torch.Size):
        return T.ListType(T.INT)
    if isinstance(obj, tuple):
        elements = [type_of_object(o, class_type) for o in obj]
        if any(e is None for e in elements):
            return None
        if is_named_tuple(type(obj)):
            return class_type(type(obj))
        return T.TupleType(tuple(e for e in elements if e is not None))
    if isinstance(obj, list):
        element = _common(obj, class_type)
        return T.ListType(element) if element is not None else None
    if isinstance(obj, dict):
        if not obj:
            return T.DictType(T.STRING, T.TENSOR)
        key, value = _common(list(obj), class_type), _common(list(obj.values()), class_type)
        return T.DictType(key, value) if key is not None and value is not None else None
    return None


def _common(objects: list[Any], class_type: Callable[[type], T.Type | None]) -> T.Type | None:
    if not objects:
        return T.TENSOR
    common: T.Type | None = None
    for obj in objects:
        found = type_of_object(obj, class_type)
        if found is None:
            return None
        common = found if common is None else T.unify(common, found)
        if common is None:
            return None
    return common


def plain(obj: Any) -> Any:
    """`obj` with numpy scalars and their like as the Python objects that they stand for."""
    if type(obj).__module__ == "numpy" and hasattr(obj, "item") and getattr(obj, "shape", None) == ():
        return obj.item()
    if isinstance(obj, torch.Size):
        return list(obj)
    if type(obj) in (tuple, list) and any(type(o).__module__ == "numpy" for o in obj):
        return type(obj)(plain(o) for o in obj)
    return obj

"""Tuples, lists and dicts of tensors: Python structures → values of a graph, and back.

(y, [a, b])   →   %3 : Tensor[] = prim::ListConstruct(%a, %b)
                  %4 : (Tensor, Tensor[]) = prim::TupleConstruct(%y, %3)
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from .. import types as T
from ..ir import Value
from ..types.of_values import type_of_plain
from .modules import qualified_name
from .pieces import Pieces
from .sizes import TracedNumber, traced

if TYPE_CHECKING:
    from .recorder import Recorder


class NotRepresentable(Exception):
    """A Python object that a graph has no value for; the message names it."""


def is_named_tuple(obj: Any) -> bool:
    return isinstance(obj, tuple) and hasattr(type(obj), "_fields")


def type_of(obj: Any) -> T.Type:
    """The static type of an input or output."""
    plain = type_of_plain(obj)
    if plain is not None:
        return plain
    match obj:
        case tuple():
            return tuple_type(obj, tuple(type_of(element) for element in obj))
        case list():
            return T.ListType(_element_type([type_of(element) for element in obj], "list"))
        case Mapping():
            keys = _element_type([type_of(key) for key in obj], "dict")
            return T.DictType(
                keys if obj else T.STRING, _element_type([type_of(v) for v in obj.values()], "dict")
            )
    raise NotRepresentable(f"a value of type {type(obj).__name__}")


def tuple_type(obj: tuple[Any, ...], elements: tuple[T.Type, ...]) -> T.TupleType:
    """The type of a tuple, with the names of its fields where its class has some."""
    if not is_named_tuple(obj):
        return T.TupleType(elements)
    cls = type(obj)
    return T.NamedTupleType(elements, qualified_name(cls), tuple(cls._fields), (), cls)  # type: ignore[attr-defined]


def _element_type(types: list[T.Type], container: str) -> T.Type:
    if not types:
        return T.TENSOR
    common: T.Type | None = types[0]
    for type in types[1:]:
        common = T.unify(common, type) if common is not None else None
    if common is None:
        names = ", ".join(dict.fromkeys(map(str, types)))
        raise NotRepresentable(f"a {container} whose elements have different types ({names})")
    return common


def tensors_in(obj: Any) -> list[torch.Tensor]:
    """Every tensor in nested tuples, lists and dicts."""
    found: list[torch.Tensor] = []
    stack = [obj]
    while stack:
        item = stack.pop()
        if isinstance(item, torch.Tensor):
            found.append(item)
        elif isinstance(item, tuple | list):
            stack.extend(reversed(item))
        elif isinstance(item, Mapping):
            stack.extend(reversed(list(item.values())))
    return found


def is_tensors_only(obj: Any) -> bool:
    """Whether an object is a tensor, or nested tuples, lists and dicts of tensors and nothing else."""
    if isinstance(obj, torch.Tensor):
        return True
    if type(obj) is dict:
        return bool(obj) and all(isinstance(k, str) and is_tensors_only(v) for k, v in obj.items())
    if type(obj) in (tuple, list, Pieces) or is_named_tuple(obj):
        return bool(obj) and all(map(is_tensors_only, obj))
    return False


def from_fields(obj: Any) -> Any:
    """A dataclass-like output (a dataclass, a Mapping of another kind) as a dict of what it holds."""
    if isinstance(obj, torch.Tensor | tuple | list | str) or obj is None:
        return obj
    if isinstance(obj, Mapping):
        return dict(obj)
    if dataclasses.is_dataclass(obj) and not isinstance(obj, type):
        fields = ((f.name, getattr(obj, f.name)) for f in dataclasses.fields(obj))
        return {name: value for name, value in fields if value is not None}
    return obj


def as_record(fields: dict[str, Any], name: str) -> Any:
    """The fields of a dataclass-like output: a dict where they have one type, and a named tuple where not."""
    try:
        type_of(fields)
    except NotRepresentable:
        if all(isinstance(key, str) and key.isidentifier() for key in fields):
            return collections.namedtuple(name, list(fields))(**fields)
    return fields


def build(recorder: Recorder, obj: Any) -> Value:
    """The value of a structure in the current graph. Raises NotRepresentable."""
    if isinstance(obj, torch.Tensor):
        return recorder.value_of(obj)
    if isinstance(obj, TracedNumber):
        return recorder.number(obj)
    if isinstance(obj, tuple):
        values = [build(recorder, element) for element in obj]
        type = tuple_type(obj, tuple(v.type for v in values))
        return recorder.emit("prim::TupleConstruct", values, [type]).output
    if isinstance(obj, list):
        type_ = type_of(obj)
        values = [build(recorder, element) for element in obj]
        return recorder.emit("prim::ListConstruct", values, [type_]).output
    if isinstance(obj, Mapping):
        type_ = type_of(obj)
        values = []
        for key, element in obj.items():
            values += [build(recorder, key), build(recorder, element)]
        return recorder.emit("prim::DictConstruct", values, [type_]).output
    return recorder.constant(obj, type_of(obj))


def bind(recorder: Recorder, obj: Any, value: Value) -> None:
    """Make `value` stand for `obj`, and what it holds for what `obj` holds."""
    if isinstance(obj, torch.Tensor):
        recorder.bind(obj, value)
    elif isinstance(obj, TracedNumber):
        obj._ts_value = value
    elif isinstance(obj, tuple | list):
        for element, part in zip(obj, _unpack(recorder, obj, value), strict=True):
            bind(recorder, element, part)
    elif isinstance(obj, Mapping):
        for key, element in obj.items():
            bind(recorder, element, _item(recorder, key, value))


def follow(recorder: Recorder, obj: Any, value: Value) -> Any:
    """Like `bind`; returns the object with traced numbers in the place of its ints and floats."""
    if isinstance(obj, int | float):
        return traced(recorder, obj, value)
    if type(obj) is list or isinstance(obj, tuple):
        pairs = zip(obj, _unpack(recorder, obj, value), strict=True)
        parts = [follow(recorder, element, part) for element, part in pairs]
        if all(a is b for a, b in zip(parts, obj, strict=True)):
            return obj
        return type(obj)(*parts) if is_named_tuple(obj) else type(obj)(parts)
    if type(obj) is dict:
        return {key: follow(recorder, item, _item(recorder, key, value)) for key, item in obj.items()}
    bind(recorder, obj, value)
    return obj


def _unpack(recorder: Recorder, obj: Sequence[Any], value: Value) -> list[Value]:
    if not obj:
        return []
    if isinstance(value.type, T.TupleType):
        kind, types = "prim::TupleUnpack", list(value.type.elements)
    else:
        element = value.type.contained[0] if value.type.contained else T.TENSOR
        kind, types = "prim::ListUnpack", [element] * len(obj)
    return recorder.emit(kind, [value], [_seen(t, o) for t, o in zip(types, obj, strict=True)]).outputs


def _item(recorder: Recorder, key: Any, value: Value) -> Value:
    inputs = [value, recorder.constant(key, type_of(key))]
    return recorder.call_language("aten::__getitem__", inputs, value.type.contained[1])


def _seen(type: T.Type, obj: Any) -> T.Type:
    from ..codes import tensor_info

    return T.TensorType(tensor_info(obj)) if isinstance(obj, torch.Tensor) else type

"""Values between Python and a native library, where the dispatcher does not take them as they are.

An enum crosses as its place among the members, a dtype as its code, an object of a script class as the tuple of its
attributes, a list or dict whose elements PyTorch could not agree on a type for as a tuple.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from .. import types as T
from ..codegen.python.helpers import DECODERS, value_has_type
from ..runtime.linking import LINKER
from ..schema import code_of

Conversion = Callable[[Any], Any]

_PLAIN = (
    T.TensorType, T.IntType, T.FloatType, T.BoolType, T.StringType, T.ComplexType, T.NumberType, T.NoneType,
    T.DeviceType, T.GeneratorType, T.AnyType,
)  # fmt: skip
_CODES = (T.DtypeType, T.LayoutType, T.MemoryFormatType)


def encoder(type: T.Type, declared: bool = False) -> Conversion | None:
    """What makes a Python value ready for the library; None where it is ready as it is.

    `declared` says that the dispatcher's schema has the type; otherwise PyTorch infers it from the value, which it
    cannot do for an empty list.
    """
    if isinstance(type, _CODES):
        return code_of
    if isinstance(type, T.IntType):
        return _int
    if isinstance(type, _PLAIN):
        return None
    if isinstance(type, T.OptionalType):
        inner = encoder(type.element)
        return None if inner is None else lambda v: None if v is None else inner(v)
    if isinstance(type, T.ListType):
        element = encoder(type.element) or _same
        if declared:
            return None if type.element.__class__ is not T.IntType else list
        return tuple if element is _same else lambda v: tuple(map(element, v))
    if isinstance(type, T.TupleType):
        elements = [encoder(t) or _same for t in type.elements]
        return lambda v: tuple(e(x) for e, x in zip(elements, v, strict=True))
    if isinstance(type, T.DictType):
        key, value = encoder(type.key) or _same, encoder(type.value) or _same
        return lambda v: tuple((key(k), value(x)) for k, x in v.items())
    if isinstance(type, T.EnumType):
        places = {name: i for i, (name, _) in enumerate(type.members)}
        return lambda v: places[v.name]
    if isinstance(type, T.UnionType):
        members = [(m, encoder(m) or _same) for m in type.members]
        return lambda v: next((e(v) for m, e in members if value_has_type(v, m)), v)
    if isinstance(type, T.ClassType) and not type.is_module:
        fields = [(name, encoder(a.type) or _same) for name, a in type.attributes.items()]
        return lambda v: tuple(e(getattr(v, name)) for name, e in fields)
    return None


def decoder(type: T.Type) -> Conversion | None:
    """What makes a Python value of what the library returned; None where it is one."""
    if isinstance(type, _CODES):
        return DECODERS[type.__class__]
    if isinstance(type, _PLAIN):
        return None
    if isinstance(type, T.OptionalType):
        inner = decoder(type.element)
        return None if inner is None else lambda v: None if v is None else inner(v)
    if isinstance(type, T.ListType):
        element = decoder(type.element)
        return None if element is None else lambda v: list(map(element, v))
    if isinstance(type, T.NamedTupleType):
        cls: Any = LINKER.python_class(type)
        elements = [decoder(t) or _same for t in type.elements]
        return lambda v: cls(*(d(x) for d, x in zip(elements, v, strict=True)))
    if isinstance(type, T.TupleType):
        elements = [decoder(t) or _same for t in type.elements]
        if all(d is _same for d in elements):
            return None
        return lambda v: tuple(d(x) for d, x in zip(elements, v, strict=True))
    if isinstance(type, T.DictType):
        key, value = decoder(type.key) or _same, decoder(type.value) or _same
        return None if key is value is _same else lambda v: {key(k): value(x) for k, x in v.items()}
    if isinstance(type, T.EnumType):
        enum: Any = LINKER.python_class(type)
        members = [enum[name] for name, _ in type.members]
        return members.__getitem__
    if isinstance(type, T.ClassType) and not type.is_module:
        fields = [(name, decoder(a.type) or _same) for name, a in type.attributes.items()]
        made_of: Any = LINKER.python_class(type)
        return lambda v: _rebuilt(made_of, fields, v)
    return None


def _rebuilt(cls: Any, fields: list[tuple[str, Conversion]], values: Any) -> Any:
    made = cls.__new__(cls)
    for (name, decode), value in zip(fields, values, strict=True):
        object.__setattr__(made, name, decode(value))
    return made


def _same(value: Any) -> Any:
    return value


def _int(value: Any) -> Any:
    return (
        value
        if value.__class__ is int
        else code_of(value)
        if isinstance(value, torch.dtype | torch.layout)
        else int(value)
    )

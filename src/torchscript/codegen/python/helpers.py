"""What generated code calls at run time beside operators."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

import torch

from ... import types as T
from ...schema import DTYPES, LAYOUTS, MEMORY_FORMATS


def as_dtype(value: Any) -> Any:
    """The dtype of an int code; dtypes and None stay what they are."""
    return DTYPES[value] if isinstance(value, int) else value


def as_layout(value: Any) -> Any:
    return LAYOUTS[value] if isinstance(value, int) else value


def as_memory_format(value: Any) -> Any:
    return MEMORY_FORMATS[value] if isinstance(value, int) else value


DECODERS: dict[type[T.Type], Callable[[Any], Any]] = {
    T.DtypeType: as_dtype,
    T.LayoutType: as_layout,
    T.MemoryFormatType: as_memory_format,
}
"""What turns an int code into the object, by the type that is asked for."""

EXACT: dict[type[T.Type], type] = {
    T.IntType: int,
    T.FloatType: float,
    T.BoolType: bool,
    T.ComplexType: complex,
    T.StringType: str,
}
"""Types whose values have exactly this class: a bool is no int."""

_INSTANCES: dict[type[T.Type], type] = {
    T.TensorType: torch.Tensor,
    T.DeviceType: torch.device,
    T.DtypeType: torch.dtype,
    T.LayoutType: torch.layout,
    T.MemoryFormatType: torch.memory_format,
    T.GeneratorType: torch.Generator,
    T.StreamType: torch.Stream,
    T.NoneType: type(None),
}


def value_has_type(value: Any, type: T.Type) -> bool:
    """Whether a value belongs to a static type, elements of containers included.

    >>> value_has_type([1, 2], T.ListType(T.INT)), value_has_type([True], T.ListType(T.INT))
    (True, False)
    """
    exact = EXACT.get(type.__class__)
    if exact is not None:
        return value.__class__ is exact
    instance = _INSTANCES.get(type.__class__)
    if instance is not None:
        return isinstance(value, instance)
    match type:
        case T.AnyType():
            return True
        case T.NumberType():
            return isinstance(value, int | float | complex)
        case T.OptionalType():
            return value is None or value_has_type(value, type.element)
        case T.UnionType():
            return any(value_has_type(value, member) for member in type.members)
        case T.ListType():
            # a size is a tuple at run time
            return isinstance(value, list | torch.Size) and all(
                value_has_type(v, type.element) for v in value
            )
        case T.DictType():
            return isinstance(value, dict) and all(
                value_has_type(k, type.key) and value_has_type(v, type.value) for k, v in value.items()
            )
        case T.NamedTupleType() if type.python_class is not None:
            return isinstance(value, type.python_class)
        case T.TupleType() if not type.elements:  # of any length
            return isinstance(value, tuple)
        case T.TupleType():
            return (
                isinstance(value, tuple)
                and len(value) == len(type.elements)
                and all(value_has_type(v, t) for v, t in zip(value, type.elements, strict=True))
            )
        case T.ClassType():
            return _is_instance_of_class(value, type)
        case T.InterfaceType():
            cls = getattr(value, "_ts_class", None)
            return cls is not None and cls.is_subtype_of(type)
        case T.EnumType():
            return isinstance(value, type.python_class or enum.Enum)
        case _:
            return False


def _is_instance_of_class(value: Any, type: T.ClassType) -> bool:
    cls = getattr(value, "_ts_class", None)
    if cls is not None:
        return bool(cls.is_subtype_of(type))
    return type.python_class is not None and isinstance(value, type.python_class)


class Future:
    """The result of `fork`, which runs at once; `wait` gives the result or raises what it raised."""

    __slots__ = ("_error", "_result")

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._result: Any = None
        self._error: BaseException | None = None
        try:
            self._result = function(*arguments)
        except Exception as error:
            self._error = error

    def wait(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._result

    def done(self) -> bool:
        return True

    def value(self) -> Any:
        return self.wait()

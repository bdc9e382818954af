"""Whether a value of one type can be given where another is asked for, and the conversion that takes."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from .. import types as T
from .model import AnyClassType, AnyEnumType
from .variables import is_pending, settled


class Conversion(enum.Enum):
    """What the caller of an operator has to do with an actual argument."""

    NONE = "none"
    DEFAULT = "default"
    BROADCAST = "broadcast"  # 3 → [3, 3] for int[2]
    TUPLE_TO_LIST = "tuple to list"
    VARARGS_TO_LIST = "varargs to list"  # x.view(2, 3)
    TUPLE = "tuple elements"  # a tuple for a tuple, with conversions of elements
    TENSOR_TO_INT = "tensor to int"
    TENSOR_TO_FLOAT = "tensor to float"
    TENSOR_TO_COMPLEX = "tensor to complex"
    TENSOR_TO_SCALAR = "tensor to scalar"
    NUMBER_TO_INT = "number to int"
    NUMBER_TO_FLOAT = "number to float"
    NUMBER_TO_COMPLEX = "number to complex"
    BOOL_TO_INT = "bool to int"
    BOOL_TO_FLOAT = "bool to float"
    BOOL_TO_SCALAR = "bool to scalar"  # nothing to do in Python; an int in an archive
    INT_TO_FLOAT = "int to float"
    INT_TO_COMPLEX = "int to complex"
    FLOAT_TO_COMPLEX = "float to complex"
    STRING_TO_DEVICE = "string to device"
    NUMBER_TO_TENSOR = "number to tensor"
    RESOLVE_PENDING = "resolve pending"  # [] becomes a list of what is asked for

    @property
    def operator(self) -> str | None:
        """The operator that converts, for those that are one."""
        return _OPERATORS.get(self)


_OPERATORS = {
    Conversion.TENSOR_TO_INT: "aten::IntImplicit",
    Conversion.TENSOR_TO_FLOAT: "aten::FloatImplicit",
    Conversion.TENSOR_TO_COMPLEX: "aten::ComplexImplicit",
    Conversion.TENSOR_TO_SCALAR: "aten::ScalarImplicit",
    Conversion.NUMBER_TO_INT: "aten::Int",
    Conversion.NUMBER_TO_FLOAT: "aten::Float",
    Conversion.NUMBER_TO_COMPLEX: "aten::Complex",
    Conversion.BOOL_TO_INT: "aten::Int",
    Conversion.BOOL_TO_FLOAT: "aten::Float",
    Conversion.INT_TO_FLOAT: "aten::Float",
    Conversion.INT_TO_COMPLEX: "aten::Complex",
    Conversion.FLOAT_TO_COMPLEX: "aten::Complex",
    Conversion.STRING_TO_DEVICE: "aten::device",
    Conversion.NUMBER_TO_TENSOR: "prim::NumToTensor",
}


class Level(enum.IntEnum):
    """How well an argument fits; the first three are the rounds in which PyTorch tries overloads.

    EXACT       no conversion of the value; a tuple or several arguments for a list, one int for `int[2]`, and
                `[]` count as exact
    CONVERTED   Tensor → number, number → int or float, str → Device
    WIDENING    int → float → complex, which Python does everywhere and PyTorch's compiler nowhere
    TO_TENSOR   number → Tensor
    """

    EXACT = 0
    CONVERTED = 1
    WIDENING = 2
    TO_TENSOR = 3


@dataclass(frozen=True, slots=True)
class Fit:
    """How a value fits: the level, the conversion, and the conversions of elements where some are needed."""

    level: Level
    conversion: Conversion
    elements: tuple[Conversion, ...] | None = None


EXACT = Fit(Level.EXACT, Conversion.NONE)
_PENDING = Fit(Level.EXACT, Conversion.RESOLVE_PENDING)
_BROADCAST = Fit(Level.EXACT, Conversion.BROADCAST)
_TENSORS = Fit(Level.CONVERTED, Conversion.NONE)

# (actual, formal) → conversion of the value
_SCALAR_FITS: dict[tuple[type[T.Type], type[T.Type]], Fit] = {
    (T.TensorType, T.IntType): Fit(Level.CONVERTED, Conversion.TENSOR_TO_INT),
    (T.TensorType, T.FloatType): Fit(Level.CONVERTED, Conversion.TENSOR_TO_FLOAT),
    (T.TensorType, T.ComplexType): Fit(Level.CONVERTED, Conversion.TENSOR_TO_COMPLEX),
    (T.TensorType, T.NumberType): Fit(Level.CONVERTED, Conversion.TENSOR_TO_SCALAR),
    (T.NumberType, T.IntType): Fit(Level.CONVERTED, Conversion.NUMBER_TO_INT),
    (T.NumberType, T.FloatType): Fit(Level.CONVERTED, Conversion.NUMBER_TO_FLOAT),
    (T.NumberType, T.ComplexType): Fit(Level.CONVERTED, Conversion.NUMBER_TO_COMPLEX),
    (T.BoolType, T.IntType): Fit(Level.CONVERTED, Conversion.BOOL_TO_INT),
    (T.BoolType, T.FloatType): Fit(Level.CONVERTED, Conversion.BOOL_TO_FLOAT),
    (T.BoolType, T.NumberType): Fit(Level.CONVERTED, Conversion.BOOL_TO_SCALAR),
    (T.StringType, T.DeviceType): Fit(Level.CONVERTED, Conversion.STRING_TO_DEVICE),
    (T.IntType, T.FloatType): Fit(Level.WIDENING, Conversion.INT_TO_FLOAT),
    (T.IntType, T.ComplexType): Fit(Level.WIDENING, Conversion.INT_TO_COMPLEX),
    (T.FloatType, T.ComplexType): Fit(Level.WIDENING, Conversion.FLOAT_TO_COMPLEX),
    (T.BoolType, T.TensorType): Fit(Level.TO_TENSOR, Conversion.NUMBER_TO_TENSOR),
    (T.IntType, T.TensorType): Fit(Level.TO_TENSOR, Conversion.NUMBER_TO_TENSOR),
    (T.FloatType, T.TensorType): Fit(Level.TO_TENSOR, Conversion.NUMBER_TO_TENSOR),
    (T.ComplexType, T.TensorType): Fit(Level.TO_TENSOR, Conversion.NUMBER_TO_TENSOR),
    (T.NumberType, T.TensorType): Fit(Level.TO_TENSOR, Conversion.NUMBER_TO_TENSOR),
    # dtypes, layouts and memory formats are ints in archives
    (T.IntType, T.DtypeType): EXACT,
    (T.IntType, T.LayoutType): EXACT,
    (T.IntType, T.MemoryFormatType): EXACT,
}

# Types whose relations never change, so that answers about them can be kept.
_STABLE = (
    T.TensorType, T.IntType, T.FloatType, T.BoolType, T.ComplexType, T.NumberType, T.StringType, T.DeviceType,
    T.GeneratorType, T.DtypeType, T.LayoutType, T.MemoryFormatType, T.NoneType, T.ListType, T.OptionalType,
    T.TupleType, T.AnyType, T.StorageType, T.StreamType, T.QSchemeType, T.DictType, T.CustomClassType,
)  # fmt: skip
_STABLE_SET = frozenset(_STABLE)
_CACHE: dict[tuple[T.Type, int | None], dict[T.Type, Fit | None]] = {}
_MISSING = object()


def fit(formal: T.Type, actual: T.Type, fixed_size: int | None) -> Fit | None:
    """How a value of type `actual` fits an argument of type `formal`; None where it does not at any level.

    >>> fit(T.FLOAT, T.TENSOR, None).conversion
    <Conversion.TENSOR_TO_FLOAT: 'tensor to float'>
    >>> fit(T.STRING, T.INT, None) is None
    True
    """
    if formal is actual:
        return EXACT
    if type(formal) not in _STABLE_SET or type(actual) not in _STABLE_SET:
        return _fit(formal, actual, fixed_size)
    known = _CACHE.get((formal, fixed_size))
    if known is None:
        known = {}
        if _is_stable(formal):
            _CACHE[formal, fixed_size] = known
    found = known.get(actual, _MISSING)
    if found is _MISSING:
        found = _fit(formal, actual, fixed_size)
        if _is_stable(actual):
            known[actual] = found
    return found  # type: ignore[return-value]


def _is_stable(type_: T.Type) -> bool:
    return all(type(inner) in _STABLE_SET for inner in type_.walk())


def _fit(formal: T.Type, actual: T.Type, fixed_size: int | None) -> Fit | None:
    actual = settled(actual)
    if isinstance(formal, T.OptionalType):
        if isinstance(actual, T.NoneType):
            return EXACT
        if isinstance(actual, T.OptionalType):
            # the element must need no conversion: there is none that lets None pass
            inner = _fit(formal.element, actual.element, None)
            return inner if inner is not None and inner.conversion is Conversion.NONE else None
        return _fit(formal.element, actual, fixed_size)
    if is_pending(actual) and not isinstance(formal, T.AnyType):
        return EXACT if formal == actual else None
    scalar = _SCALAR_FITS.get((type(actual), type(formal)))
    if scalar is not None:
        return scalar
    if isinstance(formal, AnyEnumType):
        return EXACT if isinstance(actual, T.EnumType) else None
    if isinstance(formal, AnyClassType):
        return EXACT if isinstance(actual, T.ClassType | T.InterfaceType) else None
    if isinstance(formal, T.ListType):
        return _fit_list(formal, actual, fixed_size)
    if isinstance(formal, T.DictType) and isinstance(actual, T.DictType) and _is_open(actual):
        return _PENDING
    if actual.is_subtype_of(formal):
        return EXACT
    if type(formal) is T.TupleType and isinstance(actual, T.TupleType):
        if len(actual.elements) == len(formal.elements):
            return _fit_elements(formal.elements, actual.elements, Conversion.TUPLE)
    if isinstance(formal, T.UnionType) and isinstance(actual, T.ListType) and _is_open(actual):
        lists = [m for m in formal.members if isinstance(m, T.ListType)]
        return _PENDING if len(lists) == 1 else None
    return None


def _is_open(type: T.Type) -> bool:
    return any(is_pending(inner) for inner in type.contained)


def _fit_list(formal: T.ListType, actual: T.Type, fixed_size: int | None) -> Fit | None:
    if isinstance(actual, T.ListType):
        if _is_open(actual):
            return EXACT if actual.element is formal.element else _PENDING
        if actual == formal or settled(actual.element) == formal.element:
            return EXACT
        if isinstance(formal.element, T.AnyType):
            return EXACT
        # lists of dtypes and of ints are written alike in archives
        codes = (T.DtypeType, T.IntType)
        if isinstance(actual.element, codes) and isinstance(formal.element, codes):
            return EXACT
        # a list of tensors may be read as one of optional tensors, if no overload wants the former
        if isinstance(formal.element, T.OptionalType) and formal.element.element == actual.element:
            return _TENSORS if isinstance(actual.element, T.TensorType) else None
        return None
    if isinstance(actual, T.TupleType):
        return _fit_elements(
            (formal.element,) * len(actual.elements), actual.elements, Conversion.TUPLE_TO_LIST
        )
    if fixed_size is not None:
        element = formal.element
        if type(actual) is type(element) and isinstance(element, T.IntType | T.FloatType | T.BoolType):
            return _BROADCAST
        inner = _fit(element, actual, None)
        if inner is not None and inner.level is Level.WIDENING:
            return Fit(inner.level, Conversion.BROADCAST, (inner.conversion,) * fixed_size)
    return None


def _fit_elements(
    formals: tuple[T.Type, ...], actuals: tuple[T.Type, ...], conversion: Conversion
) -> Fit | None:
    level = Level.EXACT
    elements: list[Conversion] = []
    for formal, actual in zip(formals, actuals, strict=True):
        how = fit(formal, actual, None)
        if how is None or how.elements is not None:
            return None
        level = max(level, how.level)
        elements.append(how.conversion)
    if all(e is Conversion.NONE for e in elements):
        return Fit(level, conversion)
    return Fit(level, conversion, tuple(elements))

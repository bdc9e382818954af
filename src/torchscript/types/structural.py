"""Types that compare by what they are made of, and how Optional and Union are put together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar


class Type:
    """Base of all static types."""

    def annotation(self) -> str:
        """The type as archived source writes it."""
        return str(self)

    @property
    def contained(self) -> tuple[Type, ...]:
        """The types this one is built from, in order (the element of a list, key and value of a dict, …)."""
        return ()

    def with_contained(self, contained: tuple[Type, ...]) -> Type:
        """The same type built from other types."""
        return self

    def is_subtype_of(self, other: Type) -> bool:
        """Whether a value of this type may stand where `other` is asked for, with no conversion."""
        if self == other or isinstance(other, AnyType):
            return True
        if isinstance(other, OptionalType):
            return isinstance(self, NoneType) or self.is_subtype_of(other.element)
        if isinstance(other, UnionType):
            return any(self.is_subtype_of(member) for member in other.members)
        return False

    def walk(self) -> Iterator[Type]:
        """This type and every type inside it."""
        yield self
        for inner in self.contained:
            yield from inner.walk()


@dataclass(frozen=True, slots=True)
class _Named(Type):
    """A type without parts, that is its name."""

    name: ClassVar[str] = ""
    source_name: ClassVar[str] = ""

    def __str__(self) -> str:
        return self.name

    def annotation(self) -> str:
        return self.source_name or self.name


class AnyType(_Named):
    name = "Any"


class NoneType(_Named):
    name = "NoneType"


class BoolType(_Named):
    name = "bool"

    def is_subtype_of(self, other: Type) -> bool:
        return isinstance(other, NumberType) or Type.is_subtype_of(self, other)


class IntType(_Named):
    name = "int"

    def is_subtype_of(self, other: Type) -> bool:
        return isinstance(other, NumberType) or Type.is_subtype_of(self, other)


class FloatType(_Named):
    name = "float"

    def is_subtype_of(self, other: Type) -> bool:
        return isinstance(other, NumberType) or Type.is_subtype_of(self, other)


class ComplexType(_Named):
    name = "complex"

    def is_subtype_of(self, other: Type) -> bool:
        return isinstance(other, NumberType) or Type.is_subtype_of(self, other)


class NumberType(_Named):
    """`Scalar` of the operator schemas: an int, float, complex or bool."""

    name = "Scalar"
    source_name = "number"


class StringType(_Named):
    name = "str"


class DeviceType(_Named):
    name = "Device"


class GeneratorType(_Named):
    name = "Generator"


class StreamType(_Named):
    name = "Stream"


class StorageType(_Named):
    name = "Storage"


class QSchemeType(_Named):
    name = "QScheme"


class IntCodeType(_Named):
    """A type of Python objects (`torch.float32`, …) that IR and archives write as an int.

    Inside the process values keep their Python identity; `int` and these convert into each other where a
    schema asks for it.
    """

    name = "int"

    def is_subtype_of(self, other: Type) -> bool:
        return isinstance(other, IntType) or Type.is_subtype_of(self, other)


class DtypeType(IntCodeType):
    """`torch.dtype`, `ScalarType` in schemas."""


class LayoutType(IntCodeType):
    """`torch.layout`."""


class MemoryFormatType(IntCodeType):
    """`torch.memory_format`."""


class FunctionType(_Named):
    """A compiled function as the first input of `prim::CallFunction`."""

    name = "Function"


class CapsuleType(_Named):
    name = "Capsule"


class PyObjectType(_Named):
    """A Python object that only this process can hold (the result of a Python call that is not compiled)."""

    name = "PyObject"


@dataclass(frozen=True, slots=True)
class TensorType(Type):
    """A tensor. `info` is what a trace saw of it (`Float(3, 4, strides=[4, 1], …)`), for printing only."""

    info: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return self.info or "Tensor"

    def annotation(self) -> str:
        return "Tensor"


@dataclass(frozen=True, slots=True)
class OptionalType(Type):
    element: Type

    def __str__(self) -> str:
        return f"{self.element}?"

    def annotation(self) -> str:
        return f"Optional[{self.element.annotation()}]"

    @property
    def contained(self) -> tuple[Type, ...]:
        return (self.element,)

    def with_contained(self, contained: tuple[Type, ...]) -> Type:
        return optional(contained[0])

    def is_subtype_of(self, other: Type) -> bool:
        if self == other or isinstance(other, AnyType):
            return True
        return NONE.is_subtype_of(other) and self.element.is_subtype_of(other)


@dataclass(frozen=True, slots=True)
class UnionType(Type):
    """One of several types; made by `union`, which keeps members flat, distinct and in a fixed order."""

    members: tuple[Type, ...]

    def __str__(self) -> str:
        return f"Union({', '.join(map(str, self.members))})"

    def annotation(self) -> str:
        return f"Union[{', '.join(m.annotation() for m in self.members)}]"

    @property
    def contained(self) -> tuple[Type, ...]:
        return self.members

    def with_contained(self, contained: tuple[Type, ...]) -> Type:
        return union(*contained)

    def is_subtype_of(self, other: Type) -> bool:
        return self == other or all(member.is_subtype_of(other) for member in self.members)


@dataclass(frozen=True, slots=True)
class ListType(Type):
    element: Type

    def __str__(self) -> str:
        return f"{self.element}[]"

    def annotation(self) -> str:
        return f"List[{self.element.annotation()}]"

    @property
    def contained(self) -> tuple[Type, ...]:
        return (self.element,)

    def with_contained(self, contained: tuple[Type, ...]) -> Type:
        return ListType(contained[0])


@dataclass(frozen=True, slots=True)
class DictType(Type):
    key: Type
    value: Type

    def __str__(self) -> str:
        return f"Dict({self.key}, {self.value})"

    def annotation(self) -> str:
        return f"Dict[{self.key.annotation()}, {self.value.annotation()}]"

    @property
    def contained(self) -> tuple[Type, ...]:
        return (self.key, self.value)

    def with_contained(self, contained: tuple[Type, ...]) -> Type:
        return DictType(contained[0], contained[1])


@dataclass(frozen=True, slots=True)
class SetType(DictType):
    """A set while compiling: in IR and archives a dict whose keys are the elements, in the order they came."""

    value: Type = field(default_factory=BoolType)

    def annotation(self) -> str:
        return f"Set[{self.key.annotation()}]"

    def with_contained(self, contained: tuple[Type, ...]) -> Type:
        return SetType(contained[0])

    def is_subtype_of(self, other: Type) -> bool:
        return other == DictType(self.key, self.value) or Type.is_subtype_of(self, other)


@dataclass(frozen=True, slots=True)
class RunTimeTupleType(ListType):
    """A tuple whose length only a run tells, as a result in a schema: in IR and archives it is a list."""

    def with_contained(self, contained: tuple[Type, ...]) -> Type:
        return RunTimeTupleType(contained[0])

    def is_subtype_of(self, other: Type) -> bool:
        return other == ListType(self.element) or Type.is_subtype_of(self, other)


@dataclass(frozen=True, slots=True)
class FutureType(Type):
    element: Type

    def __str__(self) -> str:
        return f"Future({self.element})"

    def annotation(self) -> str:
        return f"Future[{self.element.annotation()}]"

    @property
    def contained(self) -> tuple[Type, ...]:
        return (self.element,)

    def with_contained(self, contained: tuple[Type, ...]) -> Type:
        return FutureType(contained[0])


@dataclass(frozen=True, slots=True)
class AwaitType(Type):
    element: Type

    def __str__(self) -> str:
        return f"Await({self.element})"

    def annotation(self) -> str:
        return f"Await[{self.element.annotation()}]"

    @property
    def contained(self) -> tuple[Type, ...]:
        return (self.element,)


@dataclass(frozen=True, slots=True)
class TupleType(Type):
    elements: tuple[Type, ...]

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.elements))})"

    def annotation(self) -> str:
        if not self.elements:
            return "Tuple[()]"
        return f"Tuple[{', '.join(e.annotation() for e in self.elements)}]"

    @property
    def contained(self) -> tuple[Type, ...]:
        return self.elements

    def with_contained(self, contained: tuple[Type, ...]) -> Type:
        return TupleType(contained)

    def is_subtype_of(self, other: Type) -> bool:
        if type(other) is TupleType and len(other.elements) == len(self.elements):
            return all(a.is_subtype_of(b) for a, b in zip(self.elements, other.elements, strict=True))
        return Type.is_subtype_of(self, other)


@dataclass(frozen=True, slots=True)
class NamedTupleType(TupleType):
    """A tuple whose fields have names. `python_class` is the class in this process, where there is one."""

    qualified_name: str = ""
    field_names: tuple[str, ...] = ()
    field_defaults: tuple[tuple[str, Any], ...] = field(default=(), compare=False)
    python_class: type | None = field(default=None, compare=False)

    def __str__(self) -> str:
        fields = zip(self.field_names, self.elements, strict=True)
        return f"NamedTuple({', '.join(f'{n} : {t}' for n, t in fields)})"

    def annotation(self) -> str:
        return self.qualified_name

    def with_contained(self, contained: tuple[Type, ...]) -> Type:
        return NamedTupleType(
            contained, self.qualified_name, self.field_names, self.field_defaults, self.python_class
        )

    def is_subtype_of(self, other: Type) -> bool:
        if isinstance(other, NamedTupleType):
            return self == other
        return TupleType.is_subtype_of(self, other)


@dataclass(frozen=True, slots=True)
class TypeVariable(Type):
    """`t`, `tVal`, … in the schemas of list and dict operators."""

    variable: str

    def __str__(self) -> str:
        return self.variable


class PendingType(Type):
    """The element type of `[]` or `{}` until its first use says what it is; `resolved` then holds it."""

    __slots__ = ("default", "resolved")

    def __init__(self, default: Type) -> None:
        self.resolved: Type | None = None
        self.default = default

    def __eq__(self, other: object) -> bool:
        return self is other or (self.resolved is not None and self.resolved == other)

    __hash__ = Type.__hash__

    def is_subtype_of(self, other: Type) -> bool:
        if self.resolved is not None:
            return self.resolved.is_subtype_of(other)
        return Type.is_subtype_of(self, other)

    def __str__(self) -> str:
        return str(self.resolved or self.default)

    def annotation(self) -> str:
        return (self.resolved or self.default).annotation()


TENSOR = TensorType()
ANY = AnyType()
NONE = NoneType()
BOOL = BoolType()
INT = IntType()
FLOAT = FloatType()
COMPLEX = ComplexType()
NUMBER = NumberType()
STRING = StringType()
DEVICE = DeviceType()
GENERATOR = GeneratorType()
STREAM = StreamType()
STORAGE = StorageType()
QSCHEME = QSchemeType()
DTYPE = DtypeType()
LAYOUT = LayoutType()
MEMORY_FORMAT = MemoryFormatType()
FUNCTION = FunctionType()
CAPSULE = CapsuleType()
PYOBJECT = PyObjectType()


def optional(element: Type) -> Type:
    """`Optional[element]`; an Optional, None or Any stays what it is.

    >>> str(optional(INT)), str(optional(optional(INT)))
    ('int?', 'int?')
    """
    if isinstance(element, OptionalType | NoneType | AnyType):
        return element
    if isinstance(element, UnionType):
        return union(element, NONE)
    return OptionalType(element)


def holds_optional(type: Type) -> bool:
    """Whether an element of the container `type` may be None: `List[Optional[int]]`, not `Optional[int]`."""
    return not isinstance(type, OptionalType) and any(
        isinstance(t, OptionalType | UnionType) for t in type.walk()
    )


def union(*members: Type) -> Type:
    """The smallest type that holds every member: itself, an Optional, or a flat Union.

    >>> str(union(INT, NONE)), str(union(INT, union(STRING, INT)))
    ('int?', 'Union(int, str)')
    """
    flat: list[Type] = []

    def add(member: Type) -> None:
        if isinstance(member, UnionType):
            for inner in member.members:
                add(inner)
        elif isinstance(member, OptionalType):
            add(member.element)
            add(NONE)
        elif not any(member.is_subtype_of(known) for known in flat):
            flat[:] = [known for known in flat if not known.is_subtype_of(member)]
            flat.append(member)

    for member in members:
        add(member)
    if any(isinstance(m, AnyType) for m in flat):
        return ANY
    if len(flat) == 1:
        return flat[0]
    if len(flat) == 2 and NONE in flat:
        return OptionalType(flat[0] if flat[1] == NONE else flat[1])
    if NONE in flat:
        flat.remove(NONE)
        flat.append(NONE)
    return UnionType(tuple(flat))


def unify(a: Type, b: Type) -> Type | None:
    """The type of a variable that is an `a` on one path and a `b` on the other, or None where there is none.

    >>> str(unify(INT, NONE)), unify(INT, TENSOR)
    ('int?', None)
    """
    if a.is_subtype_of(b):
        return b
    if b.is_subtype_of(a):
        return a
    if isinstance(a, NoneType | OptionalType) or isinstance(b, NoneType | OptionalType):
        inner_a = a.element if isinstance(a, OptionalType) else a
        inner_b = b.element if isinstance(b, OptionalType) else b
        if isinstance(inner_a, NoneType):
            return optional(b)
        if isinstance(inner_b, NoneType):
            return optional(a)
        inner = unify(inner_a, inner_b)
        return None if inner is None else optional(inner)
    if type(a) is TupleType and type(b) is TupleType and len(a.elements) == len(b.elements):
        elements = [unify(x, y) for x, y in zip(a.elements, b.elements, strict=True)]
        if all(e is not None for e in elements):
            return TupleType(tuple(e for e in elements if e is not None))
    if isinstance(a, UnionType) or isinstance(b, UnionType):
        return union(a, b)
    return None

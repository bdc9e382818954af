"""Static types as C++ types; classes and enums become structs of the program."""

from __future__ import annotations

from typing import Any

from ... import types as T
from .names import Names, identifier
from .problems import Problem

_SIMPLE: dict[type[T.Type], str] = {
    T.TensorType: "Tensor",
    T.IntType: "int64_t",
    T.FloatType: "double",
    T.BoolType: "bool",
    T.ComplexType: "Complex",
    T.NumberType: "Scalar",
    T.StringType: "Str",
    T.NoneType: "None",
    T.AnyType: "c10::IValue",
    T.DeviceType: "Device",
    T.DtypeType: "at::ScalarType",
    T.LayoutType: "at::Layout",
    T.MemoryFormatType: "at::MemoryFormat",
    T.GeneratorType: "at::Generator",
    T.QSchemeType: "int64_t",
}

_INITIAL = {"int64_t": "0", "double": "0", "bool": "false", "at::ScalarType": "at::kFloat",
            "at::Layout": "at::kStrided", "at::MemoryFormat": "at::MemoryFormat::Contiguous"}  # fmt: skip

_HEAVY = (
    T.TensorType, T.ListType, T.DictType, T.TupleType, T.OptionalType, T.UnionType, T.StringType, T.AnyType,
    T.ClassType, T.FutureType, T.GeneratorType, T.InterfaceType,
)  # fmt: skip


class CppTypes:
    """The C++ type of every static type that a program uses.

    `classes` and `enums` are in the order of their first mention, with the names of their structs.
    """

    def __init__(self) -> None:
        self.classes: dict[T.ClassType, str] = {}
        self.implementers: dict[T.InterfaceType, list[T.ClassType]] = {}
        """The classes of the program that stand behind each interface."""
        self.enums: dict[T.EnumType, str] = {}
        self._names = Names()
        self._cache: dict[T.Type, str] = {}

    def of(self, type: T.Type) -> str:
        """Raises Problem for a type that native code does not have."""
        found = self._cache.get(type)
        if found is None:
            found = self._cache[type] = self._spell(type)
        return found

    def _spell(self, type: T.Type) -> str:
        match type:
            case T.PendingType():
                return self.of(type.default)
            case T.OptionalType():
                return f"std::optional<{self.of(type.element)}>"
            case T.UnionType():
                return f"std::variant<{', '.join(map(self.of, type.members))}>"
            case T.ListType():
                return f"List<{self.of(type.element)}>"
            case T.DictType():
                return f"Dict<{self.of(type.key)}, {self.of(type.value)}>"
            case T.TupleType():
                return f"std::tuple<{', '.join(map(self.of, type.elements))}>"
            case T.FutureType():
                return f"Future<{self.of(type.element)}>"
            case T.ClassType():
                return f"Ref<{self.struct(type)}>"
            case T.EnumType():
                return f"Enum<{self.enum(type)}>"
            case T.InterfaceType():
                members = self.implementers.get(type)
                if not members:
                    raise Problem(f"the program has no class with the interface '{type.annotation()}'")
                return f"std::variant<{', '.join(map(self.of, members))}>"
        for cls, spelling in _SIMPLE.items():
            if isinstance(type, cls):
                return spelling
        raise Problem(f"native code has no values of type '{type.annotation()}'")

    def struct(self, cls: T.ClassType) -> str:
        name = self.classes.get(cls)
        if name is None:
            short = cls.qualified_name.rpartition(".")[2]
            name = self.classes[cls] = self._names.unique("C_" + identifier(short))
        return name

    def enum(self, type: T.EnumType) -> str:
        name = self.enums.get(type)
        if name is None:
            name = self.enums[type] = self._names.unique(
                "E_" + identifier(type.qualified_name.rpartition(".")[2])
            )
        return name


def field(name: str) -> str:
    """The member of a struct for an attribute."""
    return "a_" + "".join(
        c if c.isascii() and c.isalnum() else "_" if c == "_" else f"_{ord(c):x}_" for c in name
    )


def declaration(spelling: str, name: str) -> str:
    """A variable with a value that nobody reads yet."""
    initial = _INITIAL.get(spelling)
    return f"{spelling} {name} = {initial};" if initial is not None else f"{spelling} {name};"


def is_heavy(type: Any) -> bool:
    """Whether values of the type hold memory, so that it matters when they die."""
    return isinstance(type, _HEAVY)

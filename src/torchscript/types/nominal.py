"""Types that compare by identity: classes, interfaces, enums; and the classes that C++ registered."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .structural import Type

if TYPE_CHECKING:
    from ..ir.graph import Function


class AttributeKind(enum.Enum):
    """What an attribute of a class is to `nn.Module`."""

    PLAIN = "attribute"
    PARAMETER = "parameter"
    BUFFER = "buffer"
    MODULE = "module"


@dataclass(slots=True)
class ClassAttribute:
    """One attribute of a class: its type and what it is to `nn.Module`.

    `persistent` is false for a buffer that `state_dict` leaves out. `final` marks a constant.
    """

    type: Type
    kind: AttributeKind = AttributeKind.PLAIN
    persistent: bool = True
    final: bool = False


@dataclass(eq=False, slots=True)
class ClassType(Type):
    """A script class or a module's class; compared by identity.

    `qualified_name` begins with `__torch__.`. `python_class` is the class in this process, where there is one.
    """

    qualified_name: str
    is_module: bool = False
    attributes: dict[str, ClassAttribute] = field(default_factory=dict)
    methods: dict[str, Function] = field(default_factory=dict)
    static_methods: dict[str, Function] = field(default_factory=dict)
    properties: dict[str, tuple[Function, Function | None]] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    forward_pre_hooks: list[Function] = field(default_factory=list)
    """Methods of a module that run before `forward` when it is called from outside; `forward_hooks` run after it."""
    forward_hooks: list[Function] = field(default_factory=list)
    bases: tuple[Type, ...] = ()
    python_class: type | None = None
    find_method: Callable[[str], Function | None] | None = None
    """Compiles a method on first use; set by the frontend."""
    python_methods: dict[str, tuple[Any, str]] = field(default_factory=dict)
    """Methods that stay Python (`script(…, fallback=True)`): the function, and why."""
    guessed_methods: set[str] = field(default_factory=set)
    """Compiled methods that only Python calls, with arguments whose types nobody knows."""
    runtime_class: type | None = None
    """The class of this process that runs the compiled methods; set by the runtime."""

    def __str__(self) -> str:
        return self.qualified_name

    def __repr__(self) -> str:
        return f"ClassType({self.qualified_name})"

    def is_subtype_of(self, other: Type) -> bool:
        if isinstance(other, InterfaceType):
            return self in other.implementations or other.is_implemented_by(self)
        if any(base.is_subtype_of(other) for base in self.bases):
            return True
        return Type.is_subtype_of(self, other)

    def method(self, name: str) -> Function | None:
        """The method `name`, compiled if the frontend knows how and it was not yet."""
        if name not in self.methods and self.find_method is not None:
            return self.find_method(name)
        return self.methods.get(name)


@dataclass(eq=False, slots=True)
class InterfaceType(Type):
    """A set of method signatures that classes can implement."""

    qualified_name: str
    is_module: bool = False
    methods: dict[str, Any] = field(default_factory=dict)  # name → schema.Schema, self first
    implementations: set[ClassType] = field(default_factory=set)
    python_class: type | None = None

    def __str__(self) -> str:
        return self.qualified_name

    def is_implemented_by(self, cls: ClassType) -> bool:
        """Whether `cls` has every method of this interface, with the same argument and result types."""
        return self.lacking(cls) is None

    def lacking(self, cls: ClassType) -> str | None:
        """What keeps `cls` from implementing this interface; None if it does."""
        for name, wanted in self.methods.items():
            function = cls.method(name)
            if function is None:
                return f"it has no method '{name}'"
            if not _takes_its_place(function.schema, wanted):
                return (
                    f"its method is '{_signature(name, function.schema)}', "
                    f"that of the interface is '{_signature(name, wanted)}'"
                )
        self.implementations.add(cls)
        return None


def _takes_its_place(have: Any, wanted: Any) -> bool:
    """Whether a method with the schema `have` can be called as `wanted` says; names of arguments count."""
    if len(have.arguments) != len(wanted.arguments):
        return False
    for given, asked in zip(have.arguments[1:], wanted.arguments[1:], strict=True):
        if not asked.type.is_subtype_of(given.type) or given.name != asked.name:
            return False
    return bool(have.return_type.is_subtype_of(wanted.return_type))


def _signature(name: str, schema: Any) -> str:
    arguments = ", ".join(f"{a.name}: {a.type.annotation()}" for a in schema.arguments[1:])
    return f"{name}({arguments}) -> {schema.return_type.annotation()}"


@dataclass(eq=False, slots=True)
class EnumType(Type):
    """An `enum.Enum`, with the type of its values and its members in order."""

    qualified_name: str
    value_type: Type
    members: tuple[tuple[str, Any], ...]
    python_class: type[enum.Enum] | None = None

    def __str__(self) -> str:
        return f"Enum<{self.qualified_name}>"

    def annotation(self) -> str:
        return self.qualified_name


@dataclass(frozen=True, slots=True)
class CustomClassType(Type):
    """A class that C++ registered (`torch.classes.quantized.LinearPackedParamsBase`)."""

    qualified_name: str  # __torch__.torch.classes.ns.Name

    def __str__(self) -> str:
        return self.qualified_name

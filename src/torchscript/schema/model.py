"""What a schema is: the name, arguments and results of an operator or function, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import torch

from .. import types as T
from .codes import code_of


class _NoDefault:
    __slots__ = ()

    def __repr__(self) -> str:
        return "NO_DEFAULT"


NO_DEFAULT: Final = _NoDefault()
"""The `default` of an argument that must be given (None is a default)."""


@dataclass(frozen=True, slots=True)
class AnyEnumType(T.Type):
    """`AnyEnumType`: a member of any enum class."""

    def __str__(self) -> str:
        return "AnyEnumType"


@dataclass(frozen=True, slots=True)
class AnyClassType(T.Type):
    """`AnyClassType`: an instance of any script class."""

    def __str__(self) -> str:
        return "AnyClassType"


ANY_ENUM = AnyEnumType()
ANY_CLASS = AnyClassType()


@dataclass(frozen=True, slots=True)
class AliasInfo:
    """The memory that a value shares, by the letters of the schema: `Tensor(a!)`, `Tensor(a -> *)`.

    `before` are the sets the value is in when the operator is called, `after` those when it has returned
    (the same unless written); `*` is "anything". `is_write` says that the operator changes the value.
    `of_elements` says that the letters stand behind the element type of a list (`Tensor(a!)[]`): it is the
    elements that are shared, and written.
    """

    before: frozenset[str]
    after: frozenset[str]
    is_write: bool
    of_elements: bool = False


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument, or one result (which has no default, and often no name).

    `fixed_size` is the N of `int[N]`: a single element stands for N of them. `spelling` is the type as the
    schema wrote it (`SymInt[2]`, `Tensor(a!)`), from which the schema prints.
    """

    name: str
    type: T.Type
    default: Any = NO_DEFAULT
    kwarg_only: bool = False
    alias: AliasInfo | None = None
    fixed_size: int | None = None
    spelling: str = field(default="", compare=False)

    def __hash__(self) -> int:
        return hash((self.name, self.type))

    @property
    def has_default(self) -> bool:
        return self.default is not NO_DEFAULT

    @property
    def is_write(self) -> bool:
        """Whether the operator changes this argument."""
        return self.alias is not None and self.alias.is_write

    def __str__(self) -> str:
        text = self.spelling or _spell(self)
        if self.name:
            text += f" {self.name}"
        if self.has_default:
            default = self.default
            if text.startswith("int[") and self.fixed_size is not None and isinstance(default, list):
                # for int[2], but not for SymInt[2], PyTorch prints one int for several equal ones
                if len(default) == self.fixed_size > 1 and len(set(default)) == 1:
                    default = default[0]
            text += f"={_spell_default(default)}"
        return text


@dataclass(frozen=True)
class Schema:
    """The signature of an operator overload, or of a compiled function (`overload` is then empty).

    >>> from torchscript.schema import parse_schema
    >>> relu = parse_schema("aten::relu(Tensor self) -> Tensor")
    >>> relu.key, relu.signature(), relu.is_mutable
    ('aten::relu', '(Tensor self) -> Tensor', False)
    """

    name: str
    overload: str
    arguments: tuple[Argument, ...]
    returns: tuple[Argument, ...]
    is_vararg: bool = False
    is_varret: bool = False

    def __hash__(self) -> int:
        return hash((self.name, self.overload))

    @cached_property
    def key(self) -> str:
        """Name and overload: `aten::add.Tensor`, `aten::relu`."""
        return f"{self.name}.{self.overload}" if self.overload else self.name

    @cached_property
    def return_type(self) -> T.Type:
        """None without results, the result's type with one, a tuple with several."""
        if not self.returns:
            return T.NONE
        if len(self.returns) == 1:
            return self.returns[0].type
        return T.TupleType(tuple(r.type for r in self.returns))

    @cached_property
    def is_mutable(self) -> bool:
        """Whether the operator changes any of its arguments."""
        return any(a.is_write for a in self.arguments)

    @cached_property
    def is_out_variant(self) -> bool:
        """Whether results go into tensors that are given by keyword (`add.out`)."""
        return any(a.kwarg_only and a.is_write for a in self.arguments)

    def argument_index(self, name: str) -> int | None:
        """The position of the argument `name`."""
        for i, argument in enumerate(self.arguments):
            if argument.name == name:
                return i
        return None

    def signature(self) -> str:
        """Arguments and results, without the name."""
        parts: list[str] = []
        starred = False
        for argument in self.arguments:
            if argument.kwarg_only and not starred:
                parts.append("*")
                starred = True
            parts.append(str(argument))
        if self.is_vararg:
            parts.append("...")
        return f"({', '.join(parts)}) -> {self._results()}"

    def _results(self) -> str:
        if self.is_varret:
            return "..."
        if len(self.returns) == 1:
            text = str(self.returns[0])
            # a tuple or list of tuples as the only result has its own parentheses around it
            return f"({text})" if text.startswith("(") else text
        return f"({', '.join(map(str, self.returns))})"

    def __str__(self) -> str:
        return self.key + self.signature()


def _spell_alias(alias: AliasInfo) -> str:
    before = "|".join(sorted(alias.before, reverse=True))
    text = before + ("!" if alias.is_write else "")
    if alias.after != alias.before:
        text += f" -> {'|'.join(sorted(alias.after, reverse=True))}"
    return f"({text})"


def spell_type(type: T.Type) -> str:
    """A type as schemas write it."""
    match type:
        case T.DtypeType():
            return "ScalarType"
        case T.LayoutType():
            return "Layout"
        case T.MemoryFormatType():
            return "MemoryFormat"
        case T.OptionalType():
            return f"{spell_type(type.element)}?"
        case T.ListType():
            return f"{spell_type(type.element)}[]"
        case T.DictType():
            return f"Dict({spell_type(type.key)}, {spell_type(type.value)})"
        case T.FutureType():
            return f"Future({spell_type(type.element)})"
        case T.AwaitType():
            return f"Await({spell_type(type.element)})"
        case T.NamedTupleType():
            return str(type)
        case T.TupleType():
            return f"({', '.join(map(spell_type, type.elements))})"
        case T.UnionType():
            return f"Union({', '.join(map(spell_type, type.members))})"
        case T.TensorType():
            return "Tensor"
        case _:
            return str(type)


def _spell(argument: Argument) -> str:
    type, alias = argument.type, argument.alias
    optional = isinstance(type, T.OptionalType)
    inner = type.element if isinstance(type, T.OptionalType) else type
    if isinstance(inner, T.ListType):
        text = spell_type(inner.element)
        if alias is not None and alias.of_elements:
            text += _spell_alias(alias)
        text += "[]" if argument.fixed_size is None else f"[{argument.fixed_size}]"
    else:
        text = spell_type(inner)
    if alias is not None and not alias.of_elements:
        text += _spell_alias(alias)
    return text + ("?" if optional else "")


def _spell_default(value: Any) -> str:
    match value:
        case str():
            escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("'", "\\'").replace("\n", "\\n")
            return '"' + escaped.replace("\t", "\\t").replace("\f", "\\f").replace("\v", "\\v") + '"'
        case bool():
            return str(value)
        case float():
            # as C++ streams print a double with 17 digits, with a point where it would read as an int
            text = f"{value:.17g}"
            return text if any(c in text for c in ".en") else text + "."
        case list():
            return f"[{', '.join(map(_spell_default, value))}]"
        case torch.dtype() | torch.layout() | torch.memory_format():
            return str(code_of(value))
        case _:
            return str(value)

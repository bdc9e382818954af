"""Why no overload takes the arguments, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import types as T
from .model import AnyClassType, AnyEnumType, Schema

_SHOWN = 8


class Refusal:
    """Why one schema does not take the arguments. It is put into words only when somebody asks."""

    __slots__ = ("details", "kind")

    def __init__(self, kind: str, *details: Any) -> None:
        self.kind = kind
        self.details = details

    @property
    def closeness(self) -> int:
        """Small for overloads that were likely meant: their number of arguments fits."""
        return 0 if self.kind in ("type", "variable") else 1

    def __str__(self) -> str:
        d = self.details
        match self.kind:
            case "too many":
                return f"takes {_count(d[0], 'positional argument')}, {d[1]} were given"
            case "missing":
                return f"argument '{d[0]}' is missing"
            case "twice":
                return f"argument '{d[0]}' is given twice, by position and by keyword"
            case "unknown":
                return f"has no argument '{d[0]}'"
            case "variable":
                return f"argument '{d[0]}' is {describe(d[1])}, it must be {describe(d[2])}: {d[3]}"
            case _:
                return _mismatch(*d)


def _mismatch(name: str, actual: T.Type, formal: T.Type) -> str:
    text = f"argument '{name}' is {describe(actual)}, it must be {describe(formal)}"
    if isinstance(actual, T.OptionalType) and actual.element.is_subtype_of(formal):
        text += "; the value may be None: check it with 'if x is not None' or 'assert x is not None' first"
    elif isinstance(formal, T.ListType) and isinstance(actual, T.ListType):
        if actual.element.is_subtype_of(formal.element):
            text += "; a list can be changed, so its element type must be the same"
    return text


def _count(n: int, what: str) -> str:
    return f"{n or 'no'} {what}{'' if n == 1 else 's'}"


def describe(type: T.Type) -> str:
    """A type with its article, as a user thinks of it: "an int", "a List[int]", "None"."""
    if isinstance(type, T.NoneType):
        return "None"
    name = name_of(type)
    return f"{'an' if name[0] in 'aeiouAEIO' else 'a'} {name}"


def name_of(type: T.Type) -> str:
    """A type as a user writes it; numbers of any type are "number", dtypes "torch.dtype"."""
    match type:
        case T.DtypeType():
            return "torch.dtype"
        case T.LayoutType():
            return "torch.layout"
        case T.MemoryFormatType():
            return "torch.memory_format"
        case T.DeviceType():
            return "torch.device"
        case AnyEnumType():
            return "enum member"
        case AnyClassType():
            return "script class instance"
        case T.OptionalType():
            return f"Optional[{name_of(type.element)}]"
        case T.ListType():
            return f"List[{name_of(type.element)}]"
        case T.TupleType() if not isinstance(type, T.NamedTupleType) and type.elements:
            return f"Tuple[{', '.join(map(name_of, type.elements))}]"
        case T.ClassType() | T.InterfaceType():
            return type.qualified_name.removeprefix("__torch__.")
        case _:
            return type.annotation()


def describe_call(name: str, positional: Sequence[Any], named: Mapping[str, Any]) -> str:
    """ "'aten::add' takes (Tensor, str, alpha=int)"."""
    given = [name_of(a.type) for a in positional] + [f"{n}={name_of(a.type)}" for n, a in named.items()]
    return f"'{name}' takes ({', '.join(given)})"


def describe_refusals(call: str, refusals: Sequence[tuple[Schema, Refusal]]) -> str:
    """The whole message: the call, then every overload with the reason against it.

    Overloads that fail by a type come before those that fail by the number of arguments, out-variants last.
    """
    if len(refusals) == 1:
        schema, why = refusals[0]
        name, _, given = call.partition(" takes ")
        return f"{name} does not take {given}: {why}.\n  {_headline(schema)}"
    order = sorted(refusals, key=lambda r: (r[0].is_out_variant, r[1].closeness))
    lines = [f"No form of {call}."]
    for schema, why in order[:_SHOWN]:
        lines.append(f"  {_headline(schema)}\n    {why}")
    if len(order) > _SHOWN:
        lines.append(f"  … and {len(order) - _SHOWN} more")
    return "\n".join(lines)


def _headline(schema: Schema) -> str:
    return schema.key.rpartition("::")[2] + schema.signature()

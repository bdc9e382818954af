"""Why no overload takes the arguments, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import types as T
from .model import AnyClassType, AnyEnumType, Schema

_SHOWN = 3


class Refusal:
    """Why one schema does not take the arguments. It is put into words only when somebody asks."""

    __slots__ = ("details", "kind")

    def __init__(self, kind: str, *details: Any) -> None:
        self.kind = kind
        self.details = details

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
                return f"argument '{d[0]}' is {describe(d[1])}, it must be {describe(d[2])}"
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
    if isinstance(type, T.ListType) and isinstance(type.element, T.TypeVariable):
        return "a list"
    if isinstance(type, T.DictType) and isinstance(type.value, T.TypeVariable):
        if isinstance(type.key, T.TypeVariable):
            return "a dict"
        return f"a dict with {describe(type.key).partition(' ')[2]} keys"
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
        case T.DictType():
            return f"Dict[{name_of(type.key)}, {name_of(type.value)}]"
        case T.PendingType():
            return name_of(type.resolved) if type.resolved is not None else "?"
        case T.TupleType() if not isinstance(type, T.NamedTupleType) and type.elements:
            return f"Tuple[{', '.join(map(name_of, type.elements))}]"
        case T.ClassType() | T.InterfaceType() | T.NamedTupleType() if getattr(type, "qualified_name", ""):
            return type.qualified_name.removeprefix("__torch__.")
        case _:
            return type.annotation()


def describe_failure(
    name: str,
    positional: Sequence[Any],
    named: Mapping[str, Any],
    refusals: Sequence[tuple[Schema, Refusal]],
) -> str:
    """The whole message. For an operator (`+`, `[]`) a sentence; for a function the overloads that come nearest.

    An overload is the nearer, the later in its arguments the first that does not fit.
    """
    schemas = [s for s, _ in refusals]
    if all(s.is_out_variant for s in schemas):
        nearest = list(refusals)
    else:
        nearest = [r for r in refusals if not r[0].is_out_variant]
    furthest = max((_progress(*r) for r in nearest), default=0)
    nearest = [r for r in nearest if _progress(*r) == furthest]
    types = [a.type for a in positional]
    if not named and 1 <= len(types) <= 4 and not name.rpartition("::")[2].replace(".", "").isidentifier():
        return _operator(name, types, nearest if furthest else [])
    shown = name.rpartition("::")[2]
    own = types[1:] if "." in shown else types  # a method's object is no argument to its caller
    shown = shown.removesuffix(".__init__")
    given = ", ".join([*map(name_of, own), *(f"{n}={name_of(a.type)}" for n, a in named.items())])
    if len(nearest) == 1:
        schema, why = nearest[0]
        return f"'{shown}' does not take ({given}): {why}.\n  {python_signature(schema, shown)}"
    lines = [f"'{shown}' does not take ({given})."]
    for schema, why in nearest[:_SHOWN]:
        lines.append(f"  {python_signature(schema, shown)}\n    {why}")
    if len(nearest) > _SHOWN:
        lines.append(f"  … and {len(nearest) - _SHOWN} more")
    return "\n".join(lines)


def _progress(schema: Schema, why: Refusal) -> int:
    """How many of the arguments fit; a missing or surplus one comes after all that are given."""
    if why.kind not in ("type", "variable"):
        return 1 if why.kind == "too many" else len(schema.arguments) // 100
    return next((i for i, a in enumerate(schema.arguments) if a.name == why.details[0]), 0)


_NUMBERS = (T.IntType, T.FloatType, T.BoolType, T.ComplexType, T.NumberType)


def _operator(symbol: str, types: Sequence[T.Type], nearest: Sequence[tuple[Schema, Refusal]]) -> str:
    """`nearest` are the forms whose first operand fits, if there are any."""
    first = describe(types[0])
    subject = first[0].upper() + first[1:]
    wanted: dict[str, None] = {}
    for _, why in nearest:
        formal = why.details[2]
        wanted["a number" if isinstance(formal, _NUMBERS) and len(nearest) > 1 else describe(formal)] = None
    wished = " or ".join(wanted)
    refused = nearest[0][1].details if nearest else None
    actual = describe(refused[1]) if refused is not None else ""
    match symbol:
        case "[]" | "[:]" | "[]=" | "del":
            verb = {
                "[]": "subscripted",
                "[:]": "sliced",
                "[]=": "changed by a subscript",
                "del": "emptied by 'del'",
            }
            if refused is None:
                return f"{subject} cannot be {verb[symbol]}."
            if symbol == "[]=" and refused[1] is types[-1]:
                return f"{subject} holds {wished}, not {actual}."
            return f"{subject} is subscripted by {wished}, not by {actual}."
        case "in":
            looked_for = describe(types[1]) if len(types) > 1 else ""
            return f"'in' cannot look for {looked_for} in {first}."
    if len(types) == 1:
        return f"'{symbol}' does not take {first}."
    text = f"'{symbol}' does not take {first} and {describe(types[1])}."
    if symbol == "+" and isinstance(types[0], T.StringType):
        return f"{text} Make the second text first: str(…), or write an f-string."
    return f"{text} Beside {first} it takes {wished}." if refused is not None else text


def python_signature(schema: Schema, name: str) -> str:
    """The schema as a Python function of that name: `cat(tensors: List[Tensor], dim: int = 0) -> Tensor`."""
    parts: list[str] = []
    keywords = False
    for argument in schema.arguments:
        if argument.name == "self" and isinstance(argument.type, T.ClassType):
            continue
        if argument.kwarg_only and not keywords:
            parts.append("*")
            keywords = True
        part = f"{argument.name}: {name_of(argument.type)}"
        parts.append(part + (f" = {argument.default!r}" if argument.has_default else ""))
    result = f" -> {name_of(schema.return_type)}" if schema.returns and schema.return_type != T.NONE else ""
    return f"{name}({', '.join(parts)}){result}"

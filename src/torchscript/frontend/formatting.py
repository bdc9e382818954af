"""Text of values: `str.format`, f-strings with format specifications, `%`.

The IR's `aten::format` knows `{}` only, so a specification (`{loss:.4f}`) is compiled as calls of the prelude.
"""

from __future__ import annotations

import re
import string
from typing import Any

from .. import types as T
from ..set_values import holds_sets
from . import default_dicts, deques, function_calls, instances, methods, prelude, prelude_decimals, returned
from .emitter import Emitter
from .pending import settled
from .values import Dynamic, Instance, RaisedException, Sequence, Val, is_scalar_constant, known_of, type_of

_FIRST = 0xE000  # characters for private use: the amounts that a specification takes at run time
_AMOUNT = rf"\d+|[{chr(_FIRST)}-{chr(_FIRST + 99)}]"
_SPEC = re.compile(
    r"(?:(?P<fill>.)?(?P<align>[<>=^]))?(?P<sign>[+\- ])?(?P<alternate>#)?(?P<zero>0)?"
    rf"(?P<width>{_AMOUNT})?(?P<group>[,_])?(?:\.(?P<precision>{_AMOUNT}))?(?P<kind>[a-zA-Z%])?"
)
_PERCENT = re.compile(r"%(?P<flags>[-+ #0]*)(?P<width>\d+)?(?:\.(?P<precision>\d+))?(?P<kind>[a-zA-Z%])")
_BASES = {"x": "aten::hex", "X": "aten::hex", "b": "aten::bin", "o": "aten::oct"}


def format_values(
    e: Emitter, template: str, positional: list[Val], named: dict[str, Val] | None = None
) -> Val:
    """`template.format(…)`: fields that are known are put in now."""
    named = named or {}
    pieces, arguments = "", []
    automatic = 0
    for text, field, spec, conversion in string.Formatter().parse(template):
        pieces += text.replace("{", "{{").replace("}", "}}")
        if field is None:
            continue
        if field == "":
            index, automatic = automatic, automatic + 1
        elif field.isdigit():
            index = int(field)
        elif field in named:
            positional, index = [*positional, named[field]], len(positional)
        else:
            raise e.unsupported(
                f"The format field '{{{field}}}' cannot be compiled.", None, "Pass the value itself."
            )
        if index >= len(positional):
            raise e.error(f"The format has a field {{{index}}}, but there are {len(positional)} values.")
        val = positional[index]
        known = known_of(val)
        wanted = spec_of(e, _inner_fields(e, spec or "", positional, named))
        if known is not None and is_scalar_constant(known.object) and not wanted.amounts:
            pieces += formatted(e.depend(val), wanted.text, conversion).replace("{", "{{").replace("}", "}}")
            continue
        if wanted or conversion or isinstance(val, RaisedException):
            val = format_value(e, val, wanted, conversion)
        if type_of(val) is None:
            pieces += val.describe()
            continue
        pieces += "{}"
        arguments.append(val)
    return join_pieces(e, pieces, arguments)


def formatted(value: Any, spec: str, conversion: str | None) -> str:
    """The text of a value that is known."""
    if conversion is not None:
        value = repr(value) if conversion == "r" else ascii(value) if conversion == "a" else str(value)
    return format(value, spec)


def _inner_fields(e: Emitter, spec: str, positional: list[Val], named: dict[str, Val]) -> list[str | Val]:
    """The parts of a specification such as `>{width}`."""
    parts: list[str | Val] = []
    for text, field, _, _ in string.Formatter().parse(spec):
        parts.append(text)
        if field is None:
            continue
        if field.isdigit() and int(field) < len(positional):
            parts.append(positional[int(field)])
        elif field in named:
            parts.append(named[field])
        else:
            raise e.unsupported(
                f"The field '{{{field}}}' in a format specification cannot be compiled.",
                None,
                "Give it a name, and pass the value by that name.",
            )
    return parts


def join_pieces(e: Emitter, template: str, arguments: list[Val]) -> Val:
    """The text of a template whose fields are all `{}`."""
    if not arguments:
        return e.static(template.replace("{{", "{").replace("}}", "}"))
    given = iter(arguments)
    values: list[Val] = []

    def field(found: re.Match[str]) -> str:  # PyTorch's format does not know `{{`: a brace is a value, too
        values.append(next(given) if found[0] == "{}" else e.static(found[0][0]))
        return "{}"

    text = re.sub(r"\{\{|\}\}|\{\}", field, template)
    return e.call_operator("aten::format", [e.static(text), *(shown(e, v) for v in values)], {}, "format")


class Spec:
    """A format specification. `amounts` are the run-time values in it, each shown as one character of `text`."""

    def __init__(self, text: str = "", amounts: tuple[Val, ...] = ()) -> None:
        self.text = text
        self.amounts = amounts
        found = _SPEC.fullmatch(text)
        self.valid = found is not None
        fields: dict[str, str | None] = found.groupdict() if found is not None else {}
        self.kind = fields.get("kind") or ""
        self.width, self.precision = fields.get("width"), fields.get("precision")
        self.fill, self.align, self.sign = fields.get("fill"), fields.get("align"), fields.get("sign")
        self.group, self.alternate = fields.get("group"), fields.get("alternate") is not None
        self.zero = fields.get("zero") is not None

    def __bool__(self) -> bool:
        return bool(self.text)

    def amount(self, e: Emitter, text: str | None, default: int) -> Val:
        """The width or the precision."""
        if text is None:
            return e.static(default)
        return e.static(int(text)) if text.isdigit() else self.amounts[ord(text) - _FIRST]


def spec_of(e: Emitter, pieces: list[str | Val]) -> Spec:
    """A specification from its texts and the values between them."""
    text = ""
    amounts: list[Val] = []
    for piece in pieces:
        if isinstance(piece, str):
            text += piece
        elif known_of(piece) is not None:
            text += str(e.depend(piece))
        elif isinstance(type_of(piece), T.IntType):
            text += chr(_FIRST + len(amounts))
            amounts.append(piece)
        else:
            raise e.needs_unrolling("A format specification must be known while compiling.", e.node)
    return Spec(text, tuple(amounts))


_FLOAT_KINDS = tuple("eEfFgGn%")


def format_value(e: Emitter, val: Val, spec: Spec, conversion: str | None = None) -> Val:
    """`format(val, spec)` of a value that is known only at run time; `conversion` is the letter behind `!`."""
    if isinstance(val, RaisedException):
        val = val.message
    if conversion in ("r", "a"):
        val = _call(e, prelude.quoted, val) if isinstance(type_of(val), T.StringType) else text_of(e, val)
    elif conversion == "s" and spec and not isinstance(type_of(val), T.StringType):
        val = text_of(e, val)
    if not spec:
        return val
    if not spec.valid:
        raise e.error(f"'{spec.text}' is no format specification.")
    kind, type = spec.kind, type_of(val)
    if isinstance(type, T.TensorType) and kind in _FLOAT_KINDS:  # of a Tensor with one element
        val, type = Dynamic(e.call("aten::FloatImplicit", [val])), T.FLOAT
    if isinstance(type, T.NumberType) and (kind in _FLOAT_KINDS or spec.precision is not None):
        val, type = Dynamic(e.call("aten::Float", [val])), T.FLOAT
    if isinstance(type, T.BoolType) or (isinstance(type, T.NumberType) and kind):
        val, type = Dynamic(e.call("aten::Int", [val])), T.INT
    if isinstance(type, T.IntType) and kind in _FLOAT_KINDS and kind != "n":
        val, type = Dynamic(e.call("aten::Float", [val])), T.FLOAT
    if isinstance(type, T.NumberType) and not spec.group:
        return _pad(e, text_of(e, val), spec, ">")
    if isinstance(type, T.StringType) and kind in ("", "s"):
        if spec.precision is not None:
            end = spec.amount(e, spec.precision, 0)
            val = Dynamic(e.call("aten::slice", [val, e.static(0), end, e.static(1)]))
        return _pad(e, val, spec, "<")
    if isinstance(type, T.IntType) and kind == "c":
        return _pad(e, Dynamic(e.call("aten::chr", [val])), spec, "<")
    text: Val | None = None
    if isinstance(type, T.FloatType) and (kind in _FLOAT_KINDS or (not kind and spec.precision is not None)):
        if kind == "%":
            val = Dynamic(e.call("aten::mul", [val, e.static(100.0)]))
        text = _float_text(e, val, spec)
    elif isinstance(type, T.IntType) and kind in ("", "d", "n", *_BASES) and spec.precision is None:
        text = text_of(e, Dynamic(e.call("prim::abs", [val])))
        if kind in _BASES:
            text = Dynamic(e.call(_BASES[kind], [Dynamic(e.call("prim::abs", [val]))]))
            if not spec.alternate:
                text = Dynamic(e.call("aten::slice", [text, e.static(2), e.none(), e.static(1)]))
            if kind == "X":
                text = Dynamic(e.call("aten::upper", [text]))
    elif isinstance(type, T.FloatType) and not kind:
        text = text_of(e, Dynamic(e.call("prim::abs", [val])))
    if text is None:
        shown = type.annotation() if type is not None else val.describe()
        raise e.unsupported(
            f"The format specification ':{spec.text}' cannot be compiled for a run-time {shown}.",
            None,
            "Numbers take ':.3f', ':.2e', ':g', ':%', ':d', ':x' and the like, and texts a width and an alignment.",
        )
    if spec.group:
        text = _call(e, prelude.grouped, text, e.static(spec.group))
    zero = e.static(0.0 if isinstance(type, T.FloatType) else 0)
    negative = Dynamic(e.call("aten::lt", [val, zero]))
    if isinstance(type, T.FloatType):  # -0.0 has its sign, too
        sign = e.call("aten::copysign", [e.static(1.0), val])
        negative = Dynamic(e.call("aten::lt", [Dynamic(sign), e.static(0.0)]))
    plus = spec.sign if spec.sign in ("+", " ") else ""
    text = _call(e, prelude.signed, text, negative, e.static(plus))
    if kind == "%":
        text = Dynamic(e.call("aten::add", [text, e.static("%")]))
    return _pad(e, text, spec, ">")


def _float_text(e: Emitter, val: Val, spec: Spec) -> Val:
    """The digits of a float, without its sign."""
    precision = spec.amount(e, spec.precision, 6)
    if spec.kind in ("f", "F", "%"):
        text = _call(e, prelude_decimals.fixed, val, precision)
    elif spec.kind in ("e", "E"):
        text = _call(e, prelude_decimals.scientific, val, precision, e.static(spec.alternate))
    else:
        flags = (e.static(spec.alternate), e.static(not spec.kind))
        text = _call(e, prelude_decimals.general, val, precision, *flags)
    return Dynamic(e.call("aten::upper", [text])) if spec.kind in ("F", "E", "G") else text


def _pad(e: Emitter, text: Val, spec: Spec, default: str) -> Val:
    if not spec.width:
        return text
    zero = spec.zero and spec.align is None
    fill = spec.fill or ("0" if zero else " ")
    align = spec.align or ("=" if zero and default == ">" else default)
    return _call(e, prelude.padded, text, spec.amount(e, spec.width, 0), e.static(fill), e.static(align))


def text_of(e: Emitter, val: Val) -> Val:
    """`str(val)`."""
    if isinstance(val, Instance):
        return instances.shown(e, val)
    val = shown(e, val)
    return val if isinstance(type_of(val), T.StringType) else Dynamic(e.call("aten::str", [val]))


def shown(e: Emitter, val: Val) -> Val:
    """What `str`, `print` and formats show for a value: with round brackets where a list stands for a tuple."""
    type = type_of(val)
    if isinstance(type, T.ClassType) and not type.is_module:
        for method in ("__str__", "__repr__"):
            if e.program.class_method(type, method) is not None:
                return methods.call_class_method(e, val, method, [], {})
    if not isinstance(val, Dynamic | Sequence) or type is None or not type.contained:
        return val
    if isinstance(type, T.SetType):
        return _call(e, prelude.shown_as_set, Dynamic(e.call("aten::keys", [val])))
    deques.refuse(e, type, "shown")
    for inner in settled(type).walk():
        if isinstance(inner, T.SetType | default_dicts.DefaultDictType):
            kind = "set" if isinstance(inner, T.SetType) else "defaultdict" if inner.factory else "Counter"
            advice = "Show the sets one by one." if kind == "set" else "Show dict(…) of it."
            raise e.unsupported(f"The text of what holds a {kind} cannot be compiled.", None, advice)
    parts = val.items if isinstance(val, Sequence) else [val]
    types = [returned.type_of_result(e, p.value) for p in parts if isinstance(p, Dynamic)]
    if isinstance(val, Dynamic) and isinstance(types[0], T.RunTimeTupleType):
        if not holds_sets(types[0].element):
            return _call(e, prelude.shown_as_tuple, Dynamic(e.call("aten::list", [val])))
    if isinstance(val, Dynamic) and isinstance(types[0], T.OptionalType):
        if isinstance(types[0].element, T.RunTimeTupleType) and not holds_sets(types[0].element.element):
            return _call(e, prelude.shown_as_tuple_or_none, val)
    if any(isinstance(t, T.RunTimeTupleType) for own in types for t in own.walk()):
        raise e.unsupported(
            "The text of a container that holds tuples of unknown length cannot be compiled.", None,
            "Show them one by one, or leave out tuple().",
        )  # fmt: skip
    return val


def _call(e: Emitter, function: object, *arguments: Val) -> Val:
    return function_calls.call_function(e, function, list(arguments), {})


def percent(e: Emitter, template: Val, right: Val) -> Val:
    """`template % right`."""
    arguments = right.items if isinstance(right, Sequence) else [right]
    known = known_of(template)
    fields = list(_PERCENT.finditer(known.object)) if known is not None else []
    if all(f["kind"] in "sd%" and not f["flags"] and not f["width"] and not f["precision"] for f in fields):
        arguments = [shown(e, a) for a in arguments]
        return Dynamic(e.call("aten::percentFormat", [template, *arguments]))
    text: str = e.depend(template)
    pieces, values, end, index = "", [], 0, 0
    for field in fields:
        pieces += text[end : field.start()].replace("{", "{{").replace("}", "}}")
        end = field.end()
        if field["kind"] == "%":
            pieces += "%"
            continue
        if index >= len(arguments):
            raise e.error(f"The format '{text}' takes more than the {len(arguments)} values that are given.")
        values.append(_percent_field(e, field, arguments[index]))
        pieces += "{}"
        index += 1
    if index < len(arguments):
        raise e.error(f"The format '{text}' takes {index} values, but {len(arguments)} are given.")
    return join_pieces(e, pieces + text[end:].replace("{", "{{").replace("}", "}}"), values)


def _percent_field(e: Emitter, field: re.Match[str], val: Val) -> Val:
    kind, flags = field["kind"], field["flags"]
    if kind in ("s", "r"):
        val = format_value(e, val, Spec(), "r") if kind == "r" else val
        val = val if isinstance(type_of(val), T.StringType) else text_of(e, val)
        kind = ""
    elif kind in ("d", "i", "u"):
        val = val if isinstance(type_of(val), T.IntType) else Dynamic(e.call("aten::Int", [val]))
        kind = "d"
    align = "<" if "-" in flags else ">" if not kind else ""
    sign = "+" if "+" in flags else " " if " " in flags else ""
    zero = "0" if "0" in flags and not align else ""
    precision = f".{field['precision']}" if field["precision"] is not None else ""
    spec = f"{align}{sign}{'#' if '#' in flags else ''}{zero}{field['width'] or ''}{precision}{kind}"
    return format_value(e, val, Spec(spec if spec != align else ""))

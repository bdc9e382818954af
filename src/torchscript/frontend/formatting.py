"""Text of values: `str.format`, f-strings with format specifications, `%`.

The IR's `aten::format` knows `{}` only, so a specification (`{loss:.4f}`) is compiled as calls of the prelude.
"""

from __future__ import annotations

import re
import string

from .. import types as T
from . import function_calls, prelude
from .emitter import Emitter
from .values import Dynamic, RaisedException, Sequence, Val, is_scalar_constant, known_of, type_of

_SPEC = re.compile(
    r"(?:(?P<fill>.)?(?P<align>[<>=^]))?(?P<sign>[+\- ])?(?P<alternate>#)?(?P<zero>0)?(?P<width>\d+)?"
    r"(?P<group>[,_])?(?:\.(?P<precision>\d+))?(?P<kind>[a-zA-Z%])?"
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
        if known is not None and is_scalar_constant(known.object):
            value = repr(e.depend(val)) if conversion == "r" else e.depend(val)
            pieces += format(value, spec or "").replace("{", "{{").replace("}", "}}")
            continue
        if spec or conversion or isinstance(val, RaisedException):
            val = format_value(e, val, spec or "", conversion == "r")
        if type_of(val) is None:
            pieces += val.describe()
            continue
        pieces += "{}"
        arguments.append(val)
    return join_pieces(e, pieces, arguments)


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
    return e.call_operator("aten::format", [e.static(text), *values], {}, "format")


def format_value(e: Emitter, val: Val, spec: str, as_repr: bool = False) -> Val:
    """`format(val, spec)` of a value that is known only at run time."""
    if isinstance(val, RaisedException):
        val = val.message
    if as_repr:
        val = _call(e, prelude.quoted, val) if isinstance(type_of(val), T.StringType) else _text(e, val)
    if not spec:
        return val
    found = _SPEC.fullmatch(spec)
    if found is None:
        raise e.error(f"'{spec}' is no format specification.")
    kind, type = found["kind"] or "", type_of(val)
    if isinstance(type, T.TensorType) and kind in ("f", "F", "%"):  # of a Tensor with one element
        val = Dynamic(e.call("aten::FloatImplicit", [val]))
        type = T.FLOAT
    if isinstance(type, T.BoolType):
        val = Dynamic(e.call("aten::Int", [val]))
        type = T.INT
    if isinstance(type, T.IntType) and kind in ("f", "F", "%"):
        val = Dynamic(e.call("aten::Float", [val]))
        type = T.FLOAT
    if isinstance(type, T.StringType) and kind in ("", "s"):
        if found["precision"] is not None:
            val = Dynamic(
                e.call("aten::slice", [val, e.static(0), e.static(int(found["precision"])), e.static(1)])
            )
        return _pad(e, val, found, "<")
    text: Val | None = None
    if isinstance(type, T.FloatType) and kind in ("f", "F", "%"):
        if kind == "%":
            val = Dynamic(e.call("aten::mul", [val, e.static(100.0)]))
        text = _call(e, prelude.fixed, val, e.static(int(found["precision"] or 6)))
    elif isinstance(type, T.IntType) and kind in ("", "d", *_BASES) and found["precision"] is None:
        text = _text(e, Dynamic(e.call("prim::abs", [val])))
        if kind in _BASES:
            text = Dynamic(e.call(_BASES[kind], [Dynamic(e.call("prim::abs", [val]))]))
            if not found["alternate"]:
                text = Dynamic(e.call("aten::slice", [text, e.static(2), e.none(), e.static(1)]))
            if kind == "X":
                text = Dynamic(e.call("aten::upper", [text]))
    elif isinstance(type, T.FloatType) and not kind and found["precision"] is None and not found["group"]:
        return _pad(e, _text(e, val), found, ">")
    if text is None:
        shown = type.annotation() if type is not None else val.describe()
        raise e.unsupported(
            f"The format specification ':{spec}' cannot be compiled for a run-time {shown}.",
            None,
            "Use ':.3f', ':d', ':x', ':%', a width or an alignment; or leave out what is behind ':'.",
        )
    if found["group"]:
        text = _call(e, prelude.grouped, text, e.static(found["group"]))
    zero = e.static(0.0 if isinstance(type, T.FloatType) else 0)
    negative = Dynamic(e.call("aten::lt", [val, zero]))
    if isinstance(type, T.FloatType):  # -0.0 has its sign, too
        sign = e.call("aten::copysign", [e.static(1.0), val])
        negative = Dynamic(e.call("aten::lt", [Dynamic(sign), e.static(0.0)]))
    plus = found["sign"] if found["sign"] in ("+", " ") else ""
    text = _call(e, prelude.signed, text, negative, e.static(plus))
    if kind == "%":
        text = Dynamic(e.call("aten::add", [text, e.static("%")]))
    return _pad(e, text, found, ">")


def _pad(e: Emitter, text: Val, found: re.Match[str], default: str) -> Val:
    if not found["width"]:
        return text
    zero = found["zero"] is not None and found["align"] is None
    fill = found["fill"] or ("0" if zero else " ")
    align = found["align"] or ("=" if zero and default == ">" else default)
    return _call(e, prelude.padded, text, e.static(int(found["width"])), e.static(fill), e.static(align))


def _text(e: Emitter, val: Val) -> Val:
    return Dynamic(e.call("aten::str", [val]))


def _call(e: Emitter, function: object, *arguments: Val) -> Val:
    return function_calls.call_function(e, function, list(arguments), {})


def percent(e: Emitter, template: Val, right: Val) -> Val:
    """`template % right`."""
    arguments = right.items if isinstance(right, Sequence) else [right]
    known = known_of(template)
    fields = list(_PERCENT.finditer(known.object)) if known is not None else []
    if all(f["kind"] in "sd%" and not f["flags"] and not f["width"] and not f["precision"] for f in fields):
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
        val = format_value(e, val, "", True) if kind == "r" else val
        val = val if isinstance(type_of(val), T.StringType) else _text(e, val)
        kind = ""
    elif kind in ("d", "i", "u"):
        val = val if isinstance(type_of(val), T.IntType) else Dynamic(e.call("aten::Int", [val]))
        kind = "d"
    align = "<" if "-" in flags else ">" if not kind else ""
    sign = "+" if "+" in flags else " " if " " in flags else ""
    zero = "0" if "0" in flags and not align else ""
    precision = f".{field['precision']}" if field["precision"] is not None else ""
    spec = f"{align}{sign}{'#' if '#' in flags else ''}{zero}{field['width'] or ''}{precision}{kind}"
    return format_value(e, val, spec if spec != align else "")

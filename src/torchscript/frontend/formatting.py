"""`str.format`, f-strings."""

from __future__ import annotations

from .emitter import Emitter
from .values import Val, is_scalar_constant, known_of, type_of


def format_values(
    e: Emitter, template: str, positional: list[Val], named: dict[str, Val] | None = None
) -> Val:
    """`template.format(…)`: fields that are known or have a format specification are put in now where possible."""
    import string

    named = named or {}
    pieces, arguments = "", []
    automatic = 0
    for text, field, spec, conversion in string.Formatter().parse(template):
        pieces += text.replace("{", "{{").replace("}", "}}")
        if field is None:
            continue
        if field == "":
            val, automatic = positional[automatic], automatic + 1
        elif field.isdigit():
            val = positional[int(field)]
        elif field in named:
            val = named[field]
        else:
            raise e.unsupported(f"The format field '{{{field}}}' cannot be compiled.")
        known = known_of(val)
        if known is not None and is_scalar_constant(known.object):
            shown = format(e.depend(val), spec or "") if not conversion else repr(e.depend(val))
            pieces += shown.replace("{", "{{").replace("}", "}}")
            continue
        if spec or conversion:
            raise e.unsupported(
                "A format specification cannot be compiled for a run-time value.",
                None,
                "Leave out what is behind ':'.",
            )
        if type_of(val) is None:
            pieces += val.describe()
            continue
        pieces += "{}"
        arguments.append(val)
    if not arguments:
        return e.static(pieces.replace("{{", "{").replace("}}", "}"))
    return e.call_operator("aten::format", [e.static(pieces), *arguments], {}, "format")

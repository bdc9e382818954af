"""How IR text writes the values of attributes. `parser.py` reads what this module writes.

    3    1.5    1e-05    -inf    1.+2.j    "a\\n"    "cpu"    [1, 2]    {"a": 1}    (1, 2.)    {3}    <Tensor>

A bool of its own is 0 or 1, inside a container True or False. A tensor of one element is `{3}`, any other is
`<Tensor>`: text does not carry its elements.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from .. import types as T
from ..codes import code_of


@dataclass(frozen=True, slots=True)
class Opaque:
    """A value that text names and does not carry: `<Generator>`, a member of an unknown enum."""

    text: str


_ESCAPES = {
    "\n": "\\n", "\t": "\\t", "\r": "\\r", "\a": "\\a", "\b": "\\b", "\f": "\\f", "\v": "\\v",
    "\\": "\\\\", '"': '\\"', "'": "\\'",
}  # fmt: skip


def string_text(value: str) -> str:
    r"""A C string literal; characters that do not print are the octal of their UTF-8 bytes.

    >>> print(string_text('a"\n\x01é'))
    "a\"\n\001é"
    """
    if value.isprintable() and not any(c in value for c in "\\\"'"):
        return f'"{value}"'
    parts = ['"']
    for character in value:
        if character in _ESCAPES:
            parts.append(_ESCAPES[character])
        elif character.isprintable():
            parts.append(character)
        else:
            parts += [f"\\{byte:03o}" for byte in character.encode("utf-8", "surrogatepass")]
    parts.append('"')
    return "".join(parts)


def float_text(value: float) -> str:
    """PyTorch's text of a float, of 17 digits where it needs them; it reads back as this float and as no int.

    >>> float_text(1.0), float_text(0.1), float_text(1e16), float_text(float("-inf"))
    ('1.', '0.10000000000000001', '10000000000000000.', '-inf')
    """
    text = f"{value:.17g}"
    return text + "." if text.lstrip("-").isdigit() else text


def complex_text(value: complex) -> str:
    """
    >>> complex_text(1 - 2.5j)
    '1.-2.5j'
    """
    imaginary = float_text(value.imag)
    sign = "" if imaginary.startswith("-") else "+"
    return f"{float_text(value.real)}{sign}{imaginary}j"


def tensor_text(value: torch.Tensor) -> str:
    if value.numel() != 1 or value.is_meta or value.layout != torch.strided or value.is_quantized:
        return "<Tensor>"
    item = value.detach().reshape(()).item()
    return f"{{{literal(int(item) if isinstance(item, bool) else item)}}}"


def literal(value: Any, type: T.Type | None = None) -> str | None:
    """The text of an attribute's value, or None for an object that text leaves out (a function, a class).

    `type` is that of the constant; an empty list or dict needs it to say what it is a list of.
    """
    if isinstance(value, bool):
        return str(int(value))
    return _nested(value, type)


def _nested(value: Any, type: T.Type | None) -> str | None:
    if isinstance(type, T.OptionalType):
        type = type.element
    if isinstance(value, enum.Enum):  # before int and str, which an enum can be too
        owner = type.qualified_name if isinstance(type, T.EnumType) else value.__class__.__qualname__
        return f"{owner}.{value.name}"
    for kind, write in _WRITERS:
        if isinstance(value, kind):
            return write(value)
    if isinstance(value, list | tuple | dict):
        return _container(value, type)
    return None


def _container(value: list[Any] | tuple[Any, ...] | dict[Any, Any], type: T.Type | None) -> str | None:
    if isinstance(value, dict):
        key_type, value_type = (type.key, type.value) if isinstance(type, T.DictType) else (None, None)
        if not value and type is not None:
            return f"annotate({type.annotation()}, {{}})"
        pairs = ((_nested(k, key_type), _nested(v, value_type)) for k, v in value.items())
        return "{" + ", ".join(f"{k or '<object>'}: {v or '<object>'}" for k, v in pairs) + "}"
    if isinstance(value, tuple):
        types = type.elements if isinstance(type, T.TupleType) else (None,) * len(value)
        parts = [_nested(v, t) or "<object>" for v, t in zip(value, types, strict=True)]
        return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
    if not value and type is not None:
        return f"annotate({type.annotation()}, [])"
    element = type.element if isinstance(type, T.ListType) else None
    return "[" + ", ".join(_nested(v, element) or "<object>" for v in value) + "]"


_WRITERS: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (bool, str),
    (int, int.__repr__),
    (float, float_text),
    (str, string_text),
    (type(None), str),
    (complex, complex_text),
    (torch.Tensor, tensor_text),
    (torch.dtype, lambda value: str(code_of(value))),
    (torch.layout, lambda value: str(code_of(value))),
    (torch.memory_format, lambda value: str(code_of(value))),
    (torch.device, lambda value: string_text(str(value))),
    (T.Type, str),
    (Opaque, lambda value: value.text),
)

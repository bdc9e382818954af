"""Constants as archived source writes them.

What has no literal (tensors, strings outside ASCII, objects) goes into the archive's table of constants, and
is `CONSTANTS.c0` in the source.
"""

from __future__ import annotations

import enum
from typing import Any

import torch

from ... import types as T
from ...schema import code_of
from .fragments import Fragment
from .qualified_names import QualifiedNames


class ConstantTable:
    """The values that archived code refers to as `CONSTANTS.c0`, `CONSTANTS.c1`, …, each with its type."""

    def __init__(self) -> None:
        self.entries: list[tuple[Any, T.Type]] = []
        self._places: dict[tuple[str, Any], int] = {}

    @property
    def values(self) -> list[Any]:
        return [value for value, _ in self.entries]

    def reference(self, value: Any, type: T.Type) -> str:
        """The name of a value in the table, which it enters unless it is there."""
        key = ("string", value) if isinstance(value, str) else ("object", id(value))
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = len(self.entries)
            self.entries.append((value, type))
        return f"CONSTANTS.c{place}"


_ESCAPES = {
    ord("\\"): "\\\\",
    ord('"'): '\\"',
    ord("\n"): "\\n",
    ord("\t"): "\\t",
}  # PyTorch does not read '\\r'
_ESCAPES |= {code: f"\\{code:03o}" for code in [*range(32), 127] if code not in _ESCAPES}


def string_literal(value: str) -> str:
    r"""An ASCII string in double quotes.

    >>> print(string_literal('say "a\n"'))
    "say \"a\n\""
    """
    return f'"{value.translate(_ESCAPES)}"'


def float_literal(value: float) -> str:
    """The shortest text that reads as exactly this float.

    >>> [float_literal(value) for value in (0.1, 1e-5, 2.0, float("-inf"), 1e16)]
    ['0.1', '1e-05', '2.0', '-inf', '1e+16']
    """
    return repr(value)  # inf and nan are names that archived source knows


def literal(value: Any, type: T.Type, names: QualifiedNames, constants: ConstantTable) -> Fragment:
    """The expression for a constant of this type."""
    text = _literal(value, type, names, constants)
    return Fragment(text, simple=text.startswith("CONSTANTS") or isinstance(value, enum.Enum))


def _literal(value: Any, type: T.Type, names: QualifiedNames, constants: ConstantTable) -> str:
    if isinstance(type, T.OptionalType):
        type = type.element
    match value:
        case None:
            return "None"
        case enum.Enum() if isinstance(type, T.EnumType):
            return f"{names.of(type)}.{value.name}"
        case bool():
            return str(value)
        case int():
            return str(int(value))
        case float():
            return float_literal(value)
        case complex():
            return f"complex({float_literal(value.real)}, {float_literal(value.imag)})"
        case str() if value.isascii():
            return string_literal(value)
        case torch.dtype() | torch.layout() | torch.memory_format():
            return str(code_of(value))
        case torch.device():
            return f'torch.device("{value}")'
        case tuple() if isinstance(type, T.TupleType):
            items = [_literal(v, t, names, constants) for v, t in zip(value, type.elements)]
            if isinstance(type, T.NamedTupleType) and type.qualified_name:
                return f"{names.of(type)}({', '.join(items)})"
            return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"
        case list() if isinstance(type, T.ListType):
            items = [_literal(v, type.element, names, constants) for v in value]
            text = f"[{', '.join(items)}]"
            plain = value and isinstance(type.element, _PLAIN)
            return text if plain else f"annotate({names.type(type)}, {text})"
        case dict() if isinstance(type, T.DictType):
            pairs = [
                f"{_literal(k, type.key, names, constants)}: {_literal(v, type.value, names, constants)}"
                for k, v in value.items()
            ]
            return f"annotate({names.type(type)}, {{{', '.join(pairs)}}})"
        case _:
            return constants.reference(value, type)


_PLAIN = (T.IntType, T.FloatType, T.BoolType, T.StringType, T.ComplexType, T.TensorType, T.DeviceType)


def is_writable_literal(value: Any) -> bool:
    """Whether a value of this kind is written in place, without the table of constants."""
    if isinstance(value, list | tuple):
        return all(map(is_writable_literal, value))
    if isinstance(value, str):
        return value.isascii()
    return value is None or isinstance(
        value, bool | int | float | complex | torch.dtype | torch.layout | torch.memory_format
    )

"""Literals of archived code. Numbers are Python's but for `inf` and `nan`; strings are bytes of UTF-8."""

from __future__ import annotations

import ast
from typing import Any

from ...errors import CompileError

NAMED_NUMBERS: dict[str, complex] = {
    "inf": float("inf"),
    "nan": float("nan"),
    "infj": complex(0.0, float("inf")),
    "nanj": complex(0.0, float("nan")),
}


class NotALiteral(Exception):
    """The expression is no literal."""


def literal(node: ast.expr) -> Any:
    """The value of a literal: a constant, `-1`, `2.+3.j`, `-inf`, or a list, tuple or dict of literals."""
    if isinstance(node, ast.Constant):
        return constant(node.value)
    if isinstance(node, ast.Name) and node.id in NAMED_NUMBERS:
        return NAMED_NUMBERS[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = literal(node.operand)
        if isinstance(value, int | float | complex) and not isinstance(value, bool):
            return _checked(-value)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        left, right = literal(node.left), literal(node.right)
        if isinstance(left, int | float) and isinstance(right, complex):
            # not left + right: 0. * inf in the sum would make a nan
            return complex(left, right.imag if isinstance(node.op, ast.Add) else -right.imag)
    if isinstance(node, ast.List):
        return [literal(element) for element in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(literal(element) for element in node.elts)
    if isinstance(node, ast.Dict) and all(key is not None for key in node.keys):
        return {literal(k): literal(v) for k, v in zip(node.keys, node.values) if k is not None}
    raise NotALiteral


def constant(value: Any) -> Any:
    """What a constant of the parsed text is in the language."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) <= 1 << 63 else _checked(value)
    if value is None or isinstance(value, bool | float | complex):
        return value
    raise CompileError(f"{value!r} is not in the language of archives")


def text(value: str) -> str:
    """A string as the user wrote it: the printer escapes each byte of its UTF-8 that is not plain ASCII."""
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


def _checked(value: Any) -> Any:
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        raise CompileError(f"the number {value} does not fit into 64 bits")
    return value

"""What an archive may ask of the importer: types and constants that are small when they are written out.

    t1 = (t0, t0)
    t2 = (t1, t1)          a type of 2 ** 60 parts in sixty lines
    …

Parts that are shared cost nothing until something compares, prints or hashes the whole.
"""

from __future__ import annotations

from typing import Any

from ... import types as T
from ...errors import CompileError

LARGEST_TYPE = 20_000
LARGEST_CONSTANT = 1_000_000

_LEAST_STATEMENTS = 20_000
_STATEMENT_REPEATS = 50


def allowed_statements(text: str) -> int:
    """How many statements of a function may be built: loops are built again where a variable of theirs widens,
    and closures wherever they are forked, which one inside the other doubles with each."""
    return max(_LEAST_STATEMENTS, _STATEMENT_REPEATS * text.count("\n"))


class TypeSizes:
    """The number of parts of types, each counted once."""

    def __init__(self) -> None:
        # keyed by identity; the values hold the types, so that no id is used again
        self._sizes: dict[int, tuple[T.Type, int]] = {}

    def check(self, type: T.Type) -> None:
        """CompileError for a type of too many parts."""
        if type.contained and self._size(type) > LARGEST_TYPE:
            raise CompileError("a type has too many parts")

    def _size(self, type: T.Type) -> int:
        contained = type.contained
        if not contained:
            return 1
        known = self._sizes.get(id(type))
        if known is None:
            known = self._sizes[id(type)] = (type, 1 + sum(map(self._size, contained)))
        return known[1]


def check_constant(value: Any) -> None:
    """CompileError for a constant that has too many parts or contains itself."""
    sizes: dict[int, int | None] = {}

    def size(value: Any) -> int:
        if not isinstance(value, list | tuple | dict):
            return 1
        if id(value) in sizes:
            known = sizes[id(value)]
            if known is None:
                raise CompileError("a constant contains itself")
            return known
        sizes[id(value)] = None
        items = value.values() if isinstance(value, dict) else value
        total = sizes[id(value)] = 1 + sum(map(size, items))
        return total

    try:
        if size(value) > LARGEST_CONSTANT:
            raise CompileError("a constant has too many parts")
    except RecursionError:
        raise CompileError("a constant nests too deep") from None

"""What a generator decides, and which variables it may use where."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hypothesis import strategies as st

from .kinds import Kind, Record

T = TypeVar("T")

_numbers = functools.lru_cache(maxsize=None)(st.integers)


class Choices:
    """Decisions drawn from hypothesis. The first option, the least number and False are what it shrinks to."""

    def __init__(self, draw: Callable[..., Any]) -> None:
        self._draw = draw

    def number(self, low: int, high: int) -> int:
        return low if low == high else self._draw(_numbers(low, high))

    def one_of(self, options: Sequence[T]) -> T:
        return options[self.number(0, len(options) - 1)]

    def chance(self, percent: int) -> bool:
        return self.number(0, 99) >= 100 - percent


@dataclass
class Variable:
    """`path` is a name, or an attribute such as `self.count`. A variable that is not `writable` is neither
    assigned nor changed: it is a loop's, or known to be more than its declared type says."""

    path: str
    kind: Kind
    writable: bool = True


@dataclass
class Helper:
    """A function (or method) of the program that can be called."""

    name: str
    parameters: list[tuple[str, Kind, str | None]]  # name, kind, default
    result: Kind


@dataclass
class Scope:
    """The variables of a function at one point, and what surrounds it."""

    helpers: list[Helper] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    variables: list[Variable] = field(default_factory=list)
    loops: int = 0
    depth: int = 0
    pure: bool = False  # nothing may be changed: inside a comprehension, or a loop over what could change
    prefix: str = "v"
    _names: Iterator[int] = field(default_factory=lambda: iter(range(10_000)))

    def fresh(self, prefix: str | None = None) -> str:
        return f"{prefix or self.prefix}{next(self._names)}"

    def declare(self, name: str, kind: Kind, writable: bool = True) -> Variable:
        variable = Variable(name, kind, writable)
        self.variables.append(variable)
        return variable

    def of(self, kind: Kind, *, writable: bool = False) -> list[Variable]:
        return [v for v in self.variables if v.kind == kind and (v.writable or not writable)]

    def matching(self, test: Callable[[Kind], bool], *, changeable: bool = False) -> list[Variable]:
        """Variables whose kind passes; `changeable`: whose value may be changed in place here."""
        if changeable and self.pure:
            return []
        return [v for v in self.variables if test(v.kind) and (v.writable or not changeable)]

    @contextlib.contextmanager
    def inner(self, *, pure: bool = False) -> Iterator[None]:
        """Variables declared within end with the block."""
        mark, was_pure = len(self.variables), self.pure
        self.pure = self.pure or pure
        self.depth += 1
        try:
            yield
        finally:
            del self.variables[mark:]
            self.pure = was_pure
            self.depth -= 1

    @contextlib.contextmanager
    def known_as(self, variable: Variable, kind: Kind) -> Iterator[None]:
        """Within, an Optional variable is of its element's kind, and keeps its value."""
        declared, writable = variable.kind, variable.writable
        variable.kind, variable.writable = kind, False
        try:
            yield
        finally:
            variable.kind, variable.writable = declared, writable

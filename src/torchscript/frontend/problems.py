"""What the parts of the frontend tell each other by raising: that a loop must be unrolled, that code surely raises, …"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..errors import CompileError, NotSupportedError
from ..source import SourceRange

if TYPE_CHECKING:
    from .splitting import Split


class NeedsUnrolling(NotSupportedError):
    """Something must be known while compiling that a loop makes variable; a loop with known bounds then unrolls."""


class BecomesTensor(NeedsUnrolling):
    """A number before a loop that its first iteration makes a Tensor (`loss = 0`)."""


class CertainError(CompileError):
    """What stands here can only raise in Python too: `exception` is what it raises.

    In code that a run-time condition guards it is compiled as that `raise`; elsewhere the program is refused.
    """

    def __init__(
        self, exception: type[Exception], message: str, where: SourceRange | None, notes: tuple[str, ...]
    ) -> None:
        super().__init__(message, where, notes=notes)
        self.exception = exception


class MissingArguments(CertainError):
    """A call leaves out arguments that have no defaults: `names`."""

    def __init__(self, message: str, where: SourceRange | None, names: list[str]) -> None:
        super().__init__(TypeError, message, where, ())
        self.names = names


class NeedsSplitError(CompileError):
    """A variable is read that two paths left as different things; the rest can be compiled for each (splitting.py)."""

    def __init__(self, message: str, where: SourceRange | None, split: Split) -> None:
        super().__init__(message, where)
        self.split = split


class NotAValueError(NotSupportedError):
    """A function returns what exists only while compiling: it can be compiled in place of its call."""


class OutsideLanguageError(NotSupportedError):
    """A function does what only Python can do (an import, numpy, no source): it stays a Python call."""


def suggestion(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """A note with the known name that `name` was probably meant to be."""
    close = difflib.get_close_matches(name, known, 1, 0.7)
    return (f"Did you mean '{close[0]}'?",) if close else ()

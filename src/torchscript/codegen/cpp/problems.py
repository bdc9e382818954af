"""What of a program has no native code: collected with its place, and reported together."""

from __future__ import annotations

from ...errors import BackendError
from ...source import SourceRange

SHOWN = 10


class NativeError(BackendError):
    """A program that cannot become native code; the message names every construct that stands in the way."""


class Problem(Exception):
    """One construct that cannot be compiled natively."""

    def __init__(self, what: str, source: SourceRange | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.source = source


class Problems:
    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Problem] = {}

    def add(self, problem: Problem, source: SourceRange | None) -> None:
        problem.source = problem.source or source
        self._found.setdefault((problem.what, str(problem.source)), problem)

    def check(self, name: str) -> None:
        """Raises NativeError if anything was found."""
        if not self._found:
            return
        lines = [f"'{name}' cannot be compiled natively:"]
        for problem in list(self._found.values())[:SHOWN]:
            lines.append(f"- {problem.what}")
            if problem.source is not None:
                lines.append(problem.source.show())
        if len(self._found) > SHOWN:
            lines.append(f"... and {len(self._found) - SHOWN} more")
        raise NativeError("\n".join(lines))

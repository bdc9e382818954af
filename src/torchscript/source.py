"""Where a piece of a program comes from: files, positions in them, and how a position is shown to a person."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Source:
    """The text of a program, and where its first line stands.

    `first_line` is the 1-based line of the file at which `text` begins. `origin` tells what a span of archived code
    was made of, where the archive says.
    """

    text: str
    filename: str
    first_line: int = 1
    origin: Callable[[SourceRange], SourceRange | None] | None = field(
        default=None, repr=False, compare=False
    )
    lines: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "lines", tuple(self.text.splitlines()))

    def line(self, number: int) -> str:
        """The text of line `number` of the file, or an empty string where the text has no such line."""
        index = number - self.first_line
        return self.lines[index] if 0 <= index < len(self.lines) else ""


@dataclass(frozen=True, slots=True)
class SourceRange:
    """A span of a `Source`: lines are 1-based lines of the file, columns 0-based characters.

    `inlined` is the call that the span was inlined for, if it was: the function that was called, and from where.
    """

    source: Source
    line: int
    column: int
    end_line: int
    end_column: int
    inlined: tuple[str, SourceRange] | None = field(default=None, repr=False, compare=False)

    def original(self) -> SourceRange:
        """The span of the program that a span of archived code was made of; itself where there is no such thing."""
        return (self.source.origin(self) if self.source.origin is not None else None) or self

    def called(self, function: str, call: SourceRange) -> SourceRange:
        """The same span, as part of `function` inlined at `call`; calls that are known already are inside of it."""
        if self.inlined is not None:
            name, inner = self.inlined
            return replace(self, inlined=(name, inner.called(function, call)))
        return replace(self, inlined=(function, call))

    def frames(self) -> list[tuple[str | None, SourceRange]]:
        """The calls that lead here, outermost first: the function that each place is in (None: the outermost), the place."""
        chain: list[tuple[str | None, SourceRange]] = []
        place: SourceRange | None = self
        while place is not None:
            name, call = place.inlined if place.inlined is not None else (None, None)
            chain.append((name, place))
            place = call
        return chain[::-1]

    def __str__(self) -> str:
        return f"{self.source.filename}:{self.line}:{self.column}"

    def show(self) -> str:
        """The span's first line with three lines of context, and carets below the span.

        Carets end with the line: a span over several lines shows where it begins.
        """
        return "\n".join(self._shown_lines())

    def _shown_lines(self) -> Iterator[str]:
        yield f'  File "{self.source.filename}", line {self.line}'
        text = self.source.line(self.line)
        if not text:
            return
        for number in range(max(self.line - 2, self.source.first_line), self.line):
            yield f"    {self.source.line(number)}"
        end = self.end_column if self.end_line == self.line else len(text)
        yield f"    {text}"
        yield "    " + " " * self.column + "^" * max(1, min(end, len(text)) - self.column)

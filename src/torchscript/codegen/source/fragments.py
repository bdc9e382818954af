"""Pieces of source text that remember which span of the user's program each part comes from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...source import SourceRange

Mark = tuple[int, SourceRange | None]
"""From this offset on (in characters; the text is ASCII, so in bytes too), the text stands for this span."""


@dataclass(slots=True)
class Fragment:
    """An expression's text. `simple` says that `.name` and `[i]` can follow without parentheses."""

    text: str
    marks: tuple[Mark, ...] = ()
    simple: bool = False

    def receiver(self) -> Fragment:
        """The expression where an attribute or an index follows."""
        return self if self.simple else join("(", self, ")")


def join(*pieces: str | Fragment, simple: bool = False) -> Fragment:
    """The pieces one after the other."""
    text: list[str] = []
    marks: list[Mark] = []
    offset = 0
    for piece in pieces:
        if isinstance(piece, Fragment):
            marks += [(offset + at, span) for at, span in piece.marks]
            piece = piece.text
        text.append(piece)
        offset += len(piece)
    return Fragment("".join(text), tuple(marks), simple)


def listed(opening: str, items: list[Fragment], closing: str, simple: bool = False) -> Fragment:
    """The items between commas, in brackets."""
    pieces: list[str | Fragment] = [opening]
    for i, item in enumerate(items):
        pieces += [", ", item] if i else [item]
    pieces.append(closing)
    return join(*pieces, simple=simple)


def spanning(fragment: Fragment, span: SourceRange | None) -> Fragment:
    """The fragment as the text of `span`; the spans of the expressions inside it stay theirs.

    After an inner expression the text belongs to `span` again.
    """
    if span is None:
        return fragment
    marks: list[Mark] = [(0, span)]
    for at, inner in fragment.marks:
        if at != marks[-1][0]:
            marks.append((at, inner))
    end = len(fragment.text)
    if len(marks) > 1 and marks[-1][1] != span and marks[-1][0] < end - 1:
        marks.append((end - 1, span))
    fragment.marks = tuple(marks)
    return fragment


class Lines:
    """Source text in the making, line by line."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.marks: list[Mark] = []
        self.length = 0
        self.indent = 0

    def add(self, line: str | Fragment) -> None:
        """Append a line at the current indentation."""
        start = self.length + 2 * self.indent
        if isinstance(line, Fragment):
            self.marks += [(start + at, span) for at, span in line.marks]
            line = line.text
        self.parts.append("  " * self.indent + line + "\n")
        self.length = start + len(line) + 1

    def drop_last(self) -> None:
        """Take back the last line, which bears no marks."""
        self.length -= len(self.parts.pop())

    def unmark(self) -> None:
        """Say that what follows stands for nothing in the user's program."""
        if self.marks and self.marks[-1][1] is not None:
            self.marks.append((self.length, None))

    def extend(self, other: Lines) -> None:
        """Append lines that were made at no indentation of this one's."""
        self.marks += [(self.length + at, span) for at, span in other.marks]
        self.parts += other.parts
        self.length += other.length

    def text(self) -> str:
        return "".join(self.parts)

    def merged_marks(self) -> Iterator[Mark]:
        """The marks in order, without those that change nothing."""
        last: SourceRange | None = None
        for at, span in self.marks:
            if span is not last and span != last:
                yield at, span
                last = span

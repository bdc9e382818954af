"""`code/….py.debug_pkl`: which span of the user's program each part of an archive's code comes from.

PyTorch shows these lines, in Python and in C++, when an operation fails. The pickle holds a table of strings
(lines of source, file names) and, for every span, the offset in the code from which it holds.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable

from ..codegen.source import CodeFile, QualifiedNames
from ..source import Source, SourceRange
from .pickling import Pickler, StorageTable

_FORMAT = "FORMAT_WITH_STRING_TABLE"
_CONTEXT = 3


class _Excerpt:
    """Lines of a source that stand near each other, and where each begins among them, in bytes."""

    def __init__(self, source: Source, first: int, last: int) -> None:
        self.filename = source.filename
        self.first = max(source.first_line, first - _CONTEXT)
        self.last = min(source.first_line + len(source.lines) - 1, last + _CONTEXT)
        self.lines = [source.line(n) + "\n" for n in range(self.first, self.last + 1)]
        self._begins = [0]
        for line in self.lines:
            self._begins.append(self._begins[-1] + len(line.encode()))

    def offset(self, line: int, column: int) -> int:
        index = line - self.first
        if not 0 <= index < len(self.lines):
            return self._begins[-1] if index >= 0 else 0
        text = self.lines[index]
        column = min(column, len(text) - 1)
        return self._begins[index] + (column if text.isascii() else len(text[:column].encode()))


def debug_pickle(file: CodeFile) -> bytes:
    """The content of the `.debug_pkl` beside a code file."""
    originals = [(offset, span and span.original()) for offset, span in file.marks]
    excerpts = _excerpts(span for _, span in originals if span is not None)
    strings: dict[str, int] = {"": 0}

    def number(text: str) -> int:
        return strings.setdefault(text, len(strings))

    tables = {
        excerpt: ([number(line) for line in excerpt.lines], number(excerpt.filename), excerpt.first)
        for excerpt in itertools.chain.from_iterable(excerpts.values())
    }
    pickler = Pickler(QualifiedNames(), StorageTable())
    written: set[_Excerpt | None] = set()

    def source_of(excerpt: _Excerpt | None) -> None:
        if excerpt in written:
            pickler.recall(("source", id(excerpt)))
            return
        lines, filename, first = tables[excerpt] if excerpt is not None else ([], 0, 0)
        pickler.write_tuple(
            [
                lambda: pickler.int_list(lines),
                lambda: pickler.write_int(filename),
                lambda: pickler.write_int(first),
            ]
        )
        pickler.remember(("source", id(excerpt)))
        written.add(excerpt)

    def span_of(span: SourceRange | None) -> None:
        begin = end = 0
        excerpt = None
        if span is not None:
            excerpt = _excerpt_with(excerpts[span.source], span.line)
            begin = excerpt.offset(span.line, span.column)
            end = max(begin, excerpt.offset(span.end_line, span.end_column))
        pickler.write_tuple(
            [lambda: source_of(excerpt), lambda: pickler.write_int(begin), lambda: pickler.write_int(end)]
        )

    def records() -> None:
        pickler.op(b"(")
        marks = originals if originals and originals[0][0] == 0 else [(0, None), *originals]
        for tag, (offset, span) in enumerate(marks):
            pickler.write_tuple(
                [
                    lambda offset=offset: pickler.write_int(offset),  # type: ignore[misc]
                    lambda span=span: span_of(span),  # type: ignore[misc]
                    lambda tag=tag: pickler.write_int(tag),  # type: ignore[misc]
                ]
            )
        pickler.op(b"t")

    def table() -> None:
        pickler.op(b"(")
        for text in strings:
            pickler.string(text)
        pickler.op(b"t")

    pickler.write_tuple([lambda: pickler.string(_FORMAT), table, records])
    return pickler.finish()


def _excerpts(spans: Iterable[SourceRange]) -> dict[Source, list[_Excerpt]]:
    """The lines of each source that spans are in, with a few around them, and nothing else of the file."""
    used: dict[Source, set[tuple[int, int]]] = {}
    for span in spans:
        used.setdefault(span.source, set()).add((span.line, span.end_line))
    excerpts = {}
    for source, lines in used.items():
        runs: list[list[int]] = []
        for first, last in sorted(lines):
            if runs and first - runs[-1][1] <= 2 * _CONTEXT + 1:
                runs[-1][1] = max(last, runs[-1][1])
            else:
                runs.append([first, last])
        excerpts[source] = [_Excerpt(source, first, last) for first, last in runs]
    return excerpts


def _excerpt_with(excerpts: list[_Excerpt], line: int) -> _Excerpt:
    return excerpts[bisect.bisect_right(excerpts, line, key=lambda excerpt: excerpt.first) - 1]

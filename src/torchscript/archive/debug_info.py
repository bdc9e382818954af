"""`code/….py.debug_pkl`: which span of the user's program each part of an archive's code comes from.

PyTorch shows these lines, in Python and in C++, when an operation fails. The pickle holds a table of strings
(lines of source, file names) and, for every span, the offset in the code from which it holds.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..codegen.source import CodeFile, QualifiedNames
from ..source import Source, SourceRange
from .pickling import Pickler, StorageTable

_FORMAT = "FORMAT_WITH_STRING_TABLE"
_CONTEXT = 3


class _Excerpt:
    """The lines of a source that are of use, and where each begins among them, in bytes."""

    def __init__(self, source: Source, first: int, last: int) -> None:
        self.filename = source.filename
        self.first = max(source.first_line, first - _CONTEXT)
        last = min(source.first_line + len(source.lines) - 1, last + _CONTEXT)
        self.lines = [source.line(n) + "\n" for n in range(self.first, last + 1)]
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
    excerpts = _excerpts(span for _, span in file.marks if span is not None)
    strings: dict[str, int] = {"": 0}

    def number(text: str) -> int:
        return strings.setdefault(text, len(strings))

    tables = {
        source: ([number(line) for line in excerpt.lines], number(excerpt.filename), excerpt.first)
        for source, excerpt in excerpts.items()
    }
    pickler = Pickler(QualifiedNames(), StorageTable())
    written: set[int] = set()

    def source_of(span: SourceRange | None) -> None:
        table = tables[span.source] if span is not None else ([], 0, 0)
        key = id(table) if span is not None else 0
        if key in written:
            pickler.recall(("source", key))
            return
        lines, filename, first = table
        pickler.write_tuple(
            [
                lambda: pickler.int_list(lines),
                lambda: pickler.write_int(filename),
                lambda: pickler.write_int(first),
            ]
        )
        pickler.remember(("source", key))
        written.add(key)

    def span_of(span: SourceRange | None) -> None:
        begin = end = 0
        if span is not None:
            excerpt = excerpts[span.source]
            begin = excerpt.offset(span.line, span.column)
            end = max(begin, excerpt.offset(span.end_line, span.end_column))
        pickler.write_tuple(
            [lambda: source_of(span), lambda: pickler.write_int(begin), lambda: pickler.write_int(end)]
        )

    def records() -> None:
        pickler.op(b"(")
        marks = file.marks if file.marks and file.marks[0][0] == 0 else [(0, None), *file.marks]
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


def _excerpts(spans: Iterable[SourceRange]) -> dict[Source, _Excerpt]:
    limits: dict[Source, tuple[int, int]] = {}
    for span in spans:
        first, last = limits.get(span.source, (span.line, span.end_line))
        limits[span.source] = (min(first, span.line), max(last, span.end_line))
    return {source: _Excerpt(source, first, last) for source, (first, last) in limits.items()}

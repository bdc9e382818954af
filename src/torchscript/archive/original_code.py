"""Which lines of the user's program an error in archived code comes from, by the archive's `….py.debug_pkl`.

    File "model.pt:code/__torch__/net.py", line 9, in forward       the traceback shows archived code
    RuntimeError: shape '[5, -1]' is invalid for input of size 3
    The original code, by model.pt:                                 this adds what it was made of
      File "/home/user/net.py", line 31
        return x.view(n, -1)

The records say for spans of the code, by the byte at which each begins, where they come from. Two layouts exist:

    until 1.9   ((offset, ((text, filename, first line), begin, end), tag), …)
    since       ("FORMAT_WITH_STRING_TABLE", (strings, …), ((offset, ((lines, filename, first line), begin, end), tag), …))

where the source is a text, or a list of numbers of strings that make up the text. An archive that is saved again keeps
these places (`OriginalCode`), whatever number of times.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..source import Source, SourceRange
from .container import Container
from .tensors import TensorReader
from .unpickler import Unpickler

if TYPE_CHECKING:
    from types import TracebackType

    from .importer import Importer

_FORMAT = "FORMAT_WITH_STRING_TABLE"
_SUFFIX = ".debug_pkl"
_LONGEST = 1 << 24
"""Bytes of a source that is put together of strings: a list may name one string any number of times."""


def add_original_lines(error: BaseException, importer: Importer) -> None:
    """Add a note to an error that comes out of archived code; nothing where the archive does not tell."""
    try:
        lines = list(_lines(error.__traceback__, importer))
    except Exception:  # damaged records must not hide the error that is on its way
        return
    note = f"The original code, by {importer.records.name}:\n" + "\n".join(lines)
    if lines and hasattr(error, "add_note") and note not in getattr(error, "__notes__", ()):
        error.add_note(note)


def _lines(trace: TracebackType | None, importer: Importer) -> Iterator[str]:
    files = {file.source.filename: file for file in importer.files.values() if file is not None}
    while trace is not None:
        file = files.get(trace.tb_frame.f_code.co_filename)
        place = file.original.place(*_position(trace)) if file is not None else None
        if place is not None:
            yield f'  File "{place.source.filename}", line {place.line}\n    {place.source.line(place.line).strip()}'
        trace = trace.tb_next


def _position(trace: TracebackType) -> tuple[int, int | None]:
    """Line and column (in bytes) of the expression that a frame is at."""
    line: int = trace.tb_lineno
    positions = getattr(trace.tb_frame.f_code, "co_positions", None)
    if positions is None:
        return line, None
    at = next(itertools.islice(positions(), trace.tb_lasti // 2, None), (None, None, None, None))
    return line, at[2] if at[0] == line else None


class OriginalCode:
    """What a code record was made of: a map from its places to those of the program, read when it is asked."""

    def __init__(self, records: Any, record: str, text: str) -> None:
        self._records, self._record, self._text = records, record, text
        self._read: _DebugRecords | None = None
        self._is_read = False

    def of(self, span: SourceRange) -> SourceRange | None:
        """The span of the program that a span of the record was made of; None where the archive does not tell."""
        text = span.source.line(span.line)
        try:
            return self.place(span.line, len(text[: span.column].encode()))
        except Exception:  # damaged
            return None

    def place(self, line: int, column: int | None) -> SourceRange | None:
        """By line and column, in bytes."""
        if not self._is_read:
            self._is_read = True
            self._read = self._debug_records()
        return self._read.at(line, column) if self._read is not None else None

    def _debug_records(self) -> _DebugRecords | None:
        name = self._record + _SUFFIX
        if not isinstance(self._records, Container) or name not in self._records:
            return None
        tensors = TensorReader(self._records, "data", shapes_only=True)
        where = f"{self._records.name}: record '{name}'"
        found = Unpickler(self._records.read(name), tensors, where).load()
        strings: tuple[str, ...] | None = None
        if len(found) == 3 and found[0] == _FORMAT:
            _, strings, found = found
        return _DebugRecords(self._text, found, strings)


class _DebugRecords:
    """The records of one code file."""

    def __init__(self, text: str, entries: Any, strings: tuple[str, ...] | None) -> None:
        self.strings = strings
        self.entries = sorted(entries, key=lambda entry: entry[0])
        self.offsets = [entry[0] for entry in self.entries]
        sizes = [len(line.encode()) for line in text.splitlines(keepends=True)]
        self.begins = [0, *itertools.accumulate(sizes)]
        self.sources: dict[int, _OriginalSource | None] = {}

    def at(self, line: int, column: int | None) -> SourceRange | None:
        """What a place of the code was made of."""
        begin, end = self.begins[line - 1], self.begins[line]
        first = bisect.bisect_left(self.offsets, begin)
        last = bisect.bisect_left(self.offsets, end)
        held = max(0, first - 1)
        exact = bisect.bisect_right(self.offsets, begin + column) - 1 if column is not None else first
        # the record of the place itself, or else of its line, or else what holds where the line begins
        for index in (exact, *range(first, last), held):
            if 0 <= index < len(self.entries):
                described, start, stop = self.entries[index][1]
                source = self._source(described)
                if source is not None:
                    return source.span(start, stop)
        return None

    def _source(self, described: Any) -> _OriginalSource | None:
        known = id(described)  # which the entries keep
        if known not in self.sources:
            self.sources[known] = self._made(described)
        return self.sources[known]

    def _made(self, described: Any) -> _OriginalSource | None:
        text, filename, first_line = described
        if self.strings is not None:
            if sum(len(self.strings[number]) for number in text) > _LONGEST:
                return None
            text = "".join(self.strings[number] for number in text)
            filename = self.strings[filename]
        if not isinstance(text, str) or not isinstance(filename, str) or not 0 <= first_line < 1 << 31:
            return None
        return _OriginalSource(Source(text, filename, first_line)) if filename and text else None


class _OriginalSource:
    """A source, and where each line of it begins, in bytes."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.begins = [0, *itertools.accumulate(len(line.encode()) + 1 for line in source.text.split("\n"))]

    def span(self, start: int, stop: int) -> SourceRange:
        return SourceRange(self.source, *self._position(start), *self._position(max(start, stop)))

    def _position(self, offset: int) -> tuple[int, int]:
        """Line of the file and column, in characters, of a byte of the text."""
        index = min(bisect.bisect_right(self.begins, offset) - 1, len(self.source.lines) - 1)
        line = self.source.first_line + index
        text = self.source.line(line).encode()[: offset - self.begins[index]]
        return line, len(text.decode(errors="ignore"))

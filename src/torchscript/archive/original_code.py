"""Which lines of the user's program an error in archived code comes from, by the archive's `….py.debug_pkl`.

    File "model.pt:code/__torch__/net.py", line 9, in forward       the traceback shows archived code
    RuntimeError: shape '[5, -1]' is invalid for input of size 3
    The original code, by model.pt:                                 this adds what it was made of
      File "/home/user/net.py", line 31
        return x.view(n, -1)

The records say for spans of the code, by the byte at which each begins, where they come from. Two layouts exist:

    until 1.9   ((offset, ((text, filename, first line), begin, end), tag), …)
    since       ("FORMAT_WITH_STRING_TABLE", (strings, …), ((offset, ((lines, filename, first line), begin, end), tag), …))

where the source is a text, or a list of numbers of strings that make up the text.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .container import Container
from .tensors import TensorReader
from .unpickler import Unpickler

if TYPE_CHECKING:
    from types import TracebackType

    from .importer import Importer
    from .importer.code import CodeFile

_FORMAT = "FORMAT_WITH_STRING_TABLE"
_SUFFIX = ".debug_pkl"


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
    found: dict[str, _DebugRecords | None] = {}
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        file = files.get(name)
        if file is not None:
            if name not in found:
                found[name] = _read(file, importer.records)
            records = found[name]
            place = records.at(*_position(trace)) if records is not None else None
            if place is not None:
                yield place
        trace = trace.tb_next


def _position(trace: TracebackType) -> tuple[int, int | None]:
    """Line and column (in bytes) of the expression that a frame is at."""
    line: int = trace.tb_lineno
    positions = getattr(trace.tb_frame.f_code, "co_positions", None)
    if positions is None:
        return line, None
    at = next(itertools.islice(positions(), trace.tb_lasti // 2, None), (None, None, None, None))
    return line, at[2] if at[0] == line else None


def _read(file: CodeFile, records: Any) -> _DebugRecords | None:
    name = file.record + _SUFFIX
    if not isinstance(records, Container) or name not in records:
        return None
    tensors = TensorReader(records, "data", shapes_only=True)
    found = Unpickler(records.read(name), tensors, f"{records.name}: record '{name}'").load()
    strings: tuple[str, ...] | None = None
    if len(found) == 3 and found[0] == _FORMAT:
        _, strings, found = found
    return _DebugRecords(file.source.text, found, strings)


class _DebugRecords:
    """The records of one code file."""

    def __init__(self, text: str, entries: Any, strings: tuple[str, ...] | None) -> None:
        self.strings = strings
        self.entries = sorted(entries, key=lambda entry: entry[0])
        self.offsets = [entry[0] for entry in self.entries]
        sizes = [len(line.encode()) for line in text.splitlines(keepends=True)]
        self.begins = [0, *itertools.accumulate(sizes)]

    def at(self, line: int, column: int | None) -> str | None:
        """Where a place of the code comes from, as a traceback shows it."""
        begin, end = self.begins[line - 1], self.begins[line]
        first = bisect.bisect_left(self.offsets, begin)
        last = bisect.bisect_left(self.offsets, end)
        held = max(0, first - 1)
        exact = bisect.bisect_right(self.offsets, begin + column) - 1 if column is not None else first
        # the record of the place itself, or else of its line, or else what holds where the line begins
        for index in (exact, *range(first, last), held):
            if 0 <= index < len(self.entries):
                shown = self._shown(*self.entries[index][1][:2])
                if shown is not None:
                    return shown
        return None

    def _shown(self, source: Any, start: int) -> str | None:
        text, filename, first_line = source
        if self.strings is not None:
            text = "".join(self.strings[number] for number in text)
            filename = self.strings[filename]
        if not filename or not text:
            return None
        number = text.encode()[:start].decode(errors="replace").count("\n")
        return f'  File "{filename}", line {first_line + number}\n    {text.splitlines()[number].strip()}'

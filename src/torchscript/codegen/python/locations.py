"""Where generated code says it stands: at the user's lines and columns, in the user's file."""

from __future__ import annotations

import linecache
import os

from ...ir.graph import Function
from ...source import Source, SourceRange
from .templates import Location


class Locations:
    """Places in one file. For a place in another (of an inlined function) the statement around it stands."""

    def __init__(self, function: Function) -> None:
        self.source = function.source or _first_source(function)
        self.start: Location = {"lineno": 1, "col_offset": 0, "end_lineno": 1, "end_col_offset": 0}
        self.start = self.of(self.source, self.start)

    @property
    def filename(self) -> str | None:
        return self.source.source.filename if self.source is not None else None

    def of(self, source: SourceRange | None, fallback: Location) -> Location:
        if source is None or self.source is None or source.source.filename != self.source.source.filename:
            return fallback
        line, end_line = max(source.line, 1), max(source.end_line, source.line, 1)
        column = _byte_column(source.source.line(source.line), source.column)
        end_column = _byte_column(source.source.line(source.end_line), source.end_column)
        if end_line == line:
            end_column = max(end_column, column)
        return {"lineno": line, "col_offset": column, "end_lineno": end_line, "end_col_offset": end_column}


def _first_source(function: Function) -> SourceRange | None:
    return next((n.source for n in function.graph.all_nodes() if n.source is not None), None)


def _byte_column(line: str, column: int) -> int:
    return max(column, 0) if line.isascii() else len(line[:column].encode())


def show_source(source: Source) -> None:
    """Let tracebacks and debuggers find the text of a file that is not on disk (the code of an archive)."""
    if source.filename not in linecache.cache and source.text and not os.path.exists(source.filename):
        show_text(source.filename, "\n" * (source.first_line - 1) + source.text)


def show_text(filename: str, text: str) -> None:
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)

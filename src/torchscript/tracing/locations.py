"""Where in the user's program an operation was called: frames → source spans, names of variables."""

from __future__ import annotations

import ast
import contextlib
import linecache
import os
import sys
from functools import lru_cache
from types import CodeType, FrameType
from typing import Any

import torch

from ..frontend.sources import last_line, parse_function
from ..source import Source, SourceRange

_LIBRARIES = (
    os.path.dirname(os.path.abspath(torch.__file__)) + os.sep,
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep,
)
_FILES = frozenset({contextlib.__file__})

_is_library_file: dict[str, bool] = {}
_ranges: dict[tuple[int, int], tuple[CodeType, SourceRange]] = {}


def is_library(code: CodeType) -> bool:
    """Whether a code object belongs to torch, to this package, or to their plumbing."""
    filename = code.co_filename
    known = _is_library_file.get(filename)
    if known is None:
        known = filename.startswith(_LIBRARIES) or filename in _FILES or filename.startswith("<frozen ")
        _is_library_file[filename] = known
    return known


def in_torch(frame: FrameType | None) -> bool:
    """Whether the innermost frame outside this package belongs to torch itself."""
    while frame is not None and frame.f_code.co_filename.startswith(_LIBRARIES[1]):
        frame = frame.f_back
    return frame is not None and is_library(frame.f_code)


def user_frame() -> FrameType | None:
    """The innermost frame outside torch and this package."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and is_library(frame.f_code):
        frame = frame.f_back
    return frame


@lru_cache(maxsize=256)
def _source_of(filename: str) -> Source:
    return Source("".join(linecache.getlines(filename)), filename)


@lru_cache(maxsize=4096)
def _positions_of(code: CodeType) -> list[tuple[int | None, int | None, int | None, int | None]]:
    positions = getattr(code, "co_positions", None)  # Python ≥ 3.11
    return list(positions()) if positions is not None else []


def range_of(frame: FrameType) -> SourceRange:
    """The span of the expression that a frame is evaluating."""
    code = frame.f_code
    key = id(code), frame.f_lasti
    known = _ranges.get(key)
    if known is not None:
        return known[1]
    if len(_ranges) > 100_000:
        _ranges.clear()
    source = _source_of(frame.f_code.co_filename)
    positions = _positions_of(frame.f_code)
    index = frame.f_lasti // 2
    line, end_line, column, end_column = positions[index] if index < len(positions) else (None,) * 4
    if line is None or column is None or end_line is None or end_column is None:
        line = end_line = frame.f_lineno
        text = source.line(line)
        column = len(text) - len(text.lstrip())
        end_column = len(text)
    else:
        column = _characters(source.line(line), column)
        end_column = _characters(source.line(end_line), end_column)
    found = SourceRange(source, line, column, end_line, end_column)
    _ranges[key] = code, found
    return found


def _characters(text: str, offset: int) -> int:
    """A column in characters; Python counts bytes of UTF-8."""
    return offset if text.isascii() else len(text.encode()[:offset].decode(errors="ignore"))


def line_of(filename: str, line: int) -> str:
    """The text of a line of a file, stripped; empty where there is no source."""
    return linecache.getline(filename, line).strip()


def expression_at(frame: FrameType) -> str:
    """The text of the expression that a frame evaluates; empty where that is no single value on one line."""
    positions_of: Any = getattr(frame.f_code, "co_positions", None)  # Python 3.11 and later
    if positions_of is None:
        return ""
    positions = list(positions_of())[frame.f_lasti // 2]
    line, end_line, column, end_column = positions
    if line is None or line != end_line or column is None or end_column is None:
        return ""
    encoded = linecache.getline(frame.f_code.co_filename, line).encode()
    text = encoded[column:end_column].decode(errors="ignore")
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError:
        return ""
    is_value = isinstance(tree, ast.Compare | ast.Call | ast.Name | ast.Attribute | ast.Subscript)
    return text if is_value else ""


def line_range(filename: str, line: int) -> SourceRange:
    """The span of a whole line."""
    source = _source_of(filename)
    text = source.line(line)
    return SourceRange(source, line, len(text) - len(text.lstrip()), line, len(text.rstrip()))


_targets: dict[int, tuple[CodeType, dict[int, str]]] = {}
"""By the identity of the code, which is kept: to hash code takes longer than to record a call."""


def _targets_of(code: CodeType) -> dict[int, str]:
    """The variables that the lines of a function assign."""
    targets: dict[int, str] = {}
    lines = linecache.getlines(code.co_filename)
    first = code.co_firstlineno
    try:
        tree = parse_function("".join(lines[first - 1 : last_line(code)]), first)
    except (ValueError, RecursionError):
        return targets
    for node in ast.walk(tree) if tree is not None else ():
        match node:
            case ast.Assign(
                targets=[ast.Name(id=name)],
                value=ast.Call() | ast.BinOp() | ast.UnaryOp() | ast.Subscript() | ast.Compare() as value,
            ):
                targets[value.lineno] = name
            case ast.AugAssign(target=ast.Name(id=name), value=value):
                targets[value.lineno] = name
    return targets


def target_at(code: CodeType, line: int) -> str | None:
    """The variable that a line of a function assigns the result of its expression to."""
    if code.co_name.startswith("<"):
        return None
    known = _targets.get(id(code))
    if known is None:
        known = _targets[id(code)] = code, _targets_of(code)
    return known[1].get(line)

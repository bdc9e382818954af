"""Where in the user's program an operation was called: frames → source spans, names of variables."""

from __future__ import annotations

import ast
import contextlib
import linecache
import os
import sys
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType, FrameType
from typing import Any

import torch

from ..source import Source, SourceRange

_LIBRARIES = (
    os.path.dirname(os.path.abspath(torch.__file__)) + os.sep,
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep,
)
_FILES = frozenset({contextlib.__file__})

_is_library_file: dict[str, bool] = {}
_ranges: dict[tuple[CodeType, int], SourceRange] = {}


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
    key = frame.f_code, frame.f_lasti
    known = _ranges.get(key)
    if known is not None:
        return known
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
    _ranges[key] = found
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


@dataclass(frozen=True, slots=True)
class Loop:
    """A `for … in range(…)` of a source file: its lines, and the arguments of `range`."""

    first_line: int
    last_line: int
    header: int
    arguments: tuple[ast.expr, ...]


@dataclass(frozen=True, slots=True)
class _File:
    targets: dict[int, str]
    loops: tuple[Loop, ...]


@lru_cache(maxsize=256)
def _file(filename: str) -> _File:
    """What the syntax of a file says: variables that lines assign, and loops over `range`."""
    targets: dict[int, str] = {}
    loops: list[Loop] = []
    try:
        tree = ast.parse("".join(linecache.getlines(filename)))
    except (SyntaxError, ValueError, RecursionError):
        return _File(targets, ())
    for node in ast.walk(tree):
        match node:
            case ast.Assign(
                targets=[ast.Name(id=name)], value=ast.Call() | ast.BinOp() | ast.UnaryOp() as value
            ):
                targets[value.lineno] = name
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Subscript() | ast.Compare() as value):
                targets[value.lineno] = name
            case ast.AugAssign(target=ast.Name(id=name), value=value):
                targets[value.lineno] = name
            case ast.For(iter=ast.Call(func=ast.Name(id="range"), args=arguments)):
                loops.append(Loop(node.lineno, node.end_lineno or node.lineno, node.lineno, tuple(arguments)))
            case ast.ListComp(generators=generators) | ast.GeneratorExp(generators=generators):
                for generator in generators:
                    match generator.iter:
                        case ast.Call(func=ast.Name(id="range"), args=arguments):
                            end = node.end_lineno or node.lineno
                            loops.append(Loop(node.lineno, end, node.lineno, tuple(arguments)))
    return _File(targets, tuple(loops))


def target_at(filename: str, line: int) -> str | None:
    """The variable that a line assigns the result of its expression to."""
    return _file(filename).targets.get(line)


def loops_around(filename: str, line: int) -> list[Loop]:
    """The loops over `range` that a line stands in."""
    return [loop for loop in _file(filename).loops if loop.first_line <= line <= loop.last_line]

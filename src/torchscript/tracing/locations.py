"""Where in the user's program an operation was called: frames → source spans, names of variables."""

from __future__ import annotations

import ast
import linecache
import os
import sys
import sysconfig
from functools import lru_cache
from types import CodeType, FrameType
from typing import Any

import torch

from ..frontend.sources import last_line, parse_function
from ..source import Source, SourceRange

_TORCH = os.path.dirname(os.path.abspath(torch.__file__)) + os.sep
_THIS_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_STANDARD = sysconfig.get_paths()["stdlib"] + os.sep
_SITES = ("site-packages" + os.sep, "dist-packages" + os.sep)
_TOOLS = ("numpy", "scipy", "_pytest", "pluggy", "torchgen", "sympy")

_is_library_file: dict[str, bool] = {}
_ranges: dict[tuple[int, int], tuple[CodeType, SourceRange]] = {}


def is_library(code: CodeType) -> bool:
    """Whether code is nobody's model: torch, this package, Python's own modules, tools such as NumPy.

    All else that is installed (transformers, torchvision, einops) is looked at like the user's own code.
    """
    filename = code.co_filename
    known = _is_library_file.get(filename)
    if known is None:
        known = _is_library_file[filename] = is_library_file(filename)
    return known


def is_library_file(filename: str) -> bool:
    """`is_library` of all the code in a file."""
    if filename.startswith((_TORCH, _THIS_PACKAGE, "<frozen ")):
        return True
    for site in _SITES:
        if site in filename:
            return filename.rpartition(site)[2].startswith(_TOOLS)
    return filename.startswith(_STANDARD)


def is_machinery(code: CodeType) -> bool:
    """Whether code belongs to torch itself, or to this package."""
    return code.co_filename.startswith((_TORCH, _THIS_PACKAGE, "<frozen "))


def in_torch(frame: FrameType | None) -> bool:
    """Whether the innermost frame outside this package belongs to torch itself."""
    while frame is not None and frame.f_code.co_filename.startswith(_THIS_PACKAGE):
        frame = frame.f_back
    return frame is not None and is_machinery(frame.f_code)


def user_frame() -> FrameType | None:
    """The innermost frame outside of libraries."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and is_library(frame.f_code):
        frame = frame.f_back
    return frame


@lru_cache(maxsize=256)
def _source_of(filename: str) -> Source:
    return Source("".join(linecache.getlines(filename)), filename)


_Positions = list[tuple[int | None, int | None, int | None, int | None]]
_functions: dict[int, tuple[CodeType, Source, _Positions]] = {}
"""By the identity of the code, which is kept: to hash code takes longer than to record a call."""


def _function_of(code: CodeType) -> tuple[CodeType, Source, _Positions]:
    """The lines of a function alone (archives get no others of the user's file), and where its instructions stand."""
    known = _functions.get(id(code))
    if known is None:
        if len(_functions) > 4096:
            _functions.clear()
        whole = _source_of(code.co_filename)
        first, last = code.co_firstlineno, last_line(code)
        text = "\n".join(whole.line(number) for number in range(first, last + 1))
        positions_of: Any = getattr(code, "co_positions", None)  # Python 3.11 and later
        positions = list(positions_of()) if positions_of is not None else []
        known = _functions[id(code)] = code, Source(text, code.co_filename, first), positions
    return known


def range_of(frame: FrameType) -> SourceRange:
    """The span of the expression that a frame is evaluating."""
    code = frame.f_code
    key = id(code), frame.f_lasti
    known = _ranges.get(key)
    if known is not None:
        return known[1]
    if len(_ranges) > 100_000:
        _ranges.clear()
    _, source, positions = _function_of(code)
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


def expression_at(frame: FrameType) -> tuple[str, bool]:
    """The text of the expression that a frame evaluates, and whether its value is the decision itself.

    It is not in `sorted(sizes)` and `table[n]`, which compare inside. Empty where it is no single value on one line.
    """
    positions_of: Any = getattr(frame.f_code, "co_positions", None)  # Python 3.11 and later
    if positions_of is None:
        return "", False
    positions = list(positions_of())[frame.f_lasti // 2]
    line, end_line, column, end_column = positions
    if line is None or line != end_line or column is None or end_column is None:
        return "", False
    encoded = linecache.getline(frame.f_code.co_filename, line).encode()
    text = encoded[column:end_column].decode(errors="ignore")
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError:
        return "", False
    if isinstance(tree, ast.Compare):
        return text, len(tree.ops) == 1 and not isinstance(tree.ops[0], ast.In | ast.NotIn)
    if isinstance(tree, ast.Call | ast.Subscript):
        return text, False
    return (text, True) if isinstance(tree, ast.Name | ast.Attribute) else ("", False)


_SHOW = frozenset(
    {"print", "pprint", "warn", "warn_once", "debug", "info", "warning", "warning_once", "error", "critical",
     "exception", "log", "write"}
)  # fmt: skip
"""Functions that show people what they are given: of Python, warnings, logging, and files."""

_shown: dict[int, tuple[CodeType, frozenset[int]]] = {}


def is_only_shown(frame: FrameType) -> bool:
    """Whether the text that a frame's line makes goes to people only: into a message, a log, an error."""
    code = frame.f_code
    known = _shown.get(id(code))
    if known is None:
        known = _shown[id(code)] = code, _shown_lines(code)
    return frame.f_lineno in known[1]


def _shown_lines(code: CodeType) -> frozenset[int]:
    """The lines of such statements, and of those that set variables which only such statements read."""
    tree = _tree_of(code)
    if tree is None:
        return frozenset()
    lines: set[int] = set()
    assigned: dict[str, list[ast.stmt]] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Raise() | ast.Assert():
                lines.update(_lines(node))
            case ast.Expr(value=ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name))) if name in _SHOW:
                lines.update(_lines(node))
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AugAssign(target=ast.Name(id=name)):
                assigned.setdefault(name, []).append(node)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.lineno not in lines:
            assigned.pop(node.id, None)
    for statements in assigned.values():
        for statement in statements:
            lines.update(_lines(statement))
    return frozenset(lines)


def _lines(node: ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def line_range(filename: str, line: int) -> SourceRange:
    """The span of a whole line."""
    source = _source_of(filename)
    text = source.line(line)
    return SourceRange(source, line, len(text) - len(text.lstrip()), line, len(text.rstrip()))


def _tree_of(code: CodeType) -> ast.AST | None:
    lines = linecache.getlines(code.co_filename)
    first = code.co_firstlineno
    try:
        return parse_function("".join(lines[first - 1 : last_line(code)]), first)
    except (ValueError, RecursionError):
        return None


_targets: dict[int, tuple[CodeType, dict[int, str]]] = {}
"""By the identity of the code, which is kept: to hash code takes longer than to record a call."""


def _targets_of(code: CodeType) -> dict[int, str]:
    """The variables that the lines of a function assign."""
    targets: dict[int, str] = {}
    tree = _tree_of(code)
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

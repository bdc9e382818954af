"""From a Python function to its syntax tree, with positions in the user's file.

Only the function's own lines are parsed. An indented function is parsed below an `if True:` line instead of
being dedented, so that columns are those of the file; line numbers are shifted to the file's.
"""

from __future__ import annotations

import ast
import linecache
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..errors import NotSupportedError
from ..source import Source, SourceRange


class NoSourceError(NotSupportedError):
    """The source text of a Python object cannot be found."""


@dataclass(slots=True)
class FunctionSource:
    """A function's syntax tree, its text, and what its free names mean."""

    tree: ast.FunctionDef | ast.Lambda
    source: Source
    name: str
    names: dict[str, Any]  # what the closure holds
    globals: dict[str, Any]

    def span(self, node: ast.AST) -> SourceRange:
        return span_of(self.source, node)


def span_of(source: Source, node: ast.AST) -> SourceRange:
    """The characters that `node` stands for (the tree counts columns in bytes)."""
    line, column = getattr(node, "lineno", source.first_line), getattr(node, "col_offset", 0)
    end_line = getattr(node, "end_lineno", None) or line
    end_column = getattr(node, "end_col_offset", None)
    text = source.line(line)
    if end_column is None:
        end_column = len(text)
    if not text.isascii():
        column = len(text.encode()[:column].decode(errors="ignore"))
        end_column = len(source.line(end_line).encode()[:end_column].decode(errors="ignore"))
    return SourceRange(source, line, column, end_line, end_column)


_PARSED: dict[int, tuple[types.CodeType, ast.FunctionDef | ast.Lambda, Source]] = {}
"""Trees by the identity of the code object, which is kept. (Equal code may stand in different files.)"""


def function_source(function: Callable[..., Any]) -> FunctionSource:
    """The source of a Python function, or `NoSourceError`."""
    code = getattr(function, "__code__", None)
    if not isinstance(function, types.FunctionType) or code is None:
        name = getattr(function, "__qualname__", repr(function))
        raise NoSourceError(f"'{name}' is not written in Python: it has no source that could be compiled.")
    parsed = _PARSED.get(id(code))
    if parsed is None:
        parsed = _PARSED[id(code)] = (code, *_parse(function, code))
        _mangle(parsed[1], function.__qualname__)
    _, tree, source = parsed
    names: dict[str, Any] = {}
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=False):
        try:
            names[name] = cell.cell_contents
        except ValueError:  # a cell that is not filled yet
            continue
    return FunctionSource(tree, source, function.__name__, names, function.__globals__)


def _mangle(tree: ast.AST, qualified_name: str) -> None:
    """Write out private names (`self.__x` in class C is `self._C__x`), as Python does where a class body is compiled."""
    owner = qualified_name.rpartition(".")[0].rpartition(".")[2].lstrip("_")
    if not owner or owner == "<locals>":
        return

    def private(name: str) -> str:
        return f"_{owner}{name}" if name.startswith("__") and not name.endswith("__") else name

    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            node.attr = private(node.attr)
        elif isinstance(node, ast.Name):
            node.id = private(node.id)
        elif isinstance(node, ast.arg):
            node.arg = private(node.arg)


def last_line(code: types.CodeType) -> int:
    """The last line that any instruction of `code` (or of functions in it) stands on."""
    last = code.co_firstlineno
    if hasattr(code, "co_positions"):
        for _, end, _, _ in code.co_positions():
            if end is not None and end > last:
                last = end
    else:
        last = max((line for _, _, line in code.co_lines() if line is not None), default=last)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            last = max(last, last_line(constant))
    return last


def _parse(function: Callable[..., Any], code: types.CodeType) -> tuple[ast.FunctionDef | ast.Lambda, Source]:
    lines = linecache.getlines(code.co_filename, function.__globals__)
    first, name = code.co_firstlineno, code.co_name
    if not lines or first > len(lines):
        raise NoSourceError(
            f"The source of '{function.__qualname__}' is not available.",
            notes=(
                "It was defined in an interactive session, by exec, or its file is gone. "
                "Put it into a file that Python can read, then compile it.",
            ),
        )
    if name == "<lambda>":
        return _parse_lambda(code, lines)
    end = _block_end(lines, first, max(last_line(code), _definition_line(lines, first)))
    text = "".join(lines[first - 1 : end])
    source = Source(text, code.co_filename, first)
    tree = parse_function(text, first)
    if not isinstance(tree, ast.FunctionDef) or tree.name != name:
        if isinstance(tree, ast.AsyncFunctionDef):
            raise NotSupportedError("An async function cannot be compiled.", span_of(source, tree))
        raise NoSourceError(
            f"The text of '{function.__qualname__}' in {code.co_filename} is not what was imported: "
            "has the file changed since?"
        )
    return tree, source


def _definition_line(lines: list[str], first: int) -> int:
    """The line of the `def` below the decorators from line `first` on."""
    for number in range(first, min(first + 50, len(lines)) + 1):
        if lines[number - 1].lstrip().startswith(("def ", "async def ")):
            return number
    return first


def _block_end(lines: list[str], first: int, last: int) -> int:
    """The number of the last line of the block that begins at line `first` and reaches `last` at least."""

    def indent(line: str) -> int:
        return len(line) - len(line.lstrip())

    base = indent(lines[first - 1])
    end = last
    while end < len(lines):
        line = lines[end]
        if line.strip() and not line.lstrip().startswith("#") and indent(line) <= base:
            break
        end += 1
    return end


def parse_function(text: str, first: int) -> ast.stmt | None:
    """The statement that `text` begins with, which stands at line `first` of its file; None if it does not parse."""
    indented = text[:1] in " \t"
    wrapped = f"if True:\n{text}" if indented else text
    module = None
    for type_comments in (True, False):
        try:
            module = ast.parse(wrapped, type_comments=type_comments)
            break
        except SyntaxError:
            continue
    if module is None or not module.body:
        return None
    ast.increment_lineno(module, first - 1 - int(indented))
    statement = module.body[0]
    if indented:
        assert isinstance(statement, ast.If)
        statement = statement.body[0]
    return statement


def _parse_lambda(code: types.CodeType, lines: list[str]) -> tuple[ast.Lambda, Source]:
    """Find a lambda in its file: by line, and among several on one line by the position of its body."""
    source = Source("".join(lines), code.co_filename)
    try:
        module = ast.parse(source.text)
    except SyntaxError:
        raise NoSourceError(f"{code.co_filename} does not parse.") from None
    found = [
        node
        for node in ast.walk(module)
        if isinstance(node, ast.Lambda) and node.lineno == code.co_firstlineno
    ]
    arguments = code.co_varnames[: code.co_argcount]
    found = [node for node in found if tuple(a.arg for a in node.args.args) == arguments] or found
    if len(found) > 1 and hasattr(code, "co_positions"):
        starts = {(line, column) for line, _, column, _ in code.co_positions() if column is not None}
        found = [n for n in found if (n.body.lineno, n.body.col_offset) in starts] or found
    if len(found) != 1:
        raise NoSourceError(
            f"The lambda at line {code.co_firstlineno} of {code.co_filename} cannot be told from its neighbours.",
            notes=("Give it a line of its own, or make it a named function.",),
        )
    return found[0], source

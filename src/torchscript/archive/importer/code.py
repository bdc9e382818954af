"""The code records of an archive, cut into definitions without parsing them.

    code/__torch__/torch/nn/modules/linear.py        __torch__.torch.nn.modules.linear

PyTorch's printer puts every class and function at the start of a line, every method after two blanks, and
escapes the line ends in strings. So text is cut at those lines, and only what is used is parsed.
"""

from __future__ import annotations

import ast
import linecache
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from ...errors import ArchiveError
from ...source import Source
from ..original_code import OriginalCode
from .early_classes import without_early_defaults

_DEFINITION = re.compile(r"^(class|def) +(\w+)", re.M)
_IMPORT = re.compile(r"^import +[\w.]+ *$", re.M)  # until PyTorch 1.3; names lead to files without them
_METHOD = re.compile(r"^  def +(\w+)", re.M)


class Records(Protocol):
    """Where code comes from: a container, or text that is built in."""

    @property
    def name(self) -> str: ...
    def __contains__(self, record: str) -> bool: ...
    def names(self) -> Iterator[str]: ...
    def read_text(self, name: str) -> str: ...


@dataclass(frozen=True)
class Texts:
    """Code that does not stand in a file."""

    name: str
    texts: dict[str, str]

    def __contains__(self, record: str) -> bool:
        return record in self.texts

    def names(self) -> Iterator[str]:
        return iter(self.texts)

    def read_text(self, name: str) -> str:
        return self.texts[name]


@dataclass(slots=True)
class Definition:
    """A class, function or method, as text. `first_line` is the 1-based line of the file where it begins."""

    name: str
    text: str
    first_line: int
    file: CodeFile
    is_class: bool = False
    methods: dict[str, Definition] = field(default_factory=dict)

    def parse(self, indented: bool = False) -> ast.stmt:
        """The statement that the text is; `line_offset` turns its lines into those of the file."""
        text = f"class _:\n{self.text}" if indented else self.text
        try:
            tree: ast.Module | ast.ClassDef = ast.parse(text, self.file.source.filename)
        except SyntaxError as error:
            if (repaired := without_early_defaults(self.text)) is not None:
                self.text = repaired
                return self.parse(indented)
            line = (error.lineno or 1) + self.line_offset(indented)
            raise self.file.error(f"line {line} is not in the language of archives: {error.msg}") from None
        except (ValueError, RecursionError, MemoryError) as error:
            raise self.file.error(
                f"'{self.name}' cannot be parsed: {error or type(error).__name__}"
            ) from None
        if indented:
            assert isinstance(tree.body[0], ast.ClassDef)
            tree = tree.body[0]
        body = tree.body
        if len(body) != 1:
            raise self.file.error(f"'{self.name}', in line {self.first_line}, is not one definition")
        statement: ast.stmt = body[0]
        return statement

    def line_offset(self, indented: bool = False) -> int:
        """What to add to a line of the parsed text to have the line of the file."""
        return self.first_line - (2 if indented else 1)


class CodeFile:
    """One code record."""

    __slots__ = ("__weakref__", "definitions", "original", "record", "source")

    def __init__(self, records: Records, record: str) -> None:
        text = records.read_text(record)
        self.record = record
        self.original = OriginalCode(records, record, text)
        self.source = Source(text, source_name(records, record, text), origin=self.original.of)
        self.definitions = {}
        for kind, definition in _cut(_DEFINITION, _IMPORT.sub("", text), 1, self):
            if definition.name in self.definitions:
                raise self.error(f"defines '{definition.name}' twice")
            self.definitions[definition.name] = definition
            if kind == "class":
                definition.is_class = True
                _cut_class(definition)

    definitions: dict[str, Definition]

    @property
    def module(self) -> str:
        """The qualified name that the record stands for: `__torch__.torch.nn`."""
        return self.record.removeprefix("code/").removesuffix(".py").replace("/", ".")

    def error(self, problem: str) -> ArchiveError:
        return ArchiveError(f"{self.source.filename}: {problem}")


def _cut(
    pattern: re.Pattern[str], text: str, first_line: int, file: CodeFile
) -> Iterator[tuple[str, Definition]]:
    matches = list(pattern.finditer(text))
    line, counted = first_line, 0
    for i, match in enumerate(matches):
        start = match.start()
        line += text.count("\n", counted, start)
        counted = start
        end = matches[i + 1].start() if i + 1 < len(matches) else len(text)
        yield match[1], Definition(match[match.re.groups], text[start:end], line, file)


def _cut_class(definition: Definition) -> None:
    """Move the methods out of a class's text."""
    text = definition.text
    for _, method in _cut(_METHOD, text, definition.first_line, definition.file):
        if method.name in definition.methods:
            raise definition.file.error(f"class '{definition.name}' defines '{method.name}' twice")
        definition.methods[method.name] = method
    first = _METHOD.search(text)
    head = text[: first.start()] if first else text
    definition.text = head.rstrip() + "\n  pass\n"


def source_name(records: Records, record: str, text: str) -> str:
    """The file name under which tracebacks show a code record; `linecache` has its text from now on."""
    name = f"{records.name}:{record}"
    if name in linecache.cache and "".join(linecache.getlines(name)) != text:
        name = f"{name}#{zlib.crc32(text.encode('utf-8', 'surrogatepass')):08x}"
    # pdb looks for the line of a breakpoint under the absolute name
    for known_as in (name, os.path.abspath(name)):
        linecache.cache[known_as] = (len(text), None, text.splitlines(keepends=True), known_as)
    return name

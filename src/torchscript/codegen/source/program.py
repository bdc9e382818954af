"""All the source of an archive: every class and function that its roots need, one file for each Python
module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from ... import types as T
from ...errors import BackendError
from ...ir.graph import Function
from .classes import methods_of, write_class, write_enum, write_interface, write_named_tuple
from .fragments import Lines, Mark
from .functions import write_function
from .literals import ConstantTable
from .qualified_names import Nameable, QualifiedNames


@dataclass(slots=True)
class CodeFile:
    """One file of an archive: its text, and which spans of the user's program its parts come from."""

    text: str
    marks: list[Mark]


@dataclass(slots=True)
class Program:
    """The source of an archive.

    `files` are by path below the archive's root (`code/__torch__/net.py`). `items` are the classes and
    functions in the order in which they were first needed.
    """

    files: dict[str, CodeFile]
    names: QualifiedNames
    constants: ConstantTable
    items: list[Nameable] = field(default_factory=list)
    printed: int = 0

    def attributes(self) -> Iterator[tuple[str, str, T.ClassAttribute]]:
        """Every attribute, with the name of its class as the archive has it, and its own."""
        for item in self.items:
            if isinstance(item, T.ClassType):
                for name, attribute in item.attributes.items():
                    yield self.names.of(item), name, attribute

    def functions(self) -> Iterator[Function]:
        """Every function and method."""
        for item in self.items:
            yield from functions_of(item)


def functions_of(item: Nameable) -> Iterator[Function]:
    """The functions whose text is part of that of `item`."""
    if isinstance(item, Function):
        yield item
    elif isinstance(item, T.ClassType):
        yield from methods_of(item).values()


def print_program(roots: Sequence[Nameable], check: Callable[[Function], None] | None = None) -> Program:
    """Write the source of the roots (classes, functions) and of all that they need.

    In a file, what a class or function needs stands before it. `check` may refuse a function before it is
    written.
    """
    items: list[Nameable] = []
    names = QualifiedNames(items.append)
    constants = ConstantTable()
    for root in roots:
        names.of(root)
    texts: dict[Nameable, Lines] = {}
    needs: dict[Nameable, dict[Nameable, None]] = {}
    for item in items:  # grows while it runs
        used: dict[Nameable, None] = {}
        names.on_use = lambda thing, used=used: used.setdefault(thing)
        texts[item] = Lines()
        needs[item] = used
        if check is not None:
            for function in functions_of(item):
                check(function)
        write_item(item, texts[item], names, constants)
    names.on_use = None
    files: dict[str, Lines] = {}
    for item in _needed_first(items, needs):
        module = names.of(item).rpartition(".")[0]
        file = files.setdefault(f"code/{module.replace('.', '/')}.py", Lines())
        file.extend(texts[item])
    return Program(
        {path: CodeFile(lines.text(), list(lines.merged_marks())) for path, lines in files.items()},
        names,
        constants,
        items,
        len(items),
    )


def write_item(item: Nameable, lines: Lines, names: QualifiedNames, constants: ConstantTable) -> None:
    """Append the text of one class or function."""
    match item:
        case Function():
            write_function(item, lines, names, constants, name=names.of(item).rpartition(".")[2])
        case T.ClassType():
            write_class(item, lines, names, constants)
        case T.NamedTupleType():
            write_named_tuple(item, lines, names)
        case T.EnumType():
            write_enum(item, lines, names, constants)
        case T.InterfaceType():
            write_interface(item, lines, names)
        case _:
            raise BackendError(f"{item!r} has no form in source")
    lines.unmark()


def _needed_first(
    items: Sequence[Nameable], needs: dict[Nameable, dict[Nameable, None]]
) -> Iterator[Nameable]:
    """The items, each after those it needs as far as that goes (classes can need each other)."""
    seen: set[Nameable] = set()
    for root in items:
        stack: list[tuple[Nameable, Iterator[Nameable]]] = []
        if root not in seen:
            seen.add(root)
            stack.append((root, iter(needs[root])))
        while stack:
            item, rest = stack[-1]
            for needed in rest:
                if needed not in seen:
                    seen.add(needed)
                    stack.append((needed, iter(needs[needed])))
                    break
            else:
                stack.pop()
                yield item

"""Functions of an archive: the signature is read when it is asked for, and so is the body."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from ... import types as T
from ...errors import ArchiveError, CompileError
from ...ir.graph import Function, Graph
from ...schema import NO_DEFAULT, Argument, Schema
from ...source import SourceRange
from .annotations import dotted_name
from .literals import NotALiteral, literal

if TYPE_CHECKING:
    from .code import Definition
    from .importer import Importer


class ArchivedFunction(Function):
    """A function whose schema and graph are made on first use. ArchiveError then, if its code is wrong."""

    __slots__ = ("_graph", "_importer", "_schema", "_tree", "definition", "owner")

    def __init__(self, importer: Importer, name: str, definition: Definition, owner: T.Type | None) -> None:
        self._importer = importer
        self._graph: Graph | None = None
        self._schema: Schema | None = None
        self._tree: ast.FunctionDef | None = None
        self.qualified_name = name
        self.definition = definition
        self.owner = owner
        self.python_function = None
        self.docstring = None
        self.in_process = None

    @property
    def importer(self) -> Importer:
        """The archive's, which knows where code comes from."""
        return self._importer

    @property
    def _parsed(self) -> ast.FunctionDef:
        if self._tree is None:
            tree = self.definition.parse(indented=self.owner is not None)
            if not isinstance(tree, ast.FunctionDef) or tree.decorator_list:
                raise self.definition.file.error(
                    f"'{self.qualified_name}' is not defined as archives define functions"
                )
            self._tree = tree
        return self._tree

    @property
    def schema(self) -> Schema:  # type: ignore[override]
        if self._schema is None:
            with self._importer.lock:
                try:
                    self._schema = parse_signature(
                        self.qualified_name, self._parsed, self.owner, self._importer
                    )
                except CompileError as error:
                    raise self.definition.file.error(f"the signature of '{self.name}': {error}") from error
                except RecursionError:
                    raise self.definition.file.error(
                        f"the signature of '{self.name}' nests too deep"
                    ) from None
        return self._schema

    @property
    def graph(self) -> Graph:
        if self._graph is None:
            with self._importer.lock:
                if self._graph is None:
                    self._graph = self._build()
                    self._tree = None
        return self._graph

    @graph.setter
    def graph(self, graph: Graph) -> None:
        self._graph = graph

    @property
    def source(self) -> SourceRange:  # type: ignore[override]
        file, first = self.definition.file.source, self.definition.first_line
        lines = self.definition.text.rstrip().count("\n")
        return SourceRange(file, first, 0, first + lines, len(file.line(first + lines)))

    def _build(self) -> Graph:
        from .statements import FunctionBuilder

        name = self.qualified_name
        builder = FunctionBuilder(self._importer, self.definition, self.owner is not None)
        try:
            return builder.build(self._parsed, self.schema)
        except CompileError as error:
            if error.where is None:
                error.where = builder.here
            raise ArchiveError(f"the archived code of '{name}' does not compile: {error}") from error
        except RecursionError:
            raise ArchiveError(f"the archived code of '{name}' nests too deep") from None


def parse_signature(name: str, tree: ast.stmt, owner: T.Type | None, importer: Importer) -> Schema:
    """The schema of a `def`; CompileError if it is none of an archive. `owner` is the class of a method."""
    if not isinstance(tree, ast.FunctionDef):
        raise CompileError(f"'{name}' is no function")
    given = tree.args
    if given.vararg or given.kwarg or given.posonlyargs:
        raise CompileError(f"'{name}' takes any number of arguments, which functions of archives do not")
    arguments: list[Argument] = []
    missing = len(given.args) - len(given.defaults)
    for i, argument in enumerate(given.args):
        default = _default(given.defaults[i - missing], importer) if i >= missing else NO_DEFAULT
        if argument.annotation is not None:
            type = importer.annotation(argument.annotation)
        elif i == 0 and owner is not None:
            type = owner
        else:
            type = T.TENSOR
        arguments.append(Argument(argument.arg, type, default))
    for argument, value in zip(given.kwonlyargs, given.kw_defaults):
        default = NO_DEFAULT if value is None else _default(value, importer)
        type = T.TENSOR if argument.annotation is None else importer.annotation(argument.annotation)
        arguments.append(Argument(argument.arg, type, default, kwarg_only=True))
    returned = T.TENSOR if tree.returns is None else importer.annotation(tree.returns)
    return Schema(name, "", tuple(arguments), (Argument("", returned),))


def _default(node: ast.expr, importer: Importer) -> Any:
    try:
        return literal(node)
    except NotALiteral:
        pass
    match node:
        case ast.Call(func=ast.Name(id="annotate"), args=[_, value]):
            return _default(value, importer)
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="torch"), attr="device"), args=[ast.Constant(value=str(d))]
        ):
            import torch

            try:
                return torch.device(d)
            except RuntimeError:
                raise CompileError(f"the default {d!r} is not a device") from None
    name = dotted_name(node)
    if name is not None and name.startswith("CONSTANTS.c") and name[11:].isdecimal() and len(name) < 22:
        return importer.constant(int(name[11:]))[0]
    if name is not None:
        enum_name, _, member = name.rpartition(".")
        type = importer.type_named(enum_name)
        if isinstance(type, T.EnumType) and type.python_class is not None and member in dict(type.members):
            return type.python_class[member]
    raise CompileError(f"the default '{ast.unparse(node)}' is no constant")

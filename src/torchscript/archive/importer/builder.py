"""The state of building one function's graph: variables, constants, positions."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch

from ... import types as T
from ...codes import dtype_of, layout_of, memory_format_of
from ...errors import ArchiveError, CompileError
from ...ir.graph import Block, Graph, Node, Value
from ...source import SourceRange
from .limits import allowed_statements

if TYPE_CHECKING:
    from ...schema import Schema
    from .code import Definition
    from .importer import Importer

_TEMPORARY = re.compile(r"_\d+$")
_CODES: dict[type[T.Type], Callable[[int], Any]] = {
    T.DtypeType: dtype_of,
    T.LayoutType: layout_of,
    T.MemoryFormatType: memory_format_of,
}


class Scope:
    """The variables that are visible at a point; a branch writes into a child of the scope around it.

    `declared` are the types of variables that may hold other values later than what they hold now.
    """

    __slots__ = ("declared", "parent", "values")

    def __init__(self, parent: Scope | None = None) -> None:
        self.values: dict[str, Value] = {}
        self.declared: dict[str, T.Type] = {}
        self.parent = parent

    def get(self, name: str) -> Value | None:
        scope: Scope | None = self
        while scope is not None:
            found = scope.values.get(name)
            if found is not None:
                return found
            scope = scope.parent
        return None

    def declared_type(self, name: str) -> T.Type | None:
        scope: Scope | None = self
        while scope is not None:
            found = scope.declared.get(name)
            if found is not None:
                return found
            scope = scope.parent
        return None


class Builder:
    """Appends nodes to `block`."""

    def __init__(self, importer: Importer, definition: Definition, is_method: bool) -> None:
        self.importer = importer
        self.source = definition.file.source
        self.line_offset = definition.line_offset(is_method)
        self.graph = Graph(definition.name)
        self.block: Block = self.graph.block
        self.scope = Scope()
        self.closures: dict[str, ast.FunctionDef] = {}
        self.here: SourceRange | None = None
        self.return_type: T.Type = T.ANY
        self.left = allowed_statements(definition.text)
        # what the loops inside a loop carry, by their statements, while that one is built again
        self.carried: dict[int, dict[str, T.Type]] = {}
        self.loops = 0

    # -- positions and errors --------------------------------------------------------------------------------

    def span(self, node: ast.expr | ast.stmt) -> SourceRange:
        end_line = node.end_lineno if node.end_lineno is not None else node.lineno
        end_column = node.end_col_offset if node.end_col_offset is not None else node.col_offset
        offset = self.line_offset
        return SourceRange(self.source, node.lineno + offset, node.col_offset, end_line + offset, end_column)

    def error(self, message: str, node: ast.expr | ast.stmt | None = None) -> CompileError:
        return CompileError(message, self.span(node) if node is not None else self.here)

    def annotation(self, node: ast.expr) -> T.Type:
        try:
            return self.importer.annotation(node)
        except CompileError as error:
            if error.where is not None:
                raise
            raise self.error(error.message, node) from None

    # -- nodes -----------------------------------------------------------------------------------------------

    def emit(
        self,
        kind: str,
        inputs: Sequence[Value] = (),
        types: Sequence[T.Type] = (),
        attributes: dict[str, Any] | None = None,
        schema: Schema | None = None,
    ) -> Node:
        for type in types:
            if type.contained:
                self.importer.type_sizes.check(type)
        return self.block.add(kind, inputs, types, attributes, self.here, schema)

    def constant(self, value: Any, type: T.Type) -> Value:
        return self.block.constant(value, type, self.here)

    def none(self) -> Value:
        return self.block.constant(None, T.NONE, self.here)

    def literal_value(self, value: Any, type: T.Type) -> Value:
        """A constant such as a default: lists and dicts are built, since a program may change them."""
        type = type.element if isinstance(type, T.OptionalType) and value is not None else type
        if value is None:
            return self.none()
        if isinstance(value, list):
            element = (
                type.element if isinstance(type, T.ListType) else self.importer.type_of(value).contained[0]
            )
            items = [self.literal_value(item, element) for item in value]
            return self.emit("prim::ListConstruct", items, (T.ListType(element),)).output
        if isinstance(value, dict):
            kind = type if isinstance(type, T.DictType) else self.importer.type_of(value)
            key_type, value_type = kind.contained
            flat = [
                v
                for k, x in value.items()
                for v in (self.literal_value(k, key_type), self.literal_value(x, value_type))
            ]
            return self.emit("prim::DictConstruct", flat, (kind,)).output
        if isinstance(value, tuple):
            if isinstance(type, T.TupleType) and len(type.elements) == len(value):
                elements = type.elements
            else:
                elements = tuple(self.importer.type_of(item) for item in value)
                type = T.TupleType(elements)
            items = [self.literal_value(item, element) for item, element in zip(value, elements)]
            return self.emit("prim::TupleConstruct", items, (type,)).output
        if isinstance(type, T.EnumType):
            return self.constant(value, type)
        code = _CODES.get(kind_of(type))
        if code is not None and isinstance(value, int):
            return self.constant(self.code(value, kind_of(type)), type)
        if isinstance(value, torch.dtype | torch.layout | torch.memory_format):
            return self.constant(value, type if code is not None else _code_type(value))
        own = self.importer.type_of(value)
        if isinstance(type, T.FloatType) and own == T.INT:
            return self.constant(float(value), T.FLOAT)
        return self.constant(value, own)

    def code(self, number: int, kind: type[T.Type]) -> Any:
        """The dtype, layout or memory format that an int stands for."""
        try:
            return _CODES[kind](number)
        except KeyError:
            raise self.error(
                f"{number} is not the number of a {kind.__name__.removesuffix('Type').lower()}"
            ) from None

    def with_code(self, value: Value, formal: T.Type) -> Value:
        """A constant int as the dtype, layout or memory format that it stands for where one is asked for."""
        bare = formal.element if isinstance(formal, T.OptionalType) else formal
        kind = kind_of(bare)
        node = value.node
        if kind in _CODES and node is not None and node.kind == "prim::Constant" and value.type == T.INT:
            return self.constant(self.code(node.attributes["value"], kind), bare)
        return value

    def numbered_constant(self, name: str, node: ast.expr) -> Value:
        """`CONSTANTS.c3`."""
        if not (name.startswith("c") and name[1:].isdecimal() and len(name) < 12):
            raise self.error(f"there is no constant '{name}'", node)
        try:
            value, type = self.importer.constant(int(name[1:]))
        except ArchiveError:
            raise
        if isinstance(value, list | dict | tuple):
            return self.literal_value(value, type)
        return self.constant(value, type)

    # -- variables -------------------------------------------------------------------------------------------

    def assign(self, name: str, value: Value, declared: T.Type | None = None) -> None:
        if value.name is None and not _TEMPORARY.match(name):
            value.name = name
        self.scope.values[name] = value
        if declared is not None:
            self.scope.declared[name] = declared


def kind_of(value: T.Type) -> type[T.Type]:
    """The class of a type, where a variable is called `type`."""
    return type(value)


def _code_type(value: Any) -> T.Type:
    if isinstance(value, torch.dtype):
        return T.DTYPE
    return T.LAYOUT if isinstance(value, torch.layout) else T.MEMORY_FORMAT


def assigned_names(statements: Sequence[ast.stmt]) -> Iterator[str]:
    """Every variable that statements assign, in the branches and loops inside them too."""
    for statement in statements:
        match statement:
            case ast.Assign(targets=targets):
                for target in targets:
                    for node in target.elts if isinstance(target, ast.Tuple) else (target,):
                        if isinstance(node, ast.Name):
                            yield node.id
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.AugAssign(target=ast.Name(id=name)):
                yield name
            case ast.If(body=body, orelse=orelse):
                yield from assigned_names(body)
                yield from assigned_names(orelse)
            case ast.While(body=body) | ast.With(body=body):
                yield from assigned_names(body)
            case ast.For(target=target, body=body):
                if isinstance(target, ast.Name):
                    yield target.id
                yield from assigned_names(body)

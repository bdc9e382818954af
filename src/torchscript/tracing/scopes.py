"""The graphs that are being recorded: one for each call of a module, inside that of its caller.

A module that is called while its parent runs gets a graph of its own, which `prim::CallMethod` calls.
Values cross these borders in both directions, and wherever they do the border is opened while recording:

    inwards    a value of an enclosing graph that a call reads becomes a further parameter of its graph
    outwards   a value that was made in a call that has returned, and was not part of what it returned
               (it was kept in an attribute or a list), becomes a further result of it

So every node reads values of its own graph only, whatever way the tensors took in Python.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from .. import types as T
from ..errors import TracingError
from ..ir import Graph, Node, Value
from .modules import ModuleTree, Path


class Scope:
    """The graph of one call.

    `module` is None for a function. `arguments` are the values in the caller's graph that the parameters
    stand for, `self` first. `call` is the caller's node, from the moment the call has returned. `example` are the
    arguments in Python, kept only where they may be needed to compile the module.
    """

    def __init__(self, parent: Scope | None, module: nn.Module | None, path: Path, name: str) -> None:
        self.parent = parent
        self.module = module
        self.path = path
        self.graph = Graph(name)
        self.block = self.graph.block
        self.self_value: Value | None = None
        self.arguments: list[Value] = []
        self.call: Node | None = None
        self.example: tuple[tuple[Any, ...], dict[str, Any]] | None = None
        self.failed = False
        self.returns_value = False
        self.modules: dict[Path, Value] = {}
        self.attributes: dict[tuple[Path, str], Value] = {}
        self.constants: dict[int, Value] = {}
        self.imports: dict[Value, Value] = {}
        self.exports: dict[Value, Value] = {}

    def add_parameter(self, outside: Value, type: T.Type, name: str | None) -> Value:
        """A parameter of this graph that stands for `outside`, a value of the caller's."""
        self.arguments.append(outside)
        return self.block.add_parameter(type, name)

    def contains(self, path: Path) -> bool:
        """Whether the module at `path` is this scope's, or inside it."""
        return self.module is not None and path[: len(self.path)] == self.path

    def module_at(self, path: Path, tree: ModuleTree) -> Value:
        """The module at `path`, reached from this scope's `self`."""
        if path == self.path:
            assert self.self_value is not None
            return self.self_value
        known = self.modules.get(path)
        if known is None:
            owner = self.module_at(path[:-1], tree)
            type = tree.class_at(path)
            known = self.block.add("prim::GetAttr", (owner,), (type,), {"name": path[-1]}).output
            known.name = path[-1] if not path[-1].isdigit() else f"_{path[-1]}"
            self.modules[path] = known
        return known


class Scopes:
    """The stack of open calls, and every call of the recording in the order in which they began."""

    def __init__(self, tree: ModuleTree) -> None:
        self.tree = tree
        self.stack: list[Scope] = []
        self.begun: list[Scope] = []
        self._owner: dict[Any, Scope] = {}

    @property
    def current(self) -> Scope:
        return self.stack[-1]

    def open(self, module: nn.Module | None, path: Path, name: str) -> Scope:
        """Begin a call."""
        parent = self.stack[-1] if self.stack else None
        scope = Scope(parent, module, path, name)
        self._owner[scope.block] = scope
        self.stack.append(scope)
        self.begun.append(scope)
        return scope

    def close(self) -> Scope:
        """End the innermost call."""
        return self.stack.pop()

    def owner(self, value: Value) -> Scope:
        """The scope in whose graph a value is."""
        return self._owner[value.defining_block]

    def here(self, value: Value) -> Value:
        """What stands for `value` in the innermost open graph."""
        scope = self.stack[-1]
        home = self._owner[value.defining_block]
        if home is scope:
            return value
        while home not in self.stack:
            value = self._export(home, value)
            assert home.parent is not None
            home = home.parent
        return self._import(scope, home, value)

    def _import(self, scope: Scope, home: Scope, value: Value) -> Value:
        if scope is home:
            return value
        assert scope.parent is not None
        outside = self._import(scope.parent, home, value)
        known = scope.imports.get(outside)
        if known is None:
            known = scope.add_parameter(outside, outside.type, outside.name)
            scope.imports[outside] = known
        return known

    def _export(self, scope: Scope, value: Value) -> Value:
        known = scope.exports.get(value)
        if known is None:
            if scope.call is None or scope.failed:
                raise TracingError(
                    f"A result of the call of {type(scope.module).__name__} is used although the call "
                    f"raised an "
                    "exception. Tracing cannot record that; compute the value outside of the call."
                )
            scope.block.add_output(value)
            known = scope.call.add_output(value.type, value.name)
            scope.exports[value] = known
        return known

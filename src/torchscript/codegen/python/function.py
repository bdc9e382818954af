"""Compile a function of the IR into a Python function."""

from __future__ import annotations

import ast
import copy
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

from ...errors import BackendError
from ...ir.graph import Function
from ...passes.unfuse import unfused
from ...schema import NO_DEFAULT
from .constants import decoded
from .expressions import Expressions
from .facts import Facts
from .folding import Folding
from .linking import DefaultLinker, Linker
from .locals import assign_names
from .locations import Locations, show_source, show_text
from .names import GlobalNames, identifier
from .planner import Planner
from .statements import Statements


def compile_function(function: Function, linker: Linker | None = None) -> FunctionType:
    """A Python function that does what the graph does, whose code stands at the lines of the user's source.

    It checks no arguments. Raises BackendError for a graph that has no Python.
    """
    generated = _Generated(function, linker or DefaultLinker())
    module = generated.module
    filename = generated.locations.filename
    if filename is None:
        filename = f"<torchscript {function.qualified_name}>"
        text = ast.unparse(module) + "\n"
        show_text(filename, text)
        module = ast.parse(text)
    elif generated.locations.source is not None:
        show_source(generated.locations.source.source)
    try:
        code = compile(module, filename, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise BackendError(f"'{function.qualified_name}' has no Python: {error}") from error
    return _make(function, generated, code)


def emit_source(function: Function, linker: Linker | None = None) -> str:
    """The generated Python as text, for people to read."""
    return ast.unparse(_Generated(function, linker or DefaultLinker()).module)


class _Generated:
    """The syntax tree of a function, and the globals that it reads."""

    def __init__(self, function: Function, linker: Linker) -> None:
        function = _without_groups(function)
        facts = Facts(function.graph)
        folding = Folding(facts)
        plan = Planner(function, facts, folding).plan()
        locals = assign_names(plan.locals)
        original = function.python_function
        self.names = GlobalNames(locals, getattr(original, "__module__", None) or "torchscript.generated")
        self.locations = Locations(function)
        expressions = Expressions(facts, folding, plan.lives, self.names, self.locations, linker)
        body = Statements(facts, expressions, self.locations).write(plan.body)
        at = self.locations.start
        arguments = ast.arguments(
            posonlyargs=[],
            args=[ast.arg(local.name, **at) for local in plan.arguments],
            kwonlyargs=[],
            kw_defaults=[],
            defaults=[],
        )
        self.name = identifier(function.name) or "function"
        definition: dict[str, Any] = {"type_params": []} if sys.version_info >= (3, 12) else {}
        self.module = ast.Module(
            [ast.FunctionDef(self.name, arguments, body, [], None, None, **definition, **at)], type_ignores=[]
        )


def _without_groups(function: Function) -> Function:
    """Python makes no kernels: it runs what a fusion group means."""
    graph = unfused(function.graph)
    if graph is function.graph:
        return function
    other = copy.copy(function)
    other.graph = graph
    return other


def _make(function: Function, generated: _Generated, code: CodeType) -> FunctionType:
    inner = next(c for c in code.co_consts if isinstance(c, CodeType))
    original = function.python_function
    name = getattr(original, "__name__", None) or function.name
    qualified = getattr(original, "__qualname__", None) or name
    changes: dict[str, Any] = {"co_name": name}
    if sys.version_info >= (3, 11):
        changes["co_qualname"] = qualified
    result = FunctionType(
        inner.replace(**changes), generated.names.namespace, name, tuple(_defaults(function)) or None
    )
    result.__qualname__ = qualified
    result.__module__ = generated.names.module
    result.__doc__ = function.docstring
    return result


def _defaults(function: Function) -> Iterator[Any]:
    """The defaults of the last arguments that have one."""
    arguments = function.schema.arguments if function.schema is not None else ()
    first = len(arguments)
    while first and arguments[first - 1].default is not NO_DEFAULT:
        first -= 1
    for argument in arguments[first:]:
        yield decoded(argument.default, argument.type)

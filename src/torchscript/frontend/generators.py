"""Generator functions: a call is the list of what is yielded, compiled in place.

    def pairs(xs):                      for a, b in pairs(xs): …
        for i in range(len(xs) - 1):    →   ys = []; for i in …: ys.append((xs[i], xs[i + 1])); for a, b in ys: …
            yield xs[i], xs[i + 1]

Where what is yielded is not data (modules, functions), or of different types, the values are collected while
compiling. All values are computed before the first is used; so a generator that never ends, or that yields what it
changes afterwards, is refused.
"""

from __future__ import annotations

import ast
import functools

from .. import types as T
from ..errors import CompileError
from . import compilation, expressions, loops
from .builtins import containers
from .control import discard
from .emitter import Emitter
from .handlers import expression
from .pending import settle
from .problems import OutsideLanguageError
from .sources import FunctionSource
from .values import Dynamic, Module, Sequence, Val, type_of

_CHANGING = ("append", "extend", "insert", "pop", "clear", "update", "add", "remove", "sort", "reverse")


@functools.lru_cache(maxsize=8192)
def is_generator(tree: ast.AST) -> bool:
    """Whether the function's own body (not that of a function in it) yields."""
    pending = list(ast.iter_child_nodes(tree))
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            pending.extend(ast.iter_child_nodes(node))
    return False


def collect(
    e: Emitter,
    source: FunctionSource,
    names: dict[str, Val],
    owner: Module | None = None,
    function: object = None,
    scope: object = None,
) -> Val:
    """What the generator yields, as a list."""
    _refuse_endless(e, source)
    mark = len(e.block.nodes)
    listed = Dynamic(e.emit("prim::ListConstruct", [], [T.ListType(T.PendingType(T.TENSOR))]).output)
    try:
        compilation.inline(e, source, names, owner, function, scope, yielded=listed)  # type: ignore[arg-type]
        settle(listed.value)
        return listed
    except OutsideLanguageError:
        raise
    except CompileError as error:
        first = error
    discard(e.block, mark)
    known = Sequence([], is_list=True)
    try:
        compilation.inline(e, source, names, owner, function, scope, yielded=known)  # type: ignore[arg-type]
    except CompileError:
        raise first from None
    return known


def _refuse_endless(e: Emitter, source: FunctionSource) -> None:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.While) and isinstance(node.test, ast.Constant) and node.test.value:
            if not any(isinstance(n, ast.Break | ast.Return) for n in ast.walk(node)):
                raise e.unsupported(
                    f"The generator '{source.name}' never ends, and a compiled generator runs to its end.",
                    None,
                    "Give it the number of values as an argument, or write the loop where the values are used.",
                )


def _target(e: Emitter, node: ast.expr) -> Val:
    if e.yielded is None:
        raise e.unsupported(
            "A generator ('yield') cannot be compiled by itself.",
            node,
            "Collect the values in a list and return it; or call the generator in a function that is compiled.",
        )
    return e.yielded


@expression(ast.Yield)
def _yield(e: Emitter, node: ast.Yield, hint: T.Type | None) -> Val:
    target = _target(e, node)
    value = expressions.emit(e, node.value) if node.value is not None else e.none()
    if isinstance(node.value, ast.Name) and isinstance(
        type_of(value), T.TensorType | T.ListType | T.DictType
    ):
        _refuse_changed(e, node.value.id, node)
    _add(e, target, [value], node)
    return e.none()


@expression(ast.YieldFrom)
def _yield_from(e: Emitter, node: ast.YieldFrom, hint: T.Type | None) -> Val:
    target = _target(e, node)
    values = expressions.emit(e, node.value)
    if isinstance(target, Dynamic):
        e.call_operator("aten::extend", [target, containers.as_run_time_list(e, values)], {}, "yield from")
        return e.none()
    items = loops.static_items(e, values)
    if items is None:
        raise e.needs_unrolling("How many values are yielded is not known while compiling.", node)
    _add(e, target, items, node)
    return e.none()


def _add(e: Emitter, target: Val, values: list[Val], node: ast.expr) -> None:
    e.node = node
    if isinstance(target, Sequence):
        if e.block is not e.yield_block:
            raise e.needs_unrolling("Whether this is yielded must be known while compiling.", node)
        target.items.extend(values)
        return
    for value in values:
        if _holds_module(value):
            raise e.needs_unrolling("A module that is yielded must be known while compiling.", node)
        e.call_operator("aten::append", [target, value], {}, "yield")


def _holds_module(value: Val) -> bool:
    if isinstance(value, Sequence):
        return any(_holds_module(item) for item in value.items)
    return isinstance(value, Module)


def _refuse_changed(e: Emitter, name: str, node: ast.Yield) -> None:
    """A list or tensor that is yielded and changed in place later would change in the list of what was yielded."""
    for found in ast.walk(e.source.tree):
        changed: ast.expr | None = None
        if isinstance(found, ast.AugAssign):
            changed = found.target
        elif isinstance(found, ast.Subscript) and isinstance(found.ctx, ast.Store):
            changed = found.value
        elif isinstance(found, ast.Call) and isinstance(found.func, ast.Attribute):
            method = found.func.attr
            if (method.endswith("_") and not method.endswith("__")) or method in _CHANGING:
                changed = found.func.value
        if isinstance(changed, ast.Name) and changed.id == name:
            raise e.unsupported(
                f"The generator yields '{name}' and changes it in place, so that every value would be the last.",
                node,
                f"Yield a copy: '{name}.clone()' of a tensor, 'list({name})' of a list.",
            )

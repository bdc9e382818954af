"""Loops over a list that their body makes longer or shorter: its length is asked for in every iteration, as in Python.

for node in queue:                  at = 0
    queue.append(node + 1)    →     while at < len(queue):
                                        node = queue[at]; at += 1
                                        queue.append(node + 1)
"""

from __future__ import annotations

import ast
import builtins
import copy

from .. import types as T
from . import expressions
from .control import discard
from .emitter import Emitter
from .outcomes import Outcome
from .values import Dynamic, Static, type_of

_CHANGING = frozenset({"append", "extend", "insert", "remove", "pop", "clear", "popleft", "appendleft"})


def over_changing_list(e: Emitter, node: ast.For) -> Outcome | None:
    """The loop, if it runs over a run-time list (or dict) that its body may change; None for all others."""
    over_dict = _over_changing_dict(e, node)
    if over_dict is not None:
        return over_dict
    listed: ast.expr = node.iter
    start: ast.expr | None = None
    call = node.iter
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "enumerate":
        given = dict(zip(("iterable", "start"), call.args)) | {k.arg or "**": k.value for k in call.keywords}
        if "iterable" not in given or len(given) != len(call.args) + len(call.keywords):
            return None
        if given.keys() - {"iterable", "start"} or any(isinstance(v, ast.Starred) for v in given.values()):
            return None
        listed = given["iterable"]
        start = given.get("start", ast.copy_location(ast.Constant(0), call))
    if not isinstance(listed, ast.Name | ast.Attribute) or not _changes(node.body, ast.dump(listed)):
        return None
    value = _run_time(e, listed, T.ListType)
    return _as_while(e, node, value, start) if value is not None else None


def _run_time(e: Emitter, node: ast.expr, kind: type[T.Type]) -> Dynamic | None:
    """The list (or dict) that an expression is at run time; None, and nothing left behind, where it is anything else."""
    mark = len(e.block.nodes)
    value = expressions.emit(e, node)
    if isinstance(value, Dynamic) and isinstance(type_of(value), kind):
        return value
    discard(e.block, mark)
    return None


_CHANGING_DICTS = frozenset({"pop", "popitem", "clear", "update", "setdefault"})


def _over_changing_dict(e: Emitter, node: ast.For) -> Outcome | None:
    """The loop over a dict that its body may give other keys: it raises where the size has changed, as in Python."""
    from . import statements

    iterated = node.iter
    if isinstance(iterated, ast.Call) and isinstance(iterated.func, ast.Attribute) and not iterated.args:
        iterated = iterated.func.value if iterated.func.attr in ("items", "keys", "values") else iterated
    if getattr(node, "checked", False) or not isinstance(iterated, ast.Name | ast.Attribute):
        return None
    if not _changes_keys(node.body, _dumped(iterated)):
        return None
    value = _run_time(e, iterated, T.DictType)
    if value is None:
        return None
    place = f"{node.lineno}_{node.col_offset}"
    e.scope.set(f"__dict{place}", value)
    e.scope.set(f"__size{place}", Dynamic(e.call("aten::len", [value])))
    e.scope.set("__len", Static(len, None))
    text = f"if __len(__dict{place}) != __size{place}: raise RuntimeError('dictionary changed size during iteration')"
    check = ast.parse(text).body[0]
    for made in ast.walk(check):
        ast.copy_location(made, node)
    loop = copy.copy(node)
    loop.body, loop.checked = [check, *node.body], True  # type: ignore[attr-defined]
    leaves = any(isinstance(inner, ast.Break) for inner in ast.walk(node))
    return statements.run_body(e, [loop] if leaves else [loop, check])


def _changes_keys(body: list[ast.stmt], iterated: str) -> bool:
    for node in (inner for statement in body for inner in ast.walk(statement)):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            if _dumped(node.value) == iterated:
                return True
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in _CHANGING_DICTS and _dumped(node.func.value) == iterated:
                return True
    return False


def _changes(body: list[ast.stmt], iterated: str) -> bool:
    """Whether a loop's body calls a method that changes what is iterated, or passes it to a function of the user's."""
    for node in (inner for statement in body for inner in ast.walk(statement)):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGING:
                if _dumped(node.func.value) == iterated:
                    return True
            if isinstance(node.func, ast.Name) and not hasattr(builtins, node.func.id):
                given = [*node.args, *(keyword.value for keyword in node.keywords)]
                if any(_dumped(argument) == iterated for argument in given):
                    return True
        elif isinstance(node, ast.AugAssign) and _dumped(node.target) == iterated:
            return True
        elif isinstance(node, ast.Delete):
            if any(isinstance(t, ast.Subscript) and _dumped(t.value) == iterated for t in node.targets):
                return True
    return False


def _dumped(node: ast.expr) -> str:
    """The expression as it would be written where it is read."""
    if isinstance(node, ast.Name | ast.Attribute) and not isinstance(node.ctx, ast.Load):
        node = copy.copy(node)
        node.ctx = ast.Load()
    return ast.dump(node)


def _as_while(e: Emitter, node: ast.For, value: Dynamic, start: ast.expr | None) -> Outcome:
    from . import loops

    place = f"{node.lineno}_{node.col_offset}"
    listed, at = f"@list{place}", f"@at{place}"
    e.scope.set(listed, value)
    e.scope.set(at, e.static(0))
    e.scope.set("@len", Static(len, None))

    def name(text: str, context: ast.expr_context | None = None) -> ast.Name:
        return ast.Name(text, context or ast.Load())

    item: ast.expr = ast.Subscript(name(listed), name(at), ast.Load())
    if start is not None:
        first = f"@start{place}"
        e.scope.set(first, expressions.emit(e, start))
        item = ast.Tuple([ast.BinOp(name(first), ast.Add(), name(at)), item], ast.Load())
    steps: list[ast.stmt] = [
        ast.Assign([node.target], item),
        ast.AugAssign(name(at, ast.Store()), ast.Add(), ast.Constant(1)),
    ]
    length = ast.Call(name("@len"), [name(listed)], [])
    loop = ast.While(ast.Compare(name(at), [ast.Lt()], [length]), [*steps, *node.body], node.orelse)
    for made in (loop, *steps, *ast.walk(loop.test), *(n for s in steps for n in ast.walk(s))):
        if not hasattr(made, "lineno"):
            ast.copy_location(made, node)
    return loops.emit_while(e, loop)

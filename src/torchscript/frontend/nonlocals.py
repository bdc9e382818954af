"""`nonlocal`: a function inside the function being compiled gives a variable of the outer one a new value.

    def step(x):                    n = 0
        nonlocal n             →    y = x * n; n1 = n + 1         (the call is compiled in place)
        y = x * n                   return y, n1
        n += 1
        return y

What a call assigns is bound in the scope of the caller, so the caller must be the outer function itself, and the
call must run whenever its statement does: not inside a comprehension, or on one side of `and` or of an `if … else …`.
"""

from __future__ import annotations

import ast
import functools
from typing import TYPE_CHECKING

from .control import assigned_names

if TYPE_CHECKING:
    from .emitter import Emitter
    from .values import Closure


@functools.lru_cache(maxsize=8192)
def assigned_outside(tree: ast.FunctionDef | ast.Lambda) -> frozenset[str]:
    """The variables of functions around it that a function, or one inside it, may assign."""
    if isinstance(tree, ast.Lambda):
        return frozenset()
    own = frozenset(
        name for node in _statements(tree) if isinstance(node, ast.Nonlocal) for name in node.names
    )
    arguments = (node.arg for node in ast.walk(tree.args) if isinstance(node, ast.arg))
    local = frozenset((*assigned_names(tree.body), *arguments)) - own
    return own | (assigned_inside(tree) - local)


@functools.lru_cache(maxsize=8192)
def assigned_inside(tree: ast.FunctionDef | ast.Lambda) -> frozenset[str]:
    """The variables that the functions inside a function may assign, and that are not their own."""
    inner = [node for node in _statements(tree) if isinstance(node, ast.FunctionDef)]
    return frozenset().union(*map(assigned_outside, inner))


def _statements(tree: ast.AST) -> list[ast.AST]:
    """The nodes of a function that are in no function inside it; those functions themselves are among them."""
    found: list[ast.AST] = []
    pending = list(ast.iter_child_nodes(tree))
    while pending:
        node = pending.pop()
        found.append(node)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            pending.extend(ast.iter_child_nodes(node))
    return found


def may_be_assigned(e: Emitter, node: ast.AST) -> list[str]:
    """The variables that calls in `node` may assign because a function inside the function says `nonlocal`."""
    names = assigned_inside(e.source.tree)
    return sorted(names) if names and any(isinstance(n, ast.Call) for n in ast.walk(node)) else []


def of_call(e: Emitter, callee: Closure) -> frozenset[str]:
    """The variables that a call of `callee` assigns here."""
    names = assigned_outside(callee.tree)
    if names and (callee.emitter is not e or e.scope is not e.statement_scope):
        shown = ", ".join(f"'{name}'" for name in sorted(names))
        raise e.unsupported(
            f"This call assigns {shown} of the function around it ('nonlocal'), and does not run once and in that function.",
            None,
            "Call it in a statement of its own, in the function that it is defined in.",
        )
    return names

"""Expressions that evaluate one side only: `a and b`, `a or b`, `x if c else y`."""

from __future__ import annotations

import ast
from collections.abc import Callable

from .. import types as T
from ..errors import CompileError
from ..ir.graph import Value
from . import chosen, conditions, expressions
from .control import discard, emit_if, join, run_branch
from .emitter import Emitter
from .handlers import expression
from .outcomes import Branch, Outcome
from .scopes import Scope
from .values import Dynamic, Module, Val, type_of


def only_if(
    e: Emitter, condition: Value, is_and: bool, other: Callable[[], Val], first: Val, binds: bool = False
) -> Val:
    """`first and other()` as a value: `other` is evaluated only where the condition says so.

    `binds`: there is a `:=` in `other`, so the variables are joined, too.
    """

    def evaluate() -> Outcome:
        return Outcome(returns=True, value=other())

    def skip() -> Outcome:
        return Outcome(returns=True, value=first)

    rest, taken, declared = e.pending_rest, e.rest_taken, e.return_type
    e.pending_rest, e.return_type = (), None
    e.finalizing += binds
    try:
        outcome = emit_if(e, condition, evaluate if is_and else skip, skip if is_and else evaluate)
    finally:
        e.finalizing -= binds
        e.pending_rest, e.rest_taken, e.return_type = rest, taken, declared
    assert outcome.value is not None
    return outcome.value


@expression(ast.BoolOp)
def _bool_op(e: Emitter, node: ast.BoolOp, hint: T.Type | None) -> Val:
    """`a or b` as a value: one of the operands, as in Python."""
    is_and = isinstance(node.op, ast.And)

    def rest(index: int) -> Val:
        operand = node.values[index]
        if not is_and and isinstance(operand, ast.BoolOp) and isinstance(operand.op, ast.And):
            if index < len(node.values) - 1:  # `a and b or c` is `b or c` where a is true, and c elsewhere
                return expressions.emit(e, _as_choice(operand, node.values[index + 1 :]))
        if index == len(node.values) - 1:
            return expressions.emit(e, operand)
        condition = conditions.emit(e, operand)
        if condition.static is not None:
            if condition.static is is_and:
                condition.apply(e, is_and)
                return rest(index + 1)
            return (
                expressions.emit(e, operand)
                if not isinstance(operand, ast.Compare)
                else e.static(condition.static)
            )
        assert condition.value is not None
        first: Val = Dynamic(condition.value)
        if not isinstance(operand, ast.Compare | ast.BoolOp) and not (
            isinstance(operand, ast.UnaryOp) and isinstance(operand.op, ast.Not)
        ):
            original = again(e, operand)
            if original is not None:
                first = original
        e.node = node

        def other() -> Val:
            condition.apply(e, is_and)
            return rest(index + 1)

        if isinstance(type_of(first), T.OptionalType) and not is_and:
            element = type_of(first)
            assert isinstance(element, T.OptionalType)
            value = e.materialize(first)
            then, otherwise = _sides(e, condition.value)

            def present() -> Outcome:
                return Outcome(
                    returns=True,
                    value=Dynamic(e.emit("prim::unchecked_cast", [value], [element.element]).output),
                )

            run_branch(e, then, present)
            run_branch(e, otherwise, lambda: Outcome(returns=True, value=other()))
            declared, e.return_type = e.return_type, None
            joined = join(e, then.block.owner, then, otherwise)  # type: ignore[arg-type]
            e.return_type = declared
            assert joined.value is not None
            return joined.value
        binds = bool(conditions.walrus_names(node.values[index + 1 :]))
        return only_if(e, condition.value, is_and, other, first, binds)

    return rest(0)


def _as_choice(both: ast.BoolOp, others: list[ast.expr]) -> ast.expr:
    first, *second = both.values
    inner = second[0] if len(second) == 1 else ast.BoolOp(ast.And(), second)
    rest = others[0] if len(others) == 1 else ast.BoolOp(ast.Or(), others)
    chosen = ast.IfExp(first, ast.BoolOp(ast.Or(), [inner, *others]), rest)
    for made in (inner, rest, chosen.body, chosen):
        ast.copy_location(made, both)
    return chosen


def _sides(e: Emitter, condition: Value) -> tuple[Branch, Branch]:
    node = e.emit("prim::If", [condition])
    return Branch(node.add_block(), Scope(e.scope)), Branch(node.add_block(), Scope(e.scope))


def again(e: Emitter, operand: ast.expr) -> Val | None:
    """The value of an operand whose truth was already emitted, if it can be read again without effect."""
    if isinstance(operand, ast.Name | ast.Attribute | ast.Constant):
        return expressions.emit(e, operand)
    if isinstance(operand, ast.NamedExpr):
        return expressions.emit(e, operand.target)
    return None


def choice(e: Emitter, condition: Value, first: Val, second: Val) -> Val:
    """`first if condition else second`, of values that are there already."""
    return only_if(e, condition, True, lambda: first, second)


def _module_of(e: Emitter, node: ast.expr) -> Module | None:
    """The module that `self.a` or `self.layers[0]` is."""
    if not isinstance(node, ast.Attribute | ast.Subscript | ast.Name):
        return None
    mark = len(e.block.nodes)
    try:
        val = expressions.emit(e, node)
    except CompileError:  # said again where the side is compiled
        val = None
    if isinstance(val, Module):
        return val
    discard(e.block, mark)
    return None


@expression(ast.IfExp)
def _ternary(e: Emitter, node: ast.IfExp, hint: T.Type | None) -> Val:
    condition = conditions.emit(e, node.test)
    if condition.static is not None:
        condition.apply(e, condition.static)
        return expressions.emit(e, node.body if condition.static else node.orelse, hint)
    assert condition.value is not None
    e.node = node
    modules = [_module_of(e, side) for side in (node.orelse, node.body)]
    if modules[0] is not None and modules[1] is not None and modules[0].module is not modules[1].module:
        number = Dynamic(e.call("aten::Int", [Dynamic(condition.value)]))
        return chosen.one_of(e, [m for m in modules if m is not None], [0, 1], number)

    def side(body: ast.expr, truth: bool) -> Callable[[], Outcome]:
        def run() -> Outcome:
            condition.apply(e, truth)
            return Outcome(returns=True, value=expressions.emit(e, body, hint), where=node)

        return run

    rest, taken, declared = e.pending_rest, e.rest_taken, e.return_type
    e.pending_rest, e.return_type = (), hint
    binds = bool(conditions.walrus_names([node.body, node.orelse]))
    e.finalizing += binds  # the variables are joined, too
    try:
        outcome = emit_if(e, condition.value, side(node.body, True), side(node.orelse, False))
    finally:
        e.finalizing -= binds
        e.pending_rest, e.rest_taken, e.return_type = rest, taken, declared
    assert outcome.value is not None
    return outcome.value

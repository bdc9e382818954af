"""`and`, `or`, `not` and `a if c else b`, simplified."""

from __future__ import annotations

import ast

from .templates import Location

_OPPOSITES: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}


def negation(test: ast.expr, at: Location) -> ast.expr:
    """`not test`, where only the truth of `test` matters.

    >>> def negated(text: str) -> str:
    ...     return ast.unparse(negation(ast.parse(text, mode="eval").body, {}))
    >>> negated("not a"), negated("a is b"), negated("a or not b"), negated("a < b")
    ('a', 'a is not b', 'not a and b', 'not a < b')
    """
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return test.operand
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and type(test.ops[0]) in _OPPOSITES:
        return ast.Compare(test.left, [_OPPOSITES[type(test.ops[0])]()], test.comparators, **at)
    if isinstance(test, ast.Constant) and isinstance(test.value, bool):
        return ast.Constant(not test.value, **at)
    if isinstance(test, ast.BoolOp) and any(isinstance(v, ast.UnaryOp) for v in test.values):
        opposite = ast.And() if isinstance(test.op, ast.Or) else ast.Or()
        return ast.BoolOp(opposite, [negation(v, at) for v in test.values], **at)
    return ast.UnaryOp(ast.Not(), test, **at)


def choice(condition: ast.expr, then: ast.expr, otherwise: ast.expr, at: Location) -> ast.expr:
    """`then if condition else otherwise` of bools.

    >>> def chosen(*texts: str) -> str:
    ...     return ast.unparse(choice(*(ast.parse(t, mode="eval").body for t in texts), {}))
    >>> chosen("a", "b", "False"), chosen("a", "True", "b or c")
    ('a and b', 'a or b or c')
    >>> chosen("a", "False", "b"), chosen("a", "b", "c")
    ('not a and b', 'b if a else c')
    """
    if _is(then, True):
        return condition if _is(otherwise, False) else _joined(ast.Or(), condition, otherwise, at)
    if _is(otherwise, False):
        return _joined(ast.And(), condition, then, at)
    if _is(then, False):
        negated = ast.UnaryOp(ast.Not(), condition, **at)
        return negated if _is(otherwise, True) else _joined(ast.And(), negated, otherwise, at)
    if _is(otherwise, True):
        return _joined(ast.Or(), ast.UnaryOp(ast.Not(), condition, **at), then, at)
    return ast.IfExp(condition, then, otherwise, **at)


def _is(tree: ast.expr, value: bool) -> bool:
    return isinstance(tree, ast.Constant) and tree.value is value


def _joined(op: ast.boolop, a: ast.expr, b: ast.expr, at: Location) -> ast.expr:
    parts: list[ast.expr] = []
    for side in (a, b):
        if isinstance(side, ast.BoolOp) and type(side.op) is type(op):
            parts.extend(side.values)
        else:
            parts.append(side)
    return ast.BoolOp(op, parts, **at)

"""Unpacking of a display in which a list of unknown length is spread: `b, _, h, w, device = *x.shape, x.device`."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .. import types as T
from . import expressions, loops, returned
from .values import Dynamic, Val, type_of

if TYPE_CHECKING:
    from .emitter import Emitter


def assign_display(e: Emitter, target: ast.expr, display: ast.expr) -> bool:
    """Assign the parts of `display` to those of `target`; False if this is not of the kind that is done here."""
    from . import statements

    if not isinstance(target, ast.Tuple | ast.List) or not isinstance(display, ast.Tuple | ast.List):
        return False
    spread = _star(display.elts)
    if spread is None:
        return False
    star = display.elts[spread]
    assert isinstance(star, ast.Starred)
    if not isinstance(star.value, ast.Name | ast.Attribute):
        return False
    inner = expressions.emit(e, star.value)
    if (
        not isinstance(type_of(inner), T.ListType)
        or loops.static_items(e, inner, known_lists=True) is not None
    ):
        return False
    taker = _star(target.elts)
    front_nodes, back_nodes = display.elts[:spread], display.elts[spread + 1 :]
    before = target.elts if taker is None else target.elts[:taker]
    after = [] if taker is None else target.elts[taker + 1 :]
    if taker is not None and (len(front_nodes) > len(before) or len(back_nodes) > len(after)):
        return False
    front = [expressions.emit(e, n) for n in front_nodes]
    spread_list = Dynamic(e.materialize(inner))
    back = [expressions.emit(e, n) for n in back_nodes]
    if taker is None:
        count = len(target.elts) - len(front) - len(back)
        if count < 0:
            raise e.error(
                f"{len(target.elts)} names are given for at least {len(front) + len(back)} values.", target
            )
        items = [*front, *statements.items_of(e, spread_list, count, False, target), *back]
        for element, item in zip(target.elts, items, strict=True):
            statements.assign(e, element, item)
        return True
    first, last = len(before) - len(front), len(after) - len(back)
    heads = [*front, *(_element(e, spread_list, k) for k in range(first))]
    tails = [*(_element(e, spread_list, k - last) for k in range(last)), *back]
    stop = e.static(-last) if last else e.none()
    middle = e.call("aten::slice", [spread_list, e.static(first), stop, e.static(1)])
    taking = target.elts[taker]
    assert isinstance(taking, ast.Starred)
    for element, item in zip(
        [*before, taking.value, *after], [*heads, Dynamic(returned.as_list(e, middle)), *tails], strict=True
    ):
        statements.assign(e, element, item)
    return True


def _star(elements: list[ast.expr]) -> int | None:
    found = [i for i, n in enumerate(elements) if isinstance(n, ast.Starred)]
    return found[0] if len(found) == 1 else None


def _element(e: Emitter, values: Val, index: int) -> Val:
    return Dynamic(e.call("aten::__getitem__", [values, e.static(index)]))

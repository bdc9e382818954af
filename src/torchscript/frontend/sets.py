"""Sets: `{a, b}`, `set(xs)`, set comprehensions, their methods and operators.

A set is a `Dict[element, bool]` in IR and archives (`types.SetType`); what is more than one operator is a function
of the prelude. Iteration is in the order in which the elements came. Schemas keep the set, so that callers know it: Python
passes and gets sets (`set_values.py`); only an archive, which PyTorch reads too, takes and returns dicts.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

from .. import types as T
from . import comprehensions, expressions, function_calls, loops, prelude
from .emitter import Emitter
from .handlers import expression
from .pending import resolve_pending, settle
from .values import Dynamic, Mapping, Sequence, Static, Val, type_of

_ELEMENTS = (T.IntType, T.FloatType, T.BoolType, T.StringType, T.ComplexType, T.TensorType)


def without_sets(type: T.Type) -> T.Type:
    """`type` as later stages know it: with dicts for sets (and for dicts with defaults)."""
    if not type.contained or not any(
        isinstance(t, T.DictType | T.ListType) and t.__class__ not in (T.DictType, T.ListType)
        for t in type.walk()
    ):
        return type
    if isinstance(type, T.ListType):
        return T.ListType(without_sets(type.element))
    if isinstance(type, T.DictType):
        return T.DictType(without_sets(type.key), without_sets(type.value))
    return type.with_contained(tuple(without_sets(t) for t in type.contained))


def empty(e: Emitter, element: T.Type | None = None) -> Val:
    type = T.SetType(element if element is not None else T.PendingType(T.INT))
    return Dynamic(e.emit("prim::DictConstruct", [], [type]).output)


def of_items(e: Emitter, items: list[Val], element: T.Type | None = None) -> Val:
    result = empty(e, element)
    for item in items:
        add(e, result, item)
    return result


def add(e: Emitter, owner: Val, item: Val) -> None:
    type = type_of(owner)
    assert isinstance(type, T.SetType)
    own = type_of(item)
    if isinstance(type.key, T.PendingType) and type.key.resolved is None and own is not None:
        if not isinstance(own, _ELEMENTS):
            raise e.unsupported(
                f"A set of {own.annotation()} cannot be compiled.", None,
                "Sets can hold int, float, bool, str and complex: use a list, or elements of one of these types.",
            )  # fmt: skip
        resolve_pending(type.key, own)
    e.call_operator("aten::_set_item", [owner, item, e.static(True)], {}, "add")


def of_value(e: Emitter, val: Val) -> Val:
    """`set(val)`."""
    if isinstance(type_of(val), T.SetType):
        return _copy(e, val)
    result = empty(e)
    _add_all(e, result, val)
    settle(e.materialize(result))
    return result


def _add_all(e: Emitter, result: Val, val: Val) -> None:
    """Add what `val` iterates over."""
    items = loops.static_items(e, val) if not isinstance(val, Static) or val.type is None else None
    if isinstance(val, Sequence | Mapping) and items is not None:
        for item in items:
            add(e, result, item)
    else:
        _prelude(prelude.add_all)(e, [result, val])


@expression(ast.Set)
def _display(e: Emitter, node: ast.Set, hint: T.Type | None) -> Val:
    items = [expressions.emit(e, i.value if isinstance(i, ast.Starred) else i) for i in node.elts]
    e.node = node
    result = empty(e, hint.key if isinstance(hint, T.SetType) else None)
    for element, val in zip(node.elts, items, strict=True):
        if isinstance(element, ast.Starred):
            _add_all(e, result, val)
        else:
            add(e, result, val)
    settle(e.materialize(result))
    return result


@expression(ast.SetComp)
def _comprehension(e: Emitter, node: ast.SetComp, hint: T.Type | None) -> Val:
    as_list = ast.copy_location(ast.ListComp(node.elt, node.generators), node)
    return of_value(e, comprehensions.list_comprehension(e, as_list, None))


# -- methods and operators -------------------------------------------------------------------------------------


def _prelude(function: object) -> Callable[[Emitter, list[Val]], Val]:
    return lambda e, arguments: function_calls.call_function(e, function, arguments, {})


def _copy(e: Emitter, owner: Val) -> Val:
    type = type_of(owner)
    assert isinstance(type, T.SetType)
    copied = e.call("aten::copy", [owner])
    copied.type = type
    return Dynamic(copied)


def _add(e: Emitter, arguments: list[Val]) -> Val:
    add(e, arguments[0], arguments[1])
    return e.none()


def _pop(e: Emitter, arguments: list[Val]) -> Val:
    found = e.call_operator("aten::popitem", arguments, {}, "pop")
    items = loops.static_items(e, found)
    assert items is not None
    return items[0]


def _swapped(function: object) -> Callable[[Emitter, list[Val]], Val]:
    return lambda e, arguments: function_calls.call_function(e, function, arguments[::-1], {})


METHODS: dict[str, Callable[[Emitter, list[Val]], Val]] = {
    "add": _add,
    "discard": _prelude(prelude.discard),
    "remove": _prelude(prelude.remove),
    "pop": _pop,
    "copy": lambda e, arguments: _copy(e, arguments[0]),
    "update": _prelude(prelude.add_all),
    "union": _prelude(prelude.union),
    "intersection": _prelude(prelude.intersection),
    "difference": _prelude(prelude.difference),
    "symmetric_difference": _prelude(prelude.symmetric_difference),
    "issubset": _prelude(prelude.is_subset),
    "issuperset": _swapped(prelude.is_subset),
    "isdisjoint": _prelude(prelude.is_disjoint),
    "intersection_update": _prelude(prelude.keep_only),
    "difference_update": _prelude(prelude.drop_all),
    "symmetric_difference_update": _prelude(prelude.keep_either),
}

OPERATORS: dict[type[ast.AST], Callable[[Emitter, list[Val]], Val]] = {
    ast.BitOr: METHODS["union"],
    ast.BitAnd: METHODS["intersection"],
    ast.Sub: METHODS["difference"],
    ast.BitXor: METHODS["symmetric_difference"],
    ast.LtE: METHODS["issubset"],
    ast.GtE: METHODS["issuperset"],
    ast.Eq: _prelude(prelude.same_elements),
}


def operator(e: Emitter, op: type[ast.AST], left: Val, right: Val) -> Val | None:
    """`left op right`, where one of them is a set."""
    if not isinstance(type_of(left), T.SetType) and not isinstance(type_of(right), T.SetType):
        return None
    left, right = (_as_set(e, v) for v in (left, right))
    if not isinstance(type_of(left), T.SetType) or not isinstance(type_of(right), T.SetType):
        return None
    if op is ast.NotEq:
        return Dynamic(e.call("aten::__not__", [OPERATORS[ast.Eq](e, [left, right])]))
    if op in (ast.Lt, ast.Gt):
        smaller, larger = (left, right) if op is ast.Lt else (right, left)
        subset = OPERATORS[ast.LtE](e, [smaller, larger])
        fewer = e.call(
            "aten::lt", [Dynamic(e.call("aten::len", [smaller])), Dynamic(e.call("aten::len", [larger]))]
        )
        return Dynamic(e.call("aten::__and__", [subset, Dynamic(fewer)]))
    handler = OPERATORS.get(op)
    return handler(e, [left, right]) if handler is not None else None


def _as_set(e: Emitter, val: Val) -> Val:
    if isinstance(val, Static) and isinstance(val.object, set | frozenset):
        return of_items(e, [e.static(o, val.known.dependencies) for o in val.object])
    return val

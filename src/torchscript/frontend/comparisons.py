"""Comparisons: chained, of tuples, of sizes, and `in`."""

from __future__ import annotations

import ast

from torch import nn

from .. import types as T
from . import (
    arithmetic,
    conditions,
    default_dicts,
    deques,
    expressions,
    function_calls,
    methods,
    prelude,
    presence,
    returned,
    sets,
    short_circuit,
)
from .emitter import Emitter
from .handlers import expression
from .values import Dynamic, Mapping, Module, Sequence, Static, Val, known_of, type_of


@expression(ast.Compare)
def _compare(e: Emitter, node: ast.Compare, hint: T.Type | None) -> Val:
    if len(node.ops) == 1:
        if isinstance(node.ops[0], ast.Is | ast.IsNot):
            condition = conditions.emit(e, node)
            if condition.static is not None:
                return e.static(condition.static)
            assert condition.value is not None
            return Dynamic(condition.value)
        container = node.comparators[0]
        of_container = _container if isinstance(node.ops[0], ast.In | ast.NotIn) else expressions.emit
        left, right = expressions.emit(e, node.left), of_container(e, container)
        e.node = node
        return compare(e, node.ops[0], left, right)
    return _chain(e, expressions.emit(e, node.left), list(zip(node.ops, node.comparators, strict=True)), node)


def _container(e: Emitter, node: ast.expr) -> Val:
    """The right operand of a comparison; `{a, b}` is only looked into, so a tuple will do."""
    if isinstance(node, ast.Set):
        node = ast.copy_location(ast.Tuple(node.elts, ast.Load()), node)
    return expressions.emit(e, node)


def _chain(e: Emitter, left: Val, rest: list[tuple[ast.cmpop, ast.expr]], node: ast.Compare) -> Val:
    """`a < b < c`: each operand is evaluated once, and none after the first comparison that fails."""
    op, right_node = rest[0]
    right = expressions.emit(e, right_node)
    e.node = node
    first = compare(e, op, left, right)
    if len(rest) == 1:
        return first
    known = known_of(first)
    if known is not None:
        return _chain(e, right, rest[1:], node) if e.depend(first) else e.static(False)
    condition = conditions.truth_of(e, e.materialize(first), node)
    return short_circuit.only_if(e, condition, True, lambda: _chain(e, right, rest[1:], node), first)


def compare(e: Emitter, op: ast.cmpop, left: Val, right: Val) -> Val:
    """`left op right` for one comparison."""
    if isinstance(op, ast.In | ast.NotIn):
        return _contains(e, left, right, isinstance(op, ast.NotIn))
    if isinstance(op, ast.Is | ast.IsNot):
        condition = conditions.none_test(e, left, None, isinstance(op, ast.IsNot))
        return e.static(condition.static) if condition.value is None else Dynamic(condition.value)
    name, symbol, method, function = arithmetic.COMPARISONS[type(op)]
    known = arithmetic.fold(e, function, left, right)
    lt, rt = type_of(left), type_of(right)
    if known is not None:
        if not known.dependencies or lt is None or rt is None or lt != rt:
            return e.static(known.object, known.dependencies)
    elif lt is None or rt is None:
        a, b = known_of(left), known_of(right)
        if a is not None and b is not None and isinstance(op, ast.Eq | ast.NotEq):
            return e.static(function(a.object, b.object), (*a.dependencies, *b.dependencies))
    of_sets = sets.operator(e, type(op), left, right)
    if of_sets is not None:
        return of_sets
    if isinstance(op, ast.Eq | ast.NotEq):
        special = _equality(e, left, right, lt, rt, isinstance(op, ast.NotEq))
        if special is not None:
            return special
    elif (
        isinstance(lt, T.TupleType)
        and isinstance(rt, T.TupleType)
        and isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE)
    ):
        from . import loops

        parts, others = loops.static_items(e, left), loops.static_items(e, right)
        if parts is not None and others is not None:
            return _tuple_order(e, op, parts, others)
    if isinstance(lt, T.ListType) and isinstance(rt, T.ListType) and isinstance(op, _ORDER):
        order = prelude.is_less if isinstance(op, ast.Lt | ast.Gt) else prelude.is_at_most
        sides = [left, right] if isinstance(op, ast.Lt | ast.LtE) else [right, left]
        return function_calls.call_function(e, order, sides, {})
    of_class = _of_class(e, type(op), method, left, right)
    if of_class is not None:
        return of_class
    if isinstance(lt, T.ClassType) and not isinstance(op, ast.Eq | ast.NotEq):
        raise arithmetic.missing_method(e, symbol, method, left, right)
    if not isinstance(op, ast.Eq | ast.NotEq) and T.OptionalType in (lt.__class__, rt.__class__):
        left, right = presence.all_present(e, [left, right])
        lt, rt = type_of(left), type_of(right)
    if isinstance(rt, T.TensorType) and arithmetic.is_number(lt):
        mirrored = {
            "aten::lt": "aten::gt",
            "aten::le": "aten::ge",
            "aten::gt": "aten::lt",
            "aten::ge": "aten::le",
        }
        name, left, right = mirrored.get(name, name), right, left
    for operand_type in (lt, rt):
        if isinstance(operand_type, T.OptionalType) and not isinstance(op, ast.Eq | ast.NotEq):
            raise e.error(
                f"'{symbol}' cannot take a value that may be None ({operand_type.annotation()}).",
                None,
                "Check it first with 'if … is not None' or 'assert … is not None'.",
            )
    result = e.call_operator(name, [left, right], {}, symbol)
    return Dynamic(result.value, known) if isinstance(result, Dynamic) and known is not None else result


_ORDER = ast.Lt | ast.LtE | ast.Gt | ast.GtE

_MIRRORED = {
    "__eq__": "__eq__",
    "__ne__": "__ne__",
    "__lt__": "__gt__",
    "__gt__": "__lt__",
    "__le__": "__ge__",
    "__ge__": "__le__",
}


def _of_class(e: Emitter, op: type[ast.cmpop], method: str, left: Val, right: Val) -> Val | None:
    """A comparison that a script class defines; `!=` is the contrary of `==`, as in Python."""
    for owner, other, name in ((left, right, method), (right, left, _MIRRORED[method])):
        own = type_of(owner)
        if not isinstance(own, T.ClassType) or own.is_module:
            continue
        if e.program.class_method(own, name) is not None:
            return methods.call_class_method(e, owner, name, [other], {})
        if op is ast.NotEq and e.program.class_method(own, "__eq__") is not None:
            return Dynamic(
                e.call("aten::__not__", [methods.call_class_method(e, owner, "__eq__", [other], {})])
            )
    return None


def _equality(
    e: Emitter, left: Val, right: Val, lt: T.Type | None, rt: T.Type | None, negative: bool
) -> Val | None:
    """Equality of values whose types cannot be equal, of None, tuples and enum members."""
    if isinstance(lt, T.NoneType) or isinstance(rt, T.NoneType):
        other = left if isinstance(rt, T.NoneType) else right
        condition = conditions.none_test(e, other, None, negative)
        return e.static(condition.static) if condition.value is None else Dynamic(condition.value)
    if isinstance(lt, T.OptionalType) != isinstance(rt, T.OptionalType) and lt is not None and rt is not None:
        maybe, sure = (left, right) if isinstance(lt, T.OptionalType) else (right, left)
        value = e.materialize(maybe)
        assert isinstance(value.type, T.OptionalType)
        inner_type = value.type.element
        present = e.call("aten::__isnot__", [Dynamic(value), e.none()])

        def both() -> Val:
            cast = e.emit("prim::unchecked_cast", [value], [inner_type]).output
            return compare(e, ast.NotEq() if negative else ast.Eq(), Dynamic(cast), sure)

        return short_circuit.only_if(e, present, True, both, e.static(negative))
    if isinstance(lt, T.TupleType) and isinstance(rt, T.TupleType):
        from . import loops

        a, b = loops.static_items(e, left), loops.static_items(e, right)
        if a is None or b is None or len(a) != len(b):
            return e.static(negative)
        return _tuple_equality(e, a, b, negative)
    if isinstance(lt, T.DictType) and lt == rt and not isinstance(lt.value, T.TensorType):
        found = function_calls.call_function(e, prelude.equal_dicts, [left, right], {})
        return Dynamic(e.call("aten::__not__", [found])) if negative else found
    simple = (T.StringType, T.DeviceType, T.EnumType)
    if lt is not None and rt is not None and isinstance(lt, simple) != isinstance(rt, simple):
        if not isinstance(lt, T.AnyType | T.UnionType) and not isinstance(rt, T.AnyType | T.UnionType):
            return e.static(negative)
    if (isinstance(lt, T.ListType) and isinstance(rt, T.TupleType)) or (
        isinstance(lt, T.TupleType) and isinstance(rt, T.ListType)
    ):
        return _size_equality(e, left, right, negative)
    if isinstance(lt, T.ListType) and isinstance(rt, T.ListType):
        if deques.is_deque(left) != deques.is_deque(right):
            return e.static(negative)
        tuples = [returned.is_tuple_in_python(e, side) for side in (left, right)]
        if tuples[0] != tuples[1] and returned.is_surely_list(right if tuples[0] else left):
            return e.static(negative)
    return None


def _tuple_order(e: Emitter, op: ast.cmpop, a: list[Val], b: list[Val]) -> Val:
    """`(a0, a1) < (b0, b1)`: decided by the first parts that differ."""
    if not a or not b:
        return e.static(arithmetic.COMPARISONS[type(op)][3](len(a), len(b)))
    strict = ast.Lt() if isinstance(op, ast.Lt | ast.LtE) else ast.Gt()
    equal = conditions.of_value(e, compare(e, ast.Eq(), a[0], b[0]))
    if equal.value is None:
        return _tuple_order(e, op, a[1:], b[1:]) if equal.static else compare(e, strict, a[0], b[0])
    first = Dynamic(e.materialize(compare(e, strict, a[0], b[0])))
    return short_circuit.only_if(e, equal.value, True, lambda: _tuple_order(e, op, a[1:], b[1:]), first)


def _size_equality(e: Emitter, left: Val, right: Val, negative: bool) -> Val | None:
    """`x.shape == (2, 3)`: a torch.Size equals a tuple, though both are lists here."""
    from . import loops

    sequence, other = (left, right) if isinstance(type_of(left), T.TupleType) else (right, left)
    type = type_of(other)
    assert isinstance(type, T.ListType)
    items = loops.static_items(e, sequence)
    if items is None or any(type_of(i) != type.element for i in items):
        return e.static(negative)
    as_list = Dynamic(e.build_list(items, element=type.element))
    return e.call_operator("aten::ne" if negative else "aten::eq", [other, as_list], {})


def _tuple_equality(e: Emitter, a: list[Val], b: list[Val], negative: bool) -> Val:
    if not a:
        return e.static(not negative)
    first = compare(e, ast.NotEq() if negative else ast.Eq(), a[0], b[0])
    if len(a) == 1:
        return first
    known = known_of(first)
    if known is not None:
        e.depend(first)
        return (
            e.static(negative)
            if bool(known.object) is negative
            else _tuple_equality(e, a[1:], b[1:], negative)
        )
    condition = conditions.truth_of(e, e.materialize(first))
    return short_circuit.only_if(
        e, condition, not negative, lambda: _tuple_equality(e, a[1:], b[1:], negative), first
    )


def _contains(e: Emitter, item: Val, container: Val, negative: bool) -> Val:
    known_item, known_container = known_of(item), known_of(container)
    if known_item is not None and known_container is not None:
        try:
            found = known_item.object in known_container.object
        except TypeError:
            found = None
        if found is not None:
            return e.static(found is not negative, (*known_item.dependencies, *known_container.dependencies))
    if isinstance(container, Module) and known_item is not None:
        return e.static((e.depend(item) in container.module) is not negative)  # type: ignore[operator]
    if isinstance(container, Module) and isinstance(container.module, nn.ModuleDict | nn.ParameterDict):
        container = Sequence([e.static(key) for key in container.module.keys()])  # noqa: SIM118
    if isinstance(container, Mapping) and known_item is not None:
        return e.static((e.depend(item) in container.items) is not negative)
    if isinstance(container, Static) and isinstance(container.object, tuple | list | set | frozenset | dict):
        container = Sequence([e.static(o, container.known.dependencies) for o in container.object])
    if isinstance(container, Sequence):
        return _contains_sequence(e, item, container.items, negative)
    type = type_of(container)
    if isinstance(type, T.ClassType):
        result = methods.call_class_method(e, container, "__contains__", [item], {})
    elif isinstance(type, T.StringType) and isinstance(type_of(item), T.StringType):
        place = Dynamic(e.call("aten::find", [container, item]))
        return Dynamic(e.call("aten::lt" if negative else "aten::ge", [place, e.static(0)]))
    elif isinstance(type, T.TensorType) and isinstance(
        type_of(item), T.TensorType | T.IntType | T.FloatType | T.BoolType
    ):
        found_any = e.call("aten::any", [Dynamic(e.call("aten::eq", [container, item]))])
        result = Dynamic(e.call("aten::Bool", [Dynamic(found_any)]))
    else:
        if isinstance(type, T.DictType):
            default_dicts.key_of(e, type, item)
        result = e.call_operator("aten::__contains__", [container, item], {}, "in")
    return Dynamic(e.call("aten::__not__", [result])) if negative else result


def _contains_sequence(e: Emitter, item: Val, items: list[Val], negative: bool) -> Val:
    """`x in (a, b)`: compared with each in turn."""
    if not items:
        return e.static(negative)
    op = ast.NotEq() if negative else ast.Eq()
    first = compare(e, op, item, items[0])
    if len(items) == 1:
        return first
    known = known_of(first)
    if known is not None:
        e.depend(first)
        return (
            e.static(not negative)
            if bool(known.object) is not negative
            else _contains_sequence(e, item, items[1:], negative)
        )
    condition = conditions.truth_of(e, e.materialize(first))
    return short_circuit.only_if(
        e, condition, negative, lambda: _contains_sequence(e, item, items[1:], negative), first
    )

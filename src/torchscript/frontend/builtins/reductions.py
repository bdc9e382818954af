"""`any`, `all`, `sum`, `min`, `max`."""

from __future__ import annotations

import ast
from typing import Any

from ... import types as T
from .. import arithmetic, conditions, function_calls, prelude, short_circuit
from ..control import discard
from ..emitter import Emitter
from ..values import Dynamic, Iterable, Sequence, Static, Unusable, Val, is_scalar_constant, known_of, type_of
from . import containers
from .registry import Handler, handles, syntax


def _fold_reduction(e: Emitter, name: str, function: Any, items: list[Val]) -> Val | None:
    known = [known_of(i) for i in items]
    if any(k is None or not is_scalar_constant(k.object) for k in known):
        return None
    try:
        return e.static(function([e.depend(i) for i in items]))
    except Exception:
        return None


def _any_all(is_any: bool) -> Handler:
    def handler(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
        from .. import loops

        val = positional[0]
        if isinstance(type_of(val), T.TensorType):
            return e.call_operator("aten::any" if is_any else "aten::all", [val], {})
        items = loops.static_items(e, val)
        if items is None:
            element = type_of(val)
            if isinstance(element, T.ListType) and not isinstance(
                element.element, T.BoolType | T.IntType | T.FloatType
            ):
                val = _truths(e, val)
            return e.call_operator(
                "aten::any" if is_any else "aten::all", [val], {}, "any" if is_any else "all"
            )

        def rest(index: int) -> Val:
            if index == len(items):
                return e.static(not is_any)
            condition = conditions.of_value(e, items[index])
            if condition.static is not None:
                return e.static(is_any) if condition.static is is_any else rest(index + 1)
            assert condition.value is not None
            if index == len(items) - 1:
                return Dynamic(condition.value)
            return short_circuit.only_if(
                e, condition.value, not is_any, lambda: rest(index + 1), Dynamic(condition.value)
            )

        return rest(0)

    return handler


def _truths(e: Emitter, val: Val) -> Val:
    from .. import loops
    from ..outcomes import Outcome
    from ..run_time_loops import emit_loop

    plan = loops.plan_of(e, val, e.node)
    result = e.emit("prim::ListConstruct", [], [T.ListType(T.BOOL)]).output

    def body(i: Any) -> Outcome:
        truth = conditions.truth_of(e, e.materialize(plan.item(e, i)))
        e.call_operator("aten::append", [Dynamic(result), Dynamic(truth)], {})
        return Outcome()

    saved, e.pending_rest = e.pending_rest, ()
    emit_loop(e, plan.length, [], None, body)
    e.pending_rest = saved
    return Dynamic(result)


REDUCTIONS = {any: _any_all(True), all: _any_all(False)}
for _function, _handler in REDUCTIONS.items():
    handles(_function)(_handler)


@syntax(any, all)
def _of_generator(e: Emitter, node: ast.Call, hint: T.Type | None) -> Val:
    """`any(f(x) for x in xs)` stops at the first answer, as in Python: a loop with `break`.

    found = False
    for x in xs:
        if f(x):
            found = True
            break
    """
    from .. import calls, comprehensions, expressions, statements

    callee = expressions.emit(e, node.func)
    assert isinstance(callee, Static)
    generator = node.args[0] if len(node.args) == 1 else None
    fixed: list[Val] | None = None
    if isinstance(generator, ast.GeneratorExp) and len(generator.generators) == 1:
        mark = len(e.block.nodes)
        fixed = comprehensions.static_items(e, generator)
        if fixed is None or any(isinstance(v, Dynamic) and v.known is None for v in fixed):
            discard(e.block, mark)
            part, is_any = generator.generators[0], callee.object is any
            found = f"found at {node.lineno}:{node.col_offset}"
            answer = ast.Assign([ast.Name(found, ast.Store())], ast.Constant(is_any))
            test = generator.elt if is_any else ast.UnaryOp(ast.Not(), generator.elt)
            body: list[ast.stmt] = [ast.If(test, [answer, ast.Break()], [])]
            for condition in reversed(part.ifs):
                body = [ast.If(condition, body, [])]
            loop: ast.stmt = ast.For(part.target, part.iter, body, [])
            loop = ast.fix_missing_locations(ast.copy_location(loop, node))
            hidden = {n.id: e.scope.get(n.id) for n in ast.walk(part.target) if isinstance(n, ast.Name)}
            e.scope.set(found, e.static(not is_any))
            saved, taken = e.pending_rest, e.rest_taken
            e.pending_rest = ()
            statements.run_body(e, [loop])
            e.pending_rest, e.rest_taken = saved, taken
            result = e.scope.names.pop(found)
            for name, val in hidden.items():  # the generator's own variables
                e.scope.set(
                    name, val if val is not None else Unusable(f"The name '{name}' is not defined.", None)
                )
            return result
    if fixed is not None:
        return REDUCTIONS[callee.object](e, [Sequence(fixed, is_list=True)], {}, hint)
    positional, named = calls.arguments_of(e, node, callee)
    e.node = node
    return REDUCTIONS[callee.object](e, positional, named, hint)


@handles(sum)
def _sum(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    from .. import loops

    val = positional[0]
    if isinstance(type_of(val), T.TensorType):
        return e.call_operator("aten::sum", [val, e.static(0)], {}, "sum")
    items = loops.static_items(e, val)
    start = positional[1] if len(positional) > 1 else named.get("start")
    if items is not None:
        if not items:
            return start if start is not None else e.static(0)
        result = items[0] if start is None else arithmetic.binary(e, ast.Add, start, items[0])
        for item in items[1:]:
            result = arithmetic.binary(e, ast.Add, result, item)
        return result
    type = type_of(val)
    if isinstance(type, T.ListType) and isinstance(type.element, T.TensorType):
        return _sum_tensors(e, val, start)
    if isinstance(val, Iterable) or isinstance(type, T.DictType):
        val = containers.as_run_time_list(e, val)
    if start is not None:
        listed = type_of(val)
        element = listed.element if isinstance(listed, T.ListType) else None
        if isinstance(element, T.ListType) and type_of(start) is not None:
            joined = function_calls.call_function(e, prelude.flattened, [val], {})
            first = Dynamic(e.coerce(start, element, None, "the start"))
            return e.call_operator("aten::add", [first, joined], {}, "sum")
        first = Dynamic(e.build_list([start], None, element))
        val = e.call_operator("aten::add", [first, val], {}, "sum")
    return e.call_operator("aten::sum", [val], {}, "sum")


def _sum_tensors(e: Emitter, val: Val, start: Val | None) -> Val:
    """`sum` of a run-time list of tensors, from `start` or the first to the last."""
    from .. import loops
    from ..outcomes import Outcome
    from ..run_time_loops import emit_loop
    from ..scopes import Scope

    value = e.materialize(val)
    if start is not None and isinstance(type_of(start), T.TensorType):
        with_start = e.build_list([start], None, T.TENSOR)
        value = e.call("aten::add", [Dynamic(with_start), Dynamic(value)])
        start = None
    first = e.call("aten::__getitem__", [Dynamic(value), e.static(0)])
    scope, e.scope = e.scope, Scope(e.scope)
    total = "sum of tensors"
    e.scope.set(total, Dynamic(first))
    rest = e.call("aten::slice", [Dynamic(value), e.static(1), e.none(), e.static(1)])
    plan = loops.plan_of(e, Dynamic(rest), e.node)

    def body(i: Any) -> Outcome:
        current = e.scope.get(total)
        assert current is not None
        e.scope.set(total, arithmetic.binary(e, ast.Add, current, plan.item(e, i)))
        return Outcome()

    saved, e.pending_rest = e.pending_rest, ()
    emit_loop(e, plan.length, [total], None, body)
    e.pending_rest = saved
    result = e.scope.get(total)
    e.scope = scope
    assert isinstance(result, Dynamic)
    result.value.name = None
    known = known_of(start) if start is not None else None
    return (
        result
        if start is None or (known is not None and known.object == 0)
        else arithmetic.binary(e, ast.Add, start, result)
    )


def _best(e: Emitter, name: str, positional: list[Val], key: Val | None, default: Val | None) -> Val:
    """`max` and `min` with a key or a default, or of what is not numbers."""
    candidates: Val = Sequence(positional, is_list=True) if len(positional) > 1 else positional[0]
    listed = containers.as_run_time_list(e, candidates)
    key = key if key is not None else e.static(prelude.itself)
    with_default, without = {
        "max": (prelude.greatest_or, prelude.greatest), "min": (prelude.least_or, prelude.least)
    }[name]  # fmt: skip
    if default is not None:
        return function_calls.call_function(e, with_default, [listed, key, default], {})
    return function_calls.call_function(e, without, [listed, key], {})


def _better(e: Emitter, name: str, best: Val, other: Val) -> Val:
    """`max` of two objects of a script class, by its `__gt__` (or `__lt__`, the other way round)."""
    from .. import comparisons, short_circuit

    is_better = comparisons.compare(e, ast.Gt() if name == "max" else ast.Lt(), other, best)
    return short_circuit.choice(e, conditions.truth_of(e, e.materialize(is_better)), other, best)


def _min_max(name: str, function: Any) -> Handler:
    def handler(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
        from .. import loops

        default, key = named.pop("default", None), containers.sort_key(named)
        if key is not None or default is not None:
            return _best(e, name, positional, key, default)
        if len(positional) == 1:
            type = type_of(positional[0])
            if isinstance(type, T.TensorType):
                return e.call_operator(f"aten::{name}", positional, {}, name)
            items = loops.static_items(e, positional[0])
            if items is None:
                listed = positional[0]
                if not isinstance(type, T.ListType):
                    listed = containers.as_run_time_list(e, listed)
                element = type_of(listed).contained[0]  # type: ignore[union-attr]
                if not isinstance(element, T.IntType | T.FloatType | T.BoolType | T.PendingType):
                    return _best(e, name, [listed], None, None)
                return e.call_operator(f"prim::{name}", [listed], {}, name)
        else:
            items = positional
        folded = _fold_reduction(e, name, function, items)
        if folded is not None:
            return folded
        result = items[0]
        for item in items[1:]:
            tensors = isinstance(type_of(result), T.TensorType) or isinstance(type_of(item), T.TensorType)
            number = next(
                (v for v in (result, item) if isinstance(type_of(v), T.IntType | T.FloatType)), None
            )
            if isinstance(type_of(result), T.ClassType):
                result = _better(e, name, result, item)
                continue
            if tensors and number is not None:  # `max(x, 0)`
                tensor = item if number is result else result
                bound = "aten::clamp_min" if name == "max" else "aten::clamp_max"
                result = e.call_operator(bound, [tensor, number], {}, name)
                continue
            result = e.call_operator(
                f"aten::{name}" if tensors else f"prim::{name}", [result, item], {}, name
            )
        return result

    return handler


handles(min)(_min_max("min", min))


handles(max)(_min_max("max", max))

"""Comprehensions: lists, dicts and generator expressions, put together now where all their parts are known."""

from __future__ import annotations

import ast
from collections.abc import Callable

from .. import types as T
from ..errors import CompileError
from . import conditions, expressions, iterators, loops, subscripts
from .control import discard, emit_if
from .emitter import Emitter
from .outcomes import Outcome
from .pending import settle
from .run_time_loops import emit_loop
from .scopes import Scope
from .values import Dynamic, Iterable, Iterator, Mapping, Module, Sequence, Val, type_of


def list_comprehension(e: Emitter, node: ast.ListComp | ast.GeneratorExp, hint: T.Type | None) -> Val:
    """`[f(x) for x in xs if c]`, also with several `for`s. A generator is compiled as the list of its values."""
    inner_hint = hint.element if isinstance(hint, T.OptionalType) else hint
    element = inner_hint.element if isinstance(inner_hint, T.ListType) else None
    fixed = _static_comprehension(e, node.elt, node.generators, element)
    if fixed is not None:
        if any(type_of(i) is None or isinstance(i, Module) for i in fixed) or isinstance(
            node, ast.GeneratorExp
        ):
            return Sequence(fixed, is_list=True)
        types = {str(type_of(i)) for i in fixed}
        if len(types) > 1:
            return Sequence(fixed, is_list=True)
        return Dynamic(e.build_list(fixed, node, element))
    result = e.emit("prim::ListConstruct", [], [T.ListType(element or T.PendingType(T.TENSOR))]).output

    def add() -> None:
        value = expressions.emit(e, node.elt, element)
        e.node = node
        e.call_operator("aten::append", [Dynamic(result), value], {}, "append")

    _comprehend(e, [node.elt], node.generators, 0, add)
    settle(result)
    return Dynamic(result)


def static_items(e: Emitter, node: ast.GeneratorExp) -> list[Val] | None:
    """What a generator expression yields, where its iterables and conditions are known."""
    return _static_comprehension(e, node.elt, node.generators, None)


def _bound(parts: list[ast.expr]) -> list[str]:
    """The names that `:=` binds in a comprehension: variables of the function around it."""
    return list(
        dict.fromkeys(n.target.id for p in parts for n in ast.walk(p) if isinstance(n, ast.NamedExpr))
    )


def _keep_bound(e: Emitter, inner: Scope, parts: list[ast.expr]) -> None:
    for name in _bound(parts):
        if name in inner.names:
            e.scope.set(name, inner.names[name])


def dict_comprehension(e: Emitter, node: ast.DictComp, hint: T.Type | None) -> Val:
    """`{k: v for …}`."""
    pairs = ast.Tuple([node.key, node.value], ast.Load())
    ast.copy_location(pairs, node)
    fixed = _static_comprehension(e, pairs, node.generators, None)
    if fixed is not None:
        flat = [part for pair in fixed for part in (pair.items if isinstance(pair, Sequence) else [])]
        if any(type_of(v) is None or isinstance(v, Module) for v in flat):
            return Mapping({e.depend(k): v for k, v in zip(flat[::2], flat[1::2], strict=True)}, e.block)
        return Dynamic(e.build_dict(flat, node))
    type = (
        hint if isinstance(hint, T.DictType) else T.DictType(T.PendingType(T.STRING), T.PendingType(T.TENSOR))
    )
    result = e.emit("prim::DictConstruct", [], [type]).output

    def add() -> None:
        key, value = expressions.emit(e, node.key), expressions.emit(e, node.value)
        e.node = node
        subscripts.set_item(e, result, key, value)

    _comprehend(e, [node.key, node.value], node.generators, 0, add)
    settle(result)
    return Dynamic(result)


def _static_comprehension(
    e: Emitter, element: ast.expr, generators: list[ast.comprehension], hint: T.Type | None
) -> list[Val] | None:
    """The values of a comprehension whose iterables and conditions are known; None otherwise."""
    mark, scope = len(e.block.nodes), e.scope
    e.scope = Scope(scope, is_comprehension=True)
    try:
        found: list[Val] | None = _static_level(e, element, generators, 0, hint)
        if not found and hint is None:
            raise _NotStatic  # compiling the element at run time says what the list would hold
    except _NotStatic:
        discard(e.block, mark)
        found = None
    finally:
        inner, e.scope = e.scope, scope
    if found is not None:
        _keep_bound(e, inner, [element, *(t for g in generators for t in g.ifs)])
    return found


class _NotStatic(Exception):
    """A comprehension's iterable or condition is known only at run time."""


def _static_level(
    e: Emitter, element: ast.expr, generators: list[ast.comprehension], level: int, hint: T.Type | None
) -> list[Val]:
    from . import statements

    if level == len(generators):
        return [expressions.emit(e, element, hint)]
    generator = generators[level]
    iterable = expressions.emit(e, generator.iter)
    is_range = isinstance(iterable, Iterable) and iterable.kind == "range"
    if not loops.prefers_unrolling(e, iterable) and not is_range:
        raise _NotStatic
    items = loops.static_items(e, iterable)
    if isinstance(iterable, Iterator) and iterable.rest is None:
        items = loops.static_items(e, iterators.drained(e, iterable))
    if items is None or (len(items) > 64 and is_range):
        raise _NotStatic
    found: list[Val] = []
    for item in items:
        statements.assign(e, generator.target, item)
        keep = True
        for test in generator.ifs:
            condition = conditions.emit(e, test)
            if condition.static is None:
                raise _NotStatic
            keep = keep and condition.static
        if keep:
            found.extend(_static_level(e, element, generators, level + 1, hint))
    return found


def _comprehend(
    e: Emitter,
    element: list[ast.expr],
    generators: list[ast.comprehension],
    level: int,
    add: Callable[[], None],
) -> None:
    """Run-time loops of a comprehension, the innermost calling `add`."""
    from . import statements

    if level == len(generators):
        add()
        return
    generator = generators[level]
    parts = [*element, *(t for g in generators[level:] for t in g.ifs)]
    outer = e.node
    iterable = expressions.emit(e, generator.iter)
    e.node = outer

    def filtered(tests: list[ast.expr]) -> Outcome:
        if not tests:
            _comprehend(e, element, generators, level + 1, add)
            return Outcome()
        condition = conditions.emit(e, tests[0])
        if condition.static is False:
            mark = len(e.block.nodes)
            try:
                filtered(tests[1:])  # for the element's type
            except CompileError:
                pass
            finally:
                discard(e.block, mark)
            return Outcome()
        if condition.static is True:
            return filtered(tests[1:])
        assert condition.value is not None

        def keep() -> Outcome:
            condition.apply(e, True)
            return filtered(tests[1:])

        return emit_if(e, condition.value, keep, Outcome)

    def body(item: Val) -> Outcome:
        statements.assign(e, generator.target, item)
        return filtered(generator.ifs)

    saved, scope, taken = e.pending_rest, e.scope, e.rest_taken
    e.pending_rest, e.scope = (), Scope(scope, is_comprehension=True)
    try:
        if loops.prefers_unrolling(e, iterable):
            items = loops.static_items(e, iterable)
            if items is not None:
                for item in items:
                    body(item)
                return
        if isinstance(iterable, Iterator) and iterable.rest is not None:
            rest, left = iterable.rest, lambda: e.materialize(iterators.more(e, iterable))
            emit_loop(e, None, _bound(parts), left, lambda i: body(Dynamic(e.call("aten::pop", [rest]))))
            return
        plan = loops.plan_of(e, iterable, generator.iter)
        emit_loop(e, plan.length, _bound(parts), None, lambda i: body(plan.item(e, i)))
    finally:
        inner = e.scope
        e.pending_rest, e.scope, e.rest_taken = saved, scope, taken
        _keep_bound(e, inner, parts)

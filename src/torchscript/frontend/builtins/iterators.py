"""itertools, functools.reduce and math.prod: put together now where the parts are known, run-time lists otherwise."""

from __future__ import annotations

import ast
import functools
import itertools
import math
import operator
from typing import Any

from ... import types as T
from .. import arithmetic, function_calls, generated, prelude
from ..emitter import Emitter
from ..pending import settled
from ..values import Dynamic, Iterable, Sequence, Val, known_of, type_of
from . import containers
from .registry import Handler, class_method, handles


def _fixed(e: Emitter, val: Val) -> list[Val] | None:
    """The parts of what is iterated, where how many there are is known."""
    from .. import loops

    return loops.static_items(e, val)


def _as_list(e: Emitter, items: list[Val]) -> Val:
    return Sequence(items, is_list=True)


def _number(e: Emitter, val: Val, what: str) -> int:
    known = known_of(val)
    if known is None or not isinstance(known.object, int):
        raise e.needs_unrolling(f"{what} must be known while compiling.")
    number: int = e.depend(val)
    return number


@handles(functools.reduce)
def _reduce(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    from .. import calls

    function, iterable, *initial = positional
    items = _fixed(e, iterable)
    if items is None:
        listed = containers.as_run_time_list(e, iterable)
        if initial:
            return function_calls.call_function(e, prelude.reduced_from, [function, listed, initial[0]], {})
        return function_calls.call_function(e, prelude.reduced, [function, listed], {})
    values = [*initial, *items]
    if not values:
        raise e.certain(TypeError, "reduce() of empty iterable with no initial value.")
    result = values[0]
    for item in values[1:]:
        result = calls.call(e, function, [result, item], {})
    return result


@handles(math.prod)
def _product_of(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    """`math.prod(values, start=1)`."""
    start = named.get("start", e.static(1))
    items = _fixed(e, positional[0])
    if items is None:
        listed = containers.as_run_time_list(e, positional[0])
        type = type_of(listed)
        if isinstance(type, T.ListType) and isinstance(type.element, T.FloatType):
            start = Dynamic(e.coerce(start, T.FLOAT, None, "the start"))
        multiply = e.static(operator.mul)
        return function_calls.call_function(e, prelude.reduced_from, [multiply, listed, start], {})
    result = start
    for item in items:
        result = arithmetic.binary(e, ast.Mult, result, item)
    return result


@handles(math.hypot)
def _hypotenuse(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    known = [known_of(p) for p in positional]
    if all(k is not None and not k.dependencies for k in known):
        return e.static(math.hypot(*(e.depend(p) for p in positional)))
    if len(positional) != 2:
        raise e.unsupported(
            "math.hypot of other than two numbers cannot be compiled.", None, "Use math.sqrt."
        )
    sides: list[Val] = [Dynamic(e.coerce(p, T.FLOAT, None, "the side")) for p in positional]
    return function_calls.call_function(e, prelude.hypotenuse, sides, {})


@handles(itertools.chain)
def _chain(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    groups = [_fixed(e, v) for v in positional]
    if all(g is not None for g in groups):
        return _as_list(e, [i for g in groups if g is not None for i in g])
    result = containers.as_run_time_list(e, positional[0])
    for more in positional[1:]:
        result = e.call_operator("aten::add", [result, containers.as_run_time_list(e, more)], {}, "chain")
    return result


@class_method(itertools.chain, "from_iterable")
def _from_iterable(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    groups = _fixed(e, positional[0])
    if groups is not None:
        return _chain(e, groups, {}, None)
    return function_calls.call_function(e, prelude.flattened, positional, {})


@handles(itertools.pairwise)
def _pairwise(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    items = _fixed(e, positional[0])
    if items is not None:
        return _as_list(e, [Sequence([a, b]) for a, b in itertools.pairwise(items)])
    listed = containers.as_run_time_list(e, positional[0])
    return function_calls.call_function(e, prelude.pairs_of, [listed], {})


@handles(itertools.accumulate)
def _accumulate(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    from .. import calls

    function = positional[1] if len(positional) > 1 else named.get("func", e.static(operator.add))
    initial = named.get("initial")
    items = _fixed(e, positional[0])
    if items is not None:
        values = [initial, *items] if initial is not None else items
        found = values[:1]
        for item in values[1:]:
            found.append(calls.call(e, function, [found[-1], item], {}))
        return _as_list(e, found)
    listed = containers.as_run_time_list(e, positional[0])
    if initial is not None:
        first = Dynamic(e.build_list([initial]))
        listed = e.call_operator("aten::add", [first, listed], {}, "accumulate")
    return function_calls.call_function(e, prelude.accumulated, [listed, function], {})


@handles(itertools.islice)
def _slice(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    """`islice(items, stop)`, `islice(items, start, stop, step)`."""
    bounds = positional[1:]
    if len(bounds) == 1:
        bounds = [e.static(0), *bounds]
    items = _fixed(e, positional[0])
    if items is not None and all(known_of(b) is not None for b in bounds):
        return _as_list(e, items[slice(*(e.depend(b) for b in bounds))])
    listed = containers.as_run_time_list(e, positional[0])
    step = bounds[2] if len(bounds) > 2 else e.static(1)
    return e.call_operator("aten::slice", [listed, *bounds[:2], step], {}, "islice")


def _combining(function: Any, by_size: dict[int, Any]) -> Handler:
    """`combinations(items, r)` and its like: `by_size` are the functions of the prelude for run-time lists."""

    def handler(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
        size = positional[1] if len(positional) > 1 else named.get("r")
        if size is None:
            raise e.unsupported("How many elements are combined must be given.")
        count = _number(e, size, "How many elements are combined")
        items = _fixed(e, positional[0])
        if items is not None:
            return _as_list(e, [Sequence(list(group)) for group in function(items, count)])
        if count not in by_size:
            raise e.unsupported(
                f"Groups of {count} elements of a run-time list cannot be compiled.", None, "Write the loops."
            )
        listed = containers.as_run_time_list(e, positional[0])
        return function_calls.call_function(e, by_size[count], [listed], {})

    return handler


_COMBINATIONS = {2: prelude.combinations_of_2, 3: prelude.combinations_of_3}
handles(itertools.combinations)(_combining(itertools.combinations, _COMBINATIONS))
handles(itertools.permutations)(_combining(itertools.permutations, {2: prelude.permutations_of_2}))


@handles(itertools.product)
def _product(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    values = positional * _number(e, named.get("repeat", e.static(1)), "The number of repetitions")
    groups = [_fixed(e, v) for v in values]
    if all(g is not None for g in groups):
        return _as_list(
            e, [Sequence(list(p)) for p in itertools.product(*(g for g in groups if g is not None))]
        )
    functions = {2: prelude.products_of_2, 3: prelude.products_of_3}
    if len(values) not in functions:
        raise e.unsupported(
            "itertools.product of run-time lists takes two or three of them.", None, "Write the loops."
        )
    lists = [containers.as_run_time_list(e, v) for v in values]
    return function_calls.call_function(e, functions[len(values)], lists, {})


def columns(e: Emitter, rows: Val) -> Val | None:
    """`zip(*rows)` of a run-time list: a tuple for each place in the rows; None for what is no such list."""
    from .. import loops, returned

    if isinstance(rows, Iterable) and loops.static_items(e, rows, known_lists=True) is None:
        rows = containers.as_run_time_list(e, rows)
    type = type_of(rows)
    element = settled(type).contained[0] if isinstance(type, T.ListType) else None
    if element is None or loops.static_items(e, rows, known_lists=True) is not None:
        return None
    if isinstance(element, T.ListType):
        return function_calls.call_function(e, prelude.columns_of, [rows], {})
    if not isinstance(element, T.TupleType):
        return None
    count = e.static(len(element.elements))
    function_calls.call_function(e, prelude.need_rows, [rows, count], {})
    made: list[Val] = []
    for i in range(len(element.elements)):
        column = generated.in_place(e, f"def column(rows): return [row[{i}] for row in rows]", {"rows": rows})
        made.append(returned.run_time_tuple(e, column))
    return Sequence(made, is_list=True)

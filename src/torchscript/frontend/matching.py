"""`match`: each pattern is a test and the names that it binds.

match xs:                     if len(xs) == 0: …
    case []: …          →     elif len(xs) >= 1 and f(xs[0]): a, rest = xs[0], xs[1:]; …
    case [a, *rest] if f(a): …
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import partial

from .. import types as T
from . import comparisons, conditions, expressions, loops, returned, statements
from .builtins import inspection
from .conditions import Condition
from .control import emit_if
from .emitter import Emitter
from .outcomes import Outcome
from .values import Dynamic, Mapping, Sequence, Val, type_of

_ADVICE = "Use if/elif."


@statements.statement(ast.Match)
def _match(e: Emitter, node: ast.Match) -> Outcome:
    subject = expressions.emit(e, node.subject)

    def case(index: int) -> Outcome:
        if index == len(node.cases):
            return Outcome()
        current = node.cases[index]

        def chosen() -> Outcome:
            _bind(e, subject, current.pattern)
            if current.guard is None:
                return statements.run_body(e, current.body)
            e.node = current.guard
            guard = conditions.emit(e, current.guard)
            return _decide(e, guard, lambda: statements.run_body(e, current.body), lambda: case(index + 1))

        e.node = current.pattern
        return _decide(e, _test(e, subject, current.pattern), chosen, lambda: case(index + 1))

    return case(0)


def _decide(
    e: Emitter, test: Condition, then: Callable[[], Outcome], otherwise: Callable[[], Outcome]
) -> Outcome:
    if test.static is not None:
        return then() if test.static else otherwise()
    assert test.value is not None
    return emit_if(e, test.value, then, otherwise)


def _test(e: Emitter, subject: Val, pattern: ast.pattern) -> Condition:
    """Whether the pattern matches."""
    if isinstance(pattern, ast.MatchValue):
        return conditions.of_value(
            e, comparisons.compare(e, ast.Eq(), subject, expressions.emit(e, pattern.value))
        )
    if isinstance(pattern, ast.MatchSingleton):
        if pattern.value is None:
            return conditions.none_test(e, subject, None, False)
        return conditions.of_value(e, comparisons.compare(e, ast.Eq(), subject, e.static(pattern.value)))
    if isinstance(pattern, ast.MatchAs):
        return _test(e, subject, pattern.pattern) if pattern.pattern is not None else Condition(static=True)
    if isinstance(pattern, ast.MatchOr):
        return _any(e, [_test(e, subject, p) for p in pattern.patterns])
    if isinstance(pattern, ast.MatchSequence):
        return _test_sequence(e, subject, pattern)
    if isinstance(pattern, ast.MatchClass) and not pattern.patterns and not pattern.kwd_patterns:
        return inspection.isinstance_test(e, subject, pattern.cls, None, isinstance)
    raise e.unsupported(
        "Only constants, sequences, classes, 'a | b' and names can be patterns in a compiled 'match'.",
        pattern,
        _ADVICE,
    )


def _test_sequence(e: Emitter, subject: Val, pattern: ast.MatchSequence) -> Condition:
    stars = [i for i, p in enumerate(pattern.patterns) if isinstance(p, ast.MatchStar)]
    wanted = len(pattern.patterns) - len(stars)
    items = loops.static_items(e, subject) if not isinstance(subject, Mapping) else None
    type = type_of(subject)
    if items is None and not isinstance(type, T.ListType):
        return Condition(static=False)
    if items is not None:
        if len(items) < wanted or (len(items) > wanted and not stars):
            return Condition(static=False)
        parts = _parts(e, subject, pattern)
        return _all(e, [partial(_test, e, v, p) for p, v in parts])
    length = e.call("aten::len", [subject])
    enough = e.call("aten::ge" if stars else "aten::eq", [Dynamic(length), e.static(wanted)])
    tested = [
        partial(_test_item, e, subject, i, pattern)
        for i, p in enumerate(pattern.patterns)
        if not isinstance(p, ast.MatchStar)
    ]
    return _all(e, [lambda: Condition(value=enough), *tested])


def _item(e: Emitter, subject: Val, index: int, pattern: ast.MatchSequence) -> Val:
    """The element that the pattern at `index` stands for; from the end behind a starred one."""
    star = next(
        (i for i, p in enumerate(pattern.patterns) if isinstance(p, ast.MatchStar)), len(pattern.patterns)
    )
    position = index if index < star else index - len(pattern.patterns)
    return Dynamic(e.call("aten::__getitem__", [subject, e.static(position)]))


def _test_item(e: Emitter, subject: Val, index: int, pattern: ast.MatchSequence) -> Condition:
    return _test(e, _item(e, subject, index, pattern), pattern.patterns[index])


def _parts(e: Emitter, subject: Val, pattern: ast.MatchSequence) -> list[tuple[ast.pattern, Val]]:
    """The patterns without the starred one, each with its value."""
    items = loops.static_items(e, subject)
    parts: list[tuple[ast.pattern, Val]] = []
    for i, inner in enumerate(pattern.patterns):
        if isinstance(inner, ast.MatchStar):
            continue
        star = next(
            (k for k, p in enumerate(pattern.patterns) if isinstance(p, ast.MatchStar)), len(pattern.patterns)
        )
        if items is not None:
            parts.append((inner, items[i if i < star else i - len(pattern.patterns)]))
        else:
            parts.append((inner, _item(e, subject, i, pattern)))
    return parts


def _bind(e: Emitter, subject: Val, pattern: ast.pattern) -> None:
    """Give the names of a pattern that matched their values."""
    if isinstance(pattern, ast.MatchAs):
        if pattern.pattern is not None:
            _bind(e, subject, pattern.pattern)
        if pattern.name is not None:
            statements.bind(e, pattern.name, subject)
    elif isinstance(pattern, ast.MatchSequence):
        for inner, value in _parts(e, subject, pattern):
            _bind(e, value, inner)
        for i, inner in enumerate(pattern.patterns):
            if isinstance(inner, ast.MatchStar) and inner.name is not None:
                statements.bind(e, inner.name, _rest(e, subject, i, len(pattern.patterns) - i - 1))
    elif isinstance(pattern, ast.MatchOr) and any(
        isinstance(n, ast.MatchAs) and n.name for n in ast.walk(pattern)
    ):
        raise e.unsupported("Names in alternatives ('a | b') cannot be compiled.", pattern, _ADVICE)


def _rest(e: Emitter, subject: Val, before: int, after: int) -> Val:
    items = loops.static_items(e, subject)
    if items is not None:
        return Sequence(items[before : len(items) - after], is_list=True)
    end = e.static(-after) if after else e.none()
    return Dynamic(returned.as_list(e, e.call("aten::slice", [subject, e.static(before), end, e.static(1)])))


def _any(e: Emitter, tests: list[Condition]) -> Condition:
    result = Condition(static=False)
    for test in tests:
        if test.static is True:
            return test
        if test.static is False:
            continue
        if result.value is None:
            result = test
        else:
            assert test.value is not None
            result = Condition(value=e.call("aten::__or__", [Dynamic(result.value), Dynamic(test.value)]))
    return result


def _all(e: Emitter, tests: list[Callable[[], Condition]]) -> Condition:
    """All tests, each evaluated only where those before it hold."""
    if not tests:
        return Condition(static=True)
    first = tests[0]()
    if first.static is not None:
        return _all(e, tests[1:]) if first.static else first
    if len(tests) == 1:
        return first
    assert first.value is not None
    from . import short_circuit

    def others() -> Val:
        rest = _all(e, tests[1:])
        return e.static(rest.static) if rest.value is None else Dynamic(rest.value)

    return conditions.of_value(e, short_circuit.only_if(e, first.value, True, others, Dynamic(first.value)))

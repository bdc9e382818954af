"""Functions of `math` on ints: put together now where the numbers are known, functions of the prelude otherwise."""

from __future__ import annotations

import math
from typing import Any

from ... import types as T
from .. import arithmetic, function_calls, prelude_numbers
from ..emitter import Emitter
from ..values import Dynamic, Val
from .registry import Handler, handles


def _folded(e: Emitter, python: Any, *numbers: Val) -> Val | None:
    """The result, where the numbers are known whatever module is compiled."""
    known = arithmetic.fold(e, python, *numbers)
    return e.static(known.object) if known is not None and not known.dependencies else None


def _of_ints(python: Any, function: Any) -> Handler:
    def handler(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
        if named:
            raise TypeError
        folded = _folded(e, python, *positional)
        if folded is not None:
            return folded
        numbers: list[Val] = [Dynamic(e.coerce(p, T.INT, None, "the number")) for p in positional]
        return function_calls.call_function(e, function, numbers, {})

    return handler


handles(math.comb)(_of_ints(math.comb, prelude_numbers.combinations))
handles(math.isqrt)(_of_ints(math.isqrt, prelude_numbers.integer_root))
_permutations = _of_ints(math.perm, prelude_numbers.permutations)
_common_multiple = _of_ints(math.lcm, prelude_numbers.common_multiple)


@handles(math.perm)
def _perm(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    """`math.perm(n, k)`, `math.perm(n)`."""
    return _permutations(e, positional if len(positional) > 1 else positional * 2, named, hint)


@handles(math.lcm)
def _lcm(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    """`math.lcm(a, b, …)`."""
    result = e.static(1)
    for number in positional:
        result = _common_multiple(e, [result, number], named, hint)
    return result


@handles(math.gcd)
def _gcd(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    """`math.gcd(a, b, …)`."""
    result, *rest = positional if len(positional) > 1 else [*positional, e.static(0)]
    for number in rest:
        result = _folded(e, math.gcd, result, number) or e.call_operator(
            "aten::gcd", [result, number], {}, "gcd"
        )
    return result

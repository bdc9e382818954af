"""`min` and `max` of two numbers are written as a choice, which says what the builtins say: the first, if in doubt."""

import itertools
import math

import pytest

import torchscript

NUMBERS = [0, 3, -(2**63), 0.0, -0.0, 3.0, 2.5, math.inf, -math.inf, math.nan]


def min_ints(a: int, b: int) -> int:
    return min(a, b)


def min_floats(a: float, b: float) -> float:
    return min(a, b)


def min_mixed(a: int, b: float):
    return min(a, b)


def min_mixed_back(a: float, b: int):
    return min(a, b)


def max_ints(a: int, b: int) -> int:
    return max(a, b)


def max_floats(a: float, b: float) -> float:
    return max(a, b)


def max_mixed(a: int, b: float):
    return max(a, b)


def max_mixed_back(a: float, b: int):
    return max(a, b)


FUNCTIONS = {
    (int, int): (min_ints, max_ints),
    (float, float): (min_floats, max_floats),
    (int, float): (min_mixed, max_mixed),
    (float, int): (min_mixed_back, max_mixed_back),
}


@pytest.mark.parametrize("types", FUNCTIONS)
def test_a_choice_is_the_builtin(types):
    for function in FUNCTIONS[types]:
        compiled = torchscript.script(function)
        for a, b in itertools.product(NUMBERS, repeat=2):
            if (type(a), type(b)) == types:
                assert repr(compiled(a, b)) == repr(function(a, b)), (function, a, b)


def test_operands_are_evaluated_once_and_in_order():
    def order(xs: list[int]) -> list[int]:
        least = min(xs.pop(), min(xs.pop(), xs.pop()))
        return [least, max(xs.pop(), len(xs)), *xs]

    function = torchscript.script(order)
    for xs in ([9, 0, 1, 2, 3], [9, 0, 3, 2, 1], [9, 7, 2, 3, 1]):
        assert function(xs[:]) == order(xs[:])

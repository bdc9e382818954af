"""Sentences of PyTorch's reference pages that programs of one line do not cover: classes, tuples, texts, loop variables."""

import collections
import math
from typing import Dict, List, Tuple

import pytest
import torch

Pair = collections.namedtuple("Pair", ["first", "second"])


class Number:
    def __init__(self, x: int):
        self.x = x

    def __bool__(self) -> bool:
        return self.x > 0

    def __str__(self) -> str:
        return f"Number({self.x})"


class Bag:
    def __init__(self, n: int):
        self.n = n

    def __len__(self) -> int:
        return self.n


def truth_of_objects(n: int):
    found = 0
    if Bag(n):
        found += 1
    while Bag(found):
        found -= 1
    return not Number(n), bool(Number(n)), 1 if Number(n) else 2, not Bag(n), found


def text_of_objects(n: int):
    return str(Number(n)), f"{Number(n)}", "%s" % Number(n), "{}".format(Number(n))


def repeated_tuples(t: Tuple[int, int]):
    return t * 2, 3 * t, t + (1,)


def without_affixes(s: str):
    return s.removeprefix("ab"), s.removesuffix("ba"), s.removeprefix("x")


def order_of_lists(xs: List[int], ys: List[int]):
    return xs < ys, xs <= ys, xs > ys, xs >= ys, xs < [*xs, 1]


def order_of_numbers(xs: List[float], x: float):
    ys = [x - x]  # of infinity, it is a NaN
    return xs < ys, xs <= ys, xs > ys, xs >= ys


def fields_without_annotations(n: int):
    p = Pair(n, 2)
    return p.first + p.second, Pair(first=1, second=n).second


def one_name_for_many_loops(xs: List[int], d: Dict[str, int]):
    total = 0
    for k in xs:
        total += k
    for k in d:
        total += d[k]
    for k, v in enumerate(xs):
        total += k * v
    for i in range(len(xs)):
        k = str(i)
        total += len(k)
    return total


@pytest.mark.parametrize(
    ("program", "given"),
    [
        (truth_of_objects, (0,)),
        (truth_of_objects, (3,)),
        (text_of_objects, (3,)),
        (repeated_tuples, ((1, 2),)),
        (without_affixes, ("abcba",)),
        (order_of_lists, ([1, 2], [1, 3])),
        (order_of_lists, ([1, 2], [1])),
        (order_of_numbers, ([0.0], math.inf)),
        (order_of_numbers, ([0.0], 1.0)),
        (one_name_for_many_loops, ([1, 2], {"a": 5})),
        (fields_without_annotations, (3,)),
    ],
)
def test_as_in_python(assert_everywhere, program, given):
    assert_everywhere(program, *given)


def test_what_a_loop_variable_is_afterwards(assert_refused):
    def read(xs: List[int]):
        k = 3
        for i in range(len(xs)):
            k = str(i)
        return k

    assert "int before the loop and str after its body" in assert_refused(read, "return k")


def test_what_a_loop_variable_was_before(assert_refused):
    def read(xs: List[int]):
        k = 3
        for i in range(len(xs)):
            xs[i] = k
            k = str(i)
        return torch.tensor(xs)

    assert "int before the loop and str after its body" in assert_refused(read, "k = str(i)")

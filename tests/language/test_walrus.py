"""`:=` wherever an expression may stand: what it binds is a variable of the function around it."""

from typing import Optional

import pytest
import torch


def countdown(n: int):
    total = 0
    while (n := n - 1) > 0:
        total += n
    return total, n


def first_bound_by_the_test(xs: list[int]):
    i = 0
    while (v := xs[i]) != 0 and i < len(xs):
        i += 1
    return v, i


def behind_and(xs: list[int]):
    seen = 0
    while xs and (v := xs.pop()) > 1:
        seen += v
    return len(xs), seen


def with_continue_and_else(xs: list[int]):
    v, seen = 7, 0
    while xs and (v := xs.pop()) > 1:
        if v == 2:
            continue
        seen += v
    else:
        v += 100
    return v, seen


def returned_from_the_loop(xs: list[int]):
    i = 0
    while (v := xs[i]) < 4:
        if v == 3:
            return v * 100
        i += 1
    return v


def bound_where_true(x: Optional[int]):
    if x is not None and (y := x + 1) > 3:
        return y
    return 0


def bound_where_false(x: Optional[int]):
    if x is None or (y := x + 1) > 30:
        return -1
    return y


def changed_behind_and(x: Optional[int]):
    y = 5
    if x is not None and (y := x + 1) > 3:
        y += 10
    return y


def several(xs: list[int]):
    if (n := len(xs)) > 3 and (m := n * 2) > 4 and (k := m + n) > 1:
        return n, m, k
    return n, 0, 0


def in_one_side(c: bool):
    y = 5
    z = (y := 6) if c else 0
    w = c and (y := y + 1) > 0
    return y, z, w


def in_a_comprehension(xs: list[int]):
    total = 0
    sums = [total := total + x for x in xs]
    return sums, total, [y for x in xs if (y := x * x) > 3]


def in_all(xs: list[int]):
    bad = -1
    if all((bad := v) < 3 for v in xs):
        return 0, bad
    return 1, bad


def any_stops(xs: list[int]):
    x = "kept"
    return any(xs[i] == 2 for i in range(10)), all(v < 3 for v in xs if v != 2), x


def left_by_break(xs: list[int]):
    i = 0
    while True:
        x = xs[i]
        if x > 2:
            break
        i += 1
    return x


def bound_by_any(xs: list[int]):
    if any((hit := x * 2) > 4 for x in xs):
        return hit
    return 0 if len(xs) == 0 else hit + 100


def bound_by_any_in_a_loop(xs: list[int]):
    total = 0
    for i in range(2):
        if any((hit := x + i) > 3 for x in xs):
            total += hit
    return total


def bound_by_a_comprehension(xs: list[int]):
    return [y for x in xs if (y := x + 1) > 2], y


class Reached(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.ModuleList([torch.nn.Linear(2, 2), torch.nn.ReLU()])

    def forward(self, x):
        if any(isinstance(layer, torch.nn.Linear) for layer in self.layers) and all(
            layer.training for layer in self.layers
        ):
            x = x + 1
        return x


CASES = [
    (countdown, 5), (countdown, 0), (first_bound_by_the_test, [3, 1, 0, 4]), (behind_and, [3, 1, 2]), (behind_and, []),
    (with_continue_and_else, [3, 1, 2]), (with_continue_and_else, []), (returned_from_the_loop, [1, 3]),
    (returned_from_the_loop, [1, 5]), *((f, x) for f in (bound_where_true, bound_where_false, changed_behind_and)
                                        for x in (None, 3, -3)),
    (several, [1, 2, 3, 4]), (several, []), (in_one_side, True), (in_one_side, False), (in_a_comprehension, [1, 2, 3]),
    (in_all, [1, 2, 3, 4]), (in_all, []), (any_stops, [1, 2, 3]), (left_by_break, [1, 5, 3]),
    *((f, xs) for f in (bound_by_any, bound_by_any_in_a_loop) for xs in ([1, 2, 3], [3, 1, 2], [1], [])),
    (bound_by_a_comprehension, [1, 2]), (Reached(), torch.ones(2)),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda c: getattr(c[0], "__name__", "module"))
def test_agrees(case, assert_everywhere):
    assert_everywhere(*case)

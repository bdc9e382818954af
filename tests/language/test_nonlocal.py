"""`nonlocal` in functions that are defined inside the function being compiled, and called there."""

from typing import Optional

import pytest
import torch
from torch import nn


def counter(n: int):
    count = 0

    def inc(by: int = 1):
        nonlocal count
        count += by
        return count

    a = inc()
    b = inc(n)
    return a, b, count


def in_loop(n: int):
    total, last = 0, 0

    def add(i: int):
        nonlocal total, last
        total += i
        last = i

    for i in range(n):
        add(i)
        if i == 3:
            add(100)
    while total < 500:
        add(50)
    return total, last


def branches(n: int, c: bool):
    best: Optional[int] = None

    def note(v: int) -> bool:
        nonlocal best
        if best is None or v > best:
            best = v
            return True
        return False

    if c:
        r = note(n)
    else:
        r = note(-n)
    s = note(1)
    return r, s, best


def two_levels(n: int):
    x = 0

    def mid():
        y = 0

        def inner():
            nonlocal x, y
            x += 1
            y += 2

        inner()
        inner()
        return y

    y = 50
    a = mid()
    return x, y, a


def tensors(t):
    state = torch.zeros(3)

    def step(u):
        nonlocal state
        state = state * 0.5 + u
        return state.sum()

    a = step(t)
    b = step(t * 2)
    return a, b, state


def early(n: int):
    seen = 0

    def look(i: int):
        nonlocal seen
        seen += 1
        if i % 2 == 0:
            return 0
        for k in range(i):
            seen += 10
            if k == 1:
                return k
        seen += 1000
        return -1

    r = [0]
    for i in range(n):
        v = look(i)
        r.append(v)
    return r, seen


class KeepsSkips(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(2, 2) for _ in range(3)])

    def forward(self, x):
        skips = []
        h = x

        def run(layer):
            nonlocal h
            skips.append(h)
            h = layer(h)

        for layer in self.layers:
            run(layer)
        return h, skips


@pytest.mark.parametrize(
    "program, given",
    [
        (counter, (3,)),
        (in_loop, (5,)),
        (branches, (5, True)),
        (branches, (-5, False)),
        (two_levels, (5,)),
        (tensors, (torch.rand(3),)),
        (early, (4,)),
        (KeepsSkips(), (torch.rand(2),)),
    ],
)
def test_agrees(assert_everywhere, program, given):
    assert_everywhere(program, *given)


def test_a_call_that_may_not_run_is_refused(assert_refused):
    def in_a_comprehension(n: int):
        k = 0

        def f(i: int):
            nonlocal k
            k += i
            return k

        return [f(i) for i in range(n)], k

    def behind_and(n: int):
        k = 0

        def f(i: int):
            nonlocal k
            k += i
            return True

        return n > 2 and f(3), k

    def given_to_another(n: int):
        k = 0

        def f(i: int):
            nonlocal k
            k += i

        def twice(g):
            g(1)
            g(2)

        twice(f)
        return k

    for program, line in (
        (in_a_comprehension, "return [f(i) for"),
        (behind_and, "return n > 2 and f(3), k"),
        (given_to_another, "g(1)"),
    ):
        assert_refused(program, line, match="assigns 'k' of the function around it")


def test_a_variable_of_a_function_that_is_not_compiled(assert_refused):
    count = 0

    def step(n: int):
        nonlocal count
        count += n
        return count

    assert_refused(step, "nonlocal count", match="'nonlocal' cannot be compiled")
    assert count == 0

"""Generator functions and methods, compiled in place where they are consumed."""

import torch
from torch import nn


def countdown(n: int):
    while n > 0:
        yield n
        n -= 1


def several(n: int):
    yield 0
    yield from countdown(n)
    for i in range(2):
        if i == n:
            return
        yield -i


def neighbours(xs: list[int]):
    for i in range(len(xs) - 1):
        if xs[i] > 0:
            yield xs[i], xs[i + 1]


def consumed(n: int):
    total = 0
    for i, (a, b) in enumerate(neighbours([n, 1, -1, 5])):
        total += i + a * b
    for v in countdown(n):
        if v == 2:
            break
        total += v
    return (
        total, [v for v in several(n)], max(countdown(n)), sorted(countdown(n)), dict((k, k * 2) for k in countdown(n)),
        list(enumerate(countdown(n))), [a + b for a, b in zip(countdown(n), several(n))], sum(several(1)),
    )  # fmt: skip


def nested(x):
    def rows(t):
        for i in range(t.size(0)):
            yield t[i]

    total = x.new_zeros(3)
    for row in rows(x):
        total = total + row
    return total, torch.stack(list(rows(x)))


def expressions(n: int):
    squares = (i * i for i in range(n))
    total = 0
    for s in squares:
        total += s
    return (
        total,
        any(i > 3 for i in range(n)),
        ",".join(str(i) for i in range(n)),
        list(i for i in range(n) if i % 2),
    )


class Layers(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(3, 3) for _ in range(3)])
        self.first = True

    def chosen(self):
        for i, layer in enumerate(self.layers):
            if self.first or i:
                yield i, layer

    def features(self, x):
        for i, layer in self.chosen():
            x = layer(x) * (i + 1)
            yield x

    def forward(self, x):
        return torch.stack([f for f in self.features(x)]), [f.sum() for f in self.features(x)]


def test_functions(assert_everywhere):
    assert_everywhere(consumed, 4)
    assert_everywhere(expressions, 5)
    assert_everywhere(nested, torch.arange(6.0).reshape(2, 3))


def test_methods_that_yield_modules(assert_everywhere):
    assert_everywhere(Layers(), torch.ones(2, 3))


def test_what_changes_after_it_was_yielded_is_refused(assert_refused):
    def running(x, n: int):
        total = torch.zeros_like(x)
        for _ in range(n):
            total += x
            yield total

    def sums(x, n: int):
        return [t for t in running(x, n)]

    assert "clone" in assert_refused(sums, "yield total")


def test_a_generator_that_never_ends_is_refused(assert_refused):
    def numbers():
        n = 0
        while True:
            yield n
            n += 1

    def first(k: int):
        for n in numbers():
            if n > k:
                return n
        return 0

    assert "never ends" in assert_refused(first, "for n in numbers()")

"""itertools, functools.reduce, math.prod, and other small things of Python that users reach for, on run-time values."""

import functools
import itertools
import math
import operator

import pytest
import torch

import torchscript as jit


def pairs(xs: list[int]):
    total = 0
    for a, b in itertools.pairwise(xs):
        total += a * b
    return total, [b - a for a, b in itertools.pairwise([1, 4, 9])]


def products(xs: list[int], s: tuple[int, int]):
    return (
        math.prod(xs),
        math.prod(s),
        math.prod(s, start=2),
        math.prod([1.5, 2.0]),
        math.prod([float(x) for x in xs]),
    )


def reduced(xs: list[int]):
    first = functools.reduce(operator.mul, xs, 1)
    return first, functools.reduce(lambda a, b: a + b, xs), functools.reduce(max, (3, 7, 5))


def accumulated(xs: list[int]):
    by_product = list(itertools.accumulate(xs, lambda a, b: a * b))
    return list(itertools.accumulate(xs)), by_product, list(itertools.accumulate((1, 2, 3), initial=10))


def chained(xs: list[int]):
    return (
        list(itertools.chain(xs, [7])), list(itertools.chain.from_iterable([xs, xs])), list(itertools.islice(xs, 2)),
        list(itertools.islice(xs, 1, None)), [v for v in itertools.chain((1,), (2, 3))],
    )  # fmt: skip


def combined(xs: list[int]):
    out = []
    for a, b in itertools.combinations(xs, 2):
        out.append(a * 10 + b)
    return (
        out, list(itertools.combinations(xs, 3)), list(itertools.permutations(xs, 2)),
        list(itertools.product(xs, [0, 1])), [a + b for a, b in itertools.combinations((1, 2, 3), 2)],
    )  # fmt: skip


def iterators_as_values(s: str, keys: list[str], values: list[int]):
    return ",".join(reversed(list(s))), dict(zip(keys, values)), "".join(map(str.upper, keys))


def merged(a: dict[str, int], b: dict[str, int]):
    c = a | b
    a |= b
    return a, b, c


def rounded(x: float):
    return round(x, 2), round(x, 0), round(x, -2), round(x, 1), x.is_integer()


def sizes(x):
    b, *rest = x.shape
    return b, rest, x.new_zeros(b, *rest).sum()


def of_dtypes(d: torch.dtype):
    return d.is_floating_point, d.is_complex, d.itemsize, d == torch.int64, torch.zeros(1, dtype=d).dtype == d


class Slices(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU(), torch.nn.Linear(2, 2))

    def forward(self, x):
        return self.layers[:2](x) + self.layers[-1](self.layers[:2][1:](x))


XS = [1, 2, 3, 4]
CASES = [
    *((f, XS) for f in (pairs, reduced, accumulated, chained, combined)), (pairs, [5]), (chained, [5]), (combined, []),
    (accumulated, [5]), (products, XS, (2, 3)), (products, [5], (0, 1)), (iterators_as_values, "abc", ["k", "l"], [1, 2]),
    (merged, {"a": 1, "b": 2}, {"b": 3, "c": 4}), *((rounded, x) for x in (1234.5678, 0.5, -2.675, 1e22, -0.0)),
    (sizes, torch.ones(2, 3)), *((of_dtypes, d) for d in (torch.float16, torch.int64, torch.complex64)),
    (Slices(), torch.ones(2)),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda c: getattr(c[0], "__name__", "module"))
def test_agrees(case, assert_everywhere):
    assert_everywhere(*case)


def test_reduce_of_nothing_raises_as_in_python():
    with pytest.raises(TypeError, match="empty iterable"):
        jit.script(reduced)([])

"""`iter` and `next`: what is left of an iterator, compared with Python here and in archives; stars in set displays."""

import itertools

import pytest
import torch
from torch import nn

import torchscript as jit


def until_none(xs: list[int]):
    it = iter(xs)
    out = []
    while True:
        v = next(it, None)
        if v is None:
            break
        out.append(v)
    return out


def until_stop(xs: list[int]):
    it = iter(xs)
    out = []
    while True:
        try:
            v = next(it)
        except StopIteration:
            break
        out.append(v * 2)
    return out


def left_by_a_loop(xs: list[int]):
    it = iter(xs)
    for v in it:
        if v == 3:
            break
    return list(it), sum(it), next(it, -1)


def take(it, n: int):
    total = 0
    for _ in range(n):
        total += next(it)
    return total


def passed_on(xs: list[int]):
    it = iter(xs)
    return take(it, 2), next(it, None), next(it, None)


def in_pairs(xs: list[int]):
    it = iter(xs)
    return list(zip(it, it)), [sum(z) for z in zip(*[iter(xs)] * 2)], [(a, next(it, -1)) for a in iter(xs)]


def stepped_while_comprehended(n: int):
    it = iter(range(n))
    return [(a, next(it, -1)) for a in it], list(itertools.islice(iter(range(n)), 2))


def of_text_and_dict(s: str, d: dict[str, int]):
    it = iter(s)
    kept = [c for c in it if c != "b"]
    pairs = iter(sorted(d.items()))
    key, value = next(pairs)
    for i, (_, b) in enumerate(pairs):
        value += i * b
    return kept, list(it), key, value, next(iter(d.values()))


def of_rows(x: torch.Tensor):
    rows = iter(x)
    first = next(rows)
    for row in rows:
        first = first * row
    return first


def first_that_fits(xs: list[int], k: int):
    # nothing is computed behind the first: 10 // 0 is not reached
    return next((i for i, v in enumerate(xs) if 10 // v == k), None), next(
        v * w for v in xs for w in xs if v != w
    )


def first_of_all(xs: list[int]):
    return next(iter(xs))


def of_parts(x: torch.Tensor, t: tuple[int, str]):
    it = iter(t)
    n = next(it)
    return x * n, next(it) + "z", next(it, "end")


def stars(xs: list[int], t: tuple[int, int], x: torch.Tensor):
    return sorted({*xs, 7, *t}), len({*x.shape}), 3 in {*xs, 9}, sorted({v for v in {*t} | {*xs}})


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        (until_none, ([5, 3, 9],)),
        (until_stop, ([5, 3, 9],)),
        (left_by_a_loop, ([5, 3, 9, 4],)),
        (passed_on, ([5, 3, 9],)),
        (in_pairs, ([1, 2, 3, 4, 5],)),
        (stepped_while_comprehended, (5,)),
        (of_text_and_dict, ("abc", {"b": 2, "a": 1, "c": 5})),
        (of_rows, (torch.arange(6.0).reshape(3, 2) + 1,)),
        (first_that_fits, ([5, 2, 0], 2)),
        (first_that_fits, ([5, 1], 7)),
        (first_of_all, ([4],)),
        (of_parts, (torch.ones(2), (2, "q"))),
        (stars, ([1, 2, 1], (5, 2), torch.ones(2, 3))),
    ],
    ids=lambda v: getattr(v, "__name__", None),
)
def test_agrees_with_python(program, arguments, assert_everywhere):
    assert_everywhere(program, *arguments)


@pytest.mark.parametrize(
    ("program", "arguments"), [(passed_on, ([5],)), (first_of_all, ([],)), (first_that_fits, ([2, 2], 5))]
)
def test_raises_stop_iteration(program, arguments):
    for function in (program, jit.script(program)):
        with pytest.raises(StopIteration):
            function(*arguments)


class OfModules(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.steps = nn.ModuleList([nn.ReLU(), nn.Tanh(), nn.Sigmoid()])

    def forward(self, x):
        x = x.to(next(self.parameters()).dtype) + next(iter(self.buffers()), 1)
        it = iter(self.steps)
        y = next(it)(self.linear(x))
        for step in it:
            y = step(y) * 2
        found = next(m for m in self.steps if isinstance(m, nn.Tanh))
        return found(y), next(self.named_parameters())[0], [m(x) for m in iter(self.steps)]


def test_modules_and_parameters(assert_everywhere):
    assert_everywhere(OfModules(), torch.ones(2, 3))


def test_what_is_no_iterator_is_refused():
    def of_a_list(xs: list[int]):
        return next(xs)

    def half_read(xs: list[int]):
        it = iter(xs)
        for i, v in enumerate(it):
            if v > 2:
                return i
        return next(it)

    def unknown_step(t: tuple[int, str], c: bool):
        it = iter(t)
        if c:
            next(it)
        return next(it)

    def given_back(xs: list[int]):
        return iter(xs)

    for program, message in (
        (of_a_list, "Write: it = iter"),
        (half_read, "may leave early"),
        (unknown_step, "Call next\\(\\) outside"),
        (given_back, "An iterator cannot be used as a value"),
    ):
        with pytest.raises(jit.Error, match=message):
            jit.script(program)

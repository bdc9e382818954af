"""Modules chosen by a run-time index, loops with `else`, and dict displays with `**`."""

import pytest
import torch
from torch import nn

import torchscript as jit

X = torch.arange(6.0).reshape(2, 3)


class Indexed(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(3, 3) for _ in range(3)])

    def forward(self, x, i: int):
        return self.layers[i](x)


class Repeated(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3))

    def forward(self, x, n: int):
        for i in range(n):
            x = self.layers[i](x)
        for i in range(3):  # known: no choice is left
            x = self.layers[i](x)
        return x


class Named(nn.Module):
    def __init__(self):
        super().__init__()
        self.heads = nn.ModuleDict({"a": nn.Linear(3, 3), "b": nn.ReLU()})

    def forward(self, x, name: str):
        return self.heads[name](x)


def searched(xs: list[int], wanted: int):
    where = 0
    for i, v in enumerate(xs):
        if v == wanted:
            where = i
            break
    else:
        where = -1
    n = 0
    while n < 3:
        n += 1
        if n == wanted:
            break
    else:
        n = 10
    return where, n


def merged(d: dict[str, int]):
    return {**d, "z": 0}, {"z": 1, **d, "a": 5}, {**{"p": 1}, "q": 2}, d


CASES = [
    *((Indexed(), X, i) for i in (0, 2, -1)), (Repeated(), X, 2), (Named(), X, "a"), (Named(), X, "b"),
    *((searched, [4, 2, 9], w) for w in (2, 9, 7, 3)), (merged, {"a": 1, "b": 2}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda c: getattr(c[0], "__name__", type(c[0]).__name__))
def test_agrees(case, assert_everywhere):
    assert_everywhere(*case)


def test_an_index_out_of_range():
    scripted = jit.script(Indexed())
    with pytest.raises(IndexError):
        scripted(X, 3)
    with pytest.raises(KeyError):
        jit.script(Named())(X, "c")


def test_a_known_range_leaves_no_choice():
    assert str(jit.script(Repeated()).graph).count("IndexError") <= 1

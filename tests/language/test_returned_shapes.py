"""Functions that return more on one path than on another, arguments typed by their use, spread displays."""

import pytest
import torch
from torch import nn


def weights_on_demand(x, need_weights: bool = False):
    y = x * 2
    if need_weights:
        return y, x.softmax(-1)
    return y


def one_two_or_three(x, n: int):
    if n == 1:
        return (x,)
    if n == 2:
        return x, x + 1
    return x, x + 1, [x]


class AuxiliaryHead(nn.Module):
    def forward(self, x):
        if self.training:
            aux = x.mean()
        y = x + 1
        if self.training:
            return y, aux
        return y


class ByUse(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])

    def forward(self, features):
        total = features["a"]
        for layer in self.layers:
            total = layer(total)
        return total + features["b"]


def spread(x):
    batch, *_, height, device = *x.shape, x.device
    a, b, c, dtype = *x.shape, x.dtype
    return torch.ones(batch, height, device=device, dtype=dtype) * (a + b * c)


class Sizes(nn.Module):
    def __init__(self):
        super().__init__()
        self.shape = [2, 3]
        self.nothing = []

    def forward(self, x):
        return x.view(x.size(0), *self.shape).view([x.size(0), *self.nothing, 6])


X = torch.rand(2, 6)
CASES = [
    (weights_on_demand, X), (weights_on_demand, X, True), (one_two_or_three, X, 1), (one_two_or_three, X, 2),
    (one_two_or_three, X, 3), (AuxiliaryHead(), X), (AuxiliaryHead().eval(), X),
    (ByUse(), {"a": torch.rand(2), "b": torch.rand(2)}),
    (spread, torch.rand(2, 3, 4)), (Sizes(), X),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: getattr(case[0], "__name__", type(case[0]).__name__))
def test_agrees(case, assert_everywhere):
    function, *arguments = case
    assert_everywhere(function, *arguments)

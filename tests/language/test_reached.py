"""Python that programs reach for and torch.jit refuses: starred sizes, lists of modules, older operator spellings."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn


def starred(x):
    batch, *rest = x.shape
    first, *_, last = x.shape
    shape = (batch, *x.shape[1:])
    return x.view(batch, *rest).view(shape) + first * 10 + last


def factors_in_front(x, y):
    d = torch.zeros(2, 2)
    d.addmm_(1, -2, x, y)
    d = torch.addmm(1, d, 2, x, y) + torch.addcmul(d, 0.5, x, y)
    return d, torch.add(x, 2, y), x.add(0.5, y)


def tensors_as_sizes(x):
    p = torch.tensor(2)
    return F.pad(x, [p // 2, p - p // 2, p, p])


def ranges_as_indices(x):
    x = x.clone()
    x[range(len(x)), range(len(x))] = 0
    return x


def bounded_by_numbers(x):
    return max(x.sum(), -3), min(4.0, x.mean()), max(-1, -2, x[0, 0])


def may_be_none_between(x, flag: bool):
    noise = None
    if flag:
        noise = x * 2
    if flag:
        x = x + noise
    return x


def kind_of_tensor(x):
    if isinstance(x, torch.LongTensor):
        return x + 1
    if isinstance(x, (torch.FloatTensor, torch.DoubleTensor)):
        return x + 2
    return x


class Lists(nn.Module):
    def __init__(self):
        super().__init__()
        self.names = ["a", "b", "a"]
        self.layers = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))

    def forward(self, x):
        total = None
        for name in self.names:
            if name == "a":
                scaled = x * 2
            elif name == "b":
                scaled = x * 3
            total = scaled if total is None else total + scaled
        for module in self.modules():
            if isinstance(module, nn.Linear):
                total = total + module.weight.sum()
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                total = total + parameter
        return total


class PlainListByIndex(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(2, 2), nn.Linear(2, 2)
        self.steps = [self.first, self.second]

    def forward(self, x):
        for index, row in enumerate(x.unbind(0)):
            x = x + self.steps[index](row)
        return x


X, Y = torch.rand(2, 2), torch.rand(2, 2)
CASES = [
    (starred, X), (factors_in_front, X, Y), (tensors_as_sizes, X), (ranges_as_indices, X), (bounded_by_numbers, X),
    (may_be_none_between, X, True), (may_be_none_between, X, False), (Lists(), X), (PlainListByIndex(), X),
    (kind_of_tensor, X), (kind_of_tensor, X.long()), (kind_of_tensor, X.int()),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: getattr(case[0], "__name__", type(case[0]).__name__))
def test_agrees(case, assert_everywhere):
    function, *arguments = case
    assert_everywhere(function, *arguments)

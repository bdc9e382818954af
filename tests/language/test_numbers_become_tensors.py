"""`loss = 0`, then `loss = loss + tensor` in a loop: the first iteration is compiled by itself."""

import pytest
import torch
from torch import Tensor, nn

import torchscript

X = torch.arange(6.0).reshape(2, 3)


def summed(xs: list[Tensor]):
    loss = 0
    n = 0
    for t in xs:
        if t.sum() > 100:
            break
        loss += t.sum()
        n += 1
    return torch.as_tensor(loss), n


def two(x, n: int):
    a, b = 0, 0.0
    for i in range(n):
        if i == 1:
            continue
        a = a + x * i
        b = b + x.mean()
    return a, b


def returned(xs: list[Tensor]):
    total = 0
    for t in xs:
        total = total + t
        if t.sum() > 10:
            return total * 2
    return torch.as_tensor(total)


class Loss(nn.Module):
    def forward(self, outputs: list[Tensor], target):
        total = 0
        for output in outputs:
            total = total + (output - target).pow(2).mean()
        return total / len(outputs)


@pytest.mark.parametrize(
    "case",
    [
        (summed, [X, X * 2]), (summed, [X, X * 100, X]), (summed, [X * 100]), (summed, []), (two, X, 3), (two, X, 1),
        (returned, [X, X]), (returned, [X * 0, X * 0]), (returned, []), (Loss(), [X, X + 1], X),
    ],
    ids=lambda c: getattr(c[0], "__name__", "module"),
)  # fmt: skip
def test_agrees(case, assert_everywhere):
    assert_everywhere(*case)


@pytest.mark.parametrize(
    "dtype", [torch.bool, torch.int8, torch.int64, torch.half, torch.float, torch.double]
)
@pytest.mark.parametrize("number", [7, 0.5])
def test_a_number_divided_by_a_tensor_has_the_dtype_of_eager_mode(dtype, number):
    def divided(x):
        return number // x

    scripted = torchscript.script(divided)
    for x in (torch.tensor([1, 2, 3]).to(dtype), torch.tensor(2).to(dtype)):
        torch.testing.assert_close(scripted(x), number // x)

"""What loss functions are made of: limits of dtypes, texts that choose, values that are None unless a call says more."""

from typing import Any

import pytest
import torch
from torch import nn

import torchscript as jit


class Masked(nn.Module):
    def forward(self, x, mask):
        info = torch.finfo(x.dtype)
        counts = torch.iinfo(torch.int32)
        return x.masked_fill(mask, info.min).clamp(max=info.max / 2), counts.max, x + torch.finfo().eps


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_limits(assert_everywhere, dtype):
    assert_everywhere(Masked(), torch.ones(2, dtype=dtype), torch.tensor([True, False]))


def test_limits_of_another_kind():
    def largest(x: torch.Tensor):
        return torch.iinfo(x.dtype).max

    scripted = jit.script(largest)
    assert scripted(torch.ones(1, dtype=torch.int8)) == 127
    with pytest.raises(TypeError):
        scripted(torch.ones(1))


def test_limits_of_no_dtype(assert_refused):
    def wrong(x: torch.Tensor):
        return torch.finfo(x).max

    def misspelt(x: torch.Tensor):
        return torch.finfo(x.dtype).epsilon

    assert "Write x.dtype" in assert_refused(wrong, "return torch.finfo(x).max")
    assert "It has min, max, eps" in assert_refused(misspelt, "return torch.finfo(x.dtype).epsilon")


def reduced(loss, reduction):
    if reduction == "mean":
        return loss.mean()
    elif reduction == "sum":
        return loss.sum()


class Loss(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = 0.5
        self.reduction = "mean"

    def forward(self, x, y, weight=None, reduction_override=None):
        assert reduction_override in (None, "mean", "sum")
        reduction = reduction_override if reduction_override else self.reduction
        loss = (x - y).abs()
        if weight is not None:
            loss = loss * weight
        return self.weight * reduced(loss, reduction)


@pytest.mark.parametrize("options", [{}, {"reduction_override": "sum"}, {"weight": torch.ones(3) / 3}])
def test_losses(assert_same, options: dict[str, Any]):
    x, y = torch.rand(3), torch.rand(3)
    assert_same(jit.script(Loss())(x, y, **options), Loss()(x, y, **options))


class NumbersFirst(nn.Module):
    """A number on the left of what nobody annotated: the operator is the tensor's."""

    def forward(self, x, mask=None):
        return 2.0 * mask, 1 - mask, 1 / mask, 0 < mask, 2**mask, 7 % mask, x


def test_a_number_and_a_guessed_optional(assert_same):
    x = torch.arange(1.0, 4.0)
    assert_same(jit.script(NumbersFirst())(x, x), NumbersFirst()(x, x))


def test_a_tensor_is_no_text(assert_everywhere):
    def compared(x: torch.Tensor):
        return x == "a", x != "a", x in (None, "a")

    assert_everywhere(compared, torch.ones(2))


def test_text_by_its_methods():
    def chosen(x, how):
        return x.mean() if how.startswith("m") else x

    assert str(jit.script(chosen).schema) == "chosen(Tensor x, str how) -> Tensor"

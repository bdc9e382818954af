"""Programs that run here and whose archive PyTorch's interpreter takes only if it is written with care."""

from typing import Any

import pytest
import torch
from torch import nn


def drop_path(x, drop_prob: float = 0.0, training: bool = False):
    if drop_prob == 0.0 or not training:
        return x
    keep_prob = 1 - drop_prob
    return x.div(keep_prob) * torch.rand(x.shape).add_(keep_prob).floor_()


class DropPath(nn.Module):
    """Nobody gave a probability: None where a float is annotated, which only training would need."""

    def __init__(self, drop_prob=None):
        super().__init__()
        self.drop_prob = drop_prob

    def forward(self, x):
        return drop_path(x, self.drop_prob, self.training)


class Empty(nn.Module):
    def forward(self, x):
        return torch.cat([torch.tensor([]), x]), torch.tensor([], dtype=torch.int64), torch.tensor([[]])


class PadsByATensor(nn.Module):
    def forward(self, x):
        missing = torch.tensor([5 - x.size(0)])
        return nn.functional.pad(x, [missing // 2, missing - missing // 2])


class Base(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pass


class Anything(nn.Module):
    """PyTorch's interpreter says that an Any is never None."""

    def __init__(self):
        super().__init__()
        self.hidden: Any = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.hidden is None:
            x = x + 1
        if self.hidden is not None:
            x = x * 10
        if not (self.hidden is not None or x.numel() == 0):
            x = x - 5
        self.hidden = None
        return x


@pytest.mark.parametrize("program", [Empty, PadsByATensor, Base, Anything])
def test_archives(assert_everywhere, program):
    assert_everywhere(program(), torch.ones(2))


def test_none_for_a_number(assert_everywhere):
    with pytest.warns(UserWarning, match="raises TypeError whenever it is reached"):
        scripted = assert_everywhere(DropPath().eval(), torch.ones(2))
    scripted.train()
    with pytest.raises(TypeError):
        scripted(torch.ones(2))

"""numpy around compiled code: sizes computed with it, and arrays that are known while compiling (frontend/arrays.py)."""

import numpy as np
import pytest
import torch
from torch import nn

import torchscript as jit


class Sizes(nn.Module):
    def __init__(self):
        super().__init__()
        self.kernel = 5

    def forward(self, x):
        half = int(np.floor((self.kernel - 1) / 2))
        up = int(np.ceil(x.shape[-1] / 2)) + int(np.log2(x.shape[0] * 4))
        return x.sum() * half + up + np.prod(x.shape[1:]) + np.sqrt(x.size(1)) + np.maximum(x.shape[0], 3)


class Arrays(nn.Module):
    def __init__(self):
        super().__init__()
        self.order = np.array([2, 0, 1])
        self.window = np.hanning(4)

    def forward(self, x):
        grid = np.float32(np.mgrid[0:3, 0:3].T)
        scaled = torch.tensor(grid / np.sum(grid))
        first = torch.from_numpy(np.array([1, 2, 3]))
        return x[self.order] * scaled[0, :, :1] + first, torch.from_numpy(self.window).sum()


@pytest.mark.parametrize("cls", [Sizes, Arrays])
def test_agrees(cls, assert_everywhere):
    assert_everywhere(cls().eval(), torch.rand(3, 3))


def test_an_array_made_from_a_tensor_is_refused():
    def f(x):
        return np.unique(x.numpy())

    with pytest.raises(jit.Error):
        jit.script(f)


class Fresh(nn.Module):
    def __init__(self):
        super().__init__()
        self.window = np.ones(2)

    def forward(self, x):
        window = torch.from_numpy(self.window)
        window += x
        return window


def test_each_call_gets_a_tensor_of_its_own():
    scripted = jit.script(Fresh())
    assert torch.equal(scripted(torch.ones(2)), scripted(torch.ones(2)))


class Words(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.order = np.array([2, "a", 1])

    def forward(self, x):
        return x[self.order]


def test_an_array_that_no_tensor_can_hold() -> None:
    with pytest.raises(jit.CompileError, match="No tensor holds what this array does: its dtype is <U21"):
        jit.script(Words())

"""Things that run in Python and that a compiler easily gets wrong: compared with eager mode."""

import io

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import torchscript as jit


class Recurrent(nn.Module):
    """The first iteration defines what the others use."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, padding=1)

    def forward(self, x):
        for i in range(3):
            if i == 0:
                y = self.conv(x)
            y = self.conv(x + y)
        return y


class Volatile(nn.Module):
    def __init__(self):
        super().__init__()
        self.count = 0

    def forward(self, x):
        if not x.volatile:
            x = x + 1
        return x


class Interpolated(nn.Module):
    def forward(self, x):
        a = F.interpolate(x, scale_factor=2)
        b = F.interpolate(x, size=7)
        c = F.interpolate(x, size=(3, 5), mode="bilinear", align_corners=True)
        d = F.interpolate(x, scale_factor=(2, 1.5), mode="bicubic")
        return a, b, c, d, F.interpolate(x[0], scale_factor=2, mode="nearest")


@pytest.mark.parametrize("cls", [Recurrent, Volatile, Interpolated])
def test_modules_agree(cls):
    module = cls()
    x = torch.randn(1, 2, 4, 4)
    expected = module(x)
    scripted = jit.script(module)
    buffer = io.BytesIO()
    jit.save(scripted, buffer)
    for load in (lambda _: scripted, jit.load, torch.jit.load):
        buffer.seek(0)
        torch.testing.assert_close(load(buffer)(x), expected)


def test_a_variable_without_value_in_a_loop_that_cannot_be_unrolled():
    def f(x, n: int):
        for i in range(n):
            if i > 0:
                y = y + x
            else:
                y = x
        return x

    with pytest.raises(jit.CompileError, match="has no value yet"):
        jit.script(f)


def test_an_attribute_of_tensors_that_is_not_of_the_language():
    def f(x):
        return 1 if x._backward_hooks else 2

    with pytest.raises(jit.CompileError, match="_backward_hooks"):
        jit.script(f)


class PoolsByAttribute(nn.Module):
    """Attributes whose values a called function needs while it is compiled."""

    def __init__(self):
        super().__init__()
        self.size = 2
        self.stride = 1
        self.mode = "nearest"

    def forward(self, x):
        x = F.max_pool2d(x, self.size, stride=self.stride)
        return F.interpolate(x, scale_factor=(self.size, self.stride), mode=self.mode)


def test_attributes_that_are_compiled_into_a_function():
    x = torch.randn(1, 2, 4, 4)
    expected = PoolsByAttribute()(x)
    buffer = io.BytesIO()
    jit.save(jit.script(PoolsByAttribute()), buffer)
    for load in (jit.load, torch.jit.load):
        buffer.seek(0)
        torch.testing.assert_close(load(buffer)(x), expected)


class Mean:
    """An object that can be called, and is no module."""

    def __init__(self, keep):
        self.keep = keep

    def __call__(self, x):
        return x.mean(-1, keepdim=True) if self.keep else x.mean(-1)


class HoldsObjects(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean = Mean(False)
        self.shape = tuple(np.array([1, 2, 2]))
        self.pool = nn.AdaptiveAvgPool2d((None, 1))
        self.mode, self.corners = "bilinear", True

    def forward(self, x):
        how = dict(mode=self.mode, align_corners=self.corners)
        other = {"mode": self.mode, "align_corners": not self.corners}
        wide = F.interpolate(x, size=(8, 6), **how) + F.interpolate(x, size=(8, 6), **other)
        return self.mean(self.pool(x)).reshape(self.shape[0], -1), self.mean(wide)


def test_objects_in_modules():
    x = torch.randn(1, 2, 4, 4)
    expected = HoldsObjects()(x)
    buffer = io.BytesIO()
    jit.save(jit.script(HoldsObjects()), buffer)
    for load in (jit.load, torch.jit.load):
        buffer.seek(0)
        torch.testing.assert_close(load(buffer)(x), expected)


def test_a_dict_of_mixed_values_is_no_value():
    def f(x):
        return {"a": x, "b": 1}

    with pytest.raises(jit.CompileError, match="one type"):
        jit.script(f)


def test_identity_of_words():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.features = nn.ReLU()

        def forward(self, x):
            for name, module in self._modules.items():
                if name is "features":  # noqa: F632
                    x = module(x)
            return x

    x = torch.randn(3)
    assert torch.equal(jit.script(Named())(x), torch.relu(x))


def test_a_list_that_a_method_of_a_known_string_makes_can_be_changed(assert_agrees):
    def f(n: int):
        words = "a-b".split("-")
        words.append(str(n))
        return words

    assert_agrees(f, 3)

"""Variables that two paths leave as different things, and statements that can only raise (frontend/splitting.py)."""

import io
import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import torchscript as jit


def agree(function, *calls):
    """`function` scripted, and read back by PyTorch, gives what eager mode gives for all `calls`."""
    scripted = jit.script(function)
    buffer = io.BytesIO()
    jit.save(scripted, buffer)
    buffer.seek(0)
    loaded = torch.jit.load(buffer)
    for call in calls:
        expected = function(*call)
        torch.testing.assert_close(scripted(*call), expected)
        torch.testing.assert_close(loaded(*call), expected)


def convolve(x, w):
    if x.dim() == 4:
        convolution = F.conv2d
    elif x.dim() == 5:
        convolution = F.conv3d
    else:
        raise ValueError("4 or 5 dimensions")
    y = convolution(x, w)
    return y.sum()


def test_one_of_two_functions():
    flat, deep = torch.rand(1, 2, 5, 5), torch.rand(1, 2, 5, 5, 5)
    agree(convolve, (flat, torch.rand(3, 2, 3, 3)), (deep, torch.rand(3, 2, 3, 3, 3)))
    with pytest.raises(ValueError, match="4 or 5"):
        jit.script(convolve)(torch.rand(3), torch.rand(3))


def number_or_tensor(x, n: int):
    if n > 3:
        a = 0
    elif n > 2:
        a = x.sum()
    else:
        a = x.mean()
    b = a + 1
    return x * b


def test_a_number_or_a_tensor():
    agree(number_or_tensor, *((torch.rand(3), n) for n in (1, 3, 5)))


def defined_where_it_is_used(x, n: int):
    if n > 4:
        c = x + 1
    y = x * 2
    if n > 4:
        y = y + c
    return y


def test_defined_and_used_under_the_same_condition():
    with pytest.warns(jit.errors.CompileWarning, match="NameError.*'c' is not defined"):
        agree(defined_where_it_is_used, (torch.rand(3), 3), (torch.rand(3), 5))


def in_a_loop(x, flags: list[bool]):
    total = torch.zeros(3)
    for flag in flags:
        if flag:
            function = torch.sin
        else:
            function = torch.cos
        total = total + function(x)
    return total


def test_in_a_loop():
    agree(in_a_loop, (torch.rand(3), [True, False, False]), (torch.rand(3), []))


def used_without_a_condition(x):
    if x.sum() > 0:
        y = 1
    return x + y


def test_what_is_mostly_a_mistake_stays_refused():
    with pytest.raises(jit.CompileError, match="undefined value: y is not defined on every path"):
        jit.script(used_without_a_condition)


class TrainsWithAMask(nn.Module):
    def __init__(self):
        super().__init__()
        self.mask = None

    def measure(self, value):
        return value.size(0)

    def forward(self, x, n: int = 0):
        if self.training:
            return x * self.measure(self.mask)
        if n == 1:
            return x * self.scale
        return x


def test_what_can_only_raise_raises_when_it_is_reached():
    module = TrainsWithAMask().eval()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scripted = jit.script(module)
    messages = [str(w.message) for w in caught]
    assert any("AttributeError" in m and "value.size(0)" in m for m in messages)
    assert any("'TrainsWithAMask' has no attribute 'scale'" in m for m in messages)
    x = torch.rand(2)
    assert torch.equal(scripted(x), x)
    for candidate in (module, scripted):
        with pytest.raises(AttributeError, match="scale"):
            candidate(x, 1)
        candidate.train()
        with pytest.raises(AttributeError, match="'NoneType' object has no attribute 'size'"):
            candidate(x)
        candidate.eval()


def always_raises(x):
    return x + nowhere


def test_without_a_condition_it_is_refused():
    with pytest.raises(jit.CompileError, match="'nowhere' is not defined"):
        jit.script(always_raises)

"""Unannotated values that may be None are used as in eager mode; private names are found."""

import io
from typing import Optional

import pytest
import torch
from torch import nn

import torchscript as jit


def check(module, *args):
    """Compiled, loaded here and loaded by PyTorch, the module gives what eager mode gives."""
    compiled = jit.script(module)
    buffer = io.BytesIO()
    jit.save(compiled, buffer)
    wanted = module(*args)
    torch.testing.assert_close(compiled(*args), wanted)
    for loader in (jit, torch.jit):
        buffer.seek(0)
        torch.testing.assert_close(loader.load(buffer)(*args), wanted)


class OnlyInTraining(nn.Module):
    def spread(self, values):
        size = values.size()
        return values.view(size[0], -1).std(1) * values[0].mean()

    def forward(self, x, extra=None):
        if self.training:
            return x * extra + self.spread(extra)
        return x


class Kept(nn.Module):
    def __init__(self):
        super().__init__()
        self.kept = None

    def forward(self, x):
        if self.kept is None or self.kept.shape[0] != x.shape[0]:
            self.kept = torch.ones_like(x)
        self.kept = self.kept + x
        return self.kept.unsqueeze(0) * self.kept


class Private(nn.Module):
    def __init__(self):
        super().__init__()
        self.__layer = nn.Linear(2, 2)
        self.__scale = 2.0

    def __scaled(self, x):
        return x * self.__scale

    def forward(self, x):
        return self.__scaled(self.__layer(x))


def test_argument_that_is_used_in_training_only():
    check(OnlyInTraining().eval(), torch.randn(2, 2))
    check(OnlyInTraining(), torch.randn(2, 2), torch.randn(2, 2))
    with pytest.raises(Exception, match="Unwrapping null optional"):
        jit.script(OnlyInTraining())(torch.randn(2, 2))


def test_attribute_that_is_none_at_first():
    module = Kept()
    assert torch.equal(jit.script(Kept())(torch.ones(2, 2)), module(torch.ones(2, 2)))


def test_private_names():
    check(Private(), torch.randn(2, 2))


def test_an_annotated_optional_must_be_checked():
    def double(x: Optional[torch.Tensor]):
        return x * 2

    with pytest.raises(jit.CompileError, match="may be None"):
        jit.script(double)

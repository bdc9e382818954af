"""Decorated and static functions keep what the decorator does."""

import io

import pytest
import torch
from torch import nn

import torchscript as jit


@torch.no_grad()
def frozen(x):
    return x * 2


class Decorated(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    @torch.no_grad()
    def forward(self, x):
        return x * self.weight


class CallsDecorated(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    @torch.no_grad()
    def norm(self, x):
        return (x * self.weight).sum()

    def forward(self, x):
        return x * self.weight / self.norm(x) + frozen(self.weight)


class Static(nn.Module):
    @staticmethod
    def forward(x):
        return torch.sigmoid(x) * x


class CallsStatic(nn.Module):
    def __init__(self):
        super().__init__()
        self.act = Static()

    @staticmethod
    def double(x):
        return x + x

    def forward(self, x):
        return self.act(self.double(x))


def through_archive(module, load):
    buffer = io.BytesIO()
    jit.save(module, buffer)
    buffer.seek(0)
    return load(buffer)


@pytest.mark.parametrize("cls", [Decorated, CallsDecorated, Static, CallsStatic])
def test_modules_agree(cls):
    module = cls()
    scripted = jit.script(module)
    x = torch.randn(3)
    expected = module(x)
    for form in (scripted, through_archive(scripted, jit.load), through_archive(scripted, torch.jit.load)):
        found = form(x)
        assert torch.equal(found, expected)
        assert found.requires_grad == expected.requires_grad


def test_a_decorated_function():
    compiled = jit.script(frozen)
    x = torch.ones(2, requires_grad=True)
    assert not compiled(x).requires_grad
    assert torch.is_grad_enabled()

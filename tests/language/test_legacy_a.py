"""Older spellings keep their meaning, in process and from an archive."""

import io

import pytest
import torch
from torch.autograd import Variable

import torchscript as jit


def check(module, *args):
    """Compiled, loaded here and loaded by PyTorch, the module gives what eager mode gives."""
    wanted = module(*args)
    compiled = jit.script(module)
    buffer = io.BytesIO()
    jit.save(compiled, buffer)
    results = [compiled(*args)]
    for loader in (jit, torch.jit):
        buffer.seek(0)
        results.append(loader.load(buffer)(*args))
    for result in results:
        torch.testing.assert_close(result, wanted)


class Norms(torch.nn.Module):
    def forward(self, x):
        return (
            torch.norm(x), torch.norm(x, dim=1, keepdim=True), x.norm(), x.norm(2, 1), x.norm(p="fro", dim=-1),
            torch.norm(x, 1, dim=0), torch.norm(x, p="nuc"), torch.norm(x, p=2), x.norm(float("inf"), 1),
        )  # fmt: skip


class Made(torch.nn.Module):
    def forward(self, x):
        a = x.new(2, 2).fill_(1) + x.new([1.0, 2.0]) + x.new(x.size()).zero_()
        b = x.new_zeros(2, requires_grad=True) + torch.zeros(2, requires_grad=False)
        return a + b, torch.ones(2, requires_grad=True).requires_grad, x.new()


class Typed(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("weight", torch.ones(2))

    def forward(self, x):
        weight = self.weight
        if weight.type() != x.type():
            weight = weight.type(x.type())
        return weight + x


class Detached(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(2, 2)

    def forward(self, x):
        inner = Variable(self.linear(x))
        return inner, inner.requires_grad, Variable(x, requires_grad=True).requires_grad, torch.spmm(x, x)


@pytest.mark.parametrize("module", [Norms(), Made(), Typed(), Detached()], ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_older_spellings(module, dtype):
    check(module.to(dtype) if not isinstance(module, Typed) else module, torch.randn(2, 2, dtype=dtype))


def test_type_is_text():
    def names(x):
        return x.type(), x.long().type(), x.half().type()

    assert jit.script(names)(torch.ones(1)) == names(torch.ones(1))

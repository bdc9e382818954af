"""Tensors that traced code makes: new ones in every call, of the sizes of that call."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import torchscript as jit


def grows(x):
    total = torch.FloatTensor([0.0, 0.0])
    total += x.sum()
    return total


def writes_to_what_numpy_made(x):
    total = torch.from_numpy(np.zeros(3, dtype=np.float32))
    total[0] = x.sum()
    return total


def derives(make):
    def function(x):
        weight = make()
        (gradient,) = torch.autograd.grad((x * weight**2).sum(), weight)
        return gradient

    return function


FUNCTIONS = {
    "a tensor that requires gradients": derives(lambda: torch.tensor([0.5], requires_grad=True)),
    "ones that require gradients": derives(lambda: torch.ones(1, requires_grad=True)),
    "from NumPy": writes_to_what_numpy_made,
    "of a shape": lambda x: torch.FloatTensor(x.shape).zero_() + x,
    "of a size": lambda x: torch.Tensor(x.size()).fill_(1) + x,
    "of sizes": lambda x: torch.Tensor(x.size(0), x.size(1)).fill_(1) + x,
    "of sizes, unpacked": lambda x: torch.DoubleTensor(*x.shape).fill_(1) + x,
    "of values": lambda x: torch.LongTensor([x.size(0), 3]) + 1,
    "of numbers": lambda x: torch.Tensor([1, 2.5]) * x.sum(),
    "of a tensor": lambda x: torch.Tensor(x) * 2,
    "new, of sizes": lambda x: x.new(x.size(0), 2).fill_(1) + x.sum(),
    "new, of a shape": lambda x: x.new(x.shape).fill_(1) + x.sum(),
    "new, of values": lambda x: x.new([1.0, 2.0]) + x.sum(),
    "a type": lambda x: x.type(torch.DoubleTensor) + 1,
    "is of a type": lambda x: x + 1 if isinstance(x, torch.FloatTensor) else x - 1,
    "written to": grows,
    "tensor": lambda x: torch.tensor([1.0, 2.0]).add_(x.sum()),
    "a NumPy array as index": lambda x: x[:, pytest.importorskip("numpy").array([1, 0])],
    "a tensor of one element as int": lambda x: F.pad(x, [torch.tensor([x.size(0)]), 1]),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.filterwarnings("error::torchscript.TracerWarning")
def test_functions(name, assert_same_run):
    function = FUNCTIONS[name]

    traced = jit.trace(function, torch.rand(4, 3))

    first = traced(torch.zeros(2, 5))
    for _ in range(2):
        assert_same_run(traced, function, torch.rand(2, 5))
    assert torch.equal(first, function(torch.zeros(2, 5)))  # no later call writes to it


ALIASES = {
    "Variable": lambda x: torch.autograd.Variable(x * 2) + 1,
    "Variable of an input": lambda x: torch.autograd.Variable(x) * 2,
    "Variable of a view": lambda x: torch.autograd.Variable((x * 2).view(-1, 1), requires_grad=False) + 1,
    "Parameter": lambda x: torch.nn.Parameter(x * 2, requires_grad=False) + 1,
}


@pytest.mark.parametrize("name", ALIASES)
@pytest.mark.filterwarnings("error::torchscript.TracerWarning")
def test_other_names_of_a_tensor(name, assert_same_run):
    traced = jit.trace(ALIASES[name], torch.rand(3))

    assert_same_run(traced, ALIASES[name], torch.rand(5))


@pytest.mark.filterwarnings("ignore::torchscript.TracerWarning")
def test_another_name_of_what_a_module_keeps(assert_same_run):
    class Noisy(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.noise = torch.zeros(3)
            self.sample()

        def sample(self):
            self.noise.normal_()
            self.squares = self.noise * self.noise

        def forward(self, x):
            self.sample()
            return x * torch.autograd.Variable(self.squares) + torch.autograd.Variable(self.noise)

    module = Noisy()
    traced = jit.trace(module, torch.rand(3), check_trace=False)

    for seed in (1, 2):
        x = torch.rand(3)
        torch.manual_seed(seed)
        expected = module(x)
        torch.manual_seed(seed)
        assert torch.equal(traced(x), expected)

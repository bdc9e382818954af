"""autograd.Functions with a backward of their own: it runs in this process; archives have forward."""

import copy
import io

import pytest
import torch
from torch import nn

import torchscript as jit
from torchscript.frontend.autograd_functions import GradientWarning


class Rounded(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, scale=1.0, name="a"):
        ctx.scale = scale
        return torch.round(x * scale) / scale

    @staticmethod
    def backward(ctx, gradient):
        return gradient * 2, None


class Both(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y, n: int):
        ctx.save_for_backward(x, y)
        if n > 1:
            return x * y, x + y
        return x, y

    @staticmethod
    def backward(ctx, a, b):
        x, y = ctx.saved_tensors
        return a * y * 3, b * x * 5, None


class Shifted(torch.autograd.Function):
    @staticmethod
    def forward(x, by):
        return x.floor() + by

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.by = inputs[1]

    @staticmethod
    def backward(ctx, gradient):
        return gradient * ctx.by, None


class ShiftedAgain(Shifted):
    @staticmethod
    def backward(ctx, gradient):
        return gradient * 7, None


rounded = Rounded.apply


class Quantized(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3))
        self.levels = 4

    def forward(self, x, n: int = 2):
        a, b = Both.apply(x, self.weight, n)
        for i in range(n):
            a = Rounded.apply(a, 2.0 + i)
        shifted = Shifted.apply(x, 3) + ShiftedAgain.apply(x, 3)
        return rounded(a) + b + Rounded.apply(x, self.levels) + shifted, Rounded.apply(x * 0.5, 1.0).sum()


def gradients(program, module, x, n):
    module.zero_grad()
    x.grad = None
    result, _ = program(x, n)
    result.sum().backward()
    return result.detach(), x.grad.clone(), module.weight.grad.clone()


@pytest.mark.parametrize("n", [1, 2])
def test_the_backward_that_the_program_defines(n, assert_same):
    module, x = Quantized(), torch.randn(2, 3, requires_grad=True)
    with pytest.warns(GradientWarning, match=r"Both\.backward"):
        scripted = jit.script(module)
    expected = gradients(module, module, x, n)
    assert_same(gradients(scripted, module, x, n), expected)
    copied = copy.deepcopy(scripted)
    assert_same(gradients(copied, copied, x, n), expected)
    archive = io.BytesIO()
    jit.save(scripted, archive)
    for load in (jit.load, torch.jit.load):
        archive.seek(0)
        assert_same(load(archive)(x, n)[0], module(x, n)[0])


def test_calls_of_one_kind_share_a_function():
    def twice(x: torch.Tensor):
        return Shifted.apply(Shifted.apply(x, x), x) + ShiftedAgain.apply(x, x)

    with pytest.warns(GradientWarning):
        scripted = jit.script(twice)
    calls = [n for n in scripted.graph.all_nodes() if n.kind == "prim::CallFunction"]
    functions = [n.inputs[0].node.attributes["function"] for n in calls]
    assert len(functions) == 3 and functions[0] is functions[1] and functions[1] is not functions[2]


class Chosen(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, function):
        return function(x)

    @staticmethod
    def backward(ctx, gradient):
        return gradient, None


def with_a_function(x):
    return Chosen.apply(x, torch.sin) + Chosen.apply(x, lambda t: t * 2)


@pytest.mark.filterwarnings("ignore::torchscript.frontend.autograd_functions.GradientWarning")
def test_functions_as_arguments(assert_everywhere):
    assert_everywhere(with_a_function, torch.ones(2))

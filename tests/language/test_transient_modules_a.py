"""Modules that are no submodules, and autograd functions, mean in compiled code what they mean in eager mode."""

import io

import pytest
import torch
from torch import nn

import torchscript as jit
from torchscript.frontend.autograd_functions import GradientWarning


def check(module, *args):
    """Compiled, loaded here and loaded by PyTorch, the module gives what eager mode gives."""
    compiled = jit.script(module)
    buffer = io.BytesIO()
    jit.save(compiled, buffer)
    runs = [compiled]
    for loader in (jit, torch.jit):
        buffer.seek(0)
        runs.append(loader.load(buffer))
    torch.manual_seed(0)
    wanted = module(*args)
    for run in runs:
        torch.manual_seed(0)
        torch.testing.assert_close(run(*args), wanted)


class Gram(nn.Module):
    def __init__(self):
        super().__init__()
        self.softmax = nn.Softmax(-1)
        self.register_buffer("shift", torch.ones(2))

    def forward(self, x):
        return self.softmax(x @ x.T) + self.shift.sum()


class MadeInForward(nn.Module):
    def pool(self, x, size):
        return nn.AdaptiveAvgPool1d(size)(x[None])[0]

    def forward(self, x):
        y = nn.Softmax(dim=1)(x) + nn.ReLU()(x) + nn.CrossEntropyLoss()(x, x.softmax(1)) + Gram()(x)
        return y, nn.Dropout(0.5)(torch.ones(4)), self.pool(x, 2)


class InPlainContainers(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(2, 2) for _ in range(2)]
        self.by_name = {"relu": nn.ReLU(), "linear": nn.Linear(2, 2)}

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        for layer, row in zip(self.layers, x.split(1)):
            x = x + layer(row)
        return self.by_name["linear"](self.by_name["relu"](x))


class ClosedOver(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.derived = lambda z: 1 - self.linear(z) ** 2

    def forward(self, x):
        return self.derived(x)


class OwnSequential(nn.Sequential):
    def forward(self, x):
        for module in self._modules.values():
            x = module(x)
        for name, module in self._modules.items():
            if name != "0":
                x = module(x)
        return x


class Nested(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(InPlainContainers(), InPlainContainers(), ClosedOver())

    def forward(self, x):
        return self.inner(x)


@pytest.mark.parametrize(
    "module",
    [MadeInForward(), InPlainContainers(), ClosedOver(), Nested(), OwnSequential(nn.Linear(2, 2), nn.ReLU())],
    ids=lambda m: type(m).__name__,
)
def test_modules(module):
    check(module.eval(), torch.randn(2, 2))


class Random(nn.Module):
    def forward(self, x):
        return nn.Linear(2, 2)(x)


def test_parameters_in_forward_are_refused():
    with pytest.raises(jit.CompileError, match="it has parameters"):
        jit.script(Random())


class Clamp(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, bound: float):
        ctx.save_for_backward(x)
        ctx.bound = bound
        return torch.max(x, torch.full_like(x, ctx.bound))

    @staticmethod
    def backward(ctx, gradient):
        return gradient, None


clamp = Clamp.apply


class Clamping(nn.Module):
    def forward(self, x):
        return Clamp.apply(x, 0.1) * clamp(x, 0.2)


def test_autograd_function():
    with pytest.warns(GradientWarning, match=r"Clamp\.backward"):
        check(Clamping(), torch.randn(3, 3))


class Convolutions(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution = nn.ConvTranspose2d(2, 2, 2, stride=2, output_padding=1)
        self.recurrent = nn.LSTM(2, 2, batch_first=True)

    def forward(self, x):
        return self.convolution(x), self.recurrent(x[0], (torch.zeros(1, 2, 2), torch.zeros(1, 2, 2)))[0]


def test_sizes_equal_tuples():
    check(Convolutions(), torch.randn(1, 2, 2, 2))

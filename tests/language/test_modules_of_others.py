"""Modules with hooks, parametrizations and gradient modes, and what stock torch.jit compiled before."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

import torchscript

X = torch.arange(6.0).reshape(2, 3)


@torch.jit.script
def compiled_before(a: Tensor, b: float) -> Tensor:
    if b > 0:
        return a * b
    return a


class Part(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x):
        return self.layer(x).relu()


class Mixed(nn.Module):
    """What a library compiled with torch.jit, inside a module that is compiled here."""

    def __init__(self):
        super().__init__()
        self.scripted = torch.jit.script(Part())
        self.traced = torch.jit.trace(nn.Linear(3, 3), X)
        self.function = compiled_before

    def forward(self, x):
        return self.scripted(x) + self.traced(x) + self.function(x, 2.0)


class Hooked(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)
        self.layer.register_forward_pre_hook(lambda m, args: (args[0] + 1,))
        self.layer.register_forward_hook(lambda m, args, out: out * 2)
        self.layer.register_forward_hook(lambda m, args, kwargs, out: out + len(kwargs), with_kwargs=True)
        self.layer.register_forward_pre_hook(lambda m, args, kwargs: (args, kwargs), with_kwargs=True)
        self.layer.register_forward_hook(lambda m, args, out: None, always_call=True)

    def forward(self, x):
        return self.layer(x)


class Quiet(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)

    @torch.no_grad()
    def forward(self, x):
        return self.layer(x)


class Sometimes(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x, flag: bool):
        with torch.set_grad_enabled(flag):
            y = self.layer(x)
        with torch.set_grad_enabled(False):
            z = self.layer(x)
        return y, z


class Parametrized(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = parametrizations.weight_norm(nn.Linear(3, 3))
        self.b = parametrizations.spectral_norm(nn.Linear(3, 3))
        self.c = parametrizations.orthogonal(nn.Linear(3, 3))
        self.d = nn.utils.weight_norm(nn.Linear(3, 3))
        self.e = nn.utils.spectral_norm(nn.Linear(3, 3))
        self.eval()

    def forward(self, x):
        return self.a(x) + self.b(x) + self.c(x) + self.d(x) + self.e(x)


CASES = [(Mixed, X), (Hooked, X), (Quiet, X), (Sometimes, X, True), (Sometimes, X, False), (Parametrized, X)]


@pytest.mark.parametrize("case", CASES, ids=lambda c: c[0].__name__)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_agrees(case, assert_everywhere):
    assert_everywhere(case[0](), *case[1:])


def test_parameters_of_compiled_modules_are_shared():
    import torchscript as jit

    module = Mixed()
    scripted = jit.script(module)
    assert {id(p) for p in scripted.parameters()} == {id(p) for p in module.parameters()}
    assert isinstance(module.scripted, torch.jit.ScriptModule)


def test_stock_compiling_a_function_first_does_not_hide_its_signatures():
    """torch.jit forgets PyTorch's declared overloads of `interpolate` once it has compiled it."""

    def resized(image: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.interpolate(image, size=[5, 7], mode="nearest")

    torch.jit.script(resized)
    image = torch.rand(1, 3, 4, 4)
    assert torch.equal(torchscript.script(resized)(image), resized(image))

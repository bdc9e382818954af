"""Compiled code around the traced module: of this library, of stock torch.jit, of torch.compile."""

import io

import pytest
import torch
from torch import nn

import torchscript as jit


class Chooses(nn.Module):
    def __init__(self, scale):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.register_buffer("scale", torch.tensor(scale))

    def forward(self, x):
        if bool(x.sum() > 0):
            return self.linear(x) * self.scale
        return x


@torch.jit.script
def halved(x):
    return x / 2


@torch.jit.script
def moved(x, step: float = 1.5):
    if bool(x.sum() > 0):
        return halved(x) + step
    return x - step


def assert_same_everywhere(traced, function):
    buffer = io.BytesIO()
    jit.save(traced, buffer)
    for run in (
        traced,
        jit.load(io.BytesIO(buffer.getvalue())),
        torch.jit.load(io.BytesIO(buffer.getvalue())),
    ):
        for x in (torch.rand(3, 4), -torch.rand(2, 4)):
            torch.testing.assert_close(run(x), function(x))


@pytest.mark.parametrize("compiler", [jit.script, torch.jit.script], ids=["ours", "stock"])
def test_modules_outside_of_the_traced_one_are_constants(compiler):
    one, other = (compiler(Chooses(scale).requires_grad_(False)) for scale in (2.0, 3.0))

    def function(x):
        return one(x) + other(one(x))

    traced = jit.trace(function, torch.rand(2, 4))

    assert str(traced.inlined_graph).count("prim::If") == 3
    assert_same_everywhere(traced, function)


def test_modules_outside_that_cannot_be_constants():
    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.calls = 0

        def forward(self, x):
            self.calls += 1
            return x + self.calls

    for module, reason in ((Chooses(1.0), "require gradients"), (Counts(), "changes its attributes")):
        compiled = jit.script(module)
        with pytest.raises(jit.TracingError, match=f"not inside of the traced module, and .*{reason}"):
            jit.trace(lambda x, compiled=compiled: compiled(x), torch.rand(2, 4))


def test_functions_of_stock_keep_their_control_flow():
    def function(x):
        return moved(x) * moved(x, 2.0)

    traced = jit.trace(function, torch.rand(2, 4))

    assert "prim::If" in str(traced.inlined_graph)
    assert_same_everywhere(traced, function)


def test_functions_that_stock_traced():
    recorded = torch.jit.trace(lambda x: x.view(x.size(0), -1) * 2, torch.rand(2, 4))
    traced = jit.trace(lambda x: recorded(x) + 1, torch.rand(2, 4))

    assert_same_everywhere(traced, lambda x: x * 2 + 1)


class Holds(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x).relu()


def test_modules_of_stock_inside():
    module = Holds(torch.jit.script(Chooses(2.0)))
    inner = module.inner

    traced = jit.trace(module, torch.rand(2, 4))

    assert module.inner is inner
    assert "prim::If" in str(traced.inlined_graph)
    assert [n for n, _ in traced.named_parameters()] == [n for n, _ in module.named_parameters()]
    assert_same_everywhere(traced, module)


@pytest.mark.parametrize("where", ["inside", "root", "function"])
def test_what_torch_compile_made_is_recorded_as_python(where):
    compiled = torch.compile(nn.Sequential(nn.Linear(4, 4)))
    function = {
        "inside": Holds(compiled),
        "root": compiled,
        "function": torch.compile(lambda x: x.sin() + 1),
    }[where]

    traced = jit.trace(function, torch.rand(2, 4))

    assert ("aten::sin" if where == "function" else "aten::linear") in str(traced.inlined_graph)
    x = torch.rand(3, 4)
    eager = {"inside": lambda x: compiled._orig_mod(x).relu(), "root": compiled._orig_mod}
    torch.testing.assert_close(traced(x), eager.get(where, lambda x: x.sin() + 1)(x))


class TakesOtherWeights(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.weight = nn.Parameter(torch.rand(4, 4))

    def forward(self, x):
        weights = {"weight": self.weight * 2, "bias": self.linear.bias}
        return torch.func.functional_call(self.linear, weights, (x,)) + self.linear(x)


class GradientPerSample(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 2)

    def forward(self, x):
        def loss(weights, row):
            return torch.func.functional_call(self.linear, weights, (row,)).pow(2).sum()

        weights = dict(self.linear.named_parameters())
        gradients = torch.vmap(torch.func.grad(loss), in_dims=(None, 0))(weights, x)
        return gradients["weight"], gradients["bias"], torch.vmap(self.linear)(x)


def test_calls_with_other_weights():
    module = TakesOtherWeights()
    assert_same_everywhere(jit.trace(module, torch.rand(2, 4)), module)


def test_transforms_read_parameters():
    module = GradientPerSample()
    with pytest.warns(jit.TracerWarning, match="right for inputs of these sizes"):
        traced = jit.trace(module, torch.rand(3, 4))

    x = torch.rand(3, 4)
    torch.testing.assert_close(traced(x), module(x))
    traced.linear.weight.data.mul_(2)  # it is read when the trace runs
    torch.testing.assert_close(traced(x), module(x))

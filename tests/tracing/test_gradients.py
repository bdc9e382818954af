"""Autograd inside of traced code: it runs again when the trace does."""

import contextlib
import copy
import io

import pytest
import torch
from torch import nn

import torchscript as jit


class Forces(nn.Module):
    """An energy and its derivative by the positions, as models of molecules compute them."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(3, 4)
        self.out = nn.Linear(4, 1)

    def forward(self, positions):
        positions = positions.detach().requires_grad_(True)
        with torch.enable_grad():
            energy = self.out(torch.tanh(self.hidden(positions))).sum()
            (gradient,) = torch.autograd.grad([energy], [positions], create_graph=True)
        return energy, -gradient


class Adapts(nn.Module):
    """Two steps of descent on a weight before it is used, through which gradients flow."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x):
        weight = self.linear.weight
        for _ in range(2):
            loss = nn.functional.linear(x, weight).pow(2).mean()
            (gradient,) = torch.autograd.grad(loss, [weight], create_graph=True)
            weight = weight - 0.1 * gradient
        return nn.functional.linear(x, weight)


def with_grad_outputs(x, v):
    x = x.detach().requires_grad_()
    return torch.autograd.grad(x**2, x, grad_outputs=v)[0]


def with_an_unused_input(x, y):
    x, y = x.detach().requires_grad_(), y.detach().requires_grad_()
    return torch.autograd.grad((x**2).sum(), [x, y], allow_unused=True)[0]


def with_zeros_for_an_unused_input(x, y):
    x, y = x.detach().requires_grad_(), y.detach().requires_grad_()
    return torch.autograd.grad((x**2).sum(), [x, y], materialize_grads=True)


def with_backward(x, y):
    x = x.detach()
    x.requires_grad = True
    (x**2 * y).sum().backward()
    first = x.grad.clone()
    torch.autograd.backward([(x**3).sum()])
    return first, x.grad


def with_a_jacobian(x, y):
    return torch.autograd.functional.vjp(lambda z: (z**3).sum() * y.sum(), x)[1]


FUNCTIONS = [
    with_grad_outputs,
    with_an_unused_input,
    with_zeros_for_an_unused_input,
    with_backward,
    with_a_jacobian,
]


def ways(traced):
    """The trace, and its archive here and in stock torch.jit."""
    buffer = io.BytesIO()
    jit.save(traced, buffer)
    return [traced, *(load(io.BytesIO(buffer.getvalue())) for load in (jit.load, torch.jit.load))]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions(function):
    # Zeros, whose gradient is zero, are no sign of an input that is not used.
    traced = jit.trace(function, (torch.zeros(3), torch.rand(3)))

    for run in ways(traced):
        x, y = torch.rand(5), torch.rand(5)
        torch.testing.assert_close(run(x, y), function(x, y))


@pytest.mark.parametrize("grad_mode", [torch.no_grad, torch.enable_grad])
def test_gradients_in_modules(grad_mode):
    module = Forces()
    with grad_mode():
        traced = jit.trace(module, torch.rand(2, 3))
        for run in ways(traced):
            x = torch.rand(4, 3)
            torch.testing.assert_close(run(x), module(x))


def test_gradients_through_gradients():
    module = Adapts()
    traced = jit.trace(module, torch.rand(2, 3))

    x = torch.rand(4, 3)
    for run in ways(copy.deepcopy(traced)):
        module.zero_grad()
        module(x).sum().backward()
        run(x).sum().backward()
        ours = dict(run.named_parameters())["linear.weight"].grad
        torch.testing.assert_close(ours, module.linear.weight.grad)


def test_modes_inside_of_modes():
    def function(x):
        with torch.no_grad():
            stopped = x * 2
            with torch.enable_grad():
                kept = x * 3
            stopped_again = x * 4
        with torch.set_grad_enabled(True):
            also_kept = x * 5
        return stopped, kept, stopped_again, also_kept, x * 6

    for traced_with in (torch.enable_grad, torch.no_grad):
        x = torch.rand(2, requires_grad=True)
        with traced_with():
            traced = jit.trace(function, x, check_trace=False)
        for called_with in (torch.enable_grad, torch.no_grad):
            for run in ways(traced):
                with called_with():
                    expected = [y.requires_grad for y in function(x)]
                    assert torch.is_grad_enabled() == (called_with is torch.enable_grad)
                    found = [y.requires_grad for y in run(x)]
                    assert torch.is_grad_enabled() == (called_with is torch.enable_grad)
                if traced_with is called_with:
                    assert found == expected


def test_what_cannot_be_recorded_is_warned_of():
    def function(x):
        x = x.detach().requires_grad_()
        return torch.autograd.grad(x * 2, x, torch.eye(2), is_grads_batched=True)[0]

    with pytest.warns(jit.TracerWarning, match="batched gradients cannot be recorded"):
        jit.trace(function, torch.rand(2), check_trace=False)


class ViewsWithGradients(nn.Module):
    def forward(self, x):
        with torch.enable_grad():
            return x.view(2, 3) * 2


class SwitchesOn(nn.Module):
    def forward(self, x, stack):
        stack.enter_context(torch.enable_grad())
        return x * 2


class SwitchesOnInAnotherCall(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = SwitchesOn()

    def forward(self, x):
        with contextlib.ExitStack() as stack:
            y = self.inner(x, stack) * 3
        return y, x * 2


@torch.no_grad()
def test_an_error_inside_of_a_mode_leaves_the_mode_of_before():
    for run in ways(jit.trace(ViewsWithGradients(), torch.rand(6))):
        assert run(torch.rand(6, requires_grad=True)).requires_grad
        with pytest.raises(RuntimeError):
            run(torch.rand(7))
        assert not torch.is_grad_enabled()


@torch.no_grad()
def test_a_mode_that_ends_in_another_call_than_it_began_in():
    traced = jit.trace(SwitchesOnInAnotherCall(), torch.rand(2))
    for run in ways(traced):
        flags = [y.requires_grad for y in run(torch.rand(2, requires_grad=True))]
        if not isinstance(
            run, torch.jit.ScriptModule
        ):  # stock marks all outputs of a graph that needs gradients
            assert flags == [True, False]
        assert not torch.is_grad_enabled()


class ClampsItsWeight(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([0.2, 0.4, 0.6, 0.8]))

    def forward(self, x):
        with torch.no_grad():
            self.weight.clamp_(0, 0.5)
            self.weight[0] = 0.25
            self.weight[self.weight > 0.4] -= 0.1
            self.weight[1:].mul_(0.9)
            torch.add(self.weight, 0.1, out=self.weight)
        return x * self.weight


class CentersInPlace(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        x -= x.mean()
        return x * 2

    @staticmethod
    def backward(ctx, gradient):
        return gradient * 2


class CentersItsWeight(ClampsItsWeight):
    def forward(self, x):
        return x * CentersInPlace.apply(self.weight)


class WritesUnseen(nn.Module):
    def forward(self, x):
        y = x * 2
        with torch.no_grad():
            y *= 3
            y[0] = 1
        return y * x


class LooksUnseen(nn.Module):
    def forward(self, x):
        with torch.no_grad():
            row, (left, _), joined = x[0], x.chunk(2, 1), torch.cat([x, x])
            with torch.enable_grad():
                seen = x * x * row
        return x * row + seen + left.sum() * joined.sum() * x


@pytest.mark.parametrize("cls", [ClampsItsWeight, CentersItsWeight, WritesUnseen, LooksUnseen])
@pytest.mark.filterwarnings("ignore::torchscript.TracerWarning")
def test_what_gradients_do_not_see_is_the_same_for_inputs_that_require_them(cls, assert_same):
    module = cls()
    traced = jit.trace(module, torch.rand(3, 4))
    eager = copy.deepcopy(module)
    for way in ways(copy.deepcopy(traced)):
        beside = copy.deepcopy(eager)
        for _ in range(2):
            x = torch.rand(3, 4).requires_grad_()
            actual, expected = way(x), beside(x)
            assert_same(actual, expected)
            (gradient,), (of_eager,) = (torch.autograd.grad(r.sum(), x) for r in (actual, expected))
            assert_same(gradient, of_eager)

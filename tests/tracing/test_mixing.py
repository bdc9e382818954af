"""Traced code that calls compiled code, and other machinery of PyTorch."""

import copy

import pytest
import torch
from torch import nn

import torchscript as jit


@jit.script
def larger(x, y):
    if x.max() > y.max():
        r = x
    else:
        r = y
    return r


@jit.script
def twice(x, n: int):
    return n * 2, [x, x]


class Chooses(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        if bool(x.sum() > 0):
            return self.linear(x)
        return x


def test_control_flow_of_script_functions_is_kept(assert_same_run, check_graph):
    def f(x, y, z):
        return larger(x, y) + z

    traced = jit.trace(f, (torch.rand(3), torch.rand(3), torch.rand(3)))

    assert "prim::CallFunction" in str(traced.graph)
    assert "prim::If" in str(traced.inlined_graph)
    assert_same_run(traced, f, torch.ones(3), torch.zeros(3), torch.rand(3))
    assert_same_run(traced, f, torch.zeros(3), torch.ones(3), torch.rand(3))
    check_graph(traced.graph)


def test_numbers_and_lists_of_script_functions_are_followed(assert_same_run):
    def f(x):
        n, parts = twice(x, x.size(0))
        return torch.zeros(n) + parts[0].sum()

    traced = jit.trace(f, (torch.rand(3),), check_trace=False)

    assert_same_run(traced, f, torch.rand(5))


def test_script_modules_inside_keep_their_control_flow(assert_same):
    class Parent(nn.Module):
        def __init__(self):
            super().__init__()
            self.chooses = jit.script(Chooses())
            self.linear = nn.Linear(4, 4)

        def forward(self, x):
            return self.linear(self.chooses(x)) + self.chooses.linear.weight.sum()

    module = Parent()
    traced = jit.trace(module, torch.ones(2, 4))

    for x in (torch.ones(2, 4), -torch.ones(3, 4)):
        assert_same(traced(x), module(x))


class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, gradient):
        return gradient * 2


class Reverse(torch.autograd.Function):
    """Its forward is nothing: what comes out is the input, as another tensor."""

    @staticmethod
    def forward(ctx, x):
        return x

    @staticmethod
    def backward(ctx, gradient):
        return -gradient


@pytest.mark.parametrize("function", [Double, Reverse])
def test_autograd_functions_are_recorded_as_their_forward(function, assert_same_run):
    def f(x):
        return function.apply(x * 3) + function.apply(x)

    with pytest.warns(
        jit.TracerWarning, match=f"autograd function {function.__name__} is recorded as its forward"
    ):
        traced = jit.trace(f, torch.rand(3))
    assert_same_run(traced, f, torch.rand(4))


@pytest.mark.parametrize("use_reentrant", [True, False])
@pytest.mark.filterwarnings("error::torchscript.TracerWarning")
def test_checkpoints_keep_gradients(use_reentrant):
    def f(x, w):
        return torch.utils.checkpoint.checkpoint(lambda y: (y * w).sin(), x, use_reentrant=use_reentrant)

    def inputs(size):
        return torch.rand(size, requires_grad=True), torch.rand(size, requires_grad=True)

    traced = jit.trace(f, inputs(2), check_trace=False)

    theirs = inputs(3)
    ours = copy.deepcopy(theirs)
    f(*theirs).sum().backward()
    traced(*ours).sum().backward()
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.grad, other.grad)


def test_libraries_that_ask_are_told_that_this_is_a_trace():
    answers = []

    def f(x):
        answers.append((torch.jit.is_tracing(), bool(torch._C._get_tracing_state()), is_tracing()))
        # torch asks as well, and must not take the sizes of a traced run for tensors
        return torch.nn.functional.interpolate(x, scale_factor=1.5, recompute_scale_factor=True)

    from torch.jit import is_tracing

    x = torch.rand(1, 1, 4)
    torch.testing.assert_close(jit.trace(f, x, check_trace=False)(x), f(x))

    assert answers == [(True, True, True), (False, False, False)]


def test_functions_that_are_compiled_when_traced(assert_same_run):
    def power(x, n: int):
        for _ in range(n):
            x = x * 2
        return x

    for mark in (jit.script_if_tracing, torch.jit.script_if_tracing):
        marked = mark(power)

        def f(x):
            return marked(x, x.size(0)) + 1

        traced = jit.trace(f, torch.rand(2))
        assert "prim::Loop" in str(traced.inlined_graph)
        assert_same_run(traced, f, torch.rand(5))
        assert power in [cell.cell_contents for cell in marked.__closure__]  # the mark is as it was


MACHINERY = {
    "vmap": lambda x: torch.vmap(lambda row: row.sum() * 2 + row)(x),
    "checkpoint": lambda x: torch.utils.checkpoint.checkpoint(lambda y: y * 2 + 1, x, use_reentrant=False),
    "operators by name": lambda x: torch.ops.aten.add(x, 1) + torch.ops.aten.mul.Tensor(x, x),
    "deepcopy": lambda x: copy.deepcopy(x).add_(1) + x,
    "complex": lambda x: torch.view_as_real(torch.complex(x, x) * 1j).sum(-1),
    "sparse": lambda x: torch.sparse.mm(x.to_sparse(), x.T),
    "autocast": lambda x: torch.autocast("cpu", dtype=torch.bfloat16)(lambda y: y @ y.T)(x),
    "autocast inside of an operator": lambda x: torch.autocast("cpu", dtype=torch.bfloat16)(
        lambda y: torch.nn.functional.affine_grid(y[:, :3].reshape(1, 2, -1)[:, :, :3], (1, 1, len(y), 2))
    )(x),
    "numbers before tensors": lambda x: (
        torch.add(x, 2, x) + torch.sub(x, 3, x) - x.add_(2, x) + torch.addmm(2, x, 3, x @ x.T, x)
    ),
    "numbers between tensors": lambda x: (
        torch.addcmul(x, 2, x, x) + x.addmm(2, 3, x @ x.T, x) + torch.addmm(2, x, x @ x.T, x)
    ),
    "jvp and vjp": lambda x: (
        torch.func.jvp(torch.sin, (x,), (x * 2,))[1] + torch.func.vjp(torch.exp, x)[1](x)[0]
    ),
    "jacobian": lambda x: torch.func.jacrev(lambda y: (y**2).sin())(x[:2]).sum((0, 1)),
    "fft": lambda x: torch.fft.irfft(torch.fft.rfft(x)),
    "stft": lambda x: torch.stft(x.flatten(), 8, window=torch.hann_window(8), return_complex=True).abs(),
    "linalg": lambda x: torch.linalg.norm(x) + torch.linalg.svdvals(x).sum(),
    "grad": lambda x: torch.func.grad(lambda y: (y**2).sum())(x),
    "copy": lambda x: copy.copy(x * 2) + copy.copy(x),
    "set_": lambda x: torch.empty(0).set_(x * 2) + 1,
}


@pytest.mark.parametrize("name", MACHINERY)
def test_machinery(name, assert_same_run):
    function = MACHINERY[name]
    traced = jit.trace(function, torch.rand(4, 4))

    assert_same_run(traced, function, torch.rand(4, 4))


def test_traces_have_gradients():
    def f(x, w):
        return torch.tanh(x @ w).sum()

    traced = jit.trace(f, (torch.rand(2, 3), torch.rand(3, 4)))

    x = torch.rand(5, 3)
    one, other = torch.ones(3, 2, requires_grad=True), torch.ones(3, 2, requires_grad=True)
    f(x, one).backward()
    traced(x, other).backward()
    torch.testing.assert_close(one.grad, other.grad)

"""Fused kernels against eager mode: every dtype, stride, broadcast and special value that they may meet."""

import itertools
import math
from typing import Tuple

import pytest
import torch
from torch import Tensor

import torchscript


def arithmetic(x: Tensor, y: Tensor) -> Tensor:
    return (x + 2 * y - 0.5) / (y.abs() + 1.0) * x


def transcendental(x: Tensor, y: Tensor) -> Tensor:
    return torch.exp(-x.abs()) + torch.sin(y) * torch.cos(x) + torch.log1p(y.abs()) + torch.atan(x)


def activations(x: Tensor, y: Tensor) -> Tensor:
    z = torch.sigmoid(x) * torch.tanh(y) - torch.nn.functional.silu(y)
    return z + torch.relu(x) * torch.nn.functional.leaky_relu(y, 0.1) + torch.nn.functional.elu(x)


def gelus(x: Tensor, y: Tensor) -> Tensor:
    # of finite numbers: eager mode has NaN for the gelu of infinity, where the limit is infinity
    x = torch.clamp(x, -1e4, 1e4)
    return torch.nn.functional.gelu(x) * 2.0 + torch.nn.functional.gelu(x, approximate="tanh")


def exponentials(x: Tensor, y: Tensor) -> Tensor:
    return torch.exp(x) * 2.0 + torch.tanh(y) * 1.0


def comparisons(x: Tensor, y: Tensor) -> Tensor:
    mask = (x > y) | (x < -1.0)
    return torch.where(mask, x * 2.0, y + 1.0) * (y != 0.0)


def masks(x: Tensor, y: Tensor) -> Tensor:
    return (x * 2.0 > y) & (y + 1.0 >= x)


def limits(x: Tensor, y: Tensor) -> Tensor:
    return torch.clamp(x, -1.0, 2.0) + torch.maximum(x, y) * torch.minimum(x, y) + x.clamp(min=0.25).sqrt()


def rounding(x: Tensor, y: Tensor) -> Tensor:
    return torch.floor(x) + torch.ceil(y) - torch.round(x * 4) + torch.trunc(y) + x.sign() + torch.frac(y)


def powers(x: Tensor, y: Tensor) -> Tensor:
    return x**2 + y**3 - (x.abs() + 0.1) ** 0.5 + (y.abs() + 0.1) ** -1.0 + (x.abs() + 0.1) ** 1.7


def remainders(x: Tensor, y: Tensor) -> Tensor:
    return torch.remainder(x, 0.75) + torch.fmod(y, 0.75) + torch.div(x, 0.3, rounding_mode="floor") * 0.5


def powers_of_a_number(x: Tensor, y: Tensor) -> Tensor:
    return 1.5 ** torch.tanh(x * 2.0)  # lies side by side, too


def log_sigmoids(x: Tensor, y: Tensor) -> Tensor:
    return torch.nn.functional.logsigmoid(torch.tanh(x * 2.0))  # lies side by side, whatever x does


def two_results(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    z = x * y + 1.0
    return z, torch.tanh(z) - y


POINTWISE = [
    arithmetic, transcendental, activations, gelus, exponentials, comparisons, masks, limits, rounding, powers, remainders,
    log_sigmoids, powers_of_a_number, two_results,
]  # fmt: skip


def softmax(x: Tensor, w: Tensor) -> Tensor:
    e = torch.exp(x - x.amax(-1, keepdim=True))
    return e / e.sum(-1, keepdim=True) * w


def layer_norm(x: Tensor, w: Tensor) -> Tensor:
    mean = x.mean(-1, keepdim=True)
    variance = ((x - mean) ** 2).mean(-1, keepdim=True)
    return (x - mean) * torch.rsqrt(variance + 1e-5) * w + 1.0


def standardised(x: Tensor, w: Tensor) -> Tensor:
    return (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + 0.1) * w


def reduced(x: Tensor, w: Tensor) -> Tensor:
    return (x * w).sum(-1) * 2.0 + 1.0


def reduced_kept(x: Tensor, w: Tensor) -> Tensor:
    return (x * w + 1.0).amin(-1, keepdim=True) - x.max(-1, keepdim=True)[0]


ROWS = [softmax, layer_norm, standardised, reduced, reduced_kept]


@pytest.fixture(scope="module")
def native():
    from torchscript.native.api import compile_functions

    functions = [*POINTWISE, *ROWS]
    return dict(zip(functions, compile_functions([torchscript.script(f) for f in functions])))


def inputs():
    torch.manual_seed(0)
    special = torch.tensor(
        [0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 100.0, -100.0, 1e-30, 88.9, -88.9]
    )
    pairs = torch.cartesian_prod(special, special)
    square = torch.randn(37, 37)
    yield "plain", torch.randn(1000), torch.randn(1000)
    yield "one", torch.randn(1), torch.randn(1)
    yield "no dimension", torch.tensor(0.3), torch.tensor(-2.0)
    yield "empty", torch.randn(0, 3), torch.randn(0, 3)
    yield "special values", pairs[:, 0].contiguous(), pairs[:, 1].contiguous()
    yield "double", torch.randn(77, dtype=torch.double), torch.randn(77, dtype=torch.double)
    yield "broadcast", torch.randn(5, 1, 19), torch.randn(4, 1)
    yield "transposed", square.t(), square
    yield "both transposed", square.t(), torch.randn(37, 37).t()
    yield "sliced", torch.randn(20, 50)[::2, 3:40:3], torch.randn(10, 13)
    yield "channels last", *(torch.randn(2, 3, 5, 7).to(memory_format=torch.channels_last) for _ in range(2))
    yield "expanded", torch.randn(6, 1).expand(6, 21), torch.randn(6, 21)
    yield "mixed dtypes", torch.randn(9), torch.randn(9, dtype=torch.double)
    yield "half", torch.randn(9).half(), torch.randn(9).half()
    yield "many", torch.randn(300, 301), torch.randn(300, 301)


INPUTS = {name: (x, y) for name, x, y in inputs()}


def same(got, expected, most=2e-6):
    for a, b in zip(got, expected) if isinstance(expected, tuple) else [(got, expected)]:
        # in half, a cube is rounded once or twice (test_kernel_dtypes.py)
        rtol, atol = (2e-3, 2e-3) if b.dtype == torch.half else (2e-5, most)
        torch.testing.assert_close(a, b, rtol=rtol, atol=atol, equal_nan=True)
        if a.numel() > 1:
            assert a.stride() == b.stride()


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("function", POINTWISE, ids=lambda f: f.__name__)
def test_pointwise(native, function, name):
    x, y = INPUTS[name]
    same(native[function](x, y), function(x, y))


def row_inputs():
    torch.manual_seed(1)
    yield "plain", torch.randn(7, 33), torch.randn(33)
    yield "one row", torch.randn(65), torch.randn(65)
    yield "short rows", torch.randn(50, 3), torch.randn(50, 3)
    yield "one element", torch.randn(4, 1), torch.randn(4, 1)
    yield "three dimensions", torch.randn(2, 5, 100), torch.randn(5, 100)
    yield "a number a row", torch.randn(5, 40), torch.randn(5, 1)
    yield "double", torch.randn(6, 31, dtype=torch.double), torch.randn(31, dtype=torch.double)
    yield "strided rows", torch.randn(40, 12).t(), torch.randn(40)
    yield "sliced rows", torch.randn(9, 64)[:, 5:50], torch.randn(45)
    yield "large values", torch.randn(3, 64) * 1e4, torch.ones(64)
    yield "nan", torch.tensor([[1.0, math.nan, 2.0], [math.inf, 1.0, 0.0]]), torch.ones(3)
    yield "many rows", torch.randn(700, 129), torch.randn(129)


ROW_INPUTS = {name: (x, w) for name, x, w in row_inputs()}


@pytest.mark.parametrize("name", ROW_INPUTS)
@pytest.mark.parametrize("function", ROWS, ids=lambda f: f.__name__)
def test_rows(native, function, name):
    x, w = ROW_INPUTS[name]
    same(
        native[function](x, w), function(x, w), most=1e-5
    )  # sums of other orders differ where their terms cancel


@pytest.mark.parametrize("function", [activations, layer_norm], ids=lambda f: f.__name__)
def test_gradients(native, function):
    """Where gradients are wanted, operators run one by one and are recorded."""
    x, y = (t.clone().requires_grad_() for t in (torch.randn(4, 9), torch.randn(9)))
    ours = torch.autograd.grad(native[function](x, y).sum(), (x, y))
    eager = torch.autograd.grad(function(x, y).sum(), (x, y))
    same(ours, eager)


def test_other_threads_count(native):
    """The kernel gives each thread its part."""
    x, y = torch.randn(400_000), torch.randn(400_000)
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            same(native[activations](x, y), activations(x, y))
    finally:
        torch.set_num_threads(before)


def saturating(x: Tensor) -> Tuple[Tensor, Tensor]:
    return torch.tanh(x) * 1.0, torch.sigmoid(x) * 1.0


def test_saturated_functions_stay_in_range():
    """Otherwise sqrt(1 - tanh(x)²) would be no number."""
    x = torch.cat([torch.linspace(-20, 20, 400_001), torch.tensor([1e38, -1e38])])
    tanh, sigmoid = torchscript.compile(torchscript.script(saturating))(x)
    assert tanh.abs().max() == 1 and sigmoid.min() >= 0 and sigmoid.max() == 1
    assert (tanh[x.abs() >= 9.1] == x[x.abs() >= 9.1].sign()).all()
    same((tanh, sigmoid), saturating(x))


def test_kernels_are_used():
    """Otherwise the tests above would compare eager mode with itself."""
    from torchscript.native.api import native_program

    for function in itertools.chain(POINTWISE, ROWS):
        text = native_program(torchscript.script(function))[0].text
        assert "_kernel0_run" in text, function.__name__

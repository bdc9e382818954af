"""Fused kernels of bfloat16, half, int32 and int64 against eager mode, on tensors of any shape, stride and value.

Kernels of bfloat16 and half compute in float and round after each operator. So results are PyTorch's but for the last
digit, where a function of float is not PyTorch's to the last digit; and what follows may be off by as much again.
"""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import torchscript
from torchscript.native.api import compile_functions, native_program


def arithmetic(x: Tensor, y: Tensor) -> Tensor:
    return (x * 0.1 + y - 0.3) / (y.abs() + 1.7) * x


def powers(x: Tensor, y: Tensor) -> Tensor:
    # nothing that cancels: PyTorch rounds y * y in vectors of bfloat16, not in those of half, and in what is left of both
    return (x**2 + 0.5) * y**3 * (x.abs() + 0.1) ** 0.5


def activations(x: Tensor, y: Tensor) -> Tensor:
    return torch.sigmoid(x) * torch.tanh(y) + torch.nn.functional.leaky_relu(x, 0.13)


def comparisons(x: Tensor, y: Tensor) -> Tensor:
    z = torch.where((x > y) | (x < 0.1), x * 0.3, y)
    return torch.maximum(z, x) * torch.clamp(y, -0.7, 1.3) * (x != y)


def masks(x: Tensor, y: Tensor) -> Tensor:
    return (x * 0.7 > y) & (y + 0.1 >= x)


def rounding(x: Tensor, y: Tensor) -> Tensor:
    return torch.floor(x) + torch.round(y * 4) - torch.trunc(y)


LOW = [arithmetic, powers, activations, comparisons, masks, rounding]


def softmax(x: Tensor, y: Tensor) -> Tensor:
    e = torch.exp(x - x.amax(-1, keepdim=True))
    return e / e.sum(-1, keepdim=True) + y


def layer_norm(x: Tensor, y: Tensor) -> Tensor:
    mean = x.mean(-1, keepdim=True)
    variance = ((x - mean) ** 2).mean(-1, keepdim=True)
    return (x - mean) * torch.rsqrt(variance + 0.1) * y


def deviation(x: Tensor, y: Tensor) -> Tensor:
    return (x * 0.3 + y).std(-1) * 0.7


ROWS = [softmax, layer_norm, deviation]


def integers(x: Tensor, y: Tensor) -> Tensor:
    return (x * 31 + y) * x - (y - 7) ** 2


def integers_compared(x: Tensor, y: Tensor) -> Tensor:
    z = torch.where(x > y, x * 3, torch.neg(y))
    return torch.maximum(z, x) + torch.clamp(y, -5, 1000) + torch.relu(x) * x.sign() - z.abs()


def integer_masks(x: Tensor, y: Tensor) -> Tensor:
    return (x + 1 > y) & (y * 2 != x)


def integer_parameter(x: Tensor, y: Tensor, n: int) -> Tensor:
    return (x * n + y).masked_fill(x == y, n) - n


def quotients(x: Tensor, y: Tensor) -> Tensor:
    return (x // y) * 3 + x % y - torch.div(x, y, rounding_mode="trunc") * torch.fmod(x, y)


def quotients_of_numbers(x: Tensor, y: Tensor) -> Tensor:
    return (x // 7) * 3 + x % -5 - torch.div(y, 3, rounding_mode="trunc") * torch.fmod(y, 4)


INTEGERS = [integers, integers_compared, integer_masks, quotients_of_numbers]
FUNCTIONS = [*LOW, *ROWS, *INTEGERS, quotients, integer_parameter]


pytestmark = pytest.mark.filterwarnings("ignore:std..:UserWarning")


@pytest.fixture(scope="module")
def native():
    return dict(zip(FUNCTIONS, compile_functions([torchscript.script(f) for f in FUNCTIONS]), strict=True))


def test_there_is_a_kernel_for_each_dtype():
    """Otherwise the tests below would compare eager mode with itself."""
    for function in FUNCTIONS:
        text = native_program(torchscript.script(function))[0].text
        wanted = ("at::BFloat16, false>(plan", "at::Half, false>(plan") if function in LOW + ROWS else ()
        wanted = wanted or ("<int32_t, int32_t, false>(plan", "<int64_t, int64_t, false>(plan")
        assert all(variant in text for variant in wanted), function.__name__


SPECIAL = [0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 100.0, -100.0, 3e38, 65504.0, 1e-40, 6e-8]
LIMITS = [0, 1, -1, 7, 2**31 - 1, -(2**31), 2**31, 2**62, 2**63 - 1, -(2**63)]


@st.composite
def shaped(draw, dtype, special, shape=None):
    """A tensor of at most three dimensions: plain, transposed, sliced, or broadcast against `shape`."""
    if shape is None:
        shape = draw(st.lists(st.integers(0, 40), min_size=1, max_size=3))
    else:
        kept = len(shape) - draw(st.integers(0, len(shape) - 1))
        shape = [1 if draw(st.integers(0, 5)) == 0 else n for n in shape[-kept:]]
    layout = draw(st.sampled_from(["plain", "sliced", "transposed"]))
    whole = [2 * n if layout == "sliced" else n for n in shape]
    if layout == "transposed":
        whole.reverse()
    seed = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    if dtype.is_floating_point:
        tensor = torch.randn(whole, generator=seed) * 3
    else:
        tensor = torch.randint(-(2**63), 2**63 - 1, whole, generator=seed)
        tensor = torch.where(torch.rand(whole, generator=seed) < 0.5, tensor, tensor % 19 - 9)
    if draw(st.booleans()) and tensor.numel():
        places = torch.randint(0, tensor.numel(), (tensor.numel() // 2,), generator=seed)
        values = draw(st.lists(st.sampled_from(special), min_size=1, max_size=5))
        tensor.view(-1)[places] = torch.tensor(values, dtype=tensor.dtype).repeat(len(places))[: len(places)]
    tensor = tensor.to(dtype)
    if layout == "sliced":
        return tensor[tuple(slice(None, None, 2) for _ in shape)]
    return tensor.permute(*reversed(range(len(shape)))) if layout == "transposed" else tensor


@st.composite
def pairs(draw, dtypes, special):
    dtype = draw(st.sampled_from(dtypes))
    x = draw(shaped(dtype, special))
    return x, draw(shaped(dtype, special, list(x.shape)))


def close(got, expected, steps):
    """Equal, but for so many units in the last place."""
    assert got.dtype == expected.dtype and got.shape == expected.shape and got.stride() == expected.stride()
    if not expected.is_floating_point():
        assert torch.equal(got, expected)
        return
    unit = torch.finfo(expected.dtype).eps
    tolerance = {"rtol": steps * unit, "atol": steps * unit, "equal_nan": True}
    torch.testing.assert_close(got, expected, **tolerance)


LOW_DTYPES = [torch.bfloat16, torch.half]


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.sampled_from(LOW), pairs(LOW_DTYPES, SPECIAL))
def test_low_precision(native, function, tensors):
    x, y = tensors
    close(native[function](x, y), function(x, y), 4)


@settings(deadline=None, max_examples=40, derandomize=True)
@given(st.sampled_from(ROWS), pairs(LOW_DTYPES, [0.0, -0.0, 1.0, -100.0, math.nan, 77.0]))
def test_rows_of_low_precision(native, function, tensors):
    x, y = tensors
    try:
        expected = function(x, y)
    except (RuntimeError, IndexError) as error:  # a row of no elements has no largest one
        with pytest.raises(type(error)):
            native[function](x, y)
        return
    close(native[function](x, y), expected, 4)


@settings(deadline=None, max_examples=80, derandomize=True)
@given(st.sampled_from(INTEGERS), pairs([torch.int32, torch.int64], LIMITS))
def test_integers_wrap(native, function, tensors):
    x, y = tensors
    close(native[function](x, y), function(x, y), 0)


@settings(deadline=None, max_examples=40, derandomize=True)
@given(pairs([torch.int32, torch.int64], LIMITS))
def test_integer_division(native, tensors):
    """By zero: the error of eager mode. The smallest number by -1 would end the process in eager mode."""
    x, y = tensors
    y = torch.where(y == -1, 3, y)
    try:
        expected = quotients(x, y)
    except RuntimeError as error:
        assert "ZeroDivisionError" in str(error)
        with pytest.raises(RuntimeError, match="ZeroDivisionError"):
            native[quotients](x, y)
        return
    close(native[quotients](x, y), expected, 0)


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
@pytest.mark.parametrize("n", [0, -1, 2**31 - 1, -(2**31), 2**31, 2**53 + 1, -(2**63)])
def test_numbers_that_an_integer_dtype_does_not_have(native, dtype, n):
    x, y = torch.randint(-9, 9, (2, 50), dtype=dtype)
    try:
        expected = integer_parameter(x, y, n)
    except RuntimeError as error:
        with pytest.raises(RuntimeError) as raised:
            native[integer_parameter](x, y, n)
        assert str(error).splitlines()[0] in str(raised.value)
        return
    close(native[integer_parameter](x, y, n), expected, 0)


@pytest.mark.parametrize("dtype", LOW_DTYPES)
def test_gradients_are_those_of_the_operators(native, dtype):
    x, y = (torch.randn(6, 9, dtype=dtype).requires_grad_() for _ in range(2))
    for function in (arithmetic, softmax):
        ours = torch.autograd.grad(native[function](x, y).float().sum(), (x, y))
        eager = torch.autograd.grad(function(x, y).float().sum(), (x, y))
        for a, b in zip(ours, eager, strict=True):
            close(a, b, 0)


def test_scalars_of_other_dtypes_are_left_to_the_operators(native):
    x = torch.randint(-9, 9, (40,))
    for function in (arithmetic, comparisons, masks):  # with numbers that are no integers
        torch.testing.assert_close(native[function](x, x + 1), function(x, x + 1))
    for function in (integers, integer_masks):
        for dtype in (torch.int8, torch.int16, torch.uint8, torch.float64, torch.bfloat16):
            close(native[function](x.to(dtype), x.to(dtype)), function(x.to(dtype), x.to(dtype)), 0)


def test_threads_that_divide_by_zero(native):
    """An exception in a part of the tensor that another thread has."""
    x, y = torch.ones(2, 100_000, dtype=torch.int64)
    y[99_990] = 0
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        with pytest.raises(RuntimeError, match="ZeroDivisionError"):
            native[quotients](x, y)
    finally:
        torch.set_num_threads(before)

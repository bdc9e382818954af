"""A trace made with one shape is right for others, wherever the Python code takes the same path."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import torchscript as jit

FUNCTIONS = {
    "view": lambda x: x.view(x.size(0), -1),
    "reshape": lambda x: x.reshape(-1, x.shape[-1] * 2),
    "shape as a whole": lambda x: torch.zeros(x.shape) + torch.ones(x.size()),
    "shape in parts": lambda x: x.reshape(*x.shape[:-1], 2, -1),
    "shape put together": lambda x: x.new_zeros(x.shape[:1] + (3,)),
    "unpacked": lambda x: [torch.full((columns, rows), 2.0) for rows, columns in [x.shape]][0],
    "len": lambda x: x.view(len(x), -1),
    "numel": lambda x: torch.arange(x.numel()) / x.nelement(),
    "numel of a shape": lambda x: x.reshape(x.shape.numel()),
    "zeros": lambda x: torch.cat([x, torch.zeros(x.size(0), 3)], 1),
    "arange": lambda x: torch.arange(x.size(1)).expand(x.size(0), -1),
    "slices": lambda x: x[:, : x.size(1) // 2] + x[:, -(x.size(1) // 2) :],
    "index": lambda x: x[x.size(0) - 1],
    "random": lambda x: torch.rand(*x.shape[1:2]) + torch.randn(x.shape),
    "arithmetic": lambda x: x.new_zeros((x.size(0) * 2 - 1) % 5 + 1, -x.size(1) + 10, x.size(0) ** 2),
    "as a number": lambda x: x * x.size(0) / x.size(1) + 2 ** x.dim(),
    "true division": lambda x: x / (x.size(1) / 2) ** 0.5,
    "rounded": lambda x: torch.zeros(
        math.ceil(x.size(1) / 3), math.floor(x.size(1) / 3), round(x.size(0) / 4)
    ),
    "made a tensor": lambda x: torch.tensor([x.size(0), 2]) + torch.tensor(x.size(1)),
    "repeat": lambda x: x.repeat(x.size(0), 1).tile(1, 2),
    "pad": lambda x: F.pad(x, (1, x.size(0))),
    "split": lambda x: x.split([1, x.size(0) - 1]),
    "interpolate": lambda x: F.interpolate(x[None, None], size=(x.size(0) * 2, x.size(1))),
    "recomputed scale": lambda x: F.interpolate(x[None, None], scale_factor=1.5, recompute_scale_factor=True),
    "unfold and fold": lambda x: F.fold(F.unfold(x[None, None], 2), x.shape, 2),
    "item": lambda x: torch.arange(x.sum().long().item()) * x.max().item(),
    "tensor as size": lambda x: x.view(torch.tensor(2), -1),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.filterwarnings("error::torchscript.TracerWarning")
def test_functions(name, assert_same_run, check_graph):
    function = FUNCTIONS[name]

    traced = jit.trace(function, (torch.rand(4, 6),), check_trace=False)

    check_graph(traced.graph)
    for shape in [(4, 6), (2, 8), (6, 4)]:
        assert_same_run(traced, function, torch.rand(*shape))


@pytest.mark.filterwarnings("ignore::torchscript.TracerWarning")
def test_modules_take_other_batch_sizes_and_lengths(assert_same_run):
    for module, small, large in [
        (nn.LSTM(4, 5, 2, batch_first=True), torch.rand(2, 3, 4), torch.rand(5, 7, 4)),
        (nn.GRU(4, 5), torch.rand(3, 2, 4), torch.rand(7, 5, 4)),
        (
            nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval(),
            torch.rand(2, 3, 8),
            torch.rand(4, 6, 8),
        ),
        (nn.BatchNorm2d(3).eval(), torch.rand(2, 3, 4, 4), torch.rand(3, 3, 5, 5)),
    ]:
        traced = jit.trace(module, small)
        assert_same_run(traced, module, large)


def test_numbers_are_inputs_too(assert_same_run):
    def f(x, rows, scale):
        return x.view(rows, -1) * scale

    traced = jit.trace(f, (torch.rand(4, 3), 2, 1.5))

    assert_same_run(traced, f, torch.rand(6, 2), 4, 0.5)


def test_a_size_is_an_int_and_a_shape_a_size():
    seen = {}

    def f(x):
        seen["int"] = isinstance(x.size(0), int), [10, 20, 30][x.size(0)], f"{x.size(0)}"
        seen["shape"] = (
            isinstance(x.shape, torch.Size),
            isinstance(x.shape, tuple),
            repr(x.shape),
            len(x.shape),
        )
        return x * 2

    jit.trace(f, torch.rand(2, 3), check_trace=False)

    assert seen == {"int": (True, 30, "2"), "shape": (True, True, "torch.Size([2, 3])", 2)}


def test_a_size_that_is_kept_is_an_ordinary_int_afterwards():
    kept = []

    def f(x):
        kept.append(x.size(0))
        return x

    jit.trace(f, torch.rand(2), check_trace=False)

    assert type(kept[0] + 1) is int and kept[0] == 2 and bool(kept[0])


UNDER_AUTOCAST = {
    "as written": (lambda x: torch.einsum("ij,kj->ik", x, x).view(-1, x.size(0)), "aten::einsum"),
    "in float32": (
        lambda x: F.interpolate(x[None, None], size=(x.size(0) * 2, x.size(1)), mode="bilinear"),
        None,
    ),
    "pooled": (lambda x: F.adaptive_avg_pool1d(x[None], x.size(1) // 2), "aten::adaptive_avg_pool1d"),
    "repeated": (lambda x: x.repeat_interleave(x.size(0), 0).tile(x.size(0), 1), "aten::repeat_interleave"),
    "promoted": (lambda x: torch.cat([x, x.bfloat16()])[: x.size(0)], None),
    "products inside": (lambda x: torch.linalg.multi_dot([x, x.t(), x]), "aten::linalg_multi_dot"),
    "losses": (lambda x: F.cross_entropy(x @ x.t(), torch.arange(x.size(0))), "aten::cross_entropy_loss"),
    "spectra": (lambda x: torch.fft.irfft2(torch.fft.rfft2(x), s=x.shape), "aten::fft_rfft2"),
    "quantiles": (lambda x: torch.quantile(x @ x.t(), 0.5, dim=1), "aten::quantile"),
    "selected": (lambda x: x.take_along_dim(x.argsort(1), 1), "aten::take_along_dim"),
}


@pytest.mark.parametrize("name", UNDER_AUTOCAST)
@pytest.mark.filterwarnings("error::torchscript.TracerWarning")
def test_sizes_under_autocast(name, assert_same_run):
    function, operator = UNDER_AUTOCAST[name]

    def casts(x):
        with torch.autocast("cpu", torch.bfloat16):
            return function(x)

    traced = jit.trace(casts, torch.rand(4, 6), check_trace=False)

    assert operator is None or operator in {node.kind for node in traced.graph.all_nodes()}
    for shape in [(4, 6), (6, 4), (8, 10)]:
        assert_same_run(traced, casts, torch.rand(*shape))


def test_what_autocast_takes_apart_is_warned_of(assert_same_run):
    module = nn.GRU(8, 4)

    def casts(x):
        with torch.autocast("cpu", torch.bfloat16):
            return module(x)[0]

    class Casts(nn.Module):
        def __init__(self):
            super().__init__()
            self.module = module

        def forward(self, x):
            return casts(x)

    x = torch.rand(3, 5, 8)
    with pytest.warns(
        jit.TracerWarning, match="'gru' compute some of its parts in another dtype.*sizes of this run"
    ):
        traced = jit.trace(Casts(), x, check_trace=False)

    assert_same_run(traced, Casts(), x)

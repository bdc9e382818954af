"""Convolutions of modules optimised for inference, which native code computes with kernels of its own."""

from __future__ import annotations

import copy
import threading

import pytest
import torch
from torch import Tensor, nn

import torchscript
from torchscript.native.api import native_program
from torchscript.native.compiler import find_compiler, instructions_of

_CONVOLUTIONS: list[tuple[int, int, dict[str, object]]] = [
    # single places: panels of 16 results that are whole, cut, one to four and more
    (16, 24, {"kernel_size": 1}),
    (3, 64, {"kernel_size": 1}),
    (33, 100, {"kernel_size": 1, "bias": False}),
    (40, 48, {"kernel_size": 1, "stride": 2}),
    (8, 5, {"kernel_size": 1, "padding": 1}),
    # windows of few channels
    (3, 32, {"kernel_size": 7, "stride": 2, "padding": 3}),
    (4, 20, {"kernel_size": (3, 5), "padding": (0, 2), "stride": (2, 1)}),
    (5, 17, {"kernel_size": 3, "dilation": (1, 2), "padding": 2}),
    (1, 8, {"kernel_size": 2}),
    # each channel for itself
    (16, 16, {"kernel_size": 3, "padding": 1, "groups": 16}),
    (40, 40, {"kernel_size": 3, "padding": 1, "groups": 40, "stride": 2}),
    (19, 19, {"kernel_size": 5, "padding": 2, "groups": 19, "bias": False}),
    (24, 24, {"kernel_size": (3, 1), "padding": (2, 0), "groups": 24, "dilation": (2, 1)}),
    (6, 6, {"kernel_size": 3, "groups": 6, "padding": 4}),
    # Winograd's way
    (32, 16, {"kernel_size": 3, "padding": 1}),
    (48, 80, {"kernel_size": 3, "padding": (0, 2), "bias": False}),
    (80, 96, {"kernel_size": 3}),
    # what stays with oneDNN
    (16, 32, {"kernel_size": 3, "padding": 1, "groups": 4}),
    (64, 32, {"kernel_size": 3, "padding": 1, "stride": 2}),
]
_WITH_ONEDNN = 2  # at the end

_ACTIVATIONS = [
    nn.Identity(), nn.ReLU(), nn.ReLU6(), nn.Hardtanh(-0.3, 0.4), nn.SiLU(), nn.Sigmoid(), nn.Hardsigmoid(), nn.Hardswish(),
    nn.LeakyReLU(0.1), nn.GELU(), nn.Tanh(),
]  # fmt: skip


class Each(nn.Module):
    """All convolutions, each with a batch norm (which has their input checked) and an activation."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv2d(n, m, **options) for n, m, options in _CONVOLUTIONS)  # type: ignore[arg-type]
        self.norms = nn.ModuleList(nn.BatchNorm2d(m) for _, m, _ in _CONVOLUTIONS)
        self.activations = nn.ModuleList(
            _ACTIVATIONS[i % len(_ACTIVATIONS)] for i in range(len(_CONVOLUTIONS))
        )

    def forward(self, images: list[Tensor]) -> list[Tensor]:
        results = []
        for i, (convolution, norm, activation) in enumerate(
            zip(self.convolutions, self.norms, self.activations)
        ):
            results.append(activation(norm(convolution(images[i]))))
        return results


class Residual(nn.Module):
    """A block of convolutions that go Winograd's way."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(32, 48, 3, 1, 1, bias=False), nn.BatchNorm2d(48), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(48, 32, 3, 1, 1, bias=False), nn.BatchNorm2d(32))
        self.third = nn.Sequential(nn.Conv2d(32, 64, 3, bias=False), nn.BatchNorm2d(64))

    def forward(self, x: Tensor) -> Tensor:
        return self.third(torch.relu(x + self.second(self.first(x))))


class Blocks(nn.Module):
    """Blocks as mobile networks have them: chains of convolutions, with and without something to add at the end."""

    def __init__(self, activation: type[nn.Module]) -> None:
        super().__init__()

        def block(n: int, inner: int, m: int, stride: int) -> nn.Sequential:
            return nn.Sequential(
                nn.Conv2d(n, inner, 1, bias=False), nn.BatchNorm2d(inner), activation(),
                nn.Conv2d(inner, inner, 3, stride, 1, groups=inner, bias=False), nn.BatchNorm2d(inner), activation(),
                nn.Conv2d(inner, m, 1, bias=False), nn.BatchNorm2d(m),
            )  # fmt: skip

        self.first = block(16, 40, 24, 1)
        self.second = block(24, 72, 24, 1)
        self.third = block(24, 50, 33, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.first(x)
        x = x + self.second(x)
        return x, self.third(x)


def _random_norms(module: nn.Module) -> nn.Module:
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            assert norm.running_mean is not None and norm.running_var is not None
            norm.running_mean.normal_(0, 0.2)
            norm.running_var.uniform_(0.5, 1.5)
            nn.init.normal_(norm.weight, 1, 0.2)
            nn.init.normal_(norm.bias, 0, 0.2)
    return module.eval()


def _optimized(module: nn.Module) -> torchscript.ScriptModule:
    return torchscript.optimize_for_inference(torchscript.script(_random_norms(module)))


@pytest.fixture(scope="module")
def each() -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    module = Each()
    return module, torchscript.compile(_optimized(module))


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("batch, height, width", [(1, 14, 14), (3, 9, 23), (2, 8, 40)])
def test_convolutions_agree(
    each: tuple[nn.Module, nn.Module], batch: int, height: int, width: int, memory_format: torch.memory_format
) -> None:
    module, native = each
    images = [
        torch.randn(batch, n, height, width).to(memory_format=memory_format) for n, _, _ in _CONVOLUTIONS
    ]
    with torch.no_grad():
        for options, got, wanted in zip(_CONVOLUTIONS, native(images), module(images), strict=True):
            torch.testing.assert_close(
                got, wanted, rtol=1e-4, atol=1e-5, msg=lambda m, o=options: f"{o}: {m}"
            )
            assert got.is_contiguous()


@pytest.fixture
def kernels() -> None:
    """With few registers all goes to oneDNN, which makes 0 of NaN where a relu follows."""
    if "avx512f" not in instructions_of(find_compiler()):
        pytest.skip("these kernels are for AVX-512")


def test_kernels_run(each: tuple[nn.Module, nn.Module], kernels: None) -> None:
    """OneDNN gets the last two, and those that end in gelu and tanh."""
    _, native = each
    images = [torch.randn(1, n, 12, 12) for n, _, _ in _CONVOLUTIONS]
    with torch.no_grad(), torch.profiler.profile() as profile:
        native(images)
    calls = {e.key: e.count for e in profile.key_averages()}
    assert calls.get("mkldnn::_convolution_pointwise") == 4


def test_nan_and_infinity_come_out_where_eager_has_them(
    each: tuple[nn.Module, nn.Module], kernels: None
) -> None:
    module, native = each
    images = [torch.randn(1, n, 10, 12) for n, _, _ in _CONVOLUTIONS]
    for image in images:
        image[0, 0, 4, 5] = float("nan")
        image[0, -1, 8, 2] = float("inf")
    with torch.no_grad():
        results = list(zip(native(images), module(images), strict=True))
    for got, wanted in results[:-_WITH_ONEDNN]:  # oneDNN's own bounds turn NaN into numbers
        torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5, equal_nan=True)


def test_slices_of_images(each: tuple[nn.Module, nn.Module]) -> None:
    """Strides of every kind: sliced rows, columns that are turned round, channels that are broadcast."""
    module, native = each
    images = []
    for n, _, _ in _CONVOLUTIONS:
        images.append(
            torch.randn(2, n, 11, 1).expand(2, n, 11, 15)
            if n % 2
            else torch.randn(2, n, 15, 30).mT[:, :, ::2]
        )
    with torch.no_grad():
        for got, wanted in zip(native(images), module(images), strict=True):
            torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)


def test_other_dtypes_and_gradients_go_the_way_of_the_frozen_module(
    each: tuple[nn.Module, nn.Module],
) -> None:
    module, native = each
    images = [torch.randn(1, n, 9, 9, requires_grad=True) for n, _, _ in _CONVOLUTIONS]
    results = native(images)
    wanted = module(images)
    sum(r.sum() for r in results).backward()  # type: ignore[union-attr]
    gradients = [i.grad for i in images]
    expected = torch.autograd.grad(sum(w.sum() for w in wanted), images)  # type: ignore[arg-type]
    for got, grad in zip(gradients, expected, strict=True):
        torch.testing.assert_close(got, grad, rtol=1e-4, atol=1e-4)


def test_images_that_are_too_small_or_have_other_channels(each: tuple[nn.Module, nn.Module]) -> None:
    _, native = each
    with torch.no_grad(), pytest.raises(RuntimeError):
        native([torch.randn(1, n, 1, 1) for n, _, _ in _CONVOLUTIONS])
    with torch.no_grad(), pytest.raises(RuntimeError):
        native([torch.randn(1, n + 1, 9, 9) for n, _, _ in _CONVOLUTIONS])


@pytest.mark.parametrize("threads", [1, 2])
def test_residual_blocks_agree(threads: int) -> None:
    torch.manual_seed(2)
    module = Residual()
    native = torchscript.compile(_optimized(module))
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.no_grad():
            for shape in ((1, 32, 14, 14), (3, 32, 7, 9), (2, 32, 56, 5), (1, 32, 3, 3)):
                x = torch.randn(shape)
                torch.testing.assert_close(native(x), module(x), rtol=1e-4, atol=1e-5)
                exact = copy.deepcopy(module).double()(x.double())
                assert (native(x) - exact).abs().max() <= 4 * (module(x) - exact).abs().max() + 1e-6
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 3e38])
def test_numbers_that_are_not_finite_stay_where_they_belong(number: float) -> None:
    torch.manual_seed(3)
    module = nn.Sequential(
        nn.Conv2d(32, 32, 3, 1, 1), nn.BatchNorm2d(32), nn.Conv2d(32, 48, 3), nn.BatchNorm2d(48)
    )
    native = torchscript.compile(_optimized(module))
    x = torch.randn(2, 32, 12, 15)
    x[1, 3, 5, 6] = number
    with torch.no_grad():
        got, wanted = native(x), module(x)
    assert torch.equal(torch.isfinite(got), torch.isfinite(wanted))
    finite = torch.isfinite(wanted)
    torch.testing.assert_close(got[finite], wanted[finite], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("activation", [nn.ReLU6, nn.Hardswish])
def test_chains_agree(activation: type[nn.Module]) -> None:
    torch.manual_seed(1)
    module = Blocks(activation)
    optimized = _optimized(module)
    native = torchscript.compile(optimized)
    with torch.no_grad():
        for shape in ((1, 16, 20, 20), (5, 16, 7, 13), (2, 16, 1, 1)):
            x = torch.randn(shape)
            for got, wanted in zip(native(x), module(x), strict=True):
                torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)
        x = torch.randn(3, 16, 9, 9)
        wanted = module(x)
        failures: list[str] = []

        def call() -> None:
            with torch.no_grad():
                for _ in range(20):
                    for got, w in zip(native(x), wanted, strict=True):
                        if not torch.allclose(got, w, rtol=1e-4, atol=1e-5):
                            failures.append("differs")

        threads = [threading.Thread(target=call) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
    assert native_program(optimized)[0].text.count("ts::fast::convolutions(") == 3

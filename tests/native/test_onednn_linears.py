"""Large linear layers of modules optimised for inference in native code: oneDNN's for many rows, its own for few."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import torchscript


class Layers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(512, 1024), nn.Linear(1024, 512)
        self.gate, self.cut = nn.Linear(512, 1024, bias=False), nn.Linear(512, 1024)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = x + self.down(nn.functional.silu(self.gate(x)) * self.up(x))
        return y, torch.relu(self.cut(nn.functional.gelu(self.down(nn.functional.gelu(self.up(y))))))


@pytest.fixture(scope="module")
def layers() -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    module = Layers().eval()
    return module, torchscript.compile(torchscript.optimize_for_inference(torchscript.script(module)))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    "shape", [(512,), (1, 512), (4, 512), (64, 512), (1, 197, 512), (2, 3, 5, 512), (0, 512)]
)
def test_layers_agree(layers: tuple[nn.Module, nn.Module], shape: tuple[int, ...], threads: int) -> None:
    module, native = layers
    x, before = torch.randn(shape), torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.inference_mode():
            found, wanted = native(x), module(x)
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


def test_onednn_computes_many_rows_alone() -> None:
    """Told by packed weights that are all zero."""
    linear = nn.Linear(768, 768).eval()
    made = torchscript.optimize_for_inference(torchscript.script(linear))
    for node in made.graph.all_nodes():
        value = node.attributes.get("value")
        if isinstance(value, Tensor) and value.is_mkldnn:
            node.attributes["value"] = torch.ops.mkldnn._reorder_linear_weight(torch.zeros(768, 768), 64)
    native = torchscript.compile(made)
    with torch.inference_mode():
        for rows in (16, 64):
            torch.testing.assert_close(native(torch.randn(rows, 768)), linear.bias.expand(rows, 768))
        for rows in (0, 1, 15):
            x = torch.randn(rows, 768)
            torch.testing.assert_close(native(x), linear(x), rtol=1e-4, atol=1e-4)


def test_nan_images_and_what_is_not_contiguous(layers: tuple[nn.Module, nn.Module]) -> None:
    module, native = layers
    image = torch.randn(2, 512, 4, 5).contiguous(memory_format=torch.channels_last).permute(0, 2, 3, 1)
    broken = torch.randn(32, 512)
    broken[2, 7], broken[5, 0] = float("nan"), float("inf")
    with torch.inference_mode():
        for x in (image, torch.randn(512, 40).t(), torch.randn(40, 1200)[::2, 1:1025:2], broken):
            for got, wanted in zip(native(x), module(x), strict=True):
                torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-4, equal_nan=True)


def test_other_dtypes_and_gradients_go_the_way_of_the_frozen_module(
    layers: tuple[nn.Module, nn.Module],
) -> None:
    module, native = layers
    x = torch.randn(32, 512)
    one, other = x.clone().requires_grad_(), x.clone().requires_grad_()
    module(one)[1].sum().backward()
    native(other)[1].sum().backward()
    torch.testing.assert_close(other.grad, one.grad, rtol=1e-4, atol=1e-4)
    for wrong in (x.double(), x[:, 1:]):
        with (
            pytest.raises(RuntimeError, match=r"have the same dtype|shapes cannot be multiplied"),
            torch.inference_mode(),
        ):
            native(wrong)

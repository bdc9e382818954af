"""Quantised modules of torch.ao.quantization: their packed weights are read, used, and written again."""

from __future__ import annotations

import io
import warnings

import pytest
import torch
import torch.ao.quantization as quantization
from torch import nn

import torchscript as jit

from .conftest import Object, archive, floats

pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif("fbgemm" not in torch.backends.quantized.supported_engines, reason="needs fbgemm"),
]


class First(nn.Module):
    """The output of a recurrent module without its state."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x):
        y, _ = self.inner(x)
        return y


def dynamic(module: nn.Module, dtype: torch.dtype = torch.qint8) -> nn.Module:
    kinds = {nn.Linear, nn.LSTM, nn.GRU, nn.LSTMCell, nn.GRUCell, nn.RNNCell}
    return quantization.quantize_dynamic(module, kinds, dtype)


def static(*layers: nn.Module, example: torch.Tensor) -> nn.Module:
    module = nn.Sequential(quantization.QuantStub(), *layers, quantization.DeQuantStub()).eval()
    module.qconfig = quantization.get_default_qconfig("fbgemm")
    if any("Transpose" in type(layer).__name__ for layer in layers):  # has no weights per channel
        module.qconfig = quantization.QConfig(
            activation=quantization.default_observer, weight=quantization.default_weight_observer
        )
    prepared = quantization.prepare(module)
    prepared(example)
    return quantization.convert(prepared)


def embedding(module: nn.Module, config: quantization.QConfig) -> nn.Module:
    module.qconfig = config
    return quantization.convert(
        quantization.prepare(nn.Sequential(module)),
        {type(module): getattr(torch.ao.nn.quantized, type(module).__name__)},
    )


PICTURE = torch.rand(1, 3, 7, 7)
SEQUENCE = torch.rand(5, 2, 4)
ROW = torch.rand(2, 4)
WORDS = torch.tensor([[1, 2], [3, 4]])
EIGHT, FOUR = (
    quantization.float_qparams_weight_only_qconfig,
    quantization.float_qparams_weight_only_qconfig_4bit,
)
CASES = {
    "linear": (lambda: dynamic(nn.Sequential(nn.Linear(4, 3))), ROW),
    "linear, half": (lambda: dynamic(nn.Sequential(nn.Linear(4, 3)), torch.float16), ROW),
    "lstm": (lambda: dynamic(First(nn.LSTM(4, 3, num_layers=2))), SEQUENCE),
    "lstm, half": (lambda: dynamic(First(nn.LSTM(4, 3)), torch.float16), SEQUENCE),
    "gru": (lambda: dynamic(First(nn.GRU(4, 3, bidirectional=True))), SEQUENCE),
    "gru cell": (lambda: dynamic(nn.Sequential(nn.GRUCell(4, 3))), ROW),
    "embedding": (lambda: embedding(nn.Embedding(10, 8), EIGHT), WORDS),
    "bag": (lambda: embedding(nn.EmbeddingBag(10, 8, mode="sum"), EIGHT), WORDS),
    "bag, 4 bits": (lambda: embedding(nn.EmbeddingBag(10, 8, mode="sum"), FOUR), WORDS),
    "static linear": (lambda: static(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2), example=ROW), ROW),
    "conv1d": (lambda: static(nn.Conv1d(3, 4, 3, padding=1), example=PICTURE[:, :, 0]), PICTURE[:, :, 0]),
    "conv2d": (lambda: static(nn.Conv2d(3, 6, 3, stride=2, groups=3), nn.ReLU(), example=PICTURE), PICTURE),
    "conv3d": (lambda: static(nn.Conv3d(3, 4, 3), example=torch.rand(1, 3, 4, 4, 4)), torch.rand(1, 3, 4, 4, 4)),
    "transposed": (lambda: static(nn.ConvTranspose2d(3, 4, 3, output_padding=1, stride=2), example=PICTURE), PICTURE),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_it_computes_the_same_after_reading_and_after_writing(name: str) -> None:
    torch.manual_seed(0)
    make, example = CASES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = make()
        expected = module(example)
        buffer = io.BytesIO()
        torch.jit.save(torch.jit.script(module), buffer)
    loaded = jit.load(buffer.getvalue())
    torch.testing.assert_close(loaded(example), expected)
    again = loaded.save_to_buffer()
    if name != "bag, 4 bits":  # stock PyTorch does not read its own: it takes the elements for bytes
        torch.testing.assert_close(torch.jit.load(io.BytesIO(again))(example), expected)
    torch.testing.assert_close(jit.load(again)(example), expected)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear, self.lstm, self.gru = nn.Linear(3, 4), nn.LSTM(3, 4), nn.GRU(4, 2)

    def forward(self, x):
        y, _ = self.lstm(x)
        z, _ = self.gru(self.linear(x))
        return y.sum(-1) + z.sum(-1)


def quantised_convolutions() -> tuple[nn.Module, torch.Tensor]:
    stub, back = torch.ao.quantization.QuantStub(), torch.ao.quantization.DeQuantStub()
    model = nn.Sequential(
        stub, nn.Conv2d(3, 4, 3), nn.ReLU(), nn.ConvTranspose2d(4, 2, 2), nn.Flatten(), nn.Linear(32, 5), back
    ).eval()
    model.qconfig = torch.ao.quantization.QConfig(
        torch.ao.quantization.default_observer, torch.ao.quantization.default_weight_observer
    )
    x = torch.rand(2, 3, 5, 5)
    prepared = torch.ao.quantization.prepare(model)
    prepared(x)
    return torch.ao.quantization.convert(prepared), x


def quantised_recurrent() -> tuple[nn.Module, torch.Tensor]:
    kinds = {nn.Linear, nn.LSTM, nn.GRU}
    return torch.ao.quantization.quantize_dynamic(Recurrent().eval(), kinds, dtype=torch.qint8), torch.rand(
        2, 3, 3
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make", [quantised_convolutions, quantised_recurrent])
@pytest.mark.parametrize("how", ["script", "trace"])
def test_quantised_modules_are_compiled_and_saved(make, how: str) -> None:
    torch.manual_seed(0)
    module, x = make()
    compiled = jit.script(module) if how == "script" else jit.trace(module, x)
    data = compiled.save_to_buffer()
    loaded = jit.load(data)
    for one in (compiled, loaded, torch.jit.load(io.BytesIO(data)), jit.load(loaded.save_to_buffer())):
        torch.testing.assert_close(one(x), module(x))


@pytest.mark.parametrize("groups, problem", [(0, "has 0 groups"), (1 << 40, "has 1099511627776 groups")])
def test_a_convolution_that_cannot_be_packed(groups: int, problem: str) -> None:
    """fbgemm divides by the number of groups."""
    code = """
class M(Module):
  packed : __torch__.torch.classes.quantized.Conv2dPackedParamsBase
  training : bool
  def __setstate__(self: __torch__.M, state: Tensor) -> NoneType:
    weight = torch.quantize_per_tensor(state, 0.1, 0, 12)
    self.packed = ops.quantized.conv2d_prepack(weight, None, [1, 1], [0, 0], [1, 1], %d)
    self.training = False
    return None
  def forward(self: __torch__.M, x: Tensor) -> Tensor:
    return ops.quantized.conv2d(x, self.packed, 1.0, 0)
"""
    weight = floats("0", (1, 1, 2, 2), (4, 4, 2, 1))
    data = {"data/0": bytes(16)}
    archive_of = lambda number: archive(code % number, Object("__torch__.M", weight), records=data)
    jit.load(archive_of(1))
    with pytest.raises(jit.ArchiveError, match=problem):
        jit.load(archive_of(groups))

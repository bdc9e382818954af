"""Modules of torch.nn, scripted: forward and backward as in eager mode, and read by PyTorch from our archive."""

import copy
import io

import pytest
import torch
from torch import nn

import torchscript as jit

SEQUENCE = torch.rand(3, 5, 8)
IMAGE = torch.rand(2, 3, 8, 8)

CASES = {
    "LSTM": (lambda: nn.LSTM(8, 4), (SEQUENCE,)),
    "LSTM, deep and in both directions": (
        lambda: nn.LSTM(8, 4, 2, bidirectional=True, batch_first=True),
        (SEQUENCE,),
    ),
    "LSTM with a state": (lambda: nn.LSTM(8, 4), (SEQUENCE, (torch.rand(1, 5, 4), torch.rand(1, 5, 4)))),
    "GRU": (lambda: nn.GRU(8, 4), (SEQUENCE,)),
    "RNN": (lambda: nn.RNN(8, 4), (SEQUENCE,)),
    "LSTMCell": (lambda: nn.LSTMCell(8, 4), (SEQUENCE[0],)),
    "GRUCell": (lambda: nn.GRUCell(8, 4), (SEQUENCE[0],)),
    "MultiheadAttention": (lambda: nn.MultiheadAttention(8, 2), (SEQUENCE,) * 3),
    "TransformerEncoderLayer": (lambda: nn.TransformerEncoderLayer(8, 2), (SEQUENCE,)),
    "TransformerEncoder": (lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2), 2), (SEQUENCE,)),
    "Transformer": (lambda: nn.Transformer(8, 2, 1, 1), (SEQUENCE, SEQUENCE)),
    "Conv2d": (lambda: nn.Conv2d(3, 4, 3, padding="same", padding_mode="reflect"), (IMAGE,)),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(3, 4, 3, stride=2), (IMAGE,)),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(3), (IMAGE,)),
    "InstanceNorm2d": (lambda: nn.InstanceNorm2d(3, affine=True), (IMAGE,)),
    "GroupNorm": (lambda: nn.GroupNorm(3, 3), (IMAGE,)),
    "LayerNorm": (lambda: nn.LayerNorm(8), (SEQUENCE,)),
    "Upsample": (lambda: nn.Upsample(scale_factor=2, mode="bilinear"), (IMAGE,)),
    "AdaptiveAvgPool2d": (lambda: nn.AdaptiveAvgPool2d((None, 2)), (IMAGE,)),
    "MaxPool2d": (lambda: nn.MaxPool2d(2), (IMAGE,)),
    "Embedding": (lambda: nn.Embedding(5, 3, padding_idx=0), (torch.tensor([[0, 2], [3, 4]]),)),
    "EmbeddingBag": (lambda: nn.EmbeddingBag(5, 3), (torch.tensor([[1, 2], [3, 4]]),)),
    "Bilinear": (lambda: nn.Bilinear(8, 8, 2), (SEQUENCE, SEQUENCE)),
    "PReLU": (lambda: nn.PReLU(), (SEQUENCE,)),
    "Softmax": (lambda: nn.Softmax(1), (SEQUENCE,)),
    "spectral_norm": (lambda: nn.utils.spectral_norm(nn.Linear(8, 2)), (SEQUENCE,)),
    "MSELoss": (lambda: nn.MSELoss(), (SEQUENCE, SEQUENCE + 1)),
    "CrossEntropyLoss": (lambda: nn.CrossEntropyLoss(), (SEQUENCE[0], torch.tensor([0, 1, 2, 3, 4]))),
}


def tensors(value):
    if isinstance(value, torch.Tensor):
        return [value]
    return [t for part in value or () for t in tensors(part)] if isinstance(value, tuple | list) else []


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_module(name, training):
    make, inputs = CASES[name]
    torch.manual_seed(0)
    module = make().train(training)
    scripted = jit.script(copy.deepcopy(module))

    def run(compiled):
        torch.manual_seed(1)
        outputs = tensors(compiled(*inputs))
        compiled.zero_grad()
        parameters = list(compiled.parameters())
        if parameters:
            sum(o.sum() for o in outputs).backward()
        return outputs, [p.grad for p in parameters]

    wanted, wanted_gradients = run(module)
    given, gradients = run(scripted)
    assert len(given) == len(wanted) > 0
    for a, b in zip(given, wanted, strict=True):
        torch.testing.assert_close(a, b)
    for a, b in zip(gradients, wanted_gradients, strict=True):
        torch.testing.assert_close(a, b)
    if not training:
        buffer = io.BytesIO(scripted.save_to_buffer())
        read = tensors(torch.jit.load(buffer)(*inputs))
        for a, b in zip(read, wanted, strict=True):
            torch.testing.assert_close(a, b)

"""A trace holds the operators that PyTorch's own tracer records, and none of their decompositions."""

import re
from collections import Counter

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import torchscript as jit

# PyTorch records sizes as tensors, and takes them back; we record ints.
BOOKKEEPING = {"aten::Int", "aten::ScalarImplicit", "aten::floordiv", "aten::div"}


def operators(graph):
    counts = Counter(re.findall(r"= (aten::\w+)\(", str(graph)))
    for name in list(counts):
        if name in BOOKKEEPING:
            del counts[name]
        elif re.fullmatch(r"aten::(_convolution|conv[123]d|conv_transpose[123]d)", name):
            # our tracer keeps which convolution was called
            counts["convolution"] += counts.pop(name)
    return counts


def image(*size):
    return torch.rand(*size or (2, 3, 16, 16))


class Attends(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, query, memory):
        return self.attention(query, memory, memory, need_weights=False)[0]


MODULES = {
    "convolution": (nn.Conv2d(3, 4, 3, padding=1), [image()]),
    "transposed convolution": (nn.ConvTranspose2d(3, 4, 3, stride=2), [image()]),
    "circular padding": (nn.Conv1d(3, 4, 3, padding=1, padding_mode="circular"), [image(2, 3, 8)]),
    "batch norm": (nn.BatchNorm2d(3), [image()]),
    "other norms": (nn.Sequential(nn.GroupNorm(3, 3), nn.InstanceNorm2d(3), nn.LayerNorm(16)), [image()]),
    "max pooling": (nn.MaxPool2d(2), [image()]),
    "pooling": (nn.Sequential(nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(1), nn.Flatten()), [image()]),
    "LSTM": (nn.LSTM(4, 5, 2, batch_first=True), [image(2, 3, 4)]),
    "bidirectional LSTM": (nn.LSTM(4, 5, bidirectional=True), [image(2, 3, 4)]),
    "GRU": (nn.GRU(4, 5), [image(2, 3, 4)]),
    "RNN": (nn.RNN(4, 5), [image(2, 3, 4)]),
    "attention": (Attends(), [image(2, 3, 8), image(2, 4, 8)]),
    "encoder layer": (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), [image(2, 3, 8)]),
    "decoder layer": (nn.TransformerDecoderLayer(8, 2, 16), [image(2, 3, 8), image(2, 3, 8)]),
    "embedding": (nn.Embedding(10, 4), [torch.tensor([1, 2])]),
    "embedding bag": (nn.EmbeddingBag(10, 4), [torch.tensor([[1, 2]])]),
    "upsampling": (nn.Upsample(scale_factor=2, mode="bilinear"), [image()]),
    "activations": (nn.Sequential(nn.GELU(), nn.SiLU(), nn.Hardtanh(), nn.PReLU(), nn.Softmax(1)), [image()]),
}


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore::torchscript.TracerWarning")
def test_modules(name, check_graph):
    module, inputs = MODULES[name]
    module.eval()

    ours = jit.trace(module, tuple(inputs))
    theirs = torch.jit.trace(module, tuple(inputs), check_trace=False)

    assert operators(ours.inlined_graph) == operators(theirs.inlined_graph)
    check_graph(ours.graph)
    check_graph(ours.inlined_graph)


FUNCTIONS = {
    "interpolate to a scale": lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"),
    "interpolate to a size": lambda x: F.interpolate(x, size=(x.shape[2] + 1, 7)),
    "bicubic": lambda x: F.interpolate(x, scale_factor=2, mode="bicubic"),
    "einsum": lambda x: torch.einsum("bchw,bchw->bc", x, x),
    "reductions": lambda x: (
        x.sum(1),
        x.mean((2, 3)),
        x.std(),
        x.amax(1),
        x.max(1),
        x.norm(),
        x.logsumexp(1),
    ),
    "shapes": lambda x: (
        x.permute(0, 2, 3, 1),
        x.flatten(1),
        x.transpose(1, 2),
        x.unsqueeze(0),
        x[None, :, 1:],
    ),
    "lists": lambda x: (torch.cat([x, x], 1), torch.stack([x, x]), x.split(2, 1), x.chunk(2), x.unbind(0)),
    "arithmetic": lambda x: (x * x, x / x, -x, abs(x), x @ x, x > x, (x > 0) & (x > 1), x == x, x**2),
    "softmax": lambda x: (F.softmax(x, -1), F.log_softmax(x, 1), F.normalize(x), F.cosine_similarity(x, x)),
    "padding": lambda x: F.pad(x, (1, 1)),
    "unflatten": lambda x: x.unflatten(1, (3, 1)),
    "masks": lambda x: (x.masked_fill(x > 0, 1.0), torch.where(x > 0, x, x), x.clamp(min=0)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name, check_graph):
    x = image()

    ours = jit.trace(FUNCTIONS[name], (x,))
    theirs = torch.jit.trace(FUNCTIONS[name], (x,))

    assert operators(ours.graph) == operators(theirs.graph)
    check_graph(ours.graph)


def test_resnet18(assert_same):
    torchvision = pytest.importorskip("torchvision")
    net = torchvision.models.resnet18().eval()

    ours = jit.trace(net, torch.rand(1, 3, 64, 64))
    theirs = torch.jit.trace(net, torch.rand(1, 3, 64, 64))

    assert operators(ours.inlined_graph) == operators(theirs.inlined_graph)
    assert [name for name, _ in ours.named_parameters()] == [name for name, _ in theirs.named_parameters()]
    x = torch.rand(3, 3, 96, 96)
    assert_same(ours(x), net(x))

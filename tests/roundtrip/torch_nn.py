"""The modules of torch.nn, each with arguments to call it with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn, rand, randint, randn

Entry = tuple[Callable[[], nn.Module], Callable[[], tuple[Any, ...]]]


def _labels(*size: int, high: int = 3) -> torch.Tensor:
    return randint(0, high, size)


def _signs(*size: int) -> torch.Tensor:
    return randint(0, 2, size) * 2.0 - 1.0


_LINE = lambda: (randn(2, 4, 9),)
_PLANE = lambda: (randn(2, 4, 8, 8),)
_SOLID = lambda: (randn(1, 4, 6, 6, 6),)
_ROWS = lambda: (randn(3, 8),)

LAYERS: dict[str, Entry] = {
    "Linear": (lambda: nn.Linear(8, 5), _ROWS),
    "Linear, no bias": (lambda: nn.Linear(8, 5, bias=False), _ROWS),
    "Bilinear": (lambda: nn.Bilinear(8, 4, 3), lambda: (randn(3, 8), randn(3, 4))),
    "Identity": (nn.Identity, _ROWS),
    "Conv1d": (lambda: nn.Conv1d(4, 6, 3, padding=1), _LINE),
    "Conv2d": (lambda: nn.Conv2d(4, 6, 3, stride=2, padding=1), _PLANE),
    "Conv2d, grouped": (lambda: nn.Conv2d(4, 8, 3, groups=2, dilation=2), _PLANE),
    "Conv2d, padding same": (lambda: nn.Conv2d(4, 2, 3, padding="same"), _PLANE),
    "Conv2d, padding reflect": (lambda: nn.Conv2d(4, 2, 3, padding=1, padding_mode="reflect"), _PLANE),
    "Conv3d": (lambda: nn.Conv3d(4, 2, 3), _SOLID),
    "ConvTranspose1d": (lambda: nn.ConvTranspose1d(4, 3, 3), _LINE),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(4, 3, 3, stride=2, output_padding=1), _PLANE),
    "ConvTranspose3d": (lambda: nn.ConvTranspose3d(4, 3, 2), _SOLID),
    "Fold": (lambda: nn.Fold((4, 5), (2, 2)), lambda: (randn(1, 12, 12),)),
    "Unfold": (lambda: nn.Unfold((2, 3)), lambda: (randn(2, 5, 3, 4),)),
    "Embedding": (lambda: nn.Embedding(10, 4, padding_idx=0), lambda: (_labels(2, 5, high=10),)),
    "Embedding, max_norm": (lambda: nn.Embedding(10, 4, max_norm=1.0), lambda: (_labels(2, 5, high=10),)),
    "EmbeddingBag": (lambda: nn.EmbeddingBag(10, 3, mode="sum"), lambda: (_labels(2, 5, high=10),)),
    "MaxPool1d": (lambda: nn.MaxPool1d(3, stride=2), _LINE),
    "MaxPool2d": (lambda: nn.MaxPool2d(3, stride=2, padding=1), _PLANE),
    "MaxPool2d, indices": (lambda: nn.MaxPool2d(2, return_indices=True), _PLANE),
    "MaxPool3d": (lambda: nn.MaxPool3d(2), _SOLID),
    "MaxUnpool2d": (
        lambda: nn.MaxUnpool2d(2),
        lambda: nn.MaxPool2d(2, return_indices=True)(randn(1, 2, 4, 4)),
    ),
    "AvgPool1d": (lambda: nn.AvgPool1d(2), _LINE),
    "AvgPool2d": (lambda: nn.AvgPool2d(2, ceil_mode=True), _PLANE),
    "AvgPool3d": (lambda: nn.AvgPool3d(2), _SOLID),
    "LPPool1d": (lambda: nn.LPPool1d(2, 3), _LINE),
    "LPPool2d": (lambda: nn.LPPool2d(2, 3, stride=2), _PLANE),
    "AdaptiveAvgPool1d": (lambda: nn.AdaptiveAvgPool1d(3), _LINE),
    "AdaptiveAvgPool2d": (lambda: nn.AdaptiveAvgPool2d((None, 3)), _PLANE),
    "AdaptiveAvgPool3d": (lambda: nn.AdaptiveAvgPool3d(2), _SOLID),
    "AdaptiveMaxPool1d": (lambda: nn.AdaptiveMaxPool1d(3), _LINE),
    "AdaptiveMaxPool2d": (lambda: nn.AdaptiveMaxPool2d(3), _PLANE),
    "ReflectionPad1d": (lambda: nn.ReflectionPad1d(2), _LINE),
    "ReflectionPad2d": (lambda: nn.ReflectionPad2d((1, 2, 0, 1)), _PLANE),
    "ReplicationPad1d": (lambda: nn.ReplicationPad1d(2), _LINE),
    "ReplicationPad2d": (lambda: nn.ReplicationPad2d(2), _PLANE),
    "ReplicationPad3d": (lambda: nn.ReplicationPad3d(1), _SOLID),
    "ZeroPad2d": (lambda: nn.ZeroPad2d((1, 1, 2, 0)), _PLANE),
    "ConstantPad1d": (lambda: nn.ConstantPad1d(2, 3.5), _LINE),
    "CircularPad2d": (lambda: nn.CircularPad2d(1), _PLANE),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(4), _LINE),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(4), _PLANE),
    "BatchNorm2d, no statistics": (lambda: nn.BatchNorm2d(4, track_running_stats=False), _PLANE),
    "BatchNorm3d": (lambda: nn.BatchNorm3d(4), _SOLID),
    "LayerNorm": (lambda: nn.LayerNorm(8), _ROWS),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), _PLANE),
    "InstanceNorm1d": (lambda: nn.InstanceNorm1d(4, affine=True), _LINE),
    "InstanceNorm2d": (lambda: nn.InstanceNorm2d(4), _PLANE),
    "LocalResponseNorm": (lambda: nn.LocalResponseNorm(2), _PLANE),
    "RMSNorm": (lambda: nn.RMSNorm(8), _ROWS),
    "Dropout": (lambda: nn.Dropout(0.5), _ROWS),
    "Dropout2d": (lambda: nn.Dropout2d(0.5), _PLANE),
    "AlphaDropout": (lambda: nn.AlphaDropout(0.5), _ROWS),
    "FeatureAlphaDropout": (lambda: nn.FeatureAlphaDropout(0.5), _PLANE),
    "ChannelShuffle": (lambda: nn.ChannelShuffle(2), _PLANE),
    "PixelShuffle": (lambda: nn.PixelShuffle(2), _PLANE),
    "PixelUnshuffle": (lambda: nn.PixelUnshuffle(2), _PLANE),
    "Upsample, nearest": (lambda: nn.Upsample(scale_factor=2), _PLANE),
    "Upsample, bilinear": (lambda: nn.Upsample(size=(5, 7), mode="bilinear", align_corners=True), _PLANE),
    "UpsamplingNearest2d": (lambda: nn.UpsamplingNearest2d(scale_factor=2), _PLANE),
    "Flatten": (nn.Flatten, _PLANE),
    "Unflatten": (lambda: nn.Unflatten(1, (2, 4)), _ROWS),
    "CosineSimilarity": (lambda: nn.CosineSimilarity(1), lambda: (randn(3, 4), randn(3, 4))),
    "PairwiseDistance": (lambda: nn.PairwiseDistance(p=1.5), lambda: (randn(3, 4), randn(3, 4))),
    "LSTM": (lambda: nn.LSTM(4, 5, num_layers=2, batch_first=True), lambda: (randn(2, 3, 4),)),
    "LSTM, both ways": (lambda: nn.LSTM(4, 5, bidirectional=True), lambda: (randn(3, 2, 4),)),
    "GRU": (lambda: nn.GRU(4, 5), lambda: (randn(3, 2, 4),)),
    "RNN": (lambda: nn.RNN(4, 5, nonlinearity="relu"), lambda: (randn(3, 2, 4),)),
    "LSTMCell": (lambda: nn.LSTMCell(4, 5), lambda: (randn(2, 4),)),
    "GRUCell": (lambda: nn.GRUCell(4, 5), lambda: (randn(2, 4),)),
    "RNNCell": (lambda: nn.RNNCell(4, 5), lambda: (randn(2, 4),)),
    "MultiheadAttention": (
        lambda: nn.MultiheadAttention(8, 2, batch_first=True),
        lambda: (randn(2, 3, 8), randn(2, 4, 8), randn(2, 4, 8)),
    ),
    "TransformerEncoderLayer": (lambda: nn.TransformerEncoderLayer(8, 2, 16), lambda: (randn(3, 2, 8),)),
    "TransformerEncoder": (
        lambda: nn.TransformerEncoder(
            nn.TransformerEncoderLayer(8, 2, 16, norm_first=True, batch_first=True),
            2,
            enable_nested_tensor=False,
        ),
        lambda: (randn(2, 3, 8),),
    ),
    "TransformerDecoderLayer": (
        lambda: nn.TransformerDecoderLayer(8, 2, 16),
        lambda: (randn(3, 2, 8), randn(4, 2, 8)),
    ),
}

ACTIVATIONS: dict[str, Entry] = {
    type(module).__name__ + note: (lambda module=module: module, _PLANE)
    for note, module in [
        ("", nn.ReLU()), ("", nn.ReLU6()), ("", nn.ELU()), ("", nn.CELU(1.5)), ("", nn.SELU()), ("", nn.GELU()),
        (", tanh", nn.GELU("tanh")), ("", nn.GLU(1)), ("", nn.Hardshrink()), ("", nn.Hardsigmoid()),
        ("", nn.Hardswish()), ("", nn.Hardtanh(-1.0, 2.0)), ("", nn.LeakyReLU(0.2)), ("", nn.LogSigmoid()),
        ("", nn.LogSoftmax(1)), ("", nn.Mish()), ("", nn.PReLU(4)), ("", nn.RReLU()), ("", nn.SiLU()),
        ("", nn.Sigmoid()), ("", nn.Softmax(1)), ("", nn.Softmax2d()), ("", nn.Softmin(1)),
        ("", nn.Softplus(beta=2)), ("", nn.Softshrink()), ("", nn.Softsign()), ("", nn.Tanh()),
        ("", nn.Tanhshrink()), ("", nn.Threshold(0.1, 20.0)),
    ]
}  # fmt: skip

_PAIR = lambda: (randn(3, 4), randn(3, 4))
_CLASSES = lambda: (randn(3, 5), _labels(3, high=5))

LOSSES: dict[str, Entry] = {
    "L1Loss": (nn.L1Loss, _PAIR),
    "MSELoss": (lambda: nn.MSELoss(reduction="sum"), _PAIR),
    "HuberLoss": (nn.HuberLoss, _PAIR),
    "SmoothL1Loss": (lambda: nn.SmoothL1Loss(beta=0.5), _PAIR),
    "SoftMarginLoss": (nn.SoftMarginLoss, lambda: (randn(3, 4), _signs(3, 4))),
    "CrossEntropyLoss": (lambda: nn.CrossEntropyLoss(label_smoothing=0.1), _CLASSES),
    "CrossEntropyLoss, weights": (lambda: nn.CrossEntropyLoss(weight=torch.arange(5.0)), _CLASSES),
    "NLLLoss": (nn.NLLLoss, lambda: (randn(3, 5).log_softmax(1), _labels(3, high=5))),
    "BCELoss": (nn.BCELoss, lambda: (rand(3), rand(3))),
    "BCEWithLogitsLoss": (
        lambda: nn.BCEWithLogitsLoss(pos_weight=torch.tensor(2.0)),
        lambda: (randn(3), rand(3)),
    ),
    "KLDivLoss": (
        lambda: nn.KLDivLoss(reduction="batchmean"),
        lambda: (randn(3, 4).log_softmax(1), randn(3, 4).softmax(1)),
    ),
    "PoissonNLLLoss": (nn.PoissonNLLLoss, lambda: (randn(3), rand(3))),
    "GaussianNLLLoss": (nn.GaussianNLLLoss, lambda: (randn(3), randn(3), rand(3))),
    "HingeEmbeddingLoss": (nn.HingeEmbeddingLoss, lambda: (randn(3), _signs(3))),
    "MarginRankingLoss": (nn.MarginRankingLoss, lambda: (randn(3), randn(3), _signs(3))),
    "CosineEmbeddingLoss": (nn.CosineEmbeddingLoss, lambda: (randn(3, 4), randn(3, 4), _signs(3))),
    "TripletMarginLoss": (nn.TripletMarginLoss, lambda: (randn(3, 4), randn(3, 4), randn(3, 4))),
    "MultiMarginLoss": (nn.MultiMarginLoss, _CLASSES),
    "MultiLabelMarginLoss": (
        nn.MultiLabelMarginLoss,
        lambda: (randn(2, 3), torch.tensor([[1, 0, -1], [2, -1, 0]])),
    ),
    "MultiLabelSoftMarginLoss": (nn.MultiLabelSoftMarginLoss, lambda: (randn(2, 3), rand(2, 3).round())),
    "CTCLoss": (
        nn.CTCLoss,
        lambda: (
            randn(8, 2, 5).log_softmax(2),
            randint(1, 5, (2, 4)),
            torch.tensor([8, 7]),
            torch.tensor([4, 3]),
        ),
    ),
}

CONTAINERS: dict[str, Entry] = {
    "Sequential": (lambda: nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2)), _ROWS),
    "Sequential, nested": (
        lambda: nn.Sequential(nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4)), nn.Flatten(), nn.LazyLinear(2)),
        _PLANE,
    ),
    "ParametrizedLinear": (lambda: nn.utils.fuse_linear_bn_eval(nn.Linear(8, 4).eval(), nn.BatchNorm1d(4).eval()), _ROWS),
}  # fmt: skip

# What torch.jit does not compile, loses (the norm), or cannot load again (the recurrent layers, by themselves).
NOT_IN_STOCK = (
    "AdaptiveAvgPool2d", "Embedding, max_norm", "GaussianNLLLoss", "GRU", "LSTM",
    "LSTM, both ways", "MaxUnpool2d", "RNN",
)  # fmt: skip

MODULES: dict[str, Entry] = {**LAYERS, **ACTIVATIONS, **LOSSES, **CONTAINERS}

"""The models of torchvision, with random weights and small images; those of hundreds of megabytes are made narrow."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import nn, rand

from .torch_nn import Entry

# Name in torchvision.models → side of the image, and arguments of the model.
_CLASSIFIERS: dict[str, tuple[int, dict[str, Any]]] = {
    "resnet18": (64, {}),
    "resnet34": (64, {}),
    "resnet50": (64, {}),
    "resnext50_32x4d": (64, {}),
    "densenet121": (64, {}),
    "densenet169": (64, {}),
    "mobilenet_v2": (64, {}),
    "mobilenet_v3_small": (64, {}),
    "mobilenet_v3_large": (64, {}),
    "shufflenet_v2_x0_5": (64, {}),
    "shufflenet_v2_x1_0": (64, {}),
    "squeezenet1_0": (64, {}),
    "squeezenet1_1": (64, {}),
    "mnasnet0_5": (64, {}),
    "mnasnet1_0": (64, {}),
    "efficientnet_b0": (64, {}),
    "efficientnet_b1": (64, {}),
    "efficientnet_v2_s": (64, {}),
    "regnet_x_400mf": (64, {}),
    "regnet_y_400mf": (64, {}),
    "googlenet": (64, {"init_weights": False, "aux_logits": False}),
    "inception_v3": (80, {"init_weights": False, "aux_logits": False}),
    "convnext_tiny": (64, {}),
    "swin_t": (64, {}),
    "swin_v2_t": (64, {}),
}
# Scripted, they return a tuple on purpose, whatever eager mode returns.
TRACED_ONLY = ("googlenet", "inception_v3")
_VIDEO = ("r3d_18", "mc3_18", "r2plus1d_18")
_SEGMENTATION = ("lraspp_mobilenet_v3_large", "deeplabv3_mobilenet_v3_large")


def _models() -> Any:
    import torchvision

    return torchvision.models


def _classifier(name: str, options: dict[str, Any]) -> nn.Module:
    return getattr(_models(), name)(weights=None, **options)


def _vision_transformer() -> nn.Module:
    return _models().VisionTransformer(
        image_size=32, patch_size=8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32
    )


def _narrow_vgg() -> nn.Module:
    layers = _models().vgg.make_layers([8, "M", 16, "M", 16, 16, "M"], batch_norm=True)
    vgg = _models().VGG(layers, num_classes=10, init_weights=False)
    vgg.classifier = nn.Sequential(nn.Linear(16 * 7 * 7, 32), nn.ReLU(True), nn.Dropout(), nn.Linear(32, 10))
    return vgg


def _narrow_alexnet() -> nn.Module:
    alexnet = _models().AlexNet(num_classes=10)
    alexnet.classifier = nn.Sequential(
        nn.Dropout(), nn.Linear(256 * 6 * 6, 32), nn.ReLU(True), nn.Linear(32, 10)
    )
    return alexnet


def _segmentation(name: str) -> nn.Module:
    return getattr(_models().segmentation, name)(weights=None, weights_backbone=None)


def _video(name: str) -> nn.Module:
    return getattr(_models().video, name)(weights=None)


def _image(side: int) -> Callable[[], tuple[Any, ...]]:
    return lambda: (rand(2, 3, side, side),)


CLASSIFIERS: dict[str, Entry] = {
    **{
        name: (functools.partial(_classifier, name, options), _image(side))
        for name, (side, options) in _CLASSIFIERS.items()
    },
    "vision transformer": (_vision_transformer, _image(32)),
    "vgg, narrow": (_narrow_vgg, _image(64)),
    "alexnet, narrow": (_narrow_alexnet, _image(64)),
}
OTHERS: dict[str, Entry] = {
    **{name: (functools.partial(_segmentation, name), _image(64)) for name in _SEGMENTATION},
    **{name: (functools.partial(_video, name), lambda: (torch.rand(1, 3, 4, 32, 32),)) for name in _VIDEO},
}

"""Trace torchvision's classification, segmentation and video models, and run what was saved elsewhere.

    python -m tests.tracing.sweeps.torchvision_models                     all of them: half an hour
    python -m tests.tracing.sweeps.torchvision_models resnet18 --no-cpp   some, without C++

Each has random weights and is traced with one image (or film). It is to return what eager PyTorch returns for
a batch of two of another size, or of the same size where the model takes no other: in this process, loaded by
torch.jit.load, and in the C++ host.
"""

import io
import warnings
from typing import Any

import torch

import torchscript
from torchscript.tracing.structures import tensors_in

from .sweeping import sweep

KINDS = ("segmentation", "video")
FRAMES = 16
# The side of the first image and of the others, by the beginning of a model's name; the longest beginning counts.
SIDES: dict[str, tuple[int, int]] = {
    "": (64, 96),
    "inception_v3": (80, 112),
    "swin_v2": (96, 112),  # 64 would lead to other windows: another path
    "vit_": (224, 224),
    "vit_h_14": (224, 224),
    "maxvit_t": (224, 224),
    "video.": (64, 80),
    "video.mvit": (224, 224),
    "video.s3d": (224, 256),
}


def names() -> list[str]:
    """`resnet18`, `segmentation.fcn_resnet50`, `video.r3d_18`, …"""
    from tests.torchvision_operators import define_missing

    define_missing()  # torchvision imports only after this
    from torchvision import models

    found = models.list_models(models)
    return found + [f"{kind}.{name}" for kind in KINDS for name in models.list_models(getattr(models, kind))]


def sides_of(name: str) -> tuple[int, int]:
    return SIDES[max((start for start in SIDES if name.startswith(start)), key=len)]


def build(name: str) -> torch.nn.Module:
    names()
    from torchvision import models

    options = {"weights_backbone": None} if name.startswith("segmentation.") else {}
    torch.manual_seed(0)
    model: torch.nn.Module = models.get_model(name.rpartition(".")[2], weights=None, **options).eval()
    return model


def example(name: str, batch: int, side: int) -> torch.Tensor:
    frames = (FRAMES,) if name.startswith("video.") else ()
    return torch.rand(batch, 3, *frames, side, side)


def compare(name: str, host: Any = None) -> None:
    """Trace a model, save it, and compare everything that runs it with eager mode."""
    model = build(name)
    first, other = sides_of(name)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torchscript.trace(model, example(name, 1, first), strict=False, check_trace=False)
        archive = traced.save_to_buffer()
        x = example(name, 2, other)
        expected = tensors_in(model(x))
        assert_close("torchscript", traced(x), expected)
        assert_close("torch.jit", torch.jit.load(io.BytesIO(archive))(x), expected)
        if host is not None:
            assert_close("C++", host.run(archive, (x,)), expected)


def assert_close(where: str, result: Any, expected: list[torch.Tensor]) -> None:
    torch.testing.assert_close(
        tensors_in(result), expected, rtol=1e-3, atol=1e-4, msg=lambda m: f"{where}: {m}"
    )


if __name__ == "__main__":
    sweep(__doc__, "models, video.… and segmentation.… (default: all)", names, compare)

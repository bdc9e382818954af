"""Every model builder of torchvision: how to make a small one, what to call it with, what its run must agree on.

torchvision beside a CPU build of torch has only the definitions of its operators; the kernels are given here, in Python.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import torch
import torchvision
from torchvision import models

import torchscript as jit

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "roi_align": "roi_align(Tensor input, Tensor rois, float spatial_scale, int pooled_height, int pooled_width, "
    "int sampling_ratio, bool aligned) -> Tensor",
}
LIBRARY = torch.library.Library("torchvision", "FRAGMENT")


def nms(boxes: torch.Tensor, scores: torch.Tensor, threshold: float) -> torch.Tensor:
    """Non-maximum suppression: the indices of boxes that overlap no better one by more than `threshold`."""
    overlap = torchvision.ops.box_iou(boxes, boxes) > threshold
    kept: list[int] = []
    dropped = torch.zeros(len(boxes), dtype=torch.bool)
    for index in scores.argsort(descending=True, stable=True).tolist():
        if not dropped[index]:
            kept.append(index)
            dropped |= overlap[index]
    return torch.tensor(kept, dtype=torch.int64)


def roi_align(
    x: Any, rois: Any, scale: float, height: int, width: int, ratio: int, aligned: bool
) -> torch.Tensor:
    return torchvision.ops.roi_align.__globals__["_roi_align"](x, rois, scale, height, width, ratio, aligned)


def give_kernels() -> None:
    """Kernels for torchvision's operators, where it came without its own."""
    for name, kernel in (("nms", nms), ("roi_align", roi_align)):
        if not hasattr(torch.ops.torchvision, name):
            LIBRARY.define(_SCHEMAS[name])
        if not torch._C._dispatch_has_kernel_for_dispatch_key(f"torchvision::{name}", "CPU"):
            LIBRARY.impl(name, kernel, "CPU")
    torchvision.extension._has_ops = lambda: True


def kind(name: str) -> str:
    """'classification', 'detection', 'segmentation', 'video' or 'optical_flow'."""
    module = models.get_model_builder(name).__module__
    return next(
        (k for k in ("detection", "segmentation", "video", "optical_flow") if k in module), "classification"
    )


def build(name: str) -> torch.nn.Module:
    """The model with random weights; detection with small images, which its transform makes."""
    options: dict[str, Any] = {"weights": None}
    if kind(name) in ("detection", "segmentation"):
        options["weights_backbone"] = None
    if kind(name) == "detection" and not name.startswith("ssd"):
        options.update(min_size=64, max_size=96)
    if "rcnn" in name:  # random weights propose as many boxes as they may
        options.update(
            {f"rpn_{when}_nms_top_n_{mode}": 20 for when in ("pre", "post") for mode in ("train", "test")}
        )
    torch.manual_seed(0)
    return models.get_model(name, **options).eval()


_SIDES = {
    "alexnet": 224,
    "inception_v3": 299,
    "quantized_inception_v3": 299,
    "maxvit_t": 224,
    "googlenet": 96,
}


def inputs(name: str) -> tuple[Any, ...]:
    torch.manual_seed(0)
    what = kind(name)
    if what == "detection":
        return ([torch.rand(3, 64, 80), torch.rand(3, 72, 60)],)
    if what == "video":
        full = name.startswith(("mvit", "s3d"))
        return (torch.rand(1, 3, 16, 224, 224) if full else torch.rand(1, 3, 8, 64, 64),)
    if what == "optical_flow":
        return torch.rand(1, 3, 128, 128), torch.rand(1, 3, 128, 128)
    side = 224 if name.startswith(("vit", "swin")) else _SIDES.get(name, 64)
    return (torch.rand(1, 3, side, side),)


def tensors(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        return [t for key in sorted(value) for t in tensors(value[key])]
    return [t for part in value for t in tensors(part)] if isinstance(value, list | tuple) else []


def run(program: Callable[..., Any], name: str, given: tuple[Any, ...]) -> list[torch.Tensor]:
    """The tensors that a run gives. A compiled detection model gives (losses, detections), of which one is empty."""
    torch.manual_seed(1)
    with torch.no_grad():
        return tensors(program(*given))


def check(name: str) -> None:
    """The model compiles, agrees with eager mode, and does so in PyTorch too, which reads the archive."""
    model, given = build(name), inputs(name)
    expected = run(model, name, given)
    assert expected
    scripted = jit.script(model)
    archive = io.BytesIO()
    jit.save(scripted, archive)
    archive.seek(0)
    for program in (scripted, torch.jit.load(archive)):
        actual = run(program, name, given)
        assert len(actual) == len(expected)
        for one, other in zip(actual, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)

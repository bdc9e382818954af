"""Makes torchvision importable where it came without its C++ operators, as it does beside a CPU build of torch.

On import, torchvision registers Python implementations for `nms` and `qnms`, so these must be defined before.
Where its C++ operators load, they must not be: a second definition ends the process. So they are loaded first.
"""

import importlib.util
from pathlib import Path

import torch

# The reference keeps the definitions alive.
LIBRARY = torch.library.Library("torchvision", "FRAGMENT")

_NMS = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def _own_operators() -> bool:
    """Whether torchvision's own operators are there, after an attempt to load them."""
    spec = importlib.util.find_spec("torchvision")
    for library in Path(spec.origin).parent.glob("_C*.so") if spec and spec.origin else ():
        try:
            torch.ops.load_library(library)
        except OSError:  # built for another torch
            return False
    return hasattr(torch.ops.torchvision, "nms")


def define_missing() -> None:
    """Define `nms` and `qnms` where torchvision brings none that load here."""
    if not hasattr(torch.ops.torchvision, "nms") and not _own_operators():
        for name in ("nms", "qnms"):
            LIBRARY.define(name + _NMS)

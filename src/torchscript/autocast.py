"""What a `torch.autocast` object of compiled code does in this process: the same as PyTorch's own."""

from __future__ import annotations

import re
from typing import Any

import torch

from . import types as T
from .codes import dtype_of

QUALIFIED_NAME = "__torch__.torch.amp.autocast_mode.autocast"
"""The class that archives have for it."""

_NAMES = {QUALIFIED_NAME} | {
    f"__torch__.torch.{device}.amp.autocast_mode.autocast" for device in ("cuda", "cpu")
}
"""What PyTorch's interpreter knows it by; older programs name the device so."""

_MANGLED = re.compile(r"___torch_mangle_\d+\.")


def is_autocast(type: T.Type) -> bool:
    """Whether a type is the class of autocast objects, that of an archive included."""
    return isinstance(type, T.ClassType) and _MANGLED.sub("", type.qualified_name) in _NAMES


class autocast:
    """An instance is made by the compiled `__init__`, which sets the three attributes."""

    fast_dtype: Any  # a dtype, or its code where an archive was read
    _enabled: bool
    device: str

    def __enter__(self) -> autocast:
        self._entered: list[torch.autocast] = getattr(self, "_entered", [])
        dtype = self.fast_dtype
        if isinstance(dtype, int):
            dtype = dtype_of(dtype)
        absent = self.device == "cuda" and not torch.cuda.is_available()
        enabled = self._enabled and not absent  # PyTorch's own would warn each time
        manager: Any = torch.autocast(self.device, dtype, enabled)
        manager.__enter__()
        self._entered.append(manager)
        return self

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        self._entered.pop().__exit__(exc_type, exc_value, traceback)

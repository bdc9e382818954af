"""Modules that a library compiled with stock torch.jit: read through the archive that they write of themselves.

The module that is made of it shares the parameters and buffers; the user's own module stays as it is.
"""

from __future__ import annotations

import io
import weakref
from typing import Any

import torch

_MADE: weakref.WeakKeyDictionary[torch.nn.Module, torch.nn.Module] = weakref.WeakKeyDictionary()


def is_foreign(module: torch.nn.Module) -> bool:
    """Whether stock torch.jit made this module."""
    from ..runtime.module import ScriptModule

    return hasattr(type(module), "save_to_buffer") and not isinstance(module, ScriptModule)


def taken_over(module: torch.nn.Module) -> torch.nn.Module:
    """`module`, or what this library makes of it where stock torch.jit made it."""
    if not is_foreign(module):
        return module
    found = _MADE.get(module)
    if found is None:
        from ..runtime.api import load

        foreign: Any = module
        found = load(io.BytesIO(foreign.save_to_buffer()), allow_io=True)  # it runs in this process already
        for path, parameter in module.named_parameters():
            _put(found, "_parameters", path, parameter)
        for path, buffer in module.named_buffers():
            _put(found, "_buffers", path, buffer)
        _MADE[module] = found
    return found


def _put(root: torch.nn.Module, table: str, path: str, tensor: torch.Tensor) -> None:
    owner, _, name = path.rpartition(".")
    values = getattr(root.get_submodule(owner), table)
    if name in values:
        values[name] = tensor

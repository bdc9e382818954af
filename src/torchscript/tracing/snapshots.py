"""The buffers of a module, put back after runs that are not the user's.

To be recorded is one call, as in PyTorch. The checks only look: buffers (running statistics, counters) and tensors in
plain attributes have the content that they had before, however often the module ran.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


class Buffers:
    """The buffers of a module and of those inside it, and the tensors in their plain attributes."""

    def __init__(self, root: nn.Module | None) -> None:
        modules = list(nn.Module.modules(root)) if root is not None else []
        self._tables: list[tuple[dict[str, Any], dict[str, Any]]] = [
            (m._buffers, dict(m._buffers)) for m in modules if m._buffers
        ]
        for module in modules:
            plain = {name: t for name, t in module.__dict__.items() if isinstance(t, torch.Tensor)}
            if plain:
                self._tables.append((module.__dict__, plain))
        tensors = {id(t): t for _, entries in self._tables for t in entries.values() if t is not None}
        self._contents = [(t, t.detach().clone()) for t in tensors.values() if _has_content(t)]

    def restore(self) -> None:
        """Put back tensors and contents; buffers that are new stay."""
        for table, entries in self._tables:
            table.update(entries)
        for tensor, content in self._contents:
            if not torch.equal(tensor, content):  # versions do not count what batch_norm writes
                with torch.no_grad():
                    if tensor.shape != content.shape:
                        tensor.resize_(content.shape)
                    tensor.copy_(content)


def _has_content(tensor: torch.Tensor) -> bool:
    is_lazy = nn.parameter.is_lazy(tensor)
    return not is_lazy and not tensor.is_meta and tensor.layout == torch.strided


@contextmanager
def unchanged(*roots: nn.Module | None) -> Iterator[None]:
    """Leave the buffers as they are, whatever runs meanwhile."""
    buffers = [Buffers(root) for root in roots]
    try:
        yield
    finally:
        for each in buffers:
            each.restore()

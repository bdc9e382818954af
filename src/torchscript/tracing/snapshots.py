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
            put_back(tensor, content)


def _has_content(tensor: torch.Tensor) -> bool:
    is_lazy = nn.parameter.is_lazy(tensor)
    return not is_lazy and not tensor.is_meta


def put_back(tensor: torch.Tensor, content: torch.Tensor) -> None:
    """Give a tensor the content that it had, if it has another."""
    if is_same(tensor, content):  # versions do not count what batch_norm writes
        return
    with torch.no_grad():
        if tensor.layout in _COMPRESSED:
            tensor.resize_as_sparse_(content)
        elif tensor.shape != content.shape and tensor.layout == torch.strided:
            tensor.resize_(content.shape)
        tensor.copy_(content)


def is_same(one: torch.Tensor, other: torch.Tensor) -> bool:
    """`torch.equal` for all layouts."""
    if one.dtype != other.dtype or one.layout != other.layout or one.is_nested != other.is_nested:
        return False
    ours, theirs = _parts(one), _parts(other)
    same = len(ours) == len(theirs) and all(map(torch.equal, ours, theirs))
    return same and (one.is_nested or one.shape == other.shape)


_COMPRESSED = {
    torch.sparse_csr: (torch.Tensor.crow_indices, torch.Tensor.col_indices),
    torch.sparse_bsr: (torch.Tensor.crow_indices, torch.Tensor.col_indices),
    torch.sparse_csc: (torch.Tensor.ccol_indices, torch.Tensor.row_indices),
    torch.sparse_bsc: (torch.Tensor.ccol_indices, torch.Tensor.row_indices),
}


def _parts(tensor: torch.Tensor) -> list[torch.Tensor]:
    """The dense tensors that a tensor consists of."""
    if tensor.is_nested:
        return list(tensor.unbind())
    if tensor.layout == torch.sparse_coo:
        tensor = tensor.coalesce()
        return [tensor.indices(), tensor.values()]
    if tensor.layout in _COMPRESSED:
        return [*(part(tensor) for part in _COMPRESSED[tensor.layout]), tensor.values()]
    return [tensor.to_dense() if tensor.layout != torch.strided else tensor]


@contextmanager
def unchanged(*roots: nn.Module | None) -> Iterator[None]:
    """Leave the buffers as they are, whatever runs meanwhile."""
    buffers = [Buffers(root) for root in roots]
    try:
        yield
    finally:
        for each in buffers:
            each.restore()

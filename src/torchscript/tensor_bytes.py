"""The bytes of a tensor, without NumPy: PyTorch runs where that is not installed, and so does this library."""

from __future__ import annotations

import ctypes

import torch


def tensor_bytes(tensor: torch.Tensor) -> bytes:
    """The elements of a dense CPU tensor, in the order of its indices.

    >>> tensor_bytes(torch.tensor([[1, 2], [3, 4]], dtype=torch.uint8).t())
    b'\\x01\\x03\\x02\\x04'
    """
    dense = tensor.detach().resolve_conj().resolve_neg().contiguous()
    size = dense.numel() * dense.element_size()
    address = dense.data_ptr()
    if size and not address:
        raise RuntimeError(f"a {type(tensor).__name__} has no memory of its own")
    return ctypes.string_at(address, size)

"""Which tensors are the same elements of the same memory."""

from __future__ import annotations

import weakref

import torch


def _address(tensor: torch.Tensor) -> int | None:
    """Where the elements lie; None for what has no memory of its own, as torch.func's wrappers."""
    try:
        return tensor.data_ptr()
    except RuntimeError:
        return None


def is_same(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors are the same elements of the same memory."""
    if one is other:
        return True
    if one.dtype != other.dtype or one.layout != other.layout or one.shape != other.shape:
        return False
    if one.layout != torch.strided:
        return False
    return (
        _address(one) == _address(other) is not None
        and one.stride() == other.stride()
        and one.is_conj() == other.is_conj()
        and one.is_neg() == other.is_neg()
    )


class Aliases:
    """The tensors of a recording, by where they lie: to find those of many that are the same as one."""

    def __init__(self) -> None:
        self._found: dict[int, list[weakref.ref[torch.Tensor]]] = {}
        self._added: list[weakref.ref[torch.Tensor]] = []  # since the last question; most recordings ask none

    def add(self, reference: weakref.ref[torch.Tensor]) -> None:
        self._added.append(reference)

    def of(self, tensor: torch.Tensor) -> list[torch.Tensor]:
        """The live tensors that are the same as `tensor`, itself not among them, in the order they came."""
        for reference in self._added:
            other = reference()
            if other is not None and other.layout == torch.strided:
                address = _address(other)
                if address is not None:
                    self._found.setdefault(address, []).append(reference)
        self._added.clear()
        here = _address(tensor) if tensor.layout == torch.strided else None
        if here is None or not tensor.numel():
            return []
        there = [(r, other) for r in self._found.get(here, ()) if (other := r()) is not None]
        self._found[here] = [reference for reference, _ in there]  # those that are gone are not asked again
        return [other for _, other in there if other is not tensor and is_same(other, tensor)]

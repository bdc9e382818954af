"""Tensors of an archive: storages from records, and views into them, checked before they are made."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from ..codes import SCALAR_TYPES, dtype_of, layout_of
from ..errors import ArchiveError
from .container import Container

MapLocation = str | torch.device | Mapping[str, str] | Callable[[torch.UntypedStorage, str], Any] | None

PICKLED_NAMES = "torch.jit._pickle"
"""The module by which pickles of archives name what restores typed lists and dicts, and tensors of the constants' table."""

# The functions of torch that pickled tensors name → the method of TensorReader that stands in for them.
TENSOR_NAMES: dict[tuple[str, str], str] = {
    (PICKLED_NAMES, "build_tensor_from_id"): "from_table",
    ("torch._utils", "_rebuild_tensor"): "dense",
    ("torch._utils", "_rebuild_tensor_v2"): "dense",
    ("torch._utils", "_rebuild_qtensor"): "quantised",
    ("torch._utils", "_rebuild_sparse_tensor"): "sparse",
    ("torch._utils", "_rebuild_parameter"): "parameter",
    ("torch", "device"): "device",
}

_QUANTISATION_SCHEMES = {
    name: getattr(torch, name)
    for name in (
        "per_tensor_affine",
        "per_channel_affine",
        "per_tensor_symmetric",
        "per_channel_symmetric",
        "per_channel_affine_float_qparams",
    )
}

_LARGEST_EXPANSION = 1 << 30
"""Bytes that an expanded view may stand for, whatever the size of its storage."""


_PER_BYTE = {torch.quint4x2: 2, torch.quint2x4: 4}
"""Elements of a byte, for dtypes of less than one."""


@dataclass(frozen=True, slots=True)
class TypedStorage:
    """A storage and the dtype that its record was written as. `storage` is None on the meta device."""

    storage: torch.UntypedStorage | None
    dtype: torch.dtype


def usable_device(where: Any) -> torch.device:
    """A device by its name, its number or itself; ValueError with the reason if this process has none such."""
    try:
        device = torch.device(where)
        if device.type not in ("cpu", "meta"):
            torch.empty(0, device=device)
        return device
    except (RuntimeError, AssertionError, NotImplementedError, TypeError, AttributeError) as error:
        raise ValueError((str(error) or type(error).__name__).partition("\n")[0]) from None


class TensorReader:
    """Makes the tensors of one pickle. `folder` is where the records of its storages stand (`data`).

    With `shapes_only`, tensors are made on the meta device and no storage is read.
    """

    def __init__(
        self,
        container: Container,
        folder: str,
        map_location: MapLocation = None,
        *,
        shapes_only: bool = False,
    ) -> None:
        self.container = container
        self.folder = folder
        self.map_location = map_location
        self.shapes_only = shapes_only
        self.storages: dict[str, TypedStorage] = {}
        self.table: list[torch.Tensor] | None = None
        self._byteorder: str | None = None

    def error(self, problem: str) -> ArchiveError:
        return ArchiveError(f"{self.container.name}: a tensor in '{self.folder}.pkl' {problem}")

    # -- storages ------------------------------------------------------------------------------------------

    def constant(self, name: str) -> Any:
        """What `torch.<name>` stands for: the dtype of a storage class, a quantisation scheme, a dtype."""
        if name.endswith("Storage"):
            dtype = SCALAR_TYPES.get(name[: -len("Storage")])
            if dtype is None:
                raise self.error(f"is of a type ({name}) that this PyTorch {torch.__version__} does not know")
            return dtype
        if name in _QUANTISATION_SCHEMES:
            return _QUANTISATION_SCHEMES[name]
        found = getattr(torch, name, None)
        return found if isinstance(found, torch.dtype | torch.layout) else None

    def storage(self, reference: Any) -> TypedStorage:
        """The storage of `('storage', dtype, key, device, number of elements)`; the same for the same key."""
        match reference:
            case ("storage", torch.dtype() as dtype, str(key), str(device), int(count)) if count >= 0:
                pass
            case ("storage", torch.dtype() as dtype, str(key), str(device), int(count), None) if count >= 0:
                pass  # as until PyTorch 1.4, where a storage might be a view of another
            case _:
                raise self.error("names its storage in an unknown way")
        known = self.storages.get(key)
        if known is not None:
            if known.dtype != dtype:
                known = TypedStorage(known.storage, dtype)
            return known
        if self.shapes_only or self._is_meta(device):
            made = TypedStorage(None, dtype)
        else:
            made = TypedStorage(self._place(self._read(key, dtype, count), device), dtype)
        self.storages[key] = made
        return made

    def _read(self, key: str, dtype: torch.dtype, count: int) -> torch.UntypedStorage:
        record = f"{self.folder}/{key}"
        storage = self.container.storage(record, count * dtype.itemsize)
        if self._byteorder is None:
            self._byteorder = self._read_byteorder()
        if self._byteorder != sys.byteorder and dtype.itemsize > 1:
            storage.byteswap(dtype)  # type: ignore[no-untyped-call]
        return storage

    def _read_byteorder(self) -> str:
        if "byteorder" not in self.container:
            return "little"
        byteorder = self.container.read_text("byteorder").strip()
        if byteorder not in ("little", "big"):
            raise self.container.error("byteorder", f"says '{byteorder[:20]}', not 'little' or 'big'")
        return byteorder

    def _is_meta(self, device: str) -> bool:
        """Whether the storage has sizes only, and its record need not be read."""
        where = self.map_location
        if isinstance(where, Mapping):
            where = where.get(device)
        if where is None or callable(where):
            where = device
        return str(where) == "meta"

    def _place(self, storage: torch.UntypedStorage, device: str) -> torch.UntypedStorage:
        """Move a storage where `map_location` says, or else where it was when it was saved."""
        where = self.map_location
        if callable(where):
            moved = where(storage, device)
            if moved is None:
                where = None
            else:
                return moved if isinstance(moved, torch.UntypedStorage) else moved.untyped()
        elif isinstance(where, Mapping):
            where = where.get(device)
        try:
            target = usable_device(where if where is not None else device)
            return storage if target.type == "cpu" else storage.to(device=target)
        except (RuntimeError, ValueError) as error:
            reason = str(error).partition("\n")[0]
            raise self.error(
                f"was saved on '{device}' and cannot be put on '{where or device}' ({reason}); "
                "load with map_location='cpu'"
            ) from None

    # -- tensors -------------------------------------------------------------------------------------------

    def dense(
        self,
        storage: Any,
        offset: Any,
        sizes: Any,
        strides: Any,
        requires_grad: Any = False,
        _hooks: Any = None,
        metadata: Any = None,
    ) -> torch.Tensor:
        self._check(storage, offset, sizes, strides)
        dtype = storage.dtype
        if storage.storage is None:
            tensor = torch.empty_strided(sizes, strides, dtype=dtype, device="meta")
        else:
            empty = torch.empty(0, dtype=dtype, device=storage.storage.device)
            tensor = empty.set_(storage.storage, offset, sizes, strides)
        if requires_grad:
            self._require_grad(tensor)
        if metadata:
            tensor = self._with_metadata(tensor, metadata)
        return tensor

    def quantised(
        self,
        storage: Any,
        offset: Any,
        sizes: Any,
        strides: Any,
        quantiser: Any,
        requires_grad: Any = False,
        _hooks: Any = None,
    ) -> torch.Tensor:
        self._check(storage, offset, sizes, strides)
        if storage.storage is None:
            raise self.error("is quantised, and on the meta device")
        dtype, device = storage.dtype, storage.storage.device
        match quantiser:
            case (torch.per_tensor_affine, float() | int() as scale, int(zero_point)):
                # without elements, as it gets those of the storage
                tensor = torch._empty_affine_quantized(
                    [0], scale=float(scale), zero_point=zero_point, dtype=dtype, device=device
                )
            case (scheme, scales, zero_points, int(axis)) if scheme in (
                torch.per_channel_affine,
                torch.per_channel_affine_float_qparams,
            ):
                if isinstance(scales, list):
                    if not all(isinstance(number, int | float) for number in (*scales, *zero_points)):
                        raise self.error("is quantised by something that is no number")
                    scales = torch.tensor(scales, dtype=torch.double, device=device)
                    zero_points = torch.tensor(zero_points, dtype=torch.long, device=device)
                if not 0 <= axis < len(sizes) or not sizes[axis] == scales.numel() == zero_points.numel():
                    raise self.error("is quantised per channel, and not by a number for each channel")
                tensor = torch._empty_per_channel_affine_quantized(
                    [size if i == axis else 0 for i, size in enumerate(sizes)],
                    scales=scales,
                    zero_points=zero_points,
                    axis=axis,
                    dtype=dtype,
                    device=device,
                )
            case _:
                raise self.error("is quantised in an unknown way")
        tensor.set_(storage.storage, offset, sizes, strides)
        if requires_grad:
            self._require_grad(tensor)
        return tensor

    def sparse(self, layout: Any, *parts: Any) -> torch.Tensor:
        """As Python writes it, `(layout, (indices, values, size))`, or as C++ does, flat, size first."""
        if isinstance(layout, int):
            layout = layout_of(layout)
        requires_grad = False
        if len(parts) == 1:
            *tensors, size = parts[0][:3] if layout == torch.sparse_coo else parts[0]
        else:
            size, requires_grad, *tensors = parts
            tensors = [t for t in tensors if isinstance(t, torch.Tensor)]
        if layout == torch.sparse_coo:
            indices, values = tensors
            tensor = torch.sparse_coo_tensor(indices, values, size, check_invariants=True)
        else:
            compressed, plain, values = tensors
            tensor = torch.sparse_compressed_tensor(
                compressed, plain, values, size, layout=layout, check_invariants=True
            )
        if requires_grad:
            self._require_grad(tensor)
        return tensor

    def parameter(self, data: Any, requires_grad: Any, _hooks: Any = None) -> torch.Tensor:
        if not isinstance(data, torch.Tensor):
            raise self.error("is a parameter without data")
        return torch.nn.Parameter(data, bool(requires_grad))

    def from_table(self, index: Any) -> torch.Tensor:
        """A tensor by its number in the archive's table of tensors (PyTorch 1.1 and 1.2)."""
        if self.table is None or not isinstance(index, int) or not 0 <= index < len(self.table):
            raise self.error(f"is number {index} of a table that does not have it")
        return self.table[index]

    def device(self, name: Any, index: Any = None) -> torch.device:
        try:
            if isinstance(name, str) and (index is None or isinstance(index, int)):
                return torch.device(name) if index is None else torch.device(name, index)
        except RuntimeError:
            pass
        raise self.error(f"is on an unknown device {str(name)[:40] if isinstance(name, str) else ''}")

    # -- checks --------------------------------------------------------------------------------------------

    def _check(self, storage: Any, offset: Any, sizes: Any, strides: Any) -> None:
        """That a view lies inside its storage."""
        if not isinstance(storage, TypedStorage):
            raise self.error("has no storage")
        numbers = (offset, *sizes, *strides)
        if len(sizes) != len(strides) or not all(type(n) is int and 0 <= n < 1 << 62 for n in numbers):
            raise self.error("has sizes, strides or an offset that make no sense")
        if storage.storage is None or 0 in sizes:
            return
        last = offset + sum((size - 1) * stride for size, stride in zip(sizes, strides))
        if (last + 1) * storage.dtype.itemsize > storage.storage.nbytes() * _PER_BYTE.get(storage.dtype, 1):
            raise self.error(f"of size {list(sizes)} reaches over the end of its storage")
        bytes_viewed = math.prod(sizes) * storage.dtype.itemsize
        if bytes_viewed > max(_LARGEST_EXPANSION, 1000 * storage.storage.nbytes()):
            raise self.error(f"of size {list(sizes)} repeats the few bytes of its storage without measure")

    def _require_grad(self, tensor: torch.Tensor) -> None:
        if not (tensor.dtype.is_floating_point or tensor.dtype.is_complex):
            raise self.error(f"of {tensor.dtype} wants a gradient")
        tensor.requires_grad_(True)

    def _with_metadata(self, tensor: torch.Tensor, metadata: Any) -> torch.Tensor:
        """Conjugated and negated views are saved as their memory and a mark."""
        if not isinstance(metadata, dict) or not metadata.keys() <= {"conj", "neg"}:
            raise self.error("carries marks that are not known")
        with torch.no_grad():
            if metadata.get("conj"):
                tensor = torch._conj(tensor)
            if metadata.get("neg"):
                tensor = torch._neg_view(tensor)
        return tensor


def dtype_from_code(code: int) -> torch.dtype:
    """The dtype that an int of an archive stands for; ArchiveError for a number that is none."""
    try:
        return dtype_of(code)
    except KeyError:
        raise ArchiveError(f"{code} is not the number of a dtype") from None

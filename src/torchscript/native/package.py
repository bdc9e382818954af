"""What a host without Python gets: the library of a module, and the archive with its weights.

    model.so        the compiled methods
    model.pt        the module as an archive, whose tensors the host maps into memory
    model.tensors   where each tensor is in the archive, so that no pickle is read in C++; and what the library was
                    compiled for, so that another version of PyTorch or processor is refused and not met by a crash

`torchscript/module.h` loads such a directory.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from ..archive.container import Container, open_container
from ..archive.writer import Records
from ..codegen.cpp import NativeError, NativeProgram, Slot
from ..errors import BackendError
from ..schema import code_of
from ..tensor_bytes import tensor_bytes
from .compiler import find_compiler, instructions_of


def write_package(obj: Any, program: NativeProgram, library: Path, directory: Path) -> None:
    """Fill `directory`, which is made where it does not exist; its three files are replaced when all are written.

    Raises NativeError for a tensor that cannot be mapped (sparse, quantised, on another device), and BackendError where
    the directory cannot be written.
    """
    was_there = directory.exists()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _fill(obj, program, library, directory)
    except BaseException as error:
        if not was_there:
            with contextlib.suppress(OSError):
                directory.rmdir()
        if not isinstance(error, OSError):
            raise
        raise BackendError(
            f"The package {directory} cannot be written ({error.strerror or error})."
        ) from error


def _fill(obj: Any, program: NativeProgram, library: Path, directory: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=".model-", dir=directory) as temporary:
        built = Path(temporary)
        shutil.copyfile(library, built / "model.so")
        records = Records(obj, {})
        constants = _mappable(program.tensors)
        extra = {
            f"native/constant_{i}": _checked_bytes(tensor)
            for i, tensor in enumerate(constants)
            if records.record_of(tensor) is None
        }
        if extra:
            records = Records(obj, extra)
        with open(built / "model.pt", "wb") as file:
            records.write(file, "model")
        container = open_container(built / "model.pt")
        places = list(_lines(program.slots, constants, records, container))
        release = re.match(r"\d+\.\d+\.\d+", torch.__version__)
        lines = [
            f"torchscript tensors 3 {len(places)} {_mark_of(container)}",
            f"torch {release[0] if release else ''}",
            f"processor {' '.join(instructions_of(find_compiler()))}",
            *places,
        ]
        (built / "model.tensors").write_text("\n".join(lines) + "\n", encoding="ascii")
        for name in ("model.so", "model.pt", "model.tensors"):
            os.replace(built / name, directory / name)


def _mappable(constants: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Constants with a place in memory: weights as oneDNN wants them have none, so the host packs them again.

    A linear's weight is there as it was, too, for few rows.
    """
    plain = [tensor for tensor in constants if tensor.layout is torch.strided]
    found = []
    for tensor in constants:
        if tensor.is_mkldnn:
            dense = tensor.to_dense()
            tensor = next((t for t in plain if t.shape == dense.shape and torch.equal(t, dense)), dense)
        found.append(tensor)
    return found


def _mark_of(container: Container) -> str:
    """What tells the archive from others: its size, and where its directory begins, with the checksum of that, which has
    the checksums of all records in it."""
    data = container.buffer
    start = max(
        container.place(name)[0] + record.compressed_size for name, record in container.records.items()
    )
    return f"{len(data)} {start} {zlib.crc32(memoryview(data)[start:])}"


def _lines(
    slots: Sequence[Slot], constants: Sequence[torch.Tensor], records: Records, container: Container
) -> Iterator[str]:
    for i, slot in enumerate(slots):
        value = getattr(slot.owner, slot.name)
        if isinstance(value, torch.Tensor):
            line = _line(f"slot {i}", value, slot.path, records.record_of(value), container)
            yield f"{line} {slot.path}"
        elif _holds_tensors(value):
            raise NativeError(
                f"'{slot.path}' is a {slot.type.annotation()} of tensors; a host without Python has tensors only "
                "as attributes of their own."
            )
    for i, tensor in enumerate(constants):
        record = records.record_of(tensor)
        name = f"the constant {i}"
        if record is None:
            yield _line(
                f"constant {i}",
                tensor.detach().contiguous(),
                name,
                f"extra/native/constant_{i}",
                container,
                0,
            )
        else:
            yield _line(f"constant {i}", tensor, name, record, container)


def _line(
    target: str,
    tensor: torch.Tensor,
    name: str,
    record: str | None,
    container: Container,
    first: int | None = None,
) -> str:
    _check_mappable(tensor, name)
    if record is None:
        raise NativeError(f"'{name}' is not among the tensors of the archive.")
    offset, size = container.place(record)
    item = tensor.element_size()
    start = (tensor.storage_offset() if first is None else first) * item
    extent = (
        0
        if tensor.numel() == 0
        else item * (1 + sum((n - 1) * s for n, s in zip(tensor.shape, tensor.stride(), strict=True)))
    )
    assert start + extent <= size, name
    numbers = [code_of(tensor.dtype), offset + start, extent, int(tensor.requires_grad), tensor.dim()]
    return " ".join([target, *map(str, numbers), *map(str, tensor.shape), *map(str, tensor.stride())])


def _check_mappable(tensor: torch.Tensor, name: str) -> None:
    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.device.type != "cpu":
        kind = "quantised" if tensor.is_quantized else str(tensor.layout).removeprefix("torch.")
        raise NativeError(
            f"'{name}' is a {kind} tensor on '{tensor.device}'; only dense CPU tensors can be mapped."
        )


def _checked_bytes(tensor: torch.Tensor) -> bytes:
    _check_mappable(tensor, "a constant")
    return tensor_bytes(tensor)


def _holds_tensors(value: Any) -> bool:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return any(isinstance(v, torch.Tensor) or _holds_tensors(v) for v in items)

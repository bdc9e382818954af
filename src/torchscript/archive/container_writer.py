"""The container of an archive, for writing: a zip file that a reader can map.

Records are stored, not compressed, and their data begin at multiples of 64 bytes. The same records give the
same bytes, whatever they are written to: dates are fixed, and the file is written from front to back.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import stat
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, cast

import torch

from ..errors import ArchiveError

ALIGNMENT = 64
_CHUNK = 16 << 20
_DATE = (1980, 1, 1, 0, 0, 0)
_PADDING_ID = b"FB"
_LOCAL_HEADER = 30
_ZIP64_EXTRA = 20


class _Stream:
    """A file that is only ever appended to, and takes all that it is given."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, data: Any) -> int:
        rest = memoryview(data).cast("B")
        size = len(rest)
        while rest:
            written = self._file.write(rest)
            if written is None:  # a file object that does not say
                break
            rest = rest[written:]
        return size

    def flush(self) -> None:
        flush = getattr(self._file, "flush", None)
        if flush is not None:
            flush()


class ContainerWriter:
    """Writes the records of an archive below the folder `name`."""

    def __init__(
        self, file: IO[bytes], name: str, written: Callable[[int], object] = lambda count: None
    ) -> None:
        """`written` is told how many bytes of records were written since the last call."""
        self.name = name
        self._written = written
        self._zip = zipfile.ZipFile(cast(IO[bytes], _Stream(file)), "w", zipfile.ZIP_STORED)

    def add(self, record: str, data: bytes | memoryview) -> None:
        """Append a record."""
        view = memoryview(data).cast("B")
        info = zipfile.ZipInfo(f"{self.name}/{record}", _DATE)
        info.external_attr = 0o644 << 16
        info.create_system = 3
        info.file_size = len(view)
        large = len(view) >= zipfile.ZIP64_LIMIT // 2
        encoded = info.filename.encode("utf-8")
        assert self._zip.fp is not None
        begin = self._zip.fp.tell() + _LOCAL_HEADER + len(encoded) + (_ZIP64_EXTRA if large else 0)
        padding = -(begin + 4) % ALIGNMENT
        info.extra = _PADDING_ID + padding.to_bytes(2, "little") + b"\0" * padding
        with self._zip.open(info, "w", force_zip64=large) as out:
            info.extra = b""  # the padding is for this place, not for the directory
            for start in range(0, len(view), _CHUNK):
                self._written(out.write(view[start : start + _CHUNK]))

    def add_storage(self, record: str, storage: torch.UntypedStorage) -> None:
        """Append the bytes of a storage. One of another device is copied to the CPU, and only for so long."""
        if storage.device.type != "cpu":
            storage = storage.cpu()  # type: ignore[no-untyped-call]
        size = storage.nbytes()
        if size == 0:
            self.add(record, b"")
            return
        self.add(record, memoryview((ctypes.c_char * size).from_address(storage.data_ptr())))

    def close(self) -> None:
        """Write the record that tells this content from any other, and the directory."""
        digest = hashlib.sha256()
        for info in self._zip.filelist:
            digest.update(f"{info.filename.removeprefix(self.name)}\0{info.CRC}\0{info.file_size}\n".encode())
        halves = (int.from_bytes(digest.digest()[at : at + 8], "little") for at in (0, 8))
        self.add(".data/serialization_id", "".join(f"{half:020}" for half in halves).encode())
        self._zip.close()

    def abandon(self) -> None:
        """Write no more."""
        self._zip.fp = None


@contextlib.contextmanager
def written_file(file: str | os.PathLike[str] | IO[bytes]) -> Iterator[IO[bytes]]:
    """A binary file to write to. A path gets its new content only once all of it is on the disk.

    If anything fails, a file of that name stays as it was, and nothing is left beside it.
    """
    if not isinstance(file, str | os.PathLike):
        if not callable(getattr(file, "write", None)):
            raise ArchiveError(f"cannot save to a {type(file).__name__}: give a path or a binary file object")
        yield file
        return
    path = Path(os.path.realpath(file))
    if path.is_dir():
        raise ArchiveError(f"cannot save to '{file}': it is a directory")
    if not path.parent.is_dir():
        raise ArchiveError(f"cannot save to '{file}': there is no directory '{path.parent}'")
    try:
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            with open(path, "wb") as device:
                yield device
            return
        with _replacing(path) as out:
            yield out
    except OSError as error:
        raise ArchiveError(f"cannot save to '{file}': {error.strerror or error}") from error


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    if path.exists() and not os.access(path, os.W_OK):
        raise ArchiveError(f"cannot save to '{path}': the file is write-protected")
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        os.chmod(temporary, _mode_for(path))
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _mode_for(path: Path) -> int:
    """The permissions of the file that is replaced, or those of a new one."""
    if path.exists():
        return stat.S_IMODE(path.stat().st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask

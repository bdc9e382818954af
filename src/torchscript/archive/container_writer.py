"""The container of an archive, for writing: a zip file that a reader can map.

Records are stored, not compressed, and their data begin at multiples of 64 bytes. The same records give the
same bytes, whatever they are written to: dates are fixed, and the file is written from front to back.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import io
import os
import stat
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import torch

from ..errors import ArchiveError

ALIGNMENT = 64
_CHUNK = 16 << 20
_SMALL = 1 << 20
_DATE = (1 << 5) | 1
"""1980-01-01, the first day that zip files know."""

_LOCAL = struct.Struct("<4s5H3L2H")
_ENTRY = struct.Struct("<4sBBHHHHH3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_END_64_LOCATOR = struct.Struct("<4sLQL")
_ZIP64 = struct.Struct("<2H2Q")
_WIDE = 0xFFFFFFFF
"""A size or offset from here on stands in a field of 64 bits, and `_MARK` in that of 32."""
_MARK = 0xFFFFFFFF

_UTF8 = 1 << 11
_UNIX = 3
_MODE = 0o100644 << 16
_PADDING_ID = b"FB"


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
    """Writes the records of an archive below the folder `name`.

    `written` is told how many bytes of records were written since the last call.
    """

    def __init__(
        self, file: IO[bytes], name: str, written: Callable[[int], object] = lambda count: None
    ) -> None:
        self.name = name
        self._out = _Stream(file)
        self._written = written
        self._at = 0
        self._entries: list[_Entry] = []

    def add(self, record: str, data: bytes | memoryview) -> None:
        """Append a record."""
        view = memoryview(data).cast("B")
        size = len(view)
        checksum = 0
        for start in range(0, size, _CHUNK):
            checksum = zlib.crc32(view[start : start + _CHUNK], checksum)
        path = f"{self.name}/{record}".encode()
        begin = self._at
        extra = _ZIP64.pack(1, 16, size, size) if size >= _WIDE else b""
        padding = -(begin + _LOCAL.size + len(path) + len(extra) + 4) % ALIGNMENT
        extra += _PADDING_ID + padding.to_bytes(2, "little") + b"\0" * padding
        narrow = _narrow(size)
        self._put(
            _LOCAL.pack(
                b"PK\3\4",
                45 if size >= _WIDE else 20,
                _UTF8,
                0,
                0,
                _DATE,
                checksum,
                narrow,
                narrow,
                len(path),
                len(extra),
            )
            + path
            + extra
        )
        if size <= _SMALL:
            self._put(view)
            self._written(size)
        else:
            for start in range(0, size, _CHUNK):
                chunk = view[start : start + _CHUNK]
                self._put(chunk)
                self._written(len(chunk))
        self._entries.append(_Entry(path, checksum, size, begin))

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
        for entry in self._entries:
            record = entry.path[len(self.name.encode()) :]
            digest.update(b"%b\0%d\0%d\n" % (record, entry.checksum, entry.size))
        halves = (int.from_bytes(digest.digest()[at : at + 8], "little") for at in (0, 8))
        self.add(".data/serialization_id", "".join(f"{half:020}" for half in halves).encode())
        begin = self._at
        self._put(b"".join(entry.packed() for entry in self._entries))
        self._end(begin, self._at - begin)
        self._out.flush()

    def _end(self, begin: int, size: int) -> None:
        count = len(self._entries)
        if begin >= _WIDE or count >= 0xFFFF:
            at = self._at
            self._put(_END_64.pack(b"PK\6\6", _END_64.size - 12, 45, 45, 0, 0, count, count, size, begin))
            self._put(_END_64_LOCATOR.pack(b"PK\6\7", 0, at, 1))
        count = min(count, 0xFFFF)
        self._put(_END.pack(b"PK\5\6", 0, 0, count, count, _narrow(size), _narrow(begin), 0))

    def _put(self, data: bytes | memoryview) -> None:
        self._out.write(data)
        self._at += len(data)


def _narrow(value: int) -> int:
    return value if value < _WIDE else _MARK


class _Entry(NamedTuple):
    """A record's line in the directory."""

    path: bytes
    checksum: int
    size: int
    begin: int

    def packed(self) -> bytes:
        wide = [value for value in (self.size, self.size, self.begin) if value >= _WIDE]
        extra = struct.pack(f"<2H{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
        size = _narrow(self.size)
        version = 45 if wide else 20
        return (
            _ENTRY.pack(
                b"PK\1\2",
                version,
                _UNIX,
                version,
                _UTF8,
                0,
                0,
                _DATE,
                self.checksum,
                size,
                size,
                len(self.path),
                len(extra),
                0,
                0,
                0,
                _MODE,
                _narrow(self.begin),
            )
            + self.path
            + extra
        )


@contextlib.contextmanager
def written_file(file: str | os.PathLike[str] | IO[bytes]) -> Iterator[IO[bytes]]:
    """A binary file to write to. A path gets its new content only once all of it is on the disk.

    If anything fails, a file of that name stays as it was, and nothing is left beside it.
    """
    if not isinstance(file, str | os.PathLike):
        if not callable(getattr(file, "write", None)):
            raise ArchiveError(f"cannot save to a {type(file).__name__}: give a path or a binary file object")
        if isinstance(file, io.TextIOBase):
            raise ArchiveError("an archive is binary, and this file object takes text: open it as 'wb'")
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

"""The container of an archive, for reading: a zip file whose records all stand in one top folder.

    model/data.pkl            the objects
    model/data/0, 1, …        the bytes of their tensors, uncompressed, at multiples of 64
    model/code/__torch__.py   the code, one file per Python module
    model/constants.pkl       the constants of the code
    model/version             the version of operators and format (or model/.data/version)

The directory is read by hand: an archive of three thousand modules has ten thousand records, and every
offset and size in it is checked against the file before it is used. A large file on disk is mapped, privately
and writable: pages are read when they are touched, and writing to a weight does not change the file.
"""

from __future__ import annotations

import mmap
import os
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

import torch

from ..errors import ArchiveError

_END = struct.Struct("<4s4H2LH")
_END_64_LOCATOR = struct.Struct("<4sLQL")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")

_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 1
_MAX_DEFLATE_RATIO = 1032
_MAX_INFLATED = 1 << 26
_MAX_TEXT = 1 << 20
_MAX_GROWTH = 20
"""An archive may inflate to this many bytes, and hold this much code, or else to twenty times its size: code is
compressed, about ten times at most, and weights are not. What is built of code is far larger than its text."""

_CHUNK = 16 << 20

MAPPING_THRESHOLD = 16 << 20
"""A file of at least this many bytes is mapped; a smaller one is read, and survives being overwritten."""

_LEGACY_CHECKPOINT = bytes.fromhex("8a0a6cfc9c46f9206aa85019")
"""The pickled magic number with which `torch.save` began its files before PyTorch 1.6."""


class MissingFileError(ArchiveError, FileNotFoundError):
    """There is no file of that name (also a FileNotFoundError)."""


@dataclass(slots=True)
class Record:
    """One entry of the zip directory."""

    name: str  # without the top folder
    method: int
    checksum: int | None  # None: there is none to compare with
    compressed_size: int
    size: int
    header_offset: int


class _Budget:
    """Bytes that records may take, each counted once."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.counted: set[str] = set()

    def covers(self, record: Record) -> bool:
        if record.name not in self.counted:
            self.counted.add(record.name)
            self.left -= record.size
        return self.left >= 0


class Container:
    """The records of one archive.

    `name` is how errors and source files call it. `buffer` is the whole file, writable.
    """

    def __init__(self, buffer: bytearray | mmap.mmap, name: str) -> None:
        self._prepare(buffer, name)
        self.folder, self.records = _read_directory(buffer, name)

    def _prepare(self, buffer: bytearray | mmap.mmap, name: str) -> None:
        self.name = name
        self.buffer = buffer
        self._mapped = not isinstance(buffer, bytearray)
        self._inflated = _Budget(max(_MAX_INFLATED, _MAX_GROWTH * len(buffer)))
        self._text = _Budget(max(_MAX_TEXT, _MAX_GROWTH * len(buffer)))

    def __contains__(self, record: str) -> bool:
        return record in self.records

    def names(self) -> Iterator[str]:
        return iter(self.records)

    def error(self, record: str, problem: str) -> ArchiveError:
        return ArchiveError(f"{self.name}: record '{record}': {problem}")

    def read(self, name: str) -> bytes:
        """The bytes of a record, inflated if it was compressed; ArchiveError if it is missing or damaged."""
        record = self._record(name)
        start = self._data_offset(record)
        data = bytes(memoryview(self.buffer)[start : start + record.compressed_size])
        if record.method == _DEFLATED:
            data = self._inflate(record, data)
        if record.checksum is not None and zlib.crc32(data) != record.checksum:
            raise self.error(name, "is damaged: its checksum does not match")
        return data

    def read_text(self, name: str) -> str:
        record = self._record(name)
        if not self._text.covers(record):
            raise self.error(
                name, f"makes the code of the archive larger than {len(self.buffer)} bytes can be"
            )
        try:
            return self.read(name).decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.error(name, f"is not text: {error}") from None

    def check(self, name: str) -> int:
        """The number of bytes of a record, after its checksum was compared, however large it is."""
        record = self._record(name)
        if record.method == _DEFLATED:
            return len(self.read(name))
        start = self._data_offset(record)
        checksum = 0
        with memoryview(self.buffer) as view:
            for at in range(start, start + record.size, _CHUNK):
                checksum = zlib.crc32(view[at : min(at + _CHUNK, start + record.size)], checksum)
        if record.checksum is not None and checksum != record.checksum:
            raise self.error(name, "is damaged: its checksum does not match")
        return record.size

    def storage(self, name: str, size: int) -> torch.UntypedStorage:
        """The first `size` bytes of a record as a storage that shares the file's memory."""
        record = self._record(name)
        if record.size < size:
            raise self.error(name, f"holds {record.size} bytes, a tensor needs {size}")
        if size == 0:
            return torch.UntypedStorage(0)  # type: ignore[no-untyped-call]
        if record.method == _DEFLATED:
            return _storage(bytearray(self.read(name)), 0, size)
        start = self._data_offset(record)
        if not self._mapped and record.checksum is not None:
            # Checking a mapped record would read it from disk, which is what mapping avoids.
            view = memoryview(self.buffer)[start : start + record.size]
            if zlib.crc32(view) != record.checksum:
                raise self.error(name, "is damaged: its checksum does not match")
        return _storage(self.buffer, start, size)

    def place(self, name: str) -> tuple[int, int]:
        """Where the bytes of an uncompressed record are in the file: offset and size."""
        record = self._record(name)
        return self._data_offset(record), record.size

    def _record(self, name: str) -> Record:
        try:
            return self.records[name]
        except KeyError:
            raise ArchiveError(f"{self.name}: there is no record '{name}'") from None

    def _data_offset(self, record: Record) -> int:
        """Where a record's bytes begin, after its local header, which must agree with the directory."""
        start = record.header_offset
        if start + _LOCAL.size > len(self.buffer):
            raise self.error(record.name, "begins after the end of the file")
        name_length: int
        extra_length: int
        signature, _, _, method, _, _, _, _, _, name_length, extra_length = _LOCAL.unpack_from(
            self.buffer, start
        )
        if signature != b"PK\3\4" or method != record.method:
            raise self.error(record.name, "has a damaged header")
        begin = start + _LOCAL.size
        name = bytes(self.buffer[begin : begin + name_length])
        if name != f"{self.folder}/{record.name}".encode():
            raise self.error(record.name, "has a header with another name")
        start = begin + name_length + extra_length
        if start + record.compressed_size > len(self.buffer):
            raise self.error(record.name, "reaches over the end of the file")
        return start

    def _inflate(self, record: Record, data: bytes) -> bytes:
        if record.size > _MAX_DEFLATE_RATIO * (len(data) + 1) or not self._inflated.covers(record):
            raise self.error(record.name, f"claims to inflate from {len(data)} to {record.size} bytes")
        decompressor = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            data = decompressor.decompress(data, record.size + 1)
        except zlib.error as error:
            raise self.error(record.name, f"cannot be inflated: {error}") from None
        if len(data) != record.size:
            raise self.error(record.name, f"inflates to another size than the {record.size} bytes it claims")
        return data


def open_container(f: str | os.PathLike[str] | bytes | bytearray | IO[bytes]) -> Container:
    """Open an archive: a path, the bytes themselves, or a file object (read from where it stands)."""
    return Container(*open_file(f))


def open_file(f: str | os.PathLike[str] | bytes | bytearray | IO[bytes]) -> tuple[bytearray | mmap.mmap, str]:
    """The whole of a file, writable, and how errors call it."""
    if isinstance(f, str | os.PathLike):
        path = os.fspath(f)
        return _open_path(path), str(path)
    if isinstance(f, bytes | bytearray | memoryview):
        return bytearray(f), "<archive>"
    read = getattr(f, "read", None)
    if read is None:
        raise TypeError(f"an archive is a path, bytes or a file object, not {type(f).__name__}")
    data = read()
    if not isinstance(data, bytes | bytearray | memoryview):
        raise ArchiveError(
            f"an archive is binary, and this file object reads {type(data).__name__}: open it as 'rb'"
        )
    name = getattr(f, "name", None)
    return bytearray(data), name if isinstance(name, str) else "<archive>"


def _open_path(path: str) -> bytearray | mmap.mmap:
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size >= MAPPING_THRESHOLD:
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
            return bytearray(file.read())
    except FileNotFoundError:
        raise MissingFileError(f"there is no file '{path}'") from None
    except IsADirectoryError:
        raise ArchiveError(f"'{path}' is a directory, not an archive") from None
    except OSError as error:
        raise ArchiveError(f"'{path}' cannot be read: {error.strerror}") from None


def _storage(buffer: Any, offset: int, size: int) -> torch.UntypedStorage:
    return torch.frombuffer(buffer, dtype=torch.uint8, count=size, offset=offset).untyped_storage()


def _read_directory(buffer: bytearray | mmap.mmap, name: str) -> tuple[str, dict[str, Record]]:
    """The top folder, and the records in it by their names below it."""
    count, size, offset = _find_directory(buffer, name)
    folder: str | None = None
    records: dict[str, Record] = {}
    directory = bytes(memoryview(buffer)[offset : offset + size])
    at = 0
    for _ in range(count):
        if at + _ENTRY.size > size:
            raise ArchiveError(f"{name}: the directory of the file is cut off")
        (
            signature, _, _, flags, method, _, _, checksum, compressed_size, full_size,
            name_length, extra_length, comment_length, _, _, _, header_offset,
        ) = _ENTRY.unpack_from(directory, at)  # fmt: skip
        begin = at + _ENTRY.size
        at = begin + name_length + extra_length + comment_length
        if signature != b"PK\1\2" or at > size:
            raise ArchiveError(f"{name}: the directory of the file is damaged")
        try:
            path = directory[begin : begin + name_length].decode("utf-8")
        except UnicodeDecodeError:
            raise ArchiveError(f"{name}: a record's name is not UTF-8") from None
        if 0xFFFFFFFF in (compressed_size, full_size, header_offset):
            extra = directory[begin + name_length : begin + name_length + extra_length]
            full_size, compressed_size, header_offset = _wide(
                extra, full_size, compressed_size, header_offset, f"{name}: record '{path}'"
            )
        if folder is None:
            folder = path.partition("/")[0]
        top, slash, below = path.partition("/")
        if not slash or top != folder:
            raise ArchiveError(
                f"{name}: the record '{path}' is not in the folder '{folder}' of the first one"
            )
        if not below or below.endswith("/"):
            continue  # an entry for a folder, which zip tools write
        check_record_name(below, name)
        if below in records:
            raise ArchiveError(f"{name}: there are two records '{below}'")
        record = Record(below, method, checksum, compressed_size, full_size, header_offset)
        _check_entry(record, flags, len(buffer), name)
        records[below] = record
    if folder is None:
        raise ArchiveError(f"{name}: is an empty zip file")
    _check_overlaps(folder, records, offset, name)
    return folder, records


def check_record_name(record: str, name: str) -> None:
    """That a name stays inside the archive, wherever someone may unpack it."""
    if record[0] in "/\\" or "\0" in record or (".." in record and ".." in re.split(r"[/\\]", record)):
        raise ArchiveError(f"{name}: the record '{record[:100]}' has a name that leaves the archive")


def _check_overlaps(folder: str, records: dict[str, Record], end: int, name: str) -> None:
    """That no byte belongs to two records, nor to one and the directory, which begins at `end`."""
    header = _LOCAL.size + len(folder.encode()) + 1
    for record in sorted(records.values(), key=lambda r: r.header_offset, reverse=True):
        if record.header_offset + header + len(record.name) + record.compressed_size > end:
            raise ArchiveError(f"{name}: record '{record.name}': overlaps what follows it in the file")
        end = record.header_offset


def _check_entry(record: Record, flags: int, length: int, name: str) -> None:
    where = f"{name}: record '{record.name}'"
    if flags & _ENCRYPTED:
        raise ArchiveError(f"{where}: is encrypted")
    if record.method not in (_STORED, _DEFLATED):
        raise ArchiveError(
            f"{where}: is compressed by a method (number {record.method}) that archives do not use"
        )
    if record.method == _STORED and record.size != record.compressed_size:
        raise ArchiveError(f"{where}: has two sizes, {record.size} and {record.compressed_size}")
    if record.header_offset + record.compressed_size > length:
        raise ArchiveError(f"{where}: reaches over the end of the file")


def _wide(extra: bytes, size: int, compressed: int, offset: int, where: str) -> tuple[int, int, int]:
    """Sizes and offset of a record over 4 GB, from the zip64 field, which has those that did not fit."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            values = [v for (v,) in struct.iter_unpack("<Q", extra[at + 4 : at + 4 + length // 8 * 8])]
            try:
                size = values.pop(0) if size == 0xFFFFFFFF else size
                compressed = values.pop(0) if compressed == 0xFFFFFFFF else compressed
                offset = values.pop(0) if offset == 0xFFFFFFFF else offset
            except IndexError:
                break
            return size, compressed, offset
        at += 4 + length
    raise ArchiveError(f"{where}: its entry in the directory is damaged")


def _find_directory(buffer: bytearray | mmap.mmap, name: str) -> tuple[int, int, int]:
    """Number of entries, size and offset of the zip directory, which stands at the end of the file."""
    length = len(buffer)
    if bytes(buffer[:4]) not in (b"PK\3\4", b"PK\5\6"):
        raise ArchiveError(_say_what_it_is(bytes(buffer[:512]), name))
    end = buffer.rfind(b"PK\5\6", max(0, length - _END.size - 0xFFFF))
    if end < 0 or end + _END.size > length:
        raise ArchiveError(
            f"{name}: is cut off: it begins as a zip file, but the directory at its end is missing"
        )
    _, _, _, _, count, size, offset, _ = _END.unpack_from(buffer, end)
    if count == 0xFFFF or 0xFFFFFFFF in (size, offset):
        locator = end - _END_64_LOCATOR.size
        if locator >= 0 and bytes(buffer[locator : locator + 4]) == b"PK\6\7":
            _, _, end_64, _ = _END_64_LOCATOR.unpack_from(buffer, locator)
            if end_64 + _END_64.size > length or bytes(buffer[end_64 : end_64 + 4]) != b"PK\6\6":
                raise ArchiveError(f"{name}: the directory of the file is damaged")
            _, _, _, _, _, _, _, count, size, offset = _END_64.unpack_from(buffer, end_64)
    if offset + size > end or count * _ENTRY.size > size:
        raise ArchiveError(f"{name}: the directory of the file is damaged")
    return count, size, offset


def _say_what_it_is(head: bytes, name: str) -> str:
    if not head:
        return f"{name}: is empty"
    if _LEGACY_CHECKPOINT in head[:32]:
        return (
            f"{name}: is a checkpoint that torch.save wrote before PyTorch 1.6, not an archive with code; "
            "read it with torch.load"
        )
    if head[:1] == b"\x80" and head[1:2] in b"\2\3\4\5":
        return (
            f"{name}: is a pickle, not an archive with code; if torch.save wrote it, read it with torch.load"
        )
    if head[257:262] == b"ustar":
        return f"{name}: is a tar file (as torch.save wrote before PyTorch 0.4?), not an archive with code"
    return f"{name}: is not a zip file, and so no archive of TorchScript"

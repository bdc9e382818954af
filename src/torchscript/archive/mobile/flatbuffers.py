"""Tables of a FlatBuffer, read by hand: every offset in the file is checked before it is followed.

    root ─ u32 ─► table:   i32 back to its vtable, then its fields
                  vtable:  u16 its size, u16 the table's size, then for each field u16 where it is in the table (0: absent)
    a vector is a u32 count and its items; a text, a table or a vector in a field is a u32 forward to it

The package `flatbuffers` has no verifier for Python: an offset of a damaged file would be read from the file's
end, and tables that share their parts can stand for far more than the file holds.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from typing import Any

_U16 = struct.Struct("<H")
_U32 = struct.Struct("<I")
_I32 = struct.Struct("<i")

_GROWTH = 20
_LEAST = 1 << 20
"""Bytes that may be read altogether: so many, or twenty times the file, since texts are shared by many tables."""


class DamagedFlatbuffer(ValueError):
    """An offset or a count that does not fit in the file."""


class Flatbuffer:
    """The bytes of a file, and how many of them may still be read."""

    def __init__(self, data: bytearray | mmap.mmap) -> None:
        self.view = memoryview(data)
        self.left = max(_LEAST, _GROWTH * len(self.view))
        self._texts: dict[int, str] = {}

    def root(self) -> Table:
        return Table(self, self.follow(0))

    def unpack(self, format: struct.Struct, at: int) -> tuple[Any, ...]:
        if not 0 <= at <= len(self.view) - format.size:
            raise DamagedFlatbuffer(f"points to byte {at} of {len(self.view)}")
        return format.unpack_from(self.view, at)

    def follow(self, at: int) -> int:
        """Where the offset that stands at a place leads."""
        return at + int(self.unpack(_U32, at)[0])

    def vector(self, at: int, item_size: int, *, read: bool = True) -> tuple[int, int]:
        """Where the items of a vector begin, and how many there are."""
        (count,) = self.unpack(_U32, at)
        at += _U32.size
        if at + count * item_size > len(self.view):
            raise DamagedFlatbuffer(
                f"has {count} items of {item_size} bytes at byte {at} of {len(self.view)}"
            )
        if read:
            self.left -= count * item_size
            if self.left < 0:
                raise DamagedFlatbuffer("stands for far more than the file holds")
        return at, count

    def text(self, at: int) -> str:
        known = self._texts.get(at)
        if known is None:
            start, count = self.vector(at, 1)
            try:
                known = self._texts[at] = bytes(self.view[start : start + count]).decode("utf-8")
            except UnicodeDecodeError as error:
                raise DamagedFlatbuffer(f"has a text that is not UTF-8: {error}") from None
        return known


class Table:
    """One table. Fields are named by their number in the schema, counting the two of a union."""

    __slots__ = ("_at", "_file", "_vtable", "_vtable_size")

    def __init__(self, file: Flatbuffer, at: int) -> None:
        self._file = file
        self._at = at
        self._vtable = at - int(file.unpack(_I32, at)[0])
        (self._vtable_size,) = file.unpack(_U16, self._vtable)

    def place(self, field: int) -> int | None:
        """Where a field is in the file; None where the table does not have it."""
        slot = 4 + 2 * field
        if slot + 2 > self._vtable_size:
            return None
        (offset,) = self._file.unpack(_U16, self._vtable + slot)
        return self._at + offset if offset else None

    def number(self, field: int, format: struct.Struct, default: Any = 0) -> Any:
        at = self.place(field)
        return default if at is None else self._file.unpack(format, at)[0]

    def table(self, field: int) -> Table | None:
        at = self.place(field)
        return None if at is None else Table(self._file, self._file.follow(at))

    def structure(self, field: int, format: struct.Struct) -> tuple[Any, ...]:
        """A struct that a union holds, which stands elsewhere."""
        at = self.place(field)
        if at is None:
            raise DamagedFlatbuffer("has a value without its content")
        return self._file.unpack(format, self._file.follow(at))

    def text(self, field: int) -> str:
        at = self.place(field)
        return "" if at is None else self._file.text(self._file.follow(at))

    def numbers(self, field: int, letter: str) -> list[Any]:
        """A vector of numbers; `letter` is their format, as `struct` has it."""
        return [number for (number,) in self.structures(field, struct.Struct(f"<{letter}"))]

    def structures(self, field: int, format: struct.Struct) -> Iterator[tuple[Any, ...]]:
        at = self.place(field)
        if at is None:
            return iter(())
        start, count = self._file.vector(self._file.follow(at), format.size)
        return format.iter_unpack(self._file.view[start : start + count * format.size])

    def tables(self, field: int) -> Iterator[Table]:
        for at in self._places(field):
            yield Table(self._file, at)

    def texts(self, field: int) -> list[str]:
        return [self._file.text(at) for at in self._places(field)]

    def _places(self, field: int) -> Iterator[int]:
        at = self.place(field)
        if at is None:
            return
        start, count = self._file.vector(self._file.follow(at), _U32.size)
        for i in range(start, start + count * _U32.size, _U32.size):
            yield self._file.follow(i)

    def extent(self, field: int) -> tuple[int, int]:
        """Where the bytes of a vector or text are in the file: offset and size. They are not read."""
        at = self.place(field)
        return (0, 0) if at is None else self._file.vector(self._file.follow(at), 1, read=False)

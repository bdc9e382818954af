"""The attributes that are dtypes, layouts or memory formats, as a record of the archive.

    __torch__.net.Zeros dtype dtype          a line for each: its class, its name, what its int stands for

Archived classes declare them as ints. PyTorch ignores the record; read with it, the attributes are what they were.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import types as T
from ..codes import dtype_of, layout_of, memory_format_of

if TYPE_CHECKING:
    from ..codegen.source import Program
    from .importer.code import Records

RECORD = ".data/int_codes"

_KINDS: dict[str, T.Type] = {"dtype": T.DTYPE, "layout": T.LAYOUT, "memory_format": T.MEMORY_FORMAT}
NAMES = {type: name for name, type in _KINDS.items()}
_OBJECTS: dict[type[T.Type], Callable[[int], Any]] = {
    T.DtypeType: dtype_of,
    T.LayoutType: layout_of,
    T.MemoryFormatType: memory_format_of,
}


def record_of(program: Program) -> str:
    """The text of the record; empty if a program has no such attributes."""
    return "".join(
        f"{owner} {name} {NAMES[attribute.type]}\n"
        for owner, name, attribute in program.attributes()
        if attribute.type in NAMES
    )


def read_record(records: Records) -> dict[tuple[str, str], T.Type]:
    """The types by class and name that the record of an archive says; what is no such line means nothing."""
    if RECORD not in records:
        return {}
    lines = (line.split(" ") for line in records.read_text(RECORD).splitlines())
    return {(p[0], p[1]): _KINDS[p[2]] for p in lines if len(p) == 3 and p[2] in _KINDS}


def object_of(type: T.Type, code: int) -> Any:
    """The dtype (layout, memory format) that an int stands for; None if it stands for none."""
    try:
        return _OBJECTS[type.__class__](code)
    except (KeyError, TypeError, ValueError, IndexError):
        return None

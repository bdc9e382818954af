"""The buffers that `state_dict` leaves out, as a record of the archive.

    __torch__.net.Rope freqs          a line for each: its class, its name

The source of a class has one list for all buffers (`__buffers__`), and a buffer must stand in it to move with its
module. PyTorch ignores the record; what it reads has every buffer in its `state_dict`, as its own archives do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import types as T

if TYPE_CHECKING:
    from ..codegen.source import Program
    from .importer.code import Records

RECORD = ".data/transient_buffers"


def record_of(program: Program) -> str:
    """The text of the record; empty if a program has no such buffers."""
    return "".join(
        f"{owner} {name}\n"
        for owner, name, attribute in program.attributes()
        if attribute.kind is T.AttributeKind.BUFFER and not attribute.persistent
    )


def read_record(records: Records) -> frozenset[tuple[str, str]]:
    """The pairs of class and name that the record of an archive holds; what is no such line means nothing."""
    if RECORD not in records:
        return frozenset()
    lines = (line.split(" ") for line in records.read_text(RECORD).splitlines())
    return frozenset((parts[0], parts[1]) for parts in lines if len(parts) == 2)

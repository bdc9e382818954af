"""The archive that commands are given, and how they read it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ..archive.reader import LoadedArchive

Archive = Annotated[
    Path, typer.Argument(metavar="ARCHIVE", help="A file that torch.jit.save or torchscript.save wrote.")
]
MethodName = Annotated[
    str, typer.Option("--method", "-m", help="The method, of the top module or `sub.module.method`.")
]


def open_archive(path: Path) -> LoadedArchive:
    """The archive, read but not run, with its tensors in place."""
    from ..archive.reader import read_archive

    return read_archive(path, map_location="cpu")


def load_module(path: Path) -> Any:
    """The archive's module, on the CPU."""
    from ..runtime.api import load

    return load(path, map_location="cpu")

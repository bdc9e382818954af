"""The archive that commands are given, and how they read it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from torchscript.archive.reader import LoadedArchive
    from torchscript.archive.unpickler import ScriptObject
    from torchscript.ir.graph import Function
    from torchscript.runtime.module import ScriptModule

Archive = Annotated[
    Path, typer.Argument(metavar="ARCHIVE", help="A file that torch.jit.save or torchscript.save wrote.")
]
Method = Annotated[
    str, typer.Option("--method", "-m", help="Which method: `forward`, or of a submodule `layer1.0.forward`.")
]
AllowIO = Annotated[
    bool,
    typer.Option("--allow-io", help="Let the archive's code read and write files. Only if you trust it."),
]

_SHOWN_NAMES = 20


def open_archive(path: Path, allow_io: bool = False) -> LoadedArchive:
    """The archive, read but not run, with its tensors on the CPU."""
    from torchscript.archive.reader import read_archive

    return read_archive(path, map_location="cpu", allow_io=allow_io)


def find_method(archive: LoadedArchive, name: str) -> Function:
    """The method at the end of a path from the top module; Error says what there is instead."""
    return find_owner(archive, name)[1]


def find_owner(archive: LoadedArchive, name: str) -> tuple[ScriptObject, Function]:
    """The object that has the method at the end of a path, and the method."""
    from torchscript.archive.unpickler import ScriptObject
    from torchscript.errors import Error

    def children(owner: ScriptObject) -> list[str]:
        state = owner.state if isinstance(owner.state, dict) else {}
        return [key for key, value in state.items() if isinstance(value, ScriptObject)]

    *path, last = name.split(".")
    owner = archive.root
    for i, part in enumerate(path):
        if part not in children(owner):
            at = ".".join(path[:i]) or "the top module"
            raise Error(f"{at} has no submodule '{part}'; it has {some_of(children(owner))}")
        owner = owner.state[part]
    cls = archive.importer.class_named(owner.class_name)
    function = cls.method(last)
    if function is None:
        if last in children(owner):
            raise Error(f"'{name}' is a submodule; name a method of it, as '{name}.forward'")
        at = ".".join(path) or "the top module"
        raise Error(f"{at} has no method '{last}'; it has {some_of(list(cls.methods))}")
    return owner, function


def some_of(names: list[str]) -> str:
    """As many names as fit in a line that is read."""
    shown = ", ".join(names[:_SHOWN_NAMES]) or "none"
    return shown if len(names) <= _SHOWN_NAMES else f"{shown}, … ({len(names)} in all)"


def method_of(module: ScriptModule, name: str) -> Any:
    """The bound method at the end of a path; a `forward` runs with the module's hooks."""
    path, _, last = name.rpartition(".")
    owner = module.get_submodule(path)
    return owner if last == "forward" else getattr(owner, last)

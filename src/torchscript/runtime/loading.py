"""Archives as modules: what `load` makes of what the reader has read."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING, Any

from .. import types as T
from ..errors import ArchiveError
from . import hooks
from .collecting import without_collecting
from .module import ScriptModule, make_module
from .objects import make_object

if TYPE_CHECKING:
    from ..archive.reader import LoadedArchive
    from ..archive.tensors import MapLocation


@without_collecting
def load(
    f: str | os.PathLike[str] | bytes | IO[bytes],
    map_location: MapLocation = None,
    extra_files: dict[str, Any] | None = None,
    *,
    allow_io: bool = False,
) -> ScriptModule:
    """Read an archive and make its module."""
    from ..archive.reader import read_archive

    return module_of(read_archive(f, map_location, extra_files, allow_io=allow_io))


def module_of(archive: LoadedArchive) -> ScriptModule:
    """The module that an archive holds."""
    root = archive.instantiate(_make)
    if not isinstance(root, ScriptModule):
        raise ArchiveError(f"{archive.container.name}: the top object is no module")
    return root


def _make(cls: T.ClassType, attributes: dict[str, Any]) -> Any:
    if not cls.is_module:
        return make_object(cls, attributes)
    training = attributes.pop("training", None)
    module = make_module(cls, attributes)
    if isinstance(training, bool):
        module.__dict__["training"] = training  # not assigned: the class may have a constant of that name
    hooks.install(module, cls)
    return module

"""Read an archive: its objects, their classes, and the functions of its code.

    with the callbacks of the runtime     →   modules that run
    without                               →   `ScriptObject`s, to look at

Nothing of the archive is executed here. Two kinds of objects need the runtime: an object whose class has
`__setstate__` is what that compiled method makes of its state, and an object of a C++ class is what the C++
library makes of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from .. import types as T
from ..errors import ArchiveError, CompileError
from ..ir.graph import Function
from .container import Container, open_file
from .early_operators import early_version
from .importer import Importer
from .importer.code import Records
from .importer.importer import CUSTOM_CLASSES
from .importer.limits import check_constant
from .legacy import MODEL, read_legacy
from .materialize import Materializer
from .mobile import FlatbufferContainer, is_flatbuffer, read_methods, source_of
from .provenance import producer
from .tensors import MapLocation, TensorReader, usable_device
from .unpickler import ScriptObject, Unpickler
from .upgraders import CURRENT_VERSION

MakeObject = Callable[[T.ClassType, dict[str, Any]], Any]
SetState = Callable[[T.ClassType, Any], Any]

_EXTRA = "extra/"


@dataclass
class LoadedArchive:
    """An archive that has been read.

    `root` is the top object, unpickled. `importer` has the classes; a method compiles when its graph is read.
    """

    container: Container
    importer: Importer
    version: int
    root: ScriptObject
    map_location: MapLocation = None
    _constants: list[Any] | None = field(default=None, repr=False)
    _materializer: Materializer | None = field(default=None, repr=False)

    @property
    def root_class(self) -> T.ClassType:
        return self.importer.class_named(self.root.class_name)

    @property
    def producer(self) -> str:
        """Who wrote the archive: "torchscript 0.1.0", or "PyTorch 1.6 or later"."""
        return producer(self.container, self.version)

    def instantiate(self, make_object: MakeObject, set_state: SetState | None = None) -> Any:
        """The root object, made bottom-up: `make_object(cls, attributes)` is called once for each object.

        Attributes have their final values: tensors (`nn.Parameter` where the class says so, the same one
        where objects share it), NamedTuples and members of enums of the classes on their types, and objects
        that were made before. `set_state(cls, state)` makes an object whose class has `__setstate__`.
        """
        self._materializer = Materializer(self.importer, make_object, set_state)
        return self._materializer.object(self.root)

    def extra_files(self) -> dict[str, bytes]:
        """The files that were saved along, by name."""
        names = [name for name in self.container.names() if name.startswith(_EXTRA)]
        return {name[len(_EXTRA) :]: self.container.read(name) for name in names}

    def functions(self) -> list[Function]:
        """Every function and method in the archive's code."""
        return self.importer.everything()

    def compile_all(self) -> None:
        """Compile every function, used or not. ArchiveError for the first that is wrong."""
        try:
            for function in self.functions():
                function.graph  # noqa: B018
        except CompileError as error:
            raise ArchiveError(f"{self.container.name}: {error}") from error

    def traced_inputs(self) -> dict[str, tuple[Any, ...]]:
        """The inputs that methods were traced with, by method, where the archive has them.

        PyTorch writes their sizes and dtypes, and none of their data: the tensors are on the meta device.
        """
        if "traced_inputs.pkl" not in self.container:
            return {}
        found = _unpickle(self.container, "traced_inputs", None, shapes_only=True)
        return found if isinstance(found, dict) else {}

    def read_constants(self) -> int:
        """The number of constants of the code, which are read now if they were not yet."""
        if self._constants is None:
            self._constants = []
            if "constants.pkl" in self.container:
                found = _unpickle(self.container, "constants", self.map_location)
                if not isinstance(found, tuple):
                    raise self.container.error("constants.pkl", "does not hold a tuple")
                try:
                    check_constant(found)
                except CompileError as error:
                    raise self.container.error("constants.pkl", str(error)) from None
                self._constants = list(found)
        return len(self._constants)

    def _constant(self, number: int) -> tuple[Any, T.Type]:
        """Value and type of `CONSTANTS.c<number>`."""
        self.read_constants()
        assert self._constants is not None
        if number >= len(self._constants):
            raise self.container.error("constants.pkl", f"has no constant {number}, which the code uses")
        value = self._constants[number]
        if isinstance(value, ScriptObject):
            if value.class_name.startswith(CUSTOM_CLASSES):
                return self._made(value), T.CustomClassType(value.class_name)
            return self._made(value), self.importer.class_named(value.class_name)
        value = self._made(value)
        try:
            return value, self.importer.type_of(value)
        except CompileError as error:
            raise self.container.error("constants.pkl", str(error)) from None

    def _made(self, value: Any) -> Any:
        if self._materializer is None:
            self._materializer = Materializer(self.importer, None, None)
        return self._materializer.value(value, T.ANY)


def read_archive(
    f: str | os.PathLike[str] | bytes | IO[bytes],
    map_location: MapLocation = None,
    extra_files: dict[str, Any] | None = None,
    *,
    allow_io: bool = False,
) -> LoadedArchive:
    """Read an archive that `torch.jit.save` or this library wrote. ArchiveError for anything else.

    Code of the archive that calls an operator which reaches outside the process does not compile, unless
    `allow_io` says that it may.
    `map_location` is a device, or what `torch.load` takes besides. `extra_files` names files whose contents
    are wanted: its values are replaced by their bytes, as `torch.jit.load` does, empty where there is no such file.
    """
    _check_location(map_location)
    buffer, name = open_file(f)
    container = (FlatbufferContainer if is_flatbuffer(buffer) else Container)(buffer, name)
    if not isinstance(container, FlatbufferContainer):
        _check_kind(container)
    if extra_files is not None:
        for name in extra_files:
            extra_files[name] = container.read(_EXTRA + name) if _EXTRA + name in container else b""
    records: Records = container
    constants: list[Any] | None = None
    typed = True
    if isinstance(container, FlatbufferContainer):
        module = container.module(map_location)
        # From 1.12 on, byte code and source are of the newest operators; both versions in the file say less.
        root, version, operators, constants = module.root, CURRENT_VERSION, CURRENT_VERSION, module.constants
        if not has_code(container):
            records, tensors = source_of(
                root,
                module.methods,
                container.name,
                module.annotations,
                file_size=len(container.buffer),
                allow_io=allow_io,
            )
            constants, typed = list(tensors), False
    elif MODEL in container:
        legacy = read_legacy(container, map_location)
        records, root, version, operators = legacy.records, legacy.root, legacy.version, legacy.operators
        constants = list(legacy.constants)
    else:
        version = _version(container)
        operators = early_version(version, container.names())
        annotations: dict[int, tuple[Any, str]] = {}
        root = _unpickle(
            container, "data", map_location, annotations=None if has_code(container) else annotations
        )
        if not isinstance(root, ScriptObject):
            raise container.error("data.pkl", "does not hold an object of the archive's classes")
        if not has_code(container):
            pickled = _unpickle(container, "bytecode", map_location, folder="constants")
            methods = read_methods(pickled, f"{container.name}: record 'bytecode.pkl'")
            records, tensors = source_of(
                root, methods, container.name, annotations, file_size=len(container.buffer), allow_io=allow_io
            )
            constants, typed = list(tensors), False
    archive: LoadedArchive
    importer = Importer(records, operators, lambda number: archive._constant(number), allow_io)
    importer.typed = typed
    archive = LoadedArchive(container, importer, version, root, map_location, constants)
    return archive


def _check_location(map_location: MapLocation) -> None:
    if map_location is None or callable(map_location) or isinstance(map_location, Mapping):
        return
    try:
        usable_device(map_location)
    except ValueError as error:
        raise ArchiveError(
            f"cannot load to map_location={str(map_location)!r}: {error}; map_location='cpu' works everywhere"
        ) from None


def _unpickle(
    container: Container,
    name: str,
    map_location: MapLocation,
    *,
    folder: str | None = None,
    shapes_only: bool = False,
    annotations: dict[int, tuple[Any, str]] | None = None,
) -> Any:
    record = f"{name}.pkl"
    tensors = TensorReader(container, folder or name, map_location, shapes_only=shapes_only)
    reader = Unpickler(container.read(record), tensors, f"{container.name}: record '{record}'")
    reader.annotations = annotations
    return reader.load()


def _version(container: Container) -> int:
    for record in (".data/version", "version"):
        if record in container:
            text = container.read_text(record).strip()
            if not text.isascii() or not text.isdecimal() or len(text) > 9:
                raise container.error(record, f"says '{text[:20]}', which is no version")
            version = int(text)
            if version > CURRENT_VERSION:
                raise container.error(
                    record,
                    f"says {version}: the archive was written by a newer PyTorch than this library knows "
                    f"(it reads versions up to {CURRENT_VERSION})",
                )
            return version
    raise ArchiveError(f"{container.name}: there is no record 'version': this is no archive of TorchScript")


# A record that only such files have → what they are.
_OTHER_KINDS = {
    "archive_format": "a program of torch.export (.pt2); load it with torch.export.load",
    "serialized_exported_program.json": "a program of torch.export (.pt2); load it with torch.export.load",
    "models/model.json": "a program of torch.export (.pt2); load it with torch.export.load",
    ".data/python_version": "a package of torch.package; open it with torch.package.PackageImporter",
}


def has_code(container: Container) -> bool:
    """Whether there is source. What is for PyTorch's mobile interpreter alone may have byte code instead."""
    return any(name.startswith("code/") for name in container.names())


def _check_kind(container: Container) -> None:
    """Refuse other files that are zip files too, by saying what they are."""
    for record, kind in _OTHER_KINDS.items():
        if record in container:
            raise ArchiveError(f"{container.name}: is {kind}")
    if MODEL in container:
        return
    if "data.pkl" not in container:
        raise ArchiveError(
            f"{container.name}: is a zip file without the record 'data.pkl', so no archive of TorchScript"
        )
    if has_code(container) or "bytecode.pkl" in container:
        return
    if "constants.pkl" not in container:
        raise ArchiveError(
            f"{container.name}: is a checkpoint of torch.save, which has no code; read it with torch.load"
        )

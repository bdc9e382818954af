"""`save`: a module or function as an archive that PyTorch reads, in Python and in C++."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping, Sequence
from typing import IO, Any

import torch

from .. import types as T
from ..codegen.source import Program, print_program
from ..errors import ArchiveError, BackendError
from ..ir.graph import Function, Graph, copy_block
from ..ir.uncompiled import uncompiled_in
from ..schema import Argument, Schema
from .container_writer import ContainerWriter, written_file
from .debug_info import debug_pickle
from .hooks import classes_with_hooks
from .int_codes import RECORD as INT_CODES
from .int_codes import record_of as int_codes
from .pickling import Pickler, StorageTable
from .progress import progress
from .provenance import PRODUCER, own_name
from .transient_buffers import RECORD as TRANSIENT_BUFFERS
from .transient_buffers import record_of as transient_buffers

_VERSIONS = {"div": 4, "div_": 4, "full": 5, "linspace": 8, "logspace": 9, "gelu": 10}
"""The version since which an operator means what it means today; older ones are read with the old meaning."""

_OLDEST_VERSION = 3

_FOLDER = "archive"
"""The top folder of every archive, whatever the file is called: the same module gives the same bytes."""


def save(
    obj: Any,
    file: str | os.PathLike[str] | IO[bytes],
    *,
    extra_files: Mapping[str, str | bytes] | None = None,
) -> None:
    """Write a module (anything with a `_ts_class`) or a function (with a `_ts_function`) as an archive.

    A path is replaced at once, when all is written: whatever fails, an older file stays whole. ArchiveError,
    before anything is written, for what no archive can hold.
    """
    records = Records(obj, extra_files or {})
    if isinstance(file, str | os.PathLike):
        name = os.path.splitext(os.path.basename(os.fspath(file)))[0] or "archive"
    else:
        name = "archive"
    with written_file(file) as out:
        records.write(out, name)


def save_to_buffer(obj: Any, *, extra_files: Mapping[str, str | bytes] | None = None) -> bytes:
    """The archive as bytes."""
    buffer = io.BytesIO()
    save(obj, buffer, extra_files=extra_files)
    return buffer.getvalue()


class Records:
    """Everything that goes into an archive, checked; only the bytes of tensors are not here yet."""

    def __init__(self, obj: Any, extra_files: Mapping[str, str | bytes]) -> None:
        self.extra_files = {name: _extra_file(name, data) for name, data in extra_files.items()}
        root = _root_of(obj)
        _refuse_python(root.cls)
        with classes_with_hooks(obj, root.obj, root.cls, _check_function):
            self._describe(root)

    def _describe(self, root: _Root) -> None:
        """Write the code and the pickles."""
        try:
            self.program = print_program([root.cls], _check_function)
        except BackendError as error:
            raise ArchiveError(f"cannot save {root.cls}: {error}") from error
        self.storages = StorageTable()
        pickler = Pickler(self.program.names, self.storages)
        pickler.value(root.obj, root.cls)
        self.data = pickler.finish()
        self.constant_storages = StorageTable()
        pickler = Pickler(self.program.names, self.constant_storages)
        entries = self.program.constants.entries
        pickler.where.append("a constant of the code")
        pickler.write_tuple([lambda v=v, t=t: pickler.value(v, t) for v, t in entries])  # type: ignore[misc]
        self.constants = pickler.finish()
        if len(self.program.items) > self.program.printed:
            # Values were of classes that no static type names (an attribute of type Any).
            self.program = print_program(self.program.items, _check_function)
        self.version = _version(self.program)

    def record_of(self, tensor: torch.Tensor) -> str | None:
        """The record that will hold the elements of a tensor; None for a tensor that is not in the archive."""
        for folder, table in (("data", self.storages), ("constants", self.constant_storages)):
            key = table.find(tensor)
            if key is not None:
                return f"{folder}/{key}"
        return None

    def write(self, file: IO[bytes], name: str) -> None:
        tables = (("constants", self.constant_storages), ("data", self.storages))
        total = sum(storage.nbytes() for _, table in tables for storage in table.storages)
        with progress(f"saving {name}", total) as written:
            self._write(ContainerWriter(file, _FOLDER, written), tables)

    def _write(self, container: ContainerWriter, tables: Sequence[tuple[str, StorageTable]]) -> None:
        container.add("data.pkl", self.data)
        for path, code in self.program.files.items():
            container.add(path, code.text.encode())
            container.add(f"{path}.debug_pkl", debug_pickle(code))
        container.add("constants.pkl", self.constants)
        container.add("version", f"{self.version}\n".encode())
        container.add("byteorder", sys.byteorder.encode())
        container.add(PRODUCER, own_name().encode())
        for record, text in (
            (TRANSIENT_BUFFERS, transient_buffers(self.program)),
            (INT_CODES, int_codes(self.program)),
        ):
            if text:
                container.add(record, text.encode())
        for path, data in self.extra_files.items():
            container.add(f"extra/{path}", data)
        for folder, table in tables:
            for number, storage in enumerate(table.storages):
                container.add_storage(f"{folder}/{number}", storage)
        container.close()


class _Root:
    """The object that an archive holds, as one with a class."""

    def __init__(self, obj: Any, cls: T.ClassType) -> None:
        self.obj = obj
        self.cls = cls


def _root_of(obj: Any) -> _Root:
    if hasattr(obj, "_ts_as_saved"):
        obj = obj._ts_as_saved()
    cls = getattr(obj, "_ts_class", None)
    if isinstance(cls, T.ClassType):
        return _Root(obj, cls)
    function = obj if isinstance(obj, Function) else getattr(obj, "_ts_function", None)
    if isinstance(function, Function):
        return _Root(_Placeholder(), _placeholder_class(function))
    raise ArchiveError(
        f"cannot save a {type(obj).__name__}: only compiled modules and functions can be saved, "
        "as torchscript.script and torchscript.trace make them"
    )


class _Placeholder:
    """What stands for the module of a function that was saved alone."""

    training = True


def _placeholder_class(function: Function) -> T.ClassType:
    """A module's class whose `forward` is the function: PyTorch saves a function so."""
    cls = T.ClassType("__torch__.PlaceholderModule", is_module=True)
    cls.attributes["training"] = T.ClassAttribute(T.BOOL)
    graph = Graph("forward")
    graph.block.add_parameter(cls, "self")
    copy_block(function.graph.block, graph.block, {})
    schema = function.schema
    arguments = (Argument("self", cls), *schema.arguments)
    method_schema = Schema("forward", "", arguments, schema.returns, schema.is_vararg, schema.is_varret)
    cls.methods["forward"] = Function(
        "__torch__.PlaceholderModule.forward", graph, method_schema, source=function.source
    )
    return cls


def _refuse_python(cls: T.ClassType) -> None:
    """Refuse a module in which anything is left to Python, naming all of it."""
    found = uncompiled_in(cls)
    if found:
        listed = "\n".join(
            f"'{one.name}': {one.reason}" + (f"\n{one.where.show()}" if one.where is not None else "")
            for one in found
        )
        raise ArchiveError(
            f"cannot save it: an archive runs without Python, but this stays Python:\n{listed}"
        )


def _check_function(function: Function) -> None:
    """Refuse a function that calls into Python."""
    for node in function.graph.all_nodes():
        if node.kind in ("prim::PythonCall", "prim::PythonOp"):
            name = node.attributes.get("name", "a Python function")
            where = f"\n{node.source.show()}" if node.source is not None else ""
            raise ArchiveError(
                f"cannot save '{function.name}': it calls '{name}', which is a Python function outside the "
                f"language, and an archive runs without Python. It is called here:{where}"
            )


def _extra_file(name: str, data: str | bytes) -> bytes:
    if not isinstance(name, str) or not name or name.startswith("/") or ".." in name.split("/"):
        raise ArchiveError(f"{name!r} is no name for an extra file")
    if isinstance(data, str):
        return data.encode()
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    raise ArchiveError(f"the extra file '{name}' is a {type(data).__name__}: give str or bytes")


def _version(program: Program) -> int:
    """The oldest format that means the same."""
    version = _OLDEST_VERSION
    for function in program.functions():
        for node in function.graph.all_nodes():
            namespace, _, name = node.kind.partition("::")
            if namespace == "aten":
                version = max(version, _VERSIONS.get(name, 0))
    return version

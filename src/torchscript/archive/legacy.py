"""Archives of PyTorch 1.0 to 1.2, which describe their modules in `model.json`, as archives of today.

    model.json         the modules and tensors: a protocol buffer (caffe2/proto/torch.proto) written as JSON
    tensors/0, 1, …    the bytes of storages
    code/net_fc.py     the methods of one module: net.fc
    attributes.pkl     values of attributes             (from proto_version 2 on)
    libs/….py          classes that are no modules      (from proto_version 3 on)
    data.pkl, code/…   as today, but for the tensors    (proto_version 6)

A module had no class then: it had attributes and methods of its own. So each gets one here, named after where
the module stands, whose text goes through the importer as all archived code does:

    {"name": "fc", "parameters": [{"name": "weight", "tensorId": "0", "isBuffer": false}],
     "torchscriptArena": {"key": "code/net_fc.py"}}

    class fc(Module):                             __torch__.net.fc
      __parameters__ = ["weight", ]
      __buffers__ = []
      weight : Tensor
      def forward(self, ...                       the text of code/net_fc.py, indented
"""

from __future__ import annotations

import ast
import json
import keyword
import re
from dataclasses import dataclass
from typing import Any

import torch

from ..errors import ArchiveError
from .container import Container
from .early_operators import PYTORCH_1_1, PYTORCH_1_2
from .importer.classes import NOTES
from .importer.code import Texts
from .tensors import MapLocation, TensorReader
from .unpickler import ScriptObject, Unpickler

MODEL = "model.json"
_FIRST_OF_1_2, _NEWEST = 4, 6
_MAX_DEPTH = 200
_VERSION = re.compile(r"op_version_set *= *(\d{1,6})[^\n]*\n?")
_DEFINITIONS = re.compile(r"^(?=class |def )", re.M)
_IMPORT = re.compile(r"(?:import [\w.]+\n)+")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

# caffe2's names (and numbers) of data types
_DTYPES: dict[Any, torch.dtype] = {
    "FLOAT": torch.float32, 1: torch.float32,
    "INT32": torch.int32, 2: torch.int32,
    "BYTE": torch.uint8, 3: torch.uint8,
    "BOOL": torch.bool, 5: torch.bool,
    "UINT8": torch.uint8, 6: torch.uint8,
    "INT8": torch.int8, 7: torch.int8,
    "INT16": torch.int16, 9: torch.int16,
    "INT64": torch.int64, 10: torch.int64,
    "FLOAT16": torch.float16, 12: torch.float16,
    "DOUBLE": torch.float64, 13: torch.float64,
}  # fmt: skip
_QUANTISED = {torch.int8: torch.qint8, torch.uint8: torch.quint8, torch.int32: torch.qint32}


@dataclass
class LegacyArchive:
    """What the reader wants of an archive: code, objects, the constants of the code, and the version of both.

    `operators` is the version that tells 1.2 and what was before it apart, where `version` is what the code says.
    """

    records: Texts
    root: ScriptObject
    constants: list[torch.Tensor]
    version: int
    operators: int


def read_legacy(container: Container, map_location: MapLocation) -> LegacyArchive:
    """Read an archive that has a `model.json`. ArchiveError for whatever is wrong with it."""
    try:
        return _Reader(container, map_location).read()
    except ArchiveError:
        raise
    except RecursionError:
        raise container.error(MODEL, "nests too deep") from None
    except (
        AttributeError,
        IndexError,
        KeyError,
        OverflowError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        reason = str(error).partition("\n")[0][:200]
        raise container.error(
            MODEL, f"does not describe a module: {type(error).__name__}: {reason}"
        ) from None


def format_version(container: Container) -> int | None:
    """The `proto_version` of an archive of PyTorch 1.0 to 1.2; None where it cannot be told."""
    try:
        return int(json.loads(container.read_text(MODEL)).get("protoVersion", 1))
    except (ArchiveError, AttributeError, RecursionError, TypeError, ValueError):
        return None


class _Reader:
    def __init__(self, container: Container, map_location: MapLocation) -> None:
        self.container = container
        self.tensors = TensorReader(container, "tensors", map_location)
        self.records = Texts(container.name, {})
        self.texts: dict[str, list[str]] = {}
        self.arenas: set[str] = set()
        self.class_names: set[str] = set()
        self.attributes: tuple[Any, ...] = ()
        self.version = 0

    def read(self) -> LegacyArchive:
        model = json.loads(self.container.read_text(MODEL))
        proto = int(model.get("protoVersion", 1))
        if not 1 <= proto <= _NEWEST:
            raise self.container.error(MODEL, f"is of proto_version {proto}, which no PyTorch has written")
        known: dict[str, torch.Tensor] = {}
        table = [self._tensor(entry, known) for entry in model.get("tensors", ())]
        self.tensors.table = table
        if "data.pkl" in self.container:
            self._copy_code("code/")
            root = self._unpickled("data.pkl")
            if not isinstance(root, ScriptObject):
                raise self.container.error("data.pkl", "does not hold an object of the archive's classes")
        else:
            self._copy_code("libs/")
            if "attributes.pkl" in self.container:
                values = self._unpickled("attributes.pkl")
                if not isinstance(values, list | tuple):
                    raise self.container.error("attributes.pkl", "does not hold a list of values")
                self.attributes = tuple(values)
            root = self._module(model["mainModule"], "__torch__", 0)
            for record, classes in self.texts.items():
                text = self.records.texts.get(record, "")
                self.records.texts[record] = text + "".join(classes)
        operators = PYTORCH_1_1 if proto < _FIRST_OF_1_2 else PYTORCH_1_2
        return LegacyArchive(self.records, root, table, self.version, operators)

    def _unpickled(self, record: str) -> Any:
        where = f"{self.container.name}: record '{record}'"
        return Unpickler(self.container.read(record), self.tensors, where, legacy=True).load()

    # -- tensors -------------------------------------------------------------------------------------------

    def _tensor(self, entry: dict[str, Any], known: dict[str, torch.Tensor]) -> torch.Tensor:
        """One entry of the table. Parameters that modules shared have equal entries, and become one again."""
        key = json.dumps(entry, sort_keys=True)
        if key in known:
            return known[key]
        tensors = self.tensors
        kind = entry.get("dataType", "FLOAT")
        dtype = _DTYPES.get(kind) if isinstance(kind, str | int) else None
        if dtype is None:
            raise self.container.error(MODEL, f"has a tensor of an unknown type, '{str(kind)[:40]}'")
        record = entry["data"]["key"]
        folder, _, name = record.rpartition("/")
        if folder != tensors.folder:
            raise self.container.error(
                MODEL, f"has a tensor in '{record[:100]}', not in a record 'tensors/…'"
            )
        if record not in self.container:
            raise self.container.error(MODEL, f"has a tensor in '{record}', and there is no such record")
        sizes = tuple(int(n) for n in entry.get("dims", ()))
        strides = tuple(int(n) for n in entry.get("strides", ()))
        offset = int(entry.get("offset", 0))
        quantised = bool(entry.get("isQuantized", False))
        stored = _QUANTISED[dtype] if quantised else dtype
        count = self.container.records[record].size // dtype.itemsize
        device = entry.get("device") or "cpu"
        storage = tensors.storage(("storage", stored, name, device, count))
        requires_grad = bool(entry.get("requiresGrad", False))
        if quantised:
            scheme = (torch.per_tensor_affine, float(entry["scale"]), int(entry.get("zeroPoint", 0)))
            made = tensors.quantised(storage, offset, sizes, strides, scheme, requires_grad)
        else:
            made = tensors.dense(storage, offset, sizes, strides, requires_grad)
        known[key] = made
        return made

    # -- code ----------------------------------------------------------------------------------------------

    def _copy_code(self, prefix: str) -> None:
        for record in self.container.names():
            if record.startswith(prefix) and record.endswith(".py"):
                text = _each_once(self._without_version(self.container.read_text(record)))
                self.records.texts["code/" + record[len(prefix) :]] = text

    def _without_version(self, text: str) -> str:
        match = _VERSION.match(text)
        if match is not None:
            self.version = max(self.version, int(match[1]))
            text = text[match.end() :]
        imports = _IMPORT.match(text)
        return text if imports is None else text[imports.end() :]

    # -- modules -------------------------------------------------------------------------------------------

    def _module(self, description: dict[str, Any], path: str, depth: int) -> ScriptObject:
        if depth > _MAX_DEPTH:
            raise self.container.error(MODEL, "nests modules too deep")
        name = self._class_name(path, str(description.get("name", "")))
        members = _Members()
        for parameter in description.get("parameters", ()):
            self._add_parameter(parameter, members)
        for attribute in description.get("attributes", ()):
            self._add_attribute(attribute, members)
        for submodule in description.get("submodules", ()):
            made = self._module(submodule, name, depth + 1)
            members.add(str(submodule["name"]), made.class_name, made)
        module_path, _, last = name.rpartition(".")
        record = f"code/{module_path.replace('.', '/')}.py"
        self.texts.setdefault(record, []).append(members.class_text(last, self._methods(description)))
        state_number = description.get("getStateAttributeId")
        if state_number is None:
            return ScriptObject(name, members.values)
        return ScriptObject(name, self._pickled_value(state_number), beside=members.values)

    def _class_name(self, path: str, module_name: str) -> str:
        """A qualified name after the module's own; names could have dots, and be numbers."""
        atoms = [re.sub(r"\W", "_", atom, flags=re.ASCII) for atom in module_name.split(".")]
        atoms = [f"_{a}" if not _IDENTIFIER.match(a) or keyword.iskeyword(a) else a for a in atoms]
        name = base = ".".join([path, *atoms])
        count = 1
        while name in self.class_names or self._is_library(name):
            count += 1
            name = f"{base}_{count}"
        self.class_names.add(name)
        return name

    def _is_library(self, name: str) -> bool:
        module, _, last = name.rpartition(".")
        text = self.records.texts.get(f"code/{module.replace('.', '/')}.py", "")
        return f"code/{name.replace('.', '/')}.py" in self.records.texts or f"class {last}" in text

    def _methods(self, description: dict[str, Any]) -> str:
        arena = description.get("torchscriptArena")
        if arena is None:
            return ""
        record = arena["key"]
        if not isinstance(record, str) or record not in self.container:
            raise self.container.error(
                MODEL, f"names the code '{str(record)[:100]}', and there is no such record"
            )
        if record in self.arenas:
            raise self.container.error(MODEL, f"gives the code '{record}' to two modules")
        self.arenas.add(record)
        return self._without_version(self.container.read_text(record))

    def _add_parameter(self, parameter: dict[str, Any], members: _Members) -> None:
        name, number = str(parameter["name"]), int(parameter.get("tensorId", 0))
        if parameter.get("isBuffer", False):
            value = self._table_entry(number)
            if name == "training" and value.numel() == 1 and not value.is_meta:
                members.add(name, "bool", bool(value))  # a tensor, at first
                return
            members.buffers.append(name)
            members.add(name, "Tensor", value)
            return
        members.parameters.append(name)
        if number < 0:  # __setstate__ makes it
            members.declare(name, "Tensor")
        else:
            members.add(name, "Tensor", self._table_entry(number))

    def _add_attribute(self, attribute: dict[str, Any], members: _Members) -> None:
        name, number = str(attribute["name"]), int(attribute["id"])
        if name in members.types:
            return  # a buffer, which stands there too
        if name in NOTES:
            return
        annotation = str(attribute["type"])
        if "\n" in annotation or "\r" in annotation:
            raise self.container.error(MODEL, f"declares '{name[:60]}' of a type of several lines")
        try:
            ast.parse(annotation, mode="eval")
        except (SyntaxError, ValueError, MemoryError):
            raise self.container.error(
                MODEL, f"declares '{name[:60]}' of a type that is none: {annotation[:60]}"
            ) from None
        if name == "training" and annotation == "Tensor":
            value = self._pickled_value(number)
            members.add(name, "bool", bool(value))
            return
        if annotation == "Tensor":
            members.buffers.append(name)
        if number < 0:
            members.declare(name, annotation)
        else:
            members.add(name, annotation, self._pickled_value(number))

    def _table_entry(self, number: int) -> torch.Tensor:
        table = self.tensors.table or []
        if not 0 <= number < len(table):
            raise self.container.error(MODEL, f"has no tensor {number}")
        return table[number]

    def _pickled_value(self, number: Any) -> Any:
        number = int(number)
        if not 0 <= number < len(self.attributes):
            raise self.container.error("attributes.pkl", f"has no value {number}, which {MODEL} names")
        return self.attributes[number]


class _Members:
    """The attributes of one module, in order."""

    def __init__(self) -> None:
        self.types: dict[str, str] = {}
        self.values: dict[str, Any] = {}
        self.parameters: list[str] = []
        self.buffers: list[str] = []

    def declare(self, name: str, annotation: str) -> None:
        if name in self.types:
            raise ValueError(f"'{name}' is declared twice")
        self.types[name] = annotation

    def add(self, name: str, annotation: str, value: Any) -> None:
        self.declare(name, annotation)
        self.values[name] = value

    def class_text(self, name: str, methods: str) -> str:
        lines = [
            f"class {name}(Module):",
            f"  __parameters__ = {_name_list(self.parameters)}",
            f"  __buffers__ = {_name_list(self.buffers)}",
        ]
        for attribute, annotation in self.types.items():
            if _IDENTIFIER.fullmatch(attribute) and not keyword.iskeyword(attribute):
                lines.append(f"  {attribute} : {annotation}")
            else:
                lines.append(f"  __annotations__[{json.dumps(attribute)}] = {annotation}")
        lines += [f"  {line}" if line.strip() else "" for line in methods.splitlines()]
        return "\n".join(lines) + "\n"


def _each_once(text: str) -> str:
    """The definitions of a file without repetitions: 1.2 wrote a class again for every module that used it."""
    definitions = _DEFINITIONS.split(text)
    return "".join(dict.fromkeys(definitions)) if len(definitions) > 1 else text


def _name_list(names: list[str]) -> str:
    return "[" + "".join(f"{json.dumps(name)}, " for name in names) + "]"

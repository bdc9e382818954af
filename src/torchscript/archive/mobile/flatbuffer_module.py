"""Modules for PyTorch's mobile interpreter in files of the FlatBuffer format, which PyTorch 1.12 to today write.

    module._save_for_lite_interpreter(path, _use_flatbuffer=True)      byte code
    torch.jit.save_jit_module_to_flatbuffer(module, path)              byte code, and the source beside it

The file is one table (torch/csrc/jit/serialization/mobile_bytecode.fbs). Its values stand in one list, children
before parents, and name each other by number:

    0  None
    1  Function   "__torch__.M.forward": instructions, operators, constants (numbers of values), types, schema
    2  TensorMetadata   the number of its storage, dtype, offset, sizes, strides
    3  Object     the number of its class, its attributes (numbers of values): 2
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import torch

from ...codes import dtype_of
from ...errors import ArchiveError, CompileError
from ..container import Container, Record, check_record_name
from ..importer.limits import check_constant
from ..prepacked import STATES
from ..tensors import MapLocation, TensorReader
from ..unpickler import EnumMember, ScriptObject, dict_key
from .bytecode import MAX_INSTRUCTIONS, Instruction, Method, Parameter
from .flatbuffers import DamagedFlatbuffer, Flatbuffer, Table

IDENTIFIER = b"PTMF"
_TENSORS = "data"

_INT, _LONG, _U32, _BYTE = (struct.Struct(f"<{letter}") for letter in "iqIb")
_DOUBLE, _COMPLEX, _BOOL, _UBYTE = (struct.Struct(f"<{letters}") for letters in ("d", "dd", "?", "B"))
_INSTRUCTION = struct.Struct("<bxHi")

# The instructions by their numbers, in PyTorch 1.12 and later.
_CODES = (
    "OP", "OPN", "LOAD", "MOVE", "STOREN", "STORE", "DROP", "DROPR", "LOADC", "JF", "JMP", "LOOP", "RET", "WAIT",
    "CALL", "GUARD", "TYPECHECK", "FAIL_GUARD", "PROFILE_OP", "TAIL_CALL", "INTERFACE_CALL", "GET_ATTR", "SET_ATTR",
    "LIST_UNPACK", "TUPLE_CONSTRUCT", "NAMED_TUPLE_CONSTRUCT", "LIST_CONSTRUCT", "DICT_CONSTRUCT", "CREATE_OBJECT",
    "ISINSTANCE", "TUPLE_SLICE", "TUPLE_INDEX", "RAISE_EXCEPTION", "DICT_INDEX", "UNCHECKED_CAST", "__IS__",
    "UN_INITIALIZED", "__ISNOT__", "FORMAT", "DEVICE", "DTYPE", "DIM", "__NOT__", "TO_LIST", "NUM_TO_TENSOR",
    "IS_CUDA", "FORK", "WARN", "ENTER", "EXIT", "AWAITABLE",
)  # fmt: skip

_SCHEMES = {
    0: torch.per_tensor_affine,
    1: torch.per_channel_affine,
    4: torch.per_channel_affine_float_qparams,
}


class _ModuleField(IntEnum):
    EXTRA_FILES, METHODS, STATE, VALUES, STORAGE_COUNT, STORAGES, CLASSES, SOURCES, CONSTANTS = range(1, 10)


class _FunctionField(IntEnum):
    NAME, INSTRUCTIONS, OPERATORS, CONSTANTS, TYPES, _REGISTERS, SCHEMA = range(7)


class _TensorField(IntEnum):
    STORAGE, DTYPE, OFFSET, SIZES, STRIDES, REQUIRES_GRAD, QUANTISED = range(7)


class _QuantisedField(IntEnum):
    SCHEME, SCALE, ZERO_POINT, SCALES, ZERO_POINTS, AXIS = range(6)


class _ClassKind(IntEnum):
    WITH_ATTRIBUTES, OF_CPP, WITH_SETSTATE = range(1, 4)


@dataclass(frozen=True, slots=True)
class FlatbufferModule:
    """What a file holds. `annotations` are the types that lists and dicts were saved with, by identity."""

    root: ScriptObject
    methods: list[Method]
    constants: list[Any]
    annotations: dict[int, tuple[Any, str]]


class FlatbufferContainer(Container):
    """The file as records: the bytes of tensors (`data/0`), source (`code/__torch__.py`), `extra/` files."""

    def __init__(self, buffer: bytearray | mmap.mmap, name: str) -> None:
        self._prepare(buffer, name)
        self.folder = ""
        self.records: dict[str, Record] = {}
        try:
            self.table = Flatbuffer(buffer).root()
            for i, storage in enumerate(self.table.tables(_ModuleField.STORAGES)):
                self._add(f"{_TENSORS}/{i}", storage.extent(0))
            for source in self.table.tables(_ModuleField.SOURCES):
                self._add(f"code/{source.text(0).replace('.', '/')}.py", source.extent(1))
            for extra in self.table.tables(_ModuleField.EXTRA_FILES):
                self._add(f"extra/{extra.text(0)}", extra.extent(1))
        except DamagedFlatbuffer as error:
            raise ArchiveError(f"{name}: is damaged: {error}") from None

    def _add(self, name: str, extent: tuple[int, int]) -> None:
        check_record_name(name, self.name)
        if name in self.records:
            raise ArchiveError(f"{self.name}: there are two records '{name}'")
        offset, size = extent
        self.records[name] = Record(name, 0, None, size, size, offset)

    def _data_offset(self, record: Record) -> int:
        return record.header_offset

    def module(self, map_location: MapLocation) -> FlatbufferModule:
        """The objects and the byte code. ArchiveError for whatever is wrong with them."""
        reader = _Reader(self, map_location)
        try:
            return reader.read()
        except ArchiveError:
            raise
        except (CompileError, OverflowError, RuntimeError, TypeError, ValueError) as error:
            reason = str(error).partition("\n")[0][:200]
            raise ArchiveError(f"{self.name}: does not describe a module: {reader.part}: {reason}") from None


def is_flatbuffer(buffer: bytearray | mmap.mmap) -> bool:
    return bytes(buffer[4:8]) == IDENTIFIER


class _Reader:
    def __init__(self, container: FlatbufferContainer, map_location: MapLocation) -> None:
        self.container = container
        self.table = container.table
        self.tensors = TensorReader(container, _TENSORS, map_location)
        self.tensors_made: dict[tuple[Any, ...], torch.Tensor] = {}
        self.values: list[Any] = []
        self.part = "its classes"
        """What is read, for messages."""
        self.classes: list[tuple[str, int, list[str]]] = []
        self.annotations: dict[
            int, tuple[Any, str]
        ] = {}  # the values hold what was saved, so that no id is used again
        self._makers: list[Callable[[Table], Any]] = [
            lambda _: None,
            lambda value: value.structure(1, _LONG)[0],
            lambda value: value.structure(1, _BOOL)[0],
            lambda value: value.structure(1, _DOUBLE)[0],
            lambda value: complex(*value.structure(1, _COMPLEX)),
            lambda value: self._tensor(self._content(value)),
            lambda value: self._content(value).text(0),
            self._list,
            lambda value: tuple(self._those(self._content(value).numbers(0, "I"))),
            self._dict,
            self._object,
            lambda value: self._annotated(self._content(value).numbers(0, "q"), "List[int]"),
            lambda value: self._annotated(self._content(value).numbers(0, "d"), "List[float]"),
            lambda value: self._annotated(self._content(value).numbers(0, "?"), "List[bool]"),
            lambda value: self.tensors.device(self._content(value).text(0)),
            self._enum_member,
            lambda value: self._method(self._content(value)),
        ]

    def read(self) -> FlatbufferModule:
        for cls in self.table.tables(_ModuleField.CLASSES):
            self.classes.append((cls.text(0), cls.number(1, _UBYTE), cls.texts(2)))
        self.part = "value 0"
        for value in self.table.tables(_ModuleField.VALUES):
            kind = value.number(0, _UBYTE)
            if kind >= len(self._makers):
                raise ValueError(f"is of kind {kind}, which is not known")
            self.values.append(self._makers[kind](value))
            self.part = f"value {len(self.values)}"
        self.part = "the module"
        root = self._that(self.table.number(_ModuleField.STATE, _U32))
        if not isinstance(root, ScriptObject):
            raise ValueError("its top value is no object")
        methods = self._those(self.table.numbers(_ModuleField.METHODS, "I"))
        if not all(isinstance(method, Method) for method in methods):
            raise ValueError("something that is no function stands among its methods")
        constants = self._those(self.table.numbers(_ModuleField.CONSTANTS, "I"))
        check_constant(constants)
        return FlatbufferModule(root, methods, constants, self.annotations)

    # -- values --------------------------------------------------------------------------------------------

    def _that(self, number: int) -> Any:
        if number >= len(self.values):
            raise ValueError(f"names value {number}, where {len(self.values)} have been read")
        return self.values[number]

    def _those(self, numbers: list[int]) -> list[Any]:
        return [self._that(number) for number in numbers]

    def _content(self, value: Table) -> Table:
        content = value.table(1)
        if content is None:
            raise DamagedFlatbuffer("has a value without its content")
        return content

    def _annotated(self, made: Any, annotation: str) -> Any:
        if annotation:
            self.annotations[id(made)] = (made, annotation)
        return made

    def _list(self, value: Table) -> Any:
        content = self._content(value)
        return self._annotated(self._those(content.numbers(0, "I")), content.text(1))

    def _dict(self, value: Table) -> Any:
        content = self._content(value)
        keys, values = content.numbers(0, "I"), content.numbers(1, "I")
        if len(keys) != len(values):
            raise ValueError("has a dict of more keys than values")
        made = {dict_key(self._that(key)): self._that(item) for key, item in zip(keys, values)}
        return self._annotated(made, content.text(2))

    def _object(self, value: Table) -> Any:
        content = self._content(value)
        number = content.number(0, _U32)
        if number >= len(self.classes):
            raise ValueError(f"is of class {number}, where there are {len(self.classes)}")
        name, kind, attributes = self.classes[number]
        if kind != _ClassKind.WITH_ATTRIBUTES:
            state = self._that(content.number(1, _U32))
            return state if name in STATES else ScriptObject(name, state)
        values = self._those(content.numbers(2, "I"))
        if len(values) != len(attributes):
            raise ValueError(f"an object of '{name}' has {len(values)} of {len(attributes)} attributes")
        return ScriptObject(name, dict(zip(attributes, values)))

    def _enum_member(self, value: Table) -> EnumMember:
        content = self._content(value)
        return EnumMember(content.text(0), self._that(content.number(1, _U32)))

    # -- tensors -------------------------------------------------------------------------------------------

    def _tensor(self, content: Table) -> torch.Tensor:
        key = str(content.number(_TensorField.STORAGE, _U32))
        code = content.number(_TensorField.DTYPE, _BYTE)
        try:
            dtype = dtype_of(code)
        except KeyError:
            raise ValueError(f"a tensor is of dtype {code}, which is not known") from None
        record = self.container.records.get(f"{_TENSORS}/{key}")
        if record is None:
            raise ValueError(f"a tensor is in storage {key}, which there is not")
        storage = self.tensors.storage(("storage", dtype, key, "cpu", record.size // dtype.itemsize))
        view = (
            storage,
            content.number(_TensorField.OFFSET, _INT),
            content.numbers(_TensorField.SIZES, "i"),
            content.numbers(_TensorField.STRIDES, "i"),
        )
        requires_grad = content.number(_TensorField.REQUIRES_GRAD, _BOOL, False)
        quantised = content.table(_TensorField.QUANTISED)
        if quantised is None:
            # a tensor that two objects share, a tied weight, is written twice: by the same view it is known
            same = (key, dtype, view[1], tuple(view[2]), tuple(view[3]), requires_grad)
            made = self.tensors_made.get(same)
            if made is None:
                made = self.tensors_made[same] = self.tensors.dense(*view, requires_grad)
            return made
        return self.tensors.quantised(*view, self._quantiser(quantised), requires_grad)

    def _quantiser(self, table: Table) -> tuple[Any, ...]:
        scheme = _SCHEMES.get(table.number(_QuantisedField.SCHEME, _BYTE))
        if scheme is torch.per_tensor_affine:
            scale = table.number(_QuantisedField.SCALE, _DOUBLE, 0.0)
            return scheme, scale, table.number(_QuantisedField.ZERO_POINT, _INT)
        scales = table.table(_QuantisedField.SCALES)
        zero_points = table.table(_QuantisedField.ZERO_POINTS)
        if scheme is None or scales is None or zero_points is None:
            raise ValueError("a tensor is quantised in an unknown way")
        axis = table.number(_QuantisedField.AXIS, _INT)
        return scheme, self._tensor(scales), self._tensor(zero_points), axis

    # -- byte code -----------------------------------------------------------------------------------------

    def _method(self, content: Table) -> Method:
        instructions = tuple(
            Instruction(_CODES[code] if 0 <= code < len(_CODES) else f"number {code}", x, n)
            for code, n, x in content.structures(_FunctionField.INSTRUCTIONS, _INSTRUCTION)
        )
        if len(instructions) > MAX_INSTRUCTIONS:
            raise ValueError("a method has too many instructions")
        counts = [
            (operator.text(0), operator.text(1), operator.number(2, _INT, -1))
            for operator in content.tables(_FunctionField.OPERATORS)
        ]
        parameters: tuple[Parameter, ...] | None = None
        returns = None
        schema = content.table(_FunctionField.SCHEMA)
        if schema is not None:
            parameters = tuple(
                Parameter(argument.text(0), argument.text(1), self._that(argument.number(2, _U32)))
                for argument in schema.tables(0)
            )
            kinds = [result.text(1) for result in schema.tables(1)]
            returns = kinds[0] if len(kinds) == 1 else f"Tuple[{', '.join(kinds)}]" if kinds else "None"
        return Method(
            content.text(_FunctionField.NAME),
            instructions,
            tuple((name, overload, count if count >= 0 else None) for name, overload, count in counts),
            tuple(self._those(content.numbers(_FunctionField.CONSTANTS, "I"))),
            tuple(content.texts(_FunctionField.TYPES)),
            parameters,
            returns,
        )

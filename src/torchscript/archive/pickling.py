"""The pickles of an archive: values of the language, written as PyTorch's C++ unpickler expects them.

A small subset of protocol 2. Types that a pickle alone does not tell stand beside the value (the empty list
of `List[float]` is a call of `build_doublelist`), and objects name their class by its name in the archive's
code (`__torch__.net Cell`), which no Python can import.
"""

from __future__ import annotations

import enum
import re
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch

from .. import types as T
from ..codegen.source import QualifiedNames
from ..codes import SCALAR_TYPE_NAMES, code_of
from ..errors import ArchiveError
from ..schema import parse_schema_type
from ..types.of_values import type_of_plain
from .tensors import PICKLED_NAMES

_TYPED_LISTS: dict[type[T.Type], str] = {
    T.IntType: "build_intlist",
    T.DtypeType: "build_intlist",
    T.LayoutType: "build_intlist",
    T.MemoryFormatType: "build_intlist",
    T.FloatType: "build_doublelist",
    T.BoolType: "build_boollist",
    T.TensorType: "build_tensorlist",
}

_UNSTORABLE = {
    T.PyObjectType: "a Python object",
    T.GeneratorType: "a random number generator",
    T.StreamType: "a stream",
    T.StorageType: "a storage",
    T.CapsuleType: "a capsule",
    T.FutureType: "a future",
    T.AwaitType: "an awaitable",
    T.FunctionType: "a function",
}


_RESULT = re.compile(r"^\((.*?)( _\d+)?\)$")
"""The results of a method, as its schema prints them: `((Tensor, Tensor?) _0)`."""


class StorageTable:
    """The storages that pickled tensors share, each with its key, in the order in which they were met."""

    def __init__(self) -> None:
        self.storages: list[torch.UntypedStorage] = []
        self._keys: dict[int, str] = {}
        self._kept: list[torch.Tensor] = []

    def key(self, tensor: torch.Tensor) -> tuple[str, torch.UntypedStorage]:
        """The key of the storage that a tensor is a view of."""
        storage = tensor.untyped_storage()
        identity = storage._cdata
        key = self._keys.get(identity)
        if key is None:
            key = self._keys[identity] = str(len(self.storages))
            self.storages.append(storage)
            self._kept.append(tensor)
        return key, storage

    def find(self, tensor: torch.Tensor) -> str | None:
        """The key of a tensor's storage, where it has one."""
        if tensor.layout is not torch.strided:
            return None
        return self._keys.get(tensor.untyped_storage()._cdata)


class Pickler:
    """Writes one pickle.

    `where` names the value that is being written, for errors. Values that are shared (objects, lists,
    dicts, tensors) are written once.
    """

    def __init__(self, names: QualifiedNames, storages: StorageTable) -> None:
        self.names = names
        self.storages = storages
        self.where: list[str] = []
        self._out = bytearray(b"\x80\x02")
        self._memo: dict[object, int] = {}
        self._size = 0
        self._kept: list[Any] = []
        self._open: set[int] = set()

    def finish(self) -> bytes:
        self._out += b"."
        return bytes(self._out)

    def refuse(self, why: str) -> ArchiveError:
        place = "".join(self.where).lstrip(".")
        return ArchiveError(f"cannot save {place or 'this value'}: {why}")

    # Opcodes.

    def op(self, code: bytes) -> None:
        self._out += code

    def remember(self, key: object) -> None:
        """Let `recall(key)` stand for what was just written."""
        number = self._memo[key] = self._size
        self._size += 1
        self._out += b"q" + bytes([number]) if number < 256 else b"r" + struct.pack("<I", number)

    def recall(self, key: object) -> bool:
        number = self._memo.get(key)
        if number is None:
            return False
        self._out += b"h" + bytes([number]) if number < 256 else b"j" + struct.pack("<I", number)
        return True

    def name(self, module: str, name: str) -> None:
        """A GLOBAL: a name for the reader to look up."""
        key = ("name", module, name)
        if not self.recall(key):
            self._out += f"c{module}\n{name}\n".encode()
            self.remember(key)

    def string(self, value: str) -> None:
        if not self.recall(("string", value)):
            data = value.encode("utf-8", "surrogatepass")
            self._out += b"X" + struct.pack("<I", len(data)) + data
            self.remember(("string", value))

    def write_int(self, value: int) -> None:
        if 0 <= value < 1 << 8:
            self._out += b"K" + bytes([value])
        elif 0 <= value < 1 << 16:
            self._out += b"M" + struct.pack("<H", value)
        elif -(1 << 31) <= value < 1 << 31:
            self._out += b"J" + struct.pack("<i", value)
        elif -(1 << 63) <= value < 1 << 63:
            self._out += b"\x8a\x08" + struct.pack("<q", value)
        else:
            raise self.refuse(f"{value} does not fit into 64 bits")

    def write_float(self, value: float) -> None:
        self._out += b"G" + struct.pack(">d", value)

    def write_bool(self, value: bool) -> None:
        self._out += b"\x88" if value else b"\x89"

    def write_tuple(self, items: Sequence[Callable[[], None]]) -> None:
        """A tuple of what the callables write."""
        if not items:
            self._out += b")"
            return
        if len(items) > 3:
            self._out += b"("
        for item in items:
            item()
        self._out += b"t" if len(items) > 3 else (b"\x85", b"\x86", b"\x87")[len(items) - 1]

    def int_list(self, values: Iterable[int]) -> None:
        """A `List[int]`."""
        self.write_list(list(values), T.ListType(T.INT))

    def ints(self, values: Iterable[int]) -> None:
        """A tuple of ints."""
        self.write_tuple([lambda v=v: self.write_int(v) for v in values])  # type: ignore[misc]

    # Values.

    def value(self, value: Any, type: T.Type) -> None:
        """Write a value of a static type."""
        if isinstance(type, T.OptionalType):
            type = type.element if value is not None else T.NONE
        match type:
            case T.AnyType() | T.UnionType() | T.NumberType() | T.InterfaceType():
                type = self.type_of(value, type)
            case T.PendingType():
                type = type.resolved or type.default
        if value is None:
            self._out += b"N"
            return
        match type:
            case T.TensorType():
                self.tensor(value)
            case T.BoolType():
                self.write_bool(value)
            case T.IntType() | T.DtypeType() | T.LayoutType() | T.MemoryFormatType():
                self.write_int(value if isinstance(value, int) else code_of(value))
            case T.FloatType():
                self.write_float(value)
            case T.ComplexType():
                self.name("builtins", "complex")
                self.write_tuple([lambda: self.write_float(value.real), lambda: self.write_float(value.imag)])
                self._out += b"R"
            case T.StringType():
                self.string(value)
            case T.DeviceType():
                self.device(value)
            case T.TupleType():
                elements = zip(value, type.elements)
                self.write_tuple([lambda v=v, t=t: self.value(v, t) for v, t in elements])  # type: ignore[misc]
            case T.ListType():
                self._shared(value, lambda: self.write_list(value, type))
            case T.DictType():
                self._shared(value, lambda: self.write_dict(value, type))
            case T.EnumType():
                self.class_name(type)
                self.value(value.value, type.value_type)
                self._out += b"R"
            case T.ClassType():
                self._shared(value, lambda: self.write_object(value, type))
            case T.CustomClassType():
                self._shared(value, lambda: self.custom_object(value, type))
            case T.QSchemeType():
                self.name("torch", str(value).removeprefix("torch."))
            case _:
                what = _UNSTORABLE.get(type.__class__, f"a value of type {type}")
                raise self.refuse(f"{what} cannot be stored in an archive")

    def _shared(self, value: Any, write: Callable[[], None]) -> None:
        """Write a value that others may refer to, the first time it is met."""
        key = ("object", id(value))
        if self.recall(key):
            return
        if id(value) in self._open:
            raise self.refuse("it contains itself")
        self._open.add(id(value))
        write()
        self._open.discard(id(value))
        self._kept.append(value)
        self.remember(key)

    def class_name(self, type: T.ClassType | T.EnumType) -> None:
        module, _, name = self.names.of(type).rpartition(".")
        self.name(module, name)

    def write_list(self, value: Any, type: T.ListType) -> None:
        builder = _TYPED_LISTS.get(type.element.__class__)
        self.name(PICKLED_NAMES, builder or "restore_type_tag")

        def items() -> None:
            self._out += b"]("
            for i, item in enumerate(value):
                self.where.append(f"[{i}]")
                self.value(item, type.element)
                self.where.pop()
            self._out += b"e"

        if builder is not None:
            self.write_tuple([items])
        else:
            self.write_tuple([items, lambda: self.string(self.names.type(type))])
        self._out += b"R"

    def write_dict(self, value: Any, type: T.DictType) -> None:
        self.name(PICKLED_NAMES, "restore_type_tag")

        def items() -> None:
            self._out += b"}("
            for key, item in value.items():
                self.where.append(f"[{key!r}]")
                self.value(key, type.key)
                self.value(item, type.value)
                self.where.pop()
            self._out += b"u"

        self.write_tuple([items, lambda: self.string(self.names.type(type))])
        self._out += b"R"

    def write_object(self, value: Any, declared: T.ClassType) -> None:
        """An instance of a script class or a module, with its attributes or what its `__getstate__` gives."""
        actual = getattr(value, "_ts_class", declared)
        cls = actual if isinstance(actual, T.ClassType) else declared
        self.class_name(cls)
        self._out += b")\x81"
        get_state = cls.method("__getstate__")
        if get_state is not None and cls.method("__setstate__") is not None:
            self.where.append(".__getstate__()")
            # `__getstate__` of a module that was loaded is that of nn.Module
            run = getattr(value, "_ts___getstate__", None) or value.__getstate__
            self.value(run(), get_state.schema.return_type)
            self.where.pop()
        else:
            self._out += b"}("
            for name, attribute in cls.attributes.items():
                self.where.append(f".{name}")
                self.string(name)
                try:
                    item = getattr(value, name)
                except AttributeError:
                    raise self.refuse(f"the object has no attribute '{name}'") from None
                self.value(item, attribute.type)
                self.where.pop()
            self._out += b"u"
        self._out += b"b"

    def custom_object(self, value: Any, type: T.CustomClassType) -> None:
        """An object of a class that C++ registered: its class, and the state that its pickling in C++ gives."""
        try:
            state, _ = value.__getstate__()
            returns = str(value._get_method("__getstate__").schema).partition(" -> ")[2]
            state_type = parse_schema_type(_RESULT.sub(r"\1", returns))
        except Exception as error:
            raise self.refuse(f"{type} cannot be saved: {error}") from error
        module, _, name = type.qualified_name.rpartition(".")
        self.name(module, name)
        self._out += b")\x81"
        self.value(state, state_type)
        self._out += b"b"

    def type_of(self, value: Any, declared: T.Type) -> T.Type:
        """The type of a value whose static type leaves it open."""
        cls = getattr(value, "_ts_class", None)
        if isinstance(cls, T.ClassType):
            return cls
        if isinstance(declared, T.UnionType):
            for member in declared.members:
                if _is_instance(value, member):
                    return member
        if isinstance(value, enum.Enum):
            raise self.refuse(f"{value!r} stands where any type may, and has no declared enum type")
        plain = type_of_plain(value)
        if plain is not None:
            return T.INT if isinstance(plain, T.IntCodeType) else plain
        match value:
            case tuple():
                return T.TupleType(tuple(self.type_of(v, T.ANY) for v in value))
            case list():
                return T.ListType(self._common_type(value))
            case dict():
                return T.DictType(self._common_type(value), self._common_type(value.values()))
        raise self.refuse(f"a {value.__class__.__name__} has no type in the language")

    def _common_type(self, values: Iterable[Any]) -> T.Type:
        types = [self.type_of(v, T.ANY) for v in values]
        if not types:
            return T.TENSOR
        common = types[0]
        for type in types[1:]:
            common = T.unify(common, type) or T.ANY
        return common

    # Tensors.

    def device(self, value: torch.device | str) -> None:
        self.name("torch", "device")
        self.write_tuple([lambda: self.string(str(value))])
        self._out += b"R"

    def tensor(self, value: torch.Tensor) -> None:
        if not isinstance(value, torch.Tensor):
            raise self.refuse(f"a tensor is declared, and it is a {value.__class__.__name__}")
        if value.device.type == "meta":
            raise self.refuse("the tensor is on the meta device and has no data")
        self._shared(value, lambda: self._tensor(value))

    def _tensor(self, value: torch.Tensor) -> None:
        tensor = value.detach()
        if tensor.layout is not torch.strided:
            self._sparse(tensor, value.requires_grad)
            return
        if tensor.is_conj() or tensor.is_neg():
            tensor = tensor.resolve_conj().resolve_neg()
        quantised = tensor.is_quantized
        self.name("torch._utils", "_rebuild_qtensor" if quantised else "_rebuild_tensor_v2")
        parts = [
            lambda: self._storage(tensor),
            lambda: self.write_int(int(tensor.storage_offset())),
            lambda: self.ints(tensor.size()),
            lambda: self.ints(tensor.stride()),
        ]
        if quantised:
            parts.append(lambda: self._quantiser(tensor))
        self.write_tuple([*parts, lambda: self.write_bool(value.requires_grad), self._no_hooks])
        self._out += b"R"

    def _no_hooks(self) -> None:
        self.name("collections", "OrderedDict")
        self._out += b")R"

    def _storage(self, tensor: torch.Tensor) -> None:
        """The persistent id of a tensor's storage."""
        try:
            key, storage = self.storages.key(tensor)
        except (RuntimeError, NotImplementedError) as error:
            raise self.refuse(f"the tensor has no storage ({error})") from error
        # A reader shares what is recalled, and reads again what has the same key.
        memo = ("storage", key, tensor.dtype)
        if self.recall(memo):
            return
        self.write_tuple(
            [
                lambda: self.string("storage"),
                lambda: self.name("torch", f"{SCALAR_TYPE_NAMES[tensor.dtype]}Storage"),
                lambda: self.string(key),
                lambda: self.string(str(tensor.device)),
                lambda: self.write_int(storage.nbytes() // tensor.element_size()),
            ]
        )
        self._out += b"Q"
        self.remember(memo)

    def _quantiser(self, tensor: torch.Tensor) -> None:
        scheme = str(tensor.qscheme()).removeprefix("torch.")
        if tensor.qscheme() in (torch.per_tensor_affine, torch.per_tensor_symmetric):
            self.write_tuple(
                [
                    lambda: self.name("torch", scheme),
                    lambda: self.write_float(tensor.q_scale()),
                    lambda: self.write_int(tensor.q_zero_point()),
                ]
            )
        else:
            self.write_tuple(
                [
                    lambda: self.name("torch", scheme),
                    lambda: self.tensor(tensor.q_per_channel_scales()),
                    lambda: self.tensor(tensor.q_per_channel_zero_points()),
                    lambda: self.write_int(tensor.q_per_channel_axis()),
                ]
            )

    def _sparse(self, tensor: torch.Tensor, requires_grad: bool) -> None:
        if tensor.layout is torch.sparse_coo:
            parts = [tensor._indices(), tensor._values()]
        elif tensor.layout is torch.sparse_csr:
            parts = [tensor.crow_indices(), tensor.col_indices(), tensor.values()]
        else:
            raise self.refuse(f"a tensor of layout {tensor.layout} cannot be stored in an archive")
        self.name("torch._utils", "_rebuild_sparse_tensor")
        self.write_tuple(
            [
                lambda: self.write_int(code_of(tensor.layout)),
                lambda: self.ints(tensor.size()),
                lambda: self.write_bool(requires_grad),
                *[lambda part=part: self.tensor(part) for part in parts],
                self._no_hooks,
            ]
        )
        self._out += b"R"


def _is_instance(value: Any, type: T.Type) -> bool:
    """Whether a value is one of a member of a Union; of containers, by the first element."""
    match type:
        case T.NoneType():
            return value is None
        case T.BoolType():
            return isinstance(value, bool)
        case T.IntType() | T.DtypeType() | T.LayoutType() | T.MemoryFormatType():
            kinds = (int, torch.dtype, torch.layout, torch.memory_format)
            return isinstance(value, kinds) and not isinstance(value, bool | enum.Enum)
        case T.FloatType():
            return isinstance(value, float)
        case T.ComplexType():
            return isinstance(value, complex)
        case T.StringType():
            return isinstance(value, str) and not isinstance(value, enum.Enum)
        case T.TensorType():
            return isinstance(value, torch.Tensor)
        case T.DeviceType():
            return isinstance(value, torch.device)
        case T.OptionalType():
            return value is None or _is_instance(value, type.element)
        case T.ListType():
            return isinstance(value, list) and all(_is_instance(v, type.element) for v in value[:1])
        case T.DictType():
            first = list(value.items())[:1] if isinstance(value, dict) else None
            return first is not None and all(
                _is_instance(k, type.key) and _is_instance(v, type.value) for k, v in first
            )
        case T.TupleType():
            return (
                isinstance(value, tuple)
                and len(value) == len(type.elements)
                and all(map(_is_instance, value, type.elements))
            )
        case T.EnumType():
            return isinstance(value, enum.Enum) and value.__class__ is type.python_class
        case T.ClassType():
            return type.python_class is not None and isinstance(value, type.python_class)
        case _:
            return False

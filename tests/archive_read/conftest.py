"""What the tests of reading share: archives as torch.jit.save writes them, and archives made by hand."""

import io
import struct
import warnings
import zipfile
from dataclasses import dataclass, field
from typing import Any

import torch


def saved(module: Any, **extra: Any) -> bytes:
    """What torch.jit.save writes."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(module, buffer, **extra)
    return buffer.getvalue()


def scripted(module: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.script(module)


def traced(module: Any, *inputs: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.trace(module, inputs, check_trace=False)


def stock(data: bytes) -> Any:
    """The module that torch.jit.load makes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.load(io.BytesIO(data))


# --- Pickles, written by hand ------------------------------------------------------------------------


@dataclass
class Name:
    """A global name, such as `torch FloatStorage`."""

    module: str
    name: str


@dataclass
class Call:
    """A name called with arguments."""

    target: Name
    arguments: tuple[Any, ...]


@dataclass
class Object:
    """An object of an archive's class."""

    class_name: str
    state: Any = field(default_factory=dict)


@dataclass
class Storage:
    """A storage by its persistent id."""

    dtype: str
    key: str
    count: int
    device: str = "cpu"


def floats(
    key: str, sizes: tuple[int, ...], strides: tuple[int, ...], offset: int = 0, count: int = 4
) -> Call:
    """A float tensor over the storage `key`, which holds `count` elements."""
    arguments = (
        Storage("Float", key, count),
        offset,
        sizes,
        strides,
        False,
        Call(Name("collections", "OrderedDict"), ()),
    )
    return Call(Name("torch._utils", "_rebuild_tensor_v2"), arguments)


def pickled(value: Any) -> bytes:
    return b"\x80\x02" + _pickle(value) + b"."


def _pickle(value: Any) -> bytes:
    match value:
        case None:
            return b"N"
        case bool():
            return b"\x88" if value else b"\x89"
        case int():
            data = value.to_bytes(9, "little", signed=True)
            return b"\x8a\x09" + data
        case float():
            return b"G" + struct.pack(">d", value)
        case str():
            data = value.encode()
            return b"X" + struct.pack("<I", len(data)) + data
        case tuple():
            return b"(" + b"".join(map(_pickle, value)) + b"t"
        case list():
            return b"](" + b"".join(map(_pickle, value)) + b"e"
        case dict():
            return b"}(" + b"".join(_pickle(k) + _pickle(v) for k, v in value.items()) + b"u"
        case Name(module, name):
            return f"c{module}\n{name}\n".encode()
        case Call(target, arguments):
            return _pickle(target) + _pickle(arguments) + b"R"
        case Object(class_name, state):
            module, _, name = class_name.rpartition(".")
            return _pickle(Name(module, name)) + b")\x81" + _pickle(state) + b"b"
        case Storage(dtype, key, count, device):
            return _pickle(("storage", Name("torch", f"{dtype}Storage"), key, device, count)) + b"Q"
    raise TypeError(value)


def archive(
    code: str,
    root: Any = None,
    *,
    version: int = 10,
    constants: tuple[Any, ...] = (),
    records: dict[str, bytes] | None = None,
    compression: int = zipfile.ZIP_DEFLATED,
) -> bytes:
    """An archive with this code in `__torch__`; the root is an empty object of class `M` if none is given."""
    root = root if root is not None else Object("__torch__.M", {"training": True})
    contents = {
        "data.pkl": pickled(root),
        "code/__torch__.py": code.encode(),
        "constants.pkl": pickled(constants),
        "version": f"{version}\n".encode(),
        "byteorder": b"little",
        **(records or {}),
    }
    return zipped({name: data for name, data in contents.items() if data is not None}, compression)


def zipped(records: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, data in records.items():
            file.writestr(f"archive/{name}", data)
    return buffer.getvalue()


def module(*methods: str, attributes: str = "", version: int = 10, **keywords: Any) -> bytes:
    """An archive of a class `M(Module)` with these methods, written without their indentation and `self`."""
    body = ""
    for method in methods:
        lines = method.strip("\n").splitlines()
        lines[0] = lines[0].replace("(", "(self: __torch__.M, ", 1).replace(", )", ")")
        body += "".join(f"  {line}\n" for line in lines)
    head = "class M(Module):\n  __parameters__ = []\n  __buffers__ = []\n  training : bool\n"
    return archive(head + attributes + body, version=version, **keywords)

"""Inputs of a method, as they are written on the command line.

1x3x224x224          a random tensor of this shape, from a normal distribution
1x128:int64          of another dtype: integers from 0 to 9, bools
x.npy, x.pt, x.json  what a file holds
3x4,1x4              as many, for a list or tuple of tensors
3, 0.5, true, [1, 2] a value as JSON; a tensor of it where one is asked for
name=…               the argument of that name, instead of the next one
"""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchscript import types as T
from torchscript.errors import Error

if TYPE_CHECKING:
    import torch

    from torchscript.archive.reader import LoadedArchive
    from torchscript.schema import Argument, Schema

_SHAPE = re.compile(r"(scalar|\d+(?:x\d+)*)(?::(\w+))?$")
_SHAPES = re.compile(rf"{_SHAPE.pattern[:-1]}(?:,{_SHAPE.pattern[:-1]})+$")
_NAME = re.compile(r"([A-Za-z_]\w*)=(.*)$", re.S)
_INTEGERS = 10


class MissingInput(Error):
    """An argument without a default was not given."""


def arguments_of(archive: LoadedArchive, path: Path, method: str, texts: Sequence[str]) -> dict[str, Any]:
    """The arguments of a method: as given, or random ones like those that it was traced with."""
    from .archives import find_owner
    from .feeding import feed_of

    owner, function = find_owner(archive, method)
    schema = function.schema
    traced = archive.traced_inputs().get(method) if not texts else None
    if traced is None:
        try:
            return arguments_for(schema, texts)
        except MissingInput as error:
            feed = feed_of(archive, method, function, owner)
            raise Error(f"{error}; for example: {feed.command(str(path))}") from None
    names = [argument.name for argument in schema.arguments[1:]]
    return dict(zip(names, like(tuple(traced))))


def arguments_for(schema: Schema, texts: Sequence[str]) -> dict[str, Any]:
    """The arguments by name; Error for what the method does not take, or lacks."""
    formals = [argument for argument in schema.arguments[1:]]
    by_name = {argument.name: argument for argument in formals}
    values: dict[str, Any] = {}
    position = 0
    for text in texts:
        named = _NAME.match(text)
        if named is not None and named[1] in by_name:
            argument, text = by_name[named[1]], named[2]
        elif named is not None and not Path(text).exists():
            raise Error(f"the method has no argument '{named[1]}'; it has {', '.join(by_name) or 'none'}")
        elif position < len(formals):
            argument = formals[position]
            position += 1
        else:
            raise Error(f"the method takes {len(formals)} inputs, and more were given")
        if argument.name in values:
            raise Error(f"the argument '{argument.name}' is given twice")
        values[argument.name] = value_of(text, argument)
    missing = [a.name for a in formals if a.name not in values and not a.has_default]
    if missing:
        wanted = ", ".join(
            f"{a.name}: {a.type.annotation()}" + (f" = {a.default!r}" if a.has_default else "")
            for a in formals
        )
        raise MissingInput(f"no input for {', '.join(missing)}; the method takes {wanted}")
    return {argument.name: values[argument.name] for argument in formals if argument.name in values}


def value_of(text: str, argument: Argument) -> Any:
    """What `text` stands for, as a value of the argument's type."""
    suffix = Path(text).suffix.lower()
    if suffix in _READERS:
        path = Path(text)
        if not path.is_file():
            raise Error(f"the input '{argument.name}': there is no file '{text}'")
        try:
            value = _READERS[suffix](path)
        except ModuleNotFoundError:  # numpy
            raise
        except Exception as error:
            raise Error(f"the input '{argument.name}': cannot read '{text}': {_first_line(error)}") from error
        return _as(value, argument.type, argument.name)
    if _SHAPES.match(text) and isinstance(_bare(argument.type), T.ListType | T.TupleType):
        tensors = [_random(shape, argument.name) for shape in text.split(",")]
        return _as(tensors, argument.type, argument.name)
    shape = _SHAPE.match(text)
    wants_tensor = _wants_tensor(argument.type)
    if shape is not None and wants_tensor and ("x" in shape[1] or shape[2] or shape[1] == "scalar"):
        return _as(_random(text, argument.name), argument.type, argument.name)
    try:
        value = json.loads(text)
    except ValueError:
        if _bare(argument.type) == T.STRING:
            return text
        raise Error(
            f"the input '{argument.name}': '{text}' is no shape (1x3x224x224), no file "
            f"({', '.join(_READERS)}) and no JSON"
        ) from None
    return _as(value, argument.type, argument.name)


def _random(text: str, name: str) -> torch.Tensor:
    """A tensor of a shape as it is written: 1x3x224x224, 8x128:int64, scalar:bool."""
    sizes, _, dtype = text.partition(":")
    shape = [] if sizes == "scalar" else [int(n) for n in sizes.split("x")]
    try:
        return random_tensor(shape, dtype or "float32")
    except Error:
        raise
    except (RuntimeError, MemoryError, NotImplementedError) as error:
        raise Error(f"the input '{name}': there is no random tensor {text}: {_first_line(error)}") from None


def random_tensor(shape: Sequence[int], dtype: str) -> torch.Tensor:
    """Random values of a dtype by its name."""
    import torch

    kind = getattr(torch, dtype, None)
    if not isinstance(kind, torch.dtype):
        raise Error(f"'{dtype}' is no dtype; int64, float16, bool and so on are")
    if kind.is_floating_point or kind.is_complex:
        wide = torch.complex64 if kind.is_complex else torch.float32
        return torch.randn(shape, dtype=wide).to(kind)
    return torch.randint(0, 2 if kind is torch.bool else _INTEGERS, shape).to(kind)


def like(example: Any) -> Any:
    """A random value of the shape of a traced input, which has no data."""
    import torch

    if isinstance(example, torch.Tensor):
        return random_tensor(example.shape, str(example.dtype).removeprefix("torch."))
    if isinstance(example, tuple | list):
        return type(example)(like(item) for item in example)
    if isinstance(example, dict):
        return {key: like(item) for key, item in example.items()}
    return example


def _bare(type: T.Type) -> T.Type:
    return type.element if isinstance(type, T.OptionalType) else type


def _wants_tensor(type: T.Type) -> bool:
    type = _bare(type)
    if isinstance(type, T.ListType):
        return _wants_tensor(type.element)
    return type == T.TENSOR or type == T.ANY


def _as(value: Any, type: T.Type, name: str) -> Any:
    """A value out of a file or JSON as one of a static type: lists become tensors or tuples where asked for."""
    import torch

    if value is None:
        return None
    type = _bare(type)
    if type == T.TENSOR and not isinstance(value, torch.Tensor):
        try:
            return torch.as_tensor(value)
        except (TypeError, ValueError, RuntimeError) as error:
            raise Error(f"the input '{name}' is no tensor: {_first_line(error)}") from None
    if isinstance(type, T.ListType):
        items = value if isinstance(value, list | tuple) else [value]
        return [_as(item, type.element, name) for item in items]
    if isinstance(type, T.TupleType) and isinstance(value, list | tuple):
        if len(value) != len(type.elements):
            raise Error(f"the input '{name}' has {len(value)} items, and {type.annotation()} is asked for")
        return tuple(_as(item, element, name) for item, element in zip(value, type.elements))
    if isinstance(type, T.DictType) and isinstance(value, dict):
        return {_key(key, type.key): _as(item, type.value, name) for key, item in value.items()}
    if isinstance(type, T.FloatType) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(type, T.DeviceType) and isinstance(value, str):
        return torch.device(value)
    return value


def _key(key: Any, type: T.Type) -> Any:
    """JSON has only strings as keys."""
    return int(key) if isinstance(type, T.IntType) else float(key) if isinstance(type, T.FloatType) else key


def _read_numpy(path: Path) -> Any:
    import numpy
    import torch

    return torch.from_numpy(numpy.load(path, allow_pickle=False))


def has_code(path: Path) -> bool:
    """Whether a zip file is an archive of TorchScript."""
    import zipfile

    try:
        with zipfile.ZipFile(path) as found:
            return any("/code/" in name for name in found.namelist())
    except (zipfile.BadZipFile, OSError):
        return False


def _read_torch(path: Path) -> Any:
    import torch

    with path.open("rb") as file:
        if not (start := file.read(4)):
            raise Error("it is empty")
    if start == b"PK\x03\x04" and has_code(path):
        raise Error("it is an archive with code, not tensors that torch.save wrote")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = _first_line(error)
        if "weights_only" in reason.lower() or "WeightsUnpickler" in str(error):
            reason = "it holds more than tensors, numbers, strings, lists and dicts, which only its own code can read"
        raise Error(reason) from None
    except (KeyError, EOFError, ValueError, RuntimeError, AttributeError) as error:
        raise Error(f"it is no file of torch.save ({type(error).__name__})") from None


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


_READERS = {".npy": _read_numpy, ".pt": _read_torch, ".pth": _read_torch, ".json": _read_json}


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]

"""Read the pickles of an archive: values, tensors, and objects of the archive's own classes; nothing else.

A pickle is a program for a small stack machine. This one knows the instructions that PyTorch's pickler and
Python's write up to protocol 5, and a fixed list of names in place of imports: nothing of this process can be
reached through it. Objects become `ScriptObject`s, whose classes the importer finds later.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from ..errors import ArchiveError
from .prepacked import STATES
from .tensors import PICKLED_NAMES, TENSOR_NAMES, TensorReader

MAX_DEPTH = 2000
"""How deep marks may nest; nesting of values is limited by whoever walks them."""


@dataclass(eq=False, slots=True)
class ScriptObject:
    """An object of the archive: the name of its class; its attributes, or what `__setstate__` takes.

    `beside` are attributes that it has before `__setstate__` (submodules, in archives of PyTorch 1.2).
    """

    class_name: str
    state: Any = None
    beside: dict[str, Any] | None = None


@dataclass(eq=False, slots=True)
class EnumMember:
    """A member of one of the archive's enums, by its value."""

    class_name: str
    value: Any


@dataclass(frozen=True, slots=True)
class ClassName:
    """A class of the archive, named where a value or object of it follows."""

    name: str


def _ordered_dict(items: Any = ()) -> dict[Any, Any]:
    made = {}
    for key, value in items:
        made[dict_key(key)] = value
    return made


_KEYS = (str, int, float, complex, torch.Tensor)


def dict_key(value: Any) -> Any:
    """A key of a dict. A tuple is none in the language; hashing one that holds another twice, and so on, is endless."""
    if not isinstance(value, _KEYS):
        raise TypeError(f"a {type(value).__name__} is a key of a dict")
    return value


_NAMES: dict[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): _ordered_dict,
    ("builtins", "complex"): complex,
    ("__builtin__", "complex"): complex,
}

# Functions that say of what type a list or dict is → the type; None where they are told.
_TYPED: dict[str, str | None] = {
    "build_intlist": "List[int]",
    "build_tensorlist": "List[Tensor]",
    "build_doublelist": "List[float]",
    "build_boollist": "List[bool]",
    "restore_type_tag": None,
}


_LEGACY_CLASSES = ("TensorID", "IntList")


class Unpickler:
    """Reads one pickle. `tensors` makes tensors of the storages that it names; `where` is for errors.

    Until PyTorch 1.2 (`legacy`) numbers of one byte were signed, which is not what the instruction means, and
    at first a tensor was written as an object of `__main__.TensorID`, its state the number in the table.
    """

    def __init__(self, data: bytes, tensors: TensorReader, where: str, *, legacy: bool = False) -> None:
        self.data = data
        self.at = 0
        self.tensors = tensors
        self.where = where
        self.legacy = legacy
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.annotations: dict[int, tuple[Any, str]] | None = None
        """The types that lists and dicts were saved with, by identity, where someone wants to know."""

    def load(self) -> Any:
        """The value of the pickle; ArchiveError for anything wrong with it."""
        handlers = _HANDLERS
        data = self.data
        try:
            while True:
                code = data[self.at]
                self.at += 1
                if code == 0x2E:  # STOP
                    return self.stack.pop()
                handler = handlers[code]
                if handler is None:
                    raise self.error(f"has an instruction that archives do not use (0x{code:02x})")
                handler(self)
        except ArchiveError:
            raise
        except IndexError:
            problem = "is cut off" if self.at >= len(data) else "takes more values than it has made"
            raise self.error(problem) from None
        except struct.error:
            raise self.error("is cut off") from None
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError, RuntimeError) as error:
            raise self.error(f"holds a value that makes no sense: {error}") from None

    def error(self, problem: str) -> ArchiveError:
        return ArchiveError(f"{self.where}: {problem}, at byte {self.at}")

    # -- reading arguments of instructions -----------------------------------------------------------------

    def take(self, count: int) -> bytes:
        at = self.at
        end = at + count
        if end > len(self.data):
            raise self.error("is cut off")
        self.at = end
        return self.data[at:end]

    def take_line(self) -> str:
        end = self.data.find(b"\n", self.at)
        if end < 0:
            raise self.error("is cut off")
        line = self.data[self.at : end]
        self.at = end + 1
        return line.decode("utf-8")

    def text(self, data: bytes) -> str:
        return data.decode("utf-8", "surrogateescape")

    def pop_marked(self) -> list[Any]:
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    # -- names and calls -----------------------------------------------------------------------------------

    def find(self, module: str, name: str) -> Any:
        """What a name of the pickle stands for here; nothing is ever imported."""
        if module == "__torch__" or module.startswith("__torch__."):
            return ClassName(f"{module}.{name}")
        if self.legacy and module == "__main__" and name in _LEGACY_CLASSES:
            return ClassName(name)
        found = _NAMES.get((module, name))
        if found is not None:
            return found
        if module == PICKLED_NAMES and name in _TYPED:
            return partial(self.annotated, _TYPED[name])
        method = TENSOR_NAMES.get((module, name))
        if method is not None:
            return getattr(self.tensors, method)
        if module == "torch":
            found = self.tensors.constant(name)
            if found is not None:
                return found
        raise ArchiveError(
            f"{self.where}: names '{module}.{name}', which is not among the few names that an archive may use"
        )

    def annotated(self, annotation: str | None, value: Any, tag: Any = None) -> Any:
        annotation = annotation or tag
        if self.annotations is not None and isinstance(annotation, str):
            self.annotations[id(value)] = value, annotation
        return value

    def call(self, target: Any, arguments: Any) -> Any:
        if isinstance(target, ClassName):
            (value,) = arguments if isinstance(arguments, tuple) else (arguments,)
            return EnumMember(target.name, value)
        if not callable(target):
            raise self.error("calls something that cannot be called")
        if not isinstance(arguments, tuple):
            arguments = (arguments,)
        return target(*arguments)

    def set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not dict:
            raise self.error("sets items of something that is no dict")
        for i in range(0, len(items) - 1, 2):
            target[dict_key(items[i])] = items[i + 1]

    def append_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not list:
            raise self.error("appends to something that is no list")
        target.extend(items)


_HANDLERS: list[Callable[[Unpickler], None] | None] = [None] * 256


def _on(code: int) -> Callable[[Callable[[Unpickler], None]], Callable[[Unpickler], None]]:
    def register(handler: Callable[[Unpickler], None]) -> Callable[[Unpickler], None]:
        _HANDLERS[code] = handler
        return handler

    return register


def _push(code: int, make: Callable[[Unpickler], Any]) -> None:
    def handler(reader: Unpickler) -> None:
        reader.stack.append(make(reader))

    _HANDLERS[code] = handler


_B4 = struct.Struct("<i")
_U4 = struct.Struct("<I")
_U2 = struct.Struct("<H")
_U8 = struct.Struct("<Q")
_F8 = struct.Struct(">d")

_push(ord("N"), lambda r: None)
_push(0x88, lambda r: True)
_push(0x89, lambda r: False)
_push(ord("K"), lambda r: (r.take(1)[0] ^ 0x80) - 0x80 if r.legacy else r.take(1)[0])
_push(ord("M"), lambda r: _U2.unpack(r.take(2))[0])
_push(ord("J"), lambda r: _B4.unpack(r.take(4))[0])
_push(0x8A, lambda r: int.from_bytes(r.take(r.take(1)[0]), "little", signed=True))
_push(ord("G"), lambda r: _F8.unpack(r.take(8))[0])
_push(ord("X"), lambda r: r.text(r.take(_U4.unpack(r.take(4))[0])))
_push(0x8C, lambda r: r.text(r.take(r.take(1)[0])))
_push(0x8D, lambda r: r.text(r.take(_U8.unpack(r.take(8))[0])))
_push(ord("U"), lambda r: r.text(r.take(r.take(1)[0])))
_push(ord("T"), lambda r: r.text(r.take(_U4.unpack(r.take(4))[0])))
_push(ord("B"), lambda r: r.take(_U4.unpack(r.take(4))[0]))
_push(ord("C"), lambda r: r.take(r.take(1)[0]))
_push(ord("h"), lambda r: r.memo[r.take(1)[0]])
_push(ord("j"), lambda r: r.memo[_U4.unpack(r.take(4))[0]])
_push(ord(")"), lambda r: ())
_push(ord("]"), lambda r: [])
_push(ord("}"), lambda r: {})
_push(ord("t"), lambda r: tuple(r.pop_marked()))
_push(0x85, lambda r: (r.stack.pop(),))
_push(ord("l"), lambda r: r.pop_marked())
_push(ord("c"), lambda r: r.find(r.take_line(), r.take_line()))


@_on(0x80)
def _protocol(reader: Unpickler) -> None:
    version = reader.take(1)[0]
    if version > 5:
        raise reader.error(f"is of protocol {version}")


@_on(0x95)
def _frame(reader: Unpickler) -> None:
    reader.take(8)


@_on(ord("("))
def _mark(reader: Unpickler) -> None:
    if len(reader.marks) > MAX_DEPTH:
        raise reader.error("nests too deep")
    reader.marks.append(len(reader.stack))


@_on(ord("0"))
def _pop(reader: Unpickler) -> None:
    reader.stack.pop()


@_on(ord("1"))
def _pop_mark(reader: Unpickler) -> None:
    reader.pop_marked()


@_on(ord("q"))
def _put(reader: Unpickler) -> None:
    reader.memo[reader.take(1)[0]] = reader.stack[-1]


@_on(ord("r"))
def _long_put(reader: Unpickler) -> None:
    reader.memo[_U4.unpack(reader.take(4))[0]] = reader.stack[-1]


@_on(0x94)
def _memoize(reader: Unpickler) -> None:
    reader.memo[len(reader.memo)] = reader.stack[-1]


@_on(0x86)
def _tuple_2(reader: Unpickler) -> None:
    stack = reader.stack
    stack[-2:] = [(stack[-2], stack[-1])]


@_on(0x87)
def _tuple_3(reader: Unpickler) -> None:
    stack = reader.stack
    stack[-3:] = [(stack[-3], stack[-2], stack[-1])]


@_on(ord("s"))
def _set_item(reader: Unpickler) -> None:
    value, key = reader.stack.pop(), reader.stack.pop()
    reader.set_items([key, value])


@_on(ord("u"))
def _set_items(reader: Unpickler) -> None:
    reader.set_items(reader.pop_marked())


@_on(ord("d"))
def _dict(reader: Unpickler) -> None:
    items = reader.pop_marked()
    reader.stack.append({})
    reader.set_items(items)


@_on(ord("a"))
def _append(reader: Unpickler) -> None:
    reader.append_items([reader.stack.pop()])


@_on(ord("e"))
def _appends(reader: Unpickler) -> None:
    reader.append_items(reader.pop_marked())


@_on(0x93)
def _stack_global(reader: Unpickler) -> None:
    name, module = reader.stack.pop(), reader.stack.pop()
    if not isinstance(name, str) or not isinstance(module, str):
        raise reader.error("names something by a value that is no text")
    reader.stack.append(reader.find(module, name))


@_on(ord("R"))
def _reduce(reader: Unpickler) -> None:
    arguments = reader.stack.pop()
    reader.stack[-1] = reader.call(reader.stack[-1], arguments)


@_on(0x81)
def _new_object(reader: Unpickler) -> None:
    arguments = reader.stack.pop()
    target = reader.stack[-1]
    if not isinstance(target, ClassName) or arguments != ():
        raise reader.error("makes an object of something that is no class of the archive")
    reader.stack[-1] = ScriptObject(target.name)


@_on(ord("b"))
def _build(reader: Unpickler) -> None:
    state = reader.stack.pop()
    target = reader.stack[-1]
    if type(target) is dict and state == {}:
        return  # the attributes of an OrderedDict
    if not isinstance(target, ScriptObject):
        raise reader.error("gives attributes to something that is no object of the archive")
    if target.class_name in _LEGACY_CLASSES:
        reader.stack[-1] = reader.tensors.from_table(state) if target.class_name == "TensorID" else state
        return
    if target.class_name in STATES:
        reader.stack[-1] = state
        return
    target.state = state


@_on(ord("Q"))
def _persistent(reader: Unpickler) -> None:
    reader.stack[-1] = reader.tensors.storage(reader.stack[-1])

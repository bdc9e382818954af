"""A generated library in this process: its methods as operators of `torch.ops`, its exceptions as Python's."""

from __future__ import annotations

import builtins
import ctypes
import functools
import itertools
import linecache
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ..codegen.cpp import NativeProgram
from ..codegen.cpp.names import identifier
from ..errors import BackendError
from .build import toolchain

_count = itertools.count()
_MARK, _SEPARATOR = "\x1etorchscript", "\x1f"


@functools.cache
def _define_hooks() -> Any:
    """Operators of Python that native code calls: what `print` writes goes to `sys.stdout`, tensors print as in Python."""
    library: Any = torch.library.Library("torchscript_python", "FRAGMENT")  # type: ignore[no-untyped-call]
    library.define("write(str text) -> ()")
    library.define("format(Tensor tensor) -> str")
    library.impl("write", lambda text: sys.stdout.write(text) and None, "CompositeExplicitAutograd")
    library.impl("format", lambda tensor: str(tensor), "CompositeExplicitAutograd")
    return library


class Library:
    """A loaded program. `call(name)` is the raw callable of a method, which takes what the dispatcher takes."""

    def __init__(self, path: Path, program: NativeProgram) -> None:
        _define_hooks()
        self.path = path
        self.namespace = f"torchscript_{next(_count)}"
        self._library = ctypes.CDLL(str(path))
        entry = self._library.torchscript_program
        entry.restype = ctypes.c_void_p
        register = ctypes.CDLL(str(toolchain() / "register.so")).torchscript_register
        register.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        register.restype = ctypes.c_char_p
        problem = register(entry(), self.namespace.encode())
        if problem is not None:
            raise BackendError(f"The library {path} could not be registered: {problem.decode()}")
        if program.tensors:
            self.operator("tensors_")(program.tensors)

    def operator(self, name: str) -> Callable[..., Any]:
        packet = getattr(getattr(torch.ops, self.namespace), name)
        operator: Callable[..., Any] = packet.default
        return operator

    def method(self, name: str) -> Callable[..., Any]:
        return self.operator(f"m_{identifier(name)}")


def translated(error: RuntimeError) -> BaseException:
    """The exception that compiled code raised, with the lines it passed; `error` itself if it is another."""
    text = str(error)
    start = text.find(_MARK)
    if start < 0:
        return error
    _, kind, message, trace = text[start:].split(_SEPARATOR, 3)
    trace = trace.rstrip("\0")
    made: BaseException
    try:
        made = _exception_class(kind)(message) if message else _exception_class(kind)()
    except TypeError:
        made = RuntimeError(f"{kind}: {message}")
    note = "Traceback of compiled code (most recent call last):\n" + _with_lines(trace)
    if hasattr(made, "add_note"):
        made.add_note(note.rstrip())
    made.__dict__["torchscript_traceback"] = note
    return made


def _exception_class(kind: str) -> type[BaseException]:
    if kind.startswith("torch."):
        value: Any = torch
        for part in kind.split(".")[1:]:
            value = getattr(value, part, RuntimeError)
        return value  # type: ignore[no-any-return]
    found = getattr(builtins, kind, RuntimeError)
    return found if isinstance(found, type) and issubclass(found, BaseException) else RuntimeError


def _with_lines(trace: str) -> str:
    """The source line under each place, as Python shows it."""
    out = []
    for line in trace.splitlines():
        out.append(line)
        head, _, rest = line.partition('", line ')
        if rest:
            text = linecache.getline(head.partition('"')[2], int(rest.partition(",")[0])).strip()
            if text:
                out.append(f"    {text}")
    return "\n".join(out)

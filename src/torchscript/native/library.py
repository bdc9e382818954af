"""A generated library in this process: its methods as operators of `torch.ops`, its exceptions as Python's."""

from __future__ import annotations

import ast
import ctypes
import functools
import itertools
import linecache
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from ..codegen.cpp import NativeProgram
from ..codegen.cpp.names import identifier
from ..errors import BackendError
from ..operators.runtime_helpers import exception_class
from .compiler import torch_root

_count = itertools.count()
_INNER = (str(Path(__file__).parents[1]), str(torch_root()))
_MARK, _SEPARATOR = "\x1etorchscript", "\x1f"


@functools.cache
def _define_hooks() -> Any:
    """Operators of Python that native code calls: what `print` writes goes to `sys.stdout`, tensors print as in Python,
    warnings are Python's."""
    library: Any = torch.library.Library("torchscript_python", "FRAGMENT")  # type: ignore[no-untyped-call]
    library.define("write(str text) -> ()")
    library.define("format(Tensor tensor) -> str")
    library.define("warn(str message) -> ()")
    library.impl("warn", _warn, "CompositeExplicitAutograd")
    library.impl("write", lambda text: sys.stdout.write(text) and None, "CompositeExplicitAutograd")
    library.impl("format", lambda tensor: str(tensor), "CompositeExplicitAutograd")
    return library


def _warn(message: str) -> None:
    """A warning at the line that called native code: lines inside of it are known for exceptions alone."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_INNER):
        frame = frame.f_back
    registry = frame.f_globals.setdefault("__warningregistry__", {})
    warnings.warn_explicit(message, UserWarning, frame.f_code.co_filename, frame.f_lineno, registry=registry)


class Library:
    """A loaded program. `call(name)` is the raw callable of a method, which takes what the dispatcher takes."""

    def __init__(self, path: Path, program: NativeProgram) -> None:
        from .build import toolchain

        _define_hooks()
        self.path = path
        self.exceptions = program.exceptions
        self.namespace = f"torchscript_{next(_count)}"
        try:
            self._library = ctypes.CDLL(str(path))
        except OSError as error:
            raise BackendError(
                f"The compiled library cannot be loaded: {error}. `torchscript cache --clear` removes it, if it is broken; "
                "the file system may also forbid to run what is on it: name another directory in $TORCHSCRIPT_CACHE."
            ) from error
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


def translated(error: RuntimeError, classes: Mapping[str, type[BaseException]]) -> BaseException:
    """The exception that compiled code raised, with the lines it passed; `error` itself if it is another.

    `classes` are the program's own exceptions by the names that it has for them.
    """
    text = str(error)
    start = text.find(_MARK)
    if start < 0:
        return error
    _, kind, trace, message = text[start:].split(_SEPARATOR, 3)
    message = message.replace("\x1e0", "\0").replace("\x1ee", "\x1e")
    return raised(kind.removesuffix("="), message, kind.endswith("="), trace, classes)


def raised(
    kind: str, message: str, is_literal: bool, trace: str, classes: Mapping[str, type[BaseException]]
) -> BaseException:
    """The exception of a class that has this name, with the lines that it passed.

    `is_literal` says that the message is the repr of the exception's argument.
    """
    made: BaseException
    try:
        cls = classes.get(kind) or exception_class(kind)
        made = cls(_argument(message)) if is_literal else cls(message) if message else cls()
    except TypeError:  # a class that takes other arguments
        made = RuntimeError(f"{kind}: {message}")
    note = "Traceback of compiled code (most recent call last):\n" + _with_lines(trace)
    if hasattr(made, "add_note"):
        made.add_note(note.rstrip())
    made.__dict__["torchscript_traceback"] = note
    return made


class _Shown(str):
    """What stands for a value of the program, of which there is only the repr: KeyError(<Color.RED: 1>)."""

    def __repr__(self) -> str:
        return str(self)


def _argument(text: str) -> Any:
    """The argument of an exception, by its repr."""
    try:
        return float(text) if text in ("nan", "inf", "-inf") else ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return _Shown(text)


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

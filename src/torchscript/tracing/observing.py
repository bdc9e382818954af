"""What is in place while any thread records, besides its function mode: and taken away after the last.

nn.Module.__call__    a module's call gets a graph of its own (`submodules.py`)
len                   of a tensor, stays traced
float                 in the module of BatchNorm: of a counter, stays traced
others                `stand_ins.py`

All of them ask `state` whether the thread that calls them records. Modules that Python imports meanwhile
find the originals, for some keep what they find (torch._dynamo has tables of functions by identity).
"""

from __future__ import annotations

import builtins
import importlib.abc
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from typing import Any

import torch
from torch import nn

from . import conversions, pieces, stand_ins, state
from .interception import TracingFloat, operator_of

_lock = threading.RLock()
_recording = 0
_original_call: Callable[..., Any] = nn.Module.__call__
_original_len = builtins.len


def _call_module(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
    recorder = state.current()
    if recorder is None or recorder.below:
        return _original_call(self, *args, **kwargs)
    from .submodules import call_module

    return call_module(recorder, self, _original_call, args, kwargs)


def call_original(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a module without the hook's seeing this call."""
    return _original_call(module, *args, **kwargs)


def _len(obj: Any, /) -> int:
    if isinstance(obj, torch.Tensor):
        recorder = state.current()
        if recorder is not None:
            return conversions.traced_len(recorder, obj)  # type: ignore[no-any-return]
    elif type(obj) is pieces.Pieces:
        recorder = state.current()
        value = pieces.list_of(recorder, obj) if recorder is not None else None
        if recorder is not None and value is not None:
            return pieces.number_of(recorder, obj, value)  # type: ignore[no-any-return]
    return _original_len(obj)


_len.__name__ = _len.__qualname__ = "len"


def _install() -> None:
    global _original_call
    _original_call = nn.Module.__call__
    nn.Module.__call__ = _call_module  # type: ignore[method-assign]
    builtins.len = _len
    vars(nn.modules.batchnorm)["float"] = TracingFloat
    stand_ins.install()


def _remove() -> None:
    if nn.Module.__call__ is _call_module:
        nn.Module.__call__ = _original_call  # type: ignore[method-assign]
    if builtins.len is _len:
        builtins.len = _original_len
    vars(nn.modules.batchnorm).pop("float", None)
    stand_ins.remove()


class _Imports(importlib.abc.MetaPathFinder):
    """Puts the originals back while a module is imported."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path, target) if finder is not self else None
            if spec is not None:
                self._put_aside_around(spec.loader)
                return spec
        return None

    @staticmethod
    def _put_aside_around(loader: Any) -> None:
        run = getattr(loader, "exec_module", None)
        if run is None or isinstance(loader, type):  # modules of the interpreter itself
            return

        def exec_module(module: Any) -> None:
            del loader.exec_module
            with _originals_in_place(), state.paused():
                run(module)

        loader.exec_module = exec_module


_imports = _Imports()


@contextmanager
def _originals_in_place() -> Iterator[None]:
    with _lock:
        was_installed = builtins.len is _len
        if was_installed:
            _remove()
        try:
            yield
        finally:
            if was_installed:
                _install()


@contextmanager
def observing() -> Iterator[None]:
    """Have everything in place; the last thread that leaves takes it away."""
    global _recording
    operator_of(torch.relu)  # fills tables that are made with the help of `type(len)`
    with _lock:
        if _recording == 0:
            _install()
            sys.meta_path.insert(0, _imports)
        _recording += 1
    try:
        yield
    finally:
        with _lock:
            _recording -= 1
            if _recording == 0:
                sys.meta_path.remove(_imports)
                _remove()

"""Other code for Python functions for a while, wherever references to them are held.

A function that is called by its global name, from a closure or as a method is one function object. Its code
is replaced with `lambda *args, **kwargs: call(original, args, kwargs)`, where `original` is a twin with the code it
had. Threads share it, so what is called is to ask whose thread it is.
"""

from __future__ import annotations

import gc
import inspect
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import CodeType, FunctionType
from typing import Any

Call = Callable[[FunctionType, tuple[Any, ...], dict[str, Any]], Any]

_lock = threading.RLock()
_calls: dict[CodeType, list[Call]] = {}
_changed: dict[CodeType, list[tuple[FunctionType, Any]]] = {}


@contextmanager
def installed(codes: Sequence[CodeType], call: Call) -> Iterator[list[CodeType]]:
    """Have every function with one of these codes call `call`; yields the codes that no function has."""
    missing = []
    entered = []
    with _lock:
        for code in codes:
            if code in _calls or _change(code):
                _calls.setdefault(code, []).append(call)
                entered.append(code)
            else:
                missing.append(code)
    try:
        yield missing
    finally:
        with _lock:
            for code in entered:
                _calls[code].remove(call)
                if not _calls[code]:
                    del _calls[code]
                    for function, signature in _changed.pop(code):
                        function.__code__ = code
                        if signature is None:
                            function.__dict__.pop("__signature__", None)
                        else:
                            function.__signature__ = signature  # type: ignore[attr-defined]


def _change(code: CodeType) -> bool:
    functions = _functions_of(code)
    _changed[code] = []
    for function in functions:
        twin = _twin(function)
        before = function.__dict__.get("__signature__")
        function.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
        function.__code__ = _trampoline(code, twin)
        _changed[code].append((function, before))
    if not functions:
        del _changed[code]
    return bool(functions)


def _functions_of(code: CodeType) -> list[FunctionType]:
    """The functions that run a code object."""
    return [f for f in gc.get_referrers(code) if isinstance(f, FunctionType) and f.__code__ is code]


def _twin(function: FunctionType) -> FunctionType:
    twin = FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    twin.__kwdefaults__ = function.__kwdefaults__
    twin.__annotations__ = function.__annotations__
    twin.__module__ = function.__module__
    twin.__qualname__ = function.__qualname__
    twin.__dict__.update(function.__dict__)
    return twin


def _trampoline(code: CodeType, twin: FunctionType) -> CodeType:
    """Code with the free variables of `code`, as Python wants it, that calls the twin."""

    def target(*args: Any, **kwargs: Any) -> Any:
        calls = _calls.get(code)
        return calls[-1](twin, args, kwargs) if calls else twin(*args, **kwargs)

    names = ", ".join(code.co_freevars)
    source = (
        f"def outer({names}):\n"
        f"    def inner(*args, **kwargs):\n"
        f"        target = '{_MARK}'\n"
        f"        if target is None: return ({names})\n"
        f"        return target(*args, **kwargs)\n"
    )
    module = compile(source, __file__, "exec")
    outer = next(c for c in module.co_consts if isinstance(c, CodeType))
    inner = next(c for c in outer.co_consts if isinstance(c, CodeType))
    constants = tuple(target if constant == _MARK else constant for constant in inner.co_consts)
    return inner.replace(co_consts=constants, co_name=code.co_name)


_MARK = "the function that is called"

"""How generated functions find each other, and the classes of this process."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from types import FunctionType
from typing import Any, Protocol

from ... import types as T
from ...errors import BackendError
from ...ir.graph import Function
from .helpers import Future

_TYPE = type  # methods below have an argument of that name


class Linker(Protocol):
    """What generated code gets from its surroundings."""

    def link(self, function: Function, namespace: dict[str, Any], name: str) -> None:
        """Make `namespace[name]` call `function`, compiled now or on its first call."""

    def python_class(self, type: T.Type) -> type:
        """The class of this process for a class, named tuple, enum or interface."""

    def fork(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Start a function; the result has a method `wait`."""


class DefaultLinker:
    """Compiles every function once, callees on their first call; keeps what it compiled as long as it lives.

    A function that is not compiled yet is reached through a stub, which gives way to it on its first call.
    So cycles and long chains of calls need no recursion here.
    """

    def __init__(self) -> None:
        self._compiled: MutableMapping[Function, Callable[..., Any]] = {}

    def function(self, function: Function) -> Callable[..., Any]:
        """The Python function of `function`."""
        compiled = self._compiled.get(function)
        if compiled is None:
            from .function import compile_function

            compiled = self._compiled[function] = compile_function(function, self)
            for name, value in compiled.__globals__.items():
                if isinstance(value, _Stub) and value.function is function:
                    compiled.__globals__[name] = compiled
        return compiled

    def link(self, function: Function, namespace: dict[str, Any], name: str) -> None:
        compiled = self._compiled.get(function)
        namespace[name] = compiled if compiled is not None else _Stub(self, function, namespace, name)

    def python_class(self, type: T.Type) -> type:
        found = getattr(type, "python_class", None)
        if not isinstance(found, _TYPE):
            raise BackendError(f"There is no Python class for '{type}' in this process.")
        return found

    def fork(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return Future(function, *arguments)


class _Stub:
    """Stands in a namespace for a function until it is called."""

    __slots__ = ("function", "linker", "name", "namespace")

    def __init__(
        self, linker: DefaultLinker, function: Function, namespace: dict[str, Any], name: str
    ) -> None:
        self.linker = linker
        self.function = function
        self.namespace = namespace
        self.name = name

    def __call__(self, *arguments: Any) -> Any:
        compiled = self.namespace[self.name] = self.linker.function(self.function)
        return compiled(*arguments)


def resolve_stubs(function: FunctionType) -> None:
    """Compile what a compiled function calls, and what that calls."""
    pending, done = [function], set()
    while pending:
        namespace = pending.pop().__globals__
        if id(namespace) in done:
            continue
        done.add(id(namespace))
        for name, value in list(namespace.items()):
            if isinstance(value, _Stub):
                value = namespace[name] = value.linker.function(value.function)
            if isinstance(value, FunctionType) and "__name__" not in value.__globals__:
                pending.append(value)

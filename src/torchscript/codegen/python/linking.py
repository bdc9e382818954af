"""How generated functions find each other, and the classes of this process."""

from __future__ import annotations

from collections.abc import Callable
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

    A function that is called before it is compiled is reached through a stub, which puts the compiled function into
    the namespaces that asked for it. So cycles and long chains of calls need no recursion here.
    """

    def __init__(self) -> None:
        self._compiled: dict[Function, Callable[..., Any]] = {}
        self._waiting: dict[Function, list[tuple[dict[str, Any], str]]] = {}

    def function(self, function: Function) -> Callable[..., Any]:
        """The Python function of `function`."""
        compiled = self._compiled.get(function)
        if compiled is None:
            from .function import compile_function

            compiled = self._compiled[function] = compile_function(function, self)
            for namespace, name in self._waiting.pop(function, ()):
                namespace[name] = compiled
        return compiled

    def link(self, function: Function, namespace: dict[str, Any], name: str) -> None:
        compiled = self._compiled.get(function)
        if compiled is not None:
            namespace[name] = compiled
            return

        def stub(*arguments: Any) -> Any:
            return self.function(function)(*arguments)

        stub.__name__ = stub.__qualname__ = function.name
        namespace[name] = stub
        self._waiting.setdefault(function, []).append((namespace, name))

    def python_class(self, type: T.Type) -> type:
        found = getattr(type, "python_class", None)
        if not isinstance(found, _TYPE):
            raise BackendError(f"There is no Python class for '{type}' in this process.")
        return found

    def fork(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return Future(function, *arguments)

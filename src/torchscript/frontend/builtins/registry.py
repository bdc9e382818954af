"""What the compiler does with calls of particular Python objects: the tables, and how they are filled."""

from __future__ import annotations

import ast
import types as python_types
from collections.abc import Callable
from typing import Any

from ... import types as T
from ..emitter import Emitter
from ..marks import MARKING_MODULES
from ..values import Val

Handler = Callable[[Emitter, list[Val], dict[str, Val], "T.Type | None"], Val]
SyntacticHandler = Callable[[Emitter, ast.Call, "T.Type | None"], Val]

_SPECIAL: dict[int, tuple[Any, Handler]] = {}
_CLASS_METHODS: dict[tuple[type, str], Handler] = {}
_SYNTACTIC: dict[int, tuple[Any, SyntacticHandler]] = {}
_BY_MARK: dict[str, Handler] = {}
_SYNTACTIC_BY_MARK: dict[str, SyntacticHandler] = {}
METHOD_HANDLERS: dict[tuple[str, str], Callable[[Emitter, Val, list[Val], dict[str, Val]], Val]] = {}
"""By kind of type and name: `("list", "sort")`."""


def handles(*objects: Any) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        for obj in objects:
            _SPECIAL[id(obj)] = (obj, handler)
        return handler

    return register


def special(obj: Any) -> Handler | None:
    """The handler of a call of `obj`, where the compiler has one."""
    entry = _SPECIAL.get(id(obj))
    if entry is not None and entry[0] is obj:
        return entry[1]
    owner = getattr(obj, "__self__", None)
    if isinstance(owner, type) and isinstance(
        obj, python_types.BuiltinMethodType
    ):  # made anew by each access
        return _CLASS_METHODS.get((owner, obj.__name__))
    return _BY_MARK.get(_mark_of(obj) or "")


def class_method(owner: type, name: str) -> Callable[[Handler], Handler]:
    """Registers the handler of a class method of a builtin class, such as `dict.fromkeys`."""

    def register(handler: Handler) -> Handler:
        _CLASS_METHODS[owner, name] = handler
        return handler

    return register


def _mark_of(obj: Any) -> str | None:
    """What a function of torch.jit, or of ours, is to the compiler."""
    name = getattr(obj, "_torchscript_builtin", None)
    if name is None and getattr(obj, "__module__", None) in MARKING_MODULES:
        name = getattr(obj, "__name__", None)
    return name if isinstance(name, str) else None


def syntactic(obj: Any) -> SyntacticHandler | None:
    """The handler of a call of `obj` that needs the call's syntax tree."""
    entry = _SYNTACTIC.get(id(obj))
    if entry is not None and entry[0] is obj:
        return entry[1]
    return _SYNTACTIC_BY_MARK.get(_mark_of(obj) or "")


def is_isinstance(obj: Any) -> bool:
    return obj is isinstance or _mark_of(obj) == "isinstance"


def syntax(*objects: Any) -> Callable[[Any], Any]:
    def register(handler: Any) -> Any:
        for obj in objects:
            _SYNTACTIC[id(obj)] = (obj, handler)
        return handler

    return register


def marked(*names: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        for name in names:
            _BY_MARK[name] = handler
        return handler

    return register


def marked_syntax(*names: str) -> Callable[[SyntacticHandler], SyntacticHandler]:
    def register(handler: SyntacticHandler) -> SyntacticHandler:
        for name in names:
            _SYNTACTIC_BY_MARK[name] = handler
        return handler

    return register

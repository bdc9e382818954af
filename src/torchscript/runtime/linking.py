"""The linker of this process: compiled Python code of functions, and Python classes of static types."""

from __future__ import annotations

import collections
import enum
import weakref
from collections.abc import Callable, MutableMapping
from typing import Any

from .. import types as T
from ..codegen.python.linking import DefaultLinker
from ..ir.graph import Function


class ProcessLinker(DefaultLinker):
    """Keeps the code of a function as long as the function lives."""

    def __init__(self) -> None:
        super().__init__()
        self._compiled: MutableMapping[Function, Callable[..., Any]] = weakref.WeakKeyDictionary()  # type: ignore[assignment]
        self._named_tuples: dict[tuple[str, tuple[str, ...]], type] = {}

    def python_class(self, type: T.Type) -> type:
        found = getattr(type, "python_class", None)
        if isinstance(type, T.ClassType) and type.is_module:
            from .module import runtime_class

            return runtime_class(type)
        if found is not None:
            return found  # type: ignore[no-any-return]
        name = getattr(type, "qualified_name", "object").rpartition(".")[2]
        if isinstance(type, T.NamedTupleType):
            key = (type.qualified_name, type.field_names)
            if key not in self._named_tuples:
                self._named_tuples[key] = collections.namedtuple(name, type.field_names)  # type: ignore[misc]
            return self._named_tuples[key]
        if isinstance(type, T.EnumType):
            type.python_class = enum.Enum(name, list(type.members))  # type: ignore[assignment]
            return type.python_class  # type: ignore[return-value]
        if isinstance(type, T.ClassType):
            from .objects import object_class

            return object_class(type)
        return super().python_class(type)


LINKER = ProcessLinker()

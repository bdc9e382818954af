"""The linker of this process: compiled Python code of functions, and Python classes of static types."""

from __future__ import annotations

import collections
import enum
import weakref
from collections.abc import Callable, MutableMapping
from typing import Any

from .. import autocast
from .. import types as T
from ..codegen.python.linking import DefaultLinker
from ..ir.graph import Function
from .collecting import paused

_TYPE = type  # a method below has an argument of that name
_make_enum: Any = enum.Enum  # made from names that are only known at run time


class ProcessLinker(DefaultLinker):
    """Keeps the code of a function as long as the function lives."""

    def __init__(self) -> None:
        super().__init__()
        self._compiled: MutableMapping[Function, Callable[..., Any]] = weakref.WeakKeyDictionary()
        self._named_tuples: dict[tuple[str, tuple[str, ...]], type] = {}

    def function(self, function: Function) -> Callable[..., Any]:
        compiled = self._compiled.get(function)
        if compiled is not None:
            return compiled
        with paused():
            return super().function(function)

    def python_class(self, type: T.Type) -> type:
        found = getattr(type, "python_class", None)
        if isinstance(type, T.ClassType) and type.is_module:
            from .module import runtime_class

            return runtime_class(type)
        if found is not None:
            assert isinstance(found, _TYPE)
            return found
        name = getattr(type, "qualified_name", "object").rpartition(".")[2]
        if isinstance(type, T.NamedTupleType):
            key = (type.qualified_name, type.field_names)
            if key not in self._named_tuples:
                self._named_tuples[key] = collections.namedtuple(name, type.field_names)
            return self._named_tuples[key]
        if isinstance(type, T.EnumType):
            made: Any = _make_enum(name, list(type.members))
            type.python_class = made
            assert isinstance(made, _TYPE)
            return made
        if isinstance(type, T.ClassType):
            if autocast.is_autocast(type):
                return autocast.autocast  # of an archive
            from .objects import object_class

            return object_class(type)
        return super().python_class(type)


LINKER = ProcessLinker()

"""Instances of script classes that have no Python class in this process: those of a loaded archive."""

from __future__ import annotations

from typing import Any

from .. import types as T
from .linking import LINKER


class ScriptObject:
    """Base of the classes that are made for script classes of archives."""

    _ts_class: T.ClassType

    def __repr__(self) -> str:
        return f"<{self._ts_class.qualified_name.removeprefix('__torch__.')} object at {hex(id(self))}>"


class _Method:
    """A compiled method, made Python on first use."""

    def __init__(self, cls: T.ClassType, name: str) -> None:
        self.cls = cls
        self.name = name

    def __get__(self, owner: Any, cls: type) -> Any:
        function = self.cls.method(self.name)
        assert function is not None
        code = LINKER.function(function)
        return code if owner is None else code.__get__(owner, cls)


def object_class(cls: T.ClassType) -> type:
    """The Python class of a script class."""
    if cls.runtime_class is None:
        name = cls.qualified_name.rpartition(".")[2]
        namespace: dict[str, Any] = {"_ts_class": cls}
        for method in cls.methods:
            namespace[method] = _Method(cls, method)
        cls.runtime_class = type(name, (ScriptObject,), namespace)
    return cls.runtime_class


def make_object(cls: T.ClassType, attributes: dict[str, Any]) -> Any:
    """An instance with these attributes, without calling `__init__`."""
    python = cls.python_class or object_class(cls)
    obj: Any = object.__new__(python)
    for name, value in attributes.items():
        setattr(obj, name, value)
    return obj

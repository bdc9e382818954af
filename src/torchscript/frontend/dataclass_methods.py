"""The methods that `@dataclass` makes, as source: Python makes them without a file that could be read.

@dataclass                    def __init__(self, x: int, y: int = 2):
class Point:                      self.x = x
    x: int            →           self.y = y
    y: int = 2
"""

from __future__ import annotations

import dataclasses
import inspect
import linecache
import sys
import typing
from typing import Any

_ORDERS = {"__lt__": "<", "__le__": "<=", "__gt__": ">", "__ge__": ">="}


def method_of(cls: type, name: str) -> Any:
    """The method of a dataclass as a function with source, or None where `@dataclass` did not make it."""
    owner = next((base for base in cls.__mro__ if name in vars(base)), None)
    if owner is None or not dataclasses.is_dataclass(owner):
        return None
    code = getattr(inspect.unwrap(vars(owner)[name]), "__code__", None)  # __repr__ is wrapped
    if code is None or linecache.getlines(code.co_filename, vars(owner)[name].__globals__):
        return None
    names: dict[str, Any] = {"Class_": owner}
    fields = dataclasses.fields(owner)
    if name == "__init__":
        lines = _init(owner, fields, names)
    elif name == "__eq__":
        compared = [f"self.{f.name} == other.{f.name}" for f in fields if f.compare]
        lines = ["def __eq__(self, other: Class_) -> bool:", f"    return {' and '.join(compared) or 'True'}"]
    elif name in _ORDERS:
        lines = _order(fields, name)
    elif name == "__repr__":
        parts = ' + ", " + '.join(f'"{f.name}=" + repr(self.{f.name})' for f in fields if f.repr)
        lines = [
            "def __repr__(self) -> str:",
            f'    return "{owner.__qualname__}(" + {parts or chr(34) * 2} + ")"',
        ]
    else:
        return None
    return _define(owner, name, lines, names)


def _init(cls: type, fields: Any, names: dict[str, Any]) -> list[str]:
    every = cls.__dataclass_fields__.values()  # type: ignore[attr-defined]  # with InitVars
    parameters, body, only_init = ["self"], [], []
    for field in every:
        kind = getattr(field._field_type, "name", "")
        if kind == "_FIELD_CLASSVAR":
            continue
        annotation = field.type
        if isinstance(annotation, dataclasses.InitVar):
            annotation = annotation.type
        names[f"T_{field.name}"] = annotation
        value = field.name
        if field.default_factory is not dataclasses.MISSING:
            names[f"F_{field.name}"] = field.default_factory
            module = vars(sys.modules.get(cls.__module__, dataclasses))
            if isinstance(annotation, str):
                annotation = eval(annotation, {**module, cls.__name__: cls})
            names[f"T_{field.name}"] = typing.Union[annotation, None]  # noqa: UP007
            value = (
                f"F_{field.name}() if {field.name} is None else {field.name}"
                if field.init
                else f"F_{field.name}()"
            )
            default = " = None"
        elif field.default is not dataclasses.MISSING:
            names[f"D_{field.name}"] = field.default
            value = field.name if field.init else f"D_{field.name}"
            default = f" = D_{field.name}"
        else:
            default = ""
        if field.init:
            if field.kw_only and "*" not in parameters:
                parameters.append("*")
            parameters.append(f"{field.name}: T_{field.name}{default}")
        if kind == "_FIELD_INITVAR":
            only_init.append(field.name)
        elif field.init or default:
            body.append(f"    self.{field.name} = {value}")
    if hasattr(cls, "__post_init__"):
        body.append(f"    self.__post_init__({', '.join(only_init)})")
    return [f"def __init__({', '.join(parameters)}):", *(body or ["    pass"])]


def _order(fields: Any, name: str) -> list[str]:
    """Fields compare as tuples do: the first that differs decides."""
    symbol = _ORDERS[name]
    lines = [f"def {name}(self, other: Class_) -> bool:"]
    for field in fields:
        if field.compare:
            lines.append(f"    if self.{field.name} != other.{field.name}:")
            lines.append(f"        return self.{field.name} {symbol} other.{field.name}")
    return [*lines, f"    return {'=' in symbol}"]


def _define(cls: type, name: str, lines: list[str], names: dict[str, Any]) -> Any:
    filename = f"<dataclass {cls.__module__}.{cls.__qualname__}.{name} {id(cls)}>"
    text = [line + "\n" for line in lines]
    linecache.cache[filename] = (sum(map(len, text)), None, text, filename)
    namespace = {**vars(sys.modules.get(cls.__module__, dataclasses)), **names}
    made: dict[str, Any] = {}
    exec(compile("".join(text), filename, "exec"), namespace, made)
    function = made[name]
    function.__module__ = cls.__module__
    function.__qualname__ = f"{cls.__qualname__}.{name}"
    return function

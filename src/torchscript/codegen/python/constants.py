"""Constants of the graph as Python expressions; what has no literal is bound as a global."""

from __future__ import annotations

import ast
import enum
import math
from collections.abc import Callable
from typing import Any

import torch

from ... import types as T
from .helpers import DECODERS
from .templates import Location

Bind = Callable[[str, Any], str]


def code_type(type: T.Type) -> type[T.Type] | None:
    """Whether values of this type are dtypes, layouts or memory formats, which also have an int code."""
    if isinstance(type, T.OptionalType):
        type = type.element
    return type.__class__ if type.__class__ in DECODERS else None


def decoded(value: Any, type: T.Type) -> Any:
    """The dtype, layout or memory format of an int where `type` asks for one."""
    kind = code_type(type)
    return DECODERS[kind](value) if kind is not None else value


class Constants:
    def __init__(self, bind: Bind) -> None:
        self._bind = bind

    def expression(self, value: Any, type: T.Type, at: Location) -> ast.expr:
        value = decoded(value, type)
        if value is None or value is Ellipsis or isinstance(value, str | bytes | bool):
            return ast.Constant(value, **at)
        if isinstance(value, enum.Enum):
            return ast.Attribute(
                self._name(value.__class__.__name__, value.__class__, at), value.name, ast.Load(), **at
            )
        if value.__class__ is int or value.__class__ is float or value.__class__ is complex:
            return self._number(value, at)
        if isinstance(value, torch.dtype | torch.layout | torch.memory_format):
            return self._attribute_of_torch(str(value), value, at)
        if value.__class__ in (list, tuple, dict):
            return self._container(value, type, at)
        if isinstance(value, torch.device):
            return self._name(str(value).replace(":", "_"), value, at)
        return self._name("constant", value, at)

    def _number(self, value: Any, at: Location) -> ast.expr:
        if isinstance(value, complex):
            return ast.Constant(value, **at)
        if value < 0 or (value == 0 and math.copysign(1.0, value) < 0):
            return ast.UnaryOp(ast.USub(), self._number(-value, at), **at)
        if isinstance(value, float) and not math.isfinite(value):
            known = math.inf if math.isinf(value) else math.nan
            return self._name("inf" if math.isinf(value) else "nan", known, at)
        return ast.Constant(value, **at)

    def _container(self, value: Any, type: T.Type, at: Location) -> ast.expr:
        if isinstance(type, T.OptionalType):
            type = type.element
        if isinstance(value, dict):
            key, item = type.contained if isinstance(type, T.DictType) else (T.ANY, T.ANY)
            keys: list[ast.expr | None] = [self.expression(k, key, at) for k in value]
            return ast.Dict(keys, [self.expression(v, item, at) for v in value.values()], **at)
        if isinstance(type, T.TupleType) and len(type.elements) == len(value):
            parts = [self.expression(v, t, at) for v, t in zip(value, type.elements, strict=True)]
        else:
            element = type.element if isinstance(type, T.ListType) else T.ANY
            parts = [self.expression(v, element, at) for v in value]
        if isinstance(value, list):
            return ast.List(parts, ast.Load(), **at)
        return ast.Tuple(parts, ast.Load(), **at)

    def _attribute_of_torch(self, path: str, value: Any, at: Location) -> ast.expr:
        name = path.removeprefix("torch.")
        if getattr(torch, name, None) is not value:
            return self._name(name, value, at)
        return ast.Attribute(self._name("torch", torch, at), name, ast.Load(), **at)

    def _name(self, preferred: str, value: Any, at: Location) -> ast.expr:
        return ast.Name(self._bind(preferred, value), ast.Load(), **at)

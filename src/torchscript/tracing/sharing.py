"""Modules whose recorded calls do the same share a class.

    layers.0 : Layer, layers.1 : ___torch_mangle_0.Layer    →    layers.0 : Layer, layers.1 : Layer

While it records, every module has a class of its own. Afterwards, classes are one that come from the same
Python class, have the same attributes, and methods that do the same with them. What the run saw of tensors
(shapes, strides) may differ; where it does, the shared graph leaves it open.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch

from .. import types as T
from ..ir import Function, Graph, Value
from ..schema import Argument, Schema
from ..tensor_bytes import tensor_bytes
from ..types import ClassAttribute, ClassType
from .modules import ModuleTree

_SMALL = 1 << 12  # elements up to which constants are compared by content


def share_classes(tree: ModuleTree, roots: Iterable[Function]) -> None:
    """Merge the classes of `tree` that do the same, and name those that are left."""
    keys = _Keys()
    own = tree.own_classes()
    first: dict[int, ClassType] = {}
    merged: dict[T.Type, ClassType] = {}
    for cls in own:
        kept = first.setdefault(keys.of(cls), cls)
        if kept is not cls:
            merged[cls] = kept
            for name, function in cls.methods.items():
                _leave_open(kept.methods[name], function)
    kept_classes = [cls for cls in own if cls not in merged]
    if merged:
        for cls in kept_classes:
            for name, attribute in cls.attributes.items():
                if attribute.type in merged:
                    kind, persistent = attribute.kind, attribute.persistent
                    cls.attributes[name] = ClassAttribute(merged[attribute.type], kind, persistent)
        for function in (*roots, *(f for cls in kept_classes for f in cls.methods.values())):
            _replace_types(function, merged)
        tree.classes = {module: merged.get(cls, cls) for module, cls in tree.classes.items()}
    _name(kept_classes)


def _name(classes: Sequence[ClassType]) -> None:
    """Different classes that have one name get different ones, as PyTorch keeps them apart."""
    counts: dict[str, int] = {}
    for cls in classes:
        name = cls.qualified_name
        count = counts.get(name, 0)
        counts[name] = count + 1
        if count:
            package, _, base = name.rpartition(".")
            cls.qualified_name = f"{package}.___torch_mangle_{count - 1}.{base}"
        for function in cls.methods.values():
            function.qualified_name = f"{cls.qualified_name}.{function.name}"
            schema = function.schema
            function.schema = Schema(function.qualified_name, "", schema.arguments, schema.returns)


# --- Keys -----------------------------------------------------------------------------------------------


class _Keys:
    """Numbers for classes and types: the same for those that do the same."""

    def __init__(self) -> None:
        self._classes: dict[ClassType, int] = {}
        self._interned: dict[Any, int] = {}
        self._open: list[ClassType] = []

    def of(self, cls: ClassType) -> int:
        known = self._classes.get(cls)
        if known is None:
            self._open.append(cls)
            attributes = tuple(
                [(name, a.kind, a.persistent, self._type(a.type)) for name, a in cls.attributes.items()]
            )
            methods = tuple([(name, self._graph(f.graph)) for name, f in cls.methods.items()])
            self._open.pop()
            key = cls.qualified_name, attributes, methods
            known = self._classes[cls] = self._interned.setdefault(key, len(self._interned))
        return known

    def _type(self, type: T.Type) -> Any:
        if isinstance(type, T.TensorType):
            return "Tensor"
        if not isinstance(type, ClassType):
            return type
        if type is self._open[-1]:
            return "self"
        if type in self._open or not type.is_module or type.find_method is not None:
            return id(type)
        return self.of(type)

    def _graph(self, graph: Graph) -> Any:
        numbers: dict[Value, int] = {}

        def number(values: Sequence[Value]) -> tuple[int, ...]:
            return tuple([numbers.setdefault(v, len(numbers)) for v in values])

        block = graph.block
        parts: list[Any] = [number(block.parameters), tuple([self._type(v.type) for v in block.parameters])]
        for node in block.nodes:
            if node.blocks:
                return id(graph)
            parts.append(
                (
                    node.kind,
                    node.schema.key if node.schema is not None else None,
                    number(node.inputs),
                    number(node.outputs),
                    tuple([self._type(v.type) for v in node.outputs]),
                    tuple([(name, constant_key(value)) for name, value in node.attributes.items()]),
                )
            )
        parts.append(number(block.outputs))
        return tuple(parts)


def constant_key(value: Any) -> Any:
    """What tells constants apart: type and value, for 1, 1.0 and True are the same to Python."""
    if isinstance(value, torch.Tensor):
        plain = value.layout is torch.strided and value.device.type == "cpu" and not value.is_quantized
        if plain and value.numel() <= _SMALL and not value.is_conj() and not value.is_neg():
            return value.dtype, value.shape, value.stride(), value.device, tensor_bytes(value)
        return id(value)
    if isinstance(value, int | float | str | bool | complex):
        return type(value), repr(value)
    return id(value) if isinstance(value, Function) else repr(value)


# --- Merging --------------------------------------------------------------------------------------------


def _values(graph: Graph) -> list[Value]:
    return [*graph.block.parameters, *(v for node in graph.block.nodes for v in node.outputs)]


def _leave_open(kept: Function, other: Function) -> None:
    """Let the types of a shared graph say only what is true of both."""
    for one, two in zip(_values(kept.graph), _values(other.graph), strict=True):
        if one.type is not two.type and str(one.type) != str(two.type) and isinstance(one.type, T.TensorType):
            one.type = T.TENSOR
    _declare_again(kept)


def _replace_types(function: Function, merged: dict[T.Type, ClassType]) -> None:
    for value in _values(function.graph):
        if isinstance(value.type, ClassType) and value.type in merged:
            value.type = merged[value.type]
    _declare_again(function)


def _declare_again(function: Function) -> None:
    schema, graph = function.schema, function.graph
    arguments = tuple([Argument(a.name, v.type) for a, v in zip(schema.arguments, graph.inputs, strict=True)])
    returned = graph.outputs[0].type if graph.outputs else T.NONE
    function.schema = Schema(schema.name, schema.overload, arguments, (Argument("", returned),))

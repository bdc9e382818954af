"""Which arguments a function may change: lists and dicts that the caller in Python must see changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ... import types as T
from ...ir.graph import Graph, Value
from ...passes.aliasing import AliasSets
from .operators import schema_of
from .problems import Problem

_CALLS = frozenset({"prim::CallFunction", "prim::CallMethod", "prim::fork"})
_MADE_HERE = frozenset({"prim::ListConstruct", "prim::DictConstruct"})


def changed_arguments(graph: Graph, arguments: Sequence[Value]) -> tuple[tuple[int, ...], int | None]:
    """Positions of the lists and dicts (or None) among `arguments` that the graph may write; and of an argument of which
    it may change what is in it: a list in a list or in a tuple, an object.

    By type: a list that is written and was not made in plain sight may be any argument of that type. What is in an
    argument the caller holds by other names too; it cannot be replaced as a whole is.
    """
    types = {i: _without_none(v.type) for i, v in enumerate(arguments)}
    containers = [i for i, t in types.items() if isinstance(t, T.ListType | T.DictType)]
    inner = {i: found for i, t in types.items() if (found := list(_inner_types(t)))}
    if not containers and not inner:
        return (), None
    written = _written_types(graph)
    inside = (
        i
        for i, held in inner.items()
        if any(str(t) in written for t in held)
        and (any(isinstance(t, T.ClassType) for t in held) or AliasSets(graph).is_written(arguments[i]))
    )
    return tuple(i for i in containers if str(types[i]) in written), next(inside, None)


def returned_argument(graph: Graph, arguments: Sequence[Value]) -> int | None:
    """The position of the list, dict or object that the graph returns as it was given."""
    result = graph.outputs[0]
    if result in arguments and isinstance(result.type, T.ListType | T.DictType | T.ClassType):
        return list(arguments).index(result)
    return None


def _without_none(type: T.Type) -> T.Type:
    return type.element if isinstance(type, T.OptionalType) else type


def _inner_types(type: T.Type, seen: set[T.Type] | None = None) -> Iterator[T.Type]:
    """The lists, dicts and objects in a value of this type; an object is in itself, since nothing can take its place."""
    seen = set() if seen is None else seen
    for inner in type.walk():
        if isinstance(inner, T.ClassType) and not inner.is_module and inner not in seen:
            seen.add(inner)
            yield inner
            for attribute in inner.attributes.values():
                if isinstance(attribute.type, T.ListType | T.DictType):
                    yield attribute.type
                yield from _inner_types(attribute.type, seen)
        elif inner is not type and isinstance(inner, T.ListType | T.DictType):
            yield inner


def _written_types(graph: Graph) -> set[str]:
    """The types, as text, of the lists, dicts and objects that the graph writes and did not make in plain sight."""
    written: set[str] = set()
    for node in graph.all_nodes():
        if node.kind in _CALLS:
            written |= {str(t) for v in node.inputs for t in v.type.walk()}
        if node.kind == "prim::SetAttr":
            written.add(str(node.inputs[0].type))
        if node.kind.startswith("prim::") or node.blocks:
            continue
        try:
            schema = schema_of(node)
        except Problem:
            continue
        for argument, value in zip(schema.arguments, node.inputs, strict=False):
            made_here = value.node is not None and value.node.kind in _MADE_HERE
            if argument.is_write and not made_here:
                written.add(str(value.type))
    return written

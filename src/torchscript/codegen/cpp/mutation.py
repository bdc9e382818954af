"""Which arguments a function may change: lists and dicts that the caller in Python must see changed."""

from __future__ import annotations

from collections.abc import Sequence

from ... import types as T
from ...ir.graph import Graph, Value
from .operators import schema_of
from .problems import Problem

_CALLS = frozenset({"prim::CallFunction", "prim::CallMethod", "prim::fork"})
_MADE_HERE = frozenset({"prim::ListConstruct", "prim::DictConstruct"})


def mutated_arguments(graph: Graph, arguments: Sequence[Value]) -> tuple[int, ...]:
    """Positions of the lists and dicts among `arguments` that the graph may write.

    By type: a list that is written and was not made in plain sight may be any argument of that type.
    """
    containers = [i for i, v in enumerate(arguments) if isinstance(v.type, T.ListType | T.DictType)]
    if not containers:
        return ()
    written: set[str] = set()
    for node in graph.all_nodes():
        if node.kind in _CALLS:
            written |= {str(v.type) for v in node.inputs}
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
    return tuple(i for i in containers if str(arguments[i].type) in written)

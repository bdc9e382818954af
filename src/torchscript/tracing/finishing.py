"""From the graphs of a finished run to functions and classes.

- Calls with further results (`scopes.py`) return one tuple, which their callers take apart.
- Nodes whose results nobody reads go, unless they change something or draw random numbers.
- Calls of one module whose graphs are the same share a method; the others are `forward`, `forward1`, …
- Modules whose methods and attributes are the same share a class (`sharing.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from .. import types as T
from ..ir import Function, Graph, Node, Value
from ..operators.dispatcher import overload_of
from ..operators.memory import hidden_writes
from ..schema import Argument, Schema
from .recorder import Recorder
from .scopes import Scope
from .sharing import constant_key, share_classes

_PURE = frozenset(
    {
        "prim::Constant", "prim::GetAttr", "prim::ListConstruct", "prim::TupleConstruct",
        "prim::DictConstruct",
        "prim::TupleUnpack", "prim::ListUnpack", "prim::NumToTensor",
    }
)  # fmt: skip


def finish(recorder: Recorder) -> dict[str, Function]:
    """The functions of the recorded calls that nobody called (the roots), by name; all others join their
    classes.
    """
    recorder.warn_of_lost_numbers()
    scopes = [s for s in recorder.scopes.begun if not s.failed]
    for scope in scopes:
        _return_one_value(scope)
    methods: dict[int, _Methods] = {}
    roots: dict[str, Function] = {}
    # Callees close before their callers, so that a call can be compared by the function it calls.
    for scope in reversed(scopes):
        eliminate_dead_nodes(scope.graph)
    _drop_unread_attributes(recorder, scopes)
    keys: dict[Scope, int] = {}
    interned: dict[Any, int] = {}
    for scope in sorted(scopes, key=lambda s: -_depth(s)):
        key = _key(scope, keys)
        keys[scope] = interned.setdefault(key, len(interned))
    for scope in scopes:
        if scope.parent is None:
            roots[scope.graph.name] = function = _function(scope, scope.graph.name, recorder)
            if scope.module is not None:
                recorder.tree.classes[id(scope.module)].methods[scope.graph.name] = function
    for scope in scopes:
        if scope.parent is None or scope.module is None:
            continue
        cls = recorder.tree.classes[id(scope.module)]
        table = methods.setdefault(id(scope.module), _Methods(cls))
        name = table.name_of(keys[scope])
        if name not in cls.methods:
            cls.methods[name] = _function(scope, name, recorder)
        assert scope.call is not None
        scope.call.attributes["name"] = name
    recorder.tree.finish_classes()
    share_classes(recorder.tree, roots.values())
    return roots


def add_forward(cls: T.ClassType, method: Function) -> None:
    """Let an object of a class be called for a method of another name: a forward that calls it."""
    graph = Graph("forward")
    parameters = [
        graph.block.add_parameter(argument.type, argument.name) for argument in method.schema.arguments
    ]
    returned = method.schema.returns[0].type
    call = graph.block.add("prim::CallMethod", parameters, (returned,), {"name": method.graph.name})
    graph.block.add_output(call.output)
    name = f"{cls.qualified_name}.forward"
    cls.methods["forward"] = Function(name, graph, replace(method.schema, name=name))


class _Methods:
    """The methods of one class that were recorded, by what their graphs do."""

    def __init__(self, cls: T.ClassType) -> None:
        self.cls = cls
        self.names: dict[int, str] = {}

    def name_of(self, key: int) -> str:
        if key not in self.names:
            number = 0
            while f"forward{number or ''}" in self.cls.methods:
                number += 1
            self.names[key] = f"forward{number or ''}"
        return self.names[key]


def _depth(scope: Scope) -> int:
    depth = 0
    parent = scope.parent
    while parent is not None:
        depth, parent = depth + 1, parent.parent
    return depth


def _return_one_value(scope: Scope) -> None:
    block, call = scope.block, scope.call
    if scope.parent is None:
        return
    assert call is not None
    if len(block.outputs) == 1:
        return
    if not block.outputs:
        block.add_output(block.constant(None, T.NONE))
        call.add_output(T.NONE)
        return
    values = list(block.outputs)
    type = T.TupleType(tuple(v.type for v in values))
    packed = block.add("prim::TupleConstruct", values, (type,), None, call.source).output
    block.return_node.set_inputs([packed])
    new = Node("prim::CallMethod", call.inputs, (type,), call.attributes, call.source)
    unpack = Node("prim::TupleUnpack", new.outputs, [v.type for v in call.outputs], None, call.source)
    for old, value in zip(call.outputs, unpack.outputs, strict=True):
        value.name = old.name
        old.replace_all_uses_with(value)
    nodes = call.block.nodes
    at = nodes.index(call)
    call.drop_inputs()
    new.block = unpack.block = call.block
    nodes[at : at + 1] = [new, unpack]
    scope.call = new


def _drop_unread_attributes(recorder: Recorder, scopes: list[Scope]) -> None:
    """Plain attributes that are written and never read (`weight_norm` keeps its weight in one)."""
    read: set[tuple[T.Type, str]] = set()
    written: list[Node] = []
    for scope in scopes:
        for node in scope.block.nodes:
            if node.kind == "prim::GetAttr":
                read.add((node.inputs[0].type, node.attributes["name"]))
            elif node.kind == "prim::SetAttr":
                written.append(node)
    for node in written:
        cls, name = node.inputs[0].type, node.attributes["name"]
        if (cls, name) not in read and isinstance(cls, T.ClassType) and recorder.tree.is_plain(cls, name):
            recorder.tree.forget_use(cls, name)
            node.detach()


def is_random(node: Node) -> bool:
    """Whether the dispatcher says that a node's operator draws random numbers."""
    overload: Any = overload_of(node.schema) if node.schema is not None else None
    return overload is not None and torch.Tag.nondeterministic_seeded in overload.tags


def eliminate_dead_nodes(graph: Graph) -> None:
    """Take out what nobody reads, changes nothing, and draws no random numbers."""
    kept: list[Node] = []
    for node in reversed(graph.block.nodes):
        if _is_dead(node):
            node.drop_inputs()
        else:
            kept.append(node)
    graph.block.nodes[:] = kept[::-1]


def _is_dead(node: Node) -> bool:
    if any(value.users for value in node.outputs):
        return False
    if node.schema is None:
        return node.kind in _PURE
    if node.schema.is_mutable or not node.outputs or hidden_writes(node.schema) is not None:
        return False
    return not is_random(node)


def _key(scope: Scope, keys: dict[Scope, int]) -> tuple[Any, ...]:
    """What tells whether two graphs do the same: kinds, constants, and which value is read where."""
    numbers: dict[Value, int] = {}

    def number(values: Sequence[Value]) -> tuple[int, ...]:
        return tuple([numbers.setdefault(v, len(numbers)) for v in values])

    callees = {id(s.call): s for s in keys if s.call is not None}
    parts: list[Any] = [number(scope.block.parameters), tuple(v.type for v in scope.block.parameters)]
    for node in scope.block.nodes:
        callee = callees.get(id(node))
        parts.append(
            (
                node.kind,
                node.schema.key if node.schema is not None else None,
                number(node.inputs),
                number(node.outputs),
                keys[callee] if callee is not None else _attributes(node),
            )
        )
    parts.append(number(scope.block.outputs))
    return tuple(parts)


def _attributes(node: Node) -> tuple[Any, ...]:
    found = [(name, constant_key(value)) for name, value in node.attributes.items()]
    return (str(node.outputs[0].type) if node.kind == "prim::Constant" else "", *found)


def _function(scope: Scope, name: str, recorder: Recorder) -> Function:
    graph = scope.graph
    graph.name = name
    arguments = []
    taken: set[str] = set()
    for i, value in enumerate(graph.inputs):
        base = (value.name or f"argument_{i}").partition(".")[0]
        unique, count = base, 1
        while unique in taken:
            unique, count = f"{base}_{count}", count + 1
        taken.add(unique)
        arguments.append(Argument(unique, value.type))
    if scope.module is not None:
        qualified = f"{recorder.tree.classes[id(scope.module)].qualified_name}.{name}"
    else:
        qualified = recorder.function_name
    returned = graph.outputs[0].type if graph.outputs else T.NONE
    schema = Schema(qualified, "", tuple(arguments), (Argument("", returned),))
    return Function(qualified, graph, schema)

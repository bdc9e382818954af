"""Make a function of a part of a graph: of a loop that is nested too deep, of the block of a `prim::fork`."""

from __future__ import annotations

from ...ir.graph import Block, Function, Graph, Node, Value, copy_node
from ...schema import Argument, Schema
from .names import identifier
from .values import is_constant


def outline_node(node: Node, name: str) -> tuple[Function, list[Value]]:
    """A function that does what `node` does and returns its outputs, and the arguments to call it with."""
    graph = Graph(name)
    captured = list(dict.fromkeys([*node.inputs, *_captured(node.blocks)]))
    mapping, arguments = _parameters(graph, captured)
    copy = copy_node(node, graph.block, mapping)
    graph.block.append(copy)
    for value in copy.outputs:
        graph.block.add_output(value)
    return _function(name, graph, node), arguments


def outline_block(node: Node, name: str) -> tuple[Function, list[Value]]:
    """A function that does what the only block of `node` does, and the arguments of the call."""
    graph = Graph(name)
    mapping, arguments = _parameters(graph, _captured(node.blocks))
    (block,) = node.blocks
    for parameter, value in zip(block.parameters, node.inputs, strict=True):
        mapping[parameter] = graph.block.add_parameter(parameter.type, parameter.name)
        arguments.append(value)
    for inner in block.nodes:
        graph.block.append(copy_node(inner, graph.block, mapping))
    for value in block.outputs:
        graph.block.add_output(mapping.get(value, value))
    return _function(name, graph, node), arguments


def _parameters(graph: Graph, captured: list[Value]) -> tuple[dict[Value, Value], list[Value]]:
    mapping: dict[Value, Value] = {}
    arguments: list[Value] = []
    for value in captured:
        if is_constant(value):
            assert value.node is not None
            graph.block.append(copy_node(value.node, graph.block, mapping))
        else:
            mapping[value] = graph.block.add_parameter(value.type, value.name)
            arguments.append(value)
    return mapping, arguments


def _captured(blocks: list[Block]) -> list[Value]:
    """Values that the blocks read and do not define, in order of their first use."""
    defined: set[Value] = set()
    read: dict[Value, None] = {}
    stack = list(blocks)
    while stack:
        block = stack.pop()
        defined.update(block.parameters)
        for node in (*block.nodes, block.return_node):
            read.update(dict.fromkeys(node.inputs))
            defined.update(node.outputs)
            stack.extend(node.blocks)
    return [v for v in read if v not in defined]


def _function(name: str, graph: Graph, node: Node) -> Function:
    arguments = tuple(Argument(identifier(v.name) or f"_{i}", v.type) for i, v in enumerate(graph.inputs))
    returns = tuple(Argument("", v.type) for v in graph.outputs)
    return Function(name, graph, Schema(name, "", arguments, returns), source=node.source)

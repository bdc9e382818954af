"""Graphs that tests make by hand."""

from __future__ import annotations

from typing import Any

from torchscript import types as T
from torchscript.ir import Block, Function, Graph, Node, Value
from torchscript.operators import schemas_of
from torchscript.schema import Argument, Schema, match_overloads
from torchscript.source import Source, SourceRange


def operator(
    block: Block, kind: str, *inputs: Value, name: str | None = None, source: SourceRange | None = None
) -> Value:
    """Append an operator whose arguments are all given; its result."""
    matched = match_overloads(schemas_of(kind), list(inputs), {})
    node = block.add(kind, inputs, matched.return_types, None, source, matched.schema)
    node.outputs[0].name = name
    return node.outputs[0]


def function(graph: Graph, name: str = "f", source: SourceRange | None = None, **more: Any) -> Function:
    arguments = tuple(Argument(v.name or f"_{i}", v.type) for i, v in enumerate(graph.inputs))
    returns = tuple(Argument("", v.type) for v in graph.outputs)
    return Function(f"__torch__.{name}", graph, Schema(name, "", arguments, returns), source=source, **more)


class Text:
    """A source text, in which `at("x + 1")` is where that stands first."""

    def __init__(self, text: str, filename: str, first_line: int = 1) -> None:
        self.source = Source(text, filename, first_line)

    def at(self, part: str) -> SourceRange:
        for number, line in enumerate(self.source.lines, self.source.first_line):
            column = line.find(part)
            if column >= 0:
                return SourceRange(self.source, number, column, number, column + len(part))
        raise AssertionError(f"{part!r} is not in the source")


def loop(block: Block, trips: Value, again: Value, *carried: Value) -> Node:
    """A loop with parameters and outputs like what it carries, and an empty body."""
    node = block.add("prim::Loop", [trips, again, *carried])
    body = node.add_block()
    body.add_parameter(T.INT, None)
    for value in carried:
        body.add_parameter(value.type, value.name)
        node.add_output(value.type, value.name)
    return node

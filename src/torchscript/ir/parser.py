"""Read a graph from the text that `printer.py` writes, or PyTorch's own printer.

Errors are IRErrors that show the line and a caret. What text does not carry is stood in for: a class that is
not given becomes a placeholder, a tensor of several elements one on the meta device. Callables are absent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .. import types as T
from ..source import Source, SourceRange
from .graph import Block, Graph, Node, Value
from .literal_parser import LiteralParser
from .operands import find_schema
from .scanner import Scanner
from .type_parser import TypeParser

if TYPE_CHECKING:
    from ..schema import Schema

_VALUE_NAME = re.compile(r"%([A-Za-z0-9_.]+)")
_KIND = re.compile(r"[A-Za-z_]\w*::[\w.]+")
_PYTHON_CALL = re.compile(r"\^([\w.]*)")
_ATTRIBUTE_NAME = re.compile(r"[A-Za-z_]\w*")
_BLOCK = re.compile(r"block\d+(?=\()")
_NODE_START = re.compile(r"[%=^]|[A-Za-z_]\w*::")
_SCOPE = re.compile(r", scope: [^#\n]*(?<! )")
_COMMENT = re.compile(r"[ \t]*#([^\n]*)")
_LOCATION = re.compile(r"\s*(.*):(\d+):(\d+)\s*")
_SUBGRAPH = re.compile(r"with ([A-Za-z_]\w*::[\w.]+) =")


def parse_graph(text: str, classes: Mapping[str, T.Type] | None = None) -> Graph:
    """The graph that `text` describes. `classes` are the types that its qualified names mean.

    >>> graph = parse_graph('''
    ... graph(%x.1 : Tensor):
    ...   %1 : Tensor = aten::relu(%x.1) # model.py:3:11
    ...   return (%1)
    ... ''')
    >>> str(graph.block.nodes[0].schema)
    'aten::relu(Tensor self) -> Tensor'

    Raises IRError for text that is not a graph.
    """
    return _Parser(text, classes).graph()


class _Parser:
    def __init__(self, text: str, classes: Mapping[str, T.Type] | None) -> None:
        self.scanner = Scanner(text)
        self.types = TypeParser(classes)
        self.literals = LiteralParser(self.scanner, self.types)
        self.sources: dict[str, Source] = {}
        self.values: dict[str, Value] = {}
        self.defined: list[str] = []  # the keys of `values`, in order
        self.subgraph_nodes: dict[str, Node] = {}
        self.schemas: dict[tuple[object, ...], Schema | None] = {}

    def graph(self) -> Graph:
        graph = Graph()
        self.scanner.expect("graph")
        self.parameters(graph.block)
        self.scanner.expect(":")
        self.body(graph.block, "return")
        self.subgraphs()
        if not self.scanner.at_end:
            raise self.scanner.error("expected the end of the text")
        return graph

    def subgraphs(self) -> None:
        """`with prim::fork_0 = graph(…)`, as PyTorch prints the blocks of some nodes after the graph."""
        while True:
            start = self.scanner.skip()
            match = self.scanner.match(_SUBGRAPH)
            if match is None:
                return
            node = self.subgraph_nodes.get(match.group(1))
            if node is None:
                raise self.scanner.error(f"no node is called '{match.group(1)}'", start)
            node.kind = match.group(1).rpartition("_")[0]
            block = node.add_block()
            self.scanner.expect("graph")
            self.leave(0)
            self.parameters(block)
            self.scanner.expect(":")
            if len(block.parameters) != len(node.inputs):
                raise self.scanner.error(f"the node has {len(node.inputs)} inputs", start)
            self.body(block, "return")
            for index in reversed(range(len(node.inputs))):
                block.parameters[index].replace_all_uses_with(node.inputs[index])
                block.remove_parameter(index)

    def parameters(self, block: Block) -> None:
        self.scanner.expect("(")
        while not self.scanner.accept(")"):
            if block.parameters:
                self.scanner.expect(",")
            name, start = self.name()
            type = self.value_type()
            self.define(name, block.add_parameter(type, _own_name(name)), start)

    def body(self, block: Block, end: str) -> None:
        """Nodes up to `end`, and what is yielded after it."""
        scanner = self.scanner
        while not scanner.accept(end):
            if scanner.match(_COMMENT):
                continue
            if not _NODE_START.match(scanner.text, scanner.skip()):
                raise scanner.error(f"expected a node, or '{end}'")
            self.node(block)
        scanner.expect("(")
        while not scanner.accept(")"):
            if block.outputs:
                scanner.expect(",")
            block.add_output(self.reference())
        self.source()

    def node(self, block: Block) -> Node:
        scanner = self.scanner
        outputs: list[tuple[str, T.Type, int]] = []
        while scanner.sees("%"):
            name, start = self.name()
            outputs.append((name, self.value_type(), start))
            if not scanner.accept(","):
                break
        # PyTorch's parser knows nodes without outputs only without the `=`, its printer only with it
        if not scanner.accept("=") and outputs:
            raise scanner.error("expected '='")
        node = Node("", (), [type for _, type, _ in outputs])
        python_call = scanner.match(_PYTHON_CALL)
        if python_call is not None:
            node.kind = "prim::PythonCall"
            node.attributes["name"] = python_call.group(1)
            if scanner.sees("["):
                self.attributes(node)
            scanner.expect("(")
            while not scanner.accept(")"):  # what PyTorch passes beside tensors
                self.literals.parse(None)
                scanner.accept(",")
        else:
            node.kind = scanner.take(_KIND, "an operator such as 'aten::add'")
            if scanner.sees("["):
                self.attributes(node)
        self.inputs(node)
        node.source = self.source()
        block.append(node)
        while scanner.match(_BLOCK):
            inner = node.add_block()
            before = len(self.defined)
            self.parameters(inner)
            scanner.expect(":")
            self.body(inner, "->")
            self.leave(before)
        for (name, _, start), value in zip(outputs, node.outputs, strict=True):
            value.name = _own_name(name)
            self.define(name, value, start)
        if node.kind[-1].isdigit() and "_" in node.kind:
            self.subgraph_nodes[node.kind] = node
        node.schema = self.schema_of(node)
        return node

    def schema_of(self, node: Node) -> Schema | None:
        """The overload that the node calls; looked up once for each combination of types."""
        if node.kind == "prim::Constant" or node.kind == "prim::PythonCall" or node.blocks:
            return None
        key = (node.kind, *(v.type for v in node.inputs), None, *(v.type for v in node.outputs))
        if key not in self.schemas:
            # imported here: text of `prim::` nodes alone does not need every operator there is
            from ..operators.dispatcher import schemas_of

            self.schemas[key] = find_schema(node, schemas_of(node.kind))
        return self.schemas[key]

    def attributes(self, node: Node) -> None:
        scanner = self.scanner
        scanner.expect("[")
        type = node.outputs[0].type if node.kind == "prim::Constant" and node.outputs else None
        first = True
        while not scanner.accept("]"):
            if not first:
                scanner.expect(",")
            first = False
            name = scanner.take(_ATTRIBUTE_NAME, "the name of an attribute")
            scanner.expect("=")
            if name == "types":
                node.attributes[name] = self.literals.parse_types()
            else:
                node.attributes[name] = self.literals.parse(type if name == "value" else None)

    def inputs(self, node: Node) -> None:
        scanner = self.scanner
        scanner.expect("(")
        if scanner.accept(")"):
            return
        while True:
            node.add_input(self.reference())
            if scanner.accept(")"):
                return
            scanner.expect(",")

    def value_type(self) -> T.Type:
        self.scanner.expect(":")
        return self.types.parse(self.scanner)

    def name(self) -> tuple[str, int]:
        """The name after a `%`, and where it stands."""
        match = self.scanner.match(_VALUE_NAME)
        if match is None:
            raise self.scanner.error("expected a value such as '%x'")
        return match.group(1), match.start()

    def reference(self) -> Value:
        name, start = self.name()
        value = self.values.get(name)
        if value is None:
            raise self.scanner.error(f"'%{name}' is not defined here", start)
        return value

    def define(self, name: str, value: Value, start: int) -> None:
        if name in self.values:
            raise self.scanner.error(f"'%{name}' is defined twice", start)
        self.values[name] = value
        self.defined.append(name)

    def leave(self, before: int) -> None:
        """What a block defines is not seen outside: forget all but the first `before` names."""
        while len(self.defined) > before:
            del self.values[self.defined.pop()]

    def source(self) -> SourceRange | None:
        """The location in the comment at the end of this line, if there is one."""
        scope = _SCOPE.match(self.scanner.text, self.scanner.position)
        if scope is not None:
            self.scanner.position = scope.end()
        comment = _COMMENT.match(self.scanner.text, self.scanner.position)
        if comment is None:
            return None
        self.scanner.position = comment.end()
        location = _LOCATION.fullmatch(comment.group(1))
        if location is None:
            return None
        filename, line, column = location.group(1), int(location.group(2)), int(location.group(3))
        source = self.sources.setdefault(filename, Source("", filename))
        return SourceRange(source, line, column, line, column)


def _own_name(name: str) -> str | None:
    """Values that have only a number in text have no name."""
    return None if name.isdigit() else name

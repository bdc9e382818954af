"""Write a graph as PyTorch prints it.

    graph(%x.1 : Tensor,
          %n.1 : int):
      %2 : int = prim::Constant[value=1]() # example.py:3:12
      %4 : bool = aten::gt(%n.1, %2) # example.py:2:7
      %x : Tensor = prim::If(%4) # example.py:2:4
        block0():
          %6 : Tensor = aten::add(%x.1, %n.1, %2) # example.py:3:8
          -> (%6)
        block1():
          -> (%x.1)
      return (%x)

`parser.py` reads it back.
"""

from __future__ import annotations

import re

import torch

from .. import types as T
from ..codes import tensor_info
from .graph import Block, Graph, Node, Value
from .literals import literal

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.]")


def print_graph(graph: Graph, source_ranges: bool = True) -> str:
    """The graph as text, with or without the `# file:line:column` comments."""
    return _Printer(graph.block, source_ranges).graph()


def print_node(node: Node) -> str:
    """One node (with its blocks) as text, its values named as in the text of its whole graph."""
    top = node.block
    while top is not None and top.owner is not None:
        top = top.owner.block
    printer = _Printer(top, source_ranges=True)
    if node.kind == "prim::Return" and node.block.return_node is node:
        printer.lines.append(f"-> ({printer.references(node.inputs)})")
    else:
        printer.node(node, "")
    return "\n".join(printer.lines)


def value_names(graph: Graph) -> dict[Value, str]:
    """The name of every value in the graph's text, without the `%`."""
    return _unique_names(graph.block)


class _Printer:
    def __init__(self, top: Block | None, source_ranges: bool) -> None:
        self.top = top
        self.names = _unique_names(top) if top is not None else {}
        self.source_ranges = source_ranges
        self.lines: list[str] = []

    def graph(self) -> str:
        assert self.top is not None
        parameters = ",\n      ".join(self.definition(v) for v in self.top.parameters)
        self.lines.append(f"graph({parameters}):")
        for node in self.top.nodes:
            self.node(node, "  ")
        self.lines.append(f"  return ({self.references(self.top.outputs)})\n")
        return "\n".join(self.lines)

    def node(self, node: Node, indent: str) -> None:
        results = ", ".join([self.definition(v) for v in node.outputs])
        text = f"{indent}{results} = {_operation(node)}({self.references(node.inputs)})"
        if self.source_ranges and node.source is not None:
            text += f" # {node.source!s}".replace("\n", " ")
        self.lines.append(text)
        for number, block in enumerate(node.blocks):
            parameters = ", ".join([self.definition(v) for v in block.parameters])
            self.lines.append(f"{indent}  block{number}({parameters}):")
            for inner in block.nodes:
                self.node(inner, indent + "    ")
            self.lines.append(f"{indent}    -> ({self.references(block.outputs)})")

    def definition(self, value: Value) -> str:
        return f"%{self.name(value)} : {_type_of(value)}"

    def references(self, values: list[Value]) -> str:
        return ", ".join(["%" + self.name(v) for v in values])

    def name(self, value: Value) -> str:
        """A value that the graph does not define (the verifier shows such) gets a name that no other has."""
        name = self.names.get(value)
        if name is None:
            name = self.names[value] = f"<{value.name or id(value)} of elsewhere>"
        return name


def _operation(node: Node) -> str:
    """What stands before the inputs: the kind, and the attributes that text can hold."""
    if node.kind == "prim::PythonCall":
        return f"^{_NOT_IN_NAMES.sub('_', str(node.attributes.get('name', 'call'))).replace('.', '_')}()"
    if not node.attributes:
        return node.kind
    constant_type = node.outputs[0].type if node.kind == "prim::Constant" and node.outputs else None
    attributes = []
    for name, value in node.attributes.items():
        text = literal(value, constant_type)
        if text is None and constant_type is not None and name == "value":
            text = f"<{type(value).__name__}>"
        if text is not None:
            attributes.append(f"{name}={text}")
    return f"{node.kind}[{', '.join(attributes)}]" if attributes else node.kind


def _type_of(value: Value) -> str:
    """The type; that of a constant tensor tells its size and dtype, so that `{3}` can be read back."""
    if isinstance(value.type, T.TensorType) and value.type.info is None and value.node is not None:
        constant = value.node.attributes.get("value")
        if isinstance(constant, torch.Tensor) and value.node.kind == "prim::Constant":
            return tensor_info(constant)
    return str(value.type)


def _unique_names(top: Block) -> dict[Value, str]:
    """A name for every value: numbers for those without one, and `x.1`, `x.2`, … for those called `x`.

    A name that ends in a number (`x.5`, as parsed) is kept where it is free, so that text keeps its names.
    """
    values = list(top.parameters)
    for node in top.all_nodes():
        values += node.outputs
        for block in node.blocks:
            values += block.parameters

    names: dict[Value, str] = {}
    taken: set[str] = set()
    bases: dict[Value, str] = {}
    for value in values:
        if not value.name:
            continue
        name = _NOT_IN_NAMES.sub("_", value.name).strip(".") or "_"
        if name[0].isdigit():
            name = "_" + name
        base, dot, suffix = name.rpartition(".")
        if dot and suffix.isdigit():
            if name not in taken:
                taken.add(name)
                names[value] = name
                continue
            name = base
        bases[value] = name

    last: dict[str, int] = {}
    unnamed = 0
    for value in values:
        if value in names:
            continue
        base = bases.get(value, "")
        if not base:
            names[value] = str(unnamed)
            unnamed += 1
            continue
        number = last.get(base, 0) + 1
        while f"{base}.{number}" in taken:
            number += 1
        last[base] = number
        names[value] = f"{base}.{number}"
    return names

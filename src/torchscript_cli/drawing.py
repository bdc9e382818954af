"""A graph as a picture: DOT text, and SVG through Graphviz.

Operators are boxes and values are arrows. What needs no arrow of its own is text in the box that uses it:
constants, lists of constants, and attributes of modules by their path.

    %w : Tensor = prim::GetAttr[name="weight"](%fc)
    %y : Tensor = aten::linear(%x, %w, %b)              [ linear   weight=self.fc.weight  bias=… ] ← %x
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator

from torchscript.errors import Error
from torchscript.ir.graph import Block, Graph, Node, Value
from torchscript.ir.printer import value_names

_MAX_TEXT = 40


def svg(graph: Graph, title: str) -> str:
    """The picture of a graph as SVG; Error if Graphviz is not installed."""
    program = shutil.which("dot")
    if program is None:
        raise Error(
            "'dot' of Graphviz is not installed, which draws the picture: "
            "apt install graphviz, or brew install graphviz; or take the text for it with --dot"
        )
    done = subprocess.run([program, "-Tsvg"], input=dot(graph, title), capture_output=True, text=True)
    if done.returncode != 0:
        raise Error(f"'dot' failed: {(done.stderr or 'it says nothing').strip().splitlines()[0]}")
    return done.stdout


def dot(graph: Graph, title: str) -> str:
    """The graph in Graphviz's language."""
    return "\n".join(_Drawing(graph).text(title)) + "\n"


class _Drawing:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.names = value_names(graph)
        self.ids: dict[Node, str] = {}
        self.clusters = 0
        self.edges: list[str] = []

    def text(self, title: str) -> Iterator[str]:
        yield f"digraph {_quoted(title)} {{"
        yield f"  label={_quoted(title)}; labelloc=t; fontname=Helvetica;"
        yield "  node [shape=box, style=filled, fillcolor=white, fontname=Helvetica, fontsize=11];"
        yield "  edge [fontname=Helvetica, fontsize=9, color=gray40];"
        for value in self.graph.inputs:
            if value.users and all(_is_text(node) for node, _ in value.users):
                continue
            yield f"  {self.value_id(value)} [label={_quoted(self.described(value))}, fillcolor=lightblue];"
        yield from self.block(self.graph.block, "  ")
        yield '  "return" [fillcolor=lightblue];'
        for value in self.graph.outputs:
            self.arrows(value, '"return"')
        yield from self.edges
        yield "}"

    def block(self, block: Block, indent: str) -> Iterator[str]:
        for node in block.nodes:
            if not _is_text(node):
                yield from self.node(node, indent)

    def node(self, node: Node, indent: str) -> Iterator[str]:
        own = self.ids[node] = f"n{len(self.ids)}"
        colour = "lightyellow" if node.blocks else "white"
        yield f"{indent}{own} [label={_quoted(self.label(node))}, fillcolor={colour}];"
        for value in node.inputs:
            self.arrows(value, own)
        titles = ("then", "else") if node.kind == "prim::If" else ("body",)
        for i, block in enumerate(node.blocks):
            self.clusters += 1
            number = self.clusters
            title = titles[i] if i < len(titles) else f"block {i}"
            yield f"{indent}subgraph cluster_{number} {{"
            yield f"{indent}  label={_quoted(title)}; style=rounded; color=gray60;"
            for value in block.parameters:
                if value.users:
                    yield f"{indent}  {self.value_id(value)} [label={_quoted(self.described(value))}, shape=plain];"
            yield from self.block(block, indent + "  ")
            end = f"b{number}"
            if block.outputs:
                yield f'{indent}  {end} [label="result", shape=plain];'
                self.edges.append(f"  {end} -> {own} [style=dashed, constraint=false];")
            yield f"{indent}}}"
            for value in block.outputs:
                self.arrows(value, end)

    def label(self, node: Node) -> str:
        """The operator, and under it what of its arguments is known as text."""
        lines = [node.kind.removeprefix("aten::")]
        if "name" in node.attributes and node.kind != "prim::Constant":
            lines[0] += f" {node.attributes['name']}"
        arguments = node.schema.arguments if node.schema is not None else ()
        for i, value in enumerate(node.inputs):
            known = self.known(value)
            if known is None:
                continue
            if i < len(arguments):
                if known != "None":
                    lines.append(f"{arguments[i].name}={known}")
            else:
                lines.append(known)
        return "\n".join(lines)

    def known(self, value: Value) -> str | None:
        """What a value is, where that can be said in a few words; None where it takes an arrow."""
        node = value.node
        if node is None or not _is_text(node):
            return None
        if node.kind == "prim::Constant":
            return _shortened(str(node.attributes.get("name", node.attributes.get("value"))))
        if node.kind == "prim::GetAttr":
            return f"{_path(node.inputs[0])}.{node.attributes['name']}"
        return "[" + ", ".join(str(self.known(item)) for item in node.inputs) + "]"

    def arrows(self, value: Value, to: str) -> None:
        if self.known(value) is not None:
            return
        start = self.ids.get(value.node) if value.node is not None else self.value_id(value)
        if start is not None:
            self.edges.append(f"  {start} -> {to} [label={_quoted('%' + self.names[value])}];")

    def value_id(self, value: Value) -> str:
        return _quoted("%" + self.names[value])

    def described(self, value: Value) -> str:
        return f"%{self.names[value]} : {value.type}"


def _is_text(node: Node) -> bool:
    if node.kind in ("prim::Constant", "prim::GetAttr"):
        return node.kind == "prim::Constant" or _is_path(node)
    return node.kind == "prim::ListConstruct" and all(
        item.node is not None and item.node.kind == "prim::Constant" for item in node.inputs
    )


def _is_path(node: Node | None) -> bool:
    """Whether a node reads an attribute of the top module, or of a module in it."""
    while node is not None and node.kind == "prim::GetAttr":
        node = node.inputs[0].node
    return node is None


def _path(value: Value) -> str:
    if value.node is None:
        return value.name or "self"
    return f"{_path(value.node.inputs[0])}.{value.node.attributes['name']}"


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 1] + "…"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'

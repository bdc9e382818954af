"""Put the bodies of called functions and methods in the place of the calls.

    %f : Function = prim::Constant[name="double"]()
    %1 : Tensor = prim::CallFunction(%f, %x)                 →    %1 : Tensor = aten::add(%x, %x, %2)
    %3 : Tensor = prim::CallMethod[name="forward"](%m, %1)        %3 : Tensor = aten::relu(%1)

Calls of interface methods stay (which body runs is known only then), and so do calls of a function inside
itself.
"""

from __future__ import annotations

from .. import types as T
from ..ir.graph import Block, Function, Graph, Node, copy_node
from ..source import SourceRange


def inline_calls(graph: Graph) -> bool:
    """Inline every call, and the calls in what is inlined; True if there was one."""
    changed = _Inliner().block(graph.block)
    if changed:
        _drop_unused_functions(graph.block)
    return changed


class _Inliner:
    def __init__(self) -> None:
        self.bodies: dict[Function, Graph] = {}
        self.active: set[Function] = set()

    def block(self, block: Block) -> bool:
        changed = False
        nodes: list[Node] = []
        for node in block.nodes:
            function = callee_of(node)
            body = self.body(function, node) if function is not None else None
            if body is None:
                nodes.append(node)
                for inner in node.blocks:
                    changed |= self.block(inner)
                continue
            changed = True
            arguments = node.inputs
            if node.kind == "prim::CallFunction":
                arguments = arguments[1:]
            mapping = dict(zip(body.inputs, arguments, strict=True))
            copies = [copy_node(inner, block, mapping) for inner in body.block.nodes]
            if function is not None and node.source is not None:
                self.say_where(copies, function.name, node.source)
            nodes += copies
            result = body.outputs[0]
            node.output.replace_all_uses_with(mapping.get(result, result))
            node.release()
        block.nodes = nodes
        return changed

    def say_where(self, nodes: list[Node], name: str, call: SourceRange) -> None:
        """Note with each node's place that it was inlined here."""
        placed: dict[int, SourceRange] = {}
        for node in (inner for copied in nodes for inner in copied.all_nodes()):
            if node.source is None:
                continue
            key = id(node.source)
            node.source = placed.get(key) or placed.setdefault(key, node.source.called(name, call))

    def body(self, function: Function, call: Node) -> Graph | None:
        """The function's graph with everything inlined; None where the call has to stay."""
        if function in self.active:
            return None
        arguments = len(call.inputs) - (call.kind == "prim::CallFunction")
        if len(function.graph.inputs) != arguments or len(function.graph.outputs) != len(call.outputs):
            return None
        known = self.bodies.get(function)
        if known is None:
            known = function.graph.copy()
            self.active.add(function)
            self.block(known.block)
            self.active.remove(function)
            self.bodies[function] = known
        return known


def _drop_unused_functions(block: Block) -> None:
    block.nodes = [node for node in block.nodes if not _is_unused_function(node)]
    for node in block.nodes:
        for inner in node.blocks:
            _drop_unused_functions(inner)


def _is_unused_function(node: Node) -> bool:
    if node.kind != "prim::Constant" or node.output.users:
        return False
    return isinstance(node.output.type, T.FunctionType)


def callee_of(node: Node) -> Function | None:
    """The function that a call runs; None where that is known only when it runs, and for other nodes."""
    if node.kind == "prim::CallFunction":
        function = node.attributes.get("function")
        if function is None and node.inputs[0].node is not None:
            function = node.inputs[0].node.attributes.get("function")
        return function if isinstance(function, Function) else None
    if node.kind == "prim::CallMethod":
        owner = node.inputs[0].type
        return owner.method(node.attributes["name"]) if isinstance(owner, T.ClassType) else None
    return None

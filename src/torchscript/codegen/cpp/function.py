"""One function of the IR as a C++ function: blocks as statements, with structured control flow as in the graph."""

from __future__ import annotations

import functools

from ... import types as T
from ...ir.graph import Block, Function, Node, Value
from ...passes.aliasing import AliasSets
from ...source import SourceRange
from .lifetimes import Lifetimes
from .names import Names, quoted
from .nodes import NodeWriter, find_aliases
from .problems import Problem
from .recording import group_parameters, record_function
from .steps import find_layers, find_steps, weights_of
from .types import declaration, is_heavy
from .unit import Unit

INDENT = "  "


class FunctionPrinter:
    """Writes the C++ of one function; what the file needs besides goes into `unit`.

    `variables` are the C++ names of values; a value that is always read in place (a constant, a refinement) has
    an expression there. `owned` are locals whose content may be moved away.
    """

    def __init__(self, unit: Unit, function: Function, name: str) -> None:
        self.unit = unit
        self.function = function
        self.name = name
        self.names = Names(local=True)
        self.lines: list[str] = []
        self.depth = 1
        self.variables: dict[Value, str] = {}
        self.owned: set[Value] = set()
        self.carried: set[Value] = set()
        self.moved: set[Value] = set()
        self.graph = function.graph
        self.lifetimes = Lifetimes(self.graph, find_aliases(self.graph))
        self.nodes = NodeWriter(self)
        self.position: dict[Block, int] = {}
        self._place: int | None = None
        self._places: dict[tuple[str, int, str, int], int] = {}  # file, line, function, place of the caller

    def signature(self) -> str:
        """Without the body; raises Problem for a type that native code does not have."""
        parts = []
        for value, name in zip(self.graph.inputs, self._parameters(), strict=True):
            spelled = self.unit.types.of(value.type)
            parts.append(f"const {spelled}& {name}" if is_heavy(value.type) else f"{spelled} {name}")
        result = self.unit.types.of(self.graph.outputs[0].type)
        return f"{result} {self.name}({', '.join(parts)})"

    def _parameters(self) -> list[str]:
        for i, value in enumerate(self.graph.inputs):
            if value not in self.variables:
                self.variables[value] = self.names.unique(value.name or f"arg{i}")
        return [self.variables[v] for v in self.graph.inputs]

    def write(self) -> str:
        """The whole function."""
        head = self.signature()
        self.depth = 2
        self.block_body(self.graph.block)
        result = self.graph.outputs[0]
        returned = self.nodes.converted(result, result.type, moving=True)
        self.line(f"return {returned};")
        places = ", ".join(f"{{{quoted(f)}, {n}, {quoted(name)}, {up}}}" for f, n, name, up in self._places)
        places = places or f'{{"", 0, {quoted(self.function.name)}, -1}}'
        return "\n".join([
            head + " {",
            f"{INDENT}static const ts::Place _places[] = {{{places}}};",
            f"{INDENT}int _at = 0;",
            f"{INDENT}try {{",
            *self.lines,
            f"{INDENT}}} {self._handler()}",
            "}",
        ])  # fmt: skip

    @functools.cached_property
    def _aliases(self) -> AliasSets:
        return AliasSets(self.graph)

    # -- lines -----------------------------------------------------------------------------------------------

    def line(self, text: str) -> None:
        self.lines.append(INDENT * self.depth + text)

    def local(self, value: Value, default: str = "v") -> str:
        """A fresh C++ variable for a value."""
        name = self.names.unique(value.name or default)
        self.variables[value] = name
        return name

    def at(self, source: SourceRange | None) -> None:
        """What follows comes from there: for debuggers (`#line`) and for tracebacks (`_at`)."""
        if source is None:
            return
        place = self._place_of(source)
        if place == self._place:
            return
        if self.unit.line_directives:
            self.lines.append(f"#line {source.line} {quoted(source.source.filename)}")
        self.line(f"_at = {place};")
        self._place = place

    def _place_of(self, source: SourceRange) -> int:
        """The number of a place; the call that it was inlined for has a smaller one."""
        caller, function = -1, self.function.name
        for name, frame in source.frames():
            key = (frame.source.filename, frame.line, name or function, caller)
            if key not in self._places:
                self._places[key] = len(self._places)
            caller = self._places[key]
        return caller

    # -- blocks ----------------------------------------------------------------------------------------------

    def block_body(self, block: Block) -> None:
        dying = self.lifetimes.dying(block)
        for i, node in enumerate(block.nodes):
            self.position[block] = i
            try:
                self._node(node)
            except Problem as problem:
                self.unit.problems.add(problem, node.source)
                for value in node.outputs:
                    self.variables.setdefault(value, "missing")
            for value in dying.get(i, ()):
                if value in self.owned and value not in self.moved and i < len(block.nodes) - 1:
                    self.line(f"drop({self.variables[value]});")
        self.position[block] = len(block.nodes)

    def dies_here(self, value: Value, node: Node) -> bool:
        """Whether `node`, which is being written, is the last reader of an owned local, and reads it once."""
        root = self.lifetimes.root(value)
        home = root.defining_block
        return (
            root in self.owned
            and root not in self.moved
            and home is node.block
            and self.lifetimes.last.get(root) == self.position[home]
            and sum(self.lifetimes.root(v) is root for v in node.inputs) == 1
        )

    def _node(self, node: Node) -> None:
        if node.kind == "prim::If":
            self._if(node)
        elif node.kind == "prim::Loop":
            self._loop(node)
        elif node.kind == "prim::FusionGroup":
            self._group(node)
        elif node.kind == "prim::fork" and node.blocks:
            self._fork(node)
        else:
            self.nodes.write(node)

    def _declare(self, value: Value) -> str:
        name = self.local(value)
        self.line(declaration(self.unit.types.of(value.type), name))
        if is_heavy(value.type):
            self.owned.add(value)
        return name

    def _nested(self, block: Block) -> None:
        """The statements of an inner block; what is known of places ends where paths meet."""
        place = self._place
        self.depth += 1
        self.block_body(block)
        self.depth -= 1
        if self._place != place:
            self._place = None

    def _if(self, node: Node) -> None:
        names = [self._declare(v) for v in node.outputs]
        self.line(f"if ({self.nodes.value(node.inputs[0])}) {{")
        for i, block in enumerate(node.blocks):
            if i == 1:
                if not block.nodes and not block.outputs:
                    break
                self.line("} else {")
            self._nested(block)
            for name, output, inner in zip(names, node.outputs, block.outputs, strict=True):
                if inner.node is not None and inner.node.kind == "prim::Uninitialized":
                    continue
                self._assign(name, inner, output.type)
        self.line("}")

    def _assign(self, name: str, value: Value, type: T.Type) -> None:
        self.depth += 1
        self.line(f"{name} = {self.nodes.converted(value, type, moving=True)};")
        self.depth -= 1

    def _loop(self, node: Node) -> None:
        (block,) = node.blocks
        trips, first, *initial = node.inputs
        index, *inner = block.parameters
        for value, output, parameter in zip(initial, node.outputs, inner, strict=True):
            name = self.names.unique(output.name or parameter.name or "carried")
            self.variables[output] = self.variables[parameter] = name
            spelled = self.unit.types.of(output.type)
            if value.node is not None and value.node.kind == "prim::Uninitialized":
                self.line(declaration(spelled, name))
            else:
                self.line(f"{spelled} {name} = {self.nodes.converted(value, output.type, moving=True)};")
            self.carried.add(parameter)
            if is_heavy(output.type):
                self.owned.add(output)
        self._place = None
        self._steps(node)
        counter = self.local(index, "i")
        again = self.names.unique("_again")
        count = self.names.unique("_trips")
        self.line(
            f"const int64_t {count} = {self.nodes.value(trips)}; bool {again} = {self.nodes.value(first)};"
        )
        self.line(f"for (int64_t {counter} = 0; {again} && {counter} < {count}; ++{counter}) {{")
        self._nested(block)
        self.depth += 1
        self._carry(block, node, inner, again)
        self.depth -= 1
        self.line("}")
        self._place = None

    def _steps(self, node: Node) -> None:
        for linear, sequence in find_steps(node, self._aliases).items():
            name = self.names.unique("_steps")
            read = [self.nodes.value(v) for v in (sequence, *weights_of(linear))]
            self.line(f"ts::fast::Steps {name}({', '.join(read)});")
            self.nodes.steps[linear] = name
        for layer in find_layers(node, self._aliases):
            if layer not in self.nodes.steps and layer not in self.nodes.layers:
                kind, name = ("Layer", "_layer") if layer.kind == "aten::linear" else ("Cell", "_cell")
                name = self.nodes.layers[layer] = self.names.unique(name)
                read = [self.nodes.value(v) for v in weights_of(layer)]
                self.line(f"ts::fast::{kind} {name}({', '.join(read)});")

    def _carry(self, block: Block, node: Node, inner: list[Value], again: str) -> None:
        """The assignments at the end of an iteration, all at once as far as the program can tell."""
        following, *values = block.outputs
        condition = self.nodes.value(following)
        self.line(f"{again} = {condition};")
        pending: list[tuple[str, str]] = []
        root = self.lifetimes.root
        changing = {p for p, v in zip(inner, values, strict=True) if root(v) is not p}
        for parameter, value, output in zip(inner, values, node.outputs, strict=True):
            if root(value) is parameter and value.type == parameter.type:
                continue
            name = self.variables[parameter]
            text = self.nodes.converted(value, output.type, moving=True)
            if root(value) in changing or root(value) is parameter:
                held = self.names.unique("_next")
                self.line(f"{self.unit.types.of(output.type)} {held} = {text};")
                text = f"std::move({held})"
            pending.append((name, text))
        for name, text in pending:
            self.line(f"{name} = {text};")

    def _fork(self, node: Node) -> None:
        """A block that runs on a thread of its own; it keeps what it reads."""
        (block,) = node.blocks
        self.at(node.source)
        assert isinstance(node.output.type, T.FutureType)
        type = node.output.type.element
        spelled = self.unit.types.of(type)
        self.line(
            f"Future<{spelled}> {self.local(node.output)} = ts::fork<{spelled}>([=]() mutable -> {spelled} {{ try {{"
        )
        self._nested(block)
        self.line(f"{INDENT}return {self.nodes.converted(block.outputs[0], type)};")
        self.line(f"}} {self._handler()} }});")

    def _handler(self) -> str:
        """Adds the lines that were running to whatever exception comes."""
        return "catch (...) { ts::rethrow_at(_places, _at); }"

    def _group(self, node: Node) -> None:
        """A fusion group: its kernel where that can run, its operators one by one otherwise."""
        inputs = [self.nodes.value(v) for v in node.inputs]
        kernel = self.unit.kernel(node, self._may_record(node))
        names = [self._declare(v) for v in node.outputs]
        self.at(node.source)
        if kernel is None:
            self.line("{")
            self._operators(node, inputs, names)
            self.line("}")
            return
        name, gradient = kernel
        arguments = ", ".join(inputs + names)
        if gradient is None:
            self.line(f"if (!{name}({arguments})) {{")
            self._operators(node, inputs, names)
            self.line("}")
            return
        group = self.unit.group_name()
        self._group_function(node, group)
        self.unit.groups.append(record_function(node, group, name, gradient))
        self.line(f"if (!{name}({arguments}) && !{group}_recorded({arguments})) {group}(_at, {arguments});")

    def _may_record(self, node: Node) -> bool:
        """Whether gradients may be computed from the group's inputs later: nobody in this function writes them."""
        return not any(map(self._aliases.is_written, node.inputs))

    def _operators(self, node: Node, inputs: list[str], names: list[str]) -> None:
        """The statements of a group's block, and the assignments of its results."""
        (block,) = node.blocks
        for parameter, text in zip(block.parameters, inputs, strict=True):
            self.variables[parameter] = text
        self._nested(block)
        for name, output, inner in zip(names, node.outputs, block.outputs, strict=True):
            self._assign(name, inner, output.type)

    def _group_function(self, node: Node, name: str) -> None:
        """The same as a function of its own, which the backward pass can call again."""
        lines, depth, place = self.lines, self.depth, self._place
        self.lines, self.depth, self._place = [], 0, None
        inputs = [self.names.unique(v.name or "x") for v in node.blocks[0].parameters]
        outputs = [self.names.unique("_out") for _ in node.outputs]
        self._operators(node, inputs, outputs)
        body, self.lines, self.depth, self._place = self.lines, lines, depth, place
        self.unit.groups.append("\n".join([
            f"void {name}([[maybe_unused]] int& _at, {group_parameters(node, inputs, outputs)}) {{",
            *body,
            "}",
        ]))  # fmt: skip

"""A function's graph as the lines of its body.

%n : int = prim::Loop(%3, %true, %n.1)                for i in range(3):
  block0(%i : int, %n.2 : int):                  →      n = torch.add(n, i)
    %n.3 : int = aten::add(%n.2, %i)                  return n
    -> (%true, %n.3)
return (%n)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from ... import types as T
from ...errors import BackendError
from ...ir.graph import Block, Graph, Node, Value
from .expressions import Expressions, is_identifier
from .fragments import Fragment, Lines, join, spanning
from .inlining import Inlining, LoopForm, constant_of, is_constant, loop_form
from .literals import ConstantTable
from .qualified_names import QualifiedNames
from .variables import Steps, Variables, run


def write_body(
    graph: Graph,
    lines: Lines,
    parameter_names: list[str],
    names: QualifiedNames,
    constants: ConstantTable,
    on_parameters: Callable[[list[str]], None],
) -> None:
    """Append the body of a function. `on_parameters` gets the names its parameters have in there, and writes
    the header.
    """
    inlining = Inlining(graph)
    variables = Variables(graph, inlining, parameter_names)
    on_parameters([variables.names[v] for v in graph.inputs])
    run(_Statements(lines, inlining, variables, names, constants).function(graph))


class _Statements:
    def __init__(
        self,
        lines: Lines,
        inlining: Inlining,
        variables: Variables,
        names: QualifiedNames,
        constants: ConstantTable,
    ) -> None:
        self.lines = lines
        self.inlining = inlining
        self.variables = variables
        self.names = variables.names
        self.expressions = Expressions(inlining, variables, names, constants)

    def function(self, graph: Graph) -> Steps:
        yield self.block(graph.block)
        self.result(graph.block)

    def result(self, block: Block) -> None:
        """The `return` of a function."""
        values = self.expressions.values(block.outputs)
        if not values:
            self.lines.add("return None")
        elif len(values) == 1:
            self.lines.add(join("return ", values[0]))
        else:
            self.lines.add(join("return (", *_separated(values), ")"))
        self.lines.unmark()

    def block(self, block: Block) -> Steps:
        depth = self.lines.indent
        for node in block.nodes:
            if self.inlining.is_inlined(node) or node.kind in ("prim::Constant", "prim::Uninitialized"):
                continue
            match node.kind:
                case "prim::If":
                    yield self.if_(node)
                case "prim::Loop":
                    yield self.loop(node)
                case "prim::fork" | "prim::awaitable":
                    yield self.closure(node)
                case "prim::Enter":
                    self.enter(node)
                case "prim::Exit":
                    self.exit(node)
                case _:
                    self.plain(node)
        if self.lines.indent != depth:
            raise BackendError("a `with` begins in one block and ends in another")

    def plain(self, node: Node) -> None:
        """An operation on a line of its own."""
        if node.blocks:
            raise BackendError(f"{node.kind} has blocks, and no form in source")
        match node.kind:
            case "prim::SetAttr":
                target, value = self.expressions.values(node.inputs)
                name = node.attributes["name"]
                if not is_identifier(name):
                    raise BackendError(f"the attribute '{name}' is set, and its name is no identifier")
                line = join(target.receiver(), f".{name} = ", value)
            case "prim::TupleUnpack" | "prim::ListUnpack":
                if not node.outputs:
                    return
                targets = "".join([f"{self.names[v]}, " for v in node.outputs])
                line = join(f"{targets}= ", self.expressions.value(node.inputs[0]))
            case _:
                line = self.expressions.node(node)
                targets = ", ".join([self.names[v] for v in node.outputs if v in self.names])
                if not targets and not (line.simple and line.text.endswith(")")):
                    targets = self.variables.temporary()  # only a call can stand alone
                if targets:
                    line = join(f"{targets} = ", line)
        self.lines.add(spanning(line, node.source))
        self.lines.unmark()

    def assign(
        self,
        names: Sequence[str],
        values: Sequence[Value],
        types: Sequence[T.Type],
        settled: Collection[str] = (),
    ) -> None:
        """Move values into variables, all at once where one variable is read after it is written.

        A variable that is not among the `settled` gets its type here, so the value must have exactly that.
        """
        expressions = self.expressions
        pairs = [
            (name, expressions.value(value) if name in settled else expressions.of_type(value, type), value)
            for name, value, type in zip(names, values, types)
            if self.names.get(value) != name
        ]
        written: set[str] = set()
        clash = False
        for name, _, value in pairs:
            # What is not kept in a variable is a constant, or a condition that is written first.
            clash |= self.names.get(value) in written
            written.add(name)
        if clash:
            targets = ", ".join([name for name, _, _ in pairs])
            self.lines.add(join(f"{targets} = ", *_separated([text for _, text, _ in pairs])))
        else:
            for name, text, _ in pairs:
                self.lines.add(join(f"{name} = ", text))

    def _length(self) -> int:
        return len(self.lines.parts)

    def _pass_if_empty(self, since: int) -> None:
        if self._length() == since:
            self.lines.add("pass")

    def if_(self, node: Node) -> Steps:
        word = "if"
        while True:
            condition = self.expressions.value(node.inputs[0])
            self.lines.add(spanning(join(f"{word} ", condition, ":"), node.source))
            self.lines.unmark()
            yield self.branch(node, 0)
            chained = self._only_if(node.blocks[1])
            if chained is None or not self._same_results(node, chained):
                break
            node, word = chained, "elif"
        mark = self._length()
        self.lines.add("else:")
        before = self._length()
        yield self.branch(node, 1, may_be_empty=True)
        if self._length() == before:
            self.lines.drop_last()
            assert self._length() == mark

    def branch(self, node: Node, number: int, may_be_empty: bool = False) -> Steps:
        block = node.blocks[number]
        self.lines.indent += 1
        before = self._length()
        yield self.block(block)
        results = self.inlining.results(node)
        outputs = [node.outputs[i] for i in results]
        names, types = [self.names[o] for o in outputs], [o.type for o in outputs]
        given = [[b.outputs[i] for i in results] for b in node.blocks]
        settled = [
            name
            for name, type, one, other in zip(names, types, *given)
            if not isinstance(type, T.UnionType)  # PyTorch makes none of a Union and what is not in it
            and T.unify(_type_in_source(one), _type_in_source(other)) == type
        ]
        self.assign(names, given[number], types, settled)
        if not may_be_empty:
            self._pass_if_empty(before)
        self.lines.indent -= 1

    def _only_if(self, block: Block) -> Node | None:
        """The `if` that is all a block consists of, with its condition."""
        if not block.nodes or block.nodes[-1].kind != "prim::If":
            return None
        last = block.nodes[-1]
        for node in block.nodes[:-1]:
            if not (
                node.kind in ("prim::Constant", "prim::Uninitialized")
                or self.inlining.statement_of.get(node) is last
            ):
                return None
        return last

    def _same_results(self, outer: Node, inner: Node) -> bool:
        yielded = outer.blocks[1].outputs
        return all(
            self.names.get(yielded[i]) == self.names[outer.outputs[i]] and yielded[i].node is inner
            for i in self.inlining.results(outer)
        )

    def loop(self, node: Node) -> Steps:
        body, form = node.blocks[0], loop_form(node)
        results = self.inlining.results(node)
        names = [self.names[node.outputs[i]] for i in results]
        types = [node.outputs[i].type for i in results]
        nexts = [body.outputs[1 + i] for i in results]
        condition = self.variables.conditions.get(node)
        trips = None
        if form is not LoopForm.WHILE and node not in self.inlining.ranges:
            trips = self.expressions.value(node.inputs[0])
        if form is LoopForm.FOR_BREAK and constant_of(node.inputs[1]) is not True:
            trips = self._guarded(trips, node.inputs[1])
        self.assign(names, [node.inputs[2 + i] for i in results], types)
        if condition is not None:
            self.lines.add(join(f"{condition} = ", self.expressions.value(node.inputs[1])))
        if form is not LoopForm.WHILE:
            head = self._for(node, trips)
        elif condition is not None:
            head = join(f"while {condition}:")
        else:
            head = join("while ", self._while_condition(node), ":")
        self.lines.add(spanning(head, node.source))
        self.lines.unmark()
        self.lines.indent += 1
        before = self._length()
        yield self.block(body)
        again = body.outputs[0]
        if condition is not None:
            names, types = [condition, *names], [T.BOOL, *types]
            self.assign(names, [again, *nexts], types, names)
        elif form is LoopForm.FOR_BREAK:
            self._break_unless(again, names, nexts, types)
        else:
            self.assign(names, nexts, types, names)
        self._pass_if_empty(before)
        self.lines.indent -= 1

    def _for(self, node: Node, trips: Fragment | None) -> Fragment:
        index = node.blocks[0].parameters[0]
        if trips is None:
            index = self.inlining.ranges[node].output
            length = node.inputs[0].node
            assert length is not None
            bounds = self.expressions.values(length.inputs)
            trips = join(*_separated(bounds[:2] if constant_of(length.inputs[2]) == 1 else bounds))
        return join(f"for {self.names[index]} in range(", trips, "):")

    def _while_condition(self, node: Node) -> Fragment:
        """The condition as the end of the body computes it, in terms of the loop's variables."""
        variables = self.inlining.while_conditions[node]
        saved = {value: self.names[value] for value in variables if value in self.names}
        for value, number in variables.items():
            self.names[value] = self.names[node.outputs[number]]
        text = self.expressions.value(node.blocks[0].outputs[0])
        for value in variables:
            del self.names[value]
        self.names.update(saved)
        return text

    def _guarded(self, trips: Fragment | None, first: Value) -> Fragment:
        """The number of iterations of a `for` that may not begin at all."""
        count = self.variables.temporary()
        assert trips is not None
        self.lines.add(join(f"{count} = ", trips))
        self.lines.add(join("if ", self.expressions.value(first), ":"))
        self.lines.add("  pass")
        self.lines.add("else:")
        self.lines.add(f"  {count} = 0")
        return Fragment(count, simple=True)

    def _break_unless(self, again: Value, names: list[str], nexts: list[Value], types: list[T.Type]) -> None:
        """The end of the body of a `for` that goes on only while `again` is true."""
        condition = self.expressions.value(again)
        if condition.text in names and self.names.get(nexts[names.index(condition.text)]) != condition.text:
            kept = self.variables.temporary()
            self.lines.add(join(f"{kept} = ", condition))
            condition = Fragment(kept, simple=True)
        self.assign(names, nexts, types, names)
        if is_constant(again) and constant_of(again) is True:
            return
        self.lines.add(join("if ", condition, ":"))
        self.lines.add("  pass")
        self.lines.add("else:")
        self.lines.add("  break")

    def closure(self, node: Node) -> Steps:
        """`prim::fork`: its block is a function without arguments that reads the variables around it."""
        word = node.kind.partition("::")[2]
        name = self.variables.temporary("__forked_function" if word == "fork" else "__awaitable_function")
        (block,) = node.blocks
        self.lines.add(f"def {name}():")
        self.lines.indent += 1
        for parameter, value in zip(block.parameters, node.inputs):
            self.lines.add(join(f"{self.names[parameter]} = ", self.expressions.value(value)))
        yield self.block(block)
        self.result(block)
        self.lines.indent -= 1
        line = join(f"{word}({name})")
        if node.outputs and node.outputs[0] in self.names:
            line = join(f"{self.names[node.outputs[0]]} = ", line)
        self.lines.add(spanning(line, node.source))
        self.lines.unmark()

    def enter(self, node: Node) -> None:
        context = self.expressions.value(node.inputs[0])
        target = self.names.get(node.outputs[0]) if node.outputs else None
        head = join("with ", context, f" as {target}:" if target is not None else ":")
        self.lines.add(spanning(head, node.source))
        self.lines.unmark()
        self.lines.indent += 1

    def exit(self, node: Node) -> None:
        if self.lines.parts and self.lines.parts[-1].lstrip().startswith("with "):
            self.lines.add("pass")
        self.lines.indent -= 1


def _type_in_source(value: Value) -> T.Type:
    """The type that a reader sees: of a literal, not that which the graph says it stands for."""
    if not is_constant(value) or not isinstance(value.type, T.OptionalType):
        return value.type
    return T.NONE if constant_of(value) is None else value.type.element


def _separated(items: Sequence[Fragment]) -> list[str | Fragment]:
    pieces: list[str | Fragment] = []
    for i, item in enumerate(items):
        pieces += [", ", item] if i else [item]
    return pieces

"""The variable that every value is kept in.

Names are the user's where there are some (`x`), made unique by a number (`x0`), and `_0`, `_1`, … otherwise.
A value takes over the variable of an earlier value of the same name and type that is not needed any more, so

    %x.2 = aten::add(%x.1, %y, %1)           x = torch.add(x, y)
    %x.3 = aten::relu(%x.2)           →      x = torch.relu(x)

The result of an `if` and the values that its branches give it share one variable where that is possible, and
so do a loop's variable before, in and after the loop. Where it is not, the printer assigns at the end of the
branch or body.

A variable changes in a block inside the one it began in only if the result of the `if` or loop there goes
into it: reading the text again makes no result that was not there.
"""

from __future__ import annotations

import keyword
import re
from bisect import bisect_right
from collections.abc import Generator

from ... import types as T
from ...ir.graph import Block, Graph, Node, Value
from .inlining import Inlining, LoopForm, is_constant, is_user_named, loop_form

RESERVED = frozenset(keyword.kwlist) | frozenset(
    [
        "torch",
        "ops",
        "CONSTANTS",
        "__torch__",
        "annotate",
        "unchecked_cast",
        "uninitialized",
        "fork",
        "awaitable",
        "int",
        "float",
        "bool",
        "str",
        "complex",
        "print",
        "getattr",
        "isinstance",
        "range",
        "inf",
        "nan",
        "infj",
        "nanj",
    ]
)

Steps = Generator["Steps", None, None]


def run(steps: Steps) -> None:
    """Run generators that yield generators, without recursion: chains of `elif` nest as deep as they are
    long.
    """
    stack = [steps]
    while stack:
        for inner in stack[-1]:
            stack.append(inner)
            break
        else:
            stack.pop()


class _Liveness:
    """Where values are used, as positions in the text: every statement has one, and every block's end."""

    def __init__(self, graph: Graph, inlining: Inlining) -> None:
        self.inlining = inlining
        self.start: dict[Node, int] = {}
        self.end: dict[Node, int] = {}
        self._uses: dict[Value, list[int]] = {}
        self._number(graph.block)

    def _number(self, top: Block) -> None:
        position = 0

        def steps(block: Block) -> Steps:
            nonlocal position
            for node in block.nodes:
                if self.inlining.is_inlined(node):
                    continue
                position += 1
                self.start[node] = position
                for inner in node.blocks:
                    yield steps(inner)
                self.end[node] = position
            position += 1
            self.start[block.return_node] = position

        run(steps(top))

    def uses(self, value: Value) -> list[int]:
        known = self._uses.get(value)
        if known is None:
            statement_of = self.inlining.statement_of
            known = sorted(self.start[statement_of.get(user, user)] for user in self.inlining.users(value))
            self._uses[value] = known
        return known

    def last_use(self, value: Value) -> int:
        uses = self.uses(value)
        return uses[-1] if uses else -1

    def used_within(self, value: Value, after: int, until: int) -> bool:
        """Whether the value is used after the one position and not after the other."""
        uses = self.uses(value)
        i = bisect_right(uses, after)
        return i < len(uses) and uses[i] <= until


class Variables:
    """`names[value]` for every value of a graph that has a line of its own, and each parameter of a block.

    `conditions[loop]` is the variable that holds the condition of a `while` loop that needs one.
    """

    def __init__(self, graph: Graph, inlining: Inlining, parameter_names: list[str]) -> None:
        self.names: dict[Value, str] = {}
        self.conditions: dict[Node, str] = {}
        self._inlining = inlining
        self._live = _Liveness(graph, inlining)
        self._taken: set[str] = set(RESERVED)
        self._counters: dict[str, int] = {}
        self._latest: dict[str, str] = {}
        self._home: dict[str, Block] = {}
        self._type: dict[str, T.Type] = {}
        self._holder: dict[str, Value | None] = {}
        self._targets: dict[Block, dict[str, int]] = {}
        for value, name in zip(graph.inputs, parameter_names):
            self._assign(value, name if name not in RESERVED else self._fresh(name), graph.block)
        run(self._block(graph.block))

    def temporary(self, base: str = "_") -> str:
        """A name that nothing else has."""
        return self._fresh(base)

    def _fresh(self, base: str) -> str:
        if base != "_" and base not in self._taken:
            self._taken.add(base)
            return base
        number = self._counters.get(base, 0)
        while f"{base}{number}" in self._taken:
            number += 1
        self._counters[base] = number + 1
        self._taken.add(f"{base}{number}")
        return f"{base}{number}"

    def _assign(self, value: Value, name: str, home: Block | None) -> None:
        """Keep `value` in the variable `name`, which begins in `home` unless it is there already."""
        self._taken.add(name)
        self.names[value] = name
        if name not in self._home and home is not None:
            self._home[name] = home
            self._type[name] = value.type
        self._holder[name] = value

    def _block(self, block: Block) -> Steps:
        for node in block.nodes:
            if self._inlining.is_inlined(node) or node.kind in ("prim::Constant", "prim::Uninitialized"):
                continue
            if node.kind == "prim::If":
                yield self._if(node)
            elif node.kind == "prim::Loop":
                yield self._loop(node)
            else:
                for inner in node.blocks:
                    for parameter in inner.parameters:
                        self._assign(parameter, self._fresh(base_name(parameter)), inner)
                    yield self._block(inner)
                outputs = node.outputs
                if len(outputs) == 1 and not self._live.uses(outputs[0]) and not is_user_named(outputs[0]):
                    continue  # the statement is the bare expression
                for output in outputs:
                    self._define(output, block, self._live.start[node])

    def _define(self, value: Value, block: Block, free_from: int, start: Value | None = None) -> str:
        """Choose the variable of a value of `block`.

        It can be that of a value which is not used after the position `free_from`. The result of a loop can
        also take that of `start`, its variable's value before the loop.
        """
        known = self.names.get(value)
        if known is not None:
            self._holder[known] = value
            return known
        base = base_name(value)
        if base != "_":
            for name in self._candidates(base):
                if self._is_free(name, value, block, free_from, start):
                    self._assign(value, name, block)
                    return name
        name = self._fresh(base)
        self._latest[base] = name
        self._assign(value, name, block)
        return name

    def _candidates(self, base: str) -> list[str]:
        """The variables that a value of this name may take over: of the plain name, and the latest with a
        number.
        """
        latest = self._latest.get(base, base)
        return [base] if latest == base else [base, latest]

    def _is_free(self, name: str, value: Value, block: Block, free_from: int, start: Value | None) -> bool:
        if name not in self._home or self._type[name] != value.type:
            return False
        if self._home[name] is not block:
            # A block that sets a variable in the end can use it on the way.
            until = self._targets.get(block, {}).get(name)
            if until is None or self._live.last_use(value) > until:
                return False
        holder = self._holder[name]
        if holder is None or (holder.node is not None and holder.node is value.node):
            return False
        last = self._live.last_use(holder)
        return last <= free_from or (holder is start and last <= free_from + 1)

    def _if(self, node: Node) -> Steps:
        end = self._live.end[node]
        before: dict[str, Value | None] = {}
        results = self._inlining.results(node)
        for output in [node.outputs[i] for i in results]:
            candidates = [*self._candidates(base_name(output)), self.names.get(output, "")]
            earlier = {name: self._holder.get(name) for name in candidates}
            name = self._define(output, node.block, end)
            before[name] = earlier.get(name)
        for branch in node.blocks:
            self._holder.update(before)
            for i in results:
                self._share(branch.outputs[i], self.names[node.outputs[i]], branch)
            yield self._block(branch)
        for i in results:
            self._holder[self.names[node.outputs[i]]] = node.outputs[i]

    def _loop(self, node: Node) -> Steps:
        body = node.blocks[0]
        start = self._live.start[node]
        results = self._inlining.results(node)
        for i in results:
            self._define(node.outputs[i], node.block, start - 1, node.inputs[2 + i])
        if loop_form(node) is LoopForm.WHILE:
            if node not in self._inlining.while_conditions:
                name = self.conditions[node] = self._fresh("_")
                self._share(body.outputs[0], name, body)
        else:
            index = body.parameters[0]
            if node in self._inlining.ranges:
                index = self._inlining.ranges[node].output
            self._assign(index, self._fresh(base_name(index)), body)
        for i in results:
            name = self.names[node.outputs[i]]
            self.names[body.parameters[1 + i]] = name
            self._holder[name] = body.parameters[1 + i]
        for i in results:
            self._share(body.outputs[1 + i], self.names[node.outputs[i]], body)
        yield self._block(body)
        for i in results:
            self._holder[self.names[node.outputs[i]]] = node.outputs[i]

    def _share(self, value: Value, name: str, block: Block) -> None:
        """Let a value that `block` yields to the variable `name` be computed right into it, where that is
        safe.
        """
        targets = self._targets.setdefault(block, {})
        targets[name] = self._live.start[block.return_node]
        node = value.node
        if node is None or node.block is not block or value in self.names or is_constant(value):
            return
        if self._inlining.is_inlined(node) or self._type.get(name, value.type) != value.type:
            return
        if (
            is_user_named(value)
            and base_name(value) != re.sub(r"\d+$", "", name)
            and base_name(value) != name
        ):
            return
        holder = self._holder.get(name)
        if holder is not None:
            after = self._live.end[node]
            if node.kind == "prim::Loop":
                after = self._live.start[node] - (node.inputs[2 + value.offset] is not holder)
            if self._live.used_within(holder, after, self._live.start[block.return_node]):
                return
        self.names[value] = name
        ends = self._live.end[node] if node.kind == "prim::If" else self._live.start[node]
        targets[name] = ends - (node.kind == "prim::Loop")


def base_name(value: Value) -> str:
    """The user's name of a value as an identifier, or `_`.

    `x.1` is `x`; what no identifier may hold becomes an underscore.
    """
    if not is_user_named(value):
        return "_"
    assert value.name is not None
    name = re.sub(r"[^A-Za-z0-9_]", "_", re.sub(r"\.\d+$", "", value.name))
    return f"_{name}" if not name or name[0].isdigit() else name

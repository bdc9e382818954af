"""Which values become part of the expression that uses them, and which get a line of their own.

    %3 : Tensor = aten::relu(%x)
    %4 : Tensor = aten::add(%3, %y, %1)      →      return torch.add(torch.relu(x), y)
    return (%4)

A value moves into the expression that uses it only if nothing runs between the two that did not before:
walking backwards from a statement, its operands must be the nodes directly before it, in the order in which
they are evaluated. So no knowledge of effects is needed. Values that the user named keep their line, and so
do values whose text is long.

A `while` loop computes its condition twice in the IR, before the loop and at the end of the body. Where
the two are the same expression of the loop's variables, it is written once: `while torch.lt(i, n):`.
"""

from __future__ import annotations

import enum
import re

import torch

from ...ir.graph import Block, Graph, Node, Value

MAX_INLINE = 40
"""Characters (estimated) of an expression that may stand inside another one."""

MAX_ALONE = 80
"""The same for one that stands alone in an `if`, a `while` or a `return`."""

INFINITE = 2**63 - 1
"""The trip count of a `while` loop."""

_NEVER = frozenset(
    {
        "prim::CreateObject",  # __new__ and __init__ are two statements
        "prim::isinstance",  # `if isinstance(…)` decides when compiled; the value decides when run
        "prim::Enter",
        "prim::Exit",
        "prim::ListUnpack",
        "prim::TupleUnpack",
        "prim::SetAttr",
        "prim::Print",
        "prim::RaiseException",
        "prim::PythonCall",
    }
)


_CONSTANTS = ("prim::Constant", "prim::Uninitialized")


class LoopForm(enum.Enum):
    FOR = "for i in range(n)"
    WHILE = "while condition"
    FOR_BREAK = "for i in range(n), with a break"


def is_constant(value: Value) -> bool:
    """Whether the value is written where it is used, however often."""
    return value.node is not None and value.node.kind in _CONSTANTS


def constant_of(value: Value) -> object:
    """The constant that the value is, or None."""
    if value.node is not None and value.node.kind == "prim::Constant":
        return value.node.attributes.get("value")
    return None


def loop_form(loop: Node) -> LoopForm:
    """How a `prim::Loop` is written."""
    body = loop.blocks[0]
    if constant_of(loop.inputs[0]) == INFINITE and not body.parameters[0].users:
        return LoopForm.WHILE
    if constant_of(loop.inputs[1]) is True and constant_of(body.outputs[0]) is True:
        return LoopForm.FOR
    return LoopForm.FOR_BREAK


_TEMPORARY = re.compile(r"_?\d+(\.\d+)?")


def is_user_named(value: Value) -> bool:
    """Whether the value has the name of a variable, not a number."""
    return value.name is not None and not _TEMPORARY.fullmatch(value.name)


def _is_attribute_name(value: Value) -> bool:
    """Whether the name of the value is only that of the attribute it was read from."""
    node = value.node
    if node is None or node.kind != "prim::GetAttr" or value.name is None:
        return False
    return value.name.partition(".")[0] == node.attributes.get("name")


class Inlining:
    """The decisions for one graph: `statement_of[node]` is the node whose statement an inlined node is part
    of.

    `while_conditions` holds the loops whose condition is written in the `while` itself, from the expression
    at the end of the body; in it, these values stand for loop variables (by number). `ranges[loop]` computes
    the variable of a `for` over a range with a start or a step.
    """

    def __init__(self, graph: Graph) -> None:
        self.statement_of: dict[Node, Node] = {}
        self.while_conditions: dict[Node, dict[Value, int]] = {}
        self.ranges: dict[Node, Node] = {}
        self._fits: set[Node] = set()
        sizes: dict[Value, int] = {}
        blocks: list[Block] = [graph.block]
        for node in graph.all_nodes():
            blocks += node.blocks
            self._measure(node, sizes)
            if node.kind == "prim::Loop":
                self._find_range(node)
        for block in reversed(blocks):
            self._walk(block)
        for node in graph.all_nodes():
            if node.kind == "prim::Loop" and loop_form(node) is LoopForm.WHILE:
                variables = self._while_condition(node)
                if variables is not None:
                    self.while_conditions[node] = variables

    def is_inlined(self, node: Node) -> bool:
        return node in self.statement_of

    def results(self, node: Node) -> list[int]:
        """The numbers of those results of an `if` or a loop that are kept: what nothing uses is not."""
        return [i for i in range(len(node.outputs)) if not self._is_dead(node, i)]

    def _is_dead(self, node: Node, number: int) -> bool:
        if node.outputs[number].users:
            return False
        if node.kind == "prim::If":
            return True
        body = node.blocks[0]
        following = body.outputs[1 + number]
        return not body.parameters[1 + number].users and (
            is_constant(following) or all(user is body.return_node for user, _ in following.users)
        )

    def users(self, value: Value) -> list[Node]:
        """The nodes that use a value, but for those that only pass it on to a result that is not kept."""
        return [user for user, index in value.users if not self._only_passes(user, index)]

    def _only_passes(self, user: Node, index: int) -> bool:
        if user.kind == "prim::Loop":
            return index >= 2 and self._is_dead(user, index - 2)
        owner = user.block.owner if user.kind == "prim::Return" else None
        if owner is None:
            return False
        if owner.kind == "prim::If":
            return self._is_dead(owner, index)
        return owner.kind == "prim::Loop" and index >= 1 and self._is_dead(owner, index - 1)

    def _measure(self, node: Node, sizes: dict[Value, int]) -> None:
        """Estimate the text of a node, and note whether it may stand inside another expression."""
        if node.kind == "prim::Constant":
            value = node.attributes.get("value")
            sizes[node.outputs[0]] = 12 if isinstance(value, torch.Tensor) else min(len(repr(value)), 100)
            return
        if len(node.outputs) != 1 or node.blocks or node.kind in _NEVER:
            return
        size = 2 + (
            len(node.kind) if node.kind.startswith("aten::") else len(node.attributes.get("name", ""))
        )
        for value in node.inputs:
            size += 2 + sizes.get(value, len(value.name) if value.name else 3)
            if size > MAX_ALONE:
                return
        output = node.outputs[0]
        if is_user_named(output) and not _is_attribute_name(output):
            return
        users = self.users(output)
        if len(users) != 1:
            return
        (user,) = users
        alone = user.kind in ("prim::If", "prim::Loop") or (
            user.kind == "prim::Return" and len(user.inputs) == 1
        )
        if size <= (MAX_ALONE if alone else MAX_INLINE):
            self._fits.add(node)
            sizes[output] = size

    def _walk(self, block: Block) -> None:
        nodes = block.nodes
        cursor = len(nodes) - 1

        def skip_constants() -> None:
            nonlocal cursor
            while cursor >= 0 and (nodes[cursor].kind in _CONSTANTS or nodes[cursor] in self.statement_of):
                cursor -= 1

        def absorb(operands: list[Value], statement: Node) -> None:
            """Take into `statement` those operands that are computed directly before it."""
            nonlocal cursor
            for value in reversed(operands):
                skip_constants()
                node = value.node
                if cursor >= 0 and node is nodes[cursor] and node in self._fits:
                    cursor -= 1
                    self.statement_of[node] = statement
                    absorb(node.inputs, statement)

        absorb(_operands_of_return(block), block.return_node)
        while True:
            skip_constants()
            if cursor < 0:
                return
            statement = nodes[cursor]
            cursor -= 1
            absorb(self._operands(statement), statement)

    def _find_range(self, loop: Node) -> None:
        """Find what a `for` over a range with a start or a step became, which is no more than arithmetic.

        Its length is computed before the loop, its index at each iteration.
        """
        length = loop.inputs[0].node
        body = loop.blocks[0]
        users = list(body.parameters[0].users)
        if length is None or length.kind != "aten::__range_length" or len(length.output.users) != 1:
            return
        if len(users) != 1 or constant_of(loop.inputs[1]) is not True:
            return
        index, _ = users[0]
        if index.kind != "aten::__derive_index" or index.block is not body:
            return
        if _same_value(index.inputs[1], length.inputs[0]) and _same_value(index.inputs[2], length.inputs[2]):
            self.ranges[loop] = index
            self.statement_of[length] = self.statement_of[index] = loop

    def _operands(self, node: Node) -> list[Value]:
        """The inputs that a statement's own expression holds, in the order in which they are evaluated."""
        if node.kind != "prim::Loop":
            return node.inputs
        if node in self.ranges:
            length = node.inputs[0].node
            assert length is not None
            return length.inputs
        return [node.inputs[1]] if loop_form(node) is LoopForm.WHILE else [node.inputs[0]]

    def _while_condition(self, loop: Node) -> dict[Value, int] | None:
        """Whether the condition before the loop and the one at the end of the body are one expression.

        The start of a loop variable in the one stands where its next value stands in the other. Gives those
        next values with the number of the variable, or None where the two differ.
        """
        body = loop.blocks[0]
        if constant_of(loop.inputs[1]) is True and constant_of(body.outputs[0]) is True:
            return {}
        numbers: dict[Value, list[int]] = {}
        for number, following in enumerate(body.outputs[1:]):
            if not is_constant(following):
                numbers.setdefault(following, []).append(number)
        variables: dict[Value, int] = {}

        def same(first: Value, again: Value) -> bool:
            a, b = first.node, again.node
            if a is not None and b is not None and self.statement_of.get(a) is loop:
                return (
                    self.statement_of.get(b) is body.return_node
                    and a.kind == b.kind
                    and a.attributes == b.attributes
                    and a.schema == b.schema
                    and len(a.inputs) == len(b.inputs)
                    and all(map(same, a.inputs, b.inputs))
                )
            for number in numbers.get(again, ()):
                if _same_value(first, loop.inputs[2 + number]):
                    return variables.setdefault(again, number) == number
            return _same_value(first, again)

        condition = loop.inputs[1].node
        if condition is None or self.statement_of.get(condition) is not loop:
            return None
        return variables if same(loop.inputs[1], body.outputs[0]) else None


def _same_value(first: Value, second: Value) -> bool:
    """One value, or two equal constants."""
    if first is second:
        return True
    if not (is_constant(first) and is_constant(second)) or first.type != second.type:
        return False
    a, b = constant_of(first), constant_of(second)
    return isinstance(a, bool | int | float | str) and type(a) is type(b) and a == b


def _operands_of_return(block: Block) -> list[Value]:
    owner = block.owner
    if owner is None or owner.kind in ("prim::fork", "prim::awaitable"):
        return block.outputs
    if owner.kind == "prim::Loop" and loop_form(owner) is LoopForm.WHILE:
        return block.outputs[:1]
    return []

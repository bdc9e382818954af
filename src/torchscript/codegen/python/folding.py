"""Which nodes are written inside the expression of the node that uses them.

    %2 = aten::mul(%i, %two)
    %s = aten::add(%s, %2)      →    s = s + i * 2

A node that is used once, in its own block, by a node that evaluates its operands in an order which leaves
every effect where it was. Nodes whose effects matter wait on a stack; a user takes the top of it, in its
own order, and whatever cannot be taken becomes a statement. Nodes that touch nothing and cannot fail go
anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...ir.graph import Block, Node, Value
from .facts import STRUCTURAL, Facts
from .operations import is_movable
from .values import is_constant

MAX_DEPTH = 50  # of nested expressions; CPython's compiler recurses over them

_NEW_OBJECTS = frozenset(
    {"prim::ListConstruct", "prim::TupleConstruct", "prim::TupleIndex", "prim::TupleSlice"}
)
_STATEMENTS = frozenset({"prim::Loop", "prim::Enter", "prim::Exit", "prim::SetAttr", "prim::RaiseException"})


@dataclass(frozen=True, slots=True)
class _Operand:
    value: Value
    may_fold: bool
    if_movable: bool  # folds only where it can go anywhere: it may not be evaluated at all


class _Waiting:
    """Nodes of one block that may yet go into the expression of their user."""

    def __init__(self) -> None:
        self.stack: list[Value] = []  # in order: their effects matter
        self.members: set[Value] = set()
        self.movable: set[Value] = set()  # in any order

    def add(self, value: Value, has_effects: bool) -> None:
        if has_effects:
            self.stack.append(value)
            self.members.add(value)
        else:
            self.movable.add(value)

    def pop(self) -> Value:
        value = self.stack.pop()
        self.members.discard(value)
        return value

    def settle(self, values: set[Value]) -> None:
        """These become statements, and so does all that stands before the last of them."""
        kept: list[Value] = []
        while values.isdisjoint(self.stack[-1:]):
            kept.append(self.pop())
        self.settle_all()
        for value in reversed(kept):
            self.add(value, True)

    def settle_all(self) -> None:
        self.stack.clear()
        self.members.clear()


class Folding:
    """The result: `folded` nodes, and the `prim::If` nodes that are expressions (`a if c else b`)."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.folded: set[Node] = set()
        self.ternaries: set[Node] = set()
        self._depth: dict[Node, int] = {}
        self._has_effects: set[Block] = set()
        for block in facts.blocks:
            self._fold_block(block)

    def is_folded(self, value: Value) -> bool:
        return value.node is not None and value.node in self.folded

    def is_dead(self, node: Node) -> bool:
        """Whether nobody reads the node and it may as well not run."""
        return (
            bool(node.outputs) and not any(map(self.facts.uses_of, node.outputs)) and self._is_movable(node)
        )

    def statements(self, block: Block) -> list[Node]:
        """The nodes of a block that are statements of their own."""
        written = self.facts.is_written
        return [n for n in block.nodes if n not in self.folded and written(n) and not self.is_dead(n)]

    # -- deciding --------------------------------------------------------------------------------------------

    def _fold_block(self, block: Block) -> None:
        waiting = _Waiting()
        for node in (*block.nodes, block.return_node):
            if not self.facts.is_written(node):
                continue
            if node.kind == "prim::If":
                self._find_ternary(node)
            if self.is_dead(node):
                continue  # what it would read are statements of their own
            has_effects = self._take_operands(node, waiting) or not self._is_movable(node)
            if self._may_wait(node):
                waiting.add(node.outputs[0], has_effects)
            elif has_effects:
                waiting.settle_all()
            if has_effects and node is not block.return_node:
                self._has_effects.add(block)

    def _take_operands(self, node: Node, waiting: _Waiting) -> bool:
        """Fold what can be folded into `node`; whether any of that has effects."""
        taken: list[Value] = []
        ordered: list[_Operand] = []
        for operand in self._operands(node):
            if operand.value in waiting.movable:
                waiting.movable.discard(operand.value)
                if operand.may_fold:
                    taken.append(operand.value)
            elif operand.value in waiting.members:
                ordered.append(operand)
        has_effects = False
        while ordered:
            operand = ordered[-1]
            if waiting.stack[-1] is not operand.value or not operand.may_fold or operand.if_movable:
                break
            ordered.pop()
            taken.append(waiting.pop())
            has_effects = True
        if ordered:
            waiting.settle({o.value for o in ordered})
        definitions = [_definition(v) for v in taken]
        self.folded.update(definitions)
        depth = max((self._depth[d] for d in definitions), default=0) + 1
        if node in self.ternaries:
            depth += max(self._depth[b.return_node] for b in node.blocks)
        self._depth[node] = depth
        return has_effects

    def _may_wait(self, node: Node) -> bool:
        """Whether the node may be written inside its only user."""
        if len(node.outputs) != 1 or node.kind in _STATEMENTS or self._depth[node] >= MAX_DEPTH:
            return False
        if node.blocks and node not in self.ternaries:
            return False
        uses = self.facts.uses_of(node.outputs[0])
        if len(uses) != 1 or uses[0][0].block is not node.block:
            return False
        if node.kind not in STRUCTURAL:
            template = self.facts.operation(node).template
            if template is not None and template.is_statement:
                return False
        if self.facts.name_of(node.outputs[0]) is None:
            return True
        user = uses[0][0]
        return node.source is not None and user.source is not None and node.source.line == user.source.line

    def _is_movable(self, node: Node) -> bool:
        if node in self.ternaries:
            return not any(b in self._has_effects for b in node.blocks)
        if node.kind in _NEW_OBJECTS:
            return True
        if node.kind in STRUCTURAL or node.blocks:
            return False
        return is_movable(node, self.facts.operation(node))

    def _find_ternary(self, node: Node) -> None:
        """An If is an expression if no branch needs a statement, and it is not the user's statement."""
        if len(node.outputs) != 1 or any(len(b.outputs) != 1 for b in node.blocks):
            return
        condition = self.facts.resolve(node.inputs[0]).node
        if condition is not None and condition.kind == "prim::Loop":
            return  # whether the loop returned: the planner returns in the loop instead
        if any(self.statements(b) for b in node.blocks):
            return
        if sum(self._depth[b.return_node] for b in node.blocks) >= MAX_DEPTH:
            return
        if not self._may_be_statement(node) or self._is_on_one_line(node):
            self.ternaries.add(node)

    def _may_be_statement(self, node: Node) -> bool:
        """Whether the user may have written an `if` statement: it sets a variable, or returns."""
        output = node.outputs[0]
        if self.facts.name_of(output) is not None:
            return True
        for user, index in self.facts.uses_of(output):
            owner = user.block.owner
            is_condition = owner is not None and owner.kind == "prim::Loop" and index == 0
            if user.kind == "prim::Return" and not is_condition:
                return True
        return False

    def _is_on_one_line(self, node: Node) -> bool:
        yields = [b.outputs[0] for b in node.blocks]
        nodes = [v.node for v in yields if v.node is not None and v.node.block in node.blocks]
        lines = {n.source.line for n in nodes if n.source is not None}
        if self.facts.name_of(node.outputs[0]) is not None and not lines:
            return False
        return node.source is None or lines <= {node.source.line}

    def _yielded(self, end: Node) -> list[_Operand]:
        """What a block yields. Some of it may not be wanted everywhere, so several effects are statements."""
        resolve, uses_of, owner = self.facts.resolve, self.facts.uses_of, end.block.owner
        if owner is None or owner.kind not in ("prim::If", "prim::Loop"):
            return [_Operand(resolve(v), True, False) for v in end.inputs]
        if owner.kind == "prim::If":
            several = len(end.inputs) > 1
            wanted = [bool(uses_of(v)) for v in owner.outputs]
            return [_Operand(resolve(v), wanted[i], several) for i, v in enumerate(end.inputs)]
        carried = [
            _Operand(resolve(value), self._is_variable(owner, index), True)
            for index, value in enumerate(end.inputs[1:])
        ]
        return [*carried, _Operand(resolve(end.inputs[0]), True, False)]

    def _entered(self, loop: Node) -> list[_Operand]:
        """What a loop begins with: its variables, whether it runs, and how often, which then may not be asked."""
        resolve = self.facts.resolve
        variables = [
            _Operand(resolve(value), self._is_variable(loop, index), True)
            for index, value in enumerate(loop.inputs[2:])
        ]
        is_guarded = not is_constant(loop.inputs[1])
        return [
            *variables,
            _Operand(resolve(loop.inputs[1]), True, False),
            _Operand(resolve(loop.inputs[0]), True, is_guarded),
        ]

    def _is_variable(self, loop: Node, index: int) -> bool:
        """Whether anything reads what a loop carries."""
        uses_of = self.facts.uses_of
        return bool(uses_of(loop.outputs[index]) or uses_of(loop.blocks[0].parameters[1 + index]))

    def _operands(self, node: Node) -> list[_Operand]:
        """The operands of a node as the generated code evaluates them."""
        conditional: frozenset[int] | set[int] = frozenset()
        repeated: frozenset[int] = frozenset()
        match node.kind:
            case "prim::Return":
                return self._yielded(node)
            case "prim::Loop":
                return self._entered(node)
            case "prim::SetAttr":
                order = [1, 0]
            case kind if kind in STRUCTURAL:
                order = list(range(len(node.inputs)))
            case _:
                operation = self.facts.operation(node)
                order, repeated, conditional = (
                    list(operation.order),
                    operation.repeated,
                    operation.conditional,
                )
                unwritten = frozenset(range(len(node.inputs))) - frozenset(order)
                repeated |= unwritten
                order += sorted(unwritten)
        return [
            _Operand(self.facts.resolve(node.inputs[i]), i not in repeated, i in conditional) for i in order
        ]


def _definition(value: Value) -> Node:
    assert value.node is not None
    return value.node

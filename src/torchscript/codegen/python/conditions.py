"""What the condition of a loop says on one path through the body, and whether it repeats its first value.

A `break` that the frontend lowered is a flag, an output of the `prim::If` that ends the body:

    %done, … = prim::If(%c) block0() -> (true, …) block1() … -> (false, …)      if c:
    %again = aten::__not__(%done)                                        →          break
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...ir.graph import Node, Value
from .facts import Facts
from .folding import Folding
from .values import constant_of, is_constant

_NOTHING: Mapping[Value, Value] = {}


def known_bool(value: Value) -> bool | None:
    """The bool that a constant is."""
    if is_constant(value):
        known = constant_of(value)
        if isinstance(known, bool):
            return known
    return None


@dataclass(frozen=True, slots=True)
class Again:
    """A loop goes on if `value` is true, or if it is false where `negated`."""

    value: Value
    negated: bool = False


class Conditions:
    def __init__(self, facts: Facts, folding: Folding) -> None:
        self._facts = facts
        self._folding = folding

    def simplified(self, value: Value, known: dict[Value, Value]) -> bool | Value:
        """What is left of a condition where `known` values are others: a bool, the condition or a part."""
        value = self._facts.resolve(value)
        seen: set[Value] = set()
        while value in known and value not in seen:
            seen.add(value)
            value = self._facts.resolve(known[value])
        constant = known_bool(value)
        if constant is not None:
            return constant
        node = value.node
        if node is None or node not in self._folding.folded:
            return value
        if node.kind == "aten::__not__":
            inner = self.simplified(node.inputs[0], known)
            return value if isinstance(inner, Value) else not inner
        if node.kind == "aten::__or__" and len(node.inputs) == 2:
            a, b = (self.simplified(v, known) for v in node.inputs)
            if a is True or b is True:
                return True
            return (b if a is False else a) if a is False or b is False else value
        if node in self._folding.ternaries:
            test = self.simplified(node.inputs[0], known)
            if not isinstance(test, Value):
                return self.simplified(node.blocks[0 if test else 1].outputs[0], known)
        return value

    def nodes_of(self, value: Value) -> set[Node]:
        """The nodes that are written in the expression of `value`."""
        found: set[Node] = set()
        stack = [self._facts.resolve(value)]
        while stack:
            node = stack.pop().node
            if node is None or node not in self._folding.folded or node in found:
                continue
            found.add(node)
            stack.extend(map(self._facts.resolve, node.inputs))
            for block in node.blocks:
                found.add(block.return_node)
                stack.extend(map(self._facts.resolve, block.outputs))
        return found

    def split(self, again: Value) -> Iterator[tuple[Value, Again | None]]:
        """Ways to see a condition as a part that `while` tests and a part for the end of the body."""
        again = self._facts.resolve(again)
        yield again, None
        node = again.node
        if node is None or node not in self._folding.folded or node not in self._folding.ternaries:
            return
        then, otherwise = (self._facts.resolve(b.outputs[0]) for b in node.blocks)
        if known_bool(then) is False:
            yield otherwise, Again(node.inputs[0], negated=True)
        elif known_bool(otherwise) is False:
            yield then, Again(node.inputs[0])

    def leaves_of(self, value: Value, known: Mapping[Value, Value] = _NOTHING) -> set[Value]:
        """What the expression of `value` reads from variables, where `known` values are others."""
        leaves: set[Value] = set()
        stack = [value]
        while stack:
            value = self._facts.resolve(stack.pop())
            while value in known:
                value = self._facts.resolve(known[value])
            node = value.node
            if node is None or node not in self._folding.folded:
                leaves.add(value)
                continue
            stack.extend(node.inputs)
            for block in node.blocks:
                stack.extend(block.outputs)
        return leaves

    def next_value(
        self, first: Value, again: Value, inits: Sequence[Value], yields: Sequence[Value]
    ) -> dict[Value, int] | None:
        """If `again` is the expression `first` with what the body yields in the place of the initial values:
        which values in `again` stand for which of the loop's variables."""
        places: dict[Value, int] = {}
        return places if self._is_next(first, again, inits, yields, places, set()) else None

    def _is_next(
        self,
        first: Value,
        again: Value,
        inits: Sequence[Value],
        yields: Sequence[Value],
        places: dict[Value, int],
        fixed: set[Value],
    ) -> bool:
        first, again = self._facts.resolve(first), self._facts.resolve(again)
        if is_constant(again) or first is again:
            fixed.add(again)
            return again not in places and self._same_leaf(first, again)
        for index, (init, final) in enumerate(zip(inits, yields, strict=True)):
            if again is final and self._same_leaf(first, init):
                return again not in fixed and places.setdefault(again, index) == index
        a, b = first.node, again.node
        if a is None or b is None or not (a in self._folding.folded and b in self._folding.folded):
            return False
        if (
            a.kind != b.kind
            or a.schema != b.schema
            or a.attributes != b.attributes
            or len(a.inputs) != len(b.inputs)
        ):
            return False
        pairs = list(zip(a.inputs, b.inputs, strict=True))
        for block_a, block_b in zip(a.blocks, b.blocks, strict=True):
            pairs.extend(zip(block_a.outputs, block_b.outputs, strict=True))
        return all(self._is_next(x, y, inits, yields, places, fixed) for x, y in pairs)

    def _same_leaf(self, a: Value, b: Value) -> bool:
        if a is b:
            return True
        if not (is_constant(a) and is_constant(b)):
            return False
        x, y = constant_of(a), constant_of(b)
        return a.type == b.type and type(x) is type(y) and isinstance(x, int | float | str | None) and x == y

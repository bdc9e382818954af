"""What happens at the end of a block: a return, values for an If's outputs, the next iteration of a loop."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from ...ir.graph import Node, Value
from .conditions import Again
from .locals import Local


class End(enum.Enum):
    RETURN = enum.auto()
    JOIN = enum.auto()
    LOOP = enum.auto()


@dataclass(frozen=True, slots=True)
class Leaving:
    """A function's return out of a loop's body: if `flag`, it returns `values`, where `known` says what outputs of
    the loop are."""

    flag: Value
    never: Value  # a constant: false
    values: list[Value]
    known: dict[Value, Value]

    def through(self, yielded: dict[Value, Value]) -> Leaving:
        known = {v: yielded.get(w, w) for v, w in self.known.items()}
        return Leaving(yielded.get(self.flag, self.flag), self.never, self.values, known)


@dataclass(frozen=True, slots=True)
class Tail:
    """What happens at the end of a block with the values that it yields.

    `again` is the condition that a loop's body tests at its end. `known` says what outputs of a `prim::If`
    are in the branch.
    """

    end: End
    values: list[Value]
    targets: list[Local] = field(default_factory=list)
    again: Again | None = None
    again_nodes: frozenset[Node] = frozenset()
    known: dict[Value, Value] = field(default_factory=dict)
    leaving: Leaving | None = None


@dataclass(frozen=True, slots=True)
class Test:
    """How a loop tests whether it goes on.

    In `while head`, where its variables stand for values (`slots`); by a `break` at the body's end; or in a
    variable of its own, that takes the value `kept`.
    """

    head: Value | None = None
    slots: dict[Value, int] = field(default_factory=dict)
    at_end: Again | None = None
    kept: Value | None = None

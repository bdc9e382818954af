"""The statements of a function, decided but for names: `planner.py` makes and `statements.py` writes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...ir.graph import Function, Node, Value
from ...source import SourceRange
from .locals import Life, Local

Reading = Mapping[Value, "Value | Life"]
"""What stands for values while an expression is read: a loop's variable for what was just copied into it."""

NOTHING: Reading = {}


@dataclass(eq=False, slots=True)
class Evaluate:
    """A node on its own, and the locals of its outputs; None for an output that nobody reads."""

    node: Node
    targets: list[Local | None]


@dataclass(eq=False, slots=True)
class Assign:
    """Simultaneous copies into locals."""

    targets: list[Local]
    values: list[Value]
    source: SourceRange | None
    reading: Reading = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class Condition:
    value: Value
    reading: Reading = field(default_factory=dict)
    negated: bool = False


@dataclass(eq=False, slots=True)
class Branch:
    condition: Condition
    source: SourceRange | None
    then: list[Statement] = field(default_factory=list)
    otherwise: list[Statement] = field(default_factory=list)
    ends_body: bool = False  # what follows either side is the loop's next iteration
    terminates: bool | None = None  # cached by `statements.py`


@dataclass(eq=False, slots=True)
class For:
    """`trips` is a number, or what is iterated over."""

    index: Local | None
    trips: Value
    is_iterable: bool
    source: SourceRange | None
    body: list[Statement] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class While:
    """No condition means `while True`. A condition is a value or the local that holds it."""

    condition: Condition | Local | None
    source: SourceRange | None
    body: list[Statement] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class With:
    node: Node
    target: Local | None
    body: list[Statement] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Break:
    """Leave the loop, unless the condition holds."""

    unless: Condition | None
    source: SourceRange | None


@dataclass(eq=False, slots=True)
class Continue:
    source: SourceRange | None


@dataclass(eq=False, slots=True)
class Return:
    values: list[Value]
    source: SourceRange | None
    reading: Reading = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class CallOutlined:
    """A call of a function that was made from a loop, or from the block of a `prim::fork`."""

    function: Function
    arguments: list[Value]
    targets: list[Local | None]
    is_fork: bool
    source: SourceRange | None


Statement = Evaluate | Assign | Branch | For | While | With | Break | Continue | Return | CallOutlined


@dataclass(eq=False, slots=True)
class Plan:
    arguments: list[Local]
    body: list[Statement]
    locals: list[Local]
    lives: dict[Value, Life]

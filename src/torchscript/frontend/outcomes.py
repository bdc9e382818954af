"""How a list of steps ended, and one side of a branch after it was compiled."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field

from ..ir.graph import Block, Value
from .scopes import Scope
from .values import Val

EXITS = ("returns", "breaks", "continues", "raises")
Step = Callable[[], "Outcome"]
Flag = bool | Value


@dataclass(slots=True)
class Outcome:
    """How a list of steps ended. A flag is False (never), True (always) or a bool value.

    `dead` means that the end of the path is never reached at all (it raises).
    """

    returns: Flag = False
    breaks: Flag = False
    continues: Flag = False
    raises: Flag = False  # for a handler in the same function (tries.py)
    dead: bool = False
    leaves: bool = False  # by one exit or another on every path, so that the end is never reached
    value: Val | None = None  # what is returned, where `returns` is not False
    where: ast.AST | None = None  # the return statement

    @property
    def falls(self) -> bool:
        """The end is always reached."""
        return not self.dead and all(getattr(self, name) is False for name in EXITS)

    @property
    def terminal(self) -> bool:
        """The end is never reached."""
        return self.dead or any(getattr(self, name) is True for name in EXITS)

    def flags(self) -> list[Value]:
        return [f for f in (getattr(self, name) for name in EXITS) if isinstance(f, Value)]


@dataclass(slots=True)
class Branch:
    """One side of a branch after it was compiled: its last block position, scope and outcome."""

    block: Block
    scope: Scope
    outcome: Outcome = field(default_factory=Outcome)
    results: list[Val] = field(default_factory=list)
    left: bool = False  # only paths that left run it

"""The variables that are visible at a point."""

from __future__ import annotations

from .values import Val


class Scope:
    """The variables that are visible at a point; a branch writes into a child of the scope around it.

    `is_comprehension`: its variables are seen by nothing but the comprehension.
    """

    __slots__ = ("is_comprehension", "names", "parent")

    def __init__(self, parent: Scope | None = None, is_comprehension: bool = False) -> None:
        self.names: dict[str, Val] = {}
        self.parent = parent
        self.is_comprehension = is_comprehension

    def get(self, name: str) -> Val | None:
        scope: Scope | None = self
        while scope is not None:
            found = scope.names.get(name)
            if found is not None:
                return found
            scope = scope.parent
        return None

    def set(self, name: str, val: Val) -> None:
        self.names[name] = val

"""The variables that are visible at a point."""

from __future__ import annotations

from .values import Val


class Scope:
    """The variables that are visible at a point; a branch writes into a child of the scope around it."""

    __slots__ = ("names", "parent")

    def __init__(self, parent: Scope | None = None) -> None:
        self.names: dict[str, Val] = {}
        self.parent = parent

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

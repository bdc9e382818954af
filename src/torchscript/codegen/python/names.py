"""Names in generated code: what may be a local, which locals are free over a span, what globals there are."""

from __future__ import annotations

import builtins
import keyword
import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any

_SUFFIX = re.compile(r"\.\d+$")
_NOT_IN_NAMES = re.compile(r"\W")

DISCARD = "_"

Interval = tuple[int, int]


def identifier(name: str | None) -> str | None:
    """The Python name for a value's name: without the number that printing appends, and never a keyword.

    >>> identifier("rv.1"), identifier("class"), identifier("0"), identifier("_"), identifier(None)
    ('rv', 'class_', '_0', None, None)
    """
    if not name:
        return None
    name = _NOT_IN_NAMES.sub("_", _SUFFIX.sub("", name))
    if name == DISCARD:
        return None
    if not name.isidentifier():
        name = "_" + name
    if keyword.iskeyword(name) or name == "__debug__":
        name += "_"
    return name


def merged(intervals: list[Interval]) -> list[Interval]:
    """The same positions as sorted intervals that do not touch.

    >>> merged([(5, 6), (1, 3), (2, 4)])
    [(1, 6)]
    """
    intervals.sort()
    result: list[Interval] = []
    for start, end in intervals:
        if result and start <= result[-1][1] + 1:
            if end > result[-1][1]:
                result[-1] = (result[-1][0], end)
        else:
            result.append((start, end))
    return result


class Occupancy:
    """At which positions of a function each local name is taken."""

    def __init__(self) -> None:
        self._starts: dict[str, list[int]] = {}
        self._ends: dict[str, list[int]] = {}

    @property
    def names(self) -> set[str]:
        return set(self._starts)

    def is_free(self, name: str, intervals: Sequence[Interval]) -> bool:
        starts = self._starts.get(name)
        if starts is None:
            return True
        ends = self._ends[name]
        for start, end in intervals:
            # The first interval that ends at or after `start` must begin after `end`.
            index = bisect_left(ends, start)
            if index < len(starts) and starts[index] <= end:
                return False
        return True

    def take(self, name: str, intervals: Sequence[Interval]) -> None:
        starts = self._starts.setdefault(name, [])
        ends = self._ends.setdefault(name, [])
        for start, end in intervals:
            index = bisect_right(starts, start)
            starts.insert(index, start)
            ends.insert(index, end)


class GlobalNames:
    """The namespace of a generated function. Objects get names that none of its locals has."""

    def __init__(self, locals: set[str], module: str) -> None:
        # no __name__: dynamo would look for the globals in the module of that name
        self.namespace: dict[str, Any] = {"__builtins__": builtins}
        self.module = module
        self._locals = locals
        self._taken: dict[str, Any] = {}
        self._names: dict[int, str] = {}

    def bind(self, preferred: str, value: Any) -> str:
        """The name by which generated code reads `value`."""
        name = self._names.get(id(value))
        if name is None:
            name = self._claim(preferred, value)
            self._names[id(value)] = name
        return name

    def reserve(self, preferred: str) -> str:
        """A name whose value is put into `namespace` by the caller."""
        return self._claim(preferred, None)

    def _claim(self, preferred: str, value: Any) -> str:
        base = identifier(preferred) or "_global"
        name, number = base, 0
        while not self._is_available(name, value):
            number += 1
            name = f"{base}_{number}"
        self._taken[name] = value
        if value is None or getattr(builtins, name, None) is not value:
            self.namespace[name] = value
        return name

    def _is_available(self, name: str, value: Any) -> bool:
        if name in self._locals or name in self._taken or name in ("__builtins__", "__name__"):
            return False
        return not hasattr(builtins, name) or getattr(builtins, name) is value

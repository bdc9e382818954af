"""The stack of the machine that byte code is for, with names and literals for values.

    x  n  |                begin()      a part of the code, such as one side of a branch
    x     |                             takes n …
    x  _1 |                             … and leaves _1
    x  n  |                end()   →    1, [_1]     how many values it has not touched, and what stands above them

What a part does is undone at its end, so that the next part begins with the same stack. Only what a part takes is
copied: many small branches over a deep stack cost little.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Entry:
    """A value on the stack or in a register: its text, and the class of an object."""

    text: str
    class_name: str | None = None


@dataclass(slots=True)
class _Part:
    untouched: int
    taken: list[Entry] = field(default_factory=list)  # the topmost first


class Stack:
    """
    >>> stack = Stack()
    >>> stack.push(Entry("x"), Entry("n"))
    >>> stack.begin()
    >>> stack.pop(1), stack.push(Entry("_1"))
    ([Entry(text='n', class_name=None)], None)
    >>> stack.end()
    (1, [Entry(text='_1', class_name=None)])
    >>> [entry.text for entry in stack.above(0)]
    ['x', 'n']
    """

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._parts: list[_Part] = []

    def __len__(self) -> int:
        return len(self._entries)

    def above(self, position: int) -> list[Entry]:
        """The values from a position on, counted from the bottom."""
        return self._entries[position:]

    def top(self, depth: int = 0) -> Entry | None:
        """The topmost value, or one that is so many below it; None if there is none."""
        return self._entries[-1 - depth] if depth < len(self._entries) else None

    def push(self, *entries: Entry) -> None:
        self._entries.extend(entries)

    def pop(self, count: int) -> list[Entry]:
        """The topmost values. IndexError if there are fewer."""
        start = len(self._entries) - count
        if count < 0 or start < 0:
            raise IndexError(count)
        if self._parts and start < (part := self._parts[-1]).untouched:
            part.taken += reversed(self._entries[start : part.untouched])
            part.untouched = start
        taken = self._entries[start:]
        del self._entries[start:]
        return taken

    def begin(self) -> None:
        self._parts.append(_Part(len(self._entries)))

    def end(self) -> tuple[int, list[Entry]]:
        part = self._parts.pop()
        left = self._entries[part.untouched :]
        self._entries[part.untouched :] = reversed(part.taken)
        return part.untouched, left

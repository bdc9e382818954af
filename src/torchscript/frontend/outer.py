"""Lists, dicts and sets that were there before the program was compiled: global variables, closures, attributes of objects.

Compiled code has copies of them, so code that changes one would change nothing that Python sees. A function that does stays
a Python call.
"""

from __future__ import annotations

import ast
import collections

from .emitter import Emitter
from .values import Static, Val

_CHANGING: dict[type, frozenset[str]] = {
    list: frozenset(
        {"append", "extend", "insert", "pop", "remove", "clear", "sort", "reverse", "__setitem__", "__iadd__"}
    ),
    dict: frozenset({"pop", "popitem", "clear", "update", "setdefault", "__setitem__"}),
    set: frozenset({"add", "discard", "remove", "pop", "clear", "update"}),
    collections.deque: frozenset({"append", "appendleft", "extend", "extendleft", "pop", "popleft", "clear"}),
}


def refuse_change(e: Emitter, owner: Val, method: str, node: ast.AST | None = None) -> None:
    """Raise the error of changing, by `method`, what was there before compiling; nothing else is known here as an object."""
    if not isinstance(owner, Static):
        return
    for kind, names in _CHANGING.items():
        if isinstance(owner.object, kind) and method in names:
            raise e.outside(
                f"This changes a {kind.__name__} that was there before the program was compiled, and compiled code has "
                "a copy of it.",
                node,
                "Pass it as an argument, or keep it as an attribute of the module; copy it first if the copy is meant.",
            )

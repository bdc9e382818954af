"""The names of classes and functions in one archive, and types written with them.

Two classes of one name (a module class compiled for other attribute types, two functions with a class `Cell`
inside) are told apart as PyTorch does it: `__torch__.net.___torch_mangle_0.Cell`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ... import types as T
from ...errors import BackendError

Nameable = Any
"""A ClassType, InterfaceType, EnumType, NamedTupleType, or ir.Function."""

ROOT = "__torch__"
_MANGLE = re.compile(r"^___torch_mangle_\d+$")


def sanitized(qualified_name: str) -> str:
    """A dotted name below `__torch__` of ASCII identifiers.

    >>> sanitized("net.make.<locals>.Cell"), sanitized("__torch__.__main__.M"), sanitized("__torch__.f")
    ('__torch__.net.make.Cell', '__torch__.M', '__torch__.f')
    """
    parts = [p for p in qualified_name.split(".") if p not in ("<locals>", "__main__", ROOT, "")]
    clean = []
    for part in parts:
        part = re.sub(r"[^A-Za-z0-9_]", "_", part).strip("<>")
        clean.append(f"_{part}" if part[:1].isdigit() else part)
    return ".".join([ROOT, *(clean or ["_"])])


class QualifiedNames:
    """Gives every class, enum, interface, NamedTuple and function of a program a name of its own.

    `on_new` is called with each that is named for the first time.
    """

    def __init__(self, on_new: Callable[[Nameable], None] | None = None) -> None:
        self._names: dict[Nameable, str] = {}
        self._taken: set[str] = set()
        self._classes: set[str] = set()
        self._namespaces: set[str] = set()
        self._mangled = 0
        self.on_use: Callable[[Nameable], None] | None = None
        self._on_new = on_new

    def of(self, thing: Nameable) -> str:
        """The qualified name of a class or function."""
        name = self._names.get(thing)
        if name is None:
            name = self._choose(thing)
            self._names[thing] = name
            if self._on_new is not None:
                self._on_new(thing)
        if self.on_use is not None:
            self.on_use(thing)
        return name

    def _choose(self, thing: Nameable) -> str:
        wanted = sanitized(thing.qualified_name)
        parts = wanted.split(".")
        for end in range(2, len(parts)):
            # A reader looks up names from left to right, and finds nothing but attributes behind a class.
            while end < len(parts) and ".".join(parts[:end]) in self._classes:
                del parts[end - 1]
        is_class = isinstance(thing, T.Type)
        base, mangled = parts.pop(), parts
        while (name := ".".join([*mangled, base])) in self._taken or (is_class and name in self._namespaces):
            mangled = [p for p in parts if not _MANGLE.match(p)] + [f"___torch_mangle_{self._mangled}"]
            self._mangled += 1
        self._taken.add(name)
        self._namespaces.update(".".join(mangled[:end]) for end in range(1, len(mangled) + 1))
        if is_class:
            self._classes.add(name)
        return name

    def type(self, type: T.Type) -> str:
        """The type as archived source writes it."""
        match type:
            case T.ClassType() | T.InterfaceType() | T.EnumType():
                return self.of(type)
            case T.NamedTupleType() if type.qualified_name:
                return self.of(type)
            case T.OptionalType():
                return f"Optional[{self.type(type.element)}]"
            case T.ListType():
                return f"List[{self.type(type.element)}]"
            case T.DictType():
                return f"Dict[{self.type(type.key)}, {self.type(type.value)}]"
            case T.FutureType():
                return f"Future[{self.type(type.element)}]"
            case T.AwaitType():
                return f"Await[{self.type(type.element)}]"
            case T.TupleType() if type.elements:  # and what an operator returns, a NamedTuple without a name
                return f"Tuple[{', '.join(map(self.type, type.elements))}]"
            case T.UnionType():
                return f"Union[{', '.join(map(self.type, type.members))}]"
            case T.PendingType() if type.resolved is not None:
                return self.type(type.resolved)
            case T.TypeVariable():
                raise BackendError(f"the type {type} is not known at this point and cannot be written")
            case _:
                return type.annotation()

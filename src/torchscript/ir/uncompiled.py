"""What stays a Python call in compiled code: found through graphs, the functions they call, and modules' classes."""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import types as T
from ..source import SourceRange
from .graph import Function, Node


class Uncompiled(NamedTuple):
    """A Python function that compiled code calls: its name, why it is not compiled, and where it is called."""

    name: str
    reason: str
    where: SourceRange | None

    def __str__(self) -> str:
        place = f" ({self.where.source.filename}:{self.where.line})" if self.where is not None else ""
        return f"{self.name}{place}: {self.reason}"


def uncompiled_in(root: T.ClassType | Function) -> list[Uncompiled]:
    """Every Python function that is called from `root` or below it, once per name and reason."""
    found: dict[tuple[str, str], Uncompiled] = {}
    seen: set[int] = set()
    pending: list[Any] = [root]
    while pending:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        if isinstance(current, T.ClassType):
            for name, (function, reason) in current.python_methods.items():
                qualified = getattr(function, "__qualname__", name)
                found.setdefault((qualified, reason), Uncompiled(qualified, reason, None))
            pending.extend(current.methods.values())
            pending.extend(a.type for a in current.attributes.values())
        elif isinstance(current, T.Type):
            pending.extend(current.contained)
        elif isinstance(current, Function):
            for node in current.graph.all_nodes():
                pending.extend(_called(node))
                if node.kind in ("prim::PythonCall", "prim::PythonOp"):
                    one = _of_node(node)
                    found.setdefault((one.name, one.reason), one)
    return sorted(found.values(), key=lambda one: one.name)


def _called(node: Node) -> list[Any]:
    function = node.attributes.get("function")
    owner = node.inputs[0].type if node.kind == "prim::CallMethod" else None
    return [f for f in (function, owner) if isinstance(f, Function | T.ClassType)]


def _of_node(node: Node) -> Uncompiled:
    called = node.attributes.get("callable")
    name = getattr(called, "__qualname__", None) or str(node.attributes.get("name", "a Python function"))
    return Uncompiled(name, str(node.attributes.get("reason", "it is a Python function")), node.source)

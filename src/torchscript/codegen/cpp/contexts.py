"""`with` in native code: `prim::Enter` and `prim::Exit`.

    with torch.no_grad():              ts::GradMode _with(false);
        y = f(x)              →        Tensor y = …;
                                       _with.leave();

What is left by an exception is left as Python would leave it: the guard's destructor does it then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import types as T
from ...autocast import is_autocast
from ...ir.graph import Function, Node, Value
from .problems import Problem
from .types import field

if TYPE_CHECKING:
    from .function import FunctionPrinter

_MODES = {
    "__torch__.torch.autograd.grad_mode.no_grad": "false",
    "__torch__.torch.autograd.grad_mode.enable_grad": "true",
}
"""The classes that archives have for `torch.no_grad` and `torch.enable_grad`, and the mode that each sets."""

_AUTOCAST = ("device", "fast_dtype", "_enabled")
"""The attributes of a `torch.autocast` object that say what it does."""


class Contexts:
    """`guards` are the C++ guards of values that were entered and not left yet, innermost last."""

    def __init__(self, printer: FunctionPrinter) -> None:
        self.p = printer
        self.guards: dict[Value, list[str]] = {}

    def enter(self, node: Node) -> None:
        manager = node.inputs[0]
        guard = self.p.names.unique("_with")
        self.guards.setdefault(self.p.lifetimes.root(manager), []).append(guard)
        mode = _MODES.get(str(manager.type))
        if mode is not None:
            self.p.line(f"ts::GradMode {guard}({mode});")
            self.p.variables[node.output] = "None()"
            return
        if is_autocast(manager.type):
            owner = self.p.nodes.value(manager)
            device, dtype, enabled = (self._field(manager, name) for name in _AUTOCAST)
            cast = f"ts::convert<at::ScalarType>({owner}->{dtype})"
            self.p.line(f"ts::Autocast {guard}({owner}->{device}, {cast}, {owner}->{enabled});")
            self.p.variables[node.output] = owner
            return
        entered = _method(manager, "__enter__")
        self.p.nodes.finish(node, f"{self.p.unit.function(entered)}({self.p.nodes.value(manager)})")
        left = _method(manager, "__exit__")
        arguments = [self.p.nodes.value(manager)]
        for parameter in left.graph.inputs[1:]:
            arguments.append(f"ts::convert<{self.p.unit.types.of(parameter.type)}>(None())")
        call = f"{self.p.unit.function(left)}({', '.join(arguments)})"
        self.p.line(f"ts::Guard {guard}([&] {{ {call}; }});")

    def _field(self, manager: Value, name: str) -> str:
        self.p.unit.fields.setdefault(manager.type, set()).add(name)
        return field(name)

    def leave(self, node: Node) -> None:
        guards = self.guards.get(self.p.lifetimes.root(node.inputs[0]))
        if not guards:
            raise Problem("a `with` block that is left where it was not entered")
        self.p.line(f"{guards.pop()}.leave();")
        for value in node.outputs:
            self.p.variables[value] = "None()"


def methods_of(manager: Value) -> list[Function]:
    """The compiled methods that a `with` calls."""
    if str(manager.type) in _MODES or is_autocast(manager.type):
        return []
    return [_method(manager, "__enter__"), _method(manager, "__exit__")]


def _method(manager: Value, name: str) -> Function:
    method = manager.type.method(name) if isinstance(manager.type, T.ClassType) else None
    if method is None:
        raise Problem(f"`with` of a '{manager.type.annotation()}' has no native form")
    return method

"""`with` statements."""

from __future__ import annotations

import ast
import contextlib
from typing import Any, NamedTuple

import torch

from .. import types as T
from ..ir.graph import Value
from . import autocasting, expressions
from .emitter import Emitter
from .outcomes import Outcome
from .values import Dynamic, Static, Val, type_of


class Manager(Val):
    """A context manager of PyTorch that the compiler knows: switches with an effect only on how operators run."""

    __slots__ = ("cls", "positional")

    def __init__(self, cls: type, positional: list[Val]) -> None:
        self.cls = cls
        self.positional = positional


GRADIENT_MODES = {torch.no_grad: False, torch.enable_grad: True, torch.inference_mode: False}


DecoratingManager = type | torch.autocast
"""The class of a gradient mode, or an object of autocast."""


def emit_with(e: Emitter, node: ast.With, index: int) -> Outcome:
    """Enter the managers from `index` on, run the body, leave them."""
    from . import statements

    if index == len(node.items):
        return statements.run_body(e, node.body)
    item = node.items[index]
    manager = expressions.emit(e, item.context_expr)
    e.node = node
    switch = _autocast_of(e, manager)
    if switch is not None:
        return _autocast(e, node, index, switch.settings)
    if isinstance(manager, Static) and isinstance(manager.object, contextlib.nullcontext):
        manager = Manager(contextlib.nullcontext, [])
    if isinstance(manager, Manager) and manager.cls is contextlib.nullcontext:
        if item.optional_vars is not None:
            statements.assign(
                e, item.optional_vars, manager.positional[0] if manager.positional else e.none()
            )
        return _inside(e, node, index)
    if isinstance(manager, Manager) and manager.cls is torch.set_grad_enabled:
        return _set_gradient_mode(e, node, index, manager)
    if isinstance(manager, Manager):
        return _gradient_mode(e, node, index, manager)
    if isinstance(manager, Static) and isinstance(manager.object, torch.no_grad | torch.enable_grad):
        return _gradient_mode(e, node, index, Manager(type(manager.object), []))
    type_ = type_of(manager)
    if isinstance(type_, T.ClassType):
        value = e.materialize(manager)
        entered = e.emit("prim::Enter", [value], [_enter_type(e, type_)]).output
        if item.optional_vars is not None:
            statements.assign(e, item.optional_vars, Dynamic(entered))
        outcome = _inside(e, node, index)
        e.emit("prim::Exit", [value, *(e.constant(None, T.NONE) for _ in range(3))], [T.NONE])
        return outcome
    raise e.unsupported(f"{manager.subject()} cannot be used in 'with'.", item.context_expr)


def _enter_type(e: Emitter, cls: T.ClassType) -> T.Type:
    method = e.program.class_method(cls, "__enter__")
    if method is None or e.program.class_method(cls, "__exit__") is None:
        raise e.error(
            f"The class '{cls.qualified_name}' has no __enter__ or no __exit__: it cannot stand in 'with'."
        )
    return method.schema.return_type


def _inside(e: Emitter, node: ast.With, index: int) -> Outcome:
    from .control import without_rest

    with without_rest(e):
        return emit_with(e, node, index + 1)


def _gradient_mode(e: Emitter, node: ast.With, index: int, manager: Manager) -> Outcome:
    """`torch.no_grad()` and its like: an object of PyTorch's that both back ends know by its class."""
    if manager.cls not in GRADIENT_MODES:
        return _inside(e, node, index)
    if manager.cls is torch.inference_mode and manager.positional:
        return _inference_mode(e, node, index, manager)
    value = enter_gradient_mode(e, manager.cls)
    outcome = _inside(e, node, index)
    exit_gradient_mode(e, value)
    return outcome


def _inference_mode(e: Emitter, node: ast.With, index: int, manager: Manager) -> Outcome:
    """`with torch.inference_mode(flag)`: without the mode nothing changes."""
    from . import conditions
    from .control import emit_if

    def under(enabled: bool) -> Outcome:
        return (
            _gradient_mode(e, node, index, Manager(torch.no_grad, [])) if enabled else _inside(e, node, index)
        )

    condition = conditions.of_value(e, manager.positional[0])
    if condition.value is None:
        return under(bool(condition.static))
    return emit_if(e, condition.value, lambda: under(True), lambda: under(False))


def _set_gradient_mode(e: Emitter, node: ast.With, index: int, manager: Manager) -> Outcome:
    """`with torch.set_grad_enabled(flag)`."""
    from . import conditions
    from .control import emit_if

    def under(enabled: bool) -> Outcome:
        return _gradient_mode(e, node, index, Manager(torch.enable_grad if enabled else torch.no_grad, []))

    condition = conditions.of_value(e, manager.positional[0])
    if condition.value is None:
        return under(bool(condition.static))
    return emit_if(e, condition.value, lambda: under(True), lambda: under(False))


def emit_alone(e: Emitter, manager: Manager) -> None:
    """A manager that stands by itself: `torch.set_grad_enabled(flag)` switches when it is made, no other does."""
    from . import conditions

    if manager.cls is torch.set_grad_enabled:
        condition = conditions.of_value(e, manager.positional[0])
        flag = condition.value or e.constant(bool(condition.static), T.BOOL)
        e.call_operator("aten::set_grad_enabled", [Dynamic(flag)], {}, "set_grad_enabled")


def _autocast_of(e: Emitter, manager: Val) -> autocasting.Autocast | None:
    if isinstance(manager, autocasting.Autocast):
        return manager
    made = autocasting.object_of(manager)
    if made is None:
        return None
    e.depend(manager)
    return autocasting.of_object(e, made)


def _autocast(e: Emitter, node: ast.With, index: int, settings: autocasting.Settings) -> Outcome:
    """`with torch.autocast(…)`."""
    from . import conditions
    from .control import emit_if

    def under(enabled: bool) -> Outcome:
        entered = autocasting.enter(e, settings, enabled)
        outcome = _inside(e, node, index)
        autocasting.leave(e, entered)
        return outcome

    condition = conditions.of_value(e, settings.enabled)
    if condition.value is None:
        return under(bool(condition.static))
    return emit_if(e, condition.value, lambda: under(True), lambda: under(False))


def enter(e: Emitter, manager: DecoratingManager) -> list[Value]:
    """Emit the beginning of what a decorator puts around a function."""
    if isinstance(manager, torch.autocast):
        return autocasting.enter(e, autocasting.of_object(e, manager).settings, manager._enabled)
    return [enter_gradient_mode(e, manager)]


def leave(e: Emitter, entered: list[Value]) -> None:
    autocasting.leave(e, entered)


def enter_gradient_mode(e: Emitter, cls: type) -> Value:
    """Emit the beginning of `with cls():`; the manager."""
    name = "no_grad" if not GRADIENT_MODES[cls] else "enable_grad"
    value = e.emit("prim::CreateObject", [], [e.program.gradient_mode(name)]).output
    e.emit("prim::Enter", [value], [T.NONE])
    return value


def exit_gradient_mode(e: Emitter, manager: Value) -> None:
    e.emit("prim::Exit", [manager, *(e.constant(None, T.NONE) for _ in range(3))], [T.NONE])


class Decorated(NamedTuple):
    """`@torch.no_grad()` or `@torch.autocast("cpu")` on a function: the manager, and the function below it."""

    manager: DecoratingManager
    function: Any


_DECORATORS = {"decorate_context": "torch.utils._contextlib", "decorate_autocast": "torch.amp.autocast_mode"}


def decorated_by_manager(function: Any) -> Decorated | None:
    """What a function is made of, if it is one that a context manager decorates."""
    code = getattr(function, "__code__", None)
    if code is None or code.co_name not in _DECORATORS or function.__module__ is None:
        return None
    if function.__globals__.get("__name__") != _DECORATORS[code.co_name]:
        return None
    cells = dict(zip(code.co_freevars, (c.cell_contents for c in function.__closure__), strict=True))
    if code.co_name == "decorate_autocast":
        return Decorated(cells["autocast_instance"], cells["func"])
    factory, inner = cells.get("ctx_factory"), cells.get("func")
    manager = type(getattr(factory, "__self__", None))
    return Decorated(manager, inner) if manager in GRADIENT_MODES and inner is not None else None

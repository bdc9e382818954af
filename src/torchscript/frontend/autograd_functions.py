"""`F.apply(x, …)` of an `autograd.Function`: its forward, compiled in place.

    y = Square.apply(x)      →      the statements of Square.forward(ctx, x)

The IR has no operator with a gradient of its own, so the gradient of compiled code is that of the operators
that forward calls. A warning says so once per class: where `backward` is meant to differ (straight-through
estimators), training needs eager mode.
"""

from __future__ import annotations

import ast
import types as python_types
import warnings
from typing import Any

import torch

from . import binding, compilation
from .emitter import Emitter
from .sources import function_source
from .values import Sequence, Special, Val


class GradientWarning(UserWarning):
    """Compiled code derives a gradient that the program defines itself."""


class Context(Val):
    """The `ctx` of a forward: what it keeps for backward, which compiled code does not run."""

    __slots__ = ("count",)

    def __init__(self, count: int) -> None:
        self.count = count

    def describe(self) -> str:
        return "the context of an autograd.Function"


_KEY = "<context>."
_NOTES = (
    "save_for_backward",
    "save_for_forward",
    "mark_dirty",
    "mark_non_differentiable",
    "set_materialize_grads",
)


def is_apply(obj: Any) -> bool:
    """Whether `obj` is `F.apply` of an `autograd.Function`."""
    return (
        isinstance(obj, python_types.MethodType)
        and isinstance(obj.__self__, type)
        and issubclass(obj.__self__, torch.autograd.Function)
        and obj.__name__ == "apply"
    )


def apply(e: Emitter, cls: Any, positional: list[Val], named: dict[str, Val]) -> Val:
    """The forward of `cls` on these arguments."""
    forward = cls.forward
    owner = getattr(forward, "__self__", None)
    forward = getattr(forward, "__func__", forward)
    if cls not in e.program.warned:
        e.program.warned.add(cls)
        warnings.warn(
            f"'{cls.__qualname__}.backward' is not compiled: the gradient of compiled code is derived from "
            f"'{cls.__qualname__}.forward'.\n{e.where().show()}",
            GradientWarning,
            stacklevel=2,
        )
    with_context = cls.setup_context is torch.autograd.Function.setup_context
    first: list[Val] = [Context(len(positional))] if with_context else []
    if owner is not None:
        first = [e.static(owner), *first]
    source = function_source(forward)
    defaults = (forward.__defaults__ or (), forward.__kwdefaults__ or {})
    bound = binding.bind(e, source, defaults, [*first, *positional], named, f"{cls.__qualname__}.forward")
    return compilation.inline(e, source, {k: b.val for k, b in bound.items()}, None, forward)


def read(e: Emitter, owner: Context, name: str, node: ast.AST | None) -> Val:
    """`ctx.name` in a forward."""
    if name in _NOTES:
        return Special(name, lambda e, node, positional, named: e.none())
    if name == "needs_input_grad":
        return Sequence([e.static(False) for _ in range(owner.count)])
    found = e.scope.get(_KEY + name)
    if found is None:
        raise e.error(f"The context has no '{name}' here.", node)
    return found


def write(e: Emitter, owner: Context, name: str, value: Val) -> None:
    """`ctx.name = value` in a forward."""
    e.scope.set(_KEY + name, value)

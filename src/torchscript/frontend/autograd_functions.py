"""`F.apply(x, …)` of an `autograd.Function`: in this process F itself, elsewhere its forward.

    y = Square.apply(x)      →      a call of Square.forward(ctx, x), compiled; Python runs Square.apply(x) for it

The IR has no operator with a gradient of its own, so in archives and native code the gradient is that of the operators
that forward calls. A warning says so once per class: where `backward` is meant to differ (straight-through
estimators), training needs the Python back end. What forward takes besides data makes it a part of its caller, also here.
"""

from __future__ import annotations

import ast
import types as python_types
import warnings
from typing import Any

import torch

from .. import types as T
from ..errors import CompileError
from . import binding, compilation, declarations, function_calls
from .control import discard
from .emitter import Emitter
from .problems import OutsideLanguageError
from .sources import FunctionSource, function_source
from .values import Sequence, Special, Val, known_of, type_of


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
            f"'{cls.__qualname__}.backward' is not compiled: it runs in this process only. In archives and native code "
            f"the gradient is derived from '{cls.__qualname__}.forward'.\n{e.where().show()}",
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
    called = _call(e, cls, forward, source, bound, len(first))
    if called is not None:
        return called
    return compilation.inline(e, source, {k: b.val for k, b in bound.items()}, None, forward)


def _call(
    e: Emitter, cls: Any, forward: Any, source: FunctionSource, bound: dict[str, binding.Bound], skipped: int
) -> Val | None:
    """A call of forward as a function of its own, for which Python runs `cls.apply`; None where it can be none."""
    given = dict(list(bound.items())[skipped:])
    passed = tuple(name for name, argument in given.items() if not argument.is_default)
    if any(type_of(given[n].val) is None and known_of(given[n].val) is None for n in passed):
        return None
    declared = declarations.declared_types(e.program, source)
    if function_calls.must_inline(e, source, given, declared):
        return None
    for all_static in (False, True):
        modes = function_calls.modes_of(e, bound, declared, None, all_static, forward)
        mark = len(e.block.nodes)
        try:
            compiled, values = function_calls.variant(
                e, forward, source, bound, modes, None, cls.__name__, (cls, passed)
            )
        except OutsideLanguageError:
            raise
        except CompileError:
            discard(e.block, mark)
            continue
        returned = compiled.schema.return_type
        parts = returned.elements if isinstance(returned, T.TupleType) else (returned,)
        if not parts or not all(isinstance(part, T.TensorType) for part in parts):
            discard(e.block, mark)
            return None
        if compiled.in_process is None:
            compiled.in_process = _apply_of(cls, [modes[name] for name in passed])
        return function_calls.emit_compiled_call(e, compiled, values, None)
    return None


def _apply_of(cls: Any, modes: list[tuple[Any, ...]]) -> Any:
    """`cls.apply` as a function of the arguments that are known only at run time."""
    fixed = [m[1].object if isinstance(m[1], function_calls.Identity) else m[1] for m in modes]
    places = [i for i, mode in enumerate(modes) if mode[0] == "typed"]

    def apply(*values: Any) -> Any:
        arguments = list(fixed)
        for place, value in zip(
            places, values, strict=False
        ):  # defaults come last, and backward knows nothing of them
            arguments[place] = value
        return cls.apply(*arguments)

    return apply


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

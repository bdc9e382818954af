"""What stays Python: calls of functions that are not compiled."""

from __future__ import annotations

import ast
import functools
import warnings
from typing import Any

import torch

from .. import types as T
from ..errors import ArgumentError, CompileError
from ..set_values import for_compiled_code
from . import declarations, marks
from .emitter import Emitter
from .pending import settled
from .sources import function_source
from .values import Dynamic, Module, Val


class UncompiledWarning(UserWarning):
    """A Python function stays a Python call; the result cannot be saved."""


def unused_call(e: Emitter, function: Any, display: str) -> Val:
    from .statements import raise_error

    raise_error(e, RuntimeError, e.static(f"'{display}' is marked unused: it cannot run in compiled code."))
    try:
        declared = declarations.declared_types(e.program, function_source(marks.unwrap(function)))
    except CompileError:
        declared = {}
    type = declared.get("return", T.TENSOR)
    if isinstance(type, T.NoneType):
        return e.none()
    return Dynamic(e.emit("prim::Uninitialized", [], [type]).output)


def python_call(
    e: Emitter,
    function: Any,
    positional: list[Val],
    named: dict[str, Val],
    owner: Module | None,
    display: str,
    reason: str,
    error: CompileError | None = None,
) -> Val:
    """Emit a call of a Python function that stays one; one warning names it."""
    if not e.program.allow_python_calls:
        raise e.unsupported(f"'{display}' cannot be compiled ({reason.rstrip('.')}).") from error
    arguments = [e.materialize(owner)] if owner is not None else []
    arguments.extend(e.materialize(v) for v in positional)
    arguments.extend(e.materialize(v) for v in named.values())
    try:
        declared = declarations.declared_types(e.program, function_source(marks.unwrap(function)))
    except CompileError:
        declared = {}
    result = declared.get("return")
    called = function
    if e.program.fallback and owner is not None:
        owner.spec.cls.python_methods[display] = (function, reason)
    if result is None:
        result = T.TENSOR
        if e.program.fallback and _returns_other(function):
            result = T.ANY
        elif e.program.fallback:
            called = _only_tensor(function, display)
    if function not in e.program.warned and not e.program.fallback:
        e.program.warned.add(function)
        warnings.warn(
            f"'{display}' stays a Python call: {reason.rstrip('.')}. It runs in this process, but what calls it "
            f"cannot be saved.\n{e.where().show()}",
            UncompiledWarning,
            stacklevel=2,
        )
    called = for_compiled_code(called, [settled(a.type) for a in arguments], tuple(named), result)
    node = e.emit(
        "prim::PythonCall",
        arguments,
        [] if isinstance(result, T.NoneType) else [result],
        {"callable": called, "name": display, "keywords": tuple(named), "reason": reason},
    )
    return Dynamic(node.output) if node.outputs else e.none()


def _returns_other(function: Any) -> bool:
    """Whether a function's own text returns something that is no Tensor."""
    try:
        tree = function_source(marks.unwrap(function)).tree
    except CompileError:
        return False
    other = ast.Tuple | ast.List | ast.Dict | ast.Constant | ast.ListComp | ast.DictComp | ast.JoinedStr
    returned = [n.value for n in ast.walk(tree) if isinstance(n, ast.Return)]
    return not returned or any(v is None or isinstance(v, other) for v in returned)


def _only_tensor(function: Any, display: str) -> Any:
    """`function`, for code that was compiled for a Tensor as its result."""

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        if not isinstance(result, torch.Tensor):
            raise ArgumentError(
                f"'{display}', which stays a Python call, returns a {type(result).__name__}, but has no annotation and "
                f"was taken to return a Tensor. Annotate what it returns: def {display}(…) -> …"
            )
        return result

    return checked

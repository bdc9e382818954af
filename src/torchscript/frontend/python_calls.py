"""What stays Python: calls of functions that are not compiled."""

from __future__ import annotations

import warnings
from typing import Any

from .. import types as T
from ..errors import CompileError
from . import declarations, marks
from .emitter import Emitter
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
    arguments = [e.module_value(owner)] if owner is not None else []
    if owner is not None:
        arguments = [e.materialize(owner)]
    arguments.extend(e.materialize(v) for v in positional)
    arguments.extend(e.materialize(v) for v in named.values())
    try:
        declared = declarations.declared_types(e.program, function_source(marks.unwrap(function)))
    except CompileError:
        declared = {}
    result = declared.get("return", T.TENSOR)
    if function not in e.program.warned:
        e.program.warned.add(function)
        warnings.warn(
            f"'{display}' stays a Python call: {reason.rstrip('.')}. It runs in this process, but what calls it "
            f"cannot be saved.\n{e.where().show()}",
            UncompiledWarning,
            stacklevel=2,
        )
    node = e.emit(
        "prim::PythonCall",
        arguments,
        [] if isinstance(result, T.NoneType) else [result],
        {"callable": function, "name": display, "keywords": tuple(named), "reason": reason},
    )
    return Dynamic(node.output) if node.outputs else e.none()

"""The table of expressions: one handler per kind of syntax tree node."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from .. import types as T
from .emitter import Emitter
from .values import Val

Handler = Callable[[Emitter, Any, "T.Type | None"], Val]
HANDLERS: dict[type[ast.expr], Handler] = {}


def expression(kind: type[ast.expr]) -> Callable[[Handler], Handler]:
    """The decorated function compiles expressions of this kind; its last argument is the type that their place asks for."""

    def register(handler: Handler) -> Handler:
        HANDLERS[kind] = handler
        return handler

    return register

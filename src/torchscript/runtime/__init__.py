"""What users hold: compiled functions, modules, classes, and how they are made, saved and loaded."""

from __future__ import annotations

from typing import Any

from ..ir.graph import Function


def compiled_function_of(obj: Any) -> Function | None:
    """The compiled function behind an object that this library made, or None."""
    found = getattr(obj, "_ts_function", None)
    return found if isinstance(found, Function) else None

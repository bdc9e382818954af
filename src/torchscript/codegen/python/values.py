"""Constants among values."""

from __future__ import annotations

from typing import Any

from ...ir.graph import Value


def is_constant(value: Value) -> bool:
    return value.node is not None and value.node.kind in ("prim::Constant", "prim::Uninitialized")


def constant_of(value: Value) -> Any:
    """The Python object of a `prim::Constant`."""
    assert value.node is not None
    return value.node.attributes.get("value")

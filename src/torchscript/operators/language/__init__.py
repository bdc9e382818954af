"""The language's own operators, beside those of PyTorch's dispatcher: one table per type."""

from __future__ import annotations

from ...schema import Schema


def language_schemas_of(name: str) -> tuple[Schema, ...]:
    return ()

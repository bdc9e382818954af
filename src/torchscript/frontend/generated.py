"""Code that the compiler writes: a function as text, compiled in place of an expression."""

from __future__ import annotations

import ast

from . import compilation
from .emitter import Emitter
from .sources import FunctionSource
from .values import Val


def in_place(e: Emitter, text: str, names: dict[str, Val]) -> Val:
    """The result of the function `text` with these arguments; errors in it stand at the user's place."""
    tree = ast.parse(text).body[0]
    assert isinstance(tree, ast.FunctionDef)
    for node in ast.walk(tree):
        ast.copy_location(node, e.node)
    return compilation.inline(e, FunctionSource(tree, e.source.source, tree.name, e.source.names, {}), names)

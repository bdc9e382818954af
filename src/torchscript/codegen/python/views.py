"""Selecting and slicing tensors as subscripts, which take Python's short way into PyTorch.

aten::select.int(aten::slice.Tensor(%x, 0, None, None, 1), 1, %i)    →    x[:, i]
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ... import types as T
from ...ir.graph import Node
from ...schema import Schema
from .templates import Location
from .values import constant_of, is_constant

_LOAD = ast.Load()
_MOST_DIMENSIONS = 64
"""Dimensions from there on are passed in a call, which is shorter than a colon for each of those before."""


@dataclass(frozen=True, slots=True)
class View:
    """A subscript taken apart: an entry for each dimension of `base` from the first on; None is all of it."""

    base: ast.expr
    entries: tuple[ast.expr | None, ...]

    def then(self, dimension: int, entry: ast.expr | None) -> View | None:
        """The view of this view; None where it takes a second subscript.

        The new entry must stand behind those there are, so that Python evaluates them in the same order.
        """
        position = -1
        remaining = dimension
        while remaining >= 0:
            position += 1
            selects = position < len(self.entries) and not isinstance(
                self.entries[position], ast.Slice | None
            )
            remaining -= not selects
        if any(e is not None for e in self.entries[position:]):
            return None
        padding = (None,) * (position - len(self.entries))
        return View(self.base, (*self.entries[:position], *padding, entry))

    def tree(self, at: Location) -> ast.Subscript:
        entries = list(self.entries)
        while len(entries) > 1 and entries[-1] is None:
            entries.pop()
        parts: list[ast.expr] = [ast.Slice(None, None, None, **at) if e is None else e for e in entries]
        index = parts[0] if len(parts) == 1 else ast.Tuple(parts, _LOAD, **at)
        return ast.Subscript(self.base, index, _LOAD, **at)


def view_template(node: Node, schema: Schema) -> str | None:
    """The template of a view of one dimension that is known."""
    if schema.key not in ("aten::select.int", "aten::slice.Tensor") or not is_constant(node.inputs[1]):
        return None
    entry = "{2}" if schema.key == "aten::select.int" else "{2}:{3}:{4}"
    dimension: int = constant_of(node.inputs[1])
    if not -_MOST_DIMENSIONS <= dimension < _MOST_DIMENSIONS:
        return None
    if dimension >= 0:
        return f"{{0}}[{':, ' * dimension}{entry}]"
    return f"{{0}}[..., {entry}{', :' * (-1 - dimension)}]"


def view_of(node: Node, tree: ast.expr, views: dict[ast.expr, View]) -> View | None:
    """The view that a filled `view_template` is, on the view that it may be of."""
    dimension = constant_of(node.inputs[1])
    if dimension < 0 or not isinstance(tree, ast.Subscript):
        return None
    entry: ast.expr | None = (
        tree.slice.elts[-1] if isinstance(tree.slice, ast.Tuple) and dimension else tree.slice
    )
    if isinstance(entry, ast.Slice) and entry.lower is None and entry.upper is None and entry.step is None:
        entry = None
    inner = views.get(tree.value)
    merged = inner.then(dimension, entry) if inner is not None else None
    return merged or View(tree.value, (*(None,) * dimension, entry))


def index_subscript(node: Node, base: ast.expr, indices: ast.expr, at: Location) -> ast.Subscript | None:
    """`x[:, index]` for `aten::index.Tensor` with a list of tensors and None that is written out."""
    made = node.inputs[1].node
    if made is None or made.kind != "prim::ListConstruct" or not isinstance(indices, ast.List | ast.Tuple):
        return None
    known = all(isinstance(v.type, T.TensorType | T.NoneType) for v in made.inputs)
    if not known or len(indices.elts) != len(made.inputs) or not indices.elts:
        return None
    entries = [
        None if isinstance(v.type, T.NoneType) else e for v, e in zip(made.inputs, indices.elts, strict=True)
    ]
    return View(base, tuple(entries)).tree(at)

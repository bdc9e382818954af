"""The type of an argument that nobody annotated, where its use leaves no choice; otherwise it is a Tensor.

features["p3"], features.items()        →  Dict[str, Tensor]
self.layers[i](x)                       →  int, where self.layers is a list of modules
self.lstm(x, state)                     →  Tuple[Tensor, Tensor]
reduction in ("mean", "sum")            →  str
"""

from __future__ import annotations

import ast
from typing import Any

import torch

from .. import types as T

_LSTM_STATE = T.TupleType((T.TENSOR, T.TENSOR))
_OF_STRINGS = T.DictType(T.STRING, T.TENSOR)


def type_by_use(
    tree: ast.FunctionDef | ast.Lambda, name: str, module: torch.nn.Module | None
) -> T.Type | None:
    """What the parameter `name` of a function (a method of `module`) must be; None if nothing says so."""
    if any(_is_lstm_state(node, name, module) for node in ast.walk(tree)):
        return _LSTM_STATE
    for node in ast.walk(tree):
        if _is_name(node, name) and isinstance(node.ctx, ast.Store):  # type: ignore[attr-defined]
            return None
        asks = isinstance(node, ast.Call) and _is_name(node.func, "isinstance")
        if asks and any(_is_name(a, name) for a in node.args[:1]):  # type: ignore[attr-defined]
            return None  # it may be one thing or another
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript):
            key = node.slice
            if _is_name(node.value, name) and isinstance(key, ast.Constant) and isinstance(key.value, str):
                return _OF_STRINGS
            if _is_name(key, name):
                container = _attribute(node.value, module)
                if isinstance(container, torch.nn.ModuleDict):
                    return T.STRING
                if _holds_modules(container):
                    return T.INT
        elif isinstance(node, ast.Attribute) and _is_name(node.value, name):
            if node.attr in ("items", "keys"):
                return _OF_STRINGS
            if node.attr in ("startswith", "endswith", "lower", "upper"):
                return T.STRING
        elif isinstance(node, ast.Compare) and _is_compared_with_text(node, name):
            return T.STRING
    return None


def _is_compared_with_text(node: ast.Compare, name: str) -> bool:
    """`mode == "mean"`, `mode in (None, "mean", "sum")`."""
    sides = [node.left, *node.comparators]
    if len(sides) != 2 or not any(_is_name(side, name) for side in sides):
        return False
    other = sides[1] if _is_name(sides[0], name) else sides[0]
    if isinstance(node.ops[0], ast.In | ast.NotIn):
        parts = other.elts if isinstance(other, ast.Tuple | ast.List | ast.Set) and other is sides[1] else []
    else:
        parts = [other] if isinstance(node.ops[0], ast.Eq | ast.NotEq) else []
    return any(isinstance(part, ast.Constant) and isinstance(part.value, str) for part in parts)


def _is_lstm_state(node: ast.AST, name: str, module: torch.nn.Module | None) -> bool:
    """`self.lstm(x, state)`, whose state is a pair."""
    if not isinstance(node, ast.Call):
        return False
    given = [*node.args[1:2], *(k.value for k in node.keywords if k.arg == "hx")]
    called = _attribute(node.func, module)
    return isinstance(called, torch.nn.LSTM | torch.nn.LSTMCell) and any(_is_name(g, name) for g in given)


def is_called(tree: ast.FunctionDef | ast.Lambda, name: str) -> bool:
    """Whether a function calls what its parameter `name` holds."""
    return any(isinstance(node, ast.Call) and _is_name(node.func, name) for node in ast.walk(tree))


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _attribute(node: ast.expr, module: torch.nn.Module | None) -> Any:
    if module is None or not isinstance(node, ast.Attribute) or not _is_name(node.value, "self"):
        return None
    return getattr(module, node.attr, None)


def _holds_modules(value: Any) -> bool:
    if isinstance(value, torch.nn.ModuleList | torch.nn.Sequential):
        return True
    return isinstance(value, list) and bool(value) and all(isinstance(v, torch.nn.Module) for v in value)

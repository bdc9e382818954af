"""Compute at compile time what depends on constants alone.

    %2 : int = aten::add(%one, %one)             →    %2 : int = prim::Constant[value=2]()
    %3 : Tensor = prim::If(%true)                →    %4 : Tensor = aten::relu(%x)
      block0():
        %4 : Tensor = aten::relu(%x)
        -> (%4) …
    %5 : Tensor = prim::Loop(%zero, %true, %x)   →    (gone; %5 is %x)

Only numbers, strings and other values that cannot change are computed: a list or tensor made here would be
one and the same at each call. An operator that raises for these constants stays, and raises when reached.
"""

from __future__ import annotations

import ast
from functools import cache
from types import CodeType
from typing import Any

from .. import types as T
from ..ir.graph import Block, Graph, Node, Value
from ..operators.language import BUILTINS
from ..operators.runtime_helpers import NAMESPACE
from ..schema import Schema
from ..types.of_values import TYPE_OF_CLASS
from .constants import IMMUTABLE_VALUES, constant_int, constant_value, is_bool, is_constant
from .effects import has_side_effects

_UNKNOWN = object()
_LARGEST = 1 << 63
_LONGEST = 1 << 16


def propagate_constants(graph: Graph) -> bool:
    """Fold what is constant; True if there was anything. The constants that are left over are dead code."""
    return _fold_block(graph.block)


def _fold_block(block: Block) -> bool:
    changed = False
    nodes: list[Node] = []
    pending = list(reversed(block.nodes))
    while pending:
        node = pending.pop()
        if node.kind == "prim::If" and is_constant(node.inputs[0]):
            taken = node.blocks[0 if constant_value(node.inputs[0]) else 1]
            pending += reversed(_take_out(taken, block))
            _replace(node, list(taken.outputs))
            changed = True
        elif node.kind == "prim::Loop" and _never_runs(node):
            _replace(node, node.inputs[2:])
            changed = True
        elif node.blocks:
            for inner in node.blocks:
                changed |= _fold_block(inner)
            nodes.append(node)
        else:
            folded = _fold(node)
            if folded is None:
                nodes.append(node)
                continue
            for constant in folded:
                constant.block = block
            _replace(node, [constant.output for constant in folded])
            nodes += folded
            changed = True
    block.nodes = nodes
    return changed


def _take_out(taken: Block, into: Block) -> list[Node]:
    """The nodes of a block, which leave it for another."""
    nodes, taken.nodes = taken.nodes, []
    for node in nodes:
        node.block = into
    return nodes


def _replace(node: Node, values: list[Value]) -> None:
    for output, value in zip(node.outputs, values, strict=True):
        output.replace_all_uses_with(value)
    node.release()


def _never_runs(loop: Node) -> bool:
    trips = constant_int(loop.inputs[0])
    return (trips is not None and trips <= 0) or is_bool(loop.inputs[1], False)


def _fold(node: Node) -> list[Node] | None:
    """Constants in the place of the node's outputs, or None."""
    if node.kind == "prim::Constant" or not node.inputs or not all(map(is_constant, node.inputs)):
        return None
    if node.kind == "prim::unchecked_cast":
        result = constant_value(node.inputs[0])
    elif node.kind == "prim::TupleIndex":
        result = _tuple_index(*map(constant_value, node.inputs))
    elif node.schema is not None and not has_side_effects(node):
        result = _run(node.schema, [constant_value(v) for v in node.inputs])
    else:
        return None
    if result is _UNKNOWN:
        return None
    results = [result] if len(node.outputs) == 1 else list(result)
    types = [_type_of(value, output.type) for value, output in zip(results, node.outputs, strict=True)]
    constants = []
    for value, type, output in zip(results, types, node.outputs, strict=True):
        if type is None:
            return None
        attributes = {} if value is None else {"value": value}
        constant = Node("prim::Constant", (), (type,), attributes, node.source)
        constant.output.name = output.name
        constants.append(constant)
    return constants


def _tuple_index(elements: Any, index: Any) -> Any:
    if isinstance(elements, tuple) and type(index) is int and -len(elements) <= index < len(elements):
        return elements[index]
    return _UNKNOWN


@cache
def _compiled(key: str) -> CodeType | None:
    """The Python of an operator of the language, if it is an expression."""
    builtin = BUILTINS.get(key)
    if builtin is None or not isinstance(builtin.tree, ast.expr) or builtin.schema.is_vararg:
        return None
    body = builtin.build([ast.Name(f"_{i}", ast.Load()) for i in range(len(builtin.schema.arguments))])
    assert isinstance(body, ast.expr)
    return compile(ast.fix_missing_locations(ast.Expression(body)), f"<{key}>", "eval")


def _run(schema: Schema, values: list[Any]) -> Any:
    code = _compiled(schema.key)
    if code is None or not all(_is_plain(v) for v in values) or _is_large(schema, values):
        return _UNKNOWN
    try:
        return eval(code, dict(NAMESPACE), {f"_{i}": value for i, value in enumerate(values)})
    except Exception:  # it raises when the program gets there
        return _UNKNOWN


def _is_plain(value: Any) -> bool:
    """Whether Python computes with the value as compiled code does (a dtype may be an int elsewhere)."""
    if isinstance(value, tuple):
        return all(map(_is_plain, value))
    return isinstance(value, IMMUTABLE_VALUES) and not value.__class__.__module__.startswith("torch")


def _is_large(schema: Schema, values: list[Any]) -> bool:
    """Whether the result may be too large to compute here: `2 ** 100000`, `"a" * 1000000`."""
    ints = [abs(v) for v in values if isinstance(v, int)]
    if schema.name in ("aten::pow", "aten::__lshift__"):
        return any(v > 1024 for v in ints)
    return any(v > _LONGEST for v in ints) and any(isinstance(v, str | tuple) for v in values)


_FOLDED = (T.BoolType, T.IntType, T.FloatType, T.ComplexType, T.StringType)


def _type_of(value: Any, wanted: T.Type) -> T.Type | None:
    """The type of a constant in the place of an output of type `wanted`; None where it should be none."""
    if value is None:
        return T.NONE if T.NONE.is_subtype_of(wanted) else None
    if type(value) is int and not -_LARGEST <= value < _LARGEST:
        return None
    if isinstance(value, str) and len(value) > _LONGEST:
        return None
    plain = TYPE_OF_CLASS.get(type(value))
    if isinstance(plain, _FOLDED):
        return plain if plain.is_subtype_of(wanted) else None
    if isinstance(value, IMMUTABLE_VALUES):
        return wanted.element if isinstance(wanted, T.OptionalType) else wanted
    if isinstance(value, tuple) and isinstance(wanted, T.TupleType) and len(value) == len(wanted.elements):
        types = [_type_of(v, t) for v, t in zip(value, wanted.elements, strict=True)]
        if all(t is not None for t in types):
            return wanted
    return None

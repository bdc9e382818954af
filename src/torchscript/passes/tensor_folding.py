"""Compute at compile time the tensors that depend on constants alone, as those of a frozen module.

    %2 : Tensor = aten::t(%weight)                    %4 : Tensor = prim::Constant[value=<Tensor>]()
    %3 : Tensor = aten::mul(%2, %half)           →    %5 : Tensor = aten::matmul(%x, %4)
    %5 : Tensor = aten::matmul(%x, %3)

Not what is written afterwards, or given to whoever called the graph: that has to be a new tensor each time. Not
random numbers, and not what autocast may cast. An operator that raises stays, and raises when it is reached. Nothing gets
much larger by it.
"""

from __future__ import annotations

from typing import Any

import torch

from .. import types as T
from ..codes import dtype_of, layout_of, memory_format_of
from ..ir.graph import Block, Graph, Node
from ..operators.dispatcher import overload_of
from .aliasing import AliasSets
from .effects import has_side_effects, nodes_in_autocast
from .fusible import UNKNOWN, known

MOST_BYTES = 1 << 16
"""A constant is no larger than this, or than the constants that it is computed of."""

_CODES: dict[type[T.Type], Any] = {
    T.DtypeType: dtype_of,
    T.LayoutType: layout_of,
    T.MemoryFormatType: memory_format_of,
}


_PLAIN: dict[type[T.Type], type] = {T.IntType: int, T.FloatType: float, T.BoolType: bool}


def fold_tensors(graph: Graph) -> bool:
    """Fold operators on constant tensors; True if there was one."""
    return _fold_block(graph.block, AliasSets(graph), nodes_in_autocast(graph))


def _fold_block(block: Block, aliases: AliasSets, excluded: set[Node]) -> bool:
    changed = False
    nodes: list[Node] = []
    for node in block.nodes:
        if not node.is_closed:
            for inner in node.blocks:
                changed |= _fold_block(inner, aliases, excluded)
        result = None if node in excluded else _result(node, aliases)
        if result is None:
            nodes.append(node)
            continue
        constant = Node("prim::Constant", (), (node.output.type,), {"value": result}, node.source)
        constant.block = block
        constant.output.name = node.output.name
        node.output.replace_all_uses_with(constant.output)
        node.release()
        nodes.append(constant)
        changed = True
    block.nodes = nodes
    return changed


def _result(node: Node, aliases: AliasSets) -> Any:
    """The tensor or number that the node computes; None where it cannot be known, or should not."""
    if node.schema is None or len(node.outputs) != 1 or node.blocks or not _has_tensor(node):
        return None
    overload = overload_of(node.schema)
    if overload is None or has_side_effects(node):
        return None
    output = node.output
    if any(map(aliases.is_written, [output, *node.inputs])) or aliases.escapes(output):
        return None
    arguments = [known(v) for v in node.inputs]
    if any(value is UNKNOWN for value in arguments):
        return None
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for argument, value in zip(node.schema.arguments, arguments, strict=True):
        type = argument.type.element if isinstance(argument.type, T.OptionalType) else argument.type
        if type.__class__ in _CODES and isinstance(value, int):
            value = _CODES[type.__class__](value)
        if argument.kwarg_only:
            named[argument.name] = value
        else:
            positional.append(value)
    try:
        with torch.no_grad():
            result = overload(*positional, **named)
    except Exception:  # it raises when the program gets there
        return None
    if isinstance(result, torch.Tensor):
        return result if isinstance(output.type, T.TensorType) and _is_small(result, arguments) else None
    return result if result.__class__ is _PLAIN.get(output.type.__class__) else None


def _has_tensor(node: Node) -> bool:
    return any(isinstance(v.type, T.TensorType) for v in node.inputs)


def _is_small(result: torch.Tensor, arguments: list[Any]) -> bool:
    if result.layout != torch.strided or result.is_quantized:
        return False
    tensors = [v for v in arguments if isinstance(v, torch.Tensor)]
    tensors += [v for a in arguments if isinstance(a, list) for v in a if isinstance(v, torch.Tensor)]
    return result.nbytes <= max(MOST_BYTES, sum(v.nbytes for v in tensors))

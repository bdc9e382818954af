"""A slow, obvious interpreter of graphs of ints, bools, lists and tuples, to compare generated code with."""

from __future__ import annotations

import operator
from typing import Any

from torchscript.ir import Block, Graph, Node

OPERATIONS = {
    "aten::add": operator.add,
    "aten::sub": operator.sub,
    "aten::mul": operator.mul,
    "aten::lt": operator.lt,
    "aten::eq": operator.eq,
    "aten::floordiv": operator.floordiv,
    "aten::__not__": operator.not_,
    "aten::__or__": operator.or_,
    "aten::len": len,
    "aten::__getitem__": operator.getitem,
    "prim::TupleIndex": operator.getitem,
    "prim::unchecked_cast": lambda x: x,
    "aten::__range_length": lambda low, high, step: len(range(low, high, step)),
    "aten::__derive_index": lambda index, low, step: low + index * step,
}


class Raised(Exception):
    """A `prim::RaiseException` was reached."""


def run(graph: Graph, *arguments: Any) -> Any:
    results = run_block(graph.block, arguments, {})
    return results[0] if len(results) == 1 else tuple(results)


def run_block(block: Block, arguments: Any, env: dict) -> list[Any]:
    env.update(zip(block.parameters, arguments, strict=True))
    for node in block.nodes:
        results = run_node(node, env)
        env.update(zip(node.outputs, results, strict=True))
    return [env[v] for v in block.outputs]


def run_node(node: Node, env: dict) -> list[Any]:
    inputs = [env[v] for v in node.inputs]
    match node.kind:
        case "prim::Constant":
            return [node.attributes.get("value")]
        case "prim::Uninitialized":
            return [None]
        case "prim::If":
            return run_block(node.blocks[0 if inputs[0] else 1], (), env)
        case "prim::Loop":
            trips, again, *carried = inputs
            index = 0
            while again and index < trips:
                again, *carried = run_block(node.blocks[0], (index, *carried), env)
                index += 1
            return carried
        case "prim::TupleConstruct":
            return [tuple(inputs)]
        case "prim::ListConstruct":
            return [list(inputs)]
        case "prim::TupleUnpack" | "prim::ListUnpack":
            return list(inputs[0])
        case "aten::append":
            inputs[0].append(inputs[1])
            return [inputs[0]]
        case "prim::PythonCall":
            return [node.attributes["callable"](*inputs)]
        case "prim::RaiseException":
            raise Raised(inputs[0])
        case _:
            return [OPERATIONS[node.kind](*inputs)]

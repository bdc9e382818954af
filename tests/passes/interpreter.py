"""Runs a graph node by node, as slowly and plainly as can be: what the passes are checked against."""

import ast
import functools

import torch

from torchscript import types as T
from torchscript.codes import dtype_of, layout_of, memory_format_of
from torchscript.operators.dispatcher import overload_of
from torchscript.operators.language import BUILTINS, builtin_of
from torchscript.operators.runtime_helpers import NAMESPACE


def run(graph, *inputs):
    """What the graph returns: a tuple if it has not one output."""
    results = _block(graph.block, dict(zip(graph.inputs, inputs, strict=True)))
    return results[0] if len(results) == 1 else tuple(results)


def _block(block, env):
    for node in block.nodes:
        results = _node(node, [env[v] for v in node.inputs], env)
        env.update(zip(node.outputs, results, strict=True))
    return [env[v] for v in block.outputs]


def _node(node, inputs, env):
    kind = node.kind
    if kind == "prim::Constant":
        return [node.attributes.get("value")]
    if kind == "prim::If":
        return _block(node.blocks[0 if inputs[0] else 1], env)
    if kind == "prim::Loop":
        (body,) = node.blocks
        trips, again, *carried = inputs
        trip = 0
        while again and trip < trips:
            env.update(zip(body.parameters, [trip, *carried], strict=True))
            again, *carried = _block(body, env)
            trip += 1
        return carried
    if kind == "prim::FusionGroup":
        (body,) = node.blocks
        return _block(body, dict(zip(body.parameters, inputs, strict=True)))
    if kind == "prim::CallFunction":
        return [run(node.attributes["function"].graph, *inputs[1:])]
    if kind == "prim::CallMethod":
        return [run(node.inputs[0].type.method(node.attributes["name"]).graph, *inputs)]
    if kind == "prim::GetAttr":
        return [getattr(inputs[0], node.attributes["name"])]
    if kind == "prim::ListConstruct":
        return [inputs]
    if kind == "prim::TupleConstruct":
        return [tuple(inputs)]
    if kind == "prim::DictConstruct":
        return [dict(zip(inputs[::2], inputs[1::2]))]
    if kind in ("prim::TupleUnpack", "prim::ListUnpack"):
        return list(inputs[0])
    if kind == "prim::unchecked_cast":
        return inputs
    if kind == "prim::Uninitialized":
        return [None]
    if kind == "prim::isinstance":
        return [isinstance(inputs[0], torch.Tensor)]
    return _operator(node, inputs)


@functools.cache
def _compiled(key):
    tree = BUILTINS[key].tree
    if isinstance(tree, ast.stmt):
        return compile(ast.fix_missing_locations(ast.Module([tree], [])), "<builtin>", "exec")
    return compile(ast.fix_missing_locations(ast.Expression(tree)), "<builtin>", "eval")


def _operator(node, inputs):
    schema = node.schema
    assert schema is not None, node.kind
    count = len(node.outputs)
    overload = overload_of(schema)
    if overload is None:
        builtin = builtin_of(schema)
        names = {f"_{i}": value for i, value in enumerate(inputs)} | {
            "_rest": inputs[len(schema.arguments) :]
        }
        result = eval(_compiled(schema.key), {**NAMESPACE, **names})
        if builtin.returns_first:
            result = inputs[0]
    else:
        positional, named = [], {}
        for argument, value in zip(schema.arguments, inputs, strict=True):
            value = _decoded(argument.type, value)
            if argument.kwarg_only:
                named[argument.name] = value
            else:
                positional.append(value)
        result = overload(*positional, **named)
    if count == 0:
        return []
    return [result] if count == 1 else list(result)


def _decoded(type, value):
    """The dtype that an int stands for, where the schema wants a dtype."""
    if type_is(type, T.DtypeType) and isinstance(value, int):
        return dtype_of(value)
    if type_is(type, T.LayoutType) and isinstance(value, int):
        return layout_of(value)
    if type_is(type, T.MemoryFormatType) and isinstance(value, int):
        return memory_format_of(value)
    return value


def type_is(type, wanted):
    return isinstance(type.element if isinstance(type, T.OptionalType) else type, wanted)

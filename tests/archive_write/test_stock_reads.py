"""What is written is read by stock PyTorch, and computes the same."""

import copy
import io

import pytest
import torch
from codegen_python import interpreter
from codegen_python.random_graphs import random_graph

import torchscript as jit
from torchscript import types as T
from torchscript.archive.writer import save_to_buffer
from torchscript.codegen.source import code
from torchscript.ir import Graph, Node
from torchscript.operators import schemas_of
from torchscript.schema import match_overloads

from .programs import CASES
from .support import code_of, from_stock, function_of, stock_load


def outcome(function, args):
    try:
        return function(*copy.deepcopy(args))
    except Exception as error:
        return str(error).strip().splitlines()[-1].rpartition(": ")[2]


@pytest.mark.parametrize(("function", "inputs"), CASES, ids=[f.__name__ for f, _ in CASES])
def test_graphs_of_stock(function, inputs, assert_same):
    stock, ours = from_stock(function)
    loaded = stock_load(save_to_buffer(ours))
    for args in inputs:
        assert_same(outcome(loaded, args), outcome(stock, args))


@pytest.mark.parametrize(("function", "inputs"), CASES, ids=[f.__name__ for f, _ in CASES])
def test_scripted(function, inputs, assert_same):
    scripted = jit.script(function)
    loaded = stock_load(save_to_buffer(scripted))
    for args in inputs:
        assert_same(outcome(loaded, args), outcome(torch.jit.script(function), args))


@pytest.mark.parametrize(("function", "inputs"), CASES, ids=[f.__name__ for f, _ in CASES])
def test_saving_again_gives_the_same_source(function, inputs):
    loaded = jit.load(io.BytesIO(save_to_buffer(jit.script(function))))
    once = save_to_buffer(loaded)
    again = save_to_buffer(jit.load(io.BytesIO(once)))
    assert code_of(again) == code_of(once)


def noted():
    """The Python function that random graphs call, as one that can be saved."""
    graph = Graph("noted")
    log = graph.block.add_parameter(T.ListType(T.INT), "log")
    x = graph.block.add_parameter(T.INT, "x")
    schema = match_overloads(schemas_of("aten::append"), [log, x], {}).schema
    graph.block.add("aten::append", [log, x], [log.type], schema=schema)
    schema = match_overloads(schemas_of("aten::add"), [x, x], {}).schema
    one = graph.block.constant(1, T.INT)
    graph.block.add_output(graph.block.add("aten::add", [x, one], [T.INT], schema=schema).output)
    return function_of(graph, "noted")


def without_python_calls(graph):
    function = noted()
    for node in list(graph.all_nodes()):
        if node.kind == "prim::PythonCall":
            attributes = {"name": "noted", "function": function}
            name = node.block.insert_before(node, Node("prim::Constant", [], [T.FUNCTION], attributes))
            node.kind, node.attributes = "prim::CallFunction", {"function": function}
            node.set_inputs([name.output, *node.inputs])
    return graph


@pytest.mark.parametrize("start", range(0, 60, 10))
def test_random_graphs(start):
    for seed in range(start, start + 10):
        graph, changed = random_graph(seed), without_python_calls(random_graph(seed))
        for each in (graph, changed):
            each.block.add_output(each.inputs[3])
        function = function_of(changed, argument_names=["a", "b", "n", "log"])
        data = save_to_buffer(function)
        loaded, ours = stock_load(data), jit.load(io.BytesIO(data))
        for numbers in ((0, 1, 2), (3, -1, 5), (2, 2, 0)):
            try:
                wanted = interpreter.run(graph, *numbers, [1, 2])
            except interpreter.Raised:
                for program in (loaded, ours):
                    with pytest.raises((RuntimeError, torch.jit.Error), match="stop"):
                        program(*numbers, [1, 2])
                continue
            assert loaded(*numbers, [1, 2]) == wanted, f"graph {seed}\n{code(function)}"
            assert ours(*numbers, [1, 2]) == wanted, f"graph {seed}\n{code(function)}"


def test_a_long_chain_of_elif():
    graph = Graph()
    n = graph.block.add_parameter(T.INT, "n")
    block, results = graph.block, []
    for i in range(3000):
        case = block.add_parameter(T.BOOL, "c") if block is graph.block else None
        node = block.add("prim::If", [case or graph.inputs[1]], [T.INT])
        node.add_block().add_output(node.blocks[0].constant(i, T.INT))
        node.add_block()
        results.append((block, node))
        block = node.blocks[1]
    block.add_output(n)
    for outer, node in results:
        outer.add_output(node.output)
    text = code(function_of(graph))
    assert text.count("elif") == 2999


def chain(size):
    graph = Graph()
    x = value = graph.block.add_parameter(T.INT, "x")
    schema = match_overloads(schemas_of("aten::add"), [x, x], {}).schema
    for i in range(size):
        value = graph.block.add("aten::add", [value, x], [T.INT], schema=schema).output
        value.name = "y" if i % 3 == 0 else None
    graph.block.add_output(value)
    return function_of(graph)


def test_work_is_linear_in_length(calls_made):
    short, long = chain(1_000), chain(8_000)
    code(chain(100))
    assert calls_made(lambda: code(long)) < 10 * calls_made(lambda: code(short))

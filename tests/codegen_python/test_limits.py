"""What CPython limits: nested blocks, deep expressions, deep trees; and the time that long functions take."""

import pytest

from torchscript import types as T
from torchscript.codegen.python import compile_function, emit_source
from torchscript.ir import Graph

from .graphs import function, loop, operator


def sum_of(count, name=None):
    """`x + 1 + 1 …`, `count` times."""
    graph = Graph()
    x = graph.block.add_parameter(T.INT, "x")
    one = graph.block.constant(1, T.INT)
    for _ in range(count):
        x = operator(graph.block, "aten::add", x, one, name=name)
    graph.block.add_output(x)
    return function(graph)


def elif_chain(count, in_then=False):
    """`if x < 0: return 0` …, each in the second branch of the one before, or in the first."""
    graph = Graph()
    x = graph.block.add_parameter(T.INT, "x")
    block, opened = graph.block, []
    for i in range(count):
        test = operator(block, "aten::lt", x, block.constant(i, T.INT))
        if in_then:
            test = operator(block, "aten::__not__", test)
        node = block.add("prim::If", [test])
        sides = [node.add_block(), node.add_block()]
        leaves, block_after = (sides[1], sides[0]) if in_then else (sides[0], sides[1])
        leaves.add_output(leaves.constant(i, T.INT))
        opened.append((block, node))
        block = block_after
    block.add_output(x)
    for outer, node in reversed(opened):
        outer.add_output(node.add_output(T.INT))
    return function(graph)


def nested_loops(count):
    graph = Graph()
    x = graph.block.add_parameter(T.INT, "x")
    true, once = graph.block.constant(True, T.BOOL), graph.block.constant(1, T.INT)
    block, value, opened = graph.block, x, []
    for _ in range(count):
        node = loop(block, once, true, value)
        opened.append((block, node))
        block, value = node.blocks[0], node.blocks[0].parameters[1]
    value = operator(block, "aten::add", value, x, name="x")
    for _, node in reversed(opened):
        node.blocks[0].add_output(true)
        node.blocks[0].add_output(value)
        value = node.outputs[0]
    graph.block.add_output(value)
    return function(graph)


@pytest.mark.parametrize("count", [49, 50, 51, 5000])
def test_deep_expression(count):
    assert compile_function(sum_of(count))(3) == 3 + count


@pytest.mark.parametrize("in_then", [False, True])
def test_long_chain_of_branches(in_then):
    compiled = compile_function(elif_chain(1000, in_then))
    assert [compiled(x) for x in (-1, 0, 500, 5000)] == [0, 1, 501, 5000]


@pytest.mark.parametrize("count", [17, 18, 19, 20, 21, 60])
def test_nested_loops(count):
    assert compile_function(nested_loops(count))(3) == 6


def test_deep_loops_become_functions():
    assert "x_1 = _loop(x_1, x)" in emit_source(nested_loops(19))


def test_work_is_linear_in_length(calls_made):
    short, long = sum_of(500, "x"), sum_of(4000, "x")
    compile_function(sum_of(100, "x"))
    assert calls_made(lambda: compile_function(long)) < 10 * calls_made(lambda: compile_function(short))


def test_many_values_alive_at_once():
    graph = Graph()
    total = graph.block.add_parameter(T.INT, "x")
    values = [operator(graph.block, "aten::add", total, total, name="v") for _ in range(2000)]
    for value in values:
        total = operator(graph.block, "aten::add", total, value, name="t")
    graph.block.add_output(total)
    assert compile_function(function(graph))(1) == 4001

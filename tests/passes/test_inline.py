"""Inlining needs functions, which text does not carry; and how long passes take."""

import pytest

from torchscript import types as T
from torchscript.ir import Function, Graph, parse_graph, print_graph, verify
from torchscript.operators.dispatcher import schema_of
from torchscript.passes import PASSES, inline_calls
from torchscript.schema import parse_schema


def function(text, schema):
    return Function("__torch__.f", parse_graph(text), parse_schema(schema))


def call(block, function, *inputs):
    constant = block.add("prim::Constant", (), [T.FUNCTION], {"name": function.name, "function": function})
    types = [function.schema.return_type]
    return block.add("prim::CallFunction", [constant.output, *inputs], types, {"function": function}).output


DOUBLE = """
graph(%x : Tensor):
  %1 : int = prim::Constant[value=1]()
  %y : Tensor = aten::add(%x, %x, %1) # double.py:2:11
  return (%y)"""


def test_functions_in_functions():
    double = function(DOUBLE, "f(Tensor x) -> Tensor")
    four = Graph()
    x = four.block.add_parameter(T.TENSOR, "x")
    four.block.add_output(call(four.block, double, call(four.block, double, x)))
    four_times = Function("__torch__.four", four, parse_schema("four(Tensor x) -> Tensor"))

    graph = Graph()
    z = graph.block.add_parameter(T.TENSOR, "z")
    graph.block.add_output(call(graph.block, four_times, z))
    verify(graph)
    before = print_graph(four)

    assert inline_calls(graph)
    verify(graph)
    assert (
        print_graph(graph)
        == """\
graph(%z.1 : Tensor):
  %0 : int = prim::Constant[value=1]()
  %y.1 : Tensor = aten::add(%z.1, %z.1, %0) # double.py:2:11
  %1 : int = prim::Constant[value=1]()
  %y.2 : Tensor = aten::add(%y.1, %y.1, %1) # double.py:2:11
  return (%y.2)
"""
    )
    assert print_graph(four) == before, "the callee keeps its calls"
    assert not inline_calls(graph)


def test_methods_in_blocks():
    owner = T.ClassType("__torch__.M")
    body = parse_graph("graph(%self : __torch__.M, %x : Tensor): return (%x)", {"__torch__.M": owner})
    owner.methods["forward"] = Function(
        "__torch__.M.forward", body, parse_schema("f(Any self, Tensor x) -> Tensor")
    )
    graph = parse_graph(
        """
graph(%m : __torch__.M, %x : Tensor, %c : bool):
  %1 : Tensor = prim::If(%c)
    block0():
      %2 : Tensor = prim::CallMethod[name="forward"](%m, %x)
      -> (%2)
    block1():
      -> (%x)
  return (%1)""",
        {"__torch__.M": owner},
    )
    assert inline_calls(graph)
    verify(graph)
    assert "CallMethod" not in print_graph(graph)


def test_a_function_that_calls_itself_stays():
    graph = Graph()
    itself = Function("__torch__.f", graph, parse_schema("f(Tensor x) -> Tensor"))
    x = graph.block.add_parameter(T.TENSOR, "x")
    graph.block.add_output(call(graph.block, itself, x))
    inline_calls(graph)
    verify(graph)
    assert "prim::CallFunction" in print_graph(graph)


def test_interfaces_stay():
    interface = T.InterfaceType("__torch__.I")
    text = 'graph(%m : __torch__.I):\n  %r : int = prim::CallMethod[name="f"](%m)\n  return (%r)'
    graph = parse_graph(text, {"__torch__.I": interface})
    assert not inline_calls(graph)


@pytest.mark.parametrize("name", PASSES)
def test_a_constant_with_many_users(name):
    """A graph of 60 000 nodes, most of which read the same constant (hopeless where users are searched)."""
    graph = Graph()
    x = graph.block.add_parameter(T.TENSOR, "x")
    one = graph.block.constant(1, T.INT)
    add = schema_of("aten::add.Scalar")
    for _ in range(20_000):
        graph.block.constant(1, T.INT)
        x = graph.block.add("aten::add", [x, one, one], [T.TENSOR], schema=add).output
        graph.block.add("aten::add", [x, one, one], [T.TENSOR], schema=add)
    graph.block.add_output(x)
    PASSES[name](graph)
    verify(graph)

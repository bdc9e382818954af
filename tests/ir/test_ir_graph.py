"""The data structure: uses follow every change."""

from torchscript import types as T
from torchscript.ir import Graph, Node, parse_graph, verify


def test_users_follow_inputs():
    graph = Graph()
    x, y = (graph.block.add_parameter(T.TENSOR) for _ in range(2))
    node = graph.block.add("aten::f", [x, y, x], [T.TENSOR])
    assert list(x.users) == [(node, 0), (node, 2)]
    node.set_input(0, y)
    assert list(x.users) == [(node, 2)] and list(y.users) == [(node, 1), (node, 0)]
    node.remove_input(1)
    assert list(y.users) == [(node, 0)] and list(x.users) == [(node, 1)]
    x.replace_all_uses_with(y)
    assert node.inputs == [y, y] and not x.users
    x.replace_all_uses_with(x)
    y.replace_all_uses_with(y)
    assert len(y.users) == 2
    node.detach()
    assert not y.users and not graph.block.nodes
    verify(graph)


def test_blocks_know_their_graph_whenever_they_were_made():
    graph = Graph()
    node = Node("prim::If")
    inner = node.add_block().add("prim::If").add_block()
    graph.block.append(node)
    assert inner.graph is graph


def test_a_copy_shares_nothing():
    graph = parse_graph("""
graph(%c : bool, %x : Tensor):
  %y : Tensor = prim::If(%c)
    block0():
      %z : Tensor = aten::relu(%x)
      -> (%z)
    block1():
      -> (%x)
  return (%y)""")
    copy = graph.copy()
    assert str(copy) == str(graph)
    verify(copy)
    assert not set(copy.all_nodes()) & set(graph.all_nodes())


def test_nodes_are_walked_in_order():
    graph = parse_graph("""
graph(%c : bool):
   = aten::a()
   = prim::If(%c)
    block0():
       = aten::b()
      -> ()
    block1():
       = aten::c()
      -> ()
   = aten::d()
  return ()""")
    assert [n.kind[6:] for n in graph.all_nodes()] == ["a", "If", "b", "c", "d"]

"""The verifier refuses every way in which a graph can be ill formed, and shows the node."""

import pytest

from torchscript import types as T
from torchscript.errors import IRError
from torchscript.ir import Graph, Node, parse_graph, verify

IF = "%r : int = prim::If({})\n block0():\n -> ({})\n block1():\n -> ({})"
LOOP = "%r : int = prim::Loop({}, %c{})\n block0(%i : int{}):\n -> ({})"
CARRIED = ", %v : int"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (IF.format("%x", "%n", "%n"), "the condition is of type 'Tensor', not 'bool'"),
        ("%r : int = prim::If(%c)\n block0():\n -> (%n)", "needs two blocks"),
        (IF.format("%c", "%n", ""), "both blocks yield"),
        (IF.format("%c", "%n", "%x"), "of type 'Tensor', not 'int'"),
        (LOOP.format("%n", "", "", "%c"), "needs its first value"),
        (LOOP.format("%x", ", %n", CARRIED, "%c, %v"), "the number of trips"),
        (LOOP.format("%n", ", %n", CARRIED, "%n, %v"), "the condition of the next"),
        (LOOP.format("%n", ", %x", CARRIED, "%c, %v"), "the first value of"),
        (LOOP.format("%n", ", %n", CARRIED, "%c, %x"), "the next value of"),
        ("%r : int[] = prim::ListConstruct(%n, %x)", "an element is of type 'Tensor'"),
        ("%r : (int, int) = prim::TupleConstruct(%n)", "as many elements"),
        ("%r : Dict(int, int) = prim::DictConstruct(%n)", "keys and values in turn"),
        ("%r : int, %s : int = prim::TupleUnpack(%n)", "its input is a tuple"),
        ("%r : int = prim::GetAttr(%n)", "it needs a name"),
        ("%r : int = prim::Constant[value=1.5]()", "1.5 is no value of type 'int'"),
        ("%r : int = prim::Constant()", "None is no value of type 'int'"),
    ],
)
def test_ill_formed_nodes(body, message):
    text = f"graph(%x : Tensor, %n : int, %c : bool):\n  {body}\n  return (%r)"
    with pytest.raises(IRError) as raised:
        verify(parse_graph(text))
    assert message in str(raised.value)
    assert body.split("\n")[0].split("= ")[1].split("[")[0].split("(")[0] in str(raised.value)


def graph():
    return parse_graph("""
graph(%x.1 : Tensor, %n.1 : int):
  %a.1 : Tensor = aten::add(%x.1, %n.1, %n.1)
  %b.1 : Tensor = aten::relu(%a.1)
  return (%b.1)""")


def refused(graph, message):
    with pytest.raises(IRError, match=message):
        verify(graph)


def test_a_use_before_the_definition():
    made = graph()
    made.block.nodes.reverse()
    refused(made, r"input 0 is used where it is not defined, in\n    %b.1 : Tensor = aten::relu")


def test_uses_that_nobody_counts():
    made = graph()
    made.inputs[0].users.clear()
    refused(made, "does not count this node")


def test_users_that_are_gone():
    made = graph()
    made.block.nodes.append(Node("aten::relu", [made.inputs[0]], [T.TENSOR]))
    del made.block.nodes[-1]
    refused(made, "not in the graph")


def test_users_that_read_something_else():
    made = graph()
    made.inputs[1].users[made.block.nodes[1], 0] = None
    refused(made, "is not the value that says")


def test_a_node_in_the_wrong_block():
    made = graph()
    made.block.nodes[0].block = Graph().block
    refused(made, "names another")


def test_a_node_that_stands_twice():
    made = graph()
    made.block.nodes.append(made.block.nodes[1])
    refused(made, "twice")


def test_operands_that_do_not_fit_the_schema():
    made = graph()
    made.block.nodes[0].set_input(1, made.inputs[0])
    refused(made, r"argument 'other' of aten::add.Scalar: it is of type 'Tensor', not 'Scalar'")
    made = graph()
    made.block.nodes[0].remove_input(2)
    refused(made, "3 arguments, and the node 2 inputs")


def test_attributes_fit_the_class():
    owner = T.ClassType("__torch__.M", attributes={"w": T.ClassAttribute(T.TENSOR)})
    text = 'graph(%m : __torch__.M):\n  %r : {type} = prim::GetAttr[name="{name}"](%m)\n  return (%r)'
    classes = {"__torch__.M": owner}
    verify(parse_graph(text.format(type="Tensor", name="w"), classes))
    with pytest.raises(IRError, match="has no attribute 'v'"):
        verify(parse_graph(text.format(type="Tensor", name="v"), classes))
    with pytest.raises(IRError, match="the attribute is of type 'Tensor', not 'int'"):
        verify(parse_graph(text.format(type="int", name="w"), classes))

"""Printing and parsing: what one writes the other reads, down to the character."""

import enum

import pytest
import torch

from torchscript import types as T
from torchscript.errors import IRError
from torchscript.ir import Graph, parse_graph, print_graph, verify
from torchscript.ir.literals import Opaque

EXAMPLE = """\
graph(%x.1 : Tensor,
      %n.1 : int):
  %0 : int = prim::Constant[value=1]() # example.py:3:12
  %1 : bool = aten::gt(%n.1, %0) # example.py:2:7
  %y.1 : Tensor, %z.1 : int = prim::If(%1) # example.py:2:4
    block0():
      %2 : Tensor = aten::add(%x.1, %n.1, %0)
       = prim::Print(%2)
      -> (%2, %n.1)
    block1():
      -> (%x.1, %0)
  %3 : Tensor = prim::Loop(%z.1, %1, %y.1)
    block0(%i.1 : int, %4 : Tensor):
      %5 : Tensor = aten::mul(%4, %i.1)
      -> (%1, %5)
  return (%3)
"""


def round_trip(text, **options):
    graph = parse_graph(text, **options)
    assert print_graph(graph) == text
    return graph


def test_example():
    graph = round_trip(EXAMPLE)
    verify(graph)
    add = graph.block.nodes[2].blocks[0].nodes[0]
    assert add.schema.key == "aten::add.Scalar"
    assert graph.block.nodes[0].source.line == 3
    assert "#" not in graph.str(print_source_ranges=False)


def test_values_are_named_as_in_pytorch():
    graph = Graph()
    for name in ("x", "x", "x.2", None, "self.0.weight", "a b", "1x", "é"):
        graph.block.add_parameter(T.INT, name)
    names = [p.strip("graph( :):").split(" ")[0] for p in print_graph(graph).split("\n")[:8]]
    assert names == ["%x.1", "%x.3", "%x.2", "%0", "%self.0.weight.1", "%a_b.1", "%_1x.1", "%_.1"]


@pytest.mark.parametrize(
    ("type", "value", "text"),
    [
        (T.INT, 3, "int = prim::Constant[value=3]()"),
        (T.INT, -(2**63), "int = prim::Constant[value=-9223372036854775808]()"),
        (T.BOOL, True, "bool = prim::Constant[value=1]()"),
        (T.FLOAT, 1.0, "float = prim::Constant[value=1.]()"),
        (T.FLOAT, 0.1, "float = prim::Constant[value=0.10000000000000001]()"),
        (T.FLOAT, 1e16, "float = prim::Constant[value=10000000000000000.]()"),
        (T.FLOAT, -0.0, "float = prim::Constant[value=-0.]()"),
        (T.FLOAT, float("-inf"), "float = prim::Constant[value=-inf]()"),
        (T.COMPLEX, 1 - 2.5j, "complex = prim::Constant[value=1.-2.5j]()"),
        (T.STRING, 'a"\\\n\t\x01\x7fé', r'str = prim::Constant[value="a\"\\\n\t\001\177é"]()'),
        (T.NONE, None, "NoneType = prim::Constant()"),
        (T.optional(T.INT), None, "int? = prim::Constant()"),
        (T.DEVICE, torch.device("cuda:0"), 'Device = prim::Constant[value="cuda:0"]()'),
        (T.ListType(T.INT), [1, -2], "int[] = prim::Constant[value=[1, -2]]()"),
        (T.ListType(T.FLOAT), [1.0], "float[] = prim::Constant[value=[1.]]()"),
        (T.ListType(T.INT), [], "int[] = prim::Constant[value=annotate(List[int], [])]()"),
        (T.ListType(T.BOOL), [True], "bool[] = prim::Constant[value=[True]]()"),
        (T.TupleType((T.INT, T.NONE)), (1, None), "(int, NoneType) = prim::Constant[value=(1, None)]()"),
        (T.TupleType((T.INT,)), (1,), "(int) = prim::Constant[value=(1,)]()"),
        (T.DictType(T.STRING, T.INT), {"a": 1}, 'Dict(str, int) = prim::Constant[value={"a": 1}]()'),
        (
            T.TENSOR,
            torch.tensor([2.5]),
            "Float(1, strides=[1], requires_grad=0, device=cpu) = prim::Constant[value={2.5}]()",
        ),
        (T.TENSOR, torch.tensor(True), "Bool(requires_grad=0, device=cpu) = prim::Constant[value={1}]()"),
    ],
)
def test_constants(type, value, text):
    graph = Graph()
    graph.block.add_output(graph.block.constant(value, type))
    printed = print_graph(graph)
    assert printed.split("\n")[1] == f"  %0 : {text}"
    again = round_trip(printed).block.nodes[0]
    found = again.attributes.get("value")
    assert again.output.type == type
    assert repr(found) == repr(value)
    verify(graph)


def test_codes_of_dtypes_layouts_and_memory_formats():
    graph = Graph()
    for value, type in [
        (torch.uint8, T.DTYPE),
        (torch.float32, T.DTYPE),
        (torch.bfloat16, T.DTYPE),
        (torch.strided, T.LAYOUT),
        (torch.sparse_coo, T.LAYOUT),
        (torch.channels_last, T.MEMORY_FORMAT),
    ]:
        graph.block.constant(value, type)
    verify(graph)
    values = [n.attributes["value"] for n in parse_graph(print_graph(graph)).block.nodes]
    assert values == [0, 6, 15, 0, 1, 2]
    assert "float" not in print_graph(graph)


def test_what_text_does_not_carry_is_stood_in_for():
    graph = parse_graph("""
graph():
  %0 : Float(2, 3, strides=[3, 1], requires_grad=0, device=cpu) = prim::Constant[value=<Tensor>]()
  %1 : Enum<__torch__.Color> = prim::Constant[value=__torch__.Color.RED]()
  %2 : Generator = prim::Constant[value=<Generator>]()
  return (%0, %1, %2)
""")
    tensor, member, generator = [n.attributes["value"] for n in graph.block.nodes]
    assert tensor.is_meta and tensor.shape == (2, 3) and tensor.dtype == torch.float32
    assert (member, generator) == (Opaque("__torch__.Color.RED"), Opaque("<Generator>"))
    round_trip(print_graph(graph))
    verify(graph)


def test_classes_are_those_that_are_given():
    class Color(enum.Enum):
        RED = 1

    color = T.EnumType("__torch__.Color", T.INT, (("RED", 1),), Color)
    model = T.ClassType("__torch__.Model")
    text = """\
graph(%self.1 : __torch__.Model,
      %o.1 : __torch__.Other,
      %p.1 : __torch__.Other?):
  %0 : Enum<__torch__.Color> = prim::Constant[value=__torch__.Color.RED]()
  return (%0)
"""
    graph = round_trip(text, classes={"__torch__.Model": model, "__torch__.Color": color})
    assert graph.inputs[0].type is model
    assert graph.inputs[2].type.element is graph.inputs[1].type
    assert graph.block.nodes[0].attributes["value"] is Color.RED


@pytest.mark.parametrize(
    "type",
    [
        "Tensor", "int?", "float[]?", "Dict(str, Tensor[])", "(int, (float, str[]))", "()", "Future(Tensor)",
        "Await(int)", "Union(int, str)", "Union(int, str)[]", "NamedTuple(a : Tensor, b : int?)",
        "Float(3, *, strides=[4, 1], requires_grad=0, device=cpu)", "Long(requires_grad=0, device=cuda:0)",
        "__torch__.a.___torch_mangle_0.B", "__torch__.torch.classes.quantized.LinearPackedParamsBase",
        "Scalar", "Any", "Device", "Generator", "Function", "PyObject", "Capsule", "Stream", "Storage",
        "QScheme", "complex", "Enum<__torch__.C>", "Tensor?[]",
    ],
)  # fmt: skip
def test_types(type):
    round_trip(f"graph(%x.1 : {type}):\n  return (%x.1)\n")


def test_python_calls_and_isinstance():
    graph = round_trip("""\
graph(%x.1 : Any):
  %0 : Tensor = ^helper()(%x.1)
  %1 : bool = prim::isinstance[types=[int, float[], (int, str?)]](%x.1)
  %2 : int = prim::CallMethod[name="forward"](%x.1)
  return (%0, %1, %2)
""")
    call, isinstance_, method = graph.block.nodes
    assert (call.kind, call.attributes["name"]) == ("prim::PythonCall", "helper")
    assert isinstance_.attributes["types"][0] == T.INT
    assert method.attributes["name"] == "forward"


def test_locations_may_hold_anything():
    round_trip("""\
graph(%x.1 : Tensor):
  %0 : str = prim::Constant[value=" # a.py:1:2"]() # C:/my files #1/a.py:10:20
   = prim::Print(%0) # <string>:1:0
  return (%x.1)
""")


@pytest.mark.parametrize(
    ("text", "message", "caret"),
    [
        ("graph(%x : Tensr):\n  return (%x)", "unknown type 'Tensr'", "Tensr"),
        ("graph(%x : Tensor):\n  return (%y)", "'%y' is not defined here", "%y"),
        ("graph(%x : Tensor, %x : int):\n  return ()", "'%x' is defined twice", "%x : int"),
        ("graph():\n  %x : int aten::f()\n  return ()", "expected '='", "aten"),
        ("graph():\n  %x : int = f()\n  return ()", "expected an operator", "f()"),
        ('graph():\n  %x : Device = prim::Constant[value="nonsense"]()\n  return ()', "not a value", '"non'),
        ("graph():\n  %x : int = prim::Constant[value=@]()\n  return ()", "expected a value", "@"),
        ("graph():\n  %x : Dict(int) = aten::f()\n  return ()", "Dict takes 2 types", "Dict"),
        ("graph():\n  banana\n  return ()", "expected a node, or 'return'", "banana"),
        ("graph(): return () more", "expected the end", "more"),
        ("graph(", "and the text ends here", None),
    ],
)
def test_errors_point_at_the_text(text, message, caret):
    with pytest.raises(IRError) as raised:
        parse_graph(text)
    shown = str(raised.value)
    assert message in shown
    if caret is not None:
        line, pointer = shown.split("\n")[-2:]
        assert line[pointer.index("^") :].startswith(caret)


def test_values_of_a_block_are_not_seen_outside():
    with pytest.raises(IRError, match="'%inner' is not defined here"):
        parse_graph("""
graph(%c : bool):
   = prim::If(%c)
    block0():
      %inner : int = prim::Constant[value=1]()
      -> ()
    block1():
      -> ()
  return (%inner)""")


def test_deep_and_long_graphs():
    graph = Graph()
    block = graph.block
    flag = block.add_parameter(T.BOOL, "flag")
    for _ in range(200):
        node = block.add("prim::If", [flag])
        block = node.add_block()
        node.add_block()
    for _ in range(20_000):
        block.add("aten::__not__", [flag], [T.BOOL])
    text = print_graph(graph)
    verify(graph)
    assert print_graph(parse_graph(text)) == text

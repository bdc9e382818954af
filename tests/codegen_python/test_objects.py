"""Calls, classes, tuples with names, `isinstance`, exceptions, futures."""

import collections
import enum
from typing import NamedTuple

import pytest
import torch

from torchscript import types as T
from torchscript.codegen.python import DefaultLinker, compile_function, emit_source, value_has_type
from torchscript.errors import BackendError
from torchscript.ir import Graph
from torchscript.schema import Argument, Schema

from .graphs import function, operator


class Pair(NamedTuple):
    first: int
    second: int


PAIR = T.NamedTupleType((T.INT, T.INT), "__torch__.Pair", ("first", "second"), (), Pair)


class Counter:
    count: int


class Colour(enum.Enum):
    RED = 1


def factorial():
    """A function that calls itself."""
    graph = Graph()
    block = graph.block
    n = block.add_parameter(T.INT, "n")
    schema = Schema("factorial", "", (Argument("n", T.INT),), (Argument("", T.INT),))
    made = function(graph, "factorial")
    made.schema = schema
    one = block.constant(1, T.INT)
    node = block.add("prim::If", [operator(block, "aten::lt", n, one)])
    node.add_block().add_output(one)
    rest = node.add_block()
    callee = rest.add("prim::Constant", [], [T.FUNCTION], {"name": "factorial", "function": made}).output
    less = operator(rest, "aten::sub", n, one)
    result = rest.add("prim::CallFunction", [callee, less], [T.INT], {"function": made}).output
    rest.add_output(operator(rest, "aten::mul", n, result))
    block.add_output(node.add_output(T.INT))
    return made


def test_a_function_that_calls_itself():
    compiled = DefaultLinker().function(factorial())
    assert compiled(10) == 3628800
    assert compiled.__globals__["factorial"] is compiled


def test_a_function_is_compiled_once():
    linker, made = DefaultLinker(), factorial()
    assert linker.function(made) is linker.function(made)


def test_a_long_chain_of_calls():
    callee = None
    for i in range(3000):
        graph = Graph()
        x = graph.block.add_parameter(T.INT, "x")
        if callee is None:
            result = x
        else:
            name = graph.block.add(
                "prim::Constant", [], [T.FUNCTION], {"name": "g", "function": callee}
            ).output
            result = graph.block.add("prim::CallFunction", [name, x], [T.INT], {"function": callee}).output
        graph.block.add_output(result)
        callee = function(graph, f"f{i}")
    DefaultLinker().function(callee)


def test_method_of_a_class():
    cls = T.ClassType("__torch__.Counter", python_class=Counter)
    cls.attributes["count"] = T.ClassAttribute(T.INT)
    graph = Graph()
    self, by = graph.block.add_parameter(cls, "self"), graph.block.add_parameter(T.INT, "by")
    count = graph.block.add("prim::GetAttr", [self], [T.INT], {"name": "count"}).output
    graph.block.add(
        "prim::SetAttr", [self, operator(graph.block, "aten::add", count, by)], [], {"name": "count"}
    )
    graph.block.add_output(graph.block.constant(None, T.NONE))
    cls.methods["add"] = function(graph, "Counter.add")

    graph = Graph()
    made = graph.block.add("prim::CreateObject", [], [cls]).output
    made.name = "counter"
    seven = graph.block.constant(7, T.INT)
    graph.block.add("prim::SetAttr", [made, graph.block.constant(0, T.INT)], [], {"name": "count"})
    graph.block.add("prim::CallMethod", [made, seven], [T.NONE], {"name": "add"})
    graph.block.add_output(graph.block.add("prim::GetAttr", [made], [T.INT], {"name": "count"}).output)
    made = function(graph)
    assert emit_source(made).splitlines() == [
        "def f():",
        "    counter = Counter.__new__(Counter)",
        "    counter.count = 0",
        "    Counter_add(counter, 7)",
        "    return counter.count",
    ]
    assert compile_function(made)() == 7


def test_method_of_a_module_or_interface():
    module = T.ClassType("__torch__.M", is_module=True)
    module.attributes["0"] = T.ClassAttribute(
        T.InterfaceType("__torch__.I", is_module=True), T.AttributeKind.MODULE
    )
    graph = Graph()
    self, x = graph.block.add_parameter(module, "self"), graph.block.add_parameter(T.TENSOR, "x")
    child = graph.block.add(
        "prim::GetAttr", [self], [T.InterfaceType("__torch__.I", is_module=True)], {"name": "0"}
    ).output
    graph.block.add_output(
        graph.block.add("prim::CallMethod", [child, x], [T.TENSOR], {"name": "forward"}).output
    )
    assert emit_source(function(graph)).splitlines()[1] == "    return self._modules['0']._ts_forward(x)"


def test_named_tuple():
    graph = Graph()
    x = graph.block.add_parameter(T.INT, "x")
    graph.block.add_output(graph.block.add("prim::TupleConstruct", [x, x], [PAIR]).output)
    assert compile_function(function(graph))(3) == Pair(3, 3)
    assert type(compile_function(function(graph))(3)) is Pair


def isinstance_of(*types):
    graph = Graph()
    x = graph.block.add_parameter(T.ANY, "x")
    graph.block.add_output(graph.block.add("prim::isinstance", [x], [T.BOOL], {"types": list(types)}).output)
    return function(graph)


@pytest.mark.parametrize(
    ("types", "yes", "no"),
    [
        ([T.INT], 1, True),
        ([T.BOOL], True, 1),
        ([T.INT, T.STRING], "a", 1.0),
        ([T.NONE], None, 0),
        ([T.TENSOR], torch.ones(1), 1),
        ([T.ListType(T.INT)], [1, 2], [1.0]),
        ([T.ListType(T.INT), T.INT], 1, "a"),
        ([T.DictType(T.STRING, T.TENSOR)], {"a": torch.ones(1)}, {"a": 1}),
        ([T.TupleType((T.INT, T.STRING))], (1, "a"), (1, 2)),
        ([T.OptionalType(T.INT)], None, "a"),
        ([PAIR], Pair(1, 2), (1, 2)),
        ([T.EnumType("__torch__.Colour", T.INT, (("RED", 1),), Colour)], Colour.RED, 1),
        ([T.ClassType("__torch__.Counter", python_class=Counter)], Counter(), 1),
    ],
    ids=lambda value: str(value)[:30],
)
def test_isinstance(types, yes, no):
    test = compile_function(isinstance_of(*types))
    assert (test(yes), test(no)) == (True, False)
    assert value_has_type(yes, T.union(*types)) and not value_has_type(no, T.union(*types))


def test_constants():
    values = [
        (Colour.RED, T.EnumType("__torch__.Colour", T.INT, (("RED", 1),), Colour)),
        (torch.float64, T.DTYPE),
        (torch.device("cpu"), T.DEVICE),
        ([1, -2], T.ListType(T.INT)),
        ({"a": 1.5}, T.DictType(T.STRING, T.FLOAT)),
        ((1, None), T.TupleType((T.INT, T.NONE))),
        (complex(1, -2), T.COMPLEX),
        (float("-inf"), T.FLOAT),
        (-0.0, T.FLOAT),
        (-5, T.INT),
        (6, T.DTYPE),
    ]
    graph = Graph()
    for value, type in values:
        graph.block.add_output(graph.block.constant(value, type))
    given = compile_function(function(graph))()
    assert list(map(repr, given)) == [*(repr(v) for v, _ in values[:-1]), "torch.float32"]


def test_a_list_constant_is_a_new_list_every_time():
    graph = Graph()
    graph.block.add_output(graph.block.constant([1], T.ListType(T.INT)))
    compiled = compile_function(function(graph))
    assert compiled() is not compiled()


def test_tensor_constant():
    graph = Graph()
    value = torch.arange(3)
    graph.block.add_output(graph.block.constant(value, T.TENSOR))
    assert compile_function(function(graph))() is value


class Refusal(Exception):
    pass


@pytest.mark.parametrize(
    ("attributes", "name", "kind"),
    [
        ({"exception": Refusal}, "elsewhere.Refusal", Refusal),
        ({}, "builtins.KeyError", KeyError),
        ({}, "unknown.Error", RuntimeError),
        ({}, None, RuntimeError),
    ],
)
def test_raise(attributes, name, kind):
    graph = Graph()
    text = graph.block.add_parameter(T.STRING, "text")
    cls = graph.block.constant(name, T.STRING if name else T.NONE)
    graph.block.add("prim::RaiseException", [text, cls], [], attributes)
    graph.block.add_output(text)
    with pytest.raises(kind, match="what happened"):
        compile_function(function(graph))("what happened")


def test_python_call_with_keywords():
    graph = Graph()
    x = graph.block.add_parameter(T.INT, "x")
    call = {"callable": dict, "name": "dict", "keywords": ("a", "b")}
    graph.block.add_output(graph.block.add("prim::PythonCall", [x, x], [T.ANY], call).output)
    assert compile_function(function(graph))(3) == {"a": 3, "b": 3}


def test_python_call_that_is_absent():
    graph = Graph()
    graph.block.add_output(graph.block.add("prim::PythonCall", [], [T.ANY], {"name": "outside"}).output)
    with pytest.raises(BackendError, match="'outside' is not in this process"):
        compile_function(function(graph))


def test_operator_that_is_absent():
    graph = Graph()
    x = graph.block.add_parameter(T.INT, "x")
    graph.block.add_output(graph.block.add("mine::absent", [x], [T.INT]).output)
    with pytest.raises(BackendError, match=r"'mine::absent' takes \(int\)"):
        compile_function(function(graph))


def test_class_that_is_absent():
    graph = Graph()
    graph.block.add_output(graph.block.add("prim::CreateObject", [], [T.ClassType("__torch__.Gone")]).output)
    with pytest.raises(BackendError, match=r"no Python class for '__torch__\.Gone'"):
        compile_function(function(graph))


class Recorder:
    def __init__(self):
        self.events = collections.Counter()

    def __enter__(self):
        self.events["enter"] += 1
        return 5

    def __exit__(self, kind, error, where):
        self.events[kind] += 1


def test_with_leaves_when_an_error_passes():
    cls = T.ClassType("__torch__.Recorder", python_class=Recorder)
    graph = Graph()
    manager, y = graph.block.add_parameter(cls, "manager"), graph.block.add_parameter(T.INT, "y")
    five = graph.block.add("prim::Enter", [manager], [T.INT]).output
    five.name = "five"
    result = operator(graph.block, "aten::floordiv", five, y, name="result")
    none = graph.block.constant(None, T.NONE)
    graph.block.add("prim::Exit", [manager, none, none, none], [T.NONE])
    graph.block.add_output(result)
    compiled, recorder = compile_function(function(graph)), Recorder()
    assert compiled(recorder, 2) == 2
    with pytest.raises(ZeroDivisionError):
        compiled(recorder, 0)
    assert recorder.events == {"enter": 2, None: 1, ZeroDivisionError: 1}


def fork(divisor):
    graph = Graph()
    x = graph.block.add_parameter(T.INT, "x")
    node = graph.block.add("prim::fork", [], [T.FutureType(T.INT)])
    inner = node.add_block()
    inner.add_output(operator(inner, "aten::floordiv", x, inner.constant(divisor, T.INT)))
    node.output.name = "future"
    graph.block.add("prim::Print", [graph.block.constant("between", T.STRING)])
    graph.block.add_output(operator(graph.block, "aten::wait", node.output))
    return compile_function(function(graph))


def test_fork(capsys):
    assert fork(2)(8) == 4
    with pytest.raises(ZeroDivisionError):
        fork(0)(8)
    assert capsys.readouterr().out == "between\nbetween\n"

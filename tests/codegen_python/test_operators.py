"""Operators of PyTorch give what their overload gives, however generated code writes the call."""

import pytest
import torch

from torchscript import types as T
from torchscript.codegen.python import compile_function, emit_source
from torchscript.ir import Graph, parse_graph
from torchscript.operators import schema_of

from .graphs import function

X = torch.arange(24.0).reshape(2, 3, 4)
K = torch.tensor([1, 0])


def typed(value):
    match value:
        case torch.Tensor():
            return T.TENSOR
        case bool():
            return T.BOOL
        case int():
            return T.INT
        case float():
            return T.FLOAT
        case str():
            return T.STRING
        case None:
            return T.NONE
        case torch.dtype():
            return T.DTYPE
        case list():
            return T.ListType(typed(value[0]) if value else T.INT)


def call(key, *values):
    """A function of the tensors among the values, with all others as constants; and these tensors."""
    schema = schema_of(key)
    graph = Graph()
    tensors = [v for v in values if isinstance(v, torch.Tensor)]
    inputs = []
    for value in values:
        if isinstance(value, torch.Tensor):
            inputs.append(graph.block.add_parameter(T.TENSOR, f"t{len(graph.inputs)}"))
        else:
            inputs.append(graph.block.constant(value, typed(value)))
    types = [r.type for r in schema.returns]
    node = graph.block.add(schema.name, inputs, types, schema=schema)
    for output in node.outputs:
        graph.block.add_output(output)
    return function(graph), tensors


CALLS = [
    ("aten::add.Tensor", (X, X, 1), "t0 + t1"),
    ("aten::add.Tensor", (X, X, 2), "torch.add(t0, t1, alpha=2)"),
    ("aten::add.Scalar", (X, 2.5, 1), "t0 + 2.5"),
    ("aten::rsub.Scalar", (X, 2.5, 1), "torch.rsub(t0, 2.5)"),
    ("aten::div.Tensor", (X, X + 1), "t0 / t1"),
    ("aten::div.Tensor_mode", (X, X + 1, "floor"), "torch.div(t0, t1, rounding_mode='floor')"),
    ("aten::pow.Tensor_Scalar", (X, 2), "t0 ** 2"),
    ("aten::eq.Tensor", (X, X), "t0 == t1"),
    ("aten::lt.Scalar", (X, 3), "t0 < 3"),
    ("aten::remainder.Scalar", (X, 3), "t0 % 3"),
    ("aten::matmul", (X, X.mT), "t0 @ t1"),
    ("aten::neg", (X,), "-t0"),
    ("aten::select.int", (X, 0, 1), "t0[1]"),
    ("aten::select.int", (X, 2, -1), "t0[:, :, -1]"),
    ("aten::select.int", (X, -2, 1), "t0[..., 1, :]"),
    ("aten::slice.Tensor", (X, 0, None, None, 1), "t0[:]"),
    ("aten::slice.Tensor", (X, 1, 1, None, 2), "t0[:, 1::2]"),
    ("aten::slice.Tensor", (X, -1, None, -1, 1), "t0[..., :-1]"),
    ("aten::sum.dim_IntList", (X, [1], True, None), "torch.sum(t0, (1,), True)"),
    ("aten::mean", (X, None), "torch.mean(t0)"),
    ("aten::view", (X, [6, 4]), "t0.view((6, 4))"),
    ("aten::transpose.int", (X, 0, 1), "torch.transpose(t0, 0, 1)"),
    ("aten::to.dtype", (X, torch.int64, False, False, None), "t0.to(torch.int64)"),
    ("aten::index_select", (X, 0, K), "torch.index_select(t0, 0, t1)"),
    ("aten::softmax.int", (X, 1, None), "torch.softmax(t0, 1)"),
    ("aten::gelu", (X, "tanh"), "gelu(t0, approximate='tanh')"),
    ("aten::clamp", (X, 1.0, None), "torch.clamp(t0, 1.0)"),
    ("aten::max.dim", (X, 1, False), None),
    ("aten::topk", (X, 2, -1, True, True), None),
    ("aten::var.correction", (X, [1], 0, False), None),
    ("aten::norm.Scalar", (X, 2), None),
    ("aten::linear", (X, torch.ones(5, 4), None), None),
    ("aten::conv1d", (X, torch.ones(2, 3, 2), None, [1], [0], [1], 1), None),
    ("aten::layer_norm", (X, [4], None, None, 1e-5, True), None),
    ("aten::relu_", (X,), None),
    ("aten::_softmax", (X, 1, False), "aten__softmax(t0, 1, False)"),
]


@pytest.mark.parametrize(
    ("key", "values", "text"), CALLS, ids=[f"{k}{i}" for i, (k, _, _) in enumerate(CALLS)]
)
def test_call(key, values, text):
    made, tensors = call(key, *values)
    if text is not None:
        assert emit_source(made).splitlines()[-1].strip() == f"return {text}"
    name, _, overload = key.removeprefix("aten::").partition(".")
    schema = schema_of(key)
    keywords = {a.name: v for a, v in zip(schema.arguments, values, strict=True) if a.kwarg_only}
    positional = [v for a, v in zip(schema.arguments, values, strict=True) if not a.kwarg_only]

    def fresh(parts):
        return [v.clone() if isinstance(v, torch.Tensor) else v for v in parts]

    wanted = getattr(getattr(torch.ops.aten, name), overload or "default")(*fresh(positional), **keywords)
    given = compile_function(made)(*fresh(tensors))
    for a, b in zip(as_tuple(given), as_tuple(wanted), strict=True):
        torch.testing.assert_close(a, b)


def as_tuple(value):
    return value if isinstance(value, tuple) else (value,)


@pytest.mark.parametrize(
    "lines",
    [
        "%a : Tensor = aten::slice(%x, %0, %1, %n, %1)\n%b : Tensor = aten::slice(%a, %0, %1, %n, %1)",
        "%1_ : Tensor = aten::slice(%x, %0, %1, %n, %1)\n%b : Tensor = aten::slice(%1_, %0, %0, %1, %1)",
        "%4 : Tensor = aten::select(%x, %0, %1)\n%b : Tensor = aten::select(%4, %1, %2)",
        "%4 : Tensor = aten::select(%x, %1, %1)\n%b : Tensor = aten::select(%4, %0, %1)",
        "%4 : Tensor = aten::slice(%x, %1, %1, %n, %1)\n%5 : Tensor = aten::select(%4, %1, %0)\n"
        "%b : Tensor = aten::slice(%5, %1, %1, %n, %1)",
        "%4 : Tensor = aten::select(%x, %0, %0)\n%5 : Tensor = aten::slice(%4, %0, %n, %n, %1)\n"
        "%b : Tensor = aten::select(%5, %1, %2)",
        "%4 : Tensor?[] = prim::ListConstruct(%n, %k)\n%b : Tensor = aten::index(%x, %4)",
        "%4 : Tensor[] = prim::ListConstruct(%k)\n%b : Tensor = aten::index(%x, %4)",
        "%4 : Tensor?[] = prim::ListConstruct(%k, %n, %k)\n%b : Tensor = aten::index(%x, %4)",
    ],
)
def test_views_of_views(lines):
    """Each subscript is what its operators do one after the other."""
    body = "\n  ".join(lines.replace("%1_", "%8").splitlines())
    text = f"""graph(%x : Tensor, %k : Tensor):
  %n : NoneType = prim::Constant()
  %0 : int = prim::Constant[value=0]()
  %1 : int = prim::Constant[value=1]()
  %2 : int = prim::Constant[value=2]()
  {body}
  return (%b)
"""
    graph = parse_graph(text)
    env = dict(zip(graph.inputs, (X, K), strict=True))
    for node in graph.block.nodes:
        inputs = [env[v] for v in node.inputs]
        match node.kind:
            case "prim::Constant":
                env[node.output] = node.attributes.get("value")
            case "prim::ListConstruct":
                env[node.output] = inputs
            case kind:
                overloads = {
                    "aten::slice": "slice.Tensor",
                    "aten::select": "select.int",
                    "aten::index": "index.Tensor",
                }
                name, overload = overloads[kind].split(".")
                env[node.output] = getattr(getattr(torch.ops.aten, name), overload)(*inputs)
    torch.testing.assert_close(compile_function(function(graph))(X, K), env[graph.outputs[0]])


def test_custom_operator_gets_a_list():
    library = torch.library.Library("codegen_python_test", "FRAGMENT")
    seen = []
    library.define("total(int[] xs, *, int scale=1) -> int")
    library.impl(
        "total", lambda xs, scale=1: seen.append(type(xs)) or sum(xs) * scale, "CompositeExplicitAutograd"
    )
    text = """graph(%a : int):
  %2 : int = prim::Constant[value=2]()
  %1 : int[] = prim::ListConstruct(%a, %2)
  %r : int = codegen_python_test::total(%1, %2)
  return (%r)
"""
    assert compile_function(function(parse_graph(text)))(5) == 14
    assert seen == [list]

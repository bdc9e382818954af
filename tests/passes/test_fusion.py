"""The table of fusible operators fits the operators; groups mean what their nodes mean, in Python and archives."""

import inspect
import io
import re
from collections import Counter

import pytest
import torch
import torch.nn.functional as F
from interpreter import run

import torchscript
from torchscript.codegen.python import compile_function
from torchscript.codegen.source import code_with_constants
from torchscript.errors import IRError
from torchscript.ir import parse_graph, print_graph, verify
from torchscript.ir.graph import Function
from torchscript.operators.dispatcher import schema_of
from torchscript.passes import fuse_operators, optimize, unfuse_operators, unfused
from torchscript.passes.fusible import FUSIBLE, Meaning

ROWS = [pytest.param(key, m, id=f"{key} {m.name}") for key, rows in FUSIBLE.items() for m in rows]


@pytest.mark.parametrize(("key", "meaning"), ROWS)
def test_a_row_accounts_for_every_argument(key, meaning: Meaning):
    schema = schema_of(key)
    assert schema is not None and not schema.is_mutable
    fixed = [re.search(r"(?:\w+\()?(\w+)", c)[1] for c in meaning.conditions if not c.startswith("unused")]
    assert {*meaning.operands, *fixed} == {a.name for a in schema.arguments}


def lstm_cell(x: torch.Tensor, w: torch.Tensor, c: torch.Tensor, n: int):
    for _ in range(n):
        i, f, g, o = (x @ w).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        x = o.sigmoid() * c.tanh()
    return x, c


def gelu(x: torch.Tensor):
    return 0.5 * x * (1 + torch.tanh(0.7978845608 * (x + 0.044715 * x**3)))


def softmax(x: torch.Tensor):
    e = (x - x.amax(dim=-1, keepdim=True)).exp()
    return e / e.sum(dim=-1, keepdim=True)


def layer_norm(x: torch.Tensor, w: torch.Tensor, b: torch.Tensor, eps: float):
    mean = x.mean(-1, keepdim=True)
    var = ((x - mean) ** 2).mean(-1, keepdim=True)
    return (x - mean) / torch.sqrt(var + eps) * w + b


def layer_norm_with_var(x: torch.Tensor, w: torch.Tensor):
    mean, var = x.mean(dim=-1, keepdim=True), x.var(dim=-1, keepdim=True, unbiased=False)
    return (x - mean) * torch.rsqrt(var + 1e-5) * w


def rms_norm(x: torch.Tensor, w: torch.Tensor):
    y = x.float()
    return (y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + 1e-6)).type_as(x) * w


def masked(x: torch.Tensor, mask: torch.Tensor, n: int):
    y = torch.where(mask, x * n, torch.zeros_like(x)).clamp(-1, 2.5)
    z = y.masked_fill(y > 1, 0.5).to(torch.float64)
    return F.leaky_relu(z) // 0.25, z % 3, ~(mask & (x == 1))


x = torch.randn(4, 8)
GROUPS = [
    (lstm_cell, (x, torch.randn(8, 32), torch.zeros(4, 8), 3), ["pointwise"]),
    (gelu, (x,), ["pointwise"]),
    (softmax, (x * 50,), ["row"]),
    (layer_norm, (x, torch.randn(8), torch.randn(8), 1e-5), ["row"]),
    (layer_norm_with_var, (x, torch.randn(8)), ["row"]),
    (rms_norm, (x.bfloat16(), torch.randn(8).bfloat16()), ["row"]),
    (masked, (x, x > 0, 3), ["pointwise", "pointwise"]),
]


@pytest.mark.parametrize(("function", "inputs", "kinds"), GROUPS, ids=[f.__name__ for f, _, _ in GROUPS])
def test_functions_become_one_group(function, inputs, kinds, assert_same):
    scripted = torchscript.script(function)
    graph = scripted.graph.copy()
    optimize(graph)
    plain = Counter(node.kind for node in graph.all_nodes())
    assert fuse_operators(graph)
    verify(graph)
    groups = [node for node in graph.all_nodes() if node.kind == "prim::FusionGroup"]
    assert [node.attributes["kind"] for node in groups] == kinds
    inside = {node for group in groups for node in group.blocks[0].nodes}
    loose = [n.schema.key for n in graph.all_nodes() if n.schema and n not in inside]
    assert not set(loose) & set(FUSIBLE)

    expected = function(*inputs)
    assert_same(run(graph, *inputs), expected)
    fused = Function(
        "__torch__.fused", graph, scripted._ts_function.schema, python_function=inspect.unwrap(function)
    )
    assert_same(compile_function(fused)(*inputs), expected)
    # both back ends leave the graph as it is
    assert [node for node in graph.all_nodes() if node.kind == "prim::FusionGroup"] == groups
    assert "FusionGroup" not in code_with_constants(fused)[0]

    text = print_graph(graph)
    again = parse_graph(text)
    verify(again)
    assert print_graph(again) == text
    assert unfused(graph) is not graph
    assert unfuse_operators(graph)
    verify(graph)
    optimize(graph)
    assert Counter(node.kind for node in graph.all_nodes()) == plain


def test_a_graph_without_groups_is_not_copied():
    graph = parse_graph("graph(%x : Tensor): return (%x)")
    assert unfused(graph) is graph


ILL_FORMED = {
    "used where it is not defined": """
graph(%x : Tensor, %z : Tensor):
  %y : Tensor = prim::FusionGroup[kind="pointwise"](%x)
    block0(%a : Tensor):
      %b : Tensor = aten::mul(%a, %z)
      -> (%b)
  return (%y)
""",
    "its kind is": """
graph(%x : Tensor):
  %y : Tensor = prim::FusionGroup[kind="column"](%x)
    block0(%a : Tensor):
      -> (%a)
  return (%y)
""",
    "its block takes what the node takes": """
graph(%x : Tensor):
  %y : Tensor = prim::FusionGroup[kind="row"](%x, %x)
    block0(%a : Tensor):
      -> (%a)
  return (%y)
""",
    "operators that change nothing": """
graph(%x : Tensor):
  %y : Tensor = prim::FusionGroup[kind="pointwise"](%x)
    block0(%a : Tensor):
      %b : Tensor = aten::relu_(%a)
      -> (%b)
  return (%y)
""",
    "and no 'str'": """
graph(%x : str):
   = prim::FusionGroup[kind="pointwise"](%x)
    block0(%a : str):
      -> ()
  return (%x)
""",
}


@pytest.mark.parametrize(("message", "text"), ILL_FORMED.items(), ids=ILL_FORMED)
def test_ill_formed_groups_are_refused(message, text):
    with pytest.raises(IRError, match=re.escape(message)):
        verify(parse_graph(text))


class Norm(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(8))

    def forward(self, x: torch.Tensor):
        return rms_norm(x, self.weight)


def test_a_module_with_groups_saves(assert_same):
    module = torchscript.script(Norm())
    graph = type(module)._ts_class.methods["forward"].graph
    optimize(graph)
    assert fuse_operators(graph)
    verify(graph)
    buffer = io.BytesIO()
    torchscript.save(module, buffer)
    expected = module(x)
    assert_same(torchscript.load(io.BytesIO(buffer.getvalue()))(x), expected)
    assert_same(torch.jit.load(io.BytesIO(buffer.getvalue()))(x), expected)


def test_groups_in_a_long_block_form_quickly():
    """Thousands of nodes in one block, in chains that cross: no group waits for itself."""
    lines = [f"  %a{i} : Tensor = aten::exp(%{'x' if i < 50 else f'a{i - 37}'})" for i in range(4000)]
    lines[500::50] = [
        f"  %a{i} : Tensor = aten::matmul(%a{i - 37}, %a{i - 90})" for i in range(500, 4000, 50)
    ]
    graph = parse_graph("graph(%x : Tensor):\n" + "\n".join(lines) + "\n  return (%a3999, %a3900)")
    assert fuse_operators(graph)
    verify(graph)

"""What operators write or share without their schemas saying so is known to every pass."""

import copy

import pytest
import torch
import torch.nn.functional as F

import torchscript
from torchscript.codegen.python import compile_function
from torchscript.ir import verify
from torchscript.ir.graph import Function
from torchscript.operators.dispatcher import schema_of, schemas_of
from torchscript.operators.memory import hidden_writes, may_return, may_return_argument
from torchscript.passes import PASSES, optimize, optimize_frozen


def statistics_alone(x: torch.Tensor, mean: torch.Tensor, var: torch.Tensor):
    F.batch_norm(x, mean, var, training=True)
    return mean * 1


def statistics_twice(x: torch.Tensor, mean: torch.Tensor, var: torch.Tensor):
    a = F.batch_norm(x, mean, var, training=True)
    b = F.batch_norm(x, mean, var, training=True)
    return a + b, mean * 1


def statistics_in_a_loop(x: torch.Tensor, mean: torch.Tensor, var: torch.Tensor):
    total = torch.sin(mean)
    for _ in range(3):
        F.batch_norm(x, mean, var, training=True)
        total = total + torch.sin(mean)
    return total


def statistics_of_instances(x: torch.Tensor, mean: torch.Tensor, var: torch.Tensor):
    before = mean + 1
    F.instance_norm(x.t().unsqueeze(0), mean, var)
    return before, mean + 1


def dropout_off(x: torch.Tensor, train: bool):
    y = F.dropout(x, 0.5, train)
    a = x.sum()
    y.mul_(2)
    return a + x.sum()


def the_same_dtype(x: torch.Tensor, like: torch.Tensor):
    y = x.type_as(like)
    a = x.sum()
    y.mul_(2)
    return a + x.sum()


def a_cast_of_what_is_made_here(x: torch.Tensor, like: torch.Tensor):
    w = x * 2
    w.type_as(like).add_(1)
    return w


def einsum(x: torch.Tensor):
    y = torch.einsum("ij->ji", x)
    a = x.sum()
    y.mul_(2)
    return a + x.sum()


def broadcast(x: torch.Tensor):
    y, _ = torch.broadcast_tensors(x, x)
    a = x.sum()
    y.mul_(2)
    return a + x.sum()


def atleast(x: torch.Tensor):
    w = x * 2
    y = torch.atleast_2d(w)
    a = w.sum()
    y.mul_(2)
    return a + w.sum(), y


def made_in_a_loop(x: torch.Tensor, train: bool):
    total = x * 0
    for _ in range(3):
        y = F.dropout(x, 0.5, train)
        total = total + y
        x.add_(1)
    return total


STATISTICS = (torch.arange(12.0).reshape(3, 4), torch.zeros(4), torch.ones(4))
PROGRAMS = [
    (statistics_alone, STATISTICS),
    (statistics_twice, STATISTICS),
    (statistics_in_a_loop, STATISTICS),
    (statistics_of_instances, STATISTICS),
    (dropout_off, (torch.ones(2, 2), False)),
    (the_same_dtype, (torch.ones(2, 2), torch.ones(1))),
    (the_same_dtype, (torch.ones(2, 2), torch.ones(1).double())),
    (a_cast_of_what_is_made_here, (torch.ones(2, 2), torch.ones(1))),
    (einsum, (torch.ones(2, 2),)),
    (broadcast, (torch.ones(2, 2),)),
    (atleast, (torch.ones(2, 2),)),
    (made_in_a_loop, (torch.ones(2, 2), False)),
]
SEQUENCES = [[name] for name in PASSES if name != "inline"] + [
    ["inplace", "cse"],
    ["licm", "dce"],
    ["cse", "fuse"],
]


def outcome(function, inputs):
    inputs = copy.deepcopy(inputs)
    return function(*inputs), inputs


@pytest.mark.parametrize(("program", "inputs"), PROGRAMS, ids=lambda p: getattr(p, "__name__", ""))
def test_every_pass_knows_it(program, inputs, assert_same):
    expected = outcome(program, inputs)
    scripted = torchscript.script(program)
    assert_same(outcome(scripted, inputs), expected)
    inlined = scripted.graph.copy()
    PASSES["inline"](inlined)
    changes = [lambda g, s=s: [PASSES[name](g) for name in s] for s in SEQUENCES]
    for change in [*changes, optimize, optimize_frozen]:
        graph = inlined.copy()
        change(graph)
        verify(graph)
        changed = compile_function(Function("__torch__.main", graph, scripted._ts_function.schema))
        assert_same(outcome(changed, inputs), expected)


def test_a_trace_keeps_statistics_that_nobody_reads(assert_same):
    expected = outcome(statistics_alone, STATISTICS)
    traced = torchscript.trace(statistics_alone, copy.deepcopy(STATISTICS))
    assert_same(outcome(traced, STATISTICS), expected)


def test_batch_norm_writes_only_in_training():
    graph = torchscript.script(statistics_alone).graph.copy()
    PASSES["inline"](graph)
    optimize(graph)
    assert "aten::batch_norm" in str(graph)

    def evaluating(x: torch.Tensor, mean: torch.Tensor, var: torch.Tensor):
        F.batch_norm(x, mean, var, training=False)
        return mean * 1

    graph = torchscript.script(evaluating).graph.copy()
    optimize(graph)
    assert "aten::batch_norm" not in str(graph)


X, V = torch.randn(2, 3), torch.randn(3)
CALLS = {
    "dropout": (X, 0.5, False),
    "feature_dropout": (X, 0.5, False),
    "alpha_dropout": (X, 0.5, False),
    "feature_alpha_dropout": (X, 0.5, False),
    "type_as": (X, X),
    "to_dense": (X,),
    "dequantize": (X,),
    "lift": (X,),
    "conj_physical": (X,),
    "sum_to_size": (X, [2, 3]),
    "atleast_1d": (X,),
    "atleast_3d": (X.view(2, 3, 1),),
    "einsum": ("ij->ji", [X]),
    "meshgrid": ([V, V],),
    "broadcast_tensors": ([X, X],),
    "cartesian_prod": ([V],),
    "unsafe_split": (X, 1),
    "_cast_Float": (X,),
    "relu": (X,),
    "cat": ([X],),
    "block_diag": ([X],),
    "constant_pad_nd": (X, [0, 0]),
    "repeat": (X, [1, 1]),
    "native_dropout": (X, 0.5, False),
    "nan_to_num": (X,),
    "round": (torch.arange(3),),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_table_is_true(name):
    given = [
        t for a in CALLS[name] for t in (a if isinstance(a, list) else [a]) if isinstance(t, torch.Tensor)
    ]
    result = getattr(torch.ops.aten, name)(*CALLS[name])
    made = result if isinstance(result, (list, tuple)) else [result]
    pointers = {t.untyped_storage().data_ptr() for t in given}
    shared = any(t.untyped_storage().data_ptr() in pointers for t in made)
    assert shared == may_return_argument(schemas_of(f"aten::{name}")[0])


def test_a_cast_never_returns_what_it_casts_like():
    schema = schema_of("aten::type_as")
    assert may_return(schema, "self") and not may_return(schema, "other")
    assert hidden_writes(schema) is None

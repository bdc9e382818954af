"""From callables of Python to operators."""

import cmath
import math

import pytest
import torch
import torch.nn.functional as F

from torchscript import types as T
from torchscript.operators import (
    TENSOR_CASTS,
    is_operator,
    operator_name_of,
    operator_schemas_of,
    overload_of,
    schema_of,
    schemas_of,
    tensor_method,
)

NAMES = [
    (torch.add, "aten::add"),
    (torch._C._nn.gelu, "aten::gelu"),
    (F.linear, "aten::linear"),
    (F.conv2d, "aten::conv2d"),
    (F.logsigmoid, "aten::log_sigmoid"),
    (F.scaled_dot_product_attention, "aten::scaled_dot_product_attention"),
    (torch.special.expit, "aten::special_expit"),
    (torch.fft.fft, "aten::fft_fft"),
    (torch.linalg.norm, "aten::linalg_norm"),
    (torch.sparse.mm, "aten::_sparse_mm"),
    (torch.tensor, "aten::tensor"),
    (torch.split, "aten::split"),
    (torch.einsum, "aten::einsum"),
    (torch.meshgrid, "aten::meshgrid"),
    (torch.ops.aten.add, "aten::add"),
    (torch.ops.aten.add.Tensor, "aten::add"),
    (torch.Tensor.__add__, "aten::add"),
    (torch.Tensor.add_, "aten::add_"),
    (torch.Tensor.split, "aten::split"),
    (math.sqrt, "aten::sqrt"),
    (math.remainder, "aten::mathremainder"),
    (cmath.phase, "aten::angle"),
    (torch.device, "aten::device"),
    (torch.is_grad_enabled, "aten::is_grad_enabled"),
    (F.relu, None),
    (F.max_pool2d, None),
    (torch.unique, None),
    (torch.get_default_dtype, None),
    (print, "prim::Print"),
    (len, "aten::len"),
    (int, None),
    (lambda x: x, None),
]


@pytest.mark.parametrize(("function", "name"), NAMES)
def test_operator_name(function, name):
    assert operator_name_of(function) == name


def test_agrees_with_the_table_of_torch_jit():
    from torch.jit._builtins import _builtin_ops, _get_builtin_table

    _get_builtin_table()
    ours_only_for_some_arguments = {"aten::dict"}
    other = {
        (name, operator_name_of(function))
        for function, name in _builtin_ops
        if torch._C._jit_get_schemas_for_operator(name) and name not in ours_only_for_some_arguments
    }
    different = {(theirs, ours) for theirs, ours in other if theirs != ours}
    assert {theirs for theirs, ours in different if ours is None} <= {
        "aten::initial_seed",
        "aten::seed",
        "aten::save",
        "aten::qscheme",
        "aten::set_grad_enabled",
        "aten::get_gradients",
        "aten::dist_backward",
        "aten::unique_dim",
        "aten::unique_consecutive",
        "aten::nuclear_norm",
        "aten::frobenius_norm",
        "aten::tensordot",
        "aten::special_logsumexp",
        # its schema does not say that it writes, so torch.jit loses it: its body is compiled here
        "aten::_no_grad_embedding_renorm_",
    }
    # one function under two names
    for theirs, ours in different:
        if ours is not None:
            assert {s.overload for s in schemas_of(ours)} == {s.overload for s in schemas_of(theirs)}


def test_an_overload_is_one_schema():
    assert [s.key for s in operator_schemas_of(torch.ops.aten.add.Scalar)] == ["aten::add.Scalar"]
    assert operator_schemas_of(F.relu) is None


def test_functions_of_math_answer_with_numbers():
    assert all(s.return_type != T.TENSOR for s in operator_schemas_of(math.sqrt))
    assert any(s.return_type == T.TENSOR for s in operator_schemas_of(torch.sqrt))


def test_torch_stft_pads():
    assert [s.overload for s in operator_schemas_of(torch.stft)] == ["center"]


@pytest.mark.parametrize(
    ("name", "operator"),
    [
        ("view", "aten::view"),
        ("size", "aten::size"),
        ("__truediv__", "aten::div"),
        ("tolist", "prim::tolist"),
        ("nelement", "aten::numel"),
        ("register_hook", None),
        ("nothing", None),
        ("unique", None),
    ],
)
def test_methods_of_tensor(name, operator):
    assert tensor_method(name) == operator


@pytest.mark.parametrize("name", TENSOR_CASTS)
def test_casts_of_tensor(name):
    assert getattr(torch.rand(2), name)().dtype is TENSOR_CASTS[name]


def test_operators_that_are_registered_later_are_found():
    assert schemas_of("torchscript_test::twice") == ()
    library = torch.library.Library("torchscript_test", "DEF")
    try:
        library.define("twice(Tensor x) -> Tensor")
        library.impl("twice", lambda x: x * 2, "CPU")
        (schema,) = schemas_of("torchscript_test::twice")
        assert is_operator("torchscript_test::twice")
        assert torch.equal(overload_of(schema)(torch.ones(2)), torch.full((2,), 2.0))
    finally:
        library._destroy()


def test_overloads():
    assert overload_of(schema_of("aten::add.Tensor")) is torch.ops.aten.add.Tensor
    assert overload_of(schema_of("aten::relu")) is torch.ops.aten.relu.default
    assert overload_of(schema_of("aten::add.int")) is None
    assert schema_of("aten::add.nothing") is None
    assert schemas_of("aten::nothing_of_that_name") == ()

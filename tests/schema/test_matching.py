"""Matching calls to schemas: the same overloads as PyTorch's compiler, conversions, and reasons."""

import ast
from types import SimpleNamespace

import pytest
import torch

from torchscript import types as T
from torchscript.errors import SchemaMatchError
from torchscript.operators import schemas_of
from torchscript.schema import Conversion, Level, match, match_overloads, parse_schema, parse_schema_type

# The variables of the calls below.
VARIABLES = {
    "x": "Tensor",
    "y": "Tensor",
    "i": "int",
    "j": "int",
    "f": "float",
    "b": "bool",
    "s": "str",
    "c": "complex",
    "d": "Device",
    "li": "int[]",
    "lf": "float[]",
    "lb": "bool[]",
    "ls": "str[]",
    "lx": "Tensor[]",
    "lox": "Tensor?[]",
    "lli": "int[][]",
    "t0": "(int, int)",
    "tx": "(Tensor, Tensor)",
    "tf": "(float, float)",
    "tix": "(int, Tensor)",
    "oi": "int?",
    "ox": "Tensor?",
    "of": "float?",
    "oli": "int[]?",
    "dsi": "Dict(str, int)",
    "dix": "Dict(int, Tensor)",
    "tsi": "(str, int)",
    "lts": "(str, int)[]",
    "n": "NoneType",
}


def value(type):
    return SimpleNamespace(type=parse_schema_type(type) if isinstance(type, str) else type)


def arguments_of(call: str):
    """ "aten::sum(x, dim=i)" → the name, and the arguments by position and by keyword."""
    name, _, rest = call.partition("(")
    tree = ast.parse(f"f({rest}", mode="eval").body
    return (
        name,
        [value(VARIABLES[a.id]) for a in tree.args],
        {k.arg: value(VARIABLES[k.value.id]) for k in tree.keywords},
    )


def matched(call: str):
    name, positional, named = arguments_of(call)
    return match_overloads(schemas_of(name), positional, named)


def chosen_by_pytorch(call: str) -> str:
    """The overload in the graph that PyTorch compiles the call to."""
    name, _, rest = call.partition("(")
    used = [
        v
        for v in VARIABLES
        if any(isinstance(n, ast.Name) and n.id == v for n in ast.walk(ast.parse(f"f({rest}")))
    ]
    names = {"Device": "torch.device", "NoneType": "None"}
    types = {v: parse_schema_type(VARIABLES[v]).annotation() for v in used}
    parameters = ", ".join(f"{v}: {names.get(types[v], types[v])}" for v in used)
    unit = torch.jit.CompilationUnit(
        f"def f({parameters}):\n    return torch.ops.{name.replace('::', '.')}({rest}\n"
    )
    node = [n for n in unit.f.graph.nodes() if n.kind() == name][-1]
    return parse_schema(node.schema()).key


CALLS = """
aten::add(x, y)  aten::add(x, i)  aten::add(x, f)  aten::add(x, y, alpha=i)  aten::add(x, c)
aten::add(x, b)  aten::add(i, j)  aten::add(i, f)  aten::add(f, i)  aten::add(f, f)  aten::add(s, s)
aten::add(li, li)  aten::add(b, b)  aten::add(b, i)  aten::add(b, f)  aten::add(c, i)  aten::add(lx, lx)
aten::sub(i, f)  aten::mul(li, i)  aten::mul(i, li)  aten::mul(x, b)  aten::mul(c, c)  aten::div(i, j)
aten::div(i, f)  aten::div(x, y, rounding_mode=s)  aten::div(x, i)  aten::div(x, i, rounding_mode=s)
aten::floordiv(i, j)  aten::floordiv(f, i)  aten::remainder(x, i)  aten::remainder(i, j)
aten::remainder(i, x)  aten::pow(x, i)  aten::pow(i, x)  aten::pow(x, y)  aten::pow(i, j)  aten::pow(f, i)
aten::pow(c, f)  aten::eq(i, j)  aten::eq(i, f)  aten::eq(b, b)  aten::eq(s, s)  aten::eq(x, i)
aten::eq(li, li)  aten::eq(b, i)  aten::eq(d, d)  aten::lt(i, f)  aten::lt(x, f)  aten::lt(s, s)
aten::neg(i)  aten::neg(x)  aten::neg(b)  aten::__and__(b, b)  aten::__and__(i, j)  aten::__and__(x, b)
aten::__and__(x, y)  aten::__xor__(b, b)  aten::__not__(b)  prim::abs(i)  prim::abs(x)  prim::min(i, f)
prim::max(li)  prim::max(i, j)  prim::max(f, i)  aten::sqrt(x)  aten::sqrt(i)  aten::sqrt(f)  aten::sqrt(c)
aten::log(i, f)  aten::floor(f)  aten::floor(x)  aten::round(x)  aten::round(f)  aten::round(x, decimals=i)
aten::sum(x)  aten::sum(x, i)  aten::sum(x, li)  aten::sum(x, dim=t0)  aten::sum(x, li, b)
aten::sum(x, i, keepdim=b)  aten::sum(x, dtype=i)  aten::sum(li)  aten::sum(lf)  aten::mean(x, i)
aten::mean(x, dim=li, keepdim=b)  aten::max(x)  aten::max(x, i)  aten::max(x, y)
aten::max(x, dim=i, keepdim=b)  aten::argmax(x)  aten::argmax(x, i)  aten::std(x, b)  aten::std(x, i)
aten::std(x, dim=i, unbiased=b)  aten::std(x, dim=li)  aten::var(x)  aten::norm(x)  aten::norm(x, i)
aten::norm(x, i, i)  aten::norm(x, f, li)  aten::all(x)  aten::all(x, i)  aten::any(lb)  aten::cumsum(x, i)
aten::view(x, i, j)  aten::view(x, i)  aten::view(x, li)  aten::view(x, t0)  aten::view(x, y, i)
aten::reshape(x, li)  aten::permute(x, i, j)  aten::permute(x, li)  aten::expand(x, i, j)
aten::repeat(x, i, j)  aten::flip(x, i)  aten::tile(x, i, j)  aten::transpose(x, i, j)  aten::squeeze(x)
aten::squeeze(x, i)  aten::flatten(x, i)  aten::unflatten(x, i, li)  aten::zeros(i, j)  aten::zeros(i)
aten::zeros(li)  aten::zeros(t0)  aten::zeros(li, dtype=i)  aten::zeros(i, j, device=d)
aten::zeros(li, device=s)  aten::rand(i, j)  aten::randn(li)  aten::randint(i, li)  aten::randint(i, j, li)
aten::full(li, f)  aten::full(li, i)  aten::arange(i)  aten::arange(i, j)  aten::arange(i, j, i)
aten::arange(f)  aten::arange(i, j, f)  aten::linspace(i, j, i)  aten::linspace(f, f, i)  aten::eye(i)
aten::eye(i, j)  aten::normal(x, y)  aten::normal(f, f, li)  aten::cat(lx)  aten::cat(tx)  aten::cat(lx, i)
aten::cat(tx, dim=i)  aten::stack(lx, i)  aten::einsum(s, lx)  aten::einsum(s, tx)  aten::einsum(s, x, y)
aten::split(x, i)  aten::split(x, li)  aten::split(x, i, i)  aten::split(s)  aten::split(s, s)
aten::chunk(x, i, j)  aten::meshgrid(lx)  aten::meshgrid(lx, indexing=s)  aten::broadcast_tensors(lx)
aten::index(x, lox)  aten::index(x, lx)  aten::index_put(x, lox, y)  aten::index(li, i)
aten::index_select(x, i, y)  aten::gather(x, i, y)  aten::scatter(x, i, y, y)  aten::scatter(x, i, y, f)
aten::masked_fill(x, y, f)  aten::masked_fill(x, y, y)  aten::where(x, y, y)  aten::where(x, f, y)
aten::where(x, y, f)  aten::where(x, i, f)  aten::where(x)  aten::clamp(x, i, j)  aten::clamp(x, i)
aten::clamp(x, min=f)  aten::clamp(x, y, y)  aten::clamp(x, oi, oi)  aten::clamp(x, max=of)  aten::to(x, i)
aten::to(x, y)  aten::to(x, d)  aten::to(x, s)  aten::to(x, d, i)  aten::to(x, dtype=i)
aten::to(x, device=d, dtype=i)  aten::type_as(x, y)  aten::conv2d(x, y, ox, i, i)
aten::conv2d(x, y, ox, t0, li)  aten::conv2d(x, y, ox, i, s)  aten::conv2d(x, y)
aten::conv_transpose2d(x, y, ox, i)  aten::max_pool2d(x, i)  aten::max_pool2d(x, t0, i)
aten::avg_pool2d(x, i)  aten::adaptive_avg_pool2d(x, t0)  aten::adaptive_avg_pool2d(x, i)
aten::linear(x, y)  aten::linear(x, y, ox)  aten::batch_norm(x, ox, ox, ox, ox, b, f, f, b)
aten::layer_norm(x, li, ox, ox, f)  aten::dropout(x, f, b)  aten::embedding(x, y, i, b, b)
aten::softmax(x, i)  aten::softmax(x, i, oi)  aten::upsample_nearest2d(x, oli, lf)
aten::upsample_nearest2d(x, li)  aten::upsample_bilinear2d(x, li, b)
aten::lstm(x, lx, lx, b, i, f, b, b, b)  aten::tensor(i)  aten::tensor(f)  aten::tensor(li)
aten::tensor(lli)  aten::tensor(b)  aten::as_tensor(x)  aten::as_tensor(li)  aten::len(x)  aten::len(s)
aten::len(li)  aten::len(dsi)  aten::append(li, i)  aten::append(lx, x)  aten::extend(li, li)  aten::pop(li)
aten::pop(li, i)  aten::insert(li, i, j)  aten::__getitem__(li, i)  aten::__getitem__(s, i)
aten::__getitem__(dsi, s)  aten::__getitem__(dix, i)  aten::_set_item(li, i, j)  aten::_set_item(dsi, s, i)
aten::__contains__(dsi, s)  aten::__contains__(li, i)  aten::slice(li, i, j, i)  aten::slice(x, i, i, j, i)
aten::slice(s, i)  aten::keys(dsi)  aten::items(dix)  aten::get(dsi, s)  aten::get(dsi, s, i)
aten::sorted(li)  aten::sort(x)  aten::sort(li)  aten::sort(x, i, b)  aten::sort(x, stable=b)
aten::copy(li)  aten::list(li)  aten::list(s)  aten::dict(lts)  aten::count(s, s)  aten::count(li, i)
aten::find(s, s)  aten::join(s, ls)  aten::replace(s, s, s)  aten::strip(s)  aten::upper(s)  aten::ord(s)
aten::size(x)  aten::size(x, i)  aten::stride(x, i)  aten::item(x)  aten::unbind(x)  aten::select(x, i, j)
aten::narrow(x, i, i, j)  aten::Int(x)  aten::Int(f)  aten::Int(s)  aten::Float(i)  aten::Float(x)
aten::Bool(i)  aten::Bool(x)  aten::Complex(i, f)  aten::device(s)  aten::device(s, i)  aten::str(i)
aten::hash(s)  aten::__is__(ox, n)  aten::__isnot__(x, n)  aten::_unwrap_optional(ox)  aten::fft_fft(x)
aten::linalg_norm(x, i)  aten::linalg_norm(x, s)  aten::linalg_vector_norm(x, i, li)  aten::quantile(x, f)
aten::quantile(x, y, i)  aten::bincount(x)  aten::topk(x, i)  aten::topk(x, i, i, b)  aten::kthvalue(x, i)
aten::roll(x, i)  aten::roll(x, i, i)  aten::roll(x, li, li)  aten::rot90(x, i, li)
aten::tensordot(x, y, li, li)  aten::addmm(x, y, y, beta=i, alpha=f)  aten::baddbmm(x, y, y)
aten::lerp(x, y, f)  aten::lerp(x, y, y)  aten::addcmul(x, y, y, value=f)  aten::fill_(x, f)
aten::fill_(x, y)  aten::add_(x, i)  aten::copy_(x, y)  aten::zero_(x)  aten::pad(x, li)
aten::pad(x, li, s, f)
""".split("  ")
CALLS = [call for line in CALLS for call in line.strip().split("\n") if call]


@pytest.mark.parametrize("call", CALLS)
def test_the_overload_is_the_one_pytorch_chooses(call):
    assert matched(call).schema.key == chosen_by_pytorch(call)


# --- conversions ---------------------------------------------------------------------------------------

CONVERSIONS = {
    "aten::add(x, y)": "NONE NONE DEFAULT",
    "aten::view(x, i, j)": "NONE VARARGS_TO_LIST",
    "aten::view(x, t0)": "NONE TUPLE_TO_LIST",
    "aten::cat(tx)": "TUPLE_TO_LIST DEFAULT",
    "aten::sum(x, i)": "NONE BROADCAST DEFAULT DEFAULT",
    "aten::select(x, y, i)": "NONE TENSOR_TO_INT NONE",
    "aten::dropout(x, y, b)": "NONE TENSOR_TO_FLOAT NONE",
    "aten::dropout(x, i, b)": "NONE INT_TO_FLOAT NONE",
    "aten::masked_fill(x, y, b)": "NONE NONE BOOL_TO_SCALAR",
    "aten::maximum(x, i)": "NONE NUMBER_TO_TENSOR",
    "aten::new_empty(x, li, device=s)": "NONE NONE DEFAULT DEFAULT STRING_TO_DEVICE DEFAULT",
}


@pytest.mark.parametrize("call", CONVERSIONS)
def test_conversions(call):
    found = matched(call)
    assert [b.conversion.name for b in found.bindings] == CONVERSIONS[call].split()
    assert [b.argument for b in found.bindings] == list(found.schema.arguments)


def test_the_elements_of_varargs_and_tuples_are_converted():
    binding = matched("aten::view(x, y, i)").bindings[1]
    assert binding.elements == (Conversion.TENSOR_TO_INT, Conversion.NONE)
    binding = matched("aten::view(x, tix)").bindings[1]
    assert (binding.conversion, binding.elements) == (
        Conversion.TUPLE_TO_LIST, (Conversion.NONE, Conversion.TENSOR_TO_INT),
    )  # fmt: skip


def test_keywords_may_have_the_names_that_python_knows():
    assert matched("aten::sum(input=x, axis=i, keepdims=b)").schema.overload == "dim_IntList"
    assert matched("aten::add(x, other=y)").schema.overload == "Tensor"
    assert matched("aten::split(tensor=x, split_size_or_sections=i)").schema.overload == "Tensor"


def test_type_variables_are_bound_and_replaced():
    assert matched("aten::__getitem__(lx, i)").return_type == T.TENSOR
    assert matched("aten::items(dix)").return_type == parse_schema_type("(int, Tensor)[]")
    assert matched("aten::get(dsi, s)").return_type == parse_schema_type("int?")
    assert matched("aten::dict(lts)").return_type == parse_schema_type("Dict(str, int)")
    assert matched("aten::_unwrap_optional(ox)").return_type == T.TENSOR


def test_dtypes_are_ints_and_ints_are_dtypes():
    assert (
        match_overloads(schemas_of("aten::to"), [value("Tensor"), value(T.DTYPE)]).schema.overload == "dtype"
    )
    assert match_overloads(schemas_of("aten::add"), [value(T.DTYPE), value("int")]).schema.overload == "int"


def test_an_empty_list_takes_the_type_that_is_asked_for():
    empty = value(T.ListType(T.PendingType(T.TENSOR)))
    binding = match_overloads(schemas_of("aten::zeros"), [empty]).bindings[0]
    assert (binding.conversion, binding.type) == (Conversion.RESOLVE_PENDING, T.ListType(T.INT))
    found = match_overloads(schemas_of("aten::append"), [empty, value("str")])
    assert (found.bindings[0].conversion, found.return_type) == (
        Conversion.RESOLVE_PENDING,
        T.ListType(T.STRING),
    )
    assert match_overloads(schemas_of("aten::len"), [empty]).bindings[0].conversion is Conversion.NONE


def test_vararg_operators_take_what_is_left():
    found = matched("aten::format(s, i, x)")
    assert len(found.bindings) == 1 and len(found.varargs) == 2


def test_an_overload_that_needs_less_conversion_comes_first():
    found = matched("aten::add(i, f)")
    assert found.level is Level.EXACT and found.return_type == T.FLOAT


def test_one_schema():
    relu = parse_schema("aten::relu(Tensor self) -> Tensor")
    assert (
        match(relu, [value("int")], {}, conversions=True) == "argument 'self' is an int, it must be a Tensor"
    )
    found = match(relu, [value("int")], {}, conversions=True, allow_number_to_tensor=True)
    assert found.bindings[0].conversion is Conversion.NUMBER_TO_TENSOR


# --- reasons -------------------------------------------------------------------------------------------

REASONS = {
    "aten::relu(s)": "argument 'self' is a str, it must be a Tensor",
    "aten::relu(x, y)": "takes 1 positional argument, 2 were given",
    "aten::relu()": "argument 'self' is missing",
    "aten::relu(x, y=y)": "has no argument 'y'",
    "aten::relu(x, self=y)": "argument 'self' is given twice, by position and by keyword",
    "aten::relu(ox)": "the value may be None: check it with 'if x is not None'",
    "aten::stack(li)": "argument 'tensors' is a List[int], it must be a List[Tensor]",
    "aten::append(li, s)": "argument 'el' is a str, it must be",
    "aten::view(x, f, i)": "argument 'size' is a float, it must be an int",
    "aten::zeros(li, dtype=s)": "argument 'dtype' is a str, it must be an Optional[torch.dtype]",
}


@pytest.mark.parametrize("call", REASONS)
def test_reasons(call):
    with pytest.raises(SchemaMatchError) as raised:
        matched(call)
    assert REASONS[call] in str(raised.value)


def test_the_message_lists_the_overloads_that_come_nearest():
    with pytest.raises(SchemaMatchError) as raised:
        matched("aten::add(x, s)")
    lines = str(raised.value).splitlines()
    assert lines[0] == "'add' does not take (Tensor, str)."
    assert lines[1] == "  add(self: Tensor, other: Tensor, *, alpha: number = 1) -> Tensor"
    assert lines[2] == "    argument 'other' is a str, it must be a Tensor"
    assert len(lines) <= 8
    assert not any("out" in line for line in lines)

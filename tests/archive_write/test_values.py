"""Attributes of every type, written by us and read by stock PyTorch and by us."""

import enum
import io
from typing import NamedTuple

import pytest
import torch

import torchscript as jit
from torchscript import types as T
from torchscript.archive.reader import read_archive
from torchscript.archive.writer import save_to_buffer

from .support import Bare, holder, records, stock_load, through_stock

INTS, FLOATS, STRINGS = T.ListType(T.INT), T.ListType(T.FLOAT), T.ListType(T.STRING)

PLAIN = {
    "int": (3, T.INT),
    "large": (2**62, T.INT),
    "negative": (-70_000, T.INT),
    "least": (-(2**63), T.INT),
    "bool": (True, T.BOOL),
    "float": (1e-5, T.FLOAT),
    "infinite": (float("-inf"), T.FLOAT),
    "complex": (1 - 2j, T.COMPLEX),
    "string": ("text 'é\"\n", T.STRING),
    "none": (None, T.NONE),
    "device": (torch.device("cpu"), T.DEVICE),
    "missing": (None, T.optional(T.INT)),
    "present": (5, T.optional(T.INT)),
    "ints": ([1, 2], INTS),
    "no_ints": ([], INTS),
    "floats": ([1.0], FLOATS),
    "bools": ([True, False], T.ListType(T.BOOL)),
    "strings": (["a", "b"], STRINGS),
    "nested": ([[1], []], T.ListType(INTS)),
    "nested_strings": ([["a"], []], T.ListType(STRINGS)),
    "optionals": ([1, None], T.ListType(T.optional(T.INT))),
    "tuple": ((1, "a", (2.0, None)), T.TupleType((T.INT, T.STRING, T.TupleType((T.FLOAT, T.NONE))))),
    "empty_tuple": ((), T.TupleType(())),
    "long_tuple": ((1, 2, 3, 4, 5), T.TupleType((T.INT,) * 5)),
    "dict": ({"a": 1, "b": 2}, T.DictType(T.STRING, T.INT)),
    "empty_dict": ({}, T.DictType(T.INT, T.FLOAT)),
    "dict_of_lists": ({1: ["x"]}, T.DictType(T.INT, STRINGS)),
    "union": ("text", T.union(T.INT, T.STRING)),
}


@pytest.mark.parametrize("name", PLAIN)
def test_plain_values(name, assert_same):
    value, type_ = PLAIN[name]
    loaded = through_stock(value=(value, type_))
    assert_same(loaded.get_value(), value)
    archive = read_archive(save_to_buffer(holder(value=(value, type_))))
    assert_same(archive.instantiate(lambda cls, attributes: attributes)["value"], value)


def test_dtypes_are_ints_in_archives():
    loaded = through_stock(dtype=(torch.float64, T.DTYPE), layout=(torch.strided, T.LAYOUT))
    assert (loaded.get_dtype(), loaded.get_layout()) == (7, 0)


def test_a_list_that_two_attributes_hold_stays_one():
    shared = [1]
    archive = read_archive(save_to_buffer(holder(one=(shared, INTS), two=(shared, INTS))))
    loaded = archive.instantiate(lambda cls, attributes: attributes)
    assert loaded["one"] is loaded["two"]


def test_many_values_overflow_no_memo(assert_same):
    value = [(f"name {i}", i) for i in range(700)]
    type_ = T.ListType(T.TupleType((T.STRING, T.INT)))
    assert_same(through_stock(value=(value * 2, type_)).get_value(), value * 2)


class Point(NamedTuple):
    x: torch.Tensor
    n: int


class Color(enum.Enum):
    RED = "r"
    BLUE = "b"


POINT = T.NamedTupleType((T.TENSOR, T.INT), "__torch__.shapes.Point", ("x", "n"), (), Point)
COLOR = T.EnumType("__torch__.shapes.Color", T.STRING, (("RED", "r"), ("BLUE", "b")), Color)


def test_named_tuples():
    loaded = through_stock(point=(Point(torch.ones(2), 3), POINT)).get_point()
    assert loaded[1] == 3 and loaded[0].tolist() == [1, 1]


def test_enums():
    module = holder(color=(Color.BLUE, COLOR), colors=([Color.RED, Color.BLUE], T.ListType(COLOR)))
    data = save_to_buffer(module)
    assert stock_load(data).get_color() == "BLUE"
    assert (
        'class Color(Enum):\n  RED = "r"\n  BLUE = "b"' in records(data)["code/__torch__/shapes.py"].decode()
    )


# --- Classes -----------------------------------------------------------------------------------------


def cell(name="__torch__.cells.Cell", **attributes):
    cls = T.ClassType(name)
    for attribute, type_ in attributes.items():
        cls.attributes[attribute] = T.ClassAttribute(type_)
    return cls


def test_objects_that_are_shared_stay_one():
    cls = cell(n=T.INT)
    one = Bare(cls, n=4)
    data = save_to_buffer(holder(first=(one, cls), second=(one, cls)))
    loaded = stock_load(data)
    assert loaded.get_first_n() == 4
    own = read_archive(data).instantiate(lambda cls, attributes: attributes)
    assert own["first"] is own["second"]


def test_two_classes_of_one_name():
    narrow, wide = cell(n=T.INT), cell(n=T.INT, m=T.INT)
    module = holder(a=(Bare(narrow, n=1), narrow), b=(Bare(wide, n=2, m=3), wide))
    data = save_to_buffer(module)
    assert "code/__torch__/cells/___torch_mangle_0.py" in records(data)
    loaded = stock_load(data)
    assert (loaded.get_a_n(), loaded.get_b_m()) == (1, 3)


def test_a_function_in_the_namespace_of_a_class():
    from torchscript.ir import Graph

    from .support import function_of

    cls = cell(n=T.INT)
    graph = Graph("helper")
    graph.block.add_output(graph.block.add_parameter(T.INT, "n"))
    helper = function_of(graph, "cells.Cell.helper")
    caller = Graph("caller")
    one = caller.block.add_parameter(cls, "one")
    value = caller.block.add("prim::GetAttr", [one], [T.INT], {"name": "n"}).output
    name = caller.block.add("prim::Constant", [], [T.FUNCTION], {"name": "helper", "function": helper}).output
    call = caller.block.add("prim::CallFunction", [name, value], [T.INT], {"function": helper})
    caller.block.add_output(call.output)
    data = save_to_buffer(function_of(caller, "caller"))
    stock_load(data)
    assert "def helper(" in records(data)["code/__torch__/cells.py"].decode()


def test_attributes_that_are_no_identifiers():
    loaded = through_stock(**{"0": (1, T.INT), "a-b": (2, T.INT), "lambda": (3, T.INT)})
    assert (loaded.get_0(), loaded.get_1(), loaded.get_lambda()) == (1, 2, 3)


# --- Tensors -----------------------------------------------------------------------------------------

DTYPES = [
    torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.float32,
    torch.float64, torch.bool, torch.bfloat16, torch.complex64, torch.complex128, torch.float8_e5m2,
    torch.float8_e4m3fn, torch.uint16, torch.uint32, torch.uint64,
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_dtypes(dtype):
    value = torch.tensor([0, 1, 1, 0, 1]).to(dtype)
    loaded = through_stock(value=(value, T.TENSOR)).get_value()
    assert loaded.dtype == dtype
    assert loaded.view(torch.uint8).tolist() == value.view(torch.uint8).tolist()


@pytest.mark.parametrize(
    "value",
    [
        torch.tensor(3.5),
        torch.zeros(0, 3),
        torch.arange(24.0).view(2, 3, 4).permute(2, 0, 1),
        torch.arange(10.0)[2:9:3],
        torch.ones(3).expand(2, 3),
        torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
        torch.randn(3, dtype=torch.complex64).conj(),
        torch.randn(3, dtype=torch.complex64).conj().imag,
    ],
    ids=["scalar", "empty", "permuted", "strided", "expanded", "channels_last", "conj", "neg"],
)
def test_views(value):
    loaded = through_stock(value=(value, T.TENSOR)).get_value()
    assert loaded.stride() == value.stride() or value.is_conj() or value.is_neg()
    assert torch.equal(loaded.resolve_conj().resolve_neg(), value.resolve_conj().resolve_neg())


def test_views_of_one_storage_share_it():
    whole = torch.arange(1000.0)
    data = save_to_buffer(holder(whole=(whole, T.TENSOR), part=(whole[10:20], T.TENSOR)))
    assert [n for n in records(data) if n.startswith("data/")] == ["data/0"]
    loaded = stock_load(data)
    loaded.get_part().fill_(-1)
    assert loaded.get_whole()[15] == -1


def test_requires_grad():
    loaded = through_stock(on=(torch.nn.Parameter(torch.ones(2)), T.TENSOR), off=(torch.ones(2), T.TENSOR))
    assert loaded.get_on().requires_grad and not loaded.get_off().requires_grad


@pytest.mark.filterwarnings("ignore")
def test_sparse_and_quantised_tensors():
    per_tensor = torch.quantize_per_tensor(torch.randn(2, 3), 0.1, 3, torch.qint8)
    scales, points = torch.tensor([0.1, 0.2]).double(), torch.tensor([0, 1])
    per_channel = torch.quantize_per_channel(torch.randn(2, 3), scales, points, 0, torch.quint8)
    values = {
        "coo": torch.eye(3).to_sparse(),
        "csr": torch.eye(3).to_sparse_csr(),
        "tensor": per_tensor,
        "channel": per_channel,
    }
    loaded = through_stock(**{name: (value, T.TENSOR) for name, value in values.items()})
    assert torch.equal(loaded.get_coo().to_dense(), torch.eye(3))
    assert torch.equal(loaded.get_csr().to_dense(), torch.eye(3))
    assert torch.equal(loaded.get_tensor().int_repr(), per_tensor.int_repr())
    assert loaded.get_tensor().q_scale() == per_tensor.q_scale()
    assert torch.equal(loaded.get_channel().dequantize(), per_channel.dequantize())


# --- Modules -----------------------------------------------------------------------------------------


class Tied(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Embedding(5, 3)
        self.out = torch.nn.Linear(3, 5, bias=False)
        self.out.weight = self.embed.weight
        self.register_buffer("scale", torch.tensor(2.0))

    def forward(self, x):
        return self.out(self.embed(x)) * self.scale


def test_tied_weights():
    module = Tied()
    data = save_to_buffer(jit.script(module))
    assert sum(n.startswith("data/") for n in records(data)) == 2
    loaded = stock_load(data)
    assert loaded.embed.weight.data_ptr() == loaded.out.weight.data_ptr()
    assert [n for n, _ in loaded.named_parameters(remove_duplicate=False)] == ["embed.weight", "out.weight"]
    assert [n for n, _ in loaded.named_buffers()] == ["scale"]
    x = torch.tensor([1, 4])
    assert torch.equal(loaded(x), module(x))


class Stateful(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.n = 3

    @jit.export
    def __getstate__(self):
        return (self.n * 10, self.training)

    @jit.export
    def __setstate__(self, state: tuple[int, bool]):
        self.n = state[0] + 1
        self.training = state[1]

    def forward(self, x):
        return x + self.n


def test_getstate_and_setstate():
    loaded = torch.jit.load(io.BytesIO(save_to_buffer(jit.script(Stateful()))))
    assert loaded(torch.zeros(1)).item() == 31


def test_constants_of_the_code():
    table = torch.arange(6.0)
    traced = jit.trace(lambda x: x + table, (torch.ones(6),))
    data = save_to_buffer(traced)
    assert any(n.startswith("constants/") for n in records(data))
    assert torch.equal(stock_load(data)(torch.zeros(6)), table)


@pytest.mark.filterwarnings("ignore")
def test_objects_of_cpp_classes():
    quantised = torch.ao.quantization.quantize_dynamic(torch.nn.Sequential(torch.nn.Linear(4, 2)))
    stock = torch.jit.script(quantised)
    buffer = io.BytesIO()
    torch.jit.save(stock, buffer)
    loaded = stock_load(save_to_buffer(jit.load(io.BytesIO(buffer.getvalue()))))
    x = torch.randn(3, 4)
    assert torch.equal(loaded(x), stock(x))


@jit.interface
class Step(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor: ...


class Add(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 1


class Runner(torch.nn.Module):
    step: Step

    def __init__(self):
        super().__init__()
        self.step = Add()

    def forward(self, x):
        with torch.no_grad():
            y = self.step(x)
        later = jit.fork(self.step.forward, x)
        return y, x * y, jit.wait(later)


def test_interfaces_contexts_and_forks(assert_same):
    data = save_to_buffer(jit.script(Runner()))
    source = "".join(text.decode() for name, text in records(data).items() if name.endswith(".py"))
    assert "with " in source and "fork(" in source
    x = torch.ones(2, requires_grad=True)
    assert_same(stock_load(data)(x), Runner()(x))
    assert_same(jit.load(io.BytesIO(data))(x), Runner()(x))

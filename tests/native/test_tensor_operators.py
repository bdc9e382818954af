"""The language's own operators on tensors, devices and modes in C++ beside the Python that the tables give for them.

Each is called from a graph of its own, with every argument; all graphs are one native library.
"""

import copy

import pytest
import torch

from torchscript import types as T
from torchscript.codegen.cpp.language import NATIVE_OPERATORS
from torchscript.ir.graph import Function, Graph, Node
from torchscript.native.api import compile_functions
from torchscript.operators.language import BUILTINS
from torchscript.runtime.function import ScriptFunction
from torchscript.schema.model import Argument, Schema

from .test_language_operators import CASES, EXPRESSIONS, bound, run, same, variants

BY_HAND = {
    "aten::update.Tensor": "a dict with tensors as keys, which archives do not hold",
    "aten::cuda": "without CUDA it raises: an AssertionError of torch.cuda in Python, the dispatcher's own error in C++",
}
"""What no graph here calls, with the reason."""

ELSEWHERE = {
    "aten::dequantize.any": "takes and gives Any: named at compile time",
    "aten::wait": "written by the code generator: test_programs.py",
    "prim::ModuleContainerIndex.dict": "a module that is chosen at run time has an interface: test_interfaces.py",
    "prim::ModuleContainerIndex.list": "the same",
    "prim::TupleIndex": "written by the code generator: test_programs.py",
    "prim::Uninitialized": "has no value to compare",
}
"""What has no C++ function of its own, with the reason."""

CALLED = {builtin.schema.key for builtin, _ in CASES.values()} | {n.rpartition(" ")[0] for n in EXPRESSIONS}
KEYS = sorted(NATIVE_OPERATORS - CALLED - BY_HAND.keys())

IMAGE = torch.arange(16.0).reshape(1, 1, 4, 4)
WHOLE, FRACTION = torch.tensor(3), torch.tensor(2.5)
SPECIAL = {
    "aten::Bool.Tensor": [WHOLE],
    "aten::Int.Tensor": [WHOLE],
    "aten::IntImplicit": [WHOLE],
    "aten::Float.Tensor": [FRACTION],
    "aten::FloatImplicit": [FRACTION],
    "aten::ComplexImplicit": [torch.tensor(1 + 2j)],
    "aten::ScalarImplicit": [FRACTION],
    "aten::Complex.Tensor_Tensor": [FRACTION, WHOLE],
    "aten::size": [torch.zeros(2, 3)],
    "aten::split": [torch.arange(6.0), [1, 2, 3], 0],
    "aten::dequantize.tensor": [torch.quantize_per_tensor(torch.ones(3), 0.1, 3, torch.quint8)],
    "aten::dequantize.list": [[torch.quantize_per_tensor(torch.ones(3), 0.1, 3, torch.quint8)]],
    "aten::device": ["cpu"],
    "aten::device.with_index": ["cpu", 0],
    "aten::get_autocast_dtype": ["cpu"],
    "aten::_unwrap_optional": [3],
    "aten::__interpolate": [IMAGE, None, 2.0, "bilinear", False, None, False],
    "aten::__interpolate.size_list": [IMAGE, [3, 5], None, "nearest", None, None, False],
    "aten::__interpolate.scale_list": [IMAGE, None, [2.0, 0.5], "bicubic", True, None, False],
    "aten::__interpolate.size_list_scale_list": [IMAGE, None, [2.0, 0.5], "area", None, None, False],
    "aten::__upsample": [IMAGE, 7, None, "nearest", None],
    "aten::__upsample.size_list": [IMAGE, [3, 2], None, "bilinear", True],
    "aten::__upsample_nearest": [IMAGE, None, 2],
    "aten::__upsample_nearest.size_list": [IMAGE, [3, 2], None],
    "aten::__upsample_bilinear": [IMAGE, None, 3],
    "aten::__upsample_bilinear.size_list": [IMAGE, [3, 2], None],
    "aten::__upsample_bilinear.scale_list": [IMAGE, None, [3, 2]],
    "aten::__upsample_bilinear.size_list_scale_list": [IMAGE, None, [3, 2]],
}
"""Arguments of operators for which those of `SAMPLES` make no sense."""

SAMPLES = {
    T.TENSOR: torch.arange(6.0).reshape(2, 3) - 2,
    T.INT: 1,
    T.FLOAT: 2.5,
    T.BOOL: True,
    T.COMPLEX: 1 + 2j,
    T.STRING: "cpu",
    T.DEVICE: torch.device("cpu"),
    T.NUMBER: 3,
    T.ListType(T.INT): [2, 3],
    T.ListType(T.TENSOR): [torch.tensor([1, 0])],
}


def arguments_of(key, types):
    if key in SPECIAL:
        return SPECIAL[key]
    if "Complex." in key:
        return [WHOLE if t == T.TENSOR else SAMPLES[t] for t in types]
    formats = {T.MemoryFormatType: torch.contiguous_format}
    chosen = [None if isinstance(t, T.OptionalType) else formats.get(type(t), SAMPLES.get(t)) for t in types]
    for i, argument in enumerate(BUILTINS[key].schema.arguments):
        if argument.name in ("requires_grad", "unsafe"):
            chosen[i] = False
        if argument.name == "values":
            chosen[i] = torch.full((2, 3), 7.0)
        if argument.name == "dim":
            chosen[i] = 0
    return chosen


def scripted(key, types):
    """A graph that is one call of the operator."""
    schema = BUILTINS[key].schema
    graph = Graph("called")
    inputs = [graph.block.add_parameter(t, f"a{i}") for i, t in enumerate(types)]
    results = [bound(r.type, T.INT) for r in schema.returns]
    node = Node(schema.key.partition(".")[0], inputs, results, {}, None, schema)
    graph.block.append(node)
    outputs = list(node.outputs)
    if len(outputs) != 1:
        last = Node("prim::TupleConstruct", outputs, [T.TupleType(tuple(results))], {}, None)
        graph.block.append(last)
        outputs = [last.output]
    graph.block.add_output(outputs[0])
    parameters = tuple(Argument(f"a{i}", t) for i, t in enumerate(types))
    return ScriptFunction(Function("__torch__.called", graph, Schema("__torch__.called", "", parameters, ())))


@pytest.fixture(scope="module")
def native():
    functions = [scripted(key, next(variants(BUILTINS[key].schema))) for key in KEYS]
    return dict(zip(KEYS, compile_functions(functions, optimize=False), strict=True))


@pytest.mark.parametrize("key", KEYS)
def test_the_cpp_does_what_the_python_does(key, native):
    types = next(variants(BUILTINS[key].schema))
    arguments = copy.deepcopy(arguments_of(key, types))
    wanted, after = run(BUILTINS[key], copy.deepcopy(arguments))
    if isinstance(wanted, Exception):
        with pytest.raises(type(wanted)):
            native[key](*arguments)
        return
    got = native[key](*arguments)
    if isinstance(wanted, torch.Size):
        wanted = list(wanted)
    if isinstance(wanted, tuple) and isinstance(got, list):
        wanted = list(wanted)
    assert same(got, wanted), f"{got} for {wanted}"
    assert same(list(arguments), list(after))


def test_every_operator_is_called():
    """Here, or in test_language_operators.py, or not for a reason."""
    everything = {b.schema.key for b in BUILTINS.values()}
    assert everything - CALLED - set(KEYS) == BY_HAND.keys() | ELSEWHERE.keys()

"""Values of every type for the operators of the language, in Python and as C++."""

import math

import torch

from torchscript import types as T
from torchscript.schema import code_of

NAN, INF = math.nan, math.inf

_SAMPLES = {
    T.INT: [0, 1, -3, 7, 64, -(2**63), 2**53 + 1],
    T.FLOAT: [0.0, 1.0, -1.5, 2.5, 3.7, -0.0, 1e16, 1e300, -1e-7, float(2**53), INF, -INF, NAN],
    T.BOOL: [True, False],
    T.COMPLEX: [0j, 1 + 2j, -0.5j, complex(3, 0), complex(-1e300, 1e300)],
    T.NUMBER: [0, 2, -7, True, 1.5, -0.25, 1 + 1j],
    T.STRING: ["", "abc", "b", " Ab c ", "42", "a\tb\nc\r\n", "größe ΣΣ ǆ", "日本b語b", "-1_0.5e3", "it's"],
    T.DEVICE: [torch.device("cpu"), torch.device("meta"), torch.device("cuda", 1)],
    T.DTYPE: [torch.float64, torch.int32],
    T.LAYOUT: [torch.strided],
    T.MEMORY_FORMAT: [torch.contiguous_format, torch.channels_last],
    T.NONE: [None],
}
_PARTS = ["b", "c ", "", "語", "zz", " ", "\n"]
_BY_NAME = {
    "start": [0, 1, -2, 5],
    "end": [-1, 2, -3, 9],
    "idx": [0, -1, 1, -2, 2, 7, -9],
    "index": [0, -1, 2, -4, 11],
    "width": [0, 4, 9, -2],
    "n": [0, 1, 3, -1],
    "max": [-1, 0, 1, 2],
    "tabsize": [8, 3, 0],
    "step": [1, 2, -1, -3, 0],
    "fillchar": ["*", "ä", "", "ab"],
    "size": [3],
    "stacklevel": [2],
    "dim": [0, 1, -1],
    "mode": ["nearest", "bilinear", "bicubic", "area", "linear"],
    "device_type": ["cpu"],
    "chars": [" \n\t\f\v", "b ", "", "aß"],
}


_BY_TYPE = {
    ("int?", "dtype"): [None],
    ("Device?", "device"): [None, torch.device("cpu")],
    ("Tensor", "input"): [
        torch.arange(12.0).reshape(1, 1, 3, 4),
        torch.arange(4.0).reshape(1, 1, 4),
        torch.ones(2),
    ],
    ("int?", "size"): [None, 5],
    ("int[]?", "size"): [None, [5, 6], [2], [1, 2, 3]],
    ("int?", "scale_factor"): [None, 2],
    ("int[]?", "scale_factor"): [None, [2, 3]],
    ("float?", "scale_factor"): [None, 2.0, 0.7],
    ("float[]?", "scale_factor"): [None, [2.0, 1.5], [0.5]],
    ("Tensor[]", "indices"): [[torch.tensor([0])], [torch.tensor([0, 0])], [torch.tensor([5])]],
    ("int[]", "split_sizes"): [[1, 2], [3], [1, 1]],
}


def samples(type, name=""):
    """Arguments of a type, chosen by the name that a schema gives them."""
    if (str(type), name) in _BY_TYPE:
        return _BY_TYPE[str(type), name]
    if type == T.OptionalType(T.INT) and name in _BY_NAME:
        return [None, *_BY_NAME[name]]
    if str(type) == "float[]":
        return [[0.0, 1.0, -1.5], [2.5, 3.7], [1e16, -INF], [], [2.5, -0.0, INF, 1.0, 2.5]]
    if (
        name in _BY_NAME
        and type in (T.INT, T.STRING)
        and isinstance(_BY_NAME[name][0], str) == (type == T.STRING)
    ):
        return _BY_NAME[name]
    if type == T.STRING and name in ("substr", "old", "separator"):
        return _PARTS
    if type in _SAMPLES:
        return _SAMPLES[type]
    match type:
        case T.TensorType():
            return [torch.tensor(2.0), torch.tensor([[1.5]]), torch.tensor([1, 2, 3]), torch.tensor(True)]
        case T.OptionalType():
            return [None, *samples(type.element, name)[:4]]
        case T.ListType(element=T.TensorType()):
            a, b = torch.tensor(2.0), torch.tensor([1.5])
            return [[a, b], [b, a, a], [], [a]]
        case T.ListType(element=T.TupleType()):
            return [samples(type.element)[:3], []]
        case T.ListType():
            inner = samples(type.element)
            return [inner[:3], inner[2:5], inner[:1], [], inner[3:] + inner[1:4]]
        case T.DictType():
            keys, values = samples(type.key), samples(type.value)
            return [
                dict(zip(keys[:3], values, strict=False)),
                {},
                dict(zip(keys[2:5], values[3:], strict=False)),
            ]
        case T.TupleType():
            return list(zip(*(samples(e) for e in type.elements), strict=False))
    raise NotImplementedError(f"samples of {type}")


_CPP = {
    T.INT: "int64_t", T.FLOAT: "double", T.BOOL: "bool", T.COMPLEX: "Complex", T.NUMBER: "Scalar", T.STRING: "Str",
    T.MEMORY_FORMAT: "at::MemoryFormat", T.DEVICE: "Device", T.DTYPE: "at::ScalarType", T.LAYOUT: "at::Layout",
    T.NONE: "None",
}  # fmt: skip


def cpp_type(type):
    match type:
        case T.TensorType():
            return "Tensor"
        case T.OptionalType():
            return f"std::optional<{cpp_type(type.element)}>"
        case T.ListType():
            return f"List<{cpp_type(type.element)}>"
        case T.DictType():
            return f"Dict<{cpp_type(type.key)}, {cpp_type(type.value)}>"
        case T.TupleType():
            return f"std::tuple<{', '.join(map(cpp_type, type.elements))}>"
    return _CPP[type]


def _double(x):
    if math.isnan(x):
        return "NAN"
    return ("-" if x < 0 else "") + "INFINITY" if math.isinf(x) else repr(float(x))


def cpp_literal(value, type):
    """An expression of C++ for a value of a type."""
    if isinstance(type, T.OptionalType):
        return (
            f"{cpp_type(type)}()"
            if value is None
            else f"{cpp_type(type)}({cpp_literal(value, type.element)})"
        )
    if isinstance(type, T.ListType):
        return f"{cpp_type(type)}{{{', '.join(cpp_literal(x, type.element) for x in value)}}}"
    if isinstance(type, T.TupleType):
        items = (cpp_literal(x, e) for x, e in zip(value, type.elements, strict=True))
        return f"{cpp_type(type)}({', '.join(items)})"
    if isinstance(type, T.DictType):
        items = (f"{{{cpp_literal(k, type.key)}, {cpp_literal(v, type.value)}}}" for k, v in value.items())
        return f"{cpp_type(type)}{{{', '.join(items)}}}"
    if isinstance(value, torch.Tensor):
        values = ", ".join(_double(float(x)) for x in value.flatten().tolist())
        sizes = ", ".join(map(str, value.shape))
        kind = {torch.float32: "kFloat", torch.int64: "kLong", torch.bool: "kBool", torch.float64: "kDouble"}[
            value.dtype
        ]
        return f"sample_tensor({{{values}}}, {{{sizes}}}, at::{kind})"
    match value:
        case bool():
            text = str(value).lower()
        case int():
            text = "INT64_MIN" if value == -(2**63) else f"int64_t({value})"
        case float():
            text = _double(value)
        case complex():
            text = f"Complex({_double(value.real)}, {_double(value.imag)})"
        case str():
            return 'Str("' + "".join(f"\\{byte:03o}" for byte in value.encode()) + '")'
        case torch.device():
            return f'Device(c10::Device("{value}"))'
        case torch.dtype():
            return {torch.float64: "at::kDouble", torch.int32: "at::kInt", torch.float32: "at::kFloat"}[value]
        case torch.layout():
            return "at::kStrided"
        case torch.memory_format():
            return f"static_cast<at::MemoryFormat>({code_of(value)})"
        case None:
            return "None()"
    return f"Scalar({text})" if type == T.NUMBER else text

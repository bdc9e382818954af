"""Which operator a callable of Python stands for: `torch.nn.functional.gelu` → `aten::gelu`."""

from __future__ import annotations

import cmath
import collections
import math
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from types import ModuleType
from typing import Any

import torch

from ..schema import Schema
from .dispatcher import is_operator, operator_names, schemas_of
from .language import language_schemas_of

# --- tables ----------------------------------------------------------------------------------------------

# Functions of torch that are written in Python, and take the same arguments as the operator.
# (torch.unique, torch.lu, torch.tensordot, … do not: they are compiled from their source.)
_PYTHON_FUNCTIONS: dict[str, str] = {
    "torch.functional.atleast_1d": "aten::atleast_1d",
    "torch.functional.atleast_2d": "aten::atleast_2d",
    "torch.functional.atleast_3d": "aten::atleast_3d",
    "torch.functional.block_diag": "aten::block_diag",
    "torch.functional.broadcast_shapes": "aten::broadcast_shapes",
    "torch.functional.broadcast_tensors": "aten::broadcast_tensors",
    "torch.functional.cartesian_prod": "aten::cartesian_prod",
    "torch.functional.cdist": "aten::cdist",
    "torch.functional.chain_matmul": "aten::chain_matmul",
    "torch.functional.einsum": "aten::einsum",
    "torch.functional.istft": "aten::istft",
    "torch.functional.meshgrid": "aten::meshgrid",
    "torch.functional.norm": "aten::norm",
    "torch.functional.split": "aten::split",
    "torch.functional.stft": "aten::stft",
    "torch.nn.init._no_grad_fill_": "aten::_no_grad_fill_",
    "torch.nn.init._no_grad_normal_": "aten::_no_grad_normal_",
    "torch.nn.init._no_grad_uniform_": "aten::_no_grad_uniform_",
    "torch.nn.init._no_grad_zero_": "aten::_no_grad_zero_",
    "torch.autograd.grad": "aten::grad",
    "torch.autograd.backward": "aten::backward",
    "torch.random.manual_seed": "aten::manual_seed",
    "torch.backends.cudnn.is_acceptable": "aten::cudnn_is_acceptable",
    "torch._C._infer_size": "aten::_infer_size",
    "torch._C._get_tracing_state": "aten::_get_tracing_state",
    "torch._C._get_cpu_capability": "aten::_get_cpu_capability",
    "torch._C._set_grad_enabled": "aten::set_grad_enabled",
}

# Overloads that a function means, where the operator has others beside them.
_OVERLOADS_MEANT: dict[str, tuple[str, ...]] = {"aten::stft": ("center",)}

# The functions of math that the language has, where the names differ from those of the operators.
_MATH_NAMES = {"remainder": "mathremainder"}
_CMATH_NAMES = {"phase": "angle", "rect": "polar"}

# Functions of Python, and types of torch, that are operators for some of their arguments.
_BUILTINS: dict[Any, str] = {
    len: "aten::len",
    abs: "prim::abs",
    round: "aten::round",
    ord: "aten::ord",
    chr: "aten::chr",
    hex: "aten::hex",
    oct: "aten::oct",
    bin: "aten::bin",
    divmod: "aten::divmod",
    sorted: "aten::sorted",
    sum: "aten::sum",
    any: "aten::any",
    all: "aten::all",
    min: "prim::min",
    max: "prim::max",
    hash: "aten::hash",
    id: "prim::id",
    pow: "aten::pow",
    print: "prim::Print",
    collections.OrderedDict: "aten::dict",
    warnings.warn: "aten::warn",
    torch.device: "aten::device",
    torch.Size: "aten::Size",
    torch.Generator: "aten::Generator",
}

# Methods of Tensor whose operators have other names.
_METHODS: dict[str, str] = {
    "__abs__": "aten::abs",
    "__add__": "aten::add",
    "__radd__": "aten::add",
    "__iadd__": "aten::add_",
    "__sub__": "aten::sub",
    "__rsub__": "aten::rsub",
    "__isub__": "aten::sub_",
    "__mul__": "aten::mul",
    "__rmul__": "aten::mul",
    "__imul__": "aten::mul_",
    "__div__": "aten::div",
    "__idiv__": "aten::div_",
    "__truediv__": "aten::div",
    "__itruediv__": "aten::div_",
    "__floordiv__": "aten::floor_divide",
    "__ifloordiv__": "aten::floor_divide_",
    "__mod__": "aten::remainder",
    "__imod__": "aten::remainder_",
    "__pow__": "aten::pow",
    "__ipow__": "aten::pow_",
    "__matmul__": "aten::matmul",
    "__neg__": "aten::neg",
    "__pos__": "aten::positive",
    "__invert__": "aten::bitwise_not",
    "__rand__": "aten::__and__",
    "__ror__": "aten::__or__",
    "__rxor__": "aten::__xor__",
    "__eq__": "aten::eq",
    "__ne__": "aten::ne",
    "__lt__": "aten::lt",
    "__le__": "aten::le",
    "__gt__": "aten::gt",
    "__ge__": "aten::ge",
    "__bool__": "aten::Bool",
    "__int__": "aten::Int",
    "__float__": "aten::Float",
    "__complex__": "aten::Complex",
    "__index__": "aten::Int",
    "__len__": "aten::len",
    "nelement": "aten::numel",
    "ndimension": "aten::dim",
    "tolist": "prim::tolist",
    "untyped_storage": "",  # no operator, although the names of some begin alike
}

# Methods of Tensor that are written in Python, and take the arguments of the operator.
_PYTHON_METHODS = frozenset(
    [
        "backward",
        "istft",
        "norm",
        "split",
        "stft",
        "unflatten",
        "__floordiv__",
        "__pow__",
        "__ipow__",
        "__rsub__",
        "__len__",
    ]
)

TENSOR_CASTS: dict[str, torch.dtype] = {
    "bfloat16": torch.bfloat16,
    "bool": torch.bool,
    "byte": torch.uint8,
    "cdouble": torch.complex128,
    "cfloat": torch.complex64,
    "chalf": torch.complex32,
    "char": torch.int8,
    "double": torch.float64,
    "float": torch.float32,
    "half": torch.float16,
    "int": torch.int32,
    "long": torch.int64,
    "short": torch.int16,
}
"""Methods of Tensor that mean `x.to(dtype)`."""

# --- callables -------------------------------------------------------------------------------------------

_NAMESPACES = (
    "torch",
    *(f"torch._C._{n}" for n in ["VariableFunctions", "nn", "special", "fft", "linalg", "sparse", "nested"]),
)


def _find(path: str) -> Any:
    owner: Any = torch
    for part in path.split(".")[1:]:
        owner = getattr(owner, part, None)
    return owner


def _builtin_functions() -> Iterator[tuple[Any, str]]:
    """Functions of torch that are implemented in C++."""
    operators = operator_names()
    for path in _NAMESPACES:
        namespace = _find(path)
        for name in dir(namespace):
            function = getattr(namespace, name)
            if type(function) is type(len):
                # torch.det is the function linalg_det of torch._C._linalg, and both are operators
                for candidate in (name, function.__name__):
                    operator = f"aten::{candidate}"
                    if operator in operators or language_schemas_of(operator):
                        yield function, operator
                        break


@cache
def _functions() -> dict[int, tuple[Any, str]]:
    """By the id of the function: the function, which this keeps alive, and the operator."""
    found: dict[int, tuple[Any, str]] = {}
    for function, operator in _builtin_functions():
        found.setdefault(id(function), (function, operator))
    for path, operator in _PYTHON_FUNCTIONS.items():
        function = _find(path)
        if function is not None:
            found[id(function)] = (function, operator)
    for module, names in ((math, _MATH_NAMES), (cmath, _CMATH_NAMES)):
        for function, operator in _math_functions(module, names):
            found[id(function)] = (function, operator)
    for function, operator in _BUILTINS.items():
        found.setdefault(id(function), (function, operator))
    return found


def _math_functions(module: ModuleType, names: dict[str, str]) -> Iterator[tuple[Any, str]]:
    for name, function in vars(module).items():
        operator = f"aten::{names.get(name, name)}"
        if callable(function) and language_schemas_of(operator):
            yield function, operator


def operator_name_of(function: Callable[..., Any]) -> str | None:
    """The operator that a callable of torch, math, `torch.ops` or Python stands for, or None.

    Functions of `torch.nn.functional` that are written in Python are compiled, and not here.

    >>> [operator_name_of(f) for f in (torch.special.expit, math.sqrt, torch.Tensor.add_)]
    ['aten::special_expit', 'aten::sqrt', 'aten::add_']
    >>> operator_name_of(torch.nn.functional.relu) is None
    True
    """
    if isinstance(function, torch._ops.OpOverloadPacket):
        return str(function._qualified_op_name)
    if isinstance(function, torch._ops.OpOverload):
        return str(function._schema.name)
    known = _functions().get(id(function))
    if known is not None:
        return known[1]
    name = getattr(function, "__name__", "")
    if name and getattr(torch.Tensor, name, None) is function:
        return tensor_method(name)
    return None


def operator_schemas_of(function: Callable[..., Any]) -> tuple[Schema, ...] | None:
    """The overloads among which a call of `function` chooses, or None where it is no operator.

    That is one for `torch.ops.aten.add.Tensor`, and those for numbers for `math.sqrt`, which takes tensors
    too but answers with a number.
    """
    name = operator_name_of(function)
    if name is None:
        return None
    schemas = schemas_of(name)
    if isinstance(function, torch._ops.OpOverload):
        overload = function._schema.overload_name
        return tuple(s for s in schemas if s.overload == overload)
    if getattr(function, "__module__", None) in ("math", "cmath"):
        return language_schemas_of(name)
    meant = _OVERLOADS_MEANT.get(name)
    if meant is not None:
        return tuple(s for s in schemas if s.overload in meant)
    return schemas or None


@cache
def tensor_method(name: str) -> str | None:
    """The operator that the method `name` of Tensor is, or None.

    >>> tensor_method("view"), tensor_method("__truediv__"), tensor_method("register_hook")
    ('aten::view', 'aten::div', None)
    """
    method = getattr(torch.Tensor, name, None)
    if method is None:
        return None
    if name in _METHODS:
        return _METHODS[name] or None
    is_python = hasattr(method, "__code__")
    if (is_python and name not in _PYTHON_METHODS) or not callable(method):
        return None
    operator = f"aten::{name}"
    return operator if is_operator(operator) else None

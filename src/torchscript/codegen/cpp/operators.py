"""How native code calls an operator.

aten::add.Tensor(%x, %y, %one)   →  ts::call<at::_ops::add_Tensor>(x, y, 1)        any operator of PyTorch's own
torchvision::nms(%b, %s, %t)     →  ts::call_boxed<Tensor>(_op0, b, s, t)          one that another library registered
aten::append.t(%xs, %x)          →  lang::append_(xs, x)                           the language's own
"""

from __future__ import annotations

import functools
import os
import re
from dataclasses import dataclass

import torch

from ... import types as T
from ...errors import BackendError
from ...ir.graph import Node, Value
from ...ir.operands import find_schema
from ...operators import builtin_of, overload_of, schemas_of
from ...operators.memory import may_return_argument
from ...schema import Schema
from ...schema.variables import Bindings, bind, substitute
from .language import NATIVE_OPERATORS, function_of
from .problems import Problem

FAST = {
    "aten::linear": "linear",
    "aten::mm": "mm",
    "aten::matmul": "matmul",
    "aten::addmm": "addmm",
    "aten::lstm_cell": "lstm_cell",
    "aten::gru_cell": "gru_cell",
    "aten::conv1d": "conv1d",
    "aten::relu": "relu",
    "aten::add.Tensor": "add",
    "aten::mul.Tensor": "mul",
    "aten::index.Tensor": "index",
    "aten::embedding": "embedding",
    "aten::cat": "cat",
    "aten::topk": "topk",
    "aten::argmax": "argmax",
    "aten::log_softmax.int": "log_softmax",
}
"""Operators with a quicker form for small tensors, in native/include/torchscript/fast.h."""

FAST_VIEWS = {"aten::select.int": "select", "aten::slice.Tensor": "slice", "aten::unsqueeze": "unsqueeze"}
"""Likewise, where the view is only read."""


def is_only_read(value: Value) -> bool:
    """Whether all users of a tensor merely read it: none writes it, keeps it, or returns what shares its memory."""
    for user, _ in value.users:
        if user.kind == "prim::FusionGroup":
            continue
        if user.kind.startswith("prim::") or user.blocks:
            return False
        try:
            schema = schema_of(user)
        except Problem:
            return False
        if schema.key in FAST_VIEWS and is_only_read(user.output):
            continue
        if schema.is_mutable or any(r.alias is not None for r in schema.returns):
            return False
        if may_return_argument(schema):
            return False
        if any(isinstance(r.type, T.ListType) for r in schema.returns):
            return False
    return True


@dataclass(frozen=True, slots=True)
class TypedCall:
    """A struct of `at::_ops`, and the header under ATen/ops that has it."""

    struct: str
    header: str


def schema_of(node: Node) -> Schema:
    """Raises Problem for a node that calls nothing known."""
    schema = node.schema or find_schema(node, schemas_of(node.kind))
    if schema is None:
        raise Problem(f"no operator '{node.kind}' takes ({', '.join(str(v.type) for v in node.inputs)})")
    return schema


def language_function(schema: Schema) -> str | None:
    """The C++ function of one of the language's own operators; None for an operator of the dispatcher."""
    if builtin_of(schema) is None:
        return None
    if schema.key not in NATIVE_OPERATORS:
        raise Problem(f"the operator '{schema.key}' has no native form")
    return function_of(schema.key)


def formal_types(node: Node, schema: Schema) -> list[T.Type]:
    """The types that the arguments of a language operator have, its type variables bound by the operands."""
    env: Bindings = {}
    formals: list[T.Type] = []
    for argument, value in zip(schema.arguments, node.inputs, strict=False):
        bind(argument.type, value.type, env)
    for argument in schema.arguments:
        formals.append(substitute(argument.type, env))
    return formals


@functools.cache
def typed_call(schema: Schema) -> TypedCall | None:
    """The typed operator of PyTorch's headers; None where there is none."""
    namespace, _, name = schema.name.partition("::")
    if namespace != "aten":
        return None
    struct = name + (f"_{schema.overload}" if schema.overload else "")
    for header in (name, name.rstrip("_") if not name.endswith("__") else name, name.rstrip("_")):
        if struct in _structs(header):
            return TypedCall(struct, f"{header}_ops.h")
    return None


@functools.cache
def _structs(header: str) -> frozenset[str]:
    path = os.path.join(os.path.dirname(torch.__file__), "include", "ATen", "ops", f"{header}_ops.h")
    try:
        with open(path, encoding="utf-8") as file:
            return frozenset(re.findall(r"struct TORCH_API (\w+)", file.read()))
    except OSError:
        return frozenset()


def check_registered(schema: Schema) -> None:
    """Raises Problem for an operator that PyTorch's dispatcher does not know."""
    try:
        known = overload_of(schema) is not None
    except BackendError:
        known = False
    if not known:
        raise Problem(f"the operator '{schema.key}' is not registered with PyTorch")

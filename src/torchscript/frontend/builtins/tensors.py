"""Functions and methods of tensors that are more than one operator: `torch.tensor`, `x.to`, `torch.FloatTensor`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeGuard

import torch

from ... import types as T
from .. import arrays, function_calls, prelude, presence, returned
from ..emitter import Emitter
from ..pending import is_open, resolve_pending, settle
from ..values import Dynamic, Iterable, Sequence, Val, known_of, type_of
from . import inspection
from .registry import Handler, handles


def with_requires_grad(e: Emitter, result: Val, flag: Val) -> Val:
    """A new tensor with `requires_grad=flag`."""
    known = known_of(flag)
    if known is not None and not e.depend(flag):
        return result
    return e.call_operator("aten::requires_grad_", [result, flag], {}, "requires_grad")


TensorHandler = Callable[[Emitter, Val, list[Val], dict[str, Val]], "Val | None"]


def _to(e: Emitter, owner: Val, positional: list[Val], named: dict[str, Val]) -> Val | None:
    """`x.to(device)` or `x.to(dtype)` with a string, and None where a dtype or device is optional."""
    if positional and isinstance(type_of(positional[0]), T.StringType):
        known = known_of(positional[0])
        device = (
            e.static(torch.device(e.depend(positional[0])))
            if known is not None
            else Dynamic(e.call("aten::device", [positional[0]]))
        )
        return e.call_operator("aten::to", [owner, device, *positional[1:]], named, "to")
    return None


def _type_method(e: Emitter, owner: Val, positional: list[Val], named: dict[str, Val]) -> Val | None:
    """`x.type(dtype)`; `x.type(torch.FloatTensor)` and strings by the dtype that they name."""
    if not positional:
        return None
    known = known_of(positional[0])
    if known is not None and not isinstance(known.object, torch.dtype):
        obj = e.depend(positional[0])
        name = (
            obj
            if isinstance(obj, str)
            else f"{getattr(obj, '__module__', '')}.{getattr(obj, '__name__', '')}"
        )
        dtype = _TENSOR_TYPES.get(name.rpartition(".")[2])
        if dtype is None:
            raise e.error(f"'{name}' is not a type of tensor.")
        return e.call_operator("aten::to", [owner, e.static(dtype)], {}, "type")
    return e.call_operator("aten::to", [owner, *positional], named, "type")


_TENSOR_TYPES = {
    "FloatTensor": torch.float32, "DoubleTensor": torch.float64, "HalfTensor": torch.float16, "LongTensor": torch.int64,
    "IntTensor": torch.int32, "ShortTensor": torch.int16, "CharTensor": torch.int8, "ByteTensor": torch.uint8,
    "BoolTensor": torch.bool, "BFloat16Tensor": torch.bfloat16, "Tensor": torch.float32,
}  # fmt: skip


def _cuda(e: Emitter, owner: Val, positional: list[Val], named: dict[str, Val]) -> Val | None:
    return e.call_operator("aten::to", [owner, e.static(torch.device("cuda"))], {}, "cuda")


def _where(e: Emitter, owner: Val, positional: list[Val], named: dict[str, Val]) -> Val | None:
    """`x.where(condition, other)` is `torch.where(condition, x, other)`."""
    condition = positional[0] if positional else named["condition"]
    other = positional[1] if len(positional) > 1 else named["other"]
    return e.call_operator("aten::where", [condition, owner, other], {}, "where")


def _hooked(e: Emitter, owner: Val, positional: list[Val], named: dict[str, Val]) -> Val | None:
    raise e.unsupported(
        "A hook of a tensor's gradient is a Python function, which compiled code cannot keep.",
        None,
        "Register it outside, on the tensor that is given or returned, or change the gradient in an autograd.Function.",
    )


TENSOR_HANDLERS: dict[str, TensorHandler] = {
    "register_hook": _hooked,
    "where": _where,
    "to": _to,
    "type": _type_method,
    "cuda": _cuda,
}


def torch_tensor(e: Emitter, positional: list[Val], named: dict[str, Val]) -> Val | None:
    """`torch.tensor(data)`: of scalars, (nested) lists and tuples; of a tensor, a copy of it."""
    if not positional:
        return None
    data = arrays.as_tensor(e, positional[0]) or positional[0]
    if _is_range(data):
        return e.call_operator("aten::arange", data.parts, named, "tensor")
    if isinstance(type_of(data), T.TensorType):
        copied: Val = Dynamic(e.call("aten::clone", [Dynamic(e.call("aten::detach", [data]))]))
        if "dtype" in named or "device" in named:
            keep = {k: v for k, v in named.items() if k in ("dtype", "device")}
            return e.call_operator("aten::to", [copied], keep, "tensor")
        return copied
    if isinstance(data, Dynamic) and isinstance(data.type, T.ListType) and is_open(data.type):
        innermost: T.Type = data.type  # `torch.tensor([])` has PyTorch's default dtype
        while isinstance(innermost, T.ListType):
            innermost = innermost.element
        resolve_pending(innermost, T.FLOAT)
        settle(data.value)
    joined = _of_tensors(e, data)
    if joined is not None:
        keep = {k: v for k, v in named.items() if k in ("dtype", "device")}
        return e.call_operator("aten::to", [joined], keep, "tensor") if keep else joined
    if isinstance(data, Sequence):
        return e.call_operator("aten::tensor", [as_list(e, data), *positional[1:]], named, "tensor")
    return None


def _of_tensors(e: Emitter, data: Val) -> Val | None:
    """`torch.tensor` of a list in which there are tensors, such as `[x.sum(), 1]`: their dtypes decide the result's."""
    own = type_of(data)
    if not isinstance(data, Sequence):
        is_list = own == T.ListType(T.TENSOR)
        return function_calls.call_function(e, prelude.tensor_of, [data], {}) if is_list else None
    if not _holds_tensor(data):
        return None
    parts = [
        p if type_of(p) == T.TENSOR else torch_tensor(e, [p], {}) or e.call_operator("aten::tensor", [p], {})
        for p in data.items
    ]
    listed = Dynamic(e.build_list(parts))
    if any(isinstance(p, Sequence) for p in data.items):
        return e.call_operator("aten::stack", [listed], {}, "tensor")
    return function_calls.call_function(e, prelude.tensor_of, [listed], {})


def _holds_tensor(val: Val) -> bool:
    return any(map(_holds_tensor, val.items)) if isinstance(val, Sequence) else type_of(val) == T.TENSOR


def _is_range(val: Val) -> TypeGuard[Iterable]:
    return isinstance(val, Iterable) and val.kind == "range"


def as_list(e: Emitter, val: Val) -> Val:
    """A tuple or list with known parts as a list of numbers; parts that are 0-dimensional tensors as numbers."""
    kinds = _numbers_in(val)
    return _as_list(e, val, T.FLOAT if len(kinds) > 1 and T.FLOAT in kinds else None)


def _numbers_in(val: Val) -> set[T.Type]:
    """The types of the numbers that a nested list holds."""
    if isinstance(val, Sequence):
        return {kind for item in val.items for kind in _numbers_in(item)}
    type = type_of(val)
    while isinstance(type, T.ListType):
        type = type.element
    return {T.FLOAT if isinstance(type, T.TensorType) else type} if type is not None else set()


def _as_list(e: Emitter, val: Val, number: T.Type | None) -> Val:
    if not isinstance(val, Sequence):
        if number is None or isinstance(type_of(val), T.BoolType):
            return val
        made = e.try_coerce(val, number) or e.try_coerce(val, T.ListType(number))
        return Dynamic(made) if made is not None else val
    items = [_as_list(e, i, number) for i in val.items]
    if any(isinstance(type_of(i), T.TensorType) for i in items):
        items = [
            Dynamic(e.call("aten::FloatImplicit", [i])) if isinstance(type_of(i), T.TensorType) else i
            for i in items
        ]
    return Dynamic(e.build_list(items))


def _stack_einsum(e: Emitter, positional: list[Val], named: dict[str, Val]) -> Val | None:
    """`torch.einsum(equation, a, b)`: the operands as a list."""
    if len(positional) >= 2 and isinstance(type_of(positional[1]), T.TensorType):
        return e.call_operator(
            "aten::einsum",
            [positional[0], Dynamic(e.build_list(presence.all_present(e, positional[1:])))],
            {},
            "einsum",
        )
    return None


def _varargs_tensors(name: str) -> Callable[[Emitter, list[Val], dict[str, Val]], Val | None]:
    """Functions that take tensors one by one or as a list."""

    def handler(e: Emitter, positional: list[Val], named: dict[str, Val]) -> Val | None:
        if positional and isinstance(type_of(positional[0]), T.TensorType):
            return e.call_operator(name, [Dynamic(e.build_list(positional))], named, name.partition("::")[2])
        return None

    return handler


def _broadcast_shapes(e: Emitter, positional: list[Val], named: dict[str, Val]) -> Val | None:
    """`torch.broadcast_shapes(a, b, c, …)`: of two at a time."""
    sizes: list[Val] = [Dynamic(e.coerce(p, T.ListType(T.INT), None, "the shape")) for p in positional]
    result = sizes[0] if sizes else Dynamic(e.build_list([], element=T.INT))
    for other in sizes[1:]:
        result = e.call_operator("aten::broadcast_shapes", [result, other], {}, "broadcast_shapes")
    return result


TORCH_HANDLERS: dict[str, Callable[[Emitter, list[Val], dict[str, Val]], Val | None]] = {
    "aten::tensor": torch_tensor,
    "aten::broadcast_shapes": _broadcast_shapes,
    "aten::as_tensor": lambda e, p, n: (
        torch_tensor(e, p, n)
        if len(p) == 1 and (isinstance(p[0], Sequence) or type_of(p[0]) == T.ListType(T.TENSOR))
        else None
    ),
    "aten::einsum": _stack_einsum,
    **{
        name: _varargs_tensors(name)
        for name in ("aten::meshgrid", "aten::broadcast_tensors", "aten::block_diag", "aten::cartesian_prod")
    },
}


for _legacy_name in (
    "FloatTensor",
    "LongTensor",
    "IntTensor",
    "DoubleTensor",
    "Tensor",
    "BoolTensor",
    "ByteTensor",
    "HalfTensor",
):

    def _legacy(dtype: torch.dtype) -> Handler:
        def handler(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
            """`torch.FloatTensor(2, 3)` or of data."""
            if positional and all(isinstance(type_of(p), T.IntType) for p in positional):
                return e.call_operator("aten::empty", positional, {"dtype": e.static(dtype)}, "empty")
            if not positional:
                return e.call_operator("aten::empty", [e.static(0)], {"dtype": e.static(dtype)}, "empty")
            data = arrays.as_tensor(e, positional[0]) or positional[0]
            if isinstance(type_of(data), T.TensorType):
                return e.call_operator("aten::to", [data, e.static(dtype)], {}, "to")
            if returned.is_size(e, positional[0]):
                return e.call_operator("aten::empty", positional, {"dtype": e.static(dtype)}, "empty")
            keywords: dict[str, Val] = {"dtype": e.static(dtype)}
            made = torch_tensor(e, positional[:1], keywords)
            return made or e.call_operator("aten::tensor", positional[:1], keywords, "tensor")

        return handler

    handles(getattr(torch, _legacy_name))(_legacy(_TENSOR_TYPES[_legacy_name]))


@handles(torch.from_numpy)
def _from_numpy(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    tensor = arrays.as_tensor(e, positional[0]) if positional else None
    if tensor is None:
        raise e.unsupported("Only an array that is known while compiling can become a tensor here.")
    return tensor


@handles(torch.nn.Parameter)
def _parameter(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    raise e.unsupported("A parameter cannot be created in compiled code.", None, "Create it in __init__.")


@handles(torch.autograd.grad)
def _grad(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    """`torch.autograd.grad(y, x)`: a tensor stands for a list of one; the gradients are there, unless they may be unused."""
    names = ("outputs", "inputs", "grad_outputs")
    given = dict(zip((*names, "retain_graph", "create_graph"), positional)) | named
    single = isinstance(type_of(given.get("inputs", e.none())), T.TensorType)
    for name in names:
        value = given.get(name)
        if value is not None and isinstance(type_of(value), T.TensorType):
            given[name] = Dynamic(e.build_list([value]))
    gradients = e.call_operator("aten::grad", [], given, "grad")
    unused = known_of(given.get("allow_unused", e.static(False)))
    if not single or unused is None or unused.object:
        return gradients
    first = Dynamic(e.call("aten::__getitem__", [gradients, e.static(0)]))
    return Sequence([inspection.unwrap_optional(e, first)])

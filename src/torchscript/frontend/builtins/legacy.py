"""Spellings that older programs use: Variable, Tensor.new, Tensor.type() as text, spmm, norm's defaults."""

from __future__ import annotations

from typing import Any

import torch

from ... import types as T
from .. import function_calls, returned
from ..emitter import Emitter
from ..values import Dynamic, Iterable, Static, Val, known_of, type_of
from . import containers, registry, tensors


class TypeName(Dynamic):
    """`x.type()`: the text at run time; given to `y.type(…)`, it stands for x's type."""

    __slots__ = ("tensor",)

    def __init__(self, text: Dynamic, tensor: Val) -> None:
        super().__init__(text.value)
        self.tensor = tensor


def _type_name(x: torch.Tensor) -> str:
    """What `x.type()` says of a dense tensor."""
    name = "Float"
    if x.dtype == torch.float64:
        name = "Double"
    elif x.dtype == torch.float16:
        name = "Half"
    elif x.dtype == torch.bfloat16:
        name = "BFloat16"
    elif x.dtype == torch.int64:
        name = "Long"
    elif x.dtype == torch.int32:
        name = "Int"
    elif x.dtype == torch.int16:
        name = "Short"
    elif x.dtype == torch.int8:
        name = "Char"
    elif x.dtype == torch.uint8:
        name = "Byte"
    elif x.dtype == torch.bool:
        name = "Bool"
    elif x.dtype == torch.complex64:
        name = "ComplexFloat"
    elif x.dtype == torch.complex128:
        name = "ComplexDouble"
    if x.is_cuda:
        return "torch.cuda." + name + "Tensor"
    return "torch." + name + "Tensor"


def _type_method(e: Emitter, owner: Val, positional: list[Val], named: dict[str, Val]) -> Val | None:
    if not positional and not named:
        text = function_calls.call_function(e, _type_name, [owner], {})
        return TypeName(text, owner) if isinstance(text, Dynamic) else text
    if positional and isinstance(positional[0], TypeName):
        return e.call_operator("aten::to", [owner, positional[0].tensor], {}, "type")
    return _typed(e, owner, positional, named)


_typed = tensors.TENSOR_HANDLERS["type"]
tensors.TENSOR_HANDLERS["type"] = _type_method


def _new(e: Emitter, owner: Val, positional: list[Val], named: dict[str, Val]) -> Val | None:
    """`x.new(2, 3)`, `x.new(size)`: an uninitialised tensor like x; `x.new([1.0, 2.0])`: one of that data."""
    device = {"device": named["device"]} if "device" in named else {}
    if all(isinstance(type_of(p), T.IntType) for p in positional):
        size = positional or [e.static(0)]
        return e.call_operator("aten::new_empty", [owner, Dynamic(e.build_list(size))], dict(device), "new")
    data = positional[0]
    if isinstance(type_of(data), T.TensorType):
        return e.call_operator("aten::alias", [data], {}, "new")
    if returned.is_size(e, data):
        return e.call_operator("aten::new_empty", [owner, data], dict(device), "new")
    keywords: dict[str, Val] = {
        "dtype": Dynamic(e.call("prim::dtype", [owner])),
        "device": device.get("device", Dynamic(e.call("prim::device", [owner]))),
    }
    return e.call_operator("aten::tensor", [tensors.as_list(e, data), *positional[1:]], keywords, "new")


tensors.TENSOR_HANDLERS["new"] = _new


def _new_tensor(e: Emitter, owner: Val, positional: list[Val], named: dict[str, Val]) -> Val | None:
    """`x.new_tensor(data)`: of x's type and device where nothing else is said."""
    if len(positional) != 1:
        return None
    named.setdefault("dtype", Dynamic(e.call("prim::dtype", [owner])))
    named.setdefault("device", Dynamic(e.call("prim::device", [owner])))
    data = containers.collect(e, positional[0]) if isinstance(positional[0], Iterable) else positional[0]
    made = tensors.torch_tensor(e, [data], named)
    return made if made is not None else e.call_operator("aten::tensor", [data], named, "new_tensor")


tensors.TENSOR_HANDLERS["new_tensor"] = _new_tensor


@registry.handles(torch.autograd.Variable)
def _variable(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    """`Variable(x)`: x's data as a tensor that starts a graph of its own."""
    names = ("data", "requires_grad", "volatile")
    given = {**dict(zip(names, positional, strict=False)), **named}
    if "data" not in given or not isinstance(type_of(given["data"]), T.TensorType):
        raise e.error("Variable needs a Tensor.")
    result = e.call_operator("aten::detach", [given["data"]], {}, "Variable")
    flag = given.get("requires_grad")
    return result if flag is None else tensors.with_requires_grad(e, result, flag)


_SCALED = {  # operators with factors: in old programs these stand in front of what they multiply
    **dict.fromkeys(("addmm", "addbmm", "addmv", "addr", "baddbmm"), ("beta", "alpha")),
    **dict.fromkeys(("add", "sub"), ("alpha",)),
    **dict.fromkeys(("addcmul", "addcdiv"), ("value",)),
}


def _scaled(name: str, factors: tuple[str, ...]) -> Any:
    """`x.addmm_(1, -2, a, b)` and `torch.addmm(1, x, -2, a, b)`, as `x.addmm(a, b, beta=1, alpha=-2)`."""

    def handler(e: Emitter, positional: list[Val], named: dict[str, Val]) -> Val | None:
        tensors_ = [p for p in positional if isinstance(type_of(p), T.TensorType)]
        numbers = [p for p in positional if isinstance(type_of(p), T.IntType | T.FloatType)]
        in_front = len(positional) > 1 and any(p in numbers for p in positional[:2])
        if not numbers or not in_front or positional[-1] in numbers or len(numbers) > len(factors):
            return None
        keywords = {**dict(zip(factors, numbers, strict=False)), **named}
        return e.call_operator(f"aten::{name}", tensors_, keywords, name)

    return handler


def _with_owner(handler: Any) -> Any:
    return lambda e, owner, positional, named: handler(e, [owner, *positional], named)


for _name, _factors in _SCALED.items():
    for _spelling in (_name, f"{_name}_"):
        if tensors.TENSOR_HANDLERS.get(_spelling) is None:
            tensors.TENSOR_HANDLERS[_spelling] = _with_owner(_scaled(_spelling, _factors))
    tensors.TORCH_HANDLERS.setdefault(f"aten::{_name}", _scaled(_name, _factors))


def _is(val: Val | None, obj: object) -> bool:
    return isinstance(val, Static) and val.object == obj


def _norm(e: Emitter, positional: list[Val], named: dict[str, Val]) -> Val | None:
    """`torch.norm` and `Tensor.norm` where p is left out, None or a name; a number is the operator's own p."""
    names = ("input", "p", "dim", "keepdim", "out", "dtype")
    given = {**dict(zip(names, positional, strict=False)), **named}
    if "self" in given:
        given["input"] = given.pop("self")
    p = given.get("p")
    tensor = given.pop("input", None)
    out = given.get("out")
    if tensor is None or (out is not None and not _is(out, None)):
        return None
    if p is not None and known_of(p) is not None:
        p = e.static(e.depend(p))
    dim = given.get("dim", e.none())
    keepdim = given.get("keepdim", e.static(False))
    if p is not None and _is(p, "nuc"):
        dims = {} if _is(dim, None) else {"dim": dim}
        keywords = {**dims, "keepdim": keepdim}
        return e.call_operator("aten::linalg_matrix_norm", [tensor, p], keywords, "norm")
    if p is not None and not _is(p, "fro") and not _is(p, None):
        if "dim" not in given and "keepdim" not in given and "dtype" not in given:
            return None
        order = p
    else:
        order = e.static(2)
    keywords = {"dtype": given["dtype"]} if "dtype" in given else {}
    return e.call_operator("aten::linalg_vector_norm", [tensor, order, dim, keepdim], keywords, "norm")


tensors.TORCH_HANDLERS["aten::norm"] = _norm
tensors.TENSOR_HANDLERS["norm"] = lambda e, owner, positional, named: _norm(e, [owner, *positional], named)


@registry.handles(torch.spmm)
def _spmm(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    """`torch.spmm` is the old name of `torch.mm`."""
    return e.call_operator("aten::mm", positional, named, "spmm")

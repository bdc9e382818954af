"""What is recorded in another way than as one call of an operator.

x.size(0), x.shape, x.numel(), x.dim()     traced numbers
x.to(…), x.float(), x.cpu(), x.type(…)     one overload of aten::to
x.item()                                   a traced number; int(x), bool(x), x.tolist(), … warn
torch.tensor(…), torch.FloatTensor(…)      a constant, or what is made of the values (`construction.py`)
x.T, x.data, …                             attributes of Tensor
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch

from .. import types as T
from ..operators.resolve import TENSOR_CASTS
from . import gradients, state
from .aliases import is_same
from .calls import normal, operator_schemas, record_call
from .construction import is_followed, made_by_new, tensor_from
from .indexing import record_getitem, record_setitem
from .recorder import Recorder, info_type
from .sizes import TracedNumber, TracedSize, plain, traced, without_history

Handler = Callable[[Recorder, Any, tuple[Any, ...], dict[str, Any]], Any]


# --- Sizes ----------------------------------------------------------------------------------------------


def _one_size(recorder: Recorder, tensor: torch.Tensor, dim: Any, size: int) -> Any:
    output = recorder.call_operator("aten::size.int", [recorder.value_of(tensor), _int(recorder, dim)])[0]
    return traced(recorder, size, output)


def _int(recorder: Recorder, number: Any) -> Any:
    return recorder.number(number) if isinstance(number, TracedNumber) else number


def _size(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    dim = args[1] if len(args) > 1 else kwargs.get("dim")
    with state.paused():
        result = func(args[0], *map(plain, args[1:]), **kwargs)
    recorder.locate()
    if dim is None:
        return TracedSize([_one_size(recorder, args[0], i, size) for i, size in enumerate(result)])
    return _one_size(recorder, args[0], dim, result) if isinstance(dim, int) else result


def _shape(recorder: Recorder, tensor: torch.Tensor) -> Any:
    return _size(recorder, torch.Tensor.size, (tensor,), {})


def _stride(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    with state.paused():
        result = func(args[0], *map(plain, args[1:]), **kwargs)
    recorder.locate()
    value = recorder.value_of(args[0])
    dims = [args[1]] if len(args) > 1 else [kwargs["dim"]] if "dim" in kwargs else range(args[0].dim())
    strides = [
        traced(recorder, stride, recorder.call_operator("aten::stride.int", [value, _int(recorder, dim)])[0])
        for dim, stride in zip(dims, [result] if isinstance(result, int) else result, strict=True)
    ]
    return strides[0] if isinstance(result, int) else tuple(strides)


def _count(key: str, *, quiet: bool) -> Handler:
    def handle(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        with state.paused():
            result = func(*args, **kwargs)
        tensor = args[0] if args else kwargs["input"]
        recorder.locate()
        output = recorder.call_operator(key, [recorder.value_of(tensor)])[0]
        return traced(recorder, result, output, quiet=quiet)

    return handle


def traced_len(recorder: Recorder, tensor: torch.Tensor) -> Any:
    """`len(x)` through the stand-in for `len`: what `__len__` returns becomes a plain int."""
    with state.paused():
        length = len(tensor)
    recorder.locate()
    return traced(recorder, length, recorder.call_language("aten::len", [recorder.value_of(tensor)], T.INT))


# --- Tensors that become Python values ------------------------------------------------------------------


def _converts(target: str) -> Handler:
    def handle(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        with state.paused():
            result = func(*args, **kwargs)
        if any(is_followed(recorder, a) for a in (*args, *kwargs.values())):
            recorder.diagnostics.converted(target, result)
        return result

    return handle


def _item(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    tensor = args[0]
    with state.paused():
        result = func(*args, **kwargs)
    if not is_followed(recorder, tensor):
        return result
    if isinstance(result, bool) or not isinstance(result, int | float):
        recorder.diagnostics.converted(
            "Python boolean" if isinstance(result, bool) else "Python number", result
        )
        return result
    recorder.locate()
    kind, type_ = ("aten::Int", T.INT) if isinstance(result, int) else ("aten::Float", T.FLOAT)
    output = recorder.call_language(kind, [recorder.value_of(tensor)], type_)
    recorder.number_read(output, result)
    return traced(recorder, result, output)


def _unbind(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    result = record_call(
        recorder,
        "aten::unbind",
        operator_schemas("aten::unbind"),
        args,
        kwargs,
        lambda: func(*args, **kwargs),
    )
    frame: Any = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    if frame is not None and frame.f_code is torch.Tensor.__iter__.__code__:
        recorder.diagnostics.iterated(len(result))
    return result


_PACKAGE = __file__.rpartition("conversions")[0]


# --- Types and devices ----------------------------------------------------------------------------------


def _to(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    tensor, *rest = (normal(a) for a in args)
    options = {name: normal(value) for name, value in kwargs.items()}
    names = ["non_blocking", "copy"]
    if rest and isinstance(rest[0], torch.Tensor):
        options["other"] = rest.pop(0)
    elif rest and isinstance(rest[0], torch.dtype):
        options["dtype"] = rest.pop(0)
    else:
        if rest:
            options["device"] = rest.pop(0)
        if rest and (rest[0] is None or isinstance(rest[0], torch.dtype)):
            options["dtype"] = rest.pop(0)
    options.update(zip(names, rest, strict=False))
    return _convert(recorder, tensor, options, lambda: func(*without_history(args), **kwargs))


def _convert(
    recorder: Recorder, tensor: torch.Tensor, options: dict[str, Any], run: Callable[[], Any]
) -> Any:
    """One overload of aten::to, that says what the call says and leaves open what it leaves open."""
    tail: dict[str, Any] = {
        name: options[name] for name in ("non_blocking", "copy", "memory_format") if name in options
    }
    key: str
    given: dict[str, Any]
    device, dtype, other = options.get("device"), options.get("dtype"), options.get("other")
    if other is not None:
        key, given = "other", {"other": other}
    elif device is not None and dtype is not None:
        key, given = "device", {"device": _device(device), "dtype": dtype}
    elif dtype is not None:
        key, given = "dtype", {"dtype": dtype}
    else:
        key, given = "dtype_layout", {"device": None if device is None else _device(device)}
    schemas = tuple(s for s in operator_schemas("aten::to") if s.overload == key)
    return record_call(recorder, "aten::to", schemas, [tensor], {**given, **tail}, run)


def _device(device: Any) -> torch.device:
    return torch.device("cuda", device) if isinstance(device, int) else torch.device(device)


def _cast(dtype: torch.dtype) -> Handler:
    def handle(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return _convert(recorder, args[0], {"dtype": dtype, **kwargs}, lambda: func(*args, **kwargs))

    return handle


def _moved(device: str) -> Handler:
    def handle(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        options = {**dict(zip(("device", "non_blocking"), args[1:], strict=False)), **kwargs}
        if options.get("device") is None:
            options["device"] = device
        return _convert(recorder, args[0], options, lambda: func(*args, **kwargs))

    return handle


def _type(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    from .stand_ins import original_type

    args = tuple(map(original_type, args))
    with state.paused():
        result = func(*args, **kwargs)
    if not isinstance(result, torch.Tensor):
        return result
    options: dict[str, Any] = {"dtype": result.dtype}
    if result.device != args[0].device:
        options["device"] = result.device
    return _convert(recorder, args[0], options, lambda: result)


# --- Others ---------------------------------------------------------------------------------------------


def _where(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`x.where(condition, y)`: the method takes its tensor first, the operator second."""
    given = (args[1], args[0], *args[2:]) if len(args) > 1 else args
    named = dict(kwargs)
    if "condition" in named:
        given = (named.pop("condition"), *given)
    run = lambda: func(*without_history(args), **kwargs)
    return record_call(recorder, "aten::where", operator_schemas("aten::where"), given, named, run)


def _meshgrid(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`torch.meshgrid(x, y)` or `torch.meshgrid([x, y])`, which the operator takes."""
    tensors = list(args[0] if args and isinstance(args[0], list | tuple) else args)
    given = {k: v for k, v in kwargs.items() if v is not None}
    name, run = "aten::meshgrid", lambda: func(*args, **kwargs)
    return record_call(recorder, name, operator_schemas(name), [tensors], given, run)


def _nonzero(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    name = "aten::nonzero_numpy" if kwargs.get("as_tuple") else "aten::nonzero"
    given = {k: v for k, v in kwargs.items() if k != "as_tuple"}
    return record_call(recorder, name, operator_schemas(name), args, given, lambda: func(*args, **kwargs))


def _copied(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`copy.deepcopy(x)`."""
    with state.paused():
        result = func(*args, **kwargs)
    if is_followed(recorder, args[0]) and result is not args[0]:
        recorder.locate()
        value = recorder.call_operator("aten::clone", [recorder.value_of(args[0])], [info_type(result)])[0]
        recorder.bind(result, value)
    return result


def _unseen(recorder: Recorder, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    with state.paused():
        return func(*args, **kwargs)


_UNSEEN = (
    "__repr__", "__format__", "__reduce_ex__", "__dir__", "__hash__", "register_hook", "retain_grad",
    "data_ptr",
    "storage", "untyped_storage", "is_shared", "share_memory_", "element_size", "is_contiguous", "get_device",
    "is_floating_point", "is_complex", "register_post_accumulate_grad_hook",
)  # fmt: skip

HANDLERS: dict[Any, Handler] = {
    torch.Tensor.size: _size,
    torch.Tensor.stride: _stride,
    torch.Tensor.numel: _count("aten::numel", quiet=False),
    torch.Tensor.nelement: _count("aten::numel", quiet=False),
    torch.numel: _count("aten::numel", quiet=False),
    torch.Tensor.dim: _count("aten::dim", quiet=True),
    torch.Tensor.ndimension: _count("aten::dim", quiet=True),
    torch.Tensor.__len__: _unseen,
    torch.Tensor.__getitem__: record_getitem,
    torch.Tensor.__setitem__: record_setitem,
    torch.Tensor.item: _item,
    torch.Tensor.__bool__: _converts("Python boolean"),
    torch.Tensor.is_nonzero: _converts("Python boolean"),
    torch.is_nonzero: _converts("Python boolean"),
    torch.Tensor.equal: _converts("Python boolean"),
    torch.equal: _converts("Python boolean"),
    torch.Tensor.allclose: _converts("Python boolean"),
    torch.allclose: _converts("Python boolean"),
    torch.Tensor.__int__: _converts("Python integer"),
    torch.Tensor.__index__: _converts("Python index"),
    torch.Tensor.__float__: _converts("Python float"),
    torch.Tensor.__complex__: _converts("Python number"),
    torch.Tensor.tolist: _converts("Python list"),
    torch.Tensor.numpy: _converts("NumPy array"),
    torch.Tensor.__array__: _converts("NumPy array"),
    torch.Tensor.unbind: _unbind,
    torch.Tensor.to: _to,
    torch.Tensor.cpu: _moved("cpu"),
    torch.Tensor.cuda: _moved("cuda"),
    torch.Tensor.type: _type,
    torch.tensor: tensor_from("tensor"),
    torch.as_tensor: tensor_from("as_tensor"),
    torch.asarray: tensor_from("as_tensor"),
    torch.Tensor.new_tensor: tensor_from("new_tensor"),
    torch.Tensor.new: made_by_new,
    torch.Tensor.where: _where,
    torch.Tensor.nonzero: _nonzero,
    torch.nonzero: _nonzero,
    torch.meshgrid: _meshgrid,
    torch._C._set_grad_enabled: gradients.set_grad_enabled,
    torch.autograd.grad: gradients.record_grad,
    torch.autograd.backward: gradients.record_backward,
    torch.Tensor.backward: gradients.record_backward,
    torch.Tensor.__deepcopy__: _copied,
    **{getattr(torch.Tensor, name): _cast(dtype) for name, dtype in TENSOR_CASTS.items()},
    **{getattr(torch.Tensor, name): _unseen for name in _UNSEEN},
    torch.is_floating_point: _unseen,
    torch.is_complex: _unseen,
}
"""Callables of torch → what recording does with a call of them."""

_ATTRIBUTES = {
    "T": "aten::numpy_T",
    "mT": "aten::mT",
    "H": "aten::matrix_H",
    "mH": "aten::mH",
    "real": "aten::real",
    "imag": "aten::imag",
    "data": "aten::detach",
}


def record_attribute(recorder: Recorder, func: Any, args: tuple[Any, ...]) -> Any:
    """`x.shape`, `x.T`, …: `func` is the `__get__` of the attribute of Tensor."""
    name = func.__self__.__name__
    if name == "shape":
        return _shape(recorder, args[0])
    if name == "ndim":
        return HANDLERS[torch.Tensor.dim](recorder, torch.Tensor.dim, args[:1], {})
    with state.paused():
        result = func(*args)
    if name == "grad" and isinstance(result, torch.Tensor) and is_followed(recorder, args[0]):
        gradients.record_gradient_of(recorder, args[0], result)
        return result
    operator = _ATTRIBUTES.get(name)
    if operator is not None and isinstance(result, torch.Tensor) and result is not args[0]:
        recorder.locate()
        inputs = [recorder.value_of(args[0])]
        recorder.bind(result, recorder.call_operator(operator, inputs, [info_type(result)])[0])
    return result


def record_assignment(recorder: Recorder, func: Any, args: tuple[Any, ...]) -> Any:
    """`x.data = y`: `func` is the `__set__` of the attribute of Tensor."""
    if func.__self__.__name__ == "data" and isinstance(args[1], torch.Tensor):
        tensor, given = args
        with state.paused():
            same = is_same(tensor, given)  # `x.data += 1` ends so
            fits = tensor.shape == given.shape and tensor.dtype == given.dtype
        if not same:
            recorder.locate()
            value, new = recorder.value_of(tensor), recorder.value_of(given)
            if fits:  # a leaf that requires gradients takes nothing in place, but below its detached self
                value = recorder.call_operator("aten::detach", [value])[0]
                recorder.call_operator("aten::copy_", [value, new])
            else:
                recorder.call_operator("aten::set_.source_Tensor", [value, new])
        with state.paused():
            func(*args)
        return None
    if func.__self__.__name__ == "requires_grad":
        name = "aten::requires_grad_"
        record_call(recorder, name, operator_schemas(name), args, {}, lambda: args[0].requires_grad_(args[1]))
        return None
    with state.paused():
        return func(*args)

"""Operators inside of `torch.autocast`: casts are recorded, and then the operator that the user wrote.

    with torch.autocast("cpu", torch.bfloat16): F.linear(x, w)     aten::to(x, bfloat16), aten::to(w, bfloat16), aten::linear

What autocast does is known for each operator: nothing (most of them), or casting its inputs to the lower dtype.
Operators of other policies (float32, the widest of the inputs), and those that consist of others, are recorded
as what the dispatcher sees of them (`fallback.py`).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from enum import Enum, auto
from typing import Any

import torch

from ..schema import Schema
from . import conversions
from .state import current

_LOWERED = frozenset(
    {
        "aten::conv1d", "aten::conv2d", "aten::conv3d", "aten::conv_transpose1d", "aten::conv_transpose2d",
        "aten::conv_transpose3d", "aten::linear", "aten::matmul", "aten::mm", "aten::bmm", "aten::addmm",
        "aten::baddbmm", "aten::addbmm", "aten::scaled_dot_product_attention",
    }
)  # fmt: skip
"""Matrix products, which every device's autocast computes in the lower dtype."""

_INDIFFERENT = frozenset(
    {
        "aten::reshape", "aten::reshape_as", "aten::view_as", "aten::expand_as", "aten::flatten", "aten::unflatten",
        "aten::contiguous", "aten::chunk", "aten::split", "aten::tensor_split", "aten::narrow", "aten::movedim",
        "aten::swapaxes", "aten::swapdims", "aten::mT", "aten::numpy_T", "aten::type_as", "aten::to",
        "aten::dropout", "aten::layer_norm", "aten::batch_norm", "aten::group_norm", "aten::softmax",
        "aten::log_softmax", "aten::max_pool2d", "aten::adaptive_avg_pool2d", "aten::selu", "aten::relu6",
        "aten::square", "aten::pad", "aten::floor_divide",
    }
)  # fmt: skip
"""Operators that consist of others, none of which autocast knows."""


class Effect(Enum):
    """What autocast does to the inputs of an operator."""

    NONE = auto()
    LOWERS = auto()
    OTHER = auto()


def effect_on(schemas: Sequence[Schema]) -> Effect:
    """What autocast does to an operator with these overloads."""
    if torch.is_autocast_enabled("cuda") or not schemas:
        return Effect.OTHER
    return _effect_on(schemas[0].name, tuple(s.overload for s in schemas))


@functools.cache
def _effect_on(name: str, overloads: tuple[str, ...]) -> Effect:
    keys = [f"{name}.{overload}" if overload else name for overload in overloads]

    def has(kernel: str) -> bool:
        return any(
            torch._C._dispatch_has_kernel_for_dispatch_key(key, kernel) for key in keys if _exists(key)
        )

    if not any(map(_exists, keys)):
        return Effect.OTHER
    if has("AutocastCPU"):
        return Effect.LOWERS if name in _LOWERED else Effect.OTHER
    if name in _INDIFFERENT or not has("CompositeImplicitAutograd"):
        return Effect.NONE
    return Effect.OTHER


def _exists(key: str) -> bool:
    return bool(torch._C._dispatch_has_kernel(key))


@contextmanager
def lowered(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Record the casts of autocast, and switch it off for the call."""
    dtype = torch.get_autocast_dtype("cpu")
    recorder = current()
    assert recorder is not None

    def cast(value: Any) -> Any:
        if not isinstance(value, torch.Tensor) or not value.is_floating_point():
            return value
        if value.dtype in (dtype, torch.float64) or value.device.type != "cpu":
            return value
        to = torch.Tensor.to
        return conversions.HANDLERS[to](recorder, to, (value, dtype), {})

    with ExitStack() as stack:
        args, kwargs = tuple(map(cast, args)), {name: cast(value) for name, value in kwargs.items()}
        stack.enter_context(torch.autocast("cpu", enabled=False))
        yield args, kwargs

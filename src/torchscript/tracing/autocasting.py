"""Operators inside of `torch.autocast`: casts are recorded, and then the operator that the user wrote.

    with torch.autocast("cpu", torch.bfloat16): F.linear(x, w)     aten::to(x, bfloat16), aten::to(w, bfloat16), aten::linear

What autocast does is known for most operators: nothing, or casting the inputs to the lower dtype, or to float32.
Of an operator that consists of others it is found out (`casts_alike`): which of these makes the result that it
made. What none of them explains is recorded as what the dispatcher sees of it (`fallback.py`), with a warning.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum, auto
from typing import Any

import torch

from ..schema import Schema
from . import conversions, structures
from .snapshots import is_same
from .state import current, paused

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


def _affine_grid(theta: torch.Tensor, size: Sequence[int], align_corners: bool) -> torch.Tensor:
    dims = len(size) - 2
    same = torch.eye(dims, dims + 1, dtype=theta.dtype, device=theta.device).expand(size[0], dims, dims + 1)
    with torch.autocast(theta.device.type, enabled=False):
        places = torch.affine_grid_generator(same, size, align_corners)
    places = torch.cat([places, torch.ones_like(places[..., :1])], -1)
    grid = places.flatten(1, dims).bmm(theta.transpose(1, 2))
    return grid.view(*places.shape[:-1], dims)


PARTS: dict[str, Callable[..., Any]] = {"aten::affine_grid_generator": _affine_grid}
"""Operators with a kernel of their own that calls matrix products, which autocast sees: what they do."""

_PROMOTES = frozenset({"aten::cat", "aten::stack", "aten::index_copy"})
"""Operators that take the widest dtype of their inputs, which is nothing where they have one."""


class Effect(Enum):
    """What autocast does to the inputs of an operator."""

    NONE = auto()
    LOWERS = auto()
    RAISES = auto()
    PARTS = auto()
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
        if name in _PROMOTES:
            return Effect.OTHER
        return Effect.LOWERS if name in _LOWERED else Effect.RAISES
    if name in PARTS:
        return Effect.PARTS
    if name in _INDIFFERENT or not has("CompositeImplicitAutograd"):
        return Effect.NONE
    return Effect.OTHER


def _exists(key: str) -> bool:
    return bool(torch._C._dispatch_has_kernel(key))


_FLOATS = (torch.float32, torch.float16, torch.bfloat16)


def cast_to(
    dtype: torch.dtype, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call as autocast makes them; what it casts is recorded, where a recording runs."""
    recorder = current()

    def cast(value: Any) -> Any:
        if isinstance(value, list | tuple) and any(isinstance(part, torch.Tensor) for part in value):
            return type(value)([cast(part) for part in value])
        if not isinstance(value, torch.Tensor) or value.dtype not in _FLOATS or value.dtype == dtype:
            return value
        if value.device.type != "cpu":
            return value
        to = torch.Tensor.to
        return (
            value.to(dtype)
            if recorder is None
            else conversions.HANDLERS[to](recorder, to, (value, dtype), {})
        )

    return tuple(map(cast, args)), {name: cast(value) for name, value in kwargs.items()}


def lower_dtype() -> torch.dtype:
    return torch.get_autocast_dtype("cpu")


@contextmanager
def switched_off() -> Iterator[None]:
    with torch.autocast("cpu", enabled=False):
        yield


def casts_alike(
    call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[torch.dtype | None] | None:
    """To what dtype inputs are to be cast so that a call without autocast does what it does with it.

    (None,) where there is nothing to cast. None where no cast explains the result. The call is made several times,
    with the same random numbers.
    """
    state, caches = torch.get_rng_state(), torch.is_autocast_cache_enabled()
    with paused(), torch.no_grad():
        torch.set_autocast_cache_enabled(False)  # what it holds was not recorded
        try:
            return _explanation(call, args, kwargs, state)
        finally:
            torch.set_autocast_cache_enabled(caches)
            torch.set_rng_state(state)


def _explanation(
    call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], state: torch.Tensor
) -> tuple[torch.dtype | None] | None:
    expected = structures.tensors_in(call(*args, **kwargs))
    for dtype in (None, lower_dtype(), torch.float32):
        torch.set_rng_state(state)
        given, named = (args, kwargs) if dtype is None else cast_to(dtype, args, kwargs)
        try:
            with switched_off():
                results = structures.tensors_in(call(*given, **named))
        except RuntimeError:
            continue
        if len(results) == len(expected) and all(map(_is_equal, results, expected)):
            return (dtype,)
    return None


def _is_equal(one: torch.Tensor, other: torch.Tensor) -> bool:
    if one.dtype != other.dtype or one.shape != other.shape or one.layout != other.layout:
        return False
    if one.layout != torch.strided or not (one.is_floating_point() or one.is_complex()):
        return is_same(one, other)
    return torch.equal(one, other) or torch.allclose(one, other, rtol=0, atol=0, equal_nan=True)

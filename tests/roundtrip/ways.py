"""The ways that a module goes, and what must come out: what eager Python computes."""

from __future__ import annotations

import copy
import io
import warnings
from collections.abc import Callable
from typing import Any

import torch

import torchscript as jit

from .catalogue import Trip
from .cpp_host import Host


def quietly(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **options)


def stock_archive(module: torch.nn.Module, how: str, inputs: tuple[Any, ...]) -> bytes:
    """The archive that torch.jit makes of a module."""
    if how == "script":
        compiled = quietly(torch.jit.script, module)
    else:
        compiled = quietly(torch.jit.trace, module, inputs, check_trace=False)
    buffer = io.BytesIO()
    quietly(torch.jit.save, compiled, buffer)
    return buffer.getvalue()


def own_archive(module: torch.nn.Module, how: str, inputs: tuple[Any, ...]) -> bytes:
    """The archive that this library makes of a module."""
    compiled = (
        jit.script(module) if how == "script" else quietly(jit.trace, module, inputs, check_trace=False)
    )
    buffer = io.BytesIO()
    jit.save(compiled, buffer)
    return buffer.getvalue()


def load_here(data: bytes) -> Any:
    return jit.load(io.BytesIO(data))


def load_in_stock(data: bytes) -> Any:
    return quietly(torch.jit.load, io.BytesIO(data))


def outcome(module: Callable[..., Any], inputs: tuple[Any, ...]) -> Any:
    torch.manual_seed(1)
    with torch.no_grad():
        return quietly(module, *copy.deepcopy(inputs))


def check(actual: Any, expected: Any) -> None:
    """Equal all the way down. What C++ and torch.jit return may name its tuples otherwise."""
    if isinstance(expected, torch.Tensor):
        torch.testing.assert_close(actual, expected, equal_nan=True)
    elif isinstance(expected, tuple | list):
        assert isinstance(actual, tuple | list) and len(actual) == len(expected), (
            f"{actual} is not {expected}"
        )
        for one, other in zip(actual, expected):
            check(one, other)
    elif isinstance(expected, dict):
        assert actual.keys() == expected.keys()
        for key in expected:
            check(actual[key], expected[key])
    else:
        assert type(actual) is type(expected) and actual == expected, f"{actual!r} is not {expected!r}"


def round_trip(trip: Trip, host: Host) -> None:
    """Eager Python against: torch.jit → here, here → here, here → torch.jit, here → C++."""
    torch.manual_seed(0)
    make, make_inputs = trip.entry
    module, inputs = make().eval(), make_inputs()
    if any(isinstance(p, torch.nn.UninitializedParameter) for p in module.parameters()):
        module(*inputs)
    fresh = lambda: copy.deepcopy(module)  # running may change buffers
    expected = outcome(fresh(), inputs)
    if trip.stock:
        check(outcome(load_here(stock_archive(fresh(), trip.how, inputs)), inputs), expected)
    own = own_archive(fresh(), trip.how, inputs)
    check(outcome(load_here(own), inputs), expected)
    check(outcome(load_in_stock(own), inputs), expected)
    check(host.run(own, inputs), expected)

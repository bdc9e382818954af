"""Python's functions of numbers, for traced ones.

    int(n / 2)          aten::Int of the quotient
    max(h, w)           prim::max
    math.sqrt(n)        aten::sqrt
    cached(n)           the function below functools.lru_cache
    range(n), [v] * n   a warning: the number itself is what the trace keeps

The originals return plain numbers, whatever they are given. User code calls these instead (`rewriting.py`).
"""

from __future__ import annotations

import builtins
import functools
import math
import operator
import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch

from . import state
from .sizes import TracedFloat, TracedInt, TracedNumber, follows, plain

StandIn = Callable[..., Any]


def _stand_in(record: Callable[..., Any]) -> Callable[[Any], StandIn]:
    """`record(recorder, original, args)` for calls with a traced number, the original for all others."""

    def make(original: Any) -> StandIn:
        def call(*args: Any, **kwargs: Any) -> Any:
            if not kwargs:
                recorder = state.current()
                if recorder is not None and not recorder.below and _any_traced(recorder, args):
                    return record(recorder, original, args)
            return original(*args, **kwargs)

        return call

    return make


def _any_traced(recorder: Any, args: Sequence[Any]) -> bool:
    return any(isinstance(a, TracedNumber) and follows(a, recorder) for a in args)


def _to_int(recorder: Any, original: Any, args: tuple[Any, ...]) -> Any:
    number = args[0]
    if isinstance(number, TracedInt) or len(args) > 1:
        return number if len(args) == 1 else original(*args)
    return recorder.number_operation("aten::Int", args, int(plain(number)))


def _to_float(recorder: Any, original: Any, args: tuple[Any, ...]) -> Any:
    number = args[0]
    if isinstance(number, TracedFloat):
        return number
    return recorder.number_operation("aten::Float", args, float(plain(number)))


def _function(kind: str) -> Callable[[Any], StandIn]:
    """A function that one operator computes."""

    def record(recorder: Any, original: Any, args: tuple[Any, ...]) -> Any:
        return recorder.number_operation(kind, args, original(*map(plain, args)))

    return _stand_in(record)


def _quotient_of_logs(base: float) -> Callable[[Any], StandIn]:
    """`math.log2`, for which there is no operator."""

    def record(recorder: Any, original: Any, args: tuple[Any, ...]) -> Any:
        return recorder.number_operation("aten::log", (*args, base), original(*map(plain, args)))

    return _stand_in(record)


def _root(recorder: Any, original: Any, args: tuple[Any, ...]) -> Any:
    """`math.isqrt`: exact for ints below 2⁵², whose roots are floats without error."""
    result = original(plain(args[0]))
    root = recorder.number_operation("aten::sqrt", args, math.sqrt(plain(args[0])))
    return recorder.number_operation("aten::Int", (root,), result)


def _hypotenuse(recorder: Any, original: Any, args: tuple[Any, ...]) -> Any:
    squares = functools.reduce(operator.add, (a * a for a in args))
    return recorder.number_operation("aten::sqrt", (squares,), original(*map(plain, args)))


def _extreme(kind: str) -> Callable[[Any], StandIn]:
    """`max` and `min`, of numbers of one type."""

    def make(original: Any) -> StandIn:
        def call(*args: Any, **kwargs: Any) -> Any:
            recorder = state.current()
            if recorder is None or recorder.below or kwargs:
                return original(*args, **kwargs)
            parts = args if len(args) > 1 else tuple(args[0])
            if not _any_traced(recorder, parts) or not all(isinstance(p, int | float) for p in parts):
                return original(parts)
            ints = [isinstance(p, int) for p in parts]
            if not all(ints) and isinstance(original(map(plain, parts)), int):
                # Other numbers may lead to a float, where this run has an int.
                chosen = original(range(len(parts)), key=lambda i: plain(parts[i]))
                what = f"by {original.__name__}, with {', '.join(str(plain(p)) for p in parts)}"
                recorder.number_decided(what, parts, plain(parts[chosen]))
                return parts[chosen]
            found = parts[0]
            for part in parts[1:]:
                result = original(plain(found), plain(part))
                if any(isinstance(p, float) for p in (found, part)):
                    result = float(result)
                if _any_traced(recorder, (found, part)):
                    found = recorder.number_operation(kind, (found, part), result)
                else:
                    found = original(found, part)
            return found

        return call

    return make


def _product(original: Any) -> StandIn:
    """`math.prod` and `numpy.prod` of sizes."""

    def call(*args: Any, **kwargs: Any) -> Any:
        recorder = state.current()
        if recorder is not None and not recorder.below and len(args) == 1 and not kwargs:
            given = args[0]
            if isinstance(given, list | tuple) and _any_traced(recorder, given):
                return functools.reduce(operator.mul, given)
        return original(*args, **kwargs)

    return call


def _range(recorder: Any, original: Any, args: tuple[Any, ...]) -> Any:
    if any(isinstance(a, TracedNumber) and not a._ts_quiet for a in args):
        frame = sys._getframe(2)
        recorder.diagnostics.unrolled(frame, frame.f_lineno)
    return original(*map(plain, args))


def _from_numpy(original: Any) -> StandIn:
    """Any other function of NumPy: what it makes of a size is a constant."""

    def call(*args: Any, **kwargs: Any) -> Any:
        recorder = state.current()
        if recorder is not None and not recorder.below:
            for argument in (*args, *kwargs.values()):
                parts = argument if isinstance(argument, list | tuple) else (argument,)
                for part in parts:
                    if isinstance(part, TracedNumber) and follows(part, recorder):
                        recorder.number_used("becomes a value of NumPy", part)
                        args = tuple(map(_plain_parts, args))
                        kwargs = {name: _plain_parts(value) for name, value in kwargs.items()}
                        return original(*args, **kwargs)
        return original(*args, **kwargs)

    return call


def _plain_parts(obj: Any) -> Any:
    if isinstance(obj, list | tuple):
        parts = [plain(part) for part in obj]
        return parts if isinstance(obj, list) else tuple(parts)
    return plain(obj)


def _uncached(function: Any) -> StandIn:
    """A function of functools.lru_cache: what it remembers of an equal number is a constant, or another trace's."""

    def call(*args: Any, **kwargs: Any) -> Any:
        recorder = state.current()
        if recorder is not None and not recorder.below and _holds_traced(recorder, (args, kwargs)):
            return function.__wrapped__(*args, **kwargs)
        return function(*args, **kwargs)

    return call


def _holds_traced(recorder: Any, obj: Any) -> bool:
    if isinstance(obj, tuple | list):
        return any(_holds_traced(recorder, part) for part in obj)
    if isinstance(obj, dict):
        return any(_holds_traced(recorder, part) for part in obj.values())
    return isinstance(obj, TracedNumber) and follows(obj, recorder)


_ONE_OPERATOR = (
    "sqrt", "exp", "log", "log10", "log1p", "expm1", "pow", "sin", "cos", "tan", "asin", "acos", "atan", "atan2",
    "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "erfc", "gamma", "lgamma", "degrees", "radians",
    "fabs", "fmod", "copysign", "gcd",
)  # fmt: skip

_MADE: dict[Any, Callable[[Any], StandIn]] = {
    builtins.int: _stand_in(_to_int),
    builtins.float: _stand_in(_to_float),
    builtins.max: _extreme("prim::max"),
    builtins.min: _extreme("prim::min"),
    builtins.range: _stand_in(_range),
    operator.index: _stand_in(_to_int),
    torch.sym_int: _stand_in(_to_int),
    torch.sym_float: _stand_in(_to_float),
    torch.sym_max: _extreme("prim::max"),
    torch.sym_min: _extreme("prim::min"),
    math.prod: _product,
    math.log2: _quotient_of_logs(2),
    math.isqrt: _stand_in(_root),
    math.hypot: _stand_in(_hypotenuse),
    **{getattr(math, name): _function(f"aten::{name}") for name in _ONE_OPERATOR},
}
_STAND_INS: dict[int, StandIn] = {id(original): make(original) for original, make in _MADE.items()}

_OF_NUMPY = {
    "sqrt": math.sqrt, "log": math.log, "log2": math.log2, "log10": math.log10, "exp": math.exp, "sin": math.sin,
    "cos": math.cos, "tan": math.tan, "maximum": max, "minimum": min,
}  # fmt: skip


def _as_float(number: Any) -> Any:
    return _STAND_INS[id(float)](number)


_BY_PYTHON: dict[str, Callable[..., Any]] = {
    "ceil": lambda n: _as_float(math.ceil(n)),
    "floor": lambda n: _as_float(math.floor(n)),
    "rint": lambda n: _as_float(round(n)),
    "round": lambda n: _as_float(round(n)),
    "around": lambda n: _as_float(round(n)),
    "power": operator.pow,
    "absolute": operator.abs,
    **{name: lambda *args, same=same: _STAND_INS[id(same)](*args) for name, same in _OF_NUMPY.items()},
}
"""Functions of NumPy, for one number or two, by what traced numbers themselves can do."""


def stand_in_for(function: Any) -> StandIn | None:
    """What user code calls in the stead of a function, or None."""
    known = _STAND_INS.get(id(function))
    if isinstance(function, functools._lru_cache_wrapper):
        return _uncached(function)
    if known is None and callable(function):
        for module in (getattr(function, "__module__", None), type(function).__module__):
            if (
                isinstance(module, str)
                and module.startswith("numpy")
                and not module.startswith("numpy.random")
            ):
                return _of_numpy(function)
    return known


_numpy_functions: dict[int, tuple[Any, StandIn]] = {}


def _of_numpy(function: Any) -> StandIn:
    known = _numpy_functions.get(id(function))
    if known is None:
        name = getattr(function, "__name__", "")
        made = _product(_from_numpy(function)) if name == "prod" else _ufunc(name, function)
        known = _numpy_functions[id(function)] = function, made
    return known[1]


def _ufunc(name: str, function: Any) -> StandIn:
    """A function of NumPy that `math` has too is that of `math` for a traced number."""
    other = _from_numpy(function)
    same = _BY_PYTHON.get(name)
    if same is None:
        return other

    def call(*args: Any, **kwargs: Any) -> Any:
        recorder = state.current()
        numbers = not kwargs and all(isinstance(a, int | float) for a in args)
        if recorder is None or recorder.below or not numbers or not _any_traced(recorder, args):
            return other(*args, **kwargs)
        if name in ("round", "around") and len(args) > 1:
            return other(*args, **kwargs)
        return same(*args)

    return call

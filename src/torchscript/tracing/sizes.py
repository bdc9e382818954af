"""Numbers and sizes that remember how the traced run came by them.

    n = x.size(0)          a TracedInt: 3 for Python, %n of `%n : int = aten::size(%x, %0)` for the recording
    y.view(n * 2, -1)      records aten::mul(%n, %2) and takes its result as an input of aten::view

They are ints, floats and tuples to everything else. Comparing one decides what Python does next, which a
recording cannot hold: that warns.
"""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import torch

from . import state
from .locations import is_machinery

if TYPE_CHECKING:
    from ..ir import Value
    from .recorder import Recorder


class TracedNumber:
    """What traced ints and floats have in common: the value of the recording that they stand for.

    `_ts_quiet` says that comparing it is no reason for a warning (a number of dimensions).
    """

    _ts_value: Value
    _ts_recorder: Recorder
    _ts_quiet: bool

    def astype(self, dtype: Any) -> Any:
        """As of a number of NumPy, whose functions return traced numbers for traced ones: `np.ceil(n).astype(int)`."""
        name = dtype if isinstance(dtype, str) else getattr(dtype, "__name__", str(dtype))
        if name.startswith(("int", "uint", "long")):
            return math.trunc(self)  # type: ignore[arg-type]
        return self * 1.0 if isinstance(self, int) else self

    def item(self) -> Any:
        """As of a number of NumPy."""
        return self

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return plain(self)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(plain(self)), (plain(self),)


class TracedInt(TracedNumber, int):
    """An int that the recording can follow."""


class TracedFloat(TracedNumber, float):
    """A float that the recording can follow."""


def plain(number: Any) -> Any:
    """The number without its history; anything else as it is."""
    if isinstance(number, TracedInt):
        return int.__int__(number)
    if isinstance(number, TracedFloat):
        return float.__float__(number)
    return number


def traced(recorder: Recorder, number: float, value: Value, *, quiet: bool = False) -> Any:
    """A number that stands for `value`; a bool, which Python lets nobody extend, stays as it is."""
    if isinstance(number, bool):
        return number
    result: TracedInt | TracedFloat
    if isinstance(number, int):
        result = TracedInt(number)
    elif isinstance(number, float):
        result = TracedFloat(number)
    else:
        return number
    result._ts_value = value
    result._ts_recorder = recorder
    result._ts_quiet = quiet
    return result


def follows(number: Any, recorder: Recorder) -> bool:
    """Whether `number` stands for a value of this recording."""
    return isinstance(number, TracedNumber) and number._ts_recorder is recorder


def _operation(kind: str, function: Callable[..., Any], reflected: bool = False) -> Callable[..., Any]:
    def operate(self: TracedNumber, other: Any) -> Any:
        if not isinstance(other, int | float):
            return NotImplemented
        operands = (other, self) if reflected else (self, other)
        result = function(*map(plain, operands))
        recorder = state.current()
        if recorder is None:
            return result
        if not any(follows(o, recorder) for o in operands):
            recorder.number_left_over(self)
            return result
        return recorder.number_operation(kind, operands, result)

    return operate


def _conversion(kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def convert(self: TracedNumber) -> Any:
        result = function(plain(self))
        recorder = state.current()
        if recorder is None or not follows(self, recorder):
            return result
        return recorder.number_operation(kind, (self,), result)

    return convert


def _comparison(symbol: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def compare(self: TracedNumber, other: Any) -> Any:
        if not isinstance(other, int | float):
            return NotImplemented
        result = function(plain(self), plain(other))
        recorder = state.current()
        if recorder is not None and self is not other:
            recorder.number_decided(f"{plain(self)} {symbol} {plain(other)}", (self, other), result)
        return result

    return compare


def _truth(self: TracedNumber) -> bool:
    result = bool(plain(self))
    recorder = state.current()
    if recorder is not None:
        recorder.number_decided(str(plain(self)), (self,), result)
    return result


def _becomes(name: str, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def convert(self: TracedNumber) -> Any:
        result = function(plain(self))
        recorder = state.current()
        if recorder is not None and follows(self, recorder):
            recorder.number_converted(name, self, result)
        return result

    return convert


# Python's methods → the operator that records them, by the type of the result (`aten::pow` of two ints may
# be a float).
_BINARY = {
    "add": ("aten::add", operator.add),
    "sub": ("aten::sub", operator.sub),
    "mul": ("aten::mul", operator.mul),
    "truediv": ("aten::div", operator.truediv),
    "floordiv": ("aten::floordiv", operator.floordiv),
    "mod": ("aten::remainder", operator.mod),
    "pow": ("aten::pow", operator.pow),
}
_BITWISE = {
    "and": ("aten::__and__", operator.and_),
    "or": ("aten::__or__", operator.or_),
    "xor": ("aten::__xor__", operator.xor),
    "lshift": ("aten::__lshift__", operator.lshift),
    "rshift": ("aten::__rshift__", operator.rshift),
}
_UNARY: dict[str, tuple[str, Callable[..., Any]]] = {
    "neg": ("aten::neg", operator.neg),
    "abs": ("prim::abs", operator.abs),
}
_TO_INT: dict[str, tuple[str, Callable[..., Any]]] = {
    "floor": ("aten::floor", math.floor),
    "ceil": ("aten::ceil", math.ceil),
}
_COMPARISONS = {
    "eq": ("==", operator.eq),
    "ne": ("!=", operator.ne),
    "lt": ("<", operator.lt),
    "le": ("<=", operator.le),
    "gt": (">", operator.gt),
    "ge": (">=", operator.ge),
}


_LEAVING = {
    "bit_length": "is counted in bits",
    "bit_count": "is counted in bits",
    "is_integer": "decides what Python does next",
    "as_integer_ratio": "becomes a ratio",
    "to_bytes": "becomes bytes",
    "hex": "becomes a text",
}


def _divmod(self: Any, other: Any) -> Any:
    return (self // other, self % other) if isinstance(other, int | float) else NotImplemented


def _rdivmod(self: Any, other: Any) -> Any:
    return (other // self, other % self) if isinstance(other, int | float) else NotImplemented


def _is_left_behind(use: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A method whose result nobody follows."""

    def leave(self: TracedNumber, *args: Any, **kwargs: Any) -> Any:
        recorder = state.current()
        if recorder is not None and follows(self, recorder):
            recorder.number_used(use, self)
        return function(plain(self), *args, **kwargs)

    return leave


def _text(method: Callable[..., str]) -> Callable[..., str]:
    """`str(n)`, `f"{n}"`: what is made of the text is a constant."""

    def tell(self: TracedNumber, *args: Any) -> str:
        recorder = state.current()
        if recorder is not None and follows(self, recorder) and not is_machinery(sys._getframe(1).f_code):
            recorder.number_told(self)
        return method(plain(self), *args)

    return tell


def _of_numpy(self: Any, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """`array * n`, and functions of NumPy that are called by others than the user."""
    recorder = state.current()
    if recorder is not None and follows(self, recorder):
        recorder.number_used("becomes a value of NumPy", self)
    return getattr(ufunc, method)(*map(plain, inputs), **kwargs)


def _round_float(self: TracedFloat, digits: int | None = None) -> Any:
    result = round(plain(self), digits)
    recorder = state.current()
    if recorder is None or not follows(self, recorder):
        return result
    if digits is not None:
        recorder.number_used("is rounded to digits", self)
        return result
    rounded = recorder.number_operation("aten::round", (self,), float(result))
    return recorder.number_operation("aten::Int", (rounded,), result)


def _trunc_float(self: TracedFloat) -> Any:
    recorder = state.current()
    result = math.trunc(plain(self))
    if recorder is None or not follows(self, recorder):
        return result
    return recorder.number_operation("aten::Int", (self,), result)


def _fill(cls: type, tables: Iterable[dict[str, tuple[str, Any]]]) -> None:
    for table in tables:
        for name, (kind, function) in table.items():
            setattr(cls, f"__{name}__", _operation(kind, function))
            setattr(cls, f"__r{name}__", _operation(kind, function, reflected=True))
    for name, (kind, function) in _UNARY.items():
        setattr(cls, f"__{name}__", _conversion(kind, function))
    for name, (symbol, function) in _COMPARISONS.items():
        setattr(cls, f"__{name}__", _comparison(symbol, function))
    base: Any = cls.__mro__[2]
    own: dict[str, Any] = {
        "__bool__": _truth,
        "__divmod__": _divmod,
        "__rdivmod__": _rdivmod,
        "__pos__": lambda self: self,
        "__hash__": base.__hash__,
        "__array_ufunc__": _of_numpy,
        "__repr__": _text(base.__repr__),
        "__str__": _text(base.__str__),
        "__format__": _text(base.__format__),
    }
    for name, use in _LEAVING.items():
        if hasattr(base, name):
            own[name] = _is_left_behind(use, getattr(base, name))
    for name, method in own.items():
        setattr(cls, name, method)


_fill(TracedInt, (_BINARY, _BITWISE))
_fill(TracedFloat, (_BINARY,))
TracedInt.__int__ = _becomes("integer", int)  # type: ignore[method-assign]
TracedInt.__float__ = _becomes("float", float)  # type: ignore[method-assign]
TracedFloat.__float__ = _becomes("float", float)  # type: ignore[method-assign]
TracedFloat.__int__ = _becomes("integer", int)  # type: ignore[method-assign]
TracedFloat.__round__ = _round_float  # type: ignore[assignment]
TracedFloat.__trunc__ = _trunc_float  # type: ignore[method-assign, assignment]
for _name, (_kind, _function) in _TO_INT.items():
    setattr(TracedFloat, f"__{_name}__", _conversion(_kind, _function))
    setattr(TracedInt, f"__{_name}__", lambda self: self)
TracedInt.__round__ = lambda self, digits=0: self  # type: ignore[method-assign]
TracedInt.__trunc__ = lambda self: self  # type: ignore[method-assign]


class TracedSize(tuple[int, ...]):
    """What `x.shape` is in a recorded run: a `torch.Size` for `isinstance`, whose parts stay traced.

    `torch.Size` itself lets nobody extend it, and forgets in `numel()` where its ints came from.
    """

    __slots__ = ()

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return torch.Size

    def numel(self) -> int:
        """The product of the sizes."""
        result: Any = None
        for size in self:
            result = size if result is None else result * size
        return 1 if result is None else result

    def __getitem__(self, index: Any) -> Any:
        found = tuple.__getitem__(self, index)
        return TracedSize(found) if isinstance(index, slice) else found

    def __add__(self, other: Any) -> Any:
        return TracedSize(tuple.__add__(self, tuple(other))) if isinstance(other, tuple) else NotImplemented

    def __radd__(self, other: Any) -> Any:
        return TracedSize(tuple(other) + tuple(self)) if isinstance(other, tuple) else NotImplemented

    def __mul__(self, times: Any) -> Any:
        return TracedSize(tuple.__mul__(self, times))

    def __repr__(self) -> str:
        recorder = state.current()
        if recorder is not None and not is_machinery(sys._getframe(1).f_code):
            for size in self:
                if follows(size, recorder):
                    recorder.number_told(size)
        return f"torch.Size({[plain(size) for size in self]})"

    def __reduce_ex__(self, protocol: Any) -> Any:
        return torch.Size, (tuple(plain(size) for size in self),)


def without_history(obj: Any) -> Any:
    """The same arguments with plain numbers and sizes, to run the call with."""
    if isinstance(obj, TracedNumber):
        return plain(obj)
    cls = type(obj)
    if cls is TracedSize:
        return torch.Size([plain(size) for size in obj])
    if cls is tuple or cls is list:
        if any(isinstance(e, TracedNumber) or type(e) in (TracedSize, tuple, list) for e in obj):
            return cls([without_history(e) for e in obj])
    elif cls is slice:
        return slice(without_history(obj.start), without_history(obj.stop), without_history(obj.step))
    return obj

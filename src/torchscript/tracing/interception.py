"""How calls of PyTorch's API are seen: a function mode.

PyTorch tells a function mode of every call of its API. Functions of `torch.nn.functional` and methods of
Tensor that are written in Python are told of too, before they run; what is wanted is what they call. But
they look for modes again when the handler calls them. So the handler runs their body with those questions
answered no: the same code, with other globals.
"""

from __future__ import annotations

import math
from types import CellType, FunctionType, MethodWrapperType
from typing import TYPE_CHECKING, Any

import torch
from torch.overrides import TorchFunctionMode

from .. import types as T
from . import autocasting, calls, conversions, fallback, state
from .sizes import TracedFloat, TracedInt, follows, plain, traced, without_history

if TYPE_CHECKING:
    from .recorder import Recorder


def _no(*args: Any) -> bool:
    return False


def _truncated(value: Any) -> Any:
    """`torch.sym_int`, which keeps symbolic ints; traced ones here."""
    if isinstance(value, TracedInt | TracedFloat):
        return math.trunc(value)
    return torch.sym_int(value)  # type: ignore[no-untyped-call]


_STAND_INS: dict[int, Any] = {
    id(torch.overrides.has_torch_function): _no,
    id(torch.overrides.has_torch_function_unary): _no,
    id(torch.overrides.has_torch_function_variadic): _no,
    id(torch.sym_int): _truncated,
}
"""By identity: what the bodies of torch's functions get in place of a global."""


class _FloatType(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, float)

    def __call__(cls, value: Any = 0.0) -> Any:
        recorder = state.current()
        if recorder is not None and not recorder.below and isinstance(value, torch.Tensor):
            value = value.item()  # batch_norm without momentum: 1 / float(self.num_batches_tracked)
        if recorder is not None and follows(value, recorder):
            if isinstance(value, float):
                return value
            output = recorder.call_language("aten::Float", [recorder.number(value)], T.FLOAT)
            return traced(recorder, float(plain(value)), output, quiet=value._ts_quiet)
        return float(value)


class TracingFloat(metaclass=_FloatType):
    """`float` in torch's own Python: a number that becomes a float there stays traced."""


class Bodies:
    """Functions as they are, but for the question whether a mode wants to handle them."""

    def __init__(self) -> None:
        self._globals: dict[int, tuple[dict[str, Any], dict[str, Any]]] = {}
        self._bodies: dict[FunctionType, FunctionType] = {}

    def __call__(self, function: FunctionType) -> FunctionType:
        known = self._bodies.get(function)
        if known is None:
            self._bodies[function] = function  # for one that has itself in its closure
            closure = function.__closure__
            if closure is not None:
                closure = tuple(map(self._cell, closure))
            known = FunctionType(
                function.__code__,
                self._globals_of(function),
                function.__name__,
                function.__defaults__,
                closure,
            )
            known.__kwdefaults__ = function.__kwdefaults__
            self._bodies[function] = known
        return known

    def _cell(self, cell: CellType) -> CellType:
        try:
            inside = cell.cell_contents
        except ValueError:
            return cell
        if isinstance(inside, FunctionType) and inside.__module__.startswith("torch"):
            return CellType(self(inside))
        return cell

    def _globals_of(self, function: FunctionType) -> dict[str, Any]:
        own = function.__globals__
        known = self._globals.get(id(own))
        if known is None:
            changed = {name: _STAND_INS.get(id(value), value) for name, value in own.items()}
            if own.get("__name__", "").startswith("torch.nn"):
                changed["float"] = TracingFloat
            self._globals[id(own)] = known = own, changed
        return known[1]


class RecordingMode(TorchFunctionMode):
    """Tells the recorder of every call of PyTorch's API."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder
        self.bodies = Bodies()
        self.running: list[Any] = []

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if state.current() is not self.recorder or self.recorder.below:
            return func(*args, **kwargs)
        handler = conversions.HANDLERS.get(func)
        if handler is not None:
            return handler(self.recorder, func, args, kwargs)
        kind = type(func)
        if kind is MethodWrapperType:
            if func.__name__ == "__get__":
                return conversions.record_attribute(self.recorder, func, args)
            return conversions.record_assignment(self.recorder, func, args)
        if kind is FunctionType:
            return self._run_body(func, args, kwargs)
        return self._record(func, args, kwargs)

    def _run_body(self, func: FunctionType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self.running and self.running[-1] is func:
            # A method of Tensor that calls its namesake in C++, which asks for the handling of the former.
            namesake = getattr(torch._C.TensorBase, func.__name__, None)
            if namesake is None or getattr(torch.Tensor, func.__name__, None) is not func:
                return self._record_below(func, args, kwargs)
            return self._record(namesake, args, kwargs)
        self.running.append(func)
        try:
            with self:
                return self.bodies(func)(*args, **kwargs)
        finally:
            self.running.pop()

    def _record(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        name, schemas = operator_of(func)
        if name is None:
            return self._record_below(func, args, kwargs)
        if name.startswith("profiler::"):  # torch.profiler.record_function
            with state.paused():
                return func(*args, **kwargs)
        if torch._C._is_any_autocast_enabled():
            match autocasting.effect_on(schemas):
                case autocasting.Effect.LOWERS:
                    return self._record_cast(autocasting.lower_dtype(), func, args, kwargs)
                case autocasting.Effect.RAISES:
                    return self._record_cast(torch.float32, func, args, kwargs)
                case autocasting.Effect.PARTS:
                    with self:
                        return autocasting.PARTS[name](*args, **kwargs)
                case autocasting.Effect.OTHER:
                    return self._record_as_it_casts(func, schemas, args, kwargs)
        plain_args = [without_history(a) for a in args]
        plain_kwargs = {k: without_history(v) for k, v in kwargs.items()} if kwargs else kwargs
        try:
            return calls.record_call(
                self.recorder, name, schemas, args, kwargs, lambda: func(*plain_args, **plain_kwargs)
            )
        except calls.NoOperator:
            return self._record_below(func, args, kwargs)

    def _record_cast(
        self, dtype: torch.dtype, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Record the casts of autocast, and then the call without it."""
        args, kwargs = autocasting.cast_to(dtype, args, kwargs)
        with autocasting.switched_off():
            return self._record(func, args, kwargs)

    def _record_as_it_casts(
        self, func: Any, schemas: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Record a call of which it has to be found out what autocast does to it."""
        found = None
        if not any(schema.is_mutable and not schema.name.endswith("out") for schema in schemas[:1]):
            plain_args = tuple(without_history(a) for a in args)
            plain_kwargs = {k: without_history(v) for k, v in kwargs.items()}
            found = autocasting.casts_alike(func, plain_args, plain_kwargs)
        if found is None:
            self.recorder.locate()
            self.recorder.diagnostics.taken_apart(getattr(func, "__name__", "an operator"))
            return self._record_below(func, args, kwargs)
        if found[0] is not None:
            return self._record_cast(found[0], func, args, kwargs)
        with autocasting.switched_off():
            return self._record(func, args, kwargs)

    def _record_below(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        args = tuple(without_history(a) for a in args)
        kwargs = {k: without_history(v) for k, v in kwargs.items()}
        self.recorder.locate()
        return fallback.record_below(self.recorder, lambda: func(*args, **kwargs))


_operators: dict[Any, tuple[str | None, Any]] = {}


def operator_of(func: Any) -> tuple[str | None, Any]:
    known = _operators.get(func)
    if known is None:
        from ..operators.resolve import operator_name_of, tensor_method
        from ..schema import parse_schema

        if isinstance(func, torch._ops.OpOverload):
            schema = parse_schema(str(func._schema))
            return schema.name, (schema,)
        name = operator_name_of(func)
        own_name = getattr(func, "__name__", "")
        if name is None and own_name and getattr(torch._C.TensorBase, own_name, None) is func:
            name = tensor_method(own_name)
        known = name, calls.operator_schemas(name) if name is not None else ()
        if name is not None and not known[1]:
            known = None, ()
        _operators[func] = known
    return known

"""What stands in the place of functions of PyTorch and Python while any thread records.

Each asks `state` whether the thread that calls it records, and is the original to all others.

torch.vmap, torch.func.grad, jvp, vjp  recorded as what the dispatcher sees of them
torch.jit.is_tracing()                 true for the program and its libraries; torch's own code, which would
                                       take sizes for tensors then, is told no
a function of script_if_tracing        compiled by us
a function that torch.jit compiled     the same
what torch.compile returned            runs as Python
torch.autograd.Function.apply          recorded as the forward, with a warning
random.random(), numpy.random.rand()   a warning that the trace keeps what this run drew
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import torch
from torch.utils._pytree import tree_map

from . import fallback, state, structures
from .aliases import is_same
from .construction import constructed, is_followed, new_constant
from .locations import is_library
from .outside import stands_in_for_calls, stands_in_for_stance
from .recorder import Recorder
from .sizes import without_history

Make = Callable[[Any], Any]


# --- Transforms -----------------------------------------------------------------------------------------


def _begun(args: Any, kwargs: Any) -> tuple[Recorder, Any, Any] | None:
    """Who records a transform that begins, and what it gets as arguments; None where nobody does."""
    recorder = state.current()
    if recorder is None or recorder.below:
        return None
    recorder.locate()
    recorder.diagnostics.transformed()
    with state.paused():
        return recorder, *tree_map(without_history, (args, kwargs))


def _transform(original: Callable[..., Any]) -> Callable[..., Any]:
    """What `vmap` and other transforms run is not what the code says, but what the dispatcher sees."""

    @functools.wraps(original)
    def transform(*args: Any, **kwargs: Any) -> Any:
        begun = _begun(args, kwargs)
        if begun is None:
            return original(*args, **kwargs)
        recorder, args, kwargs = begun
        return fallback.record_below(recorder, lambda: original(*args, **kwargs))

    return transform


def _vjp(original: Callable[..., Any]) -> Callable[..., Any]:
    """`torch.func.vjp`, and `jacrev`, which calls it: the backward that it returns uses what the forward made."""

    @functools.wraps(original)
    def vjp(*args: Any, **kwargs: Any) -> Any:
        begun = _begun(args, kwargs)
        if begun is None:
            return original(*args, **kwargs)
        recorder, args, kwargs = begun
        made: list[torch.Tensor] = []
        outputs, backward, *rest = fallback.record_below(recorder, lambda: original(*args, **kwargs), made)

        def recorded(*cotangents: Any, **options: Any) -> Any:
            if state.current() is not recorder or recorder.below:
                return backward(*cotangents, **options)
            return fallback.record_below(recorder, lambda: backward(*cotangents, **options), made)

        return outputs, recorded, *rest

    return vjp


# --- Questions that libraries ask -----------------------------------------------------------------------


def _asks_for_itself(frame: FrameType | None) -> bool:
    """Whether the code that asks is torch's own."""
    return frame is not None and is_library(frame.f_code)


def _is_tracing(original: Callable[[], bool]) -> Callable[[], bool]:
    """`torch._C._is_tracing`, which `is_tracing` of torch.jit asks."""

    def is_tracing() -> bool:
        if state.current() is None:
            return original()
        asked = sys._getframe(1)
        if asked.f_code.co_name == "is_tracing" and asked.f_back is not None:
            asks = asked.f_back
            if asks.f_code.co_filename == asked.f_code.co_filename:
                _compiles_when_traced(asks.f_locals.get(asks.f_code.co_name))
            return not _asks_for_itself(asks)
        return not _asks_for_itself(asked)

    return is_tracing


def _tracing_state(original: Callable[[], Any]) -> Callable[[], Any]:
    def get_tracing_state() -> Any:
        if state.current() is None or _asks_for_itself(sys._getframe(1)):
            return original()
        return True

    return get_tracing_state


def _compiles_when_traced(wrapper: Any) -> None:
    """Have the function that a library marked with script_if_tracing call what this library makes of it.

    The wrapper calls the function by a cell of its closure where it is told that nothing traces.
    """
    from ..runtime.api import script_if_tracing

    original = getattr(wrapper, "__original_fn", None)
    for cell in getattr(wrapper, "__closure__", None) or ():
        if original is not None and cell.cell_contents is original:
            _originals.append((cell, "cell_contents", original))
            cell.cell_contents = script_if_tracing(original)


# --- Autograd functions ---------------------------------------------------------------------------------


def _apply(original: Any) -> Any:
    def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
        run = original.__get__(None, cls)
        recorder = state.current()
        if recorder is None or recorder.below:
            return run(*args, **kwargs)
        recorder.locate()
        is_torchs = cls.__module__.partition(".")[0] == "torch"
        if not is_torchs:
            recorder.diagnostics.autograd_function(cls.__qualname__)
        args = tuple(map(without_history, args))
        before, recorder.keeps_gradients = recorder.keeps_gradients, is_torchs
        try:
            result = run(*args, **kwargs)
        finally:
            recorder.keeps_gradients = before
        for tensor in structures.tensors_in(result):
            if recorder.known(tensor) is None:
                # An input that forward returned comes back as another tensor.
                for given in structures.tensors_in(args):
                    if is_same(given, tensor):
                        recorder.bind(tensor, recorder.value_of(given))
                        break
        return result

    return classmethod(apply)


# --- Random numbers of Python ---------------------------------------------------------------------------

_RANDOM = (
    "betavariate", "choice", "choices", "expovariate", "gammavariate", "gauss", "getrandbits", "lognormvariate",
    "normalvariate", "paretovariate", "randbytes", "randint", "random", "randrange", "sample", "shuffle",
    "triangular", "uniform", "vonmisesvariate", "weibullvariate",
)  # fmt: skip
_NUMPY_RANDOM = (
    "beta", "binomial", "choice", "exponential", "gamma", "geometric", "multinomial", "normal", "permutation",
    "poisson", "rand", "randint", "randn", "random", "random_sample", "ranf", "sample", "shuffle",
    "standard_normal", "uniform",
)  # fmt: skip


def _draws(module: str) -> Make:
    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def draw(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            recorder = state.current()
            if recorder is not None and not _asks_for_itself(sys._getframe(1)):
                recorder.diagnostics.random(f"{module}.{original.__name__}", result)
            return result

        return draw

    return make


# --- Constructors ---------------------------------------------------------------------------------------


def _new(original: Callable[..., Any]) -> Any:
    """`torch.Tensor(2, 3)`."""

    def new(cls: Any, *args: Any, **kwargs: Any) -> Any:
        recorder = state.current()
        if recorder is None or recorder.below or cls is not torch.Tensor or kwargs:
            return original(cls, *args, **kwargs)
        return constructed(
            recorder, lambda *rest: original(cls, *rest), torch.get_default_dtype(), torch.device("cpu"), args
        )

    return staticmethod(new)


def _alias(original: Any) -> Any:
    """`Variable(x)`, `nn.Parameter(x)`."""
    create = getattr(original, "__func__", original)

    def new(cls: Any, *args: Any, **kwargs: Any) -> Any:
        result = create(cls, *args, **kwargs)
        recorder = state.current()
        data = args[0] if args else kwargs.get("data")
        if recorder is None or recorder.below or not isinstance(data, torch.Tensor) or result is data:
            return result
        if not is_followed(recorder, data) or recorder.known(result) is not None:
            return result
        with state.paused():
            same = is_same(data, result)
        if same:
            recorder.locate()
            recorder.bind_alias(result, data)
        return result

    return staticmethod(new)


def _set_(original: Callable[..., Any]) -> Callable[..., Any]:
    """`x.set_(y)`, which no function mode is told of; with a storage, as `copy.copy` calls it, `x` becomes another."""

    @functools.wraps(original)
    def set_(self: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        recorder = state.current()
        if recorder is None or recorder.below:
            return original(self, *args, **kwargs)
        recorder.locate()
        source = args[0] if args else kwargs.get("source")
        if isinstance(source, torch.Tensor) and len(args) + len(kwargs) == 1:
            given = [recorder.value_of(self), recorder.value_of(source)]
            recorder.call_operator("aten::set_.source_Tensor", given)
            return original(self, source)
        with state.paused():
            result = original(self, *args, **kwargs)
        recorder.forget(self)
        return result

    return set_


class _TensorType(type):
    """`torch.FloatTensor` and its like, which no function mode is told of."""

    original: Any

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        recorder = state.current()
        if recorder is None or recorder.below or kwargs:
            return cls.original(*args, **kwargs)
        return constructed(recorder, cls.original, cls.original.dtype, torch.device("cpu"), args)

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls.original)

    def __getattr__(cls, name: str) -> Any:
        return getattr(cls.original, name)


def _tensor_type(original: Any) -> Any:
    return _TensorType(original.__name__, (), {"original": original})


def original_type(obj: Any) -> Any:
    """`torch.FloatTensor` for what stands in its place; anything else as it is."""
    return obj.original if type(obj) is _TensorType else obj


def _from_elsewhere(original: Callable[..., Any]) -> Callable[..., Any]:
    """`torch.from_numpy(…)`: a constant, and a new tensor in every call, which the code may write to."""

    @functools.wraps(original)
    def make(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        recorder = state.current()
        if recorder is not None and not recorder.below:
            new_constant(recorder, result)
        return result

    return make


_TENSOR_TYPES = (
    "BFloat16Tensor", "BoolTensor", "ByteTensor", "CharTensor", "DoubleTensor", "FloatTensor", "HalfTensor",
    "IntTensor", "LongTensor", "ShortTensor",
)  # fmt: skip


# --- All of them ----------------------------------------------------------------------------------------

_TABLE: tuple[tuple[str, str, tuple[str, ...], Make], ...] = (
    ("torch._functorch.vmap", "", ("vmap_impl",), _transform),
    ("torch._functorch.apis", "", ("vmap_impl",), _transform),
    ("torch._functorch.eager_transforms", "", ("grad_impl", "grad_and_value_impl"), _transform),
    ("torch._functorch.eager_transforms", "", ("_jvp_with_argnums",), _transform),
    ("torch._functorch.eager_transforms", "", ("_vjp_with_argnums",), _vjp),
    ("torch._C", "", ("_is_tracing",), _is_tracing),
    ("torch._C", "", ("_get_tracing_state",), _tracing_state),
    ("torch._C", "ScriptFunction", ("__call__",), stands_in_for_calls),
    ("torch._dynamo.eval_frame", "", ("_callback_from_stance",), stands_in_for_stance),
    ("torch.autograd.function", "Function", ("apply",), _apply),
    ("torch", "", _TENSOR_TYPES, _tensor_type),
    ("torch", "", ("from_numpy", "frombuffer", "from_dlpack"), _from_elsewhere),
    ("torch.nn.parameter", "Parameter", ("__new__",), _alias),
    ("random", "", _RANDOM, _draws("random")),
    ("numpy.random", "", _NUMPY_RANDOM, _draws("numpy.random")),
)
"""Modules that may be loaded, a class in them, names there, and what makes the stand-in of the original."""

_originals: list[tuple[Any, str, Any]] = []


def install() -> None:
    """Put every stand-in in its place. The caller sees to it that this happens once."""
    for module, cls, names, make in _TABLE:
        owner: Any = sys.modules.get(module)
        if owner is not None and cls:
            owner = getattr(owner, cls, None)
        for name in names:
            original = vars(owner).get(name) if owner is not None else None
            if original is not None:
                _originals.append((owner, name, original))
                setattr(owner, name, make(original))
    # Inherited, so that they are no entries of the table.
    torch.Tensor.__new__ = _new(torch.Tensor.__new__)  # type: ignore[method-assign]
    torch.Tensor.set_ = _set_(torch.Tensor.set_)  # type: ignore[method-assign]
    torch.autograd.Variable.__new__ = _alias(torch.autograd.Variable.__new__)  # type: ignore[method-assign]


def remove() -> None:
    """Put every original back."""
    while _originals:
        setattr(*_originals.pop())
    for cls in (torch.Tensor, torch.autograd.Variable):
        if "__new__" in vars(cls):
            del cls.__new__
    if "set_" in vars(torch.Tensor):
        del torch.Tensor.set_

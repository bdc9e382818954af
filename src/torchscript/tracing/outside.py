"""Compiled code that the traced module does not hold.

scripted(x)              of a module in a variable: its method as a function, with its attributes as constants
stock(x)                 of what stock torch.jit compiled: the same, compiled by us
self.stock(x)            of a module inside: replaced by our own while the trace is made
torch.compile(f)(x)      runs as the Python that it was made of
"""

from __future__ import annotations

import functools
import io
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from ..errors import CompileError, Error, TracingError
from ..frontend.taken_over import is_foreign, taken_over
from ..ir import Function
from ..schema import Schema
from . import state
from .modules import qualified_name

_functions: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()


# --- Modules --------------------------------------------------------------------------------------------


def as_function(module: Any, name: str) -> Function:
    """A method of a compiled module as a function, with the module's attributes as constants."""
    from ..runtime.freezing import frozen_method

    where = f"A compiled module ({type(module).__name__}) is called that is not inside of the traced module"
    advice = "Make it an attribute of the module that calls it, and trace that module."
    if any(p.requires_grad for p in module.parameters()):
        raise TracingError(f"{where}, and its parameters require gradients, which constants cannot. {advice}")
    try:
        with state.paused():
            method = frozen_method(module, name)
    except Error as error:
        raise TracingError(f"{where}, and cannot be made a constant: {error} {advice}") from None
    graph = method.graph
    if graph.inputs[0].users:
        raise TracingError(f"{where}, and it changes its attributes, which constants cannot. {advice}")
    graph.block.remove_parameter(0)
    old = method.schema
    # The name of a function, where the class of a module must not stand.
    qualified = f"{qualified_name(type(module))}_{name}"
    schema = Schema(qualified, "", old.arguments[1:], old.returns)
    return Function(qualified, graph, schema)


@contextmanager
def own_modules(root: nn.Module | None) -> Iterator[None]:
    """Have what we make of them in the place of the modules that stock torch.jit compiled."""
    replaced: list[tuple[nn.Module, str, nn.Module]] = []
    try:
        for module in list(nn.Module.modules(root)) if root is not None and not is_foreign(root) else ():
            for name, child in list(module._modules.items()) if not is_foreign(module) else ():
                if child is not None and is_foreign(child):
                    replaced.append((module, name, child))
                    module._modules[name] = taken_over(child)
        yield
    finally:
        for module, name, child in replaced:
            module._modules[name] = child


def uncompiled(obj: Any) -> Any:
    """What `torch.compile` was given; anything else as it is."""
    if isinstance(obj, nn.Module):
        is_wrapper = type(obj).__module__ == "torch._dynamo.eval_frame"
        return obj._modules["_orig_mod"] if is_wrapper else obj
    return getattr(obj, "_torchdynamo_orig_callable", obj)


# --- Functions ------------------------------------------------------------------------------------------


def own_function(foreign: Any) -> Callable[..., Any]:
    """What this library makes of a function that stock torch.jit compiled."""
    found: Callable[..., Any] | None = _functions.get(foreign)
    if found is None:
        with state.paused():
            found = _functions[foreign] = _own_function(foreign)
    return found


def _own_function(foreign: Any) -> Callable[..., Any]:
    from ..runtime.api import load, script
    from ..runtime.function import ScriptFunction

    original = getattr(foreign, "_torchdynamo_inline", None)
    if original is not None:
        try:
            return script(original, fallback=False)  # type: ignore[no-any-return]
        except (CompileError, TypeError):
            pass
    return ScriptFunction(as_function(load(io.BytesIO(foreign.save_to_buffer()), allow_io=True), "forward"))


def stands_in_for_calls(original: Callable[..., Any]) -> Callable[..., Any]:
    """`__call__` of the class of functions that stock torch.jit compiles."""

    @functools.wraps(original)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        recorder = state.current()
        if recorder is None or recorder.below:
            return original(self, *args, **kwargs)
        return own_function(self)(*args, **kwargs)

    return call


def stands_in_for_stance(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Which compiler `torch.compile` is to use now: none while this thread records."""

    @functools.wraps(original)
    def callback_from_stance(callback: Any) -> Any:
        return original(callback) if state.current() is None else None

    return callback_from_stance

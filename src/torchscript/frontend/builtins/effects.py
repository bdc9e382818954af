"""What is called for its effect: `print`, `warnings.warn`, and the context managers of torch."""

from __future__ import annotations

import contextlib
import warnings

import torch

from ... import types as T
from .. import attributes, autocasting, contexts, formatting
from ..emitter import Emitter
from ..values import RaisedException, Val, known_of, type_of
from .registry import Handler, handles


@handles(setattr)
def _setattr(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    owner, name, value = positional
    if known_of(name) is None:
        raise e.needs_unrolling("The attribute's name must be known while compiling.")
    attributes.set_attribute(e, owner, e.depend(name), value, e.node, None)
    return e.none()


@handles(print)
def _print(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    positional = [v.message if isinstance(v, RaisedException) else v for v in positional]
    values = [
        e.materialize(formatting.shown(e, v))
        if type_of(v) is not None
        else e.constant(v.describe(), T.STRING)
        for v in positional
    ]
    keywords = {k: e.depend(v) for k, v in named.items() if k in ("sep", "end") and known_of(v) is not None}
    e.emit("prim::Print", values, [], keywords or None)
    return e.none()


@handles(warnings.warn)
def _warn(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    message = positional[0]
    if not isinstance(type_of(message), T.StringType):
        message = e.static(message.describe()) if type_of(message) is None else formatting.text_of(e, message)
    stacklevel = named.get("stacklevel", e.static(2))
    e.call_operator("aten::warn", [message], {"stacklevel": stacklevel}, "warn")
    return e.none()


def _manager(cls: type) -> Handler:
    def handler(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
        return contexts.Manager(cls, positional)

    return handler


def _autocast(cls: type) -> Handler:
    def handler(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
        return autocasting.of_arguments(e, cls, positional, named)

    return handler


for _cls in (
    torch.no_grad,
    torch.enable_grad,
    torch.inference_mode,
    torch.set_grad_enabled,
    torch.autograd.profiler.record_function,
    contextlib.nullcontext,
):
    handles(_cls)(_manager(_cls))

for _autocasting in autocasting.CLASSES:
    handles(_autocasting)(_autocast(_autocasting))

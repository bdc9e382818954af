"""What is called for its effect: `print`, `warnings.warn`, and the context managers of torch."""

from __future__ import annotations

import contextlib
import sys
import warnings

import torch

from ... import types as T
from ...errors import CompileWarning
from .. import attributes, autocasting, contexts, formatting
from ..emitter import Emitter
from ..values import RaisedException, Static, Val, known_of, type_of
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
    separator, end = named.get("sep", e.static(None)), named.get("end", e.static(None))
    file = named.get("file")
    if file is not None and not (isinstance(file, Static) and file.object in (None, sys.stdout)):
        _warn_of(e, "print(…, file=…) prints to standard output once it is compiled.")
    if not _is(end, "\n"):
        return _print_text(e, positional, separator, end)
    if not _is(separator, " "):
        return _print_text(e, positional, separator, None)
    values = [
        e.materialize(formatting.shown(e, v))
        if type_of(v) is not None
        else e.constant(v.describe(), T.STRING)
        for v in positional
    ]
    e.emit("prim::Print", values, [])
    return e.none()


def _is(option: Val, default: str) -> bool:
    known = known_of(option)
    return known is not None and known.object in (None, default)


def _print_text(e: Emitter, values: list[Val], separator: Val, end: Val | None) -> Val:
    """`print(…, sep=…, end=…)`: one text is printed. `prim::Print` ends its line, whatever `end` is."""
    pieces: list[Val] = []
    for i, value in enumerate(values):
        pieces.extend([separator] if i and not _is(separator, " ") else [e.static(" ")] if i else [])
        pieces.append(value)
    ending = known_of(end) if end is not None else None
    if ending is not None and end is not None and str(ending.object).endswith("\n"):
        pieces.append(e.static(e.depend(end)[:-1]))
    elif end is not None:
        pieces.append(end)
        _warn_of(e, "print(…, end=…) ends its line all the same once it is compiled.")
    text = formatting.format_values(e, "{}" * len(pieces), pieces)
    e.emit("prim::Print", [e.materialize(text)], [])
    return e.none()


def _warn_of(e: Emitter, message: str) -> None:
    warnings.warn(f"{message}\n{e.where().show()}", CompileWarning, stacklevel=2)


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
        given = positional or [v for k, v in named.items() if k == "mode"]
        if cls is torch.set_grad_enabled and not given:
            raise e.certain(TypeError, "'set_grad_enabled' is called without 'mode'.")
        return contexts.Manager(cls, given)

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

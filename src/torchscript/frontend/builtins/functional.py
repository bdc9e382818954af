"""functools, itertools, and functions that call what they are given."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import torch

from ... import types as T
from .. import pooling
from ..emitter import Emitter
from ..values import Dynamic, Partial, Sequence, Val, known_of, type_of
from .registry import Handler, handles


@handles(functools.partial)
def _partial(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    return Partial(positional[0], positional[1:], named)


@handles(itertools.repeat)
def _repeat(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    count = positional[1] if len(positional) > 1 else named.get("times")
    if count is not None and known_of(count) is None and type_of(positional[0]) is not None:
        one = Dynamic(e.build_list([positional[0]]))
        return e.call_operator("aten::mul", [one, count], {}, "repeat")
    if count is None or known_of(count) is None:
        raise e.unsupported("itertools.repeat needs a number of times that is known while compiling.")
    return Sequence([positional[0]] * e.depend(count), is_list=True)


def _adaptive_pool(function: Any) -> Handler:
    def handler(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
        return pooling.adaptive_pool(e, function, positional, named)

    return handler


for _pooling_function in pooling.ADAPTIVE:
    handles(_pooling_function)(_adaptive_pool(_pooling_function))


@handles(torch.utils.checkpoint.checkpoint)
def _checkpoint(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    """Checkpointing trades memory for time and changes no result: the function is called."""
    from .. import calls

    rest = {
        k: v
        for k, v in named.items()
        if k not in ("use_reentrant", "preserve_rng_state", "context_fn", "determinism_check", "debug")
    }
    return calls.call(e, positional[0], positional[1:], rest)

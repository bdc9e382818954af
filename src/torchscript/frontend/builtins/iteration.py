"""What loops run over: `range`, `enumerate`, `zip`, `reversed`, `map`."""

from __future__ import annotations

from typing import Any

import torch

from ... import types as T
from .. import generated
from ..emitter import Emitter
from ..values import Dynamic, Iterable, Sequence, Slice, Static, Val, known_of, type_of
from .registry import Handler, handles


def _iterable(kind: str) -> Handler:
    def handler(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
        strict = named.pop("strict", None)
        if strict is not None and e.depend(strict):
            _need_one_length(e, positional)
        if not positional and not named and kind != "zip":
            raise TypeError
        return Iterable(kind, [*positional, *named.values()])

    return handler


def _need_one_length(e: Emitter, values: list[Val]) -> None:
    """`zip(…, strict=True)` of values that differ in length: Python raises when it comes to the end of the shortest."""
    from .. import loops

    lengths: list[Val] = []
    for val in values:
        items = loops.static_items(e, val)
        countable = isinstance(type_of(val), T.ListType | T.DictType | T.StringType | T.TensorType)
        if items is None and not countable:
            raise e.unsupported(
                "zip(…, strict=True) of this cannot be compiled.", None, "Compare the lengths first."
            )
        lengths.append(e.static(len(items)) if items is not None else e.call_operator("aten::len", [val], {}))
    generated.in_place(e, _SAME_LENGTHS, {"lengths": Sequence(lengths)})


_SAME_LENGTHS = """
def check(lengths):
    for i, n in enumerate(lengths):
        if n != lengths[0]:
            raise ValueError(f"zip() argument {i + 1} is {'shorter' if n < lengths[0] else 'longer'} than argument 1")
"""


for _obj, _kind in ((enumerate, "enumerate"), (zip, "zip"), (reversed, "reversed")):
    handles(_obj)(_iterable(_kind))


@handles(range)
def _range(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    if not positional:
        raise TypeError
    for i, bound in enumerate(positional):
        known = known_of(bound)
        if known is None or isinstance(known.object, torch.Tensor):
            continue
        if not hasattr(known.object, "__index__"):
            raise e.certain(TypeError, f"{bound.subject()} cannot be interpreted as an integer.")
        if i == 2 and known.object == 0:
            raise e.certain(ValueError, "The step of a range is not 0.")
    return Iterable("range", positional)


@handles(slice)
def _slice(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    """`slice(stop)`, `slice(start, stop, step)`: what `start:stop:step` is in a subscript."""
    if not positional or named:
        raise TypeError
    bounds = positional if len(positional) > 1 else [e.none(), *positional]
    return Slice([*bounds, e.none()][:3])


@handles(filter)
def _filter(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    if len(positional) != 2:
        raise TypeError
    function, values = positional
    is_none = isinstance(function, Static) and function.object is None
    text = f"def kept(function, values): return [v for v in values if {'v' if is_none else 'function(v)'}]"
    return generated.in_place(e, text, {"function": function, "values": values})


@handles(map)
def _map(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    from .. import calls, loops
    from ..outcomes import Outcome
    from ..run_time_loops import emit_loop

    groups = [loops.static_items(e, v) if loops.prefers_unrolling(e, v) else None for v in positional[1:]]
    if all(g is not None for g in groups):
        return Sequence(
            [
                calls.call(e, positional[0], list(args), {})
                for args in zip(*(g for g in groups if g is not None))
            ],
            is_list=True,
        )
    source = positional[1] if len(positional) == 2 else Iterable("zip", positional[1:])
    plan = loops.plan_of(e, source, e.node)
    result = e.emit("prim::ListConstruct", [], [T.ListType(T.PendingType(T.TENSOR))]).output

    def body(i: Any) -> Outcome:
        item = plan.item(e, i)
        args = item.items if len(positional) > 2 and isinstance(item, Sequence) else [item]
        e.call_operator(
            "aten::append", [Dynamic(result), calls.call(e, positional[0], args, {})], {}, "append"
        )
        return Outcome()

    saved, e.pending_rest = e.pending_rest, ()
    emit_loop(e, plan.length, [], None, body)
    e.pending_rest = saved
    return Dynamic(result)

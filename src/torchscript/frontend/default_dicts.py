"""`collections.defaultdict` and `Counter`: dicts in IR and archives, whose missing keys the compiler provides for.

    counts = defaultdict(int)            counts = {}
    counts[word] += 1             →      if word not in counts: counts[word] = 0
                                         counts[word] = counts[word] + 1

What is passed to a compiled function that declares a plain Dict, or returned, is a plain dict there.
"""

from __future__ import annotations

import ast
import collections
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .. import types as T
from ..schema.reasons import describe
from . import function_calls, prelude
from .control import discard, emit_if, without_rest
from .emitter import Emitter
from .outcomes import Outcome
from .pending import resolve_pending, settle
from .values import Closure, Dynamic, Static, Val, type_of


@dataclass(frozen=True, slots=True)
class DefaultDictType(T.DictType):
    """The type while compiling. `token` tells factories apart; `factory` is None for a Counter, which inserts nothing."""

    token: Any = None
    factory: Val | None = field(default=None, compare=False)

    def with_contained(self, contained: tuple[T.Type, ...]) -> T.Type:
        return DefaultDictType(contained[0], contained[1], self.token, self.factory)

    def is_subtype_of(self, other: T.Type) -> bool:
        return self == other or other == T.DictType(self.key, self.value) or isinstance(other, T.AnyType)


_EMPTY: dict[Any, Any] = {int: 0, float: 0.0, bool: False, str: "", complex: 0j}


def made(e: Emitter, positional: list[Val], hint: T.Type | None) -> Val:
    """`defaultdict(factory, initial)`."""
    factory = positional[0]
    token = (
        factory.object
        if isinstance(factory, Static)
        else factory.tree
        if isinstance(factory, Closure)
        else factory
    )
    mark = len(e.block.nodes)
    value = e.materialize(_default(e, factory, None)).type
    discard(e.block, mark)
    key: T.Type = T.PendingType(T.STRING)
    if isinstance(hint, T.DictType):
        key, value = hint.key, hint.value
    result = Dynamic(e.emit("prim::DictConstruct", [], [DefaultDictType(key, value, token, factory)]).output)
    if len(positional) > 1:
        function_calls.call_function(e, prelude.update_dict, [result, positional[1]], {})
    return result


def _default(e: Emitter, factory: Val, wanted: T.Type | None) -> Val:
    """A new value for a key that is missing."""
    from . import calls, sets

    known = factory.object if isinstance(factory, Static) else None
    if known in _EMPTY:
        return e.static(_EMPTY[known])
    if wanted is not None and known in (list, dict, set):
        kind = "prim::ListConstruct" if known is list else "prim::DictConstruct"
        return Dynamic(e.emit(kind, [], [wanted]).output)
    if known is set:
        return sets.empty(e)
    val = calls.call(e, factory, [], {}, wanted)
    if wanted is None:
        return val
    node = val.value.node if isinstance(val, Dynamic) else None
    if node is not None and node.kind in ("prim::ListConstruct", "prim::DictConstruct") and not node.inputs:
        return Dynamic(e.emit(node.kind, [], [wanted]).output)
    return Dynamic(e.coerce(val, wanted, None, "the default of the dict"))


def key_of(e: Emitter, type: T.DictType, key: Val) -> None:
    """Settle what the keys of a dict are by one of them; an error where that cannot be a key."""
    own = type_of(key)
    if own is None:
        return
    if isinstance(own, T.ListType | T.TupleType | T.DictType | T.ClassType | T.NoneType | T.FunctionType):
        raise e.error(
            f"{describe(own)[:1].upper()}{describe(own)[1:]} cannot be a key of a dict here.",
            None,
            "Keys are int, float, bool, str, complex or Tensor.",
        )
    if isinstance(type.key, T.PendingType) and type.key.resolved is None:
        resolve_pending(type.key, own)


def item(e: Emitter, owner: Val, key: Val) -> Val:
    """`owner[key]`, which puts the default there if the key is missing."""
    type = type_of(owner)
    assert isinstance(type, DefaultDictType)
    key_of(e, type, key)
    if type.factory is None:
        return e.call_operator("aten::get", [owner, key, e.static(0)], {}, "[]")
    factory = type.factory
    present = e.call("aten::__contains__", [owner, key])

    def insert() -> Outcome:
        from .subscripts import set_item

        set_item(e, e.materialize(owner), key, _default(e, factory, type.value))
        return Outcome()

    with without_rest(e):
        emit_if(e, present, Outcome, insert)
    found = e.call("aten::__getitem__", [owner, key])
    found.type = type.value  # which may be open still
    return Dynamic(found)


# -- Counter ---------------------------------------------------------------------------------------------------


def counter(e: Emitter, positional: list[Val]) -> Val:
    """`Counter(items)`."""
    type = DefaultDictType(T.PendingType(T.STRING), T.INT, collections.Counter)
    result = Dynamic(e.emit("prim::DictConstruct", [], [type]).output)
    for items in positional:
        _update(e, [result, items])
    settle(result.value)
    return result


def _prelude(function: object) -> Callable[[Emitter, list[Val]], Val]:
    return lambda e, arguments: function_calls.call_function(e, function, arguments, {})


def _update(e: Emitter, arguments: list[Val]) -> Val:
    is_dict = isinstance(type_of(arguments[1]), T.DictType)
    return _prelude(prelude.add_counts if is_dict else prelude.count_all)(e, arguments)


def _most_common(e: Emitter, arguments: list[Val]) -> Val:
    listed = _prelude(prelude.most_common)(e, arguments[:1])
    if len(arguments) == 1:
        return listed
    return e.call_operator("aten::slice", [listed, e.static(0), arguments[1], e.static(1)], {}, "most_common")


_METHODS: dict[str, Callable[[Emitter, list[Val]], Val]] = {
    "update": _update,
    "most_common": _most_common,
    "total": _prelude(prelude.total),
    "elements": _prelude(prelude.elements),
    "subtract": _prelude(prelude.subtract_all),
}


def method(e: Emitter, owner: Val, name: str, positional: list[Val]) -> Val | None:
    """A method of a Counter; None for those of every dict."""
    type = type_of(owner)
    if not isinstance(type, DefaultDictType) or type.factory is not None or name not in _METHODS:
        return None
    return _METHODS[name](e, [owner, *positional])


def operator(e: Emitter, op: type[ast.AST], left: Val, right: Val) -> Val | None:
    """`a + b` of two Counters, `a | b` of two dicts."""
    types = type_of(left), type_of(right)
    if op is ast.BitOr and all(isinstance(t, T.DictType) for t in types):
        return function_calls.call_function(e, prelude.merged_dicts, [left, right], {})
    if op is not ast.Add or not all(isinstance(t, DefaultDictType) and t.factory is None for t in types):
        return None
    return counter(e, [left, right])

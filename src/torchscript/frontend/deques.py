"""`collections.deque`, as a variable of a function: a list in IR and archives, with a deque's methods while compiling.

    q = deque([start])              q = [start]
    while q:                        while len(q) > 0:
        node = q.popleft()    →         node = q.pop(0)
        q.append(node + 1)              q.append(node + 1)

With `maxlen`, what is too much is dropped from the other end after each addition. A deque that leaves the function
would be a list for its caller, so that is refused.
"""

from __future__ import annotations

import collections
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .. import types as T
from . import function_calls, prelude
from .emitter import Emitter
from .pending import is_open, resolve_pending, settle
from .values import Dynamic, Iterable, Sequence, Val, known_of, type_of


@dataclass(frozen=True, slots=True)
class DequeType(T.ListType):
    """The type while compiling; `maxlen` is None for a deque that may grow, and `token` tells different ones apart."""

    maxlen: Val | None = field(default=None, compare=False)
    token: Any = None

    def annotation(self) -> str:
        return f"deque[{self.element.annotation()}]"

    def with_contained(self, contained: tuple[T.Type, ...]) -> T.Type:
        return DequeType(contained[0], self.maxlen, self.token)

    def is_subtype_of(self, other: T.Type) -> bool:
        return self == other or other == T.ListType(self.element) or isinstance(other, T.AnyType)


def made(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    """`deque(items, maxlen)`."""
    items = positional[0] if positional else named.get("iterable")
    maxlen = positional[1] if len(positional) > 1 else named.get("maxlen")
    if maxlen is not None and isinstance(type_of(maxlen), T.NoneType):
        maxlen = None
    token: Any = None
    if maxlen is not None:
        known = known_of(maxlen)
        token = e.depend(maxlen) if known is not None else maxlen
        if known is None:
            maxlen = Dynamic(e.coerce(maxlen, T.INT, None, "maxlen"))
    element: T.Type = hint.element if isinstance(hint, T.ListType) else T.PendingType(T.TENSOR)
    own = type_of(items) if items is not None else None
    if isinstance(own, T.ListType) and is_open(element) and not is_open(own):
        element = own.element
    result = Dynamic(e.emit("prim::ListConstruct", [], [DequeType(element, maxlen, token)]).output)
    if items is not None:
        _extend(e, [result, items])
        settle(result.value)
    return result


def refuse(e: Emitter, type: T.Type, what: str) -> None:
    """An error where a deque would be seen as the list that it is inside."""
    if any(isinstance(t, DequeType) for t in type.walk()):
        raise e.unsupported(f"A deque cannot be {what}.", None, "Make a list of it: list(q).")


def _added(e: Emitter, owner: Val, at_front: bool) -> Val:
    """Drop what is more than `maxlen` after an addition."""
    type = type_of(owner)
    assert isinstance(type, DequeType)
    if type.maxlen is not None:
        drop = prelude.drop_last if at_front else prelude.drop_first
        function_calls.call_function(e, drop, [owner, type.maxlen], {})
    return e.none()


def _append(e: Emitter, arguments: list[Val]) -> Val:
    owner, item = arguments
    _learn(e, owner, item)
    e.call_operator("aten::append", [owner, item], {}, "append")
    return _added(e, owner, at_front=False)


def _learn(e: Emitter, owner: Val, item: Val) -> None:
    """The first element says what an empty deque holds."""
    type, own = type_of(owner), type_of(item)
    if isinstance(type, DequeType) and own is not None and is_open(type.element):
        resolve_pending(type.element, own)
        settle(e.materialize(owner))


def _append_left(e: Emitter, arguments: list[Val]) -> Val:
    owner, item = arguments
    _learn(e, owner, item)
    e.call_operator("aten::insert", [owner, e.static(0), item], {}, "appendleft")
    return _added(e, owner, at_front=True)


def _extend(e: Emitter, arguments: list[Val]) -> Val:
    return _each(e, arguments, prelude.append_all)


def _extend_left(e: Emitter, arguments: list[Val]) -> Val:
    return _each(e, arguments, prelude.append_all_left)


def _each(e: Emitter, arguments: list[Val], function: object) -> Val:
    owner, items = arguments
    if isinstance(items, Sequence | Iterable | Dynamic) or isinstance(type_of(items), T.ListType):
        return function_calls.call_function(e, function, [owner, items], {})
    raise e.error(f"{items.subject()} cannot be iterated.")


def _pop_left(e: Emitter, arguments: list[Val]) -> Val:
    return e.call_operator("aten::pop", [arguments[0], e.static(0)], {}, "popleft")


def _rotate(e: Emitter, arguments: list[Val]) -> Val:
    steps = arguments[1] if len(arguments) > 1 else e.static(1)
    return function_calls.call_function(e, prelude.rotate, [arguments[0], steps], {})


def _copy(e: Emitter, arguments: list[Val]) -> Val:
    type = type_of(arguments[0])
    assert isinstance(type, DequeType)
    return made(e, [arguments[0]], {} if type.maxlen is None else {"maxlen": type.maxlen}, None)


_METHODS: dict[str, Callable[[Emitter, list[Val]], Val]] = {
    "append": _append,
    "appendleft": _append_left,
    "extend": _extend,
    "extendleft": _extend_left,
    "popleft": _pop_left,
    "rotate": _rotate,
    "copy": _copy,
}

_OF_LISTS = ("clear", "count", "index", "insert", "pop", "remove", "reverse")


def method(e: Emitter, owner: Val, name: str, positional: list[Val]) -> Val | None:
    """A method of a deque; None for those that it shares with lists."""
    if not isinstance(type_of(owner), DequeType):
        return None
    if name in _METHODS:
        return _METHODS[name](e, [owner, *positional])
    if name not in _OF_LISTS or (name == "pop" and positional):
        known = [k for k in dir(collections.deque) if not k.startswith("_")]
        raise e.error(f"A deque has no method '{name}' that takes this; it has {', '.join(known)}.")
    return None


def is_deque(val: Val) -> bool:
    return isinstance(type_of(val), DequeType)

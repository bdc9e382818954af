"""Dicts that the compiler holds, because their values have no one type: `{"mode": "nearest", "size": 2}`, `**kwargs`.

    kwargs["size"] = n        nothing is emitted: from here on the name 'size' stands for n
    f(**kwargs)          →    f(mode="nearest", size=n)

A change under a run-time condition, or in a loop that is not unrolled, would have to be a value in the graph: refused.
"""

from __future__ import annotations

import ast

from .emitter import Emitter
from .values import Mapping, Sequence, Val, known_of


def changeable(e: Emitter, owner: Mapping, node: ast.AST | None) -> dict[object, Val]:
    """The items of a dict that the program changes here."""
    if owner.block is not None and owner.block is not e.block:
        raise e.needs_unrolling(
            "A dict whose values have different types is changed here, where only a run decides whether and how often.",
            node,
            "Change it outside the condition or loop, or keep what varies in a variable.",
        )
    return owner.items


def item(e: Emitter, owner: Mapping, key: Val, node: ast.AST | None) -> Val:
    """`owner[key]` of a known key."""
    wanted = e.depend(key)
    if wanted not in owner.items:
        present = f"there are {', '.join(map(repr, owner.items))}" if owner.items else "it is empty"
        raise e.certain(KeyError, f"There is no key {wanted!r}; {present}.", node)
    return owner.items[wanted]


def delete(e: Emitter, owner: Mapping, key: Val, node: ast.AST | None) -> None:
    item(e, owner, key, node)
    del changeable(e, owner, node)[e.depend(key)]


def method(e: Emitter, owner: Mapping, name: str, positional: list[Val], named: dict[str, Val]) -> Val:
    """A method of such a dict."""
    if name == "items":
        return Sequence([Sequence([e.static(k), v]) for k, v in owner.items.items()], is_list=True)
    if name == "keys":
        return Sequence([e.static(k) for k in owner.items], is_list=True)
    if name == "values":
        return Sequence(list(owner.items.values()), is_list=True)
    if name == "copy":
        return Mapping(dict(owner.items), e.block)
    if name == "clear":
        changeable(e, owner, None).clear()
        return e.none()
    if name == "update":
        added = [_items_of(e, other) for other in positional]
        if all(items is not None for items in added):
            for items in added:
                changeable(e, owner, None).update(items or {})
            changeable(e, owner, None).update(named)
            return e.none()
    if name in ("get", "pop", "setdefault") and positional:
        if known_of(positional[0]) is None:
            raise e.needs_unrolling("The key must be known while compiling, since the values are not data.")
        return _of_key(e, owner, name, positional)
    raise e.error(f"'{name}' of a dict whose values are not data cannot be compiled.")


def _items_of(e: Emitter, val: Val) -> dict[str, Val] | None:
    """What a dict holds that is known key by key."""
    from . import calls

    return val.items if isinstance(val, Mapping) else calls.display_items(e, val)


def _of_key(e: Emitter, owner: Mapping, name: str, positional: list[Val]) -> Val:
    key = e.depend(positional[0])
    default = positional[1] if len(positional) > 1 else e.none()
    if name == "get":
        return owner.items.get(key, default)
    if name == "setdefault":
        return owner.items[key] if key in owner.items else changeable(e, owner, None).setdefault(key, default)
    if len(positional) == 1:
        item(e, owner, positional[0], None)
    return changeable(e, owner, None).pop(key, default)

"""The open element type of `[]` and `{}`: settled by the first use that says what they hold."""

from __future__ import annotations

from .. import types as T
from ..ir.graph import Value


def resolve_pending(own: T.Type, goal: T.Type) -> bool:
    """Whether `own` becomes `goal` by settling its open element types; settles them if so."""
    if isinstance(own, T.PendingType):
        if own.resolved is None:
            own.resolved = goal
        return own.resolved.is_subtype_of(goal) or goal.is_subtype_of(own.resolved)
    if type(own) is not type(goal) and not (isinstance(own, T.DictType) and isinstance(goal, T.DictType)):
        return False
    if isinstance(own, T.ListType | T.DictType) and any(isinstance(t, T.PendingType) for t in own.walk()):
        return all(
            a == b or resolve_pending(a, b) for a, b in zip(own.contained, goal.contained, strict=True)
        )
    return False


def is_open(type: T.Type) -> bool:
    """Whether a type has an element type that nothing has settled yet."""
    return any(isinstance(t, T.PendingType) and t.resolved is None for t in type.walk())


def settle(value: Value) -> None:
    """Replace the open element types of a value's type that are settled by now."""
    if not is_open(value.type):
        value.type = settled(value.type)


def settled(type: T.Type) -> T.Type:
    """`type` with every open element type replaced by what it was settled to."""
    if isinstance(type, T.PendingType):
        return settled(type.resolved or type.default)
    if not type.contained:
        return type
    parts = tuple(settled(t) for t in type.contained)
    return (
        type
        if all(a is b for a, b in zip(parts, type.contained, strict=True))
        else type.with_contained(parts)
    )

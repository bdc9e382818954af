"""Type variables (`t`, `tVal`) of the schemas of list and dict operators: binding and replacing them."""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias

from .. import types as T

Bindings: TypeAlias = "dict[str, T.Type]"


@lru_cache(maxsize=4096)
def _has_variables(type: T.Type) -> bool:
    return any(isinstance(inner, T.TypeVariable) for inner in type.walk())


def has_variables(type: T.Type) -> bool:
    """Whether a type of a schema has variables in it."""
    if isinstance(type, T.ClassType | T.InterfaceType | T.EnumType):
        return False
    return _has_variables(type)


def is_pending(type: T.Type) -> bool:
    """Whether this is the element type of an empty list or dict that is still open."""
    return isinstance(type, T.PendingType) and type.resolved is None


def settled(type: T.Type) -> T.Type:
    """A pending type that has been resolved is what it was resolved to."""
    while isinstance(type, T.PendingType) and type.resolved is not None:
        type = type.resolved
    return type


def bind(formal: T.Type, actual: T.Type, env: Bindings) -> str | None:
    """Bind the variables of `formal` so that `actual` fits; the reason why that is impossible, or None.

    >>> env: Bindings = {}
    >>> bind(T.ListType(T.TypeVariable("t")), T.ListType(T.INT), env), str(env["t"])
    (None, 'int')
    """
    actual = settled(actual)
    match formal:
        case T.TypeVariable():
            known = env.get(formal.variable)
            if known is None or is_pending(known):
                env[formal.variable] = actual
            elif not is_pending(actual) and T.unify(known, actual) is None:
                return f"'{formal}' is {known.annotation()} already, by another argument"
            return None
        case T.OptionalType():
            if isinstance(actual, T.OptionalType):
                return bind(formal.element, actual.element, env)
            if isinstance(actual, T.NoneType):
                return f"None does not say what '{formal.element}' is"
            return bind(formal.element, actual, env)
        case T.ListType():
            if isinstance(actual, T.ListType):
                return bind(formal.element, actual.element, env)
            if isinstance(actual, T.TupleType) and actual.elements:
                element: T.Type | None = actual.elements[0]
                for other in actual.elements[1:]:
                    element = T.unify(element, other) if element is not None else None
                if element is not None:
                    return bind(formal.element, element, env)
                return "the elements of the tuple have several types"
            return "it is no list"
        case T.DictType():
            if not isinstance(actual, T.DictType):
                return "it is no dict"
            return bind(formal.key, actual.key, env) or bind(formal.value, actual.value, env)
        case T.TupleType():
            if not isinstance(actual, T.TupleType) or len(actual.elements) != len(formal.elements):
                return f"it is no tuple of {len(formal.elements)}"
            for inner, given in zip(formal.elements, actual.elements, strict=True):
                why = bind(inner, given, env)
                if why is not None:
                    return why
            return None
        case T.FutureType() | T.AwaitType():
            if type(actual) is not type(formal):
                return "it is no Future" if isinstance(formal, T.FutureType) else "it is no Await"
            return bind(formal.element, actual.contained[0], env)
        case _:
            return None


def substitute(type: T.Type, env: Bindings) -> T.Type:
    """`type` with its variables replaced; a variable that nothing bound stays."""
    if isinstance(type, T.TypeVariable):
        return env.get(type.variable, type)
    if not has_variables(type):
        return type
    return type.with_contained(tuple(substitute(inner, env) for inner in type.contained))

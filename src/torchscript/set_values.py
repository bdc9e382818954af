"""Sets at the border between Python and compiled code, where a set is a dict of its elements.

    f({1, 2})        →  the code of f gets {1: True, 2: True}
    it returns that  →  the caller gets {1, 2}: the same set, if it was an argument

What the code adds to an argument, or removes, is done to the caller's set when the code returns. An archive knows
only dicts (PyTorch has no sets), so a loaded function takes and returns those.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from . import types as T


def holds_sets(type: T.Type) -> bool:
    """Whether values of a type are sets (or tuples of any length, lists inside), or contain some."""
    return any(isinstance(t, T.SetType | T.RunTimeTupleType) for t in type.walk())


def called_with_sets(
    call: Callable[..., Any], values: Sequence[Any], types: Sequence[T.Type], result: T.Type
) -> Any:
    """`call(*values)`, for Python: compiled code gets dicts for the sets, and gives dicts, which become sets."""
    crossing = _Crossing()
    arguments = [crossing.entered(v, t) for v, t in zip(values, types, strict=True)]
    try:
        returned = call(*arguments)
    finally:
        crossing.write_back()
    return crossing.left(returned, result)


def for_compiled_code(
    function: Callable[..., Any], types: Sequence[T.Type], names: Sequence[str], result: T.Type
) -> Callable[..., Any]:
    """A Python function as compiled code calls it: it gets sets for the dicts, and its sets become dicts.

    The last of the `types` are those of the keywords `names`.
    """
    if not any(map(holds_sets, (*types, result))):
        return function

    def called(*args: Any, **kwargs: Any) -> Any:
        crossing = _Crossing()
        given = [*args, *(kwargs[name] for name in names)]
        values = [crossing.left(v, t) for v, t in zip(given, types, strict=True)]
        try:
            returned = function(*values[: len(args)], **dict(zip(names, values[len(args) :], strict=True)))
        finally:
            crossing.update_dicts()
        return crossing.entered(returned, result)

    return called


class _Crossing:
    """One call: which compiled value stands for which Python value, both ways."""

    def __init__(self) -> None:
        self._inside: dict[int, Any] = {}  # by the id of the Python value
        self._outside: dict[int, Any] = {}  # by the id of the compiled value
        self._pairs: list[tuple[Any, Any, T.Type]] = []  # keeps both alive, so that ids stay theirs

    def _pair(self, outside: Any, inside: Any, type: T.Type) -> None:
        self._inside[id(outside)], self._outside[id(inside)] = inside, outside
        self._pairs.append((outside, inside, type))

    def entered(self, value: Any, type: T.Type) -> Any:
        """A Python value as compiled code holds it."""
        if value is None or not holds_sets(type):
            return value
        if id(value) in self._inside:
            return self._inside[id(value)]
        match type:
            case T.OptionalType():
                return self.entered(value, type.element)
            case T.UnionType():
                return self.entered(value, _member(type, isinstance(value, set | frozenset), value))
            case T.SetType() if isinstance(value, set | frozenset):
                made: Any = dict.fromkeys(value, True)
            case _:
                made = _rebuilt(value, type, self.entered)
        self._pair(value, made, type)
        return made

    def left(self, value: Any, type: T.Type) -> Any:
        """A value of compiled code as Python holds it."""
        if value is None or not holds_sets(type):
            return value
        if id(value) in self._outside:
            return self._outside[id(value)]
        match type:
            case T.OptionalType():
                return self.left(value, type.element)
            case T.UnionType():
                return self.left(value, _member(type, isinstance(value, dict), value))
            case T.SetType() if isinstance(value, dict):
                made: Any = set(value)
            case T.RunTimeTupleType():
                made = tuple(self.left(v, type.element) for v in value)
            case _:
                made = _rebuilt(value, type, self.left)
        self._pair(made, value, type)
        return made

    def write_back(self) -> None:
        """Do to the Python values what compiled code did to those that stood for them."""
        for outside, inside, type in list(self._pairs):
            if isinstance(outside, set):
                if outside != inside.keys():
                    outside.clear()
                    outside.update(inside)
            else:
                _update(outside, inside, type, self.left)

    def update_dicts(self) -> None:
        """Do to the compiled values what Python did to those that stood for them."""
        for outside, inside, type in list(self._pairs):
            if isinstance(outside, set):
                if outside != inside.keys():
                    inside.clear()
                    inside.update(dict.fromkeys(outside, True))
            else:
                _update(inside, outside, type, self.entered)


def _member(type: T.UnionType, is_set: bool, value: Any) -> T.Type:
    kind = (
        T.SetType if is_set else {list: T.ListType, tuple: T.TupleType, dict: T.DictType}.get(value.__class__)
    )
    found = next((m for m in type.members if kind is not None and isinstance(m, kind)), None)
    return found if found is not None else T.NONE


def _rebuilt(value: Any, type: T.Type, part: Callable[[Any, T.Type], Any]) -> Any:
    """A list, dict or tuple with `part` of everything in it."""
    match type:
        case T.ListType():
            return [part(v, type.element) for v in value]
        case T.DictType():
            return {k: part(v, type.value) for k, v in value.items()}
        case T.TupleType():
            parts = [part(v, t) for v, t in zip(value, type.elements, strict=True)]
            return value.__class__(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value


def _update(target: Any, source: Any, type: T.Type, part: Callable[[Any, T.Type], Any]) -> None:
    """Give a list or dict the present content of the one that stands for it."""
    if isinstance(target, list) and isinstance(type, T.ListType):
        new = [part(v, type.element) for v in source]
        if len(new) != len(target) or any(a is not b for a, b in zip(new, target, strict=True)):
            target[:] = new
    elif isinstance(target, dict) and isinstance(type, T.DictType):
        made = {k: part(v, type.value) for k, v in source.items()}
        if made.keys() != target.keys() or any(made[k] is not target[k] for k in made):
            target.clear()
            target.update(made)

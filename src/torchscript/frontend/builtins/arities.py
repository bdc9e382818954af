"""How many arguments Python's own functions take, for those that the compiler answers itself."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Sized
from typing import Any, NamedTuple


class Arity(NamedTuple):
    """The most arguments by position, and the names that others may have."""

    most: int
    names: frozenset[str] = frozenset()


_ARITIES: dict[str, Arity] = {
    **dict.fromkeys(("len", "abs", "any", "all", "tuple", "list", "set", "frozenset", "float", "bool", "ord", "chr", "repr",
                     "reversed", "callable", "iter", "hash", "bin", "hex", "oct", "id"), Arity(1)),
    **dict.fromkeys(("isinstance", "issubclass", "hasattr", "divmod", "next"), Arity(2)),
    **dict.fromkeys(("getattr", "range", "slice"), Arity(3)),
    "enumerate": Arity(2, frozenset({"iterable", "start"})),
    "sum": Arity(2, frozenset({"start"})),
    "round": Arity(2, frozenset({"number", "ndigits"})),
    "pow": Arity(3, frozenset({"base", "exp", "mod"})),
    "int": Arity(2, frozenset({"base"})),
    "complex": Arity(2, frozenset({"real", "imag"})),
    "str": Arity(3, frozenset({"object", "encoding", "errors"})),
    "sorted": Arity(1, frozenset({"key", "reverse"})),
    "max": Arity(255, frozenset({"key", "default"})),
    "min": Arity(255, frozenset({"key", "default"})),
    "zip": Arity(255, frozenset({"strict"})),
    "print": Arity(255, frozenset({"sep", "end", "file", "flush"})),
}  # fmt: skip

_BY_OBJECT = {getattr(builtins, name): arity for name, arity in _ARITIES.items()}


def accepts(obj: Any, positional: Sized, named: Iterable[str]) -> bool:
    """Whether Python's function takes as many arguments, of these names; True for what is not in the table.

    >>> accepts(len, [1, 2], []), accepts(max, [1, 2], ["key"]), accepts(max, [1, 2], ["keys"])
    (False, True, False)
    """
    try:
        arity = _BY_OBJECT.get(obj)
    except TypeError:
        return True
    return arity is None or (len(positional) <= arity.most and arity.names.issuperset(named))

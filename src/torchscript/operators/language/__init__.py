"""The language's own operators, beside those of PyTorch's dispatcher: one table per type.

    aten::add.int(int a, int b) -> int                     := {0} + {1}
    aten::append.t(t[](a!) self, t(c -> *) el) -> t[](a!)  := {0}.append({1})

Schemas are those of PyTorch, which archives and graphs name. Implementations are Python; see
`builtin.Builtin`. An int is Python's: it does not wrap at 64 bits.
"""

from __future__ import annotations

from ...schema import Schema
from . import archived, dicts, environment, lists, mathematics, numbers, strings, tensors
from .builtin import Builtin

# In this order overloads of one name are tried: lists come late, because several arguments can make one.
_TABLES = (numbers, mathematics, strings, tensors, environment, dicts, lists, archived)

BUILTINS: dict[str, Builtin] = {builtin.schema.key: builtin for table in _TABLES for builtin in table.TABLE}
"""Every operator of the language's own, by `name.overload`."""

_BY_NAME: dict[str, tuple[Schema, ...]] = {}
for _builtin in BUILTINS.values():
    _name = _builtin.schema.name
    _BY_NAME[_name] = _BY_NAME.get(_name, ()) + (_builtin.schema,)


def language_schemas_of(name: str) -> tuple[Schema, ...]:
    """The language's own overloads of an operator; empty if there is none.

    >>> [s.overload for s in language_schemas_of("aten::device")]
    ['', 'with_index']
    """
    return _BY_NAME.get(name, ())


def builtin_of(schema: Schema) -> Builtin | None:
    """How one of the language's own operators runs; None for an operator of the dispatcher, or a function."""
    return BUILTINS.get(schema.key)


__all__ = ["BUILTINS", "Builtin", "builtin_of", "language_schemas_of"]

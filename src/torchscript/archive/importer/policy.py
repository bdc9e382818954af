"""Operators that reach outside: an archive must not read or write files, load libraries, or read memory of others.

    aten::from_file(str filename, bool? shared=None, …)      refused: it takes the name of a file
    image::read_file(str filename) -> Tensor                 the same; operators of other libraries count too
    c10d::send(Tensor[] tensors, …)                          refused: the namespace is for other processes
    inductor::_reinterpret_tensor(Tensor self, int[] size…)  refused: it does not check where the view ends

The schema decides where it can. An operator is refused where it is compiled, so that the rest of an archive
can be used and looked at.
"""

from __future__ import annotations

import re

from ... import types as T
from ...schema import Schema

_NAMES_A_FILE = re.compile(
    r"(^|_)(file|files|filename|filenames|filepath|path|paths|dir|directory|folder|uri|url|lib|library|libs|so)(_|$)"
)
"""Names of text arguments that say where something outside is."""

_NAMESPACES = {
    "c10d": "talks to other processes",
    "_c10d_functional": "talks to other processes",
    "_c10d_functional_autograd": "talks to other processes",
    "c10d_functional": "talks to other processes",
    "symm_mem": "talks to other processes",
    "_dtensor": "talks to other processes",
    "debugprims": "reads files of tensors",
    # views of memory that no storage has, for code that torch.compile has generated and checked
    "inductor": "reads and writes memory without asking whose it is",
}

_OPERATORS = {
    "aten::save": "writes a file",
    "aten::from_file": "reads or writes a file",
}


def reaches_outside(schema: Schema) -> str | None:
    """What an operator does outside the process, to follow its name; None for nearly all."""
    known = _OPERATORS.get(schema.name) or _NAMESPACES.get(schema.name.partition("::")[0])
    if known is not None:
        return known
    for argument in schema.arguments:
        if _holds_text(argument.type) and _NAMES_A_FILE.search(argument.name.lower()):
            return f"takes a name of something outside the process ('{argument.name}')"
    return None


def _holds_text(type: T.Type) -> bool:
    return type == T.STRING or any(_holds_text(inner) for inner in type.contained)

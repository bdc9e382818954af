"""Python's builtins, and functions of typing, torch, functools and itertools that mean something to the compiler.

`registry` holds the tables; each other file fills them for one kind of function.
"""

from __future__ import annotations

from . import (
    containers,
    effects,
    functional,
    inspection,
    iteration,
    iterators,
    legacy,
    mathematics,
    reductions,
    scalars,
    tasks,
    tensors,
)

__all__ = [
    "containers",
    "effects",
    "functional",
    "inspection",
    "iteration",
    "iterators",
    "legacy",
    "mathematics",
    "reductions",
    "scalars",
    "tasks",
    "tensors",
]

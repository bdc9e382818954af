"""Compile now what would be compiled on first use.

torch.compile follows a module's code while it runs with stand-ins, and cannot follow our compiler as well. So
when it enters a module, everything that can be reached from there is made ready first.
"""

from __future__ import annotations

import inspect
from types import FunctionType

from .. import types as T
from ..codegen.python.linking import resolve_stubs
from .linking import LINKER


def make_ready(made: type) -> None:
    """Compile the methods of a module's class, and all that they may call."""
    pending: list[T.Type] = [made._ts_class]  # type: ignore[attr-defined]
    done: set[T.Type] = set()
    while pending:
        cls = pending.pop()
        if isinstance(cls, T.InterfaceType):
            pending += cls.implementations
        elif isinstance(cls, T.ClassType) and cls not in done:
            done.add(cls)
            runtime = LINKER.python_class(cls)
            for name in (*cls.methods, *(hook.name for hook in (*cls.forward_pre_hooks, *cls.forward_hooks))):
                code = getattr(runtime, f"_ts_{name}" if cls.is_module else name, None)
                entry = runtime.__dict__.get(name)
                if cls.is_module and entry is not None and hasattr(entry, "signature"):
                    entry.signature  # noqa: B018
                if isinstance(code, FunctionType):
                    resolve_stubs(inspect.unwrap(code))
            pending += (attribute.type for attribute in cls.attributes.values())
        else:
            pending += cls.contained


# What dynamo does not follow, and calls: the mark of torch.compiler.assume_constant_result, which to import takes long.
make_ready._dynamo_marked_constant = True  # type: ignore[attr-defined]

"""Hooks of modules, when compiled code calls a module and when a user does.

A module calls its hooks itself when it is called from outside. Compiled callers call `_ts_forward`, which is the
bare code: the hooks that an archive holds stand in the callers' code already. Hooks that are registered later do
not, so a module that gets one lets compiled callers come in from outside, without the archived ones.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

import torch

from .. import types as T
from ..set_values import for_compiled_code

_state = threading.local()  # `.inside` are the ids of the modules that compiled code is calling


class ArchivedHook:
    """A hook of an archived module, as `nn.Module` calls hooks. It belongs to no instance, so it can be copied."""

    is_archived = True

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, module: torch.nn.Module, *args: Any) -> Any:
        if id(module) in getattr(_state, "inside", ()):
            return None
        if torch.compiler.is_compiling():
            from .readiness import make_ready

            make_ready(type(module))
        return getattr(module, f"_ts_{self.name}")(*args)

    def __repr__(self) -> str:
        return f"<archived hook {self.name}>"


class CompiledHook:
    """A hook that stands in the code of compiled callers: it runs for all others."""

    def __init__(self, hook: Callable[..., Any]) -> None:
        self.compiled_in = hook

    def __call__(self, module: torch.nn.Module, *args: Any, **kwargs: Any) -> Any:
        if id(module) in getattr(_state, "inside", ()):
            return None
        return self.compiled_in(module, *args, **kwargs)

    def __repr__(self) -> str:
        return repr(self.compiled_in)


_TABLES = ("_forward_pre_hooks", "_forward_hooks")


def note_compiled(module: torch.nn.Module) -> None:
    """Remember which hooks compiled callers run themselves."""
    known = tuple(frozenset(getattr(module, table)) for table in _TABLES)
    if any(known):
        module.__dict__["_ts_compiled_hooks"] = known


def install(module: torch.nn.Module, cls: T.ClassType) -> None:
    """Give a loaded module the hooks of its class."""
    # Not by register_forward_hook: compiled callers need not come in from outside for these.
    for table, hooks in (
        (module._forward_pre_hooks, cls.forward_pre_hooks),
        (module._forward_hooks, cls.forward_hooks),
    ):
        for number, hook in enumerate(hooks):
            table[number] = ArchivedHook(hook.name)


def has_late_hooks(module: torch.nn.Module) -> bool:
    """Whether a module has hooks that the code of compiled callers does not know."""
    if "_ts_forward" not in module.__dict__:
        return False
    tables = (*_TABLES, "_backward_pre_hooks", "_backward_hooks")
    found = [hook for table in tables for hook in getattr(module, table).values()]
    return any(not isinstance(hook, ArchivedHook | CompiledHook) for hook in found)


def entry_from_compiled(module: torch.nn.Module, cls: T.ClassType) -> Callable[..., Any]:
    """What compiled callers call once a module has hooks that their code does not know."""
    compiled = module.__dict__.get("_ts_compiled_hooks")
    if compiled is not None:
        for table, keys in zip(_TABLES, compiled, strict=True):
            hooks = getattr(module, table)
            for key in keys & hooks.keys():
                if not isinstance(hooks[key], CompiledHook):
                    hooks[key] = CompiledHook(hooks[key])
    has_own = cls.forward_pre_hooks or cls.forward_hooks or compiled is not None
    call = functools.partial(_call, module) if has_own else module.__call__
    schema = cls.methods["forward"].schema
    return for_compiled_code(call, [a.type for a in schema.arguments[1:]], (), schema.return_type)


def _call(module: torch.nn.Module, *args: Any) -> Any:
    inside = _state.__dict__.setdefault("inside", set())
    inside.add(id(module))
    try:
        return module(*args)
    finally:
        inside.discard(id(module))

"""What `nn.Module` gives to every module and the compiler answers itself: children, parameters, buffers, names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from .emitter import Emitter
from .values import Module, Sequence, Val

Handler = Callable[[Emitter, Module, list[Val], dict[str, Val]], Val]


def _at(e: Emitter, owner: Module, path: str) -> Val:
    """What is at a dotted path below a module."""
    from . import attributes

    val: Val = owner
    for part in path.split(".") if path else ():
        val = attributes.attribute_of(e, val, part, None)
    return val


def _listing(pairs_of: Callable[[Any], Any], named: bool) -> Handler:
    """The method that lists what `pairs_of(module)` names: pairs of a name and what it is, or only the latter."""

    def handler(e: Emitter, owner: Module, positional: list[Val], keywords: dict[str, Val]) -> Val:
        if positional or keywords:
            raise e.unsupported("Arguments of this method cannot be compiled.")
        found: list[Val] = []
        for path, _ in pairs_of(owner.module):
            item = _at(e, owner, path)
            found.append(Sequence([e.static(path), item]) if named else item)
        return Sequence(found, is_list=True)

    return handler


def _children(module: Any) -> list[tuple[str, Any]]:
    return [(name, child) for name, child in module._modules.items() if child is not None]


def _keys(e: Emitter, owner: Module, positional: list[Val], keywords: dict[str, Val]) -> Val:
    return Sequence([e.static(name) for name in owner.module._modules], is_list=True)


def _parameters(named: bool, values: bool) -> Handler:
    """`keys()`, `values()` or `items()` of a ParameterDict."""

    def handler(e: Emitter, owner: Module, positional: list[Val], keywords: dict[str, Val]) -> Val:
        found: list[Val] = []
        assert isinstance(owner.module, torch.nn.ParameterDict)
        for key in owner.module:
            parts = [e.static(key)] * named + ([_at(e, owner, key)] if values else [])
            found.append(Sequence(parts) if len(parts) == 2 else parts[0])
        return Sequence(found, is_list=True)

    return handler


def _registers(e: Emitter, owner: Module, positional: list[Val], keywords: dict[str, Val]) -> Val:
    raise e.unsupported(
        "Buffers, parameters and submodules cannot be registered in compiled code: what a module holds is settled.",
        None,
        "Register it in __init__, and assign the attribute here: 'self.name = value'.",
    )


PARAMETER_DICT: dict[str, Handler] = {
    "keys": _parameters(True, False),
    "values": _parameters(False, True),
    "items": _parameters(True, True),
}

METHODS: dict[str, Handler] = {
    "children": _listing(_children, False),
    "named_children": _listing(_children, True),
    "modules": _listing(lambda module: module.named_modules(), False),
    "named_modules": _listing(lambda module: module.named_modules(), True),
    "parameters": _listing(lambda module: module.named_parameters(), False),
    "named_parameters": _listing(lambda module: module.named_parameters(), True),
    "buffers": _listing(lambda module: module.named_buffers(), False),
    "named_buffers": _listing(lambda module: module.named_buffers(), True),
    "values": _listing(_children, False),  # of a ModuleDict
    "items": _listing(_children, True),
    "keys": _keys,
    **dict.fromkeys(("register_buffer", "register_parameter", "register_module", "add_module"), _registers),
}

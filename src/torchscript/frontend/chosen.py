"""`self.layers[i](x)` with an index that is known only at run time: one call of each module, behind the test of its index.

y = self.layers[i](x)     →     if i == 0: y = self.layers[0](x)
                                elif i == 1: y = self.layers[1](x)
                                else: raise IndexError(…)
"""

from __future__ import annotations

import ast
from typing import Any

import torch

from .. import types as T
from . import generated
from .emitter import Emitter
from .values import Module, Special, Val, type_of

MAX_CHOICES = 256


def module_at(e: Emitter, owner: Module, key: Val) -> Val:
    """What stands for the module at `key`: it can be called."""
    names = list(owner.module._modules)
    if len(names) > MAX_CHOICES:
        raise e.needs_unrolling(f"One of {len(names)} modules cannot be chosen at run time.")
    of_dict = isinstance(owner.module, torch.nn.ModuleDict)
    if isinstance(type_of(key), T.StringType) is not of_dict:
        raise e.error(f"The modules are found by {'name' if of_dict else 'number'}.")
    keys: list[Any] = names if of_dict else list(range(len(names)))
    return one_of(e, [e.program.submodule(e, owner, name) for name in names], keys, key)


class OneOf(Special):
    """One of several modules, chosen at run time. It can be called, and so can its methods."""

    __slots__ = ("choices",)

    def __init__(self, name: str, handler: Any, choices: tuple[list[Val], list[Any], Val]) -> None:
        super().__init__(name, handler)
        self.choices = choices

    def method(self, e: Emitter, name: str) -> Val:
        return one_of(e, *self.choices, f".{name}")


def one_of(e: Emitter, modules: list[Val], keys: list[Any], key: Val, method: str = "") -> Val:
    """What stands for the one of `modules` whose key (a name, or its position) `key` is, or for its `.method`."""
    of_dict = isinstance(type_of(key), T.StringType)

    def call(e: Emitter, node: ast.AST, positional: list[Val], named: dict[str, Val]) -> Val:
        values: dict[str, Val] = {"key": key}
        given = [f"a{i}" for i in range(len(positional))] + [f"{k}={k}" for k in named]
        values.update({f"a{i}": v for i, v in enumerate(positional)}, **named)
        values.update({f"module{i}": module for i, module in enumerate(modules)})
        lines = [f"def choose({', '.join(values)}):"]
        for i, k in enumerate(keys):
            also = "" if of_dict else f" or key == {i - len(modules)}"
            lines += [f"    if key == {k!r}{also}:", f"        return module{i}{method}({', '.join(given)})"]
        problem = "KeyError(key)" if of_dict else "IndexError('index ' + str(key) + ' is out of range')"
        return generated.in_place(e, "\n".join([*lines, f"    raise {problem}"]), values)

    return OneOf(f"one of {len(modules)} modules", call, (modules, keys, key))

"""Modules that keep state between calls, as functions of it, which is what exporters take.

    def forward(self, x):                    def forward(x, state):
        y = self.cell(x, self.state)    →        …
        self.state = y                           return y, {"state": y}
        return y

What counts is what one call changes: tensors that are attributes and no buffers (torch.export follows buffers by
itself). Whatever else a call changes, numbers and flags, keeps the value that it has after that call.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils import _pytree as pytree

from torchscript import types as T


@dataclass(frozen=True)
class Attribute:
    """A plain attribute of a module or one of its submodules. `name` is its path with underscores."""

    owner: torch.nn.Module
    attribute: str
    name: str

    def get(self) -> Any:
        return self.owner.__dict__[self.attribute]

    def set(self, value: Any) -> None:
        self.owner.__dict__[self.attribute] = value


class StatefulModule(torch.nn.Module):
    """Calls a module with its state given, and returns it with the result: `(result, {name: new state})`.

    `state` is by name what the tensors are after the one call that was made to find them, and `fixed` names
    the other attributes that the call changed. `begins_with_zeros` says that this call was as one with zeros.
    """

    def __init__(self, module: torch.nn.Module, arguments: dict[str, Any]) -> None:
        super().__init__()
        self.module = module
        # the values are held so that no other object gets the id of one of them
        before = [(a, a.get(), _mark(a.get())) for a in _attributes(module)]
        with torch.no_grad():
            first = _tensors(module(**arguments))
        changed = [a for a, _, mark in before if _mark(a.get()) != mark]
        self.tensors = [a for a in changed if isinstance(a.get(), torch.Tensor)]
        self.fixed = [a.name for a in changed if not isinstance(a.get(), torch.Tensor)]
        self.state = {a.name: a.get().detach().clone() for a in self.tensors}
        taken = set(arguments) & set(self.state)
        if taken:
            raise ValueError(f"'{min(taken)}' is an argument of the module and its state")
        names = [*arguments, *self.state]
        # forward has parameters of these names, which become those of the exported inputs
        parameters = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in names]
        forward: Any = lambda **given: self._call(given)
        forward.__signature__ = inspect.Signature(parameters)
        self.forward = forward
        self.begins_with_zeros = self._begins_with_zeros(arguments, first)

    def _begins_with_zeros(self, arguments: dict[str, Any], first: list[torch.Tensor]) -> bool:
        """Whether a state of zeros gives what the first call gave, which found the module as it was loaded."""
        zeros = {name: torch.zeros_like(value) for name, value in self.state.items()}
        try:
            with torch.no_grad():
                result, _ = self._call(arguments | zeros)
        except Exception:  # the module's own error: it takes no zeros
            return False
        again = _tensors(result)
        return len(first) == len(again) and all(
            a.shape == b.shape and torch.allclose(a, b, equal_nan=True) for a, b in zip(first, again)
        )

    def _call(self, given: dict[str, Any]) -> Any:
        held = [(a, a.get()) for a in self.tensors]
        try:
            for attribute in self.tensors:
                attribute.set(given[attribute.name].clone())  # which the module may write to
            arguments = {name: value for name, value in given.items() if name not in self.state}
            result = self.module(**arguments)
            return result, {a.name: a.get() for a in self.tensors}
        finally:
            for attribute, value in held:
                attribute.set(value)


def _attributes(module: torch.nn.Module) -> list[Attribute]:
    """The plain attributes that the compiled classes declare; those of a shared module once."""
    found: list[Attribute] = []
    for path, owner in module.named_modules():
        cls = getattr(type(owner), "_ts_class", None)
        if isinstance(cls, T.ClassType):
            prefix = path.replace(".", "_") + "_" if path else ""
            found += [Attribute(owner, n, prefix + n) for n in cls.attributes if n in owner.__dict__]
    return found


def _tensors(value: Any) -> list[torch.Tensor]:
    """Copies of the tensors in a result, which the module may write to later."""
    return [leaf.clone() for leaf in pytree.tree_leaves(value) if isinstance(leaf, torch.Tensor)]


def _mark(value: Any) -> Any:
    """What differs if the value was replaced, or a tensor written to."""
    if isinstance(value, torch.Tensor):
        return id(value), value._version
    if isinstance(value, int | float | str | bool | None):
        return value
    return id(value), repr(value)[:10_000]

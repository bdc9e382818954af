"""Which of the user's functions a traced function can reach, by the names in their code.

    def f(x):                       f, and:
        return helpers.scale(x)     scale, a function of the module that the global `helpers` is,
    … self.pad(x)                   every function `pad` of a class of the modules that are traced

Which objects a name stands for is not known before the code runs, so that too many are found rather than too few.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from torch import nn

from .locations import is_library, is_library_file

_LEAD_TO_FUNCTIONS = (
    FunctionType, MethodType, ModuleType, type, nn.Module, functools.partial, staticmethod, classmethod, property,
    functools._lru_cache_wrapper,
)  # fmt: skip


def reached_from(func: Any, root: nn.Module | None) -> list[FunctionType]:
    """The functions that a function, or the modules inside of one, can reach."""
    reached = _Reached()
    reached.add(inspect.unwrap(func) if callable(func) and not isinstance(func, nn.Module) else func)
    if root is not None:
        reached.add_module(root)
    reached.complete()
    return list(reached.functions)


class _Reached:
    """The user functions that a function, or the modules inside of one, can reach by the names in their code."""

    def __init__(self) -> None:
        self.functions: dict[FunctionType, None] = {}
        self._names: set[str] = set()
        self._spaces: dict[int, Any] = {}  # classes and modules of which functions are taken by name
        self._new: list[FunctionType] = []

    def add(self, obj: Any) -> None:
        """A function, or anything that leads to one."""
        if isinstance(obj, FunctionType):
            if obj not in self.functions and not is_library(obj.__code__):
                self.functions[obj] = None
                self._new.append(obj)
            elif "__wrapped__" in obj.__dict__:
                self.add(obj.__dict__["__wrapped__"])
        elif isinstance(obj, MethodType):
            self.add(obj.__func__)
            self.add(type(obj.__self__))
        elif isinstance(obj, staticmethod | classmethod):
            self.add(obj.__func__)
        elif isinstance(obj, property):
            self.add(obj.fget)
        elif isinstance(obj, functools.partial):
            self.add(obj.func)
        elif isinstance(obj, functools._lru_cache_wrapper):
            self.add(obj.__wrapped__)
        elif isinstance(obj, type):
            self.add_class(obj)
        elif isinstance(obj, ModuleType):
            file = getattr(obj, "__file__", None)
            if file and not is_library_file(file) and not _of_torch(obj.__name__):
                self._add_space(obj)
        elif isinstance(obj, nn.Module):
            self.add_module(obj)
        elif type(obj).__module__ != "builtins":
            self.add_class(type(obj))

    def add_module(self, root: nn.Module) -> None:
        for module in nn.Module.modules(root):
            self.add_class(type(module))
            for value in module.__dict__.values():
                if callable(value) or type(value).__module__ not in ("builtins", "torch"):
                    self.add(value)

    def add_class(self, cls: type) -> None:
        for base in cls.__mro__:
            if id(base) not in self._spaces and not _of_torch(base.__module__) and base is not object:
                self._add_space(base)
                for name in ("__init__", "__call__", "forward"):
                    if name in vars(base):
                        self.add(vars(base)[name])

    def _add_space(self, space: Any) -> None:
        if id(space) not in self._spaces:
            self._spaces[id(space)] = space
            members = vars(space)
            for name in self._names & members.keys():
                self.add(members[name])

    def complete(self) -> None:
        """Follow the names until there are no others."""
        while self._new:
            function = self._new.pop()
            names = set(_names_in(function.__code__))
            for name in names & function.__globals__.keys():
                self._add_named(function.__globals__[name])
            for cell in function.__closure__ or ():
                try:
                    self._add_named(cell.cell_contents)
                except ValueError:
                    continue
            wrapped = function.__dict__.get("__wrapped__")
            if wrapped is not None:
                self.add(wrapped)
            for name in names - self._names:
                self._names.add(name)
                for space in list(self._spaces.values()):
                    member = vars(space).get(name)
                    if member is not None:
                        self._add_named(member)

    def _add_named(self, obj: Any) -> None:
        if isinstance(obj, _LEAD_TO_FUNCTIONS):
            self.add(obj)


def _names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)


def _of_torch(name: str) -> bool:
    return name.partition(".")[0] in ("torch", "torchscript", "builtins", "typing", "abc", "collections")

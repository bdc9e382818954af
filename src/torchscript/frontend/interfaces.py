"""Interfaces: classes whose methods are signatures only.

    class Net(Module):                              →    class Net(Module):
      inner: Unary    # @interface, a Module               inner : __torch__.Unary
      def forward(self, x):                                def forward(self: __torch__.Net, x: Tensor) -> Tensor:
        return self.inner(x)                                 return (self.inner).forward(x, )

A submodule behind an interface is called by the interface's methods and types, whichever module it is, so that it can be
replaced after compiling. An interface that is no Module is a type that instances of script classes have.
"""

from __future__ import annotations

import types as python_types
from typing import TYPE_CHECKING, Any

import torch

from .. import types as T
from ..errors import CompileError
from ..schema import Argument, Schema
from ..schema.model import NO_DEFAULT
from . import declarations
from .annotations import qualified_name
from .entry import compile_entry
from .marks import INTERFACES
from .sources import function_source
from .values import Module

if TYPE_CHECKING:
    from .program import Program


def is_interface(cls: Any) -> bool:
    """Whether a class is marked as an interface itself; a class that inherits from one is none."""
    return isinstance(cls, type) and any(mark in vars(cls) for mark in INTERFACES)


def interface_type(program: Program, cls: type) -> T.InterfaceType:
    """The type of a class that is marked as an interface."""
    found = program.interfaces.get(cls)
    if found is None:
        is_module = issubclass(cls, torch.nn.Module)
        found = T.InterfaceType(program.unique_name(qualified_name(cls)), is_module, python_class=cls)
        program.interfaces[cls] = found  # its methods may take it
        for base in reversed(cls.__mro__):
            if base in (torch.nn.Module, object):
                continue
            for name, value in vars(base).items():
                if isinstance(value, python_types.FunctionType) and name != "__init__":
                    found.methods[name] = _signature(program, found, name, value)
    return found


def _signature(program: Program, interface: T.InterfaceType, name: str, function: Any) -> Schema:
    source = function_source(function)
    declared = declarations.declared_types(program, source)
    if "return" not in declared:
        raise CompileError(
            f"The method '{name}' of an interface does not say what it returns.",
            source.span(source.tree),
            notes=("Annotate it, such as 'def forward(self, x: Tensor) -> Tensor'.",),
        )
    arguments = [Argument("self", interface)]
    names = list(function.__code__.co_varnames[1 : function.__code__.co_argcount])
    defaults = function.__defaults__ or ()
    for i, parameter in enumerate(names):
        place = i - (len(names) - len(defaults))
        default = defaults[place] if place >= 0 else NO_DEFAULT
        arguments.append(Argument(parameter, declared.get(parameter, T.TENSOR), default))
    qualified = f"{interface.qualified_name}.{name}"
    return Schema(qualified, "", tuple(arguments), (Argument("", declared["return"]),))


def compile_implementations(program: Program) -> None:
    """Compile the methods of the modules behind interfaces; CompileError for a module that lacks one."""
    while program.specs.behind:
        module, interface, name = program.specs.behind.pop(0)
        spec = program.spec_of(module)
        if getattr(type(module), "_ts_class", None) is not spec.cls:
            for method, schema in interface.methods.items():
                if method in spec.cls.methods or not hasattr(module, method):
                    continue
                function = module.__dict__.get(method) or getattr(type(module), method)
                wanted = {a.name: a.type for a in schema.arguments[1:]}
                owner = Module(module, spec, spec, (), None)
                compile_entry(program, getattr(function, "__func__", function), owner, wanted)
        lacking = interface.lacking(spec.cls)
        if lacking is not None:
            wanted_name = interface.qualified_name.rpartition(".")[2]
            raise CompileError(
                f"'{name}' is annotated with the interface '{wanted_name}', which "
                f"'{type(module).__qualname__}' does not implement: {lacking}."
            )

"""One compilation: what was compiled so far, and the rules by which functions, methods and classes are compiled.

A Python function is compiled once per types of its arguments. Arguments that are not data (functions, modules)
and values that only a constant can have (strings, flags, None where nothing is annotated) make a variant of
their own, or are compiled in place. Nothing of a compilation is kept beyond its `Program`.
"""

from __future__ import annotations

import ast
import builtins
import types as python_types
from typing import Any

import torch

from .. import types as T
from ..errors import CompileError
from ..ir.graph import Function, Value
from . import transient
from .annotations import TypeResolver
from .emitter import Emitter
from .modules import ModuleSpec, SpecSplit, SpecTable
from .problems import suggestion
from .scopes import Scope
from .taken_over import taken_over
from .typing_of import plain, type_of_object
from .values import Dependencies, Method, Module, Sequence, Static, Val, type_of


def _means_the_same_everywhere(type: T.Type) -> bool:
    """Whether a type belongs to no compilation: it names no class."""
    if isinstance(type, T.TupleType) and not isinstance(type, T.NamedTupleType):
        return all(map(_means_the_same_everywhere, type.elements))
    if isinstance(type, T.ListType | T.OptionalType):
        return _means_the_same_everywhere(type.element)
    return isinstance(type, T.TensorType | T.IntType | T.FloatType | T.BoolType | T.StringType)


class Program:
    """A compilation and its caches."""

    def __init__(
        self,
        *,
        allow_python_calls: bool = True,
        fallback: bool = False,
        outside: dict[Any, CompileError] | None = None,
        noted: dict[tuple[type, str], T.Type] | None = None,
        left_hooks: set[int] | None = None,
    ) -> None:
        self.allow_python_calls = allow_python_calls
        self.fallback = fallback  # what does not compile is left to Python, without a warning
        self.functions: dict[Any, Function] = {}
        self.in_progress: set[Any] = set()
        self.names: dict[str, int] = {}
        self.class_types: dict[type, T.Type] = {}
        self.interfaces: dict[type, T.InterfaceType] = {}
        self.outside: dict[Any, CompileError] = outside or {}  # functions that stay Python calls, and why
        self.noted = {} if noted is None else noted
        """What attributes hold that are None at first, and fields of namedtuples without annotation: no Tensors."""
        self.left_hooks: set[int] = set() if left_hooks is None else left_hooks
        """Ids of hooks that stay Python: their modules run all their hooks as Python does (module_hooks.py)."""
        self.run_time_tuples: dict[int, Value] = {}  # lists that stand for tuples (returned.py), by id
        self.sizes: dict[int, Value] = {}  # likewise, for a torch.Size that the program makes
        self.prefers_static: set[Any] = set()
        self.raising: set[str] = set()  # the statements that can only raise and that a warning showed
        self.warned: set[Any] = set()  # the functions of `outside` that a warning named
        self.resolver = TypeResolver(self.class_type)
        self.specs = SpecTable(self)
        self.declared: dict[Any, dict[str, T.Type]] = {}
        self.implicit: set[tuple[ast.AST, str]] = set()  # parameters such as `x: Tensor = None`
        self._gradient_modes: dict[str, T.ClassType] = {}

    # -- Python objects ----------------------------------------------------------------------------------------

    def class_type(self, cls: type) -> T.Type | None:
        from . import classes

        return classes.class_type(self, cls)

    def note(self, cls: type, name: str, type: T.Type | None) -> None:
        """Start again with another type for an attribute or field that was taken for a Tensor; once for each."""
        if type is not None and (cls, name) not in self.noted and _means_the_same_everywhere(type):
            self.noted[cls, name] = type
            raise SpecSplit

    def class_method(self, cls: T.ClassType, name: str) -> Function | None:
        from . import classes

        return classes.method_of(self, cls, name)

    def type_of_object(self, obj: Any) -> T.Type | None:
        return type_of_object(obj, self._data_class_type)

    def _data_class_type(self, cls: type) -> T.Type | None:
        try:
            return self.class_type(cls)
        except CompileError:
            return None

    def static(self, obj: Any, dependencies: Dependencies = ()) -> Val:
        """The compile-time value of a Python object."""
        if isinstance(obj, torch.Size):
            return Static(list(obj), T.ListType(T.INT), dependencies)
        obj = plain(obj)
        if isinstance(obj, torch.nn.Module):
            obj = taken_over(obj)
            return Module(obj, self.spec_of(obj), None, ())
        if isinstance(obj, python_types.MethodType) and isinstance(obj.__self__, torch.nn.Module):
            return Method(
                Module(obj.__self__, self.spec_of(obj.__self__), None, ()), obj.__name__, obj.__func__
            )
        if isinstance(obj, tuple) and self.type_of_object(obj) is None:
            return Sequence([self.static(o, dependencies) for o in obj])
        if isinstance(obj, int) and not isinstance(obj, bool) and not -(2**63) <= obj < 2**63:
            return Static(obj, None, dependencies)
        return Static(obj, self.type_of_object(obj), dependencies)

    def global_name(self, e: Emitter, name: str, node: ast.AST) -> Val:
        """A name that is not a local variable: of the closure, the module, or a builtin."""
        for names in (e.source.names, e.source.globals, vars(builtins)):
            if name in names:
                return self.static(names[name])
        known: list[str] = []
        scope: Scope | None = e.scope
        while scope is not None:
            known.extend(scope.names)
            scope = scope.parent
        known.extend(k for k in e.source.globals if not k.startswith("__"))
        notes = suggestion(name, known)
        raise e.certain(NameError, f"The name '{name}' is not defined.", node, *notes)

    def spec_of(self, module: torch.nn.Module) -> ModuleSpec:
        return self.specs.spec_of(module)

    def submodule(self, e: Emitter, owner: Module, name: str) -> Val:
        child = owner.module._modules[name]
        if child is None:
            return e.static(None)
        child = taken_over(child)
        if transient.is_transient(owner):
            return Module(child, self.spec_of(child), None, ())
        return Module(child, self.spec_of(child), owner.root, (*owner.path, name), None, owner)

    def new_attribute(
        self, e: Emitter, owner: Module, name: str, value: Val, node: ast.AST
    ) -> T.ClassAttribute:
        """An attribute that only compiled code assigns: it is None until then."""
        type = type_of(value)
        if type is None:
            raise e.error(f"The attribute '{name}' cannot hold {value.describe()}.", node)
        return self.created_attribute(owner, name, type)

    def created_attribute(self, owner: Module, name: str, type: T.Type | None = None) -> T.ClassAttribute:
        """Likewise; a Tensor where it is read before the code that assigns it is compiled, until that says otherwise."""
        if type is None:
            type = self.noted.get((owner.module.__class__, name), T.TENSOR)
        attribute = T.ClassAttribute(T.optional(type))
        owner.spec.cls.attributes[name] = attribute
        owner.spec.created[name] = None
        return attribute

    def gradient_mode(self, name: str) -> T.ClassType:
        """The class of `torch.no_grad` or `torch.enable_grad` objects."""
        from . import classes

        if name not in self._gradient_modes:
            self._gradient_modes[name] = classes.gradient_mode(self, name)
        return self._gradient_modes[name]

    def autocast_class(self) -> T.ClassType:
        """The class of `torch.autocast` objects."""
        from . import classes

        if "autocast" not in self._gradient_modes:
            self._gradient_modes["autocast"] = classes.autocast_class(self)
        return self._gradient_modes["autocast"]

    def unique_name(self, name: str) -> str:
        """`name`, mangled as PyTorch mangles if it is taken."""
        count = self.names.get(name, 0)
        self.names[name] = count + 1
        if count == 0:
            return name
        prefix, _, last = name.rpartition(".")
        return f"{prefix}.___torch_mangle_{count - 1}.{last}"

"""Modules: which of them compile to the same class, and what of their attributes compiled code relies on.

Two modules share a compiled class when their Python class and the types of their attributes are the same, and
every attribute whose *value* the compiled code relies on (`if self.use_bias:`) has the same value in both.
Other values are read at run time, so that a hundred convolutions of different sizes are compiled once.
"""

from __future__ import annotations

import ast
import dis
import inspect
import sys
import types
import weakref
from typing import TYPE_CHECKING, Any

import torch

from .. import types as T
from ..errors import CompileError
from .annotations import NotATypeError, is_final, is_named_tuple, names_in_scope, qualified_name
from .sources import function_source
from .taken_over import taken_over
from .typing_of import plain
from .values import Dependency, Known, Module, same

if TYPE_CHECKING:
    from .program import Program

_INTERNAL = frozenset(vars(torch.nn.Module())) | {
    "_is_full_backward_hook", "_forward_hooks_with_kwargs", "call_super_init", "_compiled_call_impl", "_version",
}  # fmt: skip


class SpecSplit(Exception):
    """Modules that were taken to be of one class turn out to differ in a value that matters; start again."""


class ModuleSpec:
    """A compiled class of modules: its type, and a module that stands for all of them."""

    def __init__(self, module: torch.nn.Module, cls: T.ClassType, key: Any, assigned: frozenset[str]) -> None:
        self.module = module
        self.cls = cls
        self.key = key
        self.assigned = assigned
        self.instances: list[torch.nn.Module] = [module]
        self.relies_on: dict[tuple[str, ...], Any] = {}
        self.created: dict[str, Any] = {}  # attributes that only compiled code makes, with their first values
        self.adopted: dict[
            str, tuple[Any, ...]
        ] = {}  # modules in plain attributes, as submodules (transient.py)
        self._method_counts: dict[str, int] = {}

    def method_name(self, name: str) -> str:
        """A name for one more variant of a method: `forward`, `forward1`, …"""
        count = self._method_counts.get(name, 0)
        self._method_counts[name] = count + 1
        return name if count == 0 else f"{name}{count}"

    def known_attribute(self, owner: Module, name: str) -> Known:
        """The present value of a data attribute, with what relying on it means."""
        value = plain(owner.module.__dict__[name])
        if owner.root is None:
            return Known(value)
        return Known(value, (Dependency(owner.root, (*owner.path, name), value),))

    def depend(self, path: tuple[str, ...], value: Any) -> None:
        """Compiled code relies on the attribute at `path` having `value`."""
        if path in self.relies_on:
            return
        self.relies_on[path] = value
        for module in self.instances[1:]:
            if not _has(module, path, value):
                _SPLITTING.setdefault(type(self.module), set()).add(path)
                raise SpecSplit

    def fits(self, module: torch.nn.Module) -> bool:
        return all(_has(module, path, value) for path, value in self.relies_on.items())


_SPLITTING: weakref.WeakKeyDictionary[type, set[tuple[str, ...]]] = weakref.WeakKeyDictionary()
"""Attributes by which modules of a Python class had to be told apart before; only saves starting again."""


def _has(module: torch.nn.Module, path: tuple[str, ...], value: Any) -> bool:
    return same(_at(module, path), value)


def _at(module: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if isinstance(module, torch.nn.Module) and name in module._modules:
            module = module._modules[name]
        else:
            module = getattr(module, "__dict__", {}).get(name, _ABSENT)
    return plain(module)


_ABSENT = object()


class SpecTable:
    """The specs of a compilation."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._of_module: dict[int, ModuleSpec] = {}
        self._by_key: dict[Any, list[ModuleSpec]] = {}
        self._keep: list[torch.nn.Module] = []
        self._building: set[int] = set()  # ids of the modules whose specs are being made
        self.behind: list[tuple[torch.nn.Module, T.InterfaceType, str]] = []
        """Modules behind interfaces whose methods are still to compile, and the attributes that hold them."""

    def spec_of(self, module: torch.nn.Module) -> ModuleSpec:
        """The spec of a module, found or made."""
        module = taken_over(module)
        found = self._of_module.get(id(module))
        if found is None:
            if id(module) in self._building:
                raise CompileError(f"The module '{type(module).__qualname__}' contains itself.")
            self._building.add(id(module))
            try:
                found = self._make(module)
            finally:
                self._building.discard(id(module))
            self._of_module[id(module)] = found
            self._keep.append(module)
        return found

    def _make(self, module: torch.nn.Module) -> ModuleSpec:
        compiled = getattr(module, "_ts_class", None)
        if isinstance(compiled, T.ClassType):
            return ModuleSpec(module, compiled, None, frozenset())
        assigned = assigned_attributes(type(module))
        attributes = self._attributes(module, assigned)
        cls = type(module)
        override = module.__dict__.get("forward")
        hooks = tuple(
            id(h)
            for table in ("_forward_pre_hooks", "_forward_hooks")
            for h in getattr(module, table, {}).values()
        )
        values = tuple((path, _hashable(_at(module, path))) for path in sorted(_SPLITTING.get(cls, ())))
        used = names_used(cls)
        constants = tuple(
            (n, _hashable(plain(module.__dict__[n]))) for n, a in attributes.items() if a.final and n in used
        )
        key = (
            cls,
            id(override) if override is not None else None,
            hooks,
            tuple((n, a.kind, a.persistent, a.type) for n, a in attributes.items()),
            values,
            constants,
        )
        from . import transient

        for candidate in self._by_key.get(key, ()):
            if candidate.fits(module) and transient.fits(self.program, candidate, module):
                candidate.instances.append(module)
                return candidate
        name = self.program.unique_name(qualified_name(cls))
        spec = ModuleSpec(module, T.ClassType(name, True, attributes, python_class=cls), key, assigned)
        self._by_key.setdefault(key, []).append(spec)
        return spec

    def _attributes(self, module: torch.nn.Module, assigned: frozenset[str]) -> dict[str, T.ClassAttribute]:
        found: dict[str, T.ClassAttribute] = {}
        persistent = module._non_persistent_buffers_set
        declared = _ClassAnnotations(self.program, type(module))
        for name, parameter in module._parameters.items():
            type_ = T.TENSOR if parameter is not None else declared.get(name) or T.NONE
            found[name] = T.ClassAttribute(type_, T.AttributeKind.PARAMETER)
        for name, buffer in module._buffers.items():
            type_ = (
                T.TENSOR
                if buffer is not None
                else (declared.get(name) or (T.OptionalType(T.TENSOR) if name in assigned else T.NONE))
            )
            if buffer is not None:
                type_ = declared.get(name) or T.TENSOR
            found[name] = T.ClassAttribute(type_, T.AttributeKind.BUFFER, name not in persistent)
        found["training"] = T.ClassAttribute(T.BOOL)
        for name, child in module._modules.items():
            if child is None:
                found[name] = T.ClassAttribute(T.NONE, T.AttributeKind.MODULE)
            else:
                found[name] = T.ClassAttribute(
                    self._submodule_type(child, declared, name), T.AttributeKind.MODULE
                )
        for name, value in module.__dict__.items():
            if name in _INTERNAL or name in found or name.startswith("__"):
                continue
            attribute = self._plain_attribute(name, plain(value), declared, assigned)
            grown = self.program.noted.get((type(module), name))
            if grown is not None and value is None and declared.get(name) is None:
                attribute = T.ClassAttribute(T.OptionalType(grown))
            if attribute is not None:
                found[name] = attribute
        return found

    def _submodule_type(self, child: torch.nn.Module, declared: _ClassAnnotations, name: str) -> T.Type:
        """The class of a submodule, or the interface that its annotation names."""
        interface = declared.interface(name)
        if interface is None:
            return self.spec_of(child).cls
        self.behind.append((child, interface, name))
        return interface

    def _plain_attribute(
        self, name: str, value: Any, declared: _ClassAnnotations, assigned: frozenset[str]
    ) -> T.ClassAttribute | None:
        final = declared.is_final(name)
        type_ = declared.get(name)
        if type_ is None and (value is None or (isinstance(value, list | dict) and not value)):
            type_ = declared.in_init(name)  # the value alone does not say it
        if is_named_tuple(type(value)) and not getattr(type(value), "__annotations__", None):
            for field, held in zip(value._fields, value, strict=True):
                if not isinstance(held, torch.Tensor):
                    self.program.note(type(value), field, self.program.type_of_object(held))
        if type_ is None:
            marked = getattr(value, "value", None)
            if type(value).__name__ == "Attribute" and hasattr(value, "type") and marked is not None:
                return T.ClassAttribute(self.program.resolver.type_of_annotation(value.type))
            if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63:
                return None
            type_ = self.program.type_of_object(value)
        else:
            type_ = self._as_it_is(value, type_)
        if type_ is None:
            return None
        if name in assigned:
            final = False
            if isinstance(type_, T.NoneType):
                type_ = T.OptionalType(T.TENSOR)
        elif isinstance(type_, T.OptionalType | T.UnionType | T.AnyType):
            own = self.program.type_of_object(value)
            type_ = own if own is not None else type_
        if isinstance(type_, T.ClassType) and not isinstance(value, object):
            return None
        return T.ClassAttribute(type_, final=final)

    def _as_it_is(self, value: Any, declared: T.Type) -> T.Type:
        """The declared type of an attribute, or that of its value where Python let it hold something else."""
        own = self.program.type_of_object(value)
        if (
            own is None
            or own.is_subtype_of(declared)
            or not isinstance(own, T.NoneType | T.IntType | T.StringType)
        ):
            return declared
        if isinstance(own, T.NoneType):
            return T.optional(declared)
        return declared if isinstance(declared, T.FloatType | T.ClassType | T.UnionType | T.AnyType) else own


def _hashable(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return (type(value), *map(_hashable, value))
    if isinstance(value, dict):
        return (dict, *((_hashable(k), _hashable(v)) for k, v in value.items()))
    try:
        hash(value)
    except TypeError:
        return (type(value), id(value))
    return (type(value), value)


class _ClassAnnotations:
    """The annotations in the body of a module's class and its bases, evaluated when asked for."""

    def __init__(self, program: Program, cls: type) -> None:
        self.program = program
        self._cls = cls
        self._found: dict[str, tuple[Any, type]] = {}
        for base in reversed(cls.__mro__):
            if base in (torch.nn.Module, object):
                continue
            for name, annotation in base.__dict__.get("__annotations__", {}).items():
                self._found[name] = (annotation, base)
        constants = getattr(cls, "__constants__", ())
        self._constants = frozenset(constants)

    def get(self, name: str) -> T.Type | None:
        entry = self._found.get(name)
        if entry is None:
            return None
        annotation, base = entry
        names = names_in_scope(vars(sys.modules.get(base.__module__, torch)), {})
        try:
            if isinstance(annotation, str):
                return self.program.resolver.evaluate(annotation, names, None)[0]
            return self.program.resolver.type_of_annotation(annotation)
        except NotATypeError:
            return None

    def in_init(self, name: str) -> T.Type | None:
        """What `self.name: T = …` in an `__init__` says."""
        for base in self._cls.__mro__:
            function = base.__dict__.get("__init__")
            if not isinstance(function, types.FunctionType) or base is torch.nn.Module:
                continue
            found = _annotations_in(function).get(name)
            if found is not None:
                try:
                    names = names_in_scope(vars(sys.modules.get(base.__module__, torch)), {})
                    return self.program.resolver.evaluate(found, names, None)[0]
                except NotATypeError:
                    return None
        return None

    def interface(self, name: str) -> T.InterfaceType | None:
        """The interface of modules that an annotation names."""
        from . import interfaces

        annotation, base = self._found.get(name, (None, object))
        if isinstance(annotation, str):
            try:
                annotation = eval(
                    annotation, names_in_scope(vars(sys.modules.get(base.__module__, torch)), {})
                )
            except Exception:
                return None
        if interfaces.is_interface(annotation) and issubclass(annotation, torch.nn.Module):
            return interfaces.interface_type(self.program, annotation)
        return None

    def is_final(self, name: str) -> bool:
        entry = self._found.get(name)
        return name in self._constants or (entry is not None and is_final(entry[0]))


_IN_INIT: weakref.WeakKeyDictionary[types.FunctionType, dict[str, str]] = weakref.WeakKeyDictionary()


def _annotations_in(function: types.FunctionType) -> dict[str, str]:
    """The annotations of `self.name` in a function, by name."""
    found = _IN_INIT.get(function)
    if found is None:
        try:
            tree: ast.AST = function_source(function).tree
        except CompileError:
            tree = ast.Pass()
        found = _IN_INIT[function] = {
            node.target.attr: ast.unparse(node.annotation)
            for node in ast.walk(tree)
            if isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Attribute)
            and isinstance(node.target.value, ast.Name)
            and node.target.value.id == "self"
        }
    return found


_STORE_ATTR = dis.opmap["STORE_ATTR"]
_LOAD_ATTR = dis.opmap["LOAD_ATTR"]
_LOAD_METHOD = dis.opmap.get("LOAD_METHOD", -1)
_CACHE = dis.opmap.get("CACHE", -1)
_ATTR_HAS_FLAG = sys.version_info >= (3, 12)  # the lowest bit says that a method is read
_GROWING = frozenset(
    {"append", "extend", "insert", "pop", "popitem", "clear", "remove", "update", "setdefault"}
)
_USAGE: weakref.WeakKeyDictionary[type, tuple[frozenset[str], frozenset[str]]] = weakref.WeakKeyDictionary()


def assigned_attributes(cls: type) -> frozenset[str]:
    """The attributes that `forward`, an exported method, or a method that these reach may assign."""
    return _usage(cls)[1]


def names_used(cls: type) -> frozenset[str]:
    """The attribute names that these methods use."""
    return _usage(cls)[0]


def _usage(cls: type) -> tuple[frozenset[str], frozenset[str]]:
    found = _USAGE.get(cls)
    if found is None:
        used, assigned = _scan(cls)
        found = _USAGE[cls] = (frozenset(used), frozenset(assigned))
    return found


def _scan(cls: type) -> tuple[set[str], set[str]]:
    from .marks import modifier_of

    methods: dict[str, types.FunctionType] = {}
    for base in reversed(cls.__mro__):
        if base in (torch.nn.Module, object):
            continue
        for name, value in vars(base).items():
            raw = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
            if isinstance(raw, types.FunctionType):
                methods[name] = inspect.unwrap(raw)
    pending = [
        "forward",
        *(n for n, f in methods.items() if modifier_of(f) == "export" or _is_script_method(f)),
    ]
    seen: set[str] = set()
    assigned: set[str] = set()
    used: set[str] = set()
    while pending:
        name = pending.pop()
        if name in seen or name not in methods:
            continue
        seen.add(name)
        names, stored = _attribute_names(methods[name].__code__)
        assigned |= stored
        used |= names
        pending.extend(n for n in names if n in methods and n != "__init__")
    return used, assigned


def _is_script_method(function: Any) -> bool:
    return getattr(function, "_ts_script_method", False) is True


def _attribute_names(code: types.CodeType) -> tuple[set[str], set[str]]:
    """The attribute names that a function uses, and those that it assigns, or whose lists it grows (of any object)."""
    stored: set[str] = set()
    argument, raw = 0, code.co_code
    read: str | None = None  # the attribute that was read just before
    for i in range(0, len(raw), 2):
        op, argument = raw[i], argument << 8 | raw[i + 1]
        if op == _STORE_ATTR:
            stored.add(code.co_names[argument])
        if op in (_LOAD_ATTR, _LOAD_METHOD):
            name = code.co_names[argument >> 1 if op == _LOAD_ATTR and _ATTR_HAS_FLAG else argument]
            if name in _GROWING and read is not None:
                stored.add(read)
            read = name
        elif op not in (_CACHE, dis.EXTENDED_ARG):
            read = None
        if op != dis.EXTENDED_ARG:
            argument = 0
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            inner_names, inner_stored = _attribute_names(constant)
            names |= inner_names
            stored |= inner_stored
    return names, stored

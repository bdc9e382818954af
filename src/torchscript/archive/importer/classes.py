"""Class definitions of archived code → types.

class Linear(Module):
  __parameters__ = ["weight", ]
  __buffers__ = []
  weight : Tensor
  in_features : Final[int] = 4                     constants
  __annotations__["0"] = __torch__.Inner           attributes whose names are no identifiers
"""

from __future__ import annotations

import ast
import collections
import enum
import keyword
import sys
from typing import TYPE_CHECKING, Any

import torch

from ... import types as T
from ...errors import CompileError
from .literals import NotALiteral, literal

if TYPE_CHECKING:
    from ...ir.graph import Function
    from .code import Definition
    from .importer import Importer

# Where nn.Module keeps what it has; archives do declare the first two.
_RESERVED = frozenset(torch.nn.Module().__dict__) - {"training", "_is_full_backward_hook"}
_CALLED_BY_PYTHON = {
    "__class__", "__class_getitem__", "__del__", "__delattr__", "__delete__", "__dict__", "__get__",
    "__getattr__", "__getattribute__", "__init_subclass__", "__instancecheck__", "__mro_entries__",
    "__new__", "__prepare__", "__set__", "__set_name__", "__setattr__", "__slots__",
    "__subclasscheck__", "__subclasshook__", "__torch_dispatch__", "__torch_function__",
    "__weakref__",
}  # fmt: skip
NOTES = ("__constants__", "__overloads__")
"""What PyTorch 1.2 and 1.3 wrote among the attributes of a module, of use to their compiler alone."""

_LISTS = ("__parameters__", "__buffers__", "__forward_pre_hooks__", "__forward_hooks__")


def define_class(cls: T.ClassType, tree: ast.ClassDef, importer: Importer) -> None:
    """Fill in attributes, constants and hooks. The methods are there already."""
    lists: dict[str, list[str]] = {name: [] for name in _LISTS}
    for statement in tree.body:
        match statement:
            case ast.Pass():
                pass
            case ast.AnnAssign(target=ast.Name(id=name)) if name in NOTES:
                pass
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=None):
                add_attribute(cls, name, importer.annotation(annotation))
            case ast.AnnAssign(
                target=ast.Name(id=name),
                annotation=ast.Subscript(value=ast.Name(id="Final"), slice=annotation),
                value=ast.expr() as value,
            ):
                _add_constant(cls, name, importer.annotation(annotation), value)
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in _LISTS:
                lists[name] = _names(name, value)
            case ast.Assign(
                targets=[
                    ast.Subscript(value=ast.Name(id="__annotations__"), slice=ast.Constant(value=str(name)))
                ],
                value=annotation,
            ):
                add_attribute(cls, name, importer.annotation(annotation))
            case ast.Assign(targets=[ast.Name(id="__annotations__" | "__constants__")]):
                pass  # what opened the list of such attributes, in some versions
            case _:
                raise CompileError(f"'{ast.unparse(statement)}' is not what a class of an archive holds")
    for name, attribute in cls.attributes.items():
        if attribute.type == T.INT:
            attribute.type = importer.int_codes.get((cls.qualified_name, name), T.INT)
    for name in lists["__parameters__"]:
        _set_kind(cls, name, T.AttributeKind.PARAMETER)
    for name in lists["__buffers__"]:
        _set_kind(cls, name, T.AttributeKind.BUFFER)
        cls.attributes[name].persistent = (cls.qualified_name, name) not in importer.transient_buffers
    cls.forward_pre_hooks = _hooks(cls, lists["__forward_pre_hooks__"])
    cls.forward_hooks = _hooks(cls, lists["__forward_hooks__"])


def _hooks(cls: T.ClassType, names: list[str]) -> list[Function]:
    for name in names:
        if name not in cls.methods:
            raise CompileError(f"'{name}' is named as a hook, and the class has no such method")
    return [cls.methods[name] for name in names]


def add_attribute(cls: T.ClassType, name: str, type: T.Type) -> None:
    if name in cls.attributes:
        raise CompileError(f"the attribute '{name}' stands twice in the class")
    if name in _RESERVED or name.startswith("_ts_") or _is_dunder(name):
        raise CompileError(f"'{name}' cannot be an attribute")
    is_module = isinstance(type, T.ClassType | T.InterfaceType) and type.is_module
    kind = T.AttributeKind.MODULE if is_module else T.AttributeKind.PLAIN
    cls.attributes[name] = T.ClassAttribute(type, kind)


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def check_method_name(name: str) -> None:
    """CompileError for a method that Python would call by itself, or that is not the archive's to define."""
    if name in _CALLED_BY_PYTHON or name.startswith("_ts_"):
        raise CompileError(f"'{name}' cannot be a method of archived code")


def _add_constant(cls: T.ClassType, name: str, type: T.Type, value: ast.expr) -> None:
    try:
        cls.constants[name] = literal(value)
    except NotALiteral:
        # `annotate(List[int], [])` and the like
        match value:
            case ast.Call(func=ast.Name(id="annotate"), args=[_, inner]):
                _add_constant(cls, name, type, inner)
            case _:
                raise CompileError(f"the constant '{name}' is no literal") from None


def _names(name: str, value: ast.expr) -> list[str]:
    try:
        names = literal(value)
    except NotALiteral:
        names = None
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        raise CompileError(f"'{name}' is no list of names")
    return names


def _set_kind(cls: T.ClassType, name: str, kind: T.AttributeKind) -> None:
    attribute = cls.attributes.get(name)
    if attribute is None:
        raise CompileError(f"'{name}' is named as a {kind.value}, and the class has no such attribute")
    attribute.kind = kind


def define_named_tuple(name: str, tree: ast.ClassDef, importer: Importer) -> T.NamedTupleType:
    fields: dict[str, T.Type] = {}
    defaults: list[tuple[str, Any]] = []
    for statement in tree.body:
        match statement:
            case ast.Pass():
                pass
            case ast.AnnAssign(target=ast.Name(id=field), annotation=annotation, value=default):
                if field.startswith("_") or keyword.iskeyword(field) or field in fields:
                    raise CompileError(f"'{field}' cannot be a field of a NamedTuple")
                fields[field] = importer.annotation(annotation)
                if default is not None:
                    try:
                        defaults.append((field, literal(default)))
                    except NotALiteral:
                        raise CompileError(f"the default of the field '{field}' is no literal") from None
            case _:
                raise CompileError(f"'{ast.unparse(statement)}' is not what a NamedTuple holds")
    short = name.rpartition(".")[2]
    python_class = collections.namedtuple(short, list(fields), module=_python_module(name))  # type: ignore[misc]
    python_class.__new__.__defaults__ = tuple(value for _, value in defaults)
    return T.NamedTupleType(tuple(fields.values()), name, tuple(fields), tuple(defaults), python_class)


def define_enum(name: str, tree: ast.ClassDef, importer: Importer) -> T.EnumType:
    members: list[tuple[str, Any]] = []
    for statement in tree.body:
        match statement:
            case ast.Pass():
                pass
            case ast.Assign(targets=[ast.Name(id=member)], value=value):
                if member.startswith("_"):
                    raise CompileError(f"'{member}' cannot be a member of an enum")
                try:
                    members.append((member, literal(value)))
                except NotALiteral:
                    raise CompileError(f"the value of the member '{member}' is no literal") from None
                if not isinstance(members[-1][1], int | float | str):
                    raise CompileError(f"the value of the member '{member}' is no number and no text")
            case _:
                raise CompileError(f"'{ast.unparse(statement)}' is not what an enum holds")
    if not members or len({member for member, _ in members}) < len(members):
        raise CompileError("an enum has members of different names")
    try:
        python_class = enum.Enum(  # type: ignore[misc]
            name.rpartition(".")[2], members, module=_python_module(name)
        )
    except (ValueError, TypeError) as error:
        raise CompileError(f"its members cannot be those of an enum: {error}") from None
    value_type = importer.type_of([value for _, value in members]).contained[0]
    known = _class_of_this_process(name, members)
    return T.EnumType(name, value_type, tuple(members), known if known is not None else python_class)


def _class_of_this_process(name: str, members: list[tuple[str, Any]]) -> type[enum.Enum] | None:
    """The enum that an archive's enum was compiled from, where its module is imported already and it still is the same.

    A member that loaded code returns is then the one that the program compares it with.
    """
    module, _, short = name.removeprefix("__torch__.").rpartition(".")
    found = vars(sys.modules.get(module or "__main__", enum)).get(short)
    if not isinstance(found, enum.EnumMeta) or issubclass(found, int | float | str):
        return None
    same = [(member.name, member.value) for member in found] == members  # type: ignore[attr-defined]
    return found if same else None  # type: ignore[return-value]


def define_interface(interface: T.InterfaceType, definition: Definition, importer: Importer) -> None:
    for method in definition.methods.values():
        interface.methods[method.name] = importer.signature(
            f"{interface.qualified_name}.{method.name}", method, interface
        )


def _python_module(name: str) -> str:
    return name.rpartition(".")[0]

"""Classes as archived source: modules, script classes, NamedTuples, enums, interfaces.

class Net(Module):
  __parameters__ = ["weight", ]
  __buffers__ = []
  weight : Tensor
  training : bool
  layer : __torch__.net.Layer
  width : Final[int] = 3
  def forward(self: __torch__.net.Net,
    x: Tensor) -> Tensor:
    …
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ... import types as T
from ...ir.graph import Function
from ...types.of_values import type_of_plain
from .expressions import is_identifier
from .fragments import Lines
from .functions import write_function, write_signature
from .literals import ConstantTable, is_writable_literal, literal, string_literal
from .qualified_names import QualifiedNames


def methods_of(cls: T.ClassType) -> dict[str, Function]:
    """Every function that is part of the class's text: methods, and what properties and hooks call."""
    found = dict(cls.methods)
    for name, (getter, setter) in cls.properties.items():
        for function, word in ((getter, "getter"), (setter, "setter")):
            if function is not None and all(function is not f for f in found.values()):
                found[f"__{name}_{word}"] = function
    for hook in (*cls.forward_pre_hooks, *cls.forward_hooks):
        found.setdefault(hook.name, hook)
    return found


def write_class(cls: T.ClassType, lines: Lines, names: QualifiedNames, constants: ConstantTable) -> None:
    """Append a module's class or a script class."""
    base = names.of(cls).rpartition(".")[2]
    lines.add(f"class {base}(Module):" if cls.is_module else f"class {base}:")
    lines.indent += 1
    before = len(lines.parts)
    if cls.is_module:
        for kind, word in ((T.AttributeKind.PARAMETER, "parameters"), (T.AttributeKind.BUFFER, "buffers")):
            lines.add(_name_list(f"__{word}__", (n for n, a in cls.attributes.items() if a.kind is kind)))
        for word, hooks in (("pre_hooks", cls.forward_pre_hooks), ("hooks", cls.forward_hooks)):
            if hooks:
                lines.add(_name_list(f"__forward_{word}__", (hook.name for hook in hooks)))
    for name, declared in cls.attributes.items():
        type = names.type(declared.type)
        lines.add(f"{name} : {type}" if is_identifier(name) else f'__annotations__["{name}"] = {type}')
    for name, value in cls.constants.items():
        type_of_value = constant_type(value)
        if type_of_value is not None and is_identifier(name) and name not in cls.attributes:
            text = literal(value, type_of_value, names, constants).text
            lines.add(f"{name} : Final[{names.type(type_of_value)}] = {text}")
    for name, function in methods_of(cls).items():
        write_function(function, lines, names, constants, name=name)
    if len(lines.parts) == before:
        lines.add("pass")
    lines.indent -= 1


def _name_list(what: str, names: Iterable[str]) -> str:
    return f"{what} = [{''.join(f'{string_literal(n)}, ' for n in names)}]"


def write_named_tuple(type: T.NamedTupleType, lines: Lines, names: QualifiedNames) -> None:
    """Append a NamedTuple. Its defaults are applied where it is made."""
    lines.add(f"class {names.of(type).rpartition('.')[2]}(NamedTuple):")
    for name, element in zip(type.field_names, type.elements):
        lines.add(f"  {name} : {names.type(element)}")
    if not type.field_names:
        lines.add("  pass")


def write_enum(type: T.EnumType, lines: Lines, names: QualifiedNames, constants: ConstantTable) -> None:
    lines.add(f"class {names.of(type).rpartition('.')[2]}(Enum):")
    for name, value in type.members:
        lines.add(f"  {name} = {literal(value, type.value_type, names, constants).text}")


def write_interface(type: T.InterfaceType, lines: Lines, names: QualifiedNames) -> None:
    base = "ModuleInterface" if type.is_module else "Interface"
    lines.add(f"class {names.of(type).rpartition('.')[2]}({base}):")
    lines.indent += 1
    for name, schema in type.methods.items():
        write_signature(schema, name, lines, names)
    if not type.methods:
        lines.add("pass")
    lines.indent -= 1


def constant_type(value: Any) -> T.Type | None:
    """The type of a class constant; None for one that source does not hold (code has its value in place)."""
    if not is_writable_literal(value):
        return None
    match value:
        case tuple() if value:
            elements = [constant_type(v) for v in value]
            return T.TupleType(tuple(e for e in elements if e is not None)) if all(elements) else None
        case list() if value:
            element = constant_type(value[0])
            same = element is not None and all(constant_type(v) == element for v in value)
            return T.ListType(element) if same and element is not None else None
    plain = type_of_plain(value)
    return T.INT if isinstance(plain, T.IntCodeType) else plain

"""A function as the text of a `def`."""

from __future__ import annotations

from ...ir.graph import Function
from ...passes.unfuse import unfused
from ...schema import Argument, Schema
from .fragments import Fragment, Lines
from .literals import ConstantTable, literal
from .qualified_names import QualifiedNames
from .statements import write_body


def write_function(
    function: Function,
    lines: Lines,
    names: QualifiedNames,
    constants: ConstantTable,
    *,
    name: str | None = None,
    typed_self: bool = True,
) -> None:
    """Append a function. With `typed_self` false, the `self` of a method has no annotation, as in `.code`."""
    schema = function.schema

    def header(parameters: list[str]) -> None:
        arguments: list[str] = []
        starred = False
        for i, (argument, parameter) in enumerate(zip(schema.arguments, parameters)):
            if argument.kwarg_only and not starred:
                arguments.append("*")
                starred = True
            if i == 0 and not typed_self and argument.name == "self":
                arguments.append("self")
            else:
                arguments.append(_argument(argument, parameter, names, constants))
        indented = ",\n" + "  " * lines.indent + "    "
        result = names.type(schema.return_type)
        lines.add(f"def {name or function.name}({indented.join(arguments)}) -> {result}:")
        lines.indent += 1

    graph = unfused(function.graph)
    write_body(graph, lines, [a.name for a in schema.arguments], names, constants, header)
    lines.indent -= 1


def _argument(argument: Argument, name: str, names: QualifiedNames, constants: ConstantTable) -> str:
    text = f"{name}: {names.type(argument.type)}"
    if argument.has_default:
        default: Fragment = literal(argument.default, argument.type, names, constants)
        text += f"={default.text}"
    return text


def write_signature(schema: Schema, name: str, lines: Lines, names: QualifiedNames) -> None:
    """Append a method of an interface."""
    arguments = ["self"]
    arguments += [f"{a.name}: {names.type(a.type)}" for a in schema.arguments if a.name != "self"]
    lines.add(f"def {name}({', '.join(arguments)}) -> {names.type(schema.return_type)}:")
    lines.add("  pass")

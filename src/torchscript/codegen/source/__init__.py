"""IR → the source text in archives, which PyTorch's `torch.jit.load` and `torch::jit::load` read.

inlining.py        what is part of which expression
variables.py       what is kept in which variable
expressions.py     nodes as expressions (arguments.py: of operators)
statements.py      graphs as lines
functions.py, classes.py, program.py    the rest of a file
"""

from __future__ import annotations

from ...ir.graph import Function
from ...types import ClassType
from .classes import write_class
from .fragments import Lines
from .functions import write_function
from .literals import ConstantTable
from .program import CodeFile, Program, print_program
from .qualified_names import QualifiedNames

__all__ = [
    "CodeFile",
    "ConstantTable",
    "Program",
    "QualifiedNames",
    "code",
    "code_with_constants",
    "print_class",
    "print_function",
    "print_program",
]


def print_function(
    function: Function,
    constants: ConstantTable,
    names: QualifiedNames | None = None,
    *,
    typed_self: bool = True,
) -> str:
    """The text of one function."""
    lines = Lines()
    write_function(function, lines, names or QualifiedNames(), constants, typed_self=typed_self)
    return lines.text()


def print_class(cls: ClassType, constants: ConstantTable, names: QualifiedNames | None = None) -> str:
    """The text of one class with its methods."""
    lines = Lines()
    write_class(cls, lines, names or QualifiedNames(), constants)
    return lines.text()


def code(function: Function) -> str:
    """A function or method as text for a person to read (`.code` of what users hold)."""
    return code_with_constants(function)[0]


def code_with_constants(function: Function) -> tuple[str, ConstantTable]:
    """As `code`, with the values that the text refers to as `CONSTANTS.c0`, …"""
    constants = ConstantTable()
    return print_function(function, constants, typed_self=False), constants

"""IR → C++ against PyTorch's typed operators: a few translation units for each program.

    %3 : Tensor = aten::add(%x, %y, %2)     →     Tensor z = ts::call<at::_ops::add_Tensor>(x, y, 1L);

types.py        static types as C++ types, classes and enums as structs
literals.py     constants
operators.py    how an operator is called
expressions.py  nodes as expressions
statements.py   blocks as statements
function.py     one function
program.py      everything that a set of functions needs
files.py        how that is spread over files
"""

from __future__ import annotations

from .instances import Slot
from .problems import NativeError
from .program import NativeMethod, NativeProgram, generate

__all__ = ["NativeError", "NativeMethod", "NativeProgram", "Slot", "generate"]

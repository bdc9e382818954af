"""What the functions of one translation unit share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ...ir.graph import Function, Node
from .literals import Literals
from .names import Names, identifier, quoted
from .problems import Problems
from .types import CppTypes

if TYPE_CHECKING:
    from .kernels import Gradient, KernelText

    MakeKernel = Callable[["Unit", Node, bool], tuple[str, Gradient | None] | None]


class Unit:
    """Types, constants, functions and headers of the file that is being written.

    `functions` are those that are called, in the order of their first call; the program writes each.
    """

    def __init__(self, *, line_directives: bool = True, fuse: bool = True, gradients: bool = True) -> None:
        self.types = CppTypes()
        self.literals = Literals(self.types)
        self.problems = Problems()
        self.line_directives = line_directives
        self.fuse = fuse
        self.gradients = gradients
        self.headers: set[str] = set()
        self.operators: dict[tuple[str, str], str] = {}
        self.functions: dict[Function, str] = {}
        self.fields: dict[object, set[str]] = {}  # class → attributes that are read or written
        self.written: set[tuple[object, str]] = set()  # class, attribute that some function assigns
        self.static_lists: dict[str, str] = {}
        self.exceptions: dict[str, type[BaseException]] = {}  # classes of the user's that are raised, by name
        self.kernels: list[KernelText] = []
        self.kernel_names: dict[KernelText, str] = {}  # a kernel, without its name → its name
        self.make_kernel: MakeKernel | None = None
        self.preparations: dict[str, None] = {}  # statements that run once the program has its tensors
        self.groups: list[str] = []  # the operators of fusion groups, and how their gradients are recorded
        self._names = Names()

    def function(self, function: Function) -> str:
        """The C++ name of a function."""
        name = self.functions.get(function)
        if name is None:
            name = self.functions[function] = self._names.unique("f_" + identifier(function.name))
        return name

    def operator(self, name: str, overload: str) -> str:
        """A global handle of an operator that has no C++ struct."""
        key = (name, overload)
        if key not in self.operators:
            self.operators[key] = f"_op{len(self.operators)}"
        return f"{self.operators[key]}()"

    def static_list(self, spelled: str, text: str) -> str:
        """A global for a list of constants that nobody can change."""
        key = f"{spelled}{text}"
        if key not in self.static_lists:
            self.static_lists[key] = f"_l{len(self.static_lists)}"
        return self.static_lists[key]

    def is_constant(self, cls: object, name: str) -> bool:
        """Whether no function of the program assigns this attribute."""
        return (cls, name) not in self.written

    def group_name(self) -> str:
        return f"_group{len(self.groups)}"

    def kernel(self, node: Node, records: bool) -> tuple[str, Gradient | None] | None:
        """The C++ function of a fusion group's kernel, which takes inputs and outputs, false if it did not run;
        and the kernel of its gradients, if they may be recorded."""
        if self.make_kernel is None or not self.fuse:
            return None
        return self.make_kernel(self, node, records and self.gradients)

    def kernel_name(self) -> str:
        return f"_kernel{len(self.kernels)}"

    def globals(self) -> list[str]:
        """Definitions that functions refer to; after all functions are written."""
        lines = [f"static const Str {name} = Str({quoted(text)}, {len(text.encode('utf-8', 'surrogateescape'))});"
                 for text, name in self.literals.strings.items()]  # fmt: skip
        lines += [f"static const {key.partition('{')[0]} {name}{{{key.partition('{')[2]};"
                  for key, name in self.static_lists.items()]  # fmt: skip
        for (name, overload), global_name in self.operators.items():
            lines.append(
                f"static const Operator& {global_name}() {{ static const Operator op({quoted(name)}, "
                f"{quoted(overload)}); return op; }}"
            )
        return lines

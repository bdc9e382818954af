"""Whole programs, and the hypothesis strategy that makes them."""

from __future__ import annotations

import ast
import itertools
import linecache
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from hypothesis import strategies as st

from .kinds import (
    BOOL,
    FLOAT,
    INT,
    INTS,
    KINDS,
    MATRIX,
    STR,
    VECTOR,
    DictOf,
    Kind,
    ListOf,
    OptionalOf,
    Record,
    Scalar,
    TensorOf,
    TupleOf,
)  # fmt: skip
from .scopes import Choices, Helper, Scope
from .statements import Statements

HEADER = """\
import math
from typing import Dict, List, NamedTuple, Optional, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


"""
_serial = itertools.count()


@dataclass
class Program:
    """Source that defines `main` (a function), or `Main` (a module class), and the arguments of some calls.

    `arguments` holds, for each call, expressions of the arguments; `gradients` says that its tensors want them.
    """

    source: str
    arguments: list[str]
    gradients: bool = False
    classes: tuple[str, ...] = ()  # script classes among the source's
    name: str = ""

    def __str__(self) -> str:
        calls = "\n".join(f"# main({arguments})" for arguments in self.arguments)
        return f"{self.source}\n\n{calls}" + ("\n# with gradients" if self.gradients else "")

    def define(self) -> types.ModuleType:
        """Run the source as a module of its own, whose text the compiler finds."""
        self.name = f"fuzz_{next(_serial)}"
        filename = f"/fuzz/{self.name}.py"
        module = types.ModuleType(self.name)
        module.__file__ = filename
        text = HEADER + self.source + "\n"
        linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
        sys.modules[self.name] = module
        exec(compile(text, filename, "exec"), module.__dict__)
        return module

    def forget(self) -> None:
        """Drop the module and its text."""
        sys.modules.pop(self.name, None)
        linecache.cache.pop(f"/fuzz/{self.name}.py", None)

    def entry(self, module: types.ModuleType) -> Callable[..., Any]:
        """The function, or a new instance of the module class."""
        made = getattr(module, "Main", None)
        if made is None:
            return module.main  # type: ignore[no-any-return]
        torch.manual_seed(0)
        return made()  # type: ignore[no-any-return]

    def inputs(self, module: types.ModuleType, call: int) -> tuple[Any, ...]:
        """New arguments of a call. Equal text stands for the same object."""
        made: dict[str, Any] = {}
        trees = ast.parse(f"f({self.arguments[call]})", mode="eval").body
        assert isinstance(trees, ast.Call)
        values = []
        for tree in trees.args:
            text = ast.unparse(tree)
            if text not in made:
                made[text] = eval(text, module.__dict__)
                if self.gradients and isinstance(made[text], torch.Tensor):
                    made[text].requires_grad_()
            values.append(made[text])
        return tuple(values)


@dataclass
class _Writer:
    """Writes one program."""

    choices: Choices
    size: int
    helpers: list[Helper] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)

    def program(self) -> Program:
        c = self.choices
        for index in range(c.one_of((0, 0, 0, 1, 2))):
            self.record(index)
        for index in range(c.one_of((0, 0, 1, 1, 2))):
            self.helper(f"helper{index}", self.size // 3)
        if c.chance(25):
            parameters = self.module_class()
        else:
            parameters = self.function("main", self.size)
        gradients = any(isinstance(k, TensorOf) for k in parameters) and c.chance(40)
        arguments = [", ".join(self.argument(k) for k in parameters) for _ in range(2)]
        source = "\n\n\n".join(ast.unparse(ast.parse(part)) for part in self.parts)
        classes = tuple(r.name for r in self.records if r.mutable)
        return Program(source, arguments, gradients, classes)

    def record(self, index: int) -> None:
        c = self.choices
        fields = tuple(
            (name, c.one_of((INT, FLOAT, STR, INTS, VECTOR, BOOL))) for name in "abc"[: c.number(1, 3)]
        )
        record = Record(f"Record{index}", fields, mutable=c.chance(50))
        if record.mutable:
            lines = [f"class {record.name}:"]
            lines.append(f"    def __init__(self, {', '.join(f'{n}: {k.annotation}' for n, k in fields)}):")
            lines += [f"        self.{n} = {n}" for n, _ in fields]
            scope = Scope(records=list(self.records))
            for name, kind in fields:
                scope.declare(f"self.{name}", kind)
            body = Statements(c, scope, INT, 3)
            body.indent = 2
            body.statements(0, 2)
            if body.lines == ["        pass"]:
                body.lines.clear()
            body.leave_function()
            lines += ["", "    def method(self) -> int:", *body.lines]
        else:
            lines = [f"class {record.name}(NamedTuple):"]
            lines += [f"    {n}: {k.annotation}" for n, k in fields]
        self.parts.append("\n".join(lines))
        self.records.append(record)

    def parameters(self, most: int) -> list[tuple[str, Kind, str | None]]:
        c = self.choices
        found: list[tuple[str, Kind, str | None]] = []
        for index in range(most - c.number(0, most)):
            kind = c.one_of([*KINDS, *self.records])
            default = None
            if isinstance(kind, Scalar) and (c.chance(20) or (found and found[-1][2] is not None)):
                default = Statements(c, Scope(), None, 0).literal(kind)
            elif found and found[-1][2] is not None:
                continue
            found.append((f"p{index}", kind, default))
        return found

    def header(self, name: str, parameters: list[tuple[str, Kind, str | None]], result: Kind | None) -> str:
        texts = [f"{n}: {k.annotation}" + (f" = {d}" if d is not None else "") for n, k, d in parameters]
        if name == "forward":
            texts.insert(0, "self")
        arrow = f" -> {result.annotation if result is not None else 'None'}"
        return f"def {name}({', '.join(texts)}){arrow}:"

    def helper(self, name: str, size: int) -> None:
        c = self.choices
        parameters = self.parameters(3)
        result = c.one_of([*KINDS, *self.records])
        scope = Scope(list(self.helpers), list(self.records))
        self.body(name, parameters, result, size, scope)
        self.helpers.append(Helper(name, parameters, result))

    def function(self, name: str, size: int) -> list[Kind]:
        parameters = self.parameters(5)
        self.body(name, parameters, self.result(), size, Scope(list(self.helpers), list(self.records)))
        return [k for _, k, _ in parameters]

    def result(self) -> Kind | None:
        c = self.choices
        if c.chance(10):
            return None
        if c.chance(40):
            return TupleOf(tuple(c.one_of(KINDS) for _ in range(c.number(2, 4))))
        return c.one_of([*KINDS, *self.records])

    def body(
        self,
        name: str,
        parameters: list[tuple[str, Kind, str | None]],
        result: Kind | None,
        size: int,
        scope: Scope,
    ) -> None:
        self.parts.append(
            "\n".join([self.header(name, parameters, result), *self.lines(parameters, result, size, scope)])
        )

    def lines(
        self, parameters: list[tuple[str, Kind, str | None]], result: Kind | None, size: int, scope: Scope
    ) -> list[str]:
        for name, kind, _ in parameters:
            scope.declare(name, kind)
        body = Statements(self.choices, scope, result, size)
        for name, kind, _ in parameters:
            if isinstance(kind, TensorOf) and self.choices.chance(50):
                body.write(f"{name} = {name} * 1.0")
        body.statements(0, size)
        if body.lines == ["    pass"]:
            body.lines.clear()
        if result is not None:
            body.leave_function(depth=2)
        elif not body.lines:
            body.write("pass")
        return body.lines

    def module_class(self) -> list[Kind]:
        """`Main`, with attributes, buffers and parameters that `forward` reads and changes."""
        c = self.choices
        attributes = []
        lines = ["class Main(nn.Module):", "    def __init__(self):", "        super().__init__()"]
        scope = Scope(list(self.helpers), list(self.records))
        maker = Statements(c, Scope(), None, 0)
        for index in range(c.number(0, 4)):
            kind = c.one_of(
                (INT, FLOAT, BOOL, STR, INTS, MATRIX, VECTOR, DictOf(STR, INT), TupleOf((INT, STR)))
            )
            name = f"a{index}"
            text = maker.literal(kind)
            writable = True
            if isinstance(kind, TensorOf):
                if c.chance(50):
                    text, writable = f"nn.Parameter({text})", False
                lines.append(
                    f"        self.{name} = {text}"
                    if not writable
                    else f"        self.register_buffer('{name}', {text})"
                )
            else:
                lines.append(f"        self.{name} = {text}")
            attributes.append((f"self.{name}", kind, writable))
        if c.chance(40):
            lines.append("        self.linear = nn.Linear(3, 3)")
            self_helper = Helper("self.linear", [("input", VECTOR, None)], VECTOR)
            scope.helpers.append(self_helper)
        for path, kind, writable in attributes:
            scope.declare(path, kind, writable)
        parameters = self.parameters(3)
        result = self.result()
        body = self.lines(parameters, result, self.size, scope)
        lines += ["", "    " + self.header("forward", parameters, result), *("    " + line for line in body)]
        self.parts.append("\n".join(lines))
        return [k for _, k, _ in parameters]

    def argument(self, kind: Kind, depth: int = 0) -> str:
        """An expression of an argument, which is evaluated by Python only."""
        c = self.choices
        if isinstance(kind, TensorOf):
            if kind.shape == ():
                return f"torch.tensor({c.number(-4, 4)} / 2)"
            count = 1
            for size in kind.shape:
                count *= size
            values = [c.number(-4, 6) / 2 for _ in range(count)] if c.chance(50) else list(range(count))
            return f"torch.tensor({[float(v) for v in values]}).reshape({list(kind.shape)})"
        if isinstance(kind, ListOf):
            return f"[{', '.join(self.argument(kind.element, depth + 1) for _ in range(c.number(0, 3)))}]"
        if isinstance(kind, DictOf):
            pairs = (
                f"{self.argument(kind.key)}: {self.argument(kind.value, depth + 1)}"
                for _ in range(c.number(0, 2))
            )
            return "{" + ", ".join(pairs) + "}"
        if isinstance(kind, TupleOf):
            return f"({', '.join(self.argument(e, depth + 1) for e in kind.elements)},)"
        if isinstance(kind, OptionalOf):
            return "None" if c.chance(40) else self.argument(kind.element, depth)
        if isinstance(kind, Record):
            return f"{kind.name}({', '.join(self.argument(k, depth + 1) for _, k in kind.fields)})"
        return Statements(c, Scope(), None, 0).literal(kind)


@st.composite
def programs(draw: Callable[..., Any], size: int = 14) -> Program:
    """Programs of up to about `size` statements."""
    return _Writer(Choices(draw), size).program()

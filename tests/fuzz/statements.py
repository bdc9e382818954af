"""Statements and control flow, as lines of text."""

from __future__ import annotations

from collections.abc import Callable

from .expressions import LETTERS, VARIABLE, Expressions
from .kinds import (
    BOOL,
    FLOAT,
    INT,
    INTS,
    KINDS,
    MATRIX,
    SCALAR_TENSOR,
    STR,
    STRINGS,
    VECTOR,
    DictOf,
    Kind,
    ListOf,
    OptionalOf,
    Record,
    TensorOf,
    TupleOf,
)  # fmt: skip
from .scopes import Choices, Scope, Variable

MAX_DEPTH = 4
MAX_LOOPS = 3
SHOWN = (INT, STR, BOOL, INTS, STRINGS)


class Statements(Expressions):
    """Writes a function's body into `lines`. `budget` is how many statements there may still be."""

    def __init__(self, choices: Choices, scope: Scope, result: Kind | None, budget: int) -> None:
        super().__init__(choices, scope)
        self.result = result
        self.budget = budget
        self.lines: list[str] = []
        self.indent = 1

    def write(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    def block(self, most: int, *, loop: bool = False, pure: bool = False) -> None:
        """An indented block of one to `most` statements."""
        self.indent += 1
        outer = self.scope.loops
        self.scope.loops += loop
        with self.scope.inner(pure=pure):
            self.statements(1, most)
        self.scope.loops = outer
        self.indent -= 1

    def statements(self, least: int, most: int) -> None:
        for _ in range(self.choices.number(least, most)):
            if self.budget <= 0:
                break
            self.budget -= 1
            mark = len(self.lines)
            self.statement()
            if len(self.lines) > mark and self.lines[-1].lstrip().split("(")[0].split()[0] in LEAVING:
                if self.lines[-1].startswith("    " * self.indent + self.lines[-1].lstrip()[:1]):
                    break
        if not self.lines or self.lines[-1].endswith(":"):
            self.write("pass")

    def statement(self) -> None:
        c = self.choices
        ways: list[Callable[[], None]] = [
            self.declare, self.assign, self.declare, self.assign, self.augment, self.change, self.change,
            self.show, self.alias, self.unpack,
        ]  # fmt: skip
        if self.scope.depth < MAX_DEPTH:
            ways += [self.branch, self.branch, self.refine, self.declare_on_both_sides]
            if self.scope.loops < MAX_LOOPS:
                ways += [self.loop, self.loop, self.while_loop]
        if self.scope.depth:
            ways += [self.leave]
        ways.append(self.check)
        if self.scope.helpers and not self.scope.pure:
            ways.append(self.call_for_effect)
        c.one_of(ways)()

    # -- variables ---------------------------------------------------------------------------------------

    def declare(self) -> None:
        kind = self.choices.one_of([*KINDS, *self.scope.records])
        if isinstance(kind, ListOf) and self.choices.chance(15):
            name = self.scope.fresh()
            bare = _states_its_type(kind) and self.choices.chance(30)
            self.write(f"{name} = []" if bare else f"{name}: {kind.annotation} = []")
            if self.lines[-1].endswith(f"{name} = []"):
                self.write(f"{name}.append({self.determined(kind.element)})")
            self.scope.declare(name, kind)
            return
        text = self.expression(kind, 3)
        name = self.scope.fresh()
        if _states_its_type(kind) and self.choices.chance(60):
            self.write(f"{name} = {text}")
        else:
            self.write(f"{name}: {kind.annotation} = {text}")
        self.scope.declare(name, kind)

    def determined(self, kind: Kind) -> str:
        """An expression that has this type by itself."""
        if _states_its_type(kind):
            return self.expression(kind, 1)
        name = self.scope.fresh()
        text = self.expression(kind, 1)
        self.lines.insert(len(self.lines) - 1, "    " * self.indent + f"{name}: {kind.annotation} = {text}")
        return name

    def declare_on_both_sides(self) -> None:
        kind = self.choices.one_of(KINDS)
        name = self.scope.fresh()
        self.write(f"if {self.boolean(2)}:")
        annotated = "" if _states_its_type(kind) else f": {kind.annotation}"
        for _ in range(2):
            self.indent += 1
            with self.scope.inner():
                self.statements(0, 2)
                text = self.expression(kind, 2)
                self.write(f"{name}{annotated} = {text}")
            self.indent -= 1
            if _ == 0:
                self.write("else:")
        self.scope.declare(name, kind)

    def variable(self, test: Callable[[Kind], bool] = lambda kind: True) -> Variable | None:
        known = [v for v in self.scope.variables if v.writable and test(v.kind)]
        return self.choices.one_of(known[::-1]) if known else None

    def assign(self) -> None:
        target = self.variable()
        if target is None or (self.scope.pure and target.kind.is_mutable):
            self.declare()
        else:
            self.write(f"{target.path} = {self.expression(target.kind, 3)}")

    def alias(self) -> None:
        """Another name for the same list or tensor, or for a part of a tensor."""
        target = self.variable(lambda k: k.is_mutable)
        if target is None:
            return self.declare()
        name = self.scope.fresh()
        text, kind = target.path, target.kind
        if kind == MATRIX and self.choices.chance(50):
            text, kind = self.choices.one_of(
                (
                    (f"{text}[0]", VECTOR),
                    (f"{text}[1, 2]", SCALAR_TENSOR),
                    (f"{text}.view(2, 3)", MATRIX),
                    (f"{text}[:, 1:].reshape(-1)[:3]", VECTOR),
                    (f"{text}.view(-1)[2:5]", VECTOR),
                )
            )
        elif isinstance(kind, ListOf) and kind.element.is_mutable and self.choices.chance(50):
            text, kind = f"{text}[{self.index(0)}]", kind.element
        self.write(f"{name} = {text}")
        self.scope.declare(name, kind)

    def unpack(self) -> None:
        c = self.choices
        kind = c.one_of(
            (TupleOf((INT, STR)), TupleOf((INT, FLOAT, BOOL)), TupleOf((VECTOR, INTS)), MATRIX, "swap")
        )
        if kind == "swap":
            first, second = self.variable(lambda k: k == INT), self.variable(lambda k: k == INT)
            if first is None or second is None:
                return self.declare()
            self.write(f"{first.path}, {second.path} = {second.path}, {first.path}")
            return
        assert isinstance(kind, Kind)
        text = self.expression(kind, 2)
        kinds = kind.elements if isinstance(kind, TupleOf) else (VECTOR, VECTOR)
        names = [self.scope.fresh() for _ in kinds]
        self.write(f"{', '.join(names)} = {text}")
        for name, element in zip(names, kinds, strict=True):
            self.scope.declare(name, element)

    def augment(self) -> None:
        c = self.choices
        target = self.variable(lambda k: k in (INT, FLOAT, STR))
        if target is None:
            return self.declare()
        if target.kind == INT:
            operator = c.one_of(("+=", "-=", "//=", "%=", "*="))
            operand = self.integer(2, 1000)
            if operator == "*=":  # stays small
                self.write(f"{target.path} = {target.path} % 97 * {operand}")
            else:
                self.write(f"{target.path} {operator} {operand}")
        elif target.kind == FLOAT:
            self.write(
                f"{target.path} {c.one_of(('+=', '-=', '*=', '/='))} {self.expression(c.one_of((FLOAT, INT)), 2)}"
            )
        else:
            self.write(f"{target.path} = ({target.path} + {self.expression(STR, 2)})[-9:]")

    # -- effects -----------------------------------------------------------------------------------------

    def show(self) -> None:
        kinds = [k for k in SHOWN if self.scope.of(k)] or [INT]
        c = self.choices
        texts = [self.expression(c.one_of(kinds), 2) for _ in range(c.number(1, 2))]
        self.write(f"print({', '.join(texts)})")

    def call_for_effect(self) -> None:
        helper = self.choices.one_of(self.scope.helpers)
        self.write(self.call(helper, 2))

    def change(self) -> None:
        """Change a list, a dict, a tensor or an object in place."""
        if self.scope.pure:
            return self.declare()
        target = self.variable(lambda k: k.is_mutable)
        if target is None:
            return self.declare()
        kind, path = target.kind, target.path
        if isinstance(kind, ListOf):
            self.change_list(path, kind)
        elif isinstance(kind, DictOf):
            self.change_dict(path, kind)
        elif isinstance(kind, TensorOf):
            self.change_tensor(path, kind)
        else:
            assert isinstance(kind, Record)
            field, own = self.choices.one_of(kind.fields)
            self.write(f"{path}.{field} = {self.expression(own, 2)}")

    def change_list(self, path: str, kind: ListOf) -> None:
        c = self.choices
        element = lambda: self.expression(kind.element, 2)
        ways: list[Callable[[], str]] = [
            lambda: f"{path}.append({element()})",
            lambda: f"{path}[{self.index(1)}] = {element()}",
            lambda: f"{path}.insert({self.index(1)}, {element()})",
            lambda: f"{path}.extend({self.some(kind)})",
            lambda: f"{path} += {self.some(kind)}",
            lambda: f"{path}.reverse()",
            lambda: f"del {path}[{self.index(1)}]",
            lambda: f"{path}.clear()",
            lambda: f"{path}.pop()",
            lambda: f"{path}[{self.bounds(steps=False)}] = {self.some(kind)}",
        ]
        if kind.element in (INT, STR, FLOAT):
            ways += [
                lambda: f"{path}.sort({c.one_of(('', 'reverse=True'))})",
                lambda: f"{path}.remove({element()})",
            ]
        if kind.element == INT:
            ways += [lambda: f"{path}[{self.index(1)}] += {self.integer(1, 100)}"] * 2
        self.write(c.one_of(ways)())

    def some(self, kind: ListOf) -> str:
        """A short list. A slice of a literal has the narrower type of its elements."""
        if isinstance(kind.element, OptionalOf):
            return f"[{self.expression(kind.element, 2)}]"
        return f"{self.expression(kind, 2)}[:2]"

    def change_dict(self, path: str, kind: DictOf) -> None:
        c = self.choices
        key = self.expression(kind.key, 1)
        ways: list[Callable[[], str]] = [
            lambda: f"{path}[{key}] = {self.expression(kind.value, 2)}",
            lambda: f"{path}[{key}] = {self.expression(kind.value, 2)}",
            lambda: f"{path}.update({self.expression(kind, 1)})",
            lambda: f"{path}.pop({key})",
            lambda: f"del {path}[{key}]",
            lambda: f"{path}.clear()",
        ]
        if kind.value == INT:
            ways.append(lambda: f"{path}[{key}] += {self.integer(1, 100)}")
        self.write(c.one_of(ways)())

    def change_tensor(self, path: str, kind: TensorOf) -> None:
        c = self.choices
        ways: list[Callable[[], str]] = [
            lambda: (
                f"{path}.{c.one_of(('add_', 'mul_', 'sub_'))}({self.expression(c.one_of((kind, FLOAT)), 2)})"
            ),
            lambda: (
                f"{path} {c.one_of(('+=', '-=', '*='))} {self.expression(c.one_of((kind, FLOAT, INT)), 2)}"
            ),
            lambda: f"{path}.{c.one_of(('neg_', 'relu_', 'zero_', 'abs_'))}()",
            lambda: f"{path}.copy_({self.expression(kind, 2)})",
        ]
        if kind == MATRIX:
            ways += [
                lambda: f"{path}[{self.index(0)}] = {self.expression(c.one_of((VECTOR, FLOAT)), 2)}",
                lambda: f"{path}[{self.index(0)}] += {self.expression(c.one_of((VECTOR, FLOAT)), 2)}",
                lambda: f"{path}[:, 1:] = {self.expression(FLOAT, 2)}",
                lambda: f"{path}[{path} > {self.expression(FLOAT, 1)}] = {self.expression(FLOAT, 1)}",
                lambda: f"{path}[0].{c.one_of(('mul_', 'add_'))}({self.expression(VECTOR, 2)})",
            ]
        elif kind == VECTOR:
            ways += [
                lambda: f"{path}[{self.index(1)}] = {self.expression(c.one_of((FLOAT, INT)), 2)}",
                lambda: f"{path}[1:] *= {self.expression(FLOAT, 2)}",
            ]
        self.write(c.one_of(ways)())

    # -- control flow ------------------------------------------------------------------------------------

    def branch(self) -> None:
        c = self.choices
        self.write(f"if {self.condition()}:")
        self.block(3)
        if c.chance(20):
            self.write(f"elif {self.condition()}:")
            self.block(2)
        if c.chance(45):
            self.write("else:")
            self.block(3)

    def condition(self) -> str:
        c = self.choices
        if c.chance(15):
            target = self.variable(lambda k: isinstance(k, ListOf | DictOf) or k in (INT, STR))
            if target is not None:
                return c.one_of((target.path, f"not {target.path}"))
        return self.boolean(3)

    def refine(self) -> None:
        c = self.choices
        target = self.variable(lambda k: isinstance(k, OptionalOf))
        if target is None or target.path.startswith("self."):
            return self.branch()
        kind = target.kind
        assert isinstance(kind, OptionalOf)
        way = c.number(0, 3)
        if way == 0:
            self.write(f"if {target.path} is not None:")
            with self.scope.known_as(target, kind.element):
                self.block(3)
            if c.chance(40):
                self.write("else:")
                self.block(2)
        elif way == 1:
            self.write(f"if {target.path} is None:")
            self.block(2)
            self.write("else:")
            with self.scope.known_as(target, kind.element):
                self.block(3)
        elif way == 2 and self.scope.loops:
            self.write(f"if {target.path} is None:")
            self.indent += 1
            self.write(c.one_of(("continue", "break")))
            self.indent -= 1
        else:
            name = self.scope.fresh()
            other = self.expression(kind.element, 2)
            self.write(f"{name} = {target.path} if {target.path} is not None else {other}")
            self.scope.declare(name, kind.element)

    def loop(self) -> None:
        c = self.choices
        first, second = self.scope.fresh("i"), self.scope.fresh("i")
        way = c.number(0, 9)
        pure = False
        own: list[tuple[str, Kind]] = [(first, INT)]
        if way <= 2:
            header = f"{first} in range({c.number(0, 4)})"
        elif way == 3:
            header = f"{first} in range({c.number(0, 3)}, {self.integer(1, 7)}{c.one_of(('', ', 2', ', 3'))})"
        elif way == 4:
            header, own = (
                f"{first}, {second} in enumerate({self.expression(STRINGS, 1)}[:4])",
                [(first, INT), (second, STR)],
            )
        elif way == 5:
            values, others = self.expression(INTS, 1), self.expression(STRINGS, 1)
            header, own = f"{first}, {second} in zip({values}[:4], {others})", [(first, INT), (second, STR)]
        elif way == 6:
            header, own = f"{first} in {self.expression(MATRIX, 1)}", [(first, VECTOR)]
        elif way == 7:
            target = self.variable(lambda k: isinstance(k, DictOf))
            if target is None:
                header, own = f"{first} in {self.expression(STR, 1)}[:4]", [(first, STR)]
            else:
                assert isinstance(target.kind, DictOf)
                header = f"{first}, {second} in {target.path}.items()"
                own, pure = [(first, target.kind.key), (second, target.kind.value)], True
        elif way == 8:
            header, own = f"{first} in reversed({self.expression(INTS, 1)}[:3])", [(first, INT)]
        else:
            kind = c.one_of((INTS, ListOf(INTS), ListOf(VECTOR), ListOf(TupleOf((INT, STR)))))
            header, own = f"{first} in {self.expression(kind, 1)}[:4]", [(first, kind.element)]
        self.write(f"for {header}:")
        with self.scope.inner():
            for name, kind in own:
                self.scope.declare(name, kind, writable=kind.is_mutable and c.chance(50))
            self.block(4, loop=True, pure=pure)

    def while_loop(self) -> None:
        c = self.choices
        name = self.scope.fresh("n")
        self.write(f"{name} = {c.number(1, 4)}")
        self.scope.declare(name, INT, writable=False)
        test = f"{name} > 0"
        endless = c.chance(20)
        self.write(
            "while True:"
            if endless
            else f"while {test} and {self.boolean(2)}:"
            if c.chance(50)
            else f"while {test}:"
        )
        self.indent += 1
        self.write(f"{name} -= 1")
        if endless:
            self.write(f"if {name} < 0:")
            self.write("    break")
        self.indent -= 1
        self.block(4, loop=True)

    def leave(self) -> None:
        """break, continue, return or raise, mostly below a condition."""
        c = self.choices
        ways = ["return"]
        if self.scope.loops:
            ways = ["break", "continue", "break", "continue", "return"]
        ways.append("raise")
        way = c.one_of(ways)
        inner = not c.chance(30)
        if inner:
            self.write(f"if {self.boolean(2)}:")
            self.indent += 1
        if way == "return":
            self.leave_function()
        elif way == "raise":
            self.write(f"raise {c.one_of(('ValueError', 'RuntimeError', 'IndexError'))}({self.literal(STR)})")
        else:
            self.write(way)
        if inner:
            self.indent -= 1

    def leave_function(self, depth: int = 2) -> None:
        if self.result is None:
            self.write("return")
        else:
            self.write(f"return {self.expression(self.result, depth)}")

    def check(self) -> None:
        c = self.choices
        if not c.chance(40):
            return self.show()
        message = c.one_of(("", f", {c.one_of(LETTERS)}", f", f'{{{self._without_quotes(1)}}}'"))
        self.write(f"assert {self.boolean(2)}{message}")


LEAVING = ("return", "raise", "break", "continue")


def _states_its_type(kind: Kind) -> bool:
    """Whether every expression of the kind has its type without an annotation."""
    if isinstance(kind, OptionalOf):
        return False
    if isinstance(kind, ListOf):
        return _states_its_type(kind.element)
    if isinstance(kind, DictOf):
        return _states_its_type(kind.value)
    if isinstance(kind, TupleOf):
        return all(_states_its_type(e) for e in kind.elements)
    return True

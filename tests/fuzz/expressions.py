"""Well-typed expressions, as text. All operands are in parentheses; a whole program is printed again without them.

Integers stay below 2**63 in every step: each expression comes with a bound of what it can be, and is reduced
where it could grow past it. (A program's int has 64 bits in an archive; in Python it has as many as it needs.)
"""

from __future__ import annotations

from collections.abc import Callable

from .kinds import (
    BOOL,
    FLOAT,
    FLOATS,
    INT,
    INTS,
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
    Scalar,
    TensorOf,
    TupleOf,
)  # fmt: skip
from .scopes import Choices, Helper, Scope
from .tensors import TensorExpressions

LIMIT = 2**60
VARIABLE = 10**8  # what an int variable is less than, by how statements assign it
WORDS = ("''", "'a'", "'b'", "'ab'", "'Ab c'", "'x,y'", "'é'", "'1'")
LETTERS = ("'a'", "'b'", "','", "' '")
REALS = ("0.0", "1.0", "0.5", "-2.0", "3.25", "1e-3", "100.0")
LISTS_TO_INDEX = (INTS, FLOATS, STRINGS, ListOf(INTS), ListOf(VECTOR))


class Expressions(TensorExpressions):
    """Expressions in a scope. `expression(kind, depth)` nests at most `depth` operators."""

    def __init__(self, choices: Choices, scope: Scope) -> None:
        self.choices = choices
        self.scope = scope

    # -- any kind ----------------------------------------------------------------------------------------

    def expression(self, kind: Kind, depth: int = 2) -> str:
        if kind == INT:
            return self.integer(depth, VARIABLE)
        if depth <= 0 or self.choices.chance(20):
            return self.leaf(kind)
        found = self._general(kind, depth)
        return found if found is not None else self._of_kind(kind, depth - 1)

    def leaf(self, kind: Kind) -> str:
        """A variable where there is one, or a literal."""
        known = [v.path for v in self.scope.of(kind)]
        if known and not self.choices.chance(15):
            return self.choices.one_of(known[::-1])
        numbers = [v.path for v in self.scope.of(INT)] if kind == BOOL else []
        if numbers and not self.choices.chance(15):
            return f"({self.choices.one_of(numbers)} {self.choices.one_of(('>', '<', '=='))} {self.literal(INT)})"
        return self.literal(kind)

    def literal(self, kind: Kind, depth: int = 0) -> str:
        c = self.choices
        if isinstance(kind, Scalar):
            if kind == INT:
                return str(c.number(-3, 12)) if c.chance(30) else str(c.number(0, 4))
            if kind == FLOAT:
                return c.one_of(REALS)
            return c.one_of(("True", "False")) if kind == BOOL else c.one_of(WORDS)
        if isinstance(kind, ListOf):
            count = c.number(1, 3)
            return f"[{', '.join(self.expression(kind.element, depth) for _ in range(count))}]"
        if isinstance(kind, DictOf):
            parts = (
                f"{self.literal(kind.key)}: {self.expression(kind.value, depth)}"
                for _ in range(c.number(1, 2))
            )
            return "{" + ", ".join(parts) + "}"
        if isinstance(kind, TupleOf):
            return f"({', '.join(self.expression(e, depth) for e in kind.elements)},)"
        if isinstance(kind, OptionalOf):
            # a bare literal would have the narrower type; Python does not mind
            return "None" if c.chance(50) else self.expression(kind.element, depth)
        if isinstance(kind, Record):
            return f"{kind.name}({', '.join(self.expression(k, depth) for _, k in kind.fields)})"
        assert isinstance(kind, TensorOf)
        return self.tensor_literal(kind)

    def _general(self, kind: Kind, depth: int) -> str | None:
        """What any kind of expression can come out of: calls, choices, elements of containers."""
        c = self.choices
        ways: list[Callable[[], str]] = []
        helpers = [h for h in self.scope.helpers if h.result == kind]
        if helpers and not self.scope.pure:
            ways += [lambda: self.call(c.one_of(helpers), depth - 1)] * 3
        ways.append(lambda: self._choice(kind, depth))
        for variable in self.scope.matching(lambda k: isinstance(k, TupleOf) and kind in k.elements):
            assert isinstance(variable.kind, TupleOf)
            index = variable.kind.elements.index(kind)
            ways.append(lambda path=variable.path, index=index: f"{path}[{index}]")
        for variable in self.scope.matching(lambda k: isinstance(k, DictOf) and k.value == kind):
            assert isinstance(variable.kind, DictOf)
            ways.append(lambda v=variable: f"{v.path}[{self.expression(v.kind.key, depth - 1)}]")
        for variable in self.scope.matching(
            lambda k: isinstance(k, Record) and any(f == kind for _, f in k.fields)
        ):
            assert isinstance(variable.kind, Record)
            names = [n for n, k in variable.kind.fields if k == kind]
            ways += [lambda path=variable.path, names=names: f"{path}.{c.one_of(names)}"] * 2
        for variable in self.scope.matching(lambda k: k == ListOf(kind)):
            ways.append(lambda path=variable.path: f"{path}[{self.index(depth - 1)}]")
        for variable in self.scope.matching(lambda k: k == ListOf(kind), changeable=True):
            ways.append(lambda path=variable.path: f"{path}.pop({c.one_of(('', '0', '-1'))})")
        for variable in self.scope.matching(
            lambda k: isinstance(k, DictOf) and k.value == kind, changeable=True
        ):
            key, value = variable.kind.key, variable.kind.value  # type: ignore[attr-defined]
            ways.append(
                lambda path=variable.path, key=key, value=value: (
                    f"{path}.pop({self.literal(key)}, {self.expression(value, depth - 1)})"
                    if c.chance(50)
                    else f"{path}.setdefault({self.literal(key)}, {self.expression(value, depth - 1)})"
                )
            )
        for variable in self.scope.of(OptionalOf(kind)):
            ways.append(lambda v=variable: self._if_present(v.path, kind, depth - 1))
        return c.one_of(ways)() if c.chance(35) else None

    def _choice(self, kind: Kind, depth: int) -> str:
        test = self.boolean(depth - 1)
        return f"({self.expression(kind, depth - 1)} if {test} else {self.expression(kind, depth - 1)})"

    def _if_present(self, path: str, kind: Kind, depth: int) -> str:
        other = self.expression(kind, depth)
        if self.choices.chance(50):
            return f"({other} if {path} is None else {path})"
        return f"({path} if {path} is not None else {other})"

    def call(self, helper: Helper, depth: int) -> str:
        arguments = []
        named = False
        for name, kind, default in helper.parameters:
            if default is not None and self.choices.chance(40):
                named = True  # what follows is given by name
                continue
            text = self.expression(kind, depth)
            named = named or self.choices.chance(15)
            arguments.append(f"{name}={text}" if named else text)
        return f"{helper.name}({', '.join(arguments)})"

    def index(self, depth: int) -> str:
        """Mostly within bounds."""
        c = self.choices
        if c.chance(25) and depth > 0:
            return self.integer(depth, 100)
        return c.one_of(("0", "-1", "1"))

    def bounds(self, *, steps: bool = True) -> str:
        c = self.choices
        text = c.one_of(("1:", ":2", ":-1", "-2:", "0:2", ":"))
        if steps and c.chance(25):
            text = text + (":" if text.count(":") == 1 else "") + c.one_of(("1", "2"))
        if c.chance(15):
            text = f"{self.integer(1, 100)}:" if c.chance(50) else f":{self.integer(1, 100)}"
        return text

    def _of_kind(self, kind: Kind, depth: int) -> str:
        c = self.choices
        if kind == FLOAT:
            return self._float(depth)
        if kind == BOOL:
            return self.boolean(depth + 1)
        if kind == STR:
            return self._string(depth)
        if isinstance(kind, TensorOf):
            return self.tensor(kind, depth)
        if isinstance(kind, ListOf):
            return self._list(kind, depth)
        if isinstance(kind, DictOf):
            return self._dict(kind, depth)
        return self.literal(kind, depth)

    # -- scalars -----------------------------------------------------------------------------------------

    def integer(self, depth: int, bound: int) -> str:
        """An int expression of absolute value at most `bound` (when `bound` is at least 100)."""
        text, reach = self._integer(depth)
        if reach <= bound:
            return text
        return f"({text} % {self.choices.one_of((97, 7, 10))})"

    def _integer(self, depth: int) -> tuple[str, int]:
        c = self.choices
        if depth <= 0 or c.chance(25):
            return self.leaf(INT), VARIABLE
        if c.chance(25):
            found = self._general(INT, depth)
            if found is not None:
                return found, VARIABLE
        way = c.number(0, 9)
        if way <= 4:
            (a, reach), (b, other) = self._integer(depth - 1), self._integer(depth - 1)
            operator = c.one_of(("+", "-", "*", "//", "%", "&", "|", "^"))
            if reach * other > LIMIT:
                (a, reach), (b, other) = (f"({a} % 97)", 97), (f"({b} % 97)", 97)
            return f"({a} {operator} {b})", max(reach * other, reach + other, 1)
        if way == 5:
            a, reach = self._integer(depth - 1)
            return f"({c.one_of(('-', '~', '+'))}{a})", reach + 1
        if way == 6:
            (a, reach), (b, other) = self._integer(depth - 1), self._integer(depth - 1)
            name = c.one_of(("max", "min"))
            return f"{name}({a}, {b})", max(reach, other)
        if way == 7:
            a, reach = self._integer(depth - 1)
            if c.chance(30):
                return f"({c.number(0, 3)} ** {c.number(0, 5)})", 3**5
            if c.chance(30):
                return f"({a} {c.one_of(('<<', '>>'))} {c.number(0, 4)})", reach * 16
            return f"abs({a})", reach
        if way == 8:
            test = self.boolean(depth - 1)
            inner = self.expression(FLOAT, depth - 1)
            return c.one_of(
                (f"int({test})", f"int(max(min({inner}, 1000.0), -1000.0))", f"len({self._sized(depth - 1)})")
            ), 1000
        return self._integer_of_container(depth - 1), 10**12

    def _sized(self, depth: int) -> str:
        kinds = [v.kind for v in self.scope.matching(lambda k: isinstance(k, ListOf | DictOf))]
        return self.expression(self.choices.one_of([STR, INTS, MATRIX, *kinds]), depth)

    def _integer_of_container(self, depth: int) -> str:
        c = self.choices
        way = c.number(0, 5)
        if way == 0:
            return f"sum({self.expression(INTS, depth)})"
        if way == 1:
            return f"{c.one_of(('max', 'min'))}({self.expression(INTS, depth)})"
        if way == 2:
            values = self.expression(INTS, depth)
            return f"{values}.{c.one_of(('count', 'index'))}({self.integer(depth, VARIABLE)})"
        if way == 3:
            tensor = self.expression(MATRIX, depth)
            return (
                f"{tensor}.{c.one_of(('size(0)', 'dim()', 'numel()', 'shape[1]', 'shape[-1]', 'size(-2)'))}"
            )
        if way == 4:
            return (
                f"{self.expression(STR, depth)}.{c.one_of(('find', 'count', 'rfind'))}({c.one_of(LETTERS)})"
            )
        return f"ord({c.one_of(LETTERS)})"

    def _float(self, depth: int) -> str:
        c = self.choices
        way = c.number(0, 9)
        if way <= 3:
            a, b = self.expression(FLOAT, depth), self.expression(c.one_of((FLOAT, INT)), depth)
            if c.chance(30):
                a, b = b, a
            return f"({a} {c.one_of(('+', '-', '*', '/', '//', '%'))} {b})"
        if way == 4:
            return f"({c.one_of(('-', '+'))}{self.expression(FLOAT, depth)})"
        if way == 5:
            return f"float({self.expression(c.one_of((INT, BOOL, SCALAR_TENSOR)), depth)})"
        if way == 6:
            values = self.expression(FLOATS, depth)
            return c.one_of((f"sum({values}, 0.0)", f"max({values})", f"min({values})"))
        if way == 7:
            a, b = self.expression(FLOAT, depth), self.expression(FLOAT, depth)
            return c.one_of(
                (f"abs({a})", f"max({a}, {b})", f"min({a}, {b})", f"math.fabs({a})", f"math.sqrt(abs({a}))")
            )
        if way == 8:
            return f"({self.integer(depth, VARIABLE)} / {self.integer(depth, VARIABLE)})"
        tensor = self.expression(SCALAR_TENSOR, depth)
        return f"float({tensor})"

    def boolean(self, depth: int) -> str:
        c = self.choices
        if depth <= 0:
            return self.leaf(BOOL)
        depth -= 1
        way = c.number(0, 11)
        if way <= 2:
            kind = c.one_of((INT, FLOAT, STR))
            a, b = self.expression(kind, depth), self.expression(kind, depth)
            operator = c.one_of(("<", ">", "==", "!=", "<=", ">="))
            if c.chance(20):
                third = self.expression(kind, depth)
                return f"({a} {operator} {b} {c.one_of(('<', '<=', '=='))} {third})"
            return f"({a} {operator} {b})"
        if way == 3:
            return f"(not {self.boolean(depth)})"
        if way == 4:
            return f"({self.boolean(depth)} {c.one_of(('and', 'or'))} {self.boolean(depth)})"
        if way == 5:
            kind = c.one_of((INT, STR))
            values = self.expression(ListOf(kind), depth)
            return f"({self.expression(kind, depth)} {c.one_of(('in', 'not in'))} {values})"
        if way == 6:
            return f"({c.one_of(LETTERS)} in {self.expression(STR, depth)})"
        if way == 7:
            dicts = self.scope.matching(lambda k: isinstance(k, DictOf))
            if dicts:
                chosen = c.one_of(dicts)
                return f"({self.expression(chosen.kind.key, depth)} in {chosen.path})"  # type: ignore[attr-defined]
            return f"bool({self.expression(c.one_of((INT, FLOAT)), depth)})"
        if way == 8:
            optional = self.scope.matching(lambda k: isinstance(k, OptionalOf))
            if optional:
                return f"({c.one_of(optional).path} is {c.one_of(('', 'not '))}None)"
            return (
                f"{self.expression(STR, depth)}.{c.one_of(('startswith', 'endswith'))}({c.one_of(LETTERS)})"
            )
        if way == 9:
            return f"bool({self.expression(SCALAR_TENSOR, depth)} > {self.expression(FLOAT, depth)})"
        if way == 10:
            kind = c.one_of((INTS, STRINGS, TupleOf((INT, STR))))
            return f"({self.expression(kind, depth)} {c.one_of(('==', '!='))} {self.expression(kind, depth)})"
        name = self.scope.fresh("e")
        values = self.expression(INTS, depth)
        with self.scope.inner(pure=True):
            self.scope.declare(name, INT, writable=False)
            return f"{c.one_of(('any', 'all'))}([{self.boolean(depth)} for {name} in {values}])"

    def _string(self, depth: int) -> str:
        c = self.choices
        way = c.number(0, 9)
        text = self.expression(STR, depth)
        if way == 0:
            return f"({text} + {self.expression(STR, depth)})"
        if way == 1:
            return f"{text}.{c.one_of(('upper', 'lower', 'strip', 'capitalize', 'title', 'swapcase'))}()"
        if way == 2:
            return f"{text}[{self.index(depth)}]"
        if way == 3:
            return f"{text}[{self.bounds()}]"
        if way == 4:
            return f"{text}.replace({c.one_of(LETTERS)}, {c.one_of(LETTERS)})"
        if way == 5:
            return f"str({self.expression(c.one_of((INT, BOOL)), depth)})"
        if way == 6:
            return f"'{{}}-{{}}'.format({text}, {self.expression(INT, depth)})"
        if way == 7:
            return f"('%d:%s' % ({self.expression(INT, depth)}, {text}))"
        if way == 8:
            return f"{c.one_of(LETTERS)}.join({self.expression(STRINGS, depth)})"
        return f"f'{{{self._without_quotes(depth)}}}!'"

    def _without_quotes(self, depth: int) -> str:
        text = self.expression(INT, depth)
        return text if not set(text) & set("'\"\\{}") else "0"

    # -- containers --------------------------------------------------------------------------------------

    def _list(self, kind: ListOf, depth: int) -> str:
        c = self.choices
        way = c.number(0, 8)
        if way == 0 or isinstance(
            kind.element, OptionalOf
        ):  # other expressions are of the elements' narrower type
            return self.literal(kind, depth)
        if way == 1:
            return f"{self.expression(kind, depth)}[{self.bounds()}]"
        if way == 2:
            return f"({self.expression(kind, depth)} + {self.expression(kind, depth)})[:6]"
        if way <= 5:
            return self._comprehension(kind, depth)
        if way == 6 and kind in (INTS, FLOATS, STRINGS):
            suffix = c.one_of(("", ", reverse=True"))
            return f"sorted({self.expression(kind, depth)}{suffix})"
        if way == 7 and kind == INTS:
            return c.one_of(
                (
                    f"list(range({c.number(0, 4)}))",
                    f"list({self.expression(MATRIX, depth)}.size())",
                    f"list({self.expression(MATRIX, depth)}.shape)",
                )
            )
        if way == 7 and kind == STRINGS:
            return f"{self.expression(STR, depth)}.split({c.one_of(LETTERS)})"
        if way == 7 and kind == ListOf(VECTOR):
            return f"list({self.expression(MATRIX, depth)}.unbind(0))"
        if way == 8:
            dicts = self.scope.matching(lambda k: isinstance(k, DictOf) and k.value == kind.element)
            if dicts:
                return f"list({c.one_of(dicts).path}.values())"
            return f"({self.expression(kind, depth)} * 2)[:6]"
        return f"{self.expression(kind, depth)}.copy()"

    def _comprehension(self, kind: ListOf, depth: int) -> str:
        c = self.choices
        source = c.one_of((INTS, STRINGS, FLOATS, STR, MATRIX, kind, "range", "enumerate", "zip"))
        first, second = self.scope.fresh("e"), self.scope.fresh("e")
        with self.scope.inner(pure=True):
            if isinstance(source, str):
                values = self.expression(INTS, depth)
                if source == "range":
                    header = f"{first} in range({c.number(0, 4)})"
                    self.scope.declare(first, INT, writable=False)
                else:
                    other = (
                        f"enumerate({values})"
                        if source == "enumerate"
                        else f"zip({values}, {self.expression(INTS, depth)})"
                    )
                    header = f"{first}, {second} in {other}"
                    self.scope.declare(first, INT, writable=False)
                    self.scope.declare(second, INT, writable=False)
            else:
                header = f"{first} in {self.expression(source, depth)}"
                self.scope.declare(first, _item(source), writable=False)
            test = f" if {self.boolean(max(depth, 1))}" if c.chance(40) else ""
            return f"[{self.expression(kind.element, depth)} for {header}{test}]"

    def _dict(self, kind: DictOf, depth: int) -> str:
        c = self.choices
        if c.chance(50):
            return self.literal(kind, depth)
        values = self.expression(ListOf(kind.key), depth)
        name = self.scope.fresh("e")
        with self.scope.inner(pure=True):
            self.scope.declare(name, kind.key, writable=False)
            test = f" if {self.boolean(max(depth, 1))}" if c.chance(30) else ""
            return f"{{{name}: {self.expression(kind.value, depth)} for {name} in {values}{test}}}"


def _item(kind: Kind) -> Kind:
    if isinstance(kind, ListOf):
        return kind.element
    return STR if kind == STR else VECTOR

"""One operator of the language: its schema, and the Python that runs it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from ...schema import Schema, parse_schema


@dataclass(frozen=True)
class Builtin:
    """An operator that is no operator of the dispatcher.

    `python` is an expression or a statement of Python in which `{0}`, `{1}`, … stand for the arguments of the
    schema, each at most once, and `{*}` for those that a vararg schema takes beyond them. The names it uses
    are those of `torchscript.operators.runtime_helpers.NAMESPACE`. `pure` is false where running it changes
    or reads something that the schema does not show (it prints, raises, draws random numbers); what it
    writes, the schema says.
    """

    schema: Schema
    python: str
    pure: bool = True

    @cached_property
    def tree(self) -> ast.expr | ast.stmt:
        """`python` parsed, with the names `_0`, `_1`, … and `_rest` as placeholders."""
        text = re.sub(r"\{(\d+)\}", r"_\1", self.python).replace("{*}", "*_rest")
        (statement,) = ast.parse(text).body
        return statement.value if isinstance(statement, ast.Expr) else statement

    @property
    def is_statement(self) -> bool:
        """Whether `python` is a statement (`del x[i]`), which has no value."""
        return isinstance(self.tree, ast.stmt)

    @property
    def operator(self) -> str | None:
        """The operator of Python this is, for those that are one: `+` for `{0} + {1}`, `-` for `-{0}`."""
        found = re.fullmatch(r"\{0\} (\S+|is not|not in) \{1\}|(-|~|not )\{0\}", self.python)
        return (found[1] or found[2]).strip() if found else None

    @cached_property
    def returns_first(self) -> bool:
        """Whether the result is the first argument, while `python` gives nothing of use: `list.append`."""
        returns = self.schema.returns
        if len(returns) != 1 or not self.schema.arguments:
            return False
        alias, first = returns[0].alias, self.schema.arguments[0].alias
        is_first = alias is not None and first is not None and alias.is_write and alias.before == first.before
        return is_first and (self.is_statement or ".append(" in self.python)

    def build(self, arguments: Sequence[ast.expr]) -> ast.expr | ast.stmt:
        """The Python for these arguments, as a syntax tree of its own.

        >>> add = table("aten::add.int(int a, int b) -> int  := {0} + {1}")[0]
        >>> ast.unparse(add.build([ast.Name("x"), ast.Constant(2)]))
        'x + 2'
        """
        result = _Filling(arguments, len(self.schema.arguments)).visit(_copy(self.tree))
        assert isinstance(result, ast.expr | ast.stmt)
        return result


def _copy(tree: ast.AST) -> ast.AST:
    fields = {}
    for name, value in ast.iter_fields(tree):
        if isinstance(value, list):
            value = [_copy(v) if isinstance(v, ast.AST) else v for v in value]
        elif isinstance(value, ast.AST):
            value = _copy(value)
        fields[name] = value
    return type(tree)(**fields)


class _Filling(ast.NodeTransformer):
    """Puts arguments in the place of `_0`, `_1`, … and of `*_rest`."""

    def __init__(self, arguments: Sequence[ast.expr], fixed: int) -> None:
        self.arguments = arguments
        self.fixed = fixed

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if re.fullmatch(r"_\d+", node.id):
            return self.arguments[int(node.id[1:])]
        return node

    def visit_Starred(self, node: ast.Starred) -> ast.AST | list[ast.expr]:
        if isinstance(node.value, ast.Name) and node.value.id == "_rest":
            return list(self.arguments[self.fixed :])
        return self.generic_visit(node)


def _entries(text: str) -> Iterator[tuple[str, bool, str]]:
    """Entries `schema := python` of a table, `:=!` where it is not pure. `#` begins a comment line."""
    pending = ""
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        pending = f"{pending} {line.strip()}".strip()
        found = re.fullmatch(r"(.*?)\s+:=(!?)\s+(.*)", pending)
        if found:
            yield found[1], found[2] == "", found[3]
            pending = ""
    assert not pending, f"an entry without an implementation: {pending}"


def table(text: str) -> tuple[Builtin, ...]:
    """The operators that a table writes down.

    >>> table('''
    ... # abs(x)
    ... prim::abs.int(int a) -> int    := abs({0})
    ... aten::warn(str message, int stacklevel=2) -> ()
    ...     :=! helpers.warn({0}, {1})
    ... ''')[1].pure
    False
    """
    return tuple(Builtin(parse_schema(schema), python, pure) for schema, pure, python in _entries(text))

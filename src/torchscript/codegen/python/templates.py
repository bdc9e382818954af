"""Templates (`len({0})`, `{0} + {1}`): what the tables of operators say about the Python of an operator."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from ...operators import runtime_helpers

_HOLE = re.compile(r"\{(\d+)\}")
_ALL = re.compile(r"\{\*\}")
_PREFIX = "_operand_"
_REST = "_operands"

Location = dict[str, Any]

_CANNOT_FAIL = (
    ast.Expression, ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.IfExp, ast.Compare, ast.Name, ast.Constant,
    ast.expr_context, ast.boolop, ast.unaryop, ast.cmpop, ast.Add, ast.Sub, ast.Mult, ast.BitAnd,
    ast.BitOr, ast.BitXor,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template.

    `order` lists the operands as Python evaluates them, each once. Operands in `repeated` are read more
    than once or in a scope of their own, so only names and constants may stand for them; those in
    `conditional` may not be evaluated at all. `cannot_fail` holds for numbers: there is nothing in the
    template that can raise.
    """

    tree: ast.expr | ast.stmt
    order: tuple[int, ...]
    repeated: frozenset[int]
    conditional: frozenset[int]
    cannot_fail: bool
    is_identity_test: bool  # {0} is {1}: safe whatever the operands are
    takes_all: bool  # {*}

    @property
    def is_statement(self) -> bool:
        return isinstance(self.tree, ast.stmt)

    def fill(
        self,
        operands: Sequence[ast.expr],
        rest: Sequence[ast.expr],
        at: Location,
        bind: Callable[[str, Any], str],
    ) -> Any:
        """The template's tree at a place in the source; `bind` gives an object a global name."""
        return _Filler(operands, rest, at, bind).fill(self.tree)


@cache
def parse_template(text: str) -> Template:
    """
    >>> parse_template("{1} in {0}").order
    (1, 0)
    """
    source = _ALL.sub(f"*{_REST}", _HOLE.sub(rf"{_PREFIX}\1", text))
    tree: ast.expr | ast.stmt
    try:
        tree = ast.parse(source, mode="eval").body
    except SyntaxError:
        (tree,) = ast.parse(source).body
        if isinstance(tree, ast.Expr):
            tree = tree.value
    facts = _Facts()
    facts.visit(tree)
    return Template(
        tree,
        tuple(facts.seen),
        frozenset(facts.repeated),
        frozenset(facts.conditional),
        all(isinstance(n, _CANNOT_FAIL) for n in ast.walk(tree)),
        isinstance(tree, ast.Compare) and all(isinstance(op, ast.Is | ast.IsNot) for op in tree.ops),
        _REST in source,
    )


def _operand(node: ast.AST) -> int | None:
    if isinstance(node, ast.Name) and node.id.startswith(_PREFIX):
        return int(node.id[len(_PREFIX) :])
    return None


class _Facts(ast.NodeVisitor):
    """Collects operands in the order in which Python evaluates them."""

    def __init__(self) -> None:
        self.seen: dict[int, None] = {}
        self.repeated: set[int] = set()
        self.conditional: set[int] = set()
        self._depth = 0

    def visit_Name(self, node: ast.Name) -> None:
        index = _operand(node)
        if index is None:
            return
        if index in self.seen:
            self.repeated.add(index)
        self.seen[index] = None
        if self._depth:
            self.conditional.add(index)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        self.visit(node.values[0])
        self._conditionally(*node.values[1:])

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self.visit(node.test)
        self._conditionally(node.body, node.orelse)

    def visit_Compare(self, node: ast.Compare) -> None:
        self.visit(node.left)
        self.visit(node.comparators[0])
        self._conditionally(*node.comparators[1:])

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            self.visit(target)

    def generic_visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp | ast.Lambda):
            for inner in ast.walk(node):
                index = _operand(inner)
                if index is not None:
                    self.seen[index] = None
                    self.repeated.add(index)
            return
        super().generic_visit(node)

    def _conditionally(self, *nodes: ast.AST) -> None:
        self._depth += 1
        for node in nodes:
            self.visit(node)
        self._depth -= 1


class _Filler:
    def __init__(
        self,
        operands: Sequence[ast.expr],
        rest: Sequence[ast.expr],
        at: Location,
        bind: Callable[[str, Any], str],
    ) -> None:
        self._operands = operands
        self._rest = rest
        self._at = at
        self._bind = bind
        self._bound: set[str] = set()

    def fill(self, node: Any) -> Any:
        if isinstance(node, list):
            return self._fill_list(node)
        if not isinstance(node, ast.AST) or isinstance(
            node, ast.expr_context | ast.operator | ast.unaryop | ast.cmpop
        ):
            return node
        if isinstance(node, ast.Name):
            index = _operand(node)
            if index is not None:
                return self._operands[index]
            if isinstance(node.ctx, ast.Store) or node.id in self._bound:
                return ast.Name(node.id, node.ctx, **self._at)
            return self._global(node.id)
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "helpers"
        ):
            return ast.Name(
                self._bind(node.attr, getattr(runtime_helpers, node.attr)), ast.Load(), **self._at
            )
        if isinstance(node, ast.Slice):
            return self._slice(node)
        if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp | ast.Lambda):
            self._bound |= {
                n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            }
            self._bound |= {n.arg for n in ast.walk(node) if isinstance(n, ast.arg)}
        fields = {name: self.fill(value) for name, value in ast.iter_fields(node)}
        return type(node)(**fields, **(self._at if node._attributes else {}))

    def _fill_list(self, nodes: list[Any]) -> list[Any]:
        result: list[Any] = []
        for node in nodes:
            if isinstance(node, ast.Starred) and isinstance(node.value, ast.Name) and node.value.id == _REST:
                result.extend(self._rest)
            else:
                result.append(self.fill(node))
        return result

    def _slice(self, node: ast.Slice) -> ast.Slice:
        """`x[a:]` for `x[a:None:1]`."""
        lower, upper, step = (
            self.fill(part) if part is not None else None for part in (node.lower, node.upper, node.step)
        )
        if _is_constant(lower, None):
            lower = None
        if _is_constant(upper, None):
            upper = None
        if _is_constant(step, None) or _is_constant(step, 1):
            step = None
        return ast.Slice(lower, upper, step, **self._at)

    def _global(self, name: str) -> ast.Name:
        found = runtime_helpers.NAMESPACE.get(name)
        return ast.Name(
            self._bind(name, getattr(builtins, name) if found is None else found), ast.Load(), **self._at
        )


def _is_constant(node: ast.expr | None, value: Any) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is type(value) and node.value == value

"""Simultaneous assignments as few plain ones as possible.

a ← b, b ← a + b        →   a, b = b, a + b
a ← b, c ← a            →   c = a; a = b
"""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass

from .templates import Location


@dataclass(slots=True)
class Copy:
    target: str
    source: ast.expr
    at: Location

    @property
    def is_simple(self) -> bool:
        """Whether evaluating the source has no effect and cannot fail."""
        return isinstance(self.source, ast.Name | ast.Constant)


def assignments(copies: list[Copy]) -> list[ast.stmt]:
    """Statements that do all copies as if at once. Sources that may have effects keep their order."""
    if len(copies) < 2:
        return [_assign(c) for c in copies]
    targets = {c.target for c in copies}
    reads = [
        {n.id for n in ast.walk(c.source) if isinstance(n, ast.Name) and n.id in targets} for c in copies
    ]
    pending = Counter(name for own, c in zip(reads, copies, strict=True) for name in own if name != c.target)
    index_of = {c.target: i for i, c in enumerate(copies)}
    ready = [i for i in reversed(range(len(copies))) if not pending[copies[i].target]]
    order: list[int] = []
    while ready:
        i = ready.pop()
        order.append(i)
        for name in reads[i]:
            if name != copies[i].target:
                pending[name] -= 1
                if not pending[name]:
                    ready.append(index_of[name])
    done = set(order)
    left = [i for i in range(len(copies)) if i not in done]
    effects = [i for i in (*order, *left) if not copies[i].is_simple]
    if effects != sorted(effects):
        order, left = [], list(range(len(copies)))
    result: list[ast.stmt] = [_assign(copies[i]) for i in order]
    if left:
        result.append(_assign_together([copies[i] for i in left]))
    return result


def _assign(copy: Copy) -> ast.stmt:
    return ast.Assign([ast.Name(copy.target, ast.Store(), **copy.at)], copy.source, **copy.at)


def _assign_together(copies: list[Copy]) -> ast.stmt:
    if len(copies) == 1:
        return _assign(copies[0])
    at = copies[-1].at
    targets: list[ast.expr] = [ast.Name(c.target, ast.Store(), **at) for c in copies]
    return ast.Assign(
        [ast.Tuple(targets, ast.Store(), **at)], ast.Tuple([c.source for c in copies], ast.Load(), **at), **at
    )

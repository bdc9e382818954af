"""Two paths that cannot meet: what follows an `if` is compiled once for each side.

    if x.dim() == 4: conv = F.conv2d        →   %r = prim::If(%c)
    else:            conv = F.conv3d                block0() -> (aten::conv2d(…))
    return conv(x, w)                               block1() -> (aten::conv3d(…))

A variable that the sides leave as different functions, or as a Tensor here and an int there, has no one value.
(An int here and a str there is refused, as the specification says.) That shows only when it is read: then the
`if` is compiled again, with the statements behind it in both branches. A variable that only one side defines is
handled so where another condition guards its use; read without one, it is refused as what it mostly is, a mistake.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import CompileError
from ..ir.graph import Block, Value
from .control import discard, join, run_branch
from .outcomes import Branch, Outcome, Step
from .problems import NeedsSplitError, NeedsUnrolling, OutsideLanguageError
from .scopes import Scope
from .values import Val

if TYPE_CHECKING:
    from .emitter import Emitter

MAX_SPLITS = 12  # per function: each compiles the rest of a list of statements twice


@dataclass(slots=True)
class Frame:
    """A list of steps that is compiled: which one is at work, and under how many run-time conditions it stands."""

    conditional: int
    index: int = 0


@dataclass(slots=True)
class Split:
    """What is needed to compile an `if` again, together with the steps after it."""

    frame: Frame
    index: int
    block: Block
    scope: Scope
    names: dict[str, Val]  # of `scope`, before the `if`
    mark: int  # the position of the `prim::If` in `block`
    node: ast.AST
    condition: Value
    then: Callable[[Seq[Step]], Outcome]  # compiles a side and the steps behind it
    otherwise: Callable[[Seq[Step]], Outcome]

    @property
    def conditional(self) -> int:
        return self.frame.conditional


def compile_both(e: Emitter, problem: NeedsSplitError, rest: Seq[Step]) -> Outcome:
    """The `if` of `problem` with `rest` in both of its branches; raises `problem` where that fails too."""
    split = problem.split
    refusal = CompileError(problem.message, problem.where)
    if e.splits >= MAX_SPLITS:
        raise refusal
    e.splits += 1
    e.block, e.scope, e.node = split.block, split.scope, split.node
    e.scope.names = dict(split.names)
    discard(e.block, split.mark)
    conditional = e.conditional
    node = e.emit("prim::If", [split.condition])
    a, b = Branch(node.add_block(), Scope(e.scope)), Branch(node.add_block(), Scope(e.scope))
    try:
        run_branch(e, a, lambda: split.then(rest))
        run_branch(e, b, lambda: split.otherwise(rest))
        e.node = split.node
        return join(e, node, a, b)
    except (NeedsSplitError, NeedsUnrolling, OutsideLanguageError):
        raise
    except CompileError:
        raise refusal from None
    finally:
        e.conditional = conditional

"""Control flow: branches and loops with early exits, as structured `prim::If` and `prim::Loop`.

A list of steps (statements, or the iterations of an unrolled loop) runs to an `Outcome`: whether the end was
reached, or a `return`, `break` or `continue`, each never, always, or by a flag that is known at run time.

    if c: return a          →   %r = prim::If(%c)
    b = …                           block0() -> (a)
    return b                        block1() b = … -> (b)

When one side of an `if` leaves, what follows the `if` is compiled inside the other side. Only where both a
leaving and a staying path run out of one statement does a flag remain, and what follows is guarded by it.
"""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Callable, Iterator
from collections.abc import Sequence as Seq
from dataclasses import replace
from typing import TYPE_CHECKING

from ..ir.graph import Block, Node, Value
from . import merging
from .outcomes import EXITS, Branch, Outcome, Step
from .problems import NeedsSplitError
from .scopes import Scope
from .values import Dynamic, Unusable, Val

if TYPE_CHECKING:
    from .emitter import Emitter
    from .splitting import Frame, Split


def run_steps(e: Emitter, steps: Seq[Step]) -> Outcome:
    """Run steps until one leaves; guard those that follow a step which may have left."""
    from .splitting import Frame

    outer, e.frame = e.frame, Frame(e.conditional)
    try:
        return _run_steps(e, steps, e.frame)
    finally:
        e.frame = outer


def _run_steps(e: Emitter, steps: Seq[Step], frame: Frame) -> Outcome:
    for index, step in enumerate(steps):
        rest = steps[index + 1 :]
        pending = e.pending_rest
        e.pending_rest = rest
        e.rest_taken = False
        frame.index = index
        problem: NeedsSplitError | None = None
        try:
            outcome = step()
        except NeedsSplitError as found:
            if found.split.frame is not frame:
                raise
            problem = found
        if problem is not None:
            from .splitting import compile_both

            e.pending_rest, e.rest_taken = pending, False
            return compile_both(e, problem, steps[problem.split.index + 1 :])
        taken = e.rest_taken
        e.pending_rest = pending
        e.rest_taken = False
        if taken or outcome.terminal:
            return outcome
        if outcome.falls:
            continue
        if not rest:
            return outcome
        return _guarded(e, outcome, rest)
    return Outcome()


def take_rest(e: Emitter) -> Seq[Step]:
    """The steps after the current one, which the caller compiles itself inside a branch."""
    e.rest_taken = True
    rest: Seq[Step] = e.pending_rest
    return rest


@contextlib.contextmanager
def without_rest(e: Emitter) -> Iterator[None]:
    """What is compiled here leaves the steps after the current one alone."""
    rest, taken = e.pending_rest, e.rest_taken
    e.pending_rest = ()
    try:
        yield
    finally:
        e.pending_rest, e.rest_taken = rest, taken


def _guarded(e: Emitter, outcome: Outcome, rest: Seq[Step]) -> Outcome:
    """After a step that may have left: run `rest` only if it did not."""
    left = any_of(e, outcome.flags())
    node = e.emit("prim::If", [left])
    if len(outcome.flags()) == 1:  # the flag is set wherever that branch runs
        name = next(n for n in EXITS if isinstance(getattr(outcome, n), Value))
        outcome = replace(outcome, **{name: True})  # type: ignore[arg-type]
    gone = Branch(node.add_block(), Scope(e.scope), outcome, left=True)
    stays = Branch(node.add_block(), Scope(e.scope))
    run_branch(e, stays, lambda: run_steps(e, rest))
    return join(e, node, gone, stays)


def any_of(e: Emitter, flags: list[Value]) -> Value:
    """Whether any flag is set."""
    result = flags[0]
    for flag in flags[1:]:
        result = e.call("aten::__or__", [Dynamic(result), Dynamic(flag)])
    return result


def run_branch(e: Emitter, branch: Branch, body: Callable[[], Outcome]) -> None:
    """Compile `body` into the branch's block and scope."""
    block, scope = e.block, e.scope
    e.block, e.scope = branch.block, branch.scope
    try:
        branch.outcome = body()
    finally:
        branch.block, branch.scope = e.block, e.scope
        e.block, e.scope = block, scope


def emit_if(
    e: Emitter,
    condition: Value,
    then: Callable[[], Outcome],
    otherwise: Callable[[], Outcome],
    split: Callable[[], Split] | None = None,
) -> Outcome:
    """An `if` statement with a condition that is known only at run time.

    `split` makes what is needed to compile it again with what follows in both branches (splitting.py).
    """
    node = e.emit("prim::If", [condition])
    here = e.node
    a, b = Branch(node.add_block(), Scope(e.scope)), Branch(node.add_block(), Scope(e.scope))
    rest, rest_taken = e.pending_rest, e.rest_taken
    e.conditional += 1
    try:
        run_branch(e, a, then)
        run_branch(e, b, otherwise)
    finally:
        e.conditional -= 1
    e.pending_rest, e.rest_taken = rest, rest_taken
    leaves_a, leaves_b = _leaves(a.outcome), _leaves(b.outcome)
    if rest and ((leaves_a and b.outcome.falls) or (leaves_b and a.outcome.falls)):
        steps = take_rest(e)
        e.behind_exit += 1
        try:
            run_branch(e, b if leaves_a else a, lambda: run_steps(e, steps))
        finally:
            e.behind_exit -= 1
        e.rest_taken = True
    e.node = here
    both_fall = a.outcome.falls and b.outcome.falls
    return join(e, node, a, b, split if both_fall else None)


def _leaves(outcome: Outcome) -> bool:
    return outcome.terminal and not outcome.dead


def join(e: Emitter, node: Node, a: Branch, b: Branch, split: Callable[[], Split] | None = None) -> Outcome:
    """Make the outputs of an If: variables that differ, exit flags, the returned value. Enters the joined scope."""
    result = Outcome(dead=a.outcome.dead and b.outcome.dead)
    if result.dead:
        return result
    result.leaves = all(o.leaves or o.terminal for o in (a.outcome, b.outcome))
    for name in EXITS:
        setattr(result, name, merging.join_flag(e, node, a, b, name))
    if a.outcome.value is not None or b.outcome.value is not None:
        result.value = merging.join_returned(e, node, a, b)
        result.where = a.outcome.where or b.outcome.where
    if result.returns is not True or e.finalizing:
        names = dict.fromkeys((*a.scope.names, *b.scope.names))
        joined = {name: merging.join_variable(e, node, a, b, name) for name in names}
        if split is not None and any(_can_split(v) for v in joined.values()):
            remedy = split()
            joined = {k: _splitting(v, remedy) if _can_split(v) else v for k, v in joined.items()}
        e.scope.names.update(joined)
    return result


def _can_split(val: Val) -> bool:
    return isinstance(val, Unusable) and bool(val.reason) and not val.is_data


def _splitting(val: Val, split: Split) -> Val:
    assert isinstance(val, Unusable)
    return Unusable(val.reason, val.where, val.by_loop, split=split, is_undefined=val.is_undefined)


def discard(block: Block, mark: int) -> None:
    """Remove the nodes from position `mark` on."""
    for node in reversed(block.nodes[mark:]):
        for inner in node.blocks:
            inner.clear()
        node.drop_inputs()
    del block.nodes[mark:]


def assigned_names(statements: Seq[ast.stmt]) -> list[str]:
    """The names (and attribute paths, `self.x`) that statements may assign, in order of appearance."""
    found: dict[str, None] = {}

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found[node.name] = None
            return
        if isinstance(node, ast.Lambda):
            return
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            found[node.id] = None
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found[ast.unparse(node)] = None
        if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            for inner in ast.walk(node):
                if isinstance(inner, ast.NamedExpr):
                    found[inner.target.id] = None
            return
        for child in ast.iter_child_nodes(node):
            visit(child)

    for statement in statements:
        visit(statement)
    return list(found)

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
from collections.abc import Callable
from collections.abc import Sequence as Seq
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from .. import types as T
from ..ir.graph import Block, Node, Value
from .emitter import Scope, resolve_pending
from .values import Dynamic, Known, Module, Sequence, Static, Unusable, Val, known_of, same, type_of

if TYPE_CHECKING:
    from .emitter import Emitter

INT64_MAX = 9223372036854775807
EXITS = ("returns", "breaks", "continues")

Step = Callable[[], "Outcome"]
Flag = bool | Value


@dataclass(slots=True)
class Outcome:
    """How a list of steps ended. A flag is False (never), True (always) or a bool value.

    `dead` means that the end of the path is never reached at all (it raises).
    """

    returns: Flag = False
    breaks: Flag = False
    continues: Flag = False
    dead: bool = False
    value: Val | None = None  # what is returned, where `returns` is not False
    where: ast.AST | None = None  # the return statement

    @property
    def falls(self) -> bool:
        """The end is always reached."""
        return not self.dead and self.returns is False and self.breaks is False and self.continues is False

    @property
    def terminal(self) -> bool:
        """The end is never reached."""
        return self.dead or self.returns is True or self.breaks is True or self.continues is True

    def flags(self) -> list[Value]:
        return [f for f in (self.returns, self.breaks, self.continues) if isinstance(f, Value)]


@dataclass(slots=True)
class Branch:
    """One side of a branch after it was compiled: its last block position, scope and outcome."""

    block: Block
    scope: Scope
    outcome: Outcome = field(default_factory=Outcome)
    results: list[Val] = field(default_factory=list)


def run_steps(e: Emitter, steps: Seq[Step]) -> Outcome:
    """Run steps until one leaves; guard those that follow a step which may have left."""
    for index, step in enumerate(steps):
        rest = steps[index + 1 :]
        pending = e.pending_rest
        e.pending_rest = rest
        e.rest_taken = False
        outcome = step()
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


def _guarded(e: Emitter, outcome: Outcome, rest: Seq[Step]) -> Outcome:
    """After a step that may have left: run `rest` only if it did not."""
    left = any_of(e, outcome.flags())
    node = e.emit("prim::If", [left])
    if len(outcome.flags()) == 1:  # the flag is set wherever that branch runs
        name = next(n for n in EXITS if isinstance(getattr(outcome, n), Value))
        outcome = replace(outcome, **{name: True})  # type: ignore[arg-type]
    gone = Branch(node.add_block(), Scope(e.scope), outcome)
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
) -> Outcome:
    """An `if` statement with a condition that is known only at run time."""
    node = e.emit("prim::If", [condition])
    here = e.node
    a, b = Branch(node.add_block(), Scope(e.scope)), Branch(node.add_block(), Scope(e.scope))
    rest, rest_taken = e.pending_rest, e.rest_taken
    run_branch(e, a, then)
    run_branch(e, b, otherwise)
    e.pending_rest, e.rest_taken = rest, rest_taken
    leaves_a, leaves_b = _leaves(a.outcome), _leaves(b.outcome)
    if rest and ((leaves_a and b.outcome.falls) or (leaves_b and a.outcome.falls)):
        steps = take_rest(e)
        run_branch(e, b if leaves_a else a, lambda: run_steps(e, steps))
        e.rest_taken = True
    e.node = here
    return join(e, node, a, b)


def _leaves(outcome: Outcome) -> bool:
    return outcome.terminal and not outcome.dead


def join(e: Emitter, node: Node, a: Branch, b: Branch) -> Outcome:
    """Make the outputs of an If: variables that differ, exit flags, the returned value. Enters the joined scope."""
    result = Outcome(dead=a.outcome.dead and b.outcome.dead)
    if result.dead:
        return result
    for name in EXITS:
        setattr(result, name, _join_flag(e, node, a, b, name))
    if a.outcome.value is not None or b.outcome.value is not None:
        result.value = _join_returned(e, node, a, b)
        result.where = a.outcome.where or b.outcome.where
    if result.returns is not True:
        names = dict.fromkeys((*a.scope.names, *b.scope.names))
        for name in names:
            e.scope.set(name, _join_variable(e, node, a, b, name))
    return result


def _yield(e: Emitter, branch: Branch, body: Callable[[], Value]) -> Value:
    """Emit something at the end of a branch."""
    block, e.block = e.block, branch.block
    try:
        return body()
    finally:
        e.block = block


def _output(
    e: Emitter, node: Node, a: Branch, b: Branch, va: Value, vb: Value, type: T.Type, name: str | None
) -> Value:
    a.block.add_output(va)
    b.block.add_output(vb)
    return node.add_output(type, name)


def _join_flag(e: Emitter, node: Node, a: Branch, b: Branch, name: str) -> Flag:
    fa: Flag = getattr(a.outcome, name)
    fb: Flag = getattr(b.outcome, name)
    if a.outcome.dead and isinstance(fb, bool):
        return fb
    if b.outcome.dead and isinstance(fa, bool):
        return fa
    if isinstance(fa, bool) and fa is fb:
        return fa

    def value(branch: Branch, flag: Flag) -> Value:
        if isinstance(flag, Value):
            return flag
        return _yield(e, branch, lambda: e.block.constant(flag, T.BOOL, e.here))

    return _output(e, node, a, b, value(a, fa), value(b, fb), T.BOOL, None)


def uninitialized(e: Emitter, branch: Branch, type: T.Type) -> Value:
    return _yield(e, branch, lambda: e.emit("prim::Uninitialized", [], [type]).output)


def _join_returned(e: Emitter, node: Node, a: Branch, b: Branch) -> Val:
    va, vb = a.outcome.value, b.outcome.value
    if va is not None and vb is not None:
        known = _same_known(va, vb)
        if known is not None:
            return known
        where = a.outcome.where or b.outcome.where
        return _merge(e, node, a, b, va, vb, "returned", where, declared=e.return_type)
    given = va if va is not None else vb
    assert given is not None
    return _one_sided(e, node, a, b, given, va is not None)


def _one_sided(e: Emitter, node: Node, a: Branch, b: Branch, given: Val, in_a: bool) -> Val:
    """A value that only one side has, as an output that the other side leaves uninitialized."""
    if isinstance(given, Static | Module) and not isinstance(given, Dynamic):
        return given
    if isinstance(given, Sequence):
        items = [_one_sided(e, node, a, b, item, in_a) for item in given.items]
        return Sequence(items, given.is_list, given.named, given.field_names)
    if type_of(given) is None:
        return given
    has, lacks = (a, b) if in_a else (b, a)
    value = _yield(e, has, lambda: e.materialize(given))
    other = uninitialized(e, lacks, value.type)
    return Dynamic(
        _output(e, node, a, b, *((value, other) if in_a else (other, value)), value.type, value.name)
    )


def _same_known(x: Val, y: Val) -> Val | None:
    if x is y:
        return x
    if isinstance(x, Dynamic) and isinstance(y, Dynamic) and x.value is y.value:
        return x if x.known is not None and y.known is not None else Dynamic(x.value)
    if isinstance(x, Static) and isinstance(y, Static) and x.type == y.type and same(x.object, y.object):
        return x
    if isinstance(x, Module) and isinstance(y, Module) and x.module is y.module:
        return x
    if isinstance(x, Sequence) and isinstance(y, Sequence) and len(x.items) == len(y.items):
        if x.is_list == y.is_list and x.named == y.named:
            parts = [_same_known(i, j) for i, j in zip(x.items, y.items, strict=True)]
            if all(p is not None for p in parts):
                return x
    return None


def _join_variable(e: Emitter, node: Node, a: Branch, b: Branch, name: str) -> Val:
    va, vb = a.scope.get(name), b.scope.get(name)
    fallen_a, fallen_b = (
        not a.outcome.dead and a.outcome.returns is not True,
        (not b.outcome.dead and b.outcome.returns is not True),
    )
    if va is not None and vb is not None:
        known = _same_known(va, vb)
        if known is not None:
            return known
    if not fallen_a or not fallen_b:
        living, missing = (va, va is None) if fallen_a else (vb, vb is None)
        if missing or living is None:
            return _undefined(e, name, node)
        if isinstance(living, Unusable):
            return living
        return _one_sided(e, node, a, b, living, fallen_a)
    if "." in name:  # what is known about an attribute holds only while both sides know it
        return Unusable("", None)
    if va is None or vb is None:
        return _undefined(e, name, node, in_then=va is not None)
    if isinstance(va, Unusable) or isinstance(vb, Unusable):
        return va if isinstance(va, Unusable) else vb
    try:
        return _merge(e, node, a, b, va, vb, name, None, name)
    except _CannotMerge as problem:
        return Unusable(problem.reason, e.where())


class _CannotMerge(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _undefined(e: Emitter, name: str, node: Node, in_then: bool | None = None) -> Unusable:
    if in_then is None:
        return Unusable(f"The name '{name}' is not defined here.", e.where())
    line = node.source.line if node.source is not None else 0
    side = "when the condition is true" if in_then else "when the condition is false"
    return Unusable(
        f"undefined value: {name} is not defined on every path to here: the 'if' at line {line} defines it only {side}.\n"
        f"Give '{name}' a value before the 'if', or on its other side too.",
        e.where(),
    )


def _merge(
    e: Emitter,
    node: Node,
    a: Branch,
    b: Branch,
    va: Val,
    vb: Val,
    what: str,
    where: ast.AST | None,
    name: str | None = None,
    declared: T.Type | None = None,
) -> Val:
    """One value from two paths: an output of the If, part by part for tuples. `declared` is the type asked for."""
    if isinstance(va, Sequence) and isinstance(vb, Sequence) and not va.is_list and not vb.is_list:
        if len(va.items) == len(vb.items) and va.named == vb.named:
            items = []
            parts: tuple[T.Type | None, ...] = (None,) * len(va.items)
            if isinstance(declared, T.TupleType) and len(declared.elements) == len(va.items):
                parts = declared.elements
            for x, y, part in zip(va.items, vb.items, parts, strict=True):
                known = _same_known(x, y)
                merged = (
                    known if known is not None else _merge(e, node, a, b, x, y, what, where, declared=part)
                )
                items.append(merged)
            return Sequence(items, False, va.named, va.field_names)
    ta, tb = type_of(va), type_of(vb)
    if ta is None or tb is None or isinstance(va, Module) or isinstance(vb, Module):
        _fail(
            e,
            what,
            where,
            f"is {va.describe()} on one path and {vb.describe()} on the other, and only one of them can be compiled in",
        )
    left = _yield(e, a, lambda: e.materialize(va))
    right = _yield(e, b, lambda: e.materialize(vb))
    common = merge_types(left.type, right.type)
    if declared is not None:
        common = declared
    if common is None:
        _fail(
            e,
            what,
            where,
            f"is set to type {left.type.annotation()} in the true branch and type "
            f"{right.type.annotation()} in the false branch; a variable has one type",
        )
    assert common is not None
    ca = _yield_convert(e, a, left, common)
    cb = _yield_convert(e, b, right, common)
    if ca is None or cb is None:
        bad = left.type if ca is None else right.type
        _fail(e, what, where, f"has the type {bad.annotation()}, but {common.annotation()} is asked for")
    assert ca is not None and cb is not None
    return Dynamic(_output(e, node, a, b, ca, cb, common, name or left.name))


def _yield_convert(e: Emitter, branch: Branch, value: Value, type: T.Type) -> Value | None:
    block, e.block = e.block, branch.block
    try:
        return e.convert(value, type)
    finally:
        e.block = block


def _fail(e: Emitter, what: str, where: ast.AST | None, reason: str) -> None:
    if what == "returned":
        raise e.error(f"Type mismatch: the returned value {reason}.", where)
    raise _CannotMerge(f"Type mismatch: {what} {reason}.")


def merge_types(x: T.Type, y: T.Type) -> T.Type | None:
    """The type of a variable after two paths; open list types settle each other."""
    common = T.unify(x, y)
    if common is not None:
        return common
    if resolve_pending(x, y):
        return y
    if resolve_pending(y, x):
        return x
    for sizes, numbers in ((x, y), (y, x)):  # a tuple of numbers on one path, a list of them on the other
        if isinstance(sizes, T.ListType) and type(numbers) is T.TupleType and numbers.elements:
            if isinstance(sizes.element, T.IntType | T.FloatType) and set(numbers.elements) == {
                sizes.element
            }:
                return sizes
    if isinstance(x, T.OptionalType) and resolve_pending(y, x.element):
        return x
    if isinstance(y, T.OptionalType) and resolve_pending(x, y.element):
        return y
    if isinstance(x, T.TupleType) and isinstance(y, T.TupleType) and len(x.elements) == len(y.elements):
        if isinstance(x, T.NamedTupleType) or isinstance(y, T.NamedTupleType):
            return None
        parts = [merge_types(i, j) for i, j in zip(x.elements, y.elements, strict=True)]
        if all(p is not None for p in parts):
            return T.TupleType(tuple(p for p in parts if p is not None))
    return None


# -- loops ---------------------------------------------------------------------------------------------------


def emit_loop(
    e: Emitter,
    trips: Value | None,
    assigned: Seq[str],
    condition: Callable[[], Value] | None,
    body: Callable[[Value], Outcome],
    *,
    runs_at_least_once: bool = False,
) -> Outcome:
    """A loop whose number of iterations is known only at run time.

    `trips` is the number of iterations, or None for a `while`, whose `condition` is then emitted before the
    loop and at the end of its body. `assigned` are the names that the body may assign; those that exist before
    the loop are carried. A variable whose type widens in the body makes the loop be compiled again with the
    wider type.
    """
    carried = _carried(e, assigned)
    saved_rest = e.pending_rest
    e.pending_rest = ()
    try:
        for _ in range(8):
            retry = _attempt_loop(e, trips, carried, condition, body, assigned, runs_at_least_once)
            if isinstance(retry, Outcome):
                return retry
            carried = retry
    finally:
        e.pending_rest = saved_rest
    raise e.error("The types of this loop's variables do not settle.")


def _carried(e: Emitter, assigned: Seq[str]) -> dict[str, tuple[Value, T.Type]]:
    carried: dict[str, tuple[Value, T.Type]] = {}
    for name in assigned:
        val = e.scope.get(name)
        if val is None or isinstance(val, Unusable):
            continue
        if type_of(val) is None or isinstance(val, Module):
            if isinstance(val, Sequence):
                e.materialize(val)
            raise e.needs_unrolling(
                f"'{name}' is {val.describe()} before this loop and is assigned in it; "
                "what is not data cannot change while a loop runs."
            )
        value = e.materialize(val)
        carried[name] = (value, value.type)
    return carried


def _attempt_loop(
    e: Emitter,
    trips: Value | None,
    carried: dict[str, tuple[Value, T.Type]],
    condition: Callable[[], Value] | None,
    body: Callable[[Value], Outcome],
    assigned: Seq[str],
    runs_at_least_once: bool,
) -> Outcome | dict[str, tuple[Value, T.Type]]:
    mark = len(e.block.nodes)
    outer_scope = e.scope
    initial: dict[str, Value] = {}
    for name, (value, type) in carried.items():
        converted = e.convert(value, type)
        if converted is None:
            raise e.error(
                f"Type mismatch: '{name}' is {value.type.annotation()} before the loop and {type.annotation()} "
                "after its body; a variable has one type."
            )
        initial[name] = converted
    if trips is None:
        trip_count = e.block.constant(INT64_MAX, T.INT, e.here)
        assert condition is not None
        e.scope = Scope(outer_scope)
        for name, value in initial.items():
            e.scope.set(name, Dynamic(value))
        first = condition()
        e.scope = outer_scope
    else:
        trip_count = trips
        first = e.block.constant(True, T.BOOL, e.here)
    loop = e.emit("prim::Loop", [trip_count, first, *initial.values()])
    block = loop.add_block()
    index = block.add_parameter(T.INT)
    inside = Branch(block, Scope(outer_scope))
    for name in initial:
        inside.scope.set(name, Dynamic(block.add_parameter(carried[name][1], name)))
    for name in assigned:
        if name not in initial and "." not in name:
            inside.scope.set(
                name,
                Unusable(f"'{name}' has no value yet when the loop's first iteration gets here.", None, True),
            )
    attributes_assigned = [n for n in assigned if "." in n]
    for name in attributes_assigned:
        inside.scope.set(name, Unusable("", None))
    run_branch(e, inside, lambda: body(index))
    outcome = inside.outcome

    again = _again(e, inside, outcome, condition)
    finals: dict[str, Value] = {}
    wider: dict[str, tuple[Value, T.Type]] = {}
    for name, (before, type) in carried.items():
        final = inside.scope.get(name)
        assert final is not None
        if outcome.dead or outcome.returns is True:
            final = Dynamic(block.parameters[1 + list(carried).index(name)])
        if isinstance(final, Unusable):
            raise e.error(final.reason)
        if type_of(final) is None or isinstance(final, Module):
            raise e.needs_unrolling(
                f"'{name}' becomes {final.describe()} in this loop; only data can change in a loop."
            )
        after = _yield(e, inside, lambda final=final: e.materialize(final))  # type: ignore[misc]
        fitted = _yield_convert(e, inside, after, type)
        if fitted is None:
            common = merge_types(type, after.type)
            if common is None or common == type:
                raise e.needs_unrolling(
                    f"Type mismatch: '{name}' is {type.annotation()} before the loop and "
                    f"{after.type.annotation()} after its body; a variable has one type."
                )
            wider[name] = (before, common)
            continue
        finals[name] = fitted
    if wider:
        e.scope = outer_scope
        _discard(e.block, mark)
        return {**carried, **wider}

    block.add_output(again)
    for name, value in finals.items():
        block.add_output(value)
        e.scope.set(name, Dynamic(loop.add_output(carried[name][1], name)))
    result = Outcome()
    if outcome.returns is not False:
        result.returns = _carry_flag(e, loop, inside, outcome.returns)
        if outcome.value is not None:
            result.value = _carry_value(e, loop, inside, outcome.value)
        result.where = outcome.where
    _define_loop_locals(e, loop, inside, carried, assigned, runs_at_least_once and not outcome.flags())
    for name in attributes_assigned:
        e.scope.set(name, Unusable("", None))
    return result


def _again(e: Emitter, inside: Branch, outcome: Outcome, condition: Callable[[], Value] | None) -> Value:
    """Whether the loop goes on after an iteration."""

    def emit() -> Value:
        if outcome.dead or outcome.returns is True or outcome.breaks is True:
            return e.block.constant(False, T.BOOL, e.here)
        leaving = [f for f in (outcome.returns, outcome.breaks) if isinstance(f, Value)]

        def proceed() -> Value:
            if condition is None:
                return e.block.constant(True, T.BOOL, e.here)
            scope, e.scope = e.scope, inside.scope
            try:
                return condition()
            finally:
                e.scope = scope

        if not leaving:
            return proceed()
        left = any_of(e, leaving)
        if condition is None:
            return e.call("aten::__not__", [Dynamic(left)])
        node = e.emit("prim::If", [left])
        stop, go = node.add_block(), node.add_block()
        block = e.block
        e.block = stop
        stop.add_output(e.block.constant(False, T.BOOL, e.here))
        e.block = go
        go.add_output(proceed())
        e.block = block
        return node.add_output(T.BOOL)

    return _yield(e, inside, emit)


def _carry_flag(e: Emitter, loop: Node, inside: Branch, flag: Flag) -> Value:
    value = (
        flag if isinstance(flag, Value) else _yield(e, inside, lambda: e.block.constant(True, T.BOOL, e.here))
    )
    return _carry(e, loop, inside, value, e.block_constant_before(loop, False, T.BOOL))


def _carry(
    e: Emitter, loop: Node, inside: Branch, value: Value, first: Value, name: str | None = None
) -> Value:
    loop.add_input(first)
    loop.blocks[0].add_parameter(value.type, name)
    loop.blocks[0].add_output(value)
    return loop.add_output(value.type, name)


def _carry_value(e: Emitter, loop: Node, inside: Branch, val: Val, name: str | None = None) -> Val:
    if isinstance(val, Static | Module):
        return val
    if isinstance(val, Sequence):
        items = [_carry_value(e, loop, inside, item) for item in val.items]
        return Sequence(items, val.is_list, val.named, val.field_names)
    value = _yield(e, inside, lambda: e.materialize(val))
    first = e.uninitialized_before(loop, value.type)
    return Dynamic(_carry(e, loop, inside, value, first, name))


def _define_loop_locals(
    e: Emitter,
    loop: Node,
    inside: Branch,
    carried: dict[str, Any],
    assigned: Seq[str],
    always: bool,
) -> None:
    """Variables that are first assigned in the body: usable after the loop only if it surely ran to its end once."""
    for name, val in inside.scope.names.items():
        if name in carried or "." in name:
            continue
        if name not in assigned and e.scope.get(name) is not None:
            continue  # only its type was refined
        if (
            always
            and not isinstance(val, Unusable)
            and type_of(val) is not None
            and not isinstance(val, Module)
        ):
            e.scope.set(name, _carry_value(e, loop, inside, val, name))
        elif (always and not isinstance(val, Unusable)) or isinstance(val, Unusable):
            e.scope.set(name, val)
        else:
            e.scope.set(name, LoopLocal(e, loop, inside, val, name))


class LoopLocal(Unusable):
    """A variable that only a loop's body assigns; if the loop never runs, it does not exist."""

    __slots__ = ()

    def __init__(self, e: Emitter, loop: Node, inside: Branch, val: Val, name: str) -> None:
        line = loop.source.line if loop.source is not None else 0
        super().__init__(
            f"undefined value: {name} is not defined on every path to here: the loop at line {line}, "
            f"which defines it, may run no iteration at all.\nGive '{name}' a value before the loop.",
            None,
        )


def _discard(block: Block, mark: int) -> None:
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


__all__ = [
    "Branch",
    "Known",
    "Outcome",
    "assigned_names",
    "emit_if",
    "emit_loop",
    "join",
    "known_of",
    "run_branch",
    "run_steps",
    "take_rest",
]

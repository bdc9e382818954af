"""`prim::Loop`: what it carries, and how it is left."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as Seq
from typing import TYPE_CHECKING, Any

from .. import types as T
from ..errors import CompileError
from ..ir.graph import Block, Node, Value
from . import control, merging
from .outcomes import Branch, Flag, Outcome
from .problems import BecomesTensor, NeedsUnrolling
from .scopes import Scope
from .values import Dynamic, Module, Sequence, Static, Unusable, Val, type_of

if TYPE_CHECKING:
    from .emitter import Emitter

HANDLER, MESSAGE = "@handler", "@message"  # variables of a `try` (tries.py)
INT64_MAX = 9223372036854775807


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
    if e.catching is not None:
        assigned = [*assigned, HANDLER, MESSAGE]
    carried = _carried(e, assigned)
    saved_rest = e.pending_rest
    e.pending_rest = ()
    block, scope, mark = e.block, e.scope, len(e.block.nodes)
    # variables that are of another type in the loop, and why that matters
    another: dict[str, NeedsUnrolling] = {}
    try:
        for _ in range(8):
            try:
                retry = _attempt_loop(e, trips, carried, condition, body, assigned, runs_at_least_once)
            except _AnotherTypeError as problem:
                another[problem.name] = problem
                e.block, e.scope = block, scope
                control.discard(block, mark)
                carried = {name: held for name, held in carried.items() if name != problem.name}
                continue
            except BecomesTensor:
                raise
            except CompileError:
                if another:  # it is read before the loop assigns it
                    raise next(iter(another.values())) from None
                raise
            if isinstance(retry, Outcome):
                for name, reason in another.items():
                    if not runs_at_least_once:
                        e.scope.set(name, Unusable(reason.message, reason.where))
                return retry
            carried = retry
    finally:
        e.pending_rest = saved_rest
    raise e.error("The types of this loop's variables do not settle.")


class _AnotherTypeError(NeedsUnrolling):
    """A variable is of one type before the loop and of another after its body."""

    name: str


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
    partial, e.partial = e.partial, set()
    control.run_branch(e, inside, lambda: body(index))
    outcome = inside.outcome
    lacking, e.partial = e.partial, partial

    again = _again(e, inside, outcome, condition)
    finals: dict[str, Value] = {}
    wider: dict[str, tuple[Value, T.Type]] = {}
    for name, (before, type) in carried.items():
        final = inside.scope.get(name)
        assert final is not None
        if outcome.dead or (outcome.returns is True and not e.finalizing):
            final = Dynamic(block.parameters[1 + list(carried).index(name)])
        if isinstance(final, Unusable):
            if isinstance(type, T.IntType | T.FloatType) and not final.is_data and not e.promoting:
                raise BecomesTensor(final.reason, e.where())
            raise e.error(final.reason)
        if type_of(final) is None or isinstance(final, Module):
            raise e.needs_unrolling(
                f"'{name}' becomes {final.describe()} in this loop; only data can change in a loop."
            )
        after = merging.yield_in(e, inside, lambda final=final: e.materialize(final))  # type: ignore[misc]
        fitted = merging.yield_convert(e, inside, after, type)
        if fitted is None:
            common = merging.merge_types(type, after.type) or merging.annotated(e, name, type, after.type)
            if common is None or common == type:
                if isinstance(type, T.IntType | T.FloatType) and isinstance(after.type, T.TensorType):
                    raise BecomesTensor(
                        f"'{name}' is a number before the loop and a Tensor after its body.", e.where()
                    )
                problem = _AnotherTypeError(
                    f"Type mismatch: '{name}' is {type.annotation()} before the loop and "
                    f"{after.type.annotation()} after its body; a variable has one type.",
                    e.where(),
                )
                problem.name = name
                raise problem
            wider[name] = (before, common)
            continue
        finals[name] = fitted
    if wider:
        e.scope = outer_scope
        control.discard(e.block, mark)
        return {**carried, **wider}

    block.add_output(again)
    for name, value in finals.items():
        block.add_output(value)
        e.scope.set(name, Dynamic(loop.add_output(carried[name][1], name)))
    result = Outcome()
    if outcome.raises is not False:
        result.raises = _carry_flag(e, loop, inside, outcome.raises)
    if outcome.returns is not False:
        result.returns = _carry_flag(e, loop, inside, outcome.returns)
        if outcome.value is not None:
            result.value = _carry_value(e, loop, inside, outcome.value)
        result.where = outcome.where
    _define_loop_locals(e, loop, inside, carried, assigned, lacking, runs_at_least_once)
    for name in attributes_assigned:
        e.scope.set(name, Unusable("", None))
    return result


def _again(e: Emitter, inside: Branch, outcome: Outcome, condition: Callable[[], Value] | None) -> Value:
    """Whether the loop goes on after an iteration."""

    def emit() -> Value:
        if outcome.dead or True in (outcome.returns, outcome.breaks, outcome.raises):
            return e.block.constant(False, T.BOOL, e.here)
        leaving = [f for f in (outcome.returns, outcome.breaks, outcome.raises) if isinstance(f, Value)]

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
        left = control.any_of(e, leaving)
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

    return merging.yield_in(e, inside, emit)


def _carry_flag(e: Emitter, loop: Node, inside: Branch, flag: Flag) -> Value:
    value = (
        flag
        if isinstance(flag, Value)
        else merging.yield_in(e, inside, lambda: e.block.constant(True, T.BOOL, e.here))
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
    value = merging.yield_in(e, inside, lambda: e.materialize(val))
    first = e.uninitialized_before(loop, value.type)
    return Dynamic(_carry(e, loop, inside, value, first, name))


def _define_loop_locals(
    e: Emitter,
    loop: Node,
    inside: Branch,
    carried: dict[str, Any],
    assigned: Seq[str],
    lacking: set[str],
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
            and name not in lacking
            and not isinstance(val, Unusable)
            and type_of(val) is not None
            and not isinstance(val, Module)
        ):
            e.scope.set(name, _carry_value(e, loop, inside, val, name))
        elif (always and name not in lacking) or isinstance(val, Unusable):
            e.scope.set(name, val)
        else:
            e.scope.set(name, LoopLocal(e, loop, inside, val, name))


class LoopLocal(Unusable):
    """A variable that only a loop's body assigns; if the loop never runs, it does not exist."""

    __slots__ = ("carried", "inside", "loop", "name", "val")

    def __init__(self, e: Emitter, loop: Node, inside: Branch, val: Val, name: str) -> None:
        line = loop.source.line if loop.source is not None else 0
        super().__init__(
            f"undefined value: {name} is not defined on every path to here: the loop at line {line}, "
            f"which defines it, may run no iteration at all.\nGive '{name}' a value before the loop.",
            None,
        )
        self.loop, self.inside, self.val, self.name = loop, inside, val, name
        self.carried: tuple[Val, Val] | None = None

    def checked(self, e: Emitter) -> Val | None:
        """Its value behind a test, at run time, that the loop ran; None where that cannot be had here."""
        from . import generated

        block: Block | None = e.block
        while block is not None and block is not self.loop.block:
            block = block.parent
        if block is None or type_of(self.val) is None or isinstance(self.val, Module | Unusable):
            return None
        if self.carried is None:
            ran = Dynamic(_carry_flag(e, self.loop, self.inside, True))
            self.carried = _carry_value(e, self.loop, self.inside, self.val, self.name), ran
        value, flag = self.carried
        problem = f"cannot access local variable '{self.name}' where it is not associated with a value"
        generated.in_place(
            e,
            f"def check(ran):\n    if not ran:\n        raise UnboundLocalError({problem!r})",
            {"ran": flag},
        )
        return value

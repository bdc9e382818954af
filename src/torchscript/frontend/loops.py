"""Loops: over ranges, lists, tensors, dicts, strings; unrolled over what has known parts.

A loop whose iterations are known one by one (a tuple, a ModuleList, zip of such) is unrolled. A `for` over a
range with known bounds is a run-time loop, unless its body needs the index while compiling
(`self.layers[i]`); then it is unrolled too.
"""

from __future__ import annotations

import ast
import copy
import enum
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from .. import types as T
from ..ir.graph import Value
from . import conditions, expressions, growing, iterators, merging, nonlocals
from .control import assigned_names, discard, emit_if, run_steps
from .emitter import Emitter
from .outcomes import Outcome
from .problems import BecomesTensor, NeedsUnrolling
from .run_time_loops import emit_loop
from .scopes import Scope
from .values import (
    Attribute,
    Dynamic,
    Iterable,
    Iterator,
    Known,
    Mapping,
    Module,
    Sequence,
    Static,
    Unusable,
    Val,
    is_scalar_constant,
    known_of,
    type_of,
)

MAX_UNROLLED = 4096
MAX_UNROLLED_WHILE = 64


def static_items(e: Emitter, val: Val, known_lists: bool = False) -> list[Val] | None:
    """The parts of a value whose number is known while compiling; None for run-time lists and tensors.

    `known_lists`: also of a list of numbers or strings that is a module's attribute, as it is now.
    """
    if isinstance(val, Sequence):
        return val.items
    if isinstance(val, Module):
        return _module_items(e, val)
    if isinstance(val, Mapping):
        return [e.static(k) for k in val.items]
    if isinstance(val, Iterable):
        return _iterable_items(e, val, known_lists)
    type = type_of(val)
    if known_lists and isinstance(val, Attribute) and val.known is not None:
        obj = val.known.object
        if isinstance(obj, list) and is_scalar_constant(tuple(obj)):
            e.depend(val)
            return [e.static(o, val.known.dependencies) for o in obj]
    if isinstance(val, Static | Attribute) and isinstance(val.known.object if val.known else None, tuple):
        assert val.known is not None
        known = val.known
        if isinstance(type, T.TupleType) and isinstance(val, Attribute):
            outs = e.emit("prim::TupleUnpack", [e.materialize(val)], type.elements).outputs
            return [Dynamic(v, type_known) for v, type_known in zip(outs, _known_parts(val), strict=True)]
        return [e.static(o, known.dependencies) for o in known.object]
    if isinstance(val, Static | Attribute) and type is None and val.known is not None:
        obj = val.known.object
        if isinstance(obj, list | range | dict | set | frozenset | enum.EnumMeta):
            e.depend(val)
            return [e.static(o, val.known.dependencies) for o in obj]
    if isinstance(type, T.TupleType):
        value = e.materialize(val)
        outs = e.emit("prim::TupleUnpack", [value], type.elements).outputs
        return [Dynamic(v) for v in outs]
    return _of_a_display(e, val.value) if known_lists and isinstance(val, Dynamic) else None


_READING = frozenset(
    {"aten::__getitem__", "aten::len", "aten::cat", "aten::stack", "prim::ListUnpack", "aten::slice"}
)
"""What a list display may have gone through and still hold what it was written with."""


def _of_a_display(e: Emitter, value: Value) -> list[Val] | None:
    """The parts of `[a, b]` where the list that was made of it cannot have changed up to here."""
    node = value.node
    if node is None or node.kind != "prim::ListConstruct" or not node.inputs:
        return None
    if any(user.kind not in _READING for user, _ in value.users):
        return None
    block = e.block
    while block is not node.block:
        owner = block.owner
        if owner is None or owner.kind != "prim::If":
            return None
        block = owner.block
    return [Dynamic(v) for v in node.inputs]


def _known_parts(val: Attribute) -> list[Known]:
    assert val.known is not None
    return [Known(o, val.known.dependencies) for o in val.known.object]


def _module_items(e: Emitter, val: Module) -> list[Val] | None:
    module = val.module
    if isinstance(module, torch.nn.ModuleDict | torch.nn.ParameterDict):
        return [e.static(k) for k in module]
    if isinstance(module, torch.nn.ModuleList | torch.nn.Sequential) or (
        hasattr(module, "__iter__") and hasattr(module, "__len__")
    ):
        names = list(module._modules)
        if names or isinstance(module, torch.nn.ModuleList | torch.nn.Sequential):
            return [e.program.submodule(e, val, name) for name in names]
    if isinstance(module, torch.nn.ParameterList):
        from .attributes import attribute_of

        return [attribute_of(e, val, str(i), None) for i in range(len(module))]
    return None


def _iterable_items(e: Emitter, val: Iterable, known_lists: bool = False) -> list[Val] | None:
    if val.kind == "range":
        bounds = [known_of(p) for p in val.parts]
        if any(b is None for b in bounds):
            return None
        values = range(*(b.object for b in bounds if b is not None))
        if len(values) > MAX_UNROLLED:
            return None
        deps = tuple(d for b in bounds if b is not None for d in b.dependencies)
        return [e.static(i, deps) for i in values]
    parts = [static_items(e, p, known_lists) for p in (val.parts if val.kind == "zip" else val.parts[:1])]
    if val.kind == "zip":
        if any(p is None for p in parts):
            parts = _cut_to_known(e, val.parts, parts)
        if any(p is None for p in parts):
            return None
        return [Sequence(list(group)) for group in zip(*(p for p in parts if p is not None))]
    inner = parts[0]
    if inner is None:
        return None
    if val.kind == "enumerate":
        start = known_of(val.parts[1]) if len(val.parts) > 1 else None
        first = start.object if start is not None else 0
        return [Sequence([e.static(i + first), item]) for i, item in enumerate(inner)]
    if val.kind == "reversed":
        return inner[::-1]
    return None


def _cut_to_known(e: Emitter, values: list[Val], parts: list[list[Val] | None]) -> list[list[Val] | None]:
    """zip of modules, or of what no list can hold, with run-time lists: as many items of each list; it must have them."""
    known = [p for p in parts if p is not None]
    if not any(type_of(i) is None or isinstance(i, Module) for p in known for i in p):
        if all(len({str(type_of(i)) for i in p}) == 1 for p in known):
            return parts
    if not all(isinstance(type_of(v), T.ListType) for v, p in zip(values, parts, strict=True) if p is None):
        return parts
    count = min(len(p) for p in known)
    cut: list[list[Val] | None] = []
    for value, part in zip(values, parts, strict=True):
        if part is None:
            items = Dynamic(e.materialize(value))
            part = [Dynamic(e.call("aten::__getitem__", [items, e.static(i)])) for i in range(count)]
        cut.append(part)
    return cut


class Plan:
    """How a run-time loop goes: how many iterations, and the value of each."""

    def __init__(self, length: Value, item: Callable[[Emitter, Value], Val], nonempty: bool = False) -> None:
        self.length = length
        self.item = item
        self.nonempty = nonempty


def plan_of(e: Emitter, val: Val, node: ast.AST) -> Plan:
    """The run-time iteration over a value."""
    if isinstance(val, Iterator):
        val = iterators.drained(e, val)
    if isinstance(val, Iterable):
        return _iterable_plan(e, val, node)
    type = type_of(val)
    if isinstance(type, T.OptionalType):
        raise e.error(
            f"A value that may be None ({type.annotation()}) cannot be iterated.",
            node,
            "Check it first with 'if … is not None' or 'assert … is not None'.",
        )
    if isinstance(type, T.ListType | T.StringType):
        value = e.materialize(val, node)
        length = e.call("aten::len", [Dynamic(value)])
        return Plan(length, lambda e, i: Dynamic(e.call("aten::__getitem__", [Dynamic(value), Dynamic(i)])))
    if isinstance(type, T.TensorType):
        value = e.materialize(val, node)
        length = e.call("aten::len", [Dynamic(value)])
        return Plan(
            length, lambda e, i: Dynamic(e.call("aten::select", [Dynamic(value), e.static(0), Dynamic(i)]))
        )
    if isinstance(type, T.DictType):
        keys = e.call("aten::keys", [val])
        return plan_of(e, Dynamic(keys), node)
    items = static_items(e, val)
    if items is not None:
        types = {str(type_of(i)) for i in items}
        if len(types) == 1 and "None" not in types:
            return plan_of(e, Dynamic(e.build_list(items, node)), node)
        raise e.error(
            "Things of different kinds are iterated together with a value whose length is known only at run time.",
            node,
        )
    raise e.error(f"{val.subject()} cannot be iterated.", node)


def _iterable_plan(e: Emitter, val: Iterable, node: ast.AST) -> Plan:
    if val.kind == "range":
        bounds = [e.coerce(_as_int(e, p), T.INT, node, "an argument of range") for p in val.parts]
        known = [known_of(p) for p in val.parts]
        nonempty = all(k is not None for k in known) and len(range(*(k.object for k in known if k))) > 0
        if len(bounds) == 1:
            return Plan(bounds[0], lambda e, i: Dynamic(i), nonempty)
        start, stop = bounds[0], bounds[1]
        step = bounds[2] if len(bounds) > 2 else e.constant(1, T.INT)
        length = e.call("aten::__range_length", [Dynamic(start), Dynamic(stop), Dynamic(step)])
        return Plan(
            length,
            lambda e, i: Dynamic(e.call("aten::__derive_index", [Dynamic(i), Dynamic(start), Dynamic(step)])),
            nonempty,
        )
    if val.kind == "enumerate":
        inner = plan_of(e, val.parts[0], node)
        start_val = val.parts[1] if len(val.parts) > 1 else e.static(0)

        def numbered(e: Emitter, i: Value) -> Val:
            known = known_of(start_val)
            index = (
                i if known is not None and known.object == 0 else e.call("aten::add", [Dynamic(i), start_val])
            )
            return Sequence([Dynamic(index), inner.item(e, i)])

        return Plan(inner.length, numbered)
    if val.kind == "zip":
        plans = [plan_of(e, p, node) for p in val.parts]
        length = plans[0].length
        for other in plans[1:]:
            length = e.call("prim::min", [Dynamic(length), Dynamic(other.length)])
        return Plan(length, lambda e, i: Sequence([p.item(e, i) for p in plans]))
    if val.kind == "reversed":
        inner = plan_of(e, val.parts[0], node)
        last = e.call("aten::sub", [Dynamic(inner.length), e.static(1)])
        return Plan(
            inner.length, lambda e, i: inner.item(e, e.call("aten::sub", [Dynamic(last), Dynamic(i)]))
        )
    raise e.error(f"'{val.kind}' cannot be iterated.", node)


def _as_int(e: Emitter, val: Val) -> Val:
    if isinstance(type_of(val), T.TensorType):
        return Dynamic(e.call("aten::IntImplicit", [val]))
    return val


def prefers_unrolling(e: Emitter, val: Val) -> bool:
    """Whether a loop over `val` is always unrolled: its parts may differ in type or are not data."""
    if isinstance(val, Iterable):
        if val.kind == "range":
            return False
        return (
            all(prefers_unrolling(e, p) for p in val.parts[:1])
            if val.kind != "zip"
            else (any(prefers_unrolling(e, p) for p in val.parts) and static_items(e, val) is not None)
        )
    type = type_of(val)
    return isinstance(val, Sequence | Module | Mapping) or isinstance(type, T.TupleType) or type is None


def _with_flag(e: Emitter, node: ast.For | ast.While) -> Outcome:
    """`for …: … break … else: …`: a flag that `break` sets decides whether `else` runs."""
    from . import statements

    flag = f"broken at line {node.lineno}"

    class Breaks(ast.NodeTransformer):
        def visit_Break(self, found: ast.Break) -> list[ast.stmt]:
            note = ast.Assign([ast.Name(flag, ast.Store())], ast.Constant(True))
            return [ast.fix_missing_locations(ast.copy_location(note, found)), found]

        def visit_For(self, found: ast.For) -> ast.For:  # its breaks are its own
            return found

        def visit_While(self, found: ast.While) -> ast.While:
            return found

        def visit_FunctionDef(self, found: ast.FunctionDef) -> ast.FunctionDef:
            return found

    body = [s for statement in copy.deepcopy(node.body) for s in _listed(Breaks().visit(statement))]
    loop: ast.For | ast.While = copy.copy(node)
    loop.body, loop.orelse = body, []
    test = ast.UnaryOp(ast.Not(), ast.Name(flag, ast.Load()))
    choice = ast.fix_missing_locations(ast.copy_location(ast.If(test, node.orelse, []), node))
    e.scope.set(flag, e.static(False))
    before = [s for s in node.orelse if _gives_first_value(e, s)]
    return statements.run_body(e, [*before, loop, choice])


def _gives_first_value(e: Emitter, node: ast.stmt) -> bool:
    """`found = None` in `else`, for what else only the loop assigns: before the loop it says what the name holds."""
    if not isinstance(node, ast.Assign) or not all(isinstance(t, ast.Name) for t in node.targets):
        return False
    constants = (ast.Constant, ast.UnaryOp, ast.USub, ast.Tuple, ast.Load)
    if not all(isinstance(n, constants) for n in ast.walk(node.value)):
        return False
    return all(e.scope.get(t.id) is None for t in node.targets if isinstance(t, ast.Name))


def _listed(found: Any) -> list[ast.stmt]:
    return found if isinstance(found, list) else [found]


def _breaks(node: ast.For | ast.While) -> bool:
    return bool(node.orelse) and any(isinstance(n, ast.Break) for s in node.body for n in ast.walk(s))


def emit_for(e: Emitter, node: ast.For) -> Outcome:
    """A `for` statement."""
    from . import statements

    if _breaks(node):
        return _with_flag(e, node)
    growing_loop = growing.over_changing_list(e, node)
    if growing_loop is not None:
        return growing_loop
    iterators.refuse_half_read(e, node)
    iterable = expressions.emit(e, node.iter)
    e.node = node
    if isinstance(iterable, Unusable):
        raise e.error(iterable.reason, node.iter)
    if isinstance(iterable, Iterator) and iterable.rest is not None:
        return iterators.emit_for(e, node, iterable)

    def body_for(item: Val) -> Outcome:
        e.node = node
        statements.assign(e, node.target, item)
        return statements.run_body(e, node.body)

    if prefers_unrolling(e, iterable):
        items = static_items(e, iterable)
        if isinstance(iterable, Iterator):
            items = iterators.taken_by_loop(e, node, iterable)
        if items is not None:
            return _finish(e, node, _unrolled(e, items, body_for))
    mark, scope = len(e.block.nodes), e.scope
    e.scope = Scope(scope)
    may_unroll = _has_known_length(iterable)
    e.looping += may_unroll
    try:
        plan = plan_of(e, iterable, node.iter)
        names = _targets(e, node)
        outcome = emit_loop(
            e, plan.length, names, None, lambda i: body_for(plan.item(e, i)), runs_at_least_once=plan.nonempty
        )
        e.looping -= may_unroll
    except NeedsUnrolling as problem:
        e.looping -= may_unroll
        discard(e.block, mark)
        e.scope = scope
        if isinstance(problem, BecomesTensor):
            return _finish(e, node, _peeled(e, node, iterable, body_for))
        items = static_items(e, iterable, known_lists=True)
        if items is None:
            raise
        e.node = node
        return _finish(e, node, _unrolled(e, items, body_for))
    inner, e.scope = e.scope, scope
    for name, val in inner.names.items():
        scope.set(name, val)
    return _finish(e, node, outcome)


def _has_known_length(val: Val) -> bool:
    """Whether a loop over `val` could be unrolled."""
    if isinstance(val, Iterable):
        return (
            all(map(_has_known_length, val.parts)) if val.kind != "range" else all(map(known_of, val.parts))
        )
    return known_of(val) is not None or isinstance(val, Sequence | Module | Mapping)


def _peeled(e: Emitter, node: ast.For, iterable: Val, body: Callable[[Val], Outcome]) -> Outcome:
    """The first iteration by itself, since it makes Tensors of numbers, then the loop over the others.

    Where there is no iteration at all, the number is a Tensor afterwards all the same: a variable has one type.
    """
    saved, taken = e.pending_rest, e.rest_taken
    e.pending_rest = ()
    plan = plan_of(e, iterable, node.iter)
    names = _targets(e, node)
    before = {name: val for name in names if (val := e.scope.get(name)) is not None and _is_number(val)}
    changed: list[str] = []

    def first() -> Outcome:
        partial, e.partial = e.partial, set()
        outcome = body(plan.item(e, e.constant(0, T.INT)))
        merging.forget_partial(e, partial)
        outcome.continues = False
        return outcome

    def others() -> Outcome:
        fewer = e.call("aten::sub", [Dynamic(plan.length), e.static(1)])

        def following(i: Value) -> Outcome:
            return body(plan.item(e, e.call("aten::add", [Dynamic(i), e.static(1)])))

        return emit_loop(e, fewer, names, None, following)

    def iterations() -> Outcome:
        e.promoting += 1
        try:
            outcome = run_steps(e, [first, others])
        finally:
            e.promoting -= 1
        changed.extend(n for n in before if isinstance(_type_of(e.scope.get(n)), T.TensorType))
        if outcome.breaks is True and outcome.returns is False:
            return Outcome()
        outcome.breaks = False
        return outcome

    def none() -> Outcome:
        for name in changed:
            e.scope.set(name, e.call_operator("aten::tensor", [before[name]], {}, "tensor"))
        return Outcome()

    if plan.nonempty:
        outcome = iterations()
    else:
        some = e.call("aten::gt", [Dynamic(plan.length), e.static(0)])
        outcome = emit_if(e, some, iterations, none)
    e.pending_rest, e.rest_taken = saved, taken
    return outcome


def _is_number(val: Val | None) -> bool:
    return isinstance(_type_of(val), T.IntType | T.FloatType)


def _type_of(val: Val | None) -> T.Type | None:
    return type_of(val) if val is not None else None


def _targets(e: Emitter, node: ast.For | ast.While) -> list[str]:
    names = assigned_names(node.body)
    names += [name for name in nonlocals.may_be_assigned(e, node) if name not in names]
    if isinstance(node, ast.For):
        for target in ast.walk(node.target):
            if isinstance(target, ast.Name) and target.id not in names:
                names.append(target.id)
    return names


def _finish(e: Emitter, node: ast.For | ast.While, outcome: Outcome) -> Outcome:
    """The loop's own `break` and `continue` end with it; an `else` runs if there was no break."""
    from . import statements

    if node.orelse and outcome.falls:
        return statements.run_body(e, node.orelse)
    return outcome


def _unrolled(e: Emitter, items: list[Val], body: Callable[[Val], Outcome]) -> Outcome:
    """The iterations one after the other."""
    saved, taken = e.pending_rest, e.rest_taken
    here = e.node

    def iteration(item: Val) -> Outcome:
        e.node = here
        e.pending_rest = ()
        partial, e.partial = e.partial, set()
        outcome = body(item)
        merging.forget_partial(e, partial)
        outcome.continues = False
        return outcome

    if len(items) > MAX_UNROLLED:
        raise e.error(f"The loop would be unrolled {len(items)} times.")
    outcome = run_steps(e, [partial(iteration, item) for item in items])
    e.pending_rest, e.rest_taken = saved, taken
    if outcome.breaks is True and outcome.returns is False:
        return Outcome()
    outcome.breaks = False
    return outcome


def emit_while(e: Emitter, node: ast.While) -> Outcome:
    """A `while` statement."""
    from . import statements

    if _breaks(node):
        return _with_flag(e, node)
    if any(isinstance(n, ast.NamedExpr) for n in ast.walk(node.test)):
        return _tested_inside(e, node)
    names = _targets(e, node)

    def condition() -> Value:
        e.node = node
        result = conditions.emit(e, node.test)
        if result.static is not None:
            return e.constant(result.static, T.BOOL)
        assert result.value is not None
        return result.value

    def body(index: Value) -> Outcome:
        result = _silently(e, node.test)
        if result is not None:
            result.apply(e, True)
        return statements.run_body(e, node.body)

    infinite = isinstance(node.test, ast.Constant) and bool(node.test.value)
    mark, block, scope = len(e.block.nodes), e.block, e.scope
    e.scope = Scope(scope)
    try:
        outcome = emit_loop(e, None, names, condition, body, runs_at_least_once=infinite)
    except NeedsUnrolling as problem:
        discard(block, mark)
        e.block, e.scope, e.node = block, scope, node
        return _finish(e, node, _unrolled_while(e, node, problem))
    after, e.scope = e.scope, scope
    scope.names.update(after.names)
    return _finish(e, node, outcome)


def _tested_inside(e: Emitter, node: ast.While) -> Outcome:
    """A loop whose test binds names: the test is the beginning of every iteration.

    while (n := n - 1) > 0:              while True:
        total += n               →           if not (n := n - 1) > 0: break
                                             total += n
    """
    from . import statements

    leave = ast.If(ast.UnaryOp(ast.Not(), node.test), [ast.Break()], [])
    loop = ast.While(ast.Constant(True), [leave, *node.body], [])
    for made in (leave, loop):
        ast.copy_location(made, node)
    return statements.run_body(e, [ast.fix_missing_locations(loop), *node.orelse])


def _unrolled_while(e: Emitter, node: ast.While, problem: NeedsUnrolling) -> Outcome:
    """A loop whose condition is known each time: `while hasattr(self, str(i))`."""
    from . import statements

    saved, taken = e.pending_rest, e.rest_taken
    e.pending_rest = ()

    def iteration(count: int) -> Outcome:
        test = conditions.emit(e, node.test)
        if test.static is None or count > MAX_UNROLLED_WHILE:
            raise problem
        if not test.static:
            return Outcome()
        return run_steps(e, [once, partial(iteration, count + 1)])

    def once() -> Outcome:
        partial, e.partial = e.partial, set()
        outcome = statements.run_body(e, node.body)
        merging.forget_partial(e, partial)
        outcome.continues = False
        return outcome

    outcome = iteration(0)
    e.pending_rest, e.rest_taken = saved, taken
    if outcome.breaks is True and outcome.returns is False:
        return Outcome()
    outcome.breaks = False
    return outcome


def _silently(e: Emitter, test: ast.expr) -> conditions.Condition | None:
    """What a loop's condition says about types inside the body (without evaluating it a second time)."""
    if not any(isinstance(n, ast.Is | ast.IsNot | ast.Call) for n in ast.walk(test)):
        return None
    mark = len(e.block.nodes)
    try:
        result = conditions.emit(e, test)
    except Exception:
        return None

    discard(e.block, mark)
    return result

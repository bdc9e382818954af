"""Where two paths meet: the variables, exit flags and returned values of both, as outputs of one `prim::If`."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import types as T
from ..ir.graph import Node, Value
from ..schema.reasons import describe
from .outcomes import Branch, Flag
from .pending import resolve_pending
from .values import (
    Dynamic,
    Instance,
    Iterator,
    Mapping,
    Module,
    Sequence,
    Static,
    Unusable,
    Val,
    same,
    type_of,
)

if TYPE_CHECKING:
    from .emitter import Emitter


def yield_in(e: Emitter, branch: Branch, body: Callable[[], Value]) -> Value:
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


def join_flag(e: Emitter, node: Node, a: Branch, b: Branch, name: str) -> Flag:
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
        return yield_in(e, branch, lambda: e.block.constant(flag, T.BOOL, e.here))

    return _output(e, node, a, b, value(a, fa), value(b, fb), T.BOOL, None)


def uninitialized(e: Emitter, branch: Branch, type: T.Type) -> Value:
    return yield_in(e, branch, lambda: e.emit("prim::Uninitialized", [], [type]).output)


def join_returned(e: Emitter, node: Node, a: Branch, b: Branch) -> Val:
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

    def of_parts(parts: dict[Any, Val]) -> dict[Any, Val]:
        return {key: _one_sided(e, node, a, b, part, in_a) for key, part in parts.items()}

    if isinstance(given, Instance):
        return Instance(given.cls, of_parts(given.attributes), e.block, of_parts(given.lazy))
    if isinstance(given, Mapping):
        return Mapping(of_parts(given.items), e.block)
    if isinstance(given, Iterator):
        parts = of_parts({"rest": given.rest} if given.rest is not None else dict(enumerate(given.items)))
        rest = parts.get("rest")
        return (
            Iterator([], rest, e.block)
            if isinstance(rest, Dynamic)
            else Iterator([*parts.values()], None, e.block)
        )
    if type_of(given) is None:
        return given
    has, lacks = (a, b) if in_a else (b, a)
    value = yield_in(e, has, lambda: e.materialize(given))
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


def join_variable(e: Emitter, node: Node, a: Branch, b: Branch, name: str) -> Val:
    va, vb = a.scope.get(name), b.scope.get(name)
    fallen_a, fallen_b = (
        not a.outcome.dead and a.outcome.returns is not True,
        (not b.outcome.dead and b.outcome.returns is not True),
    )
    if va is not None and vb is not None:
        known = _same_known(va, vb)
        if known is not None:
            return known
    if e.finalizing:  # what is returned passes through a `finally`, which may read variables
        fallen_a, fallen_b = not a.outcome.dead, not b.outcome.dead
    if (e.catching is not None or e.finalizing) and _is_absent(va) != _is_absent(vb):
        left = (a if _is_absent(va) else b).outcome
        if left.raises is True:  # the handler may not read it
            e.catching.partial.add(name)
        if left.raises is True or left.continues is True:
            fallen_a, fallen_b = not _is_absent(va), not _is_absent(vb)

    if _is_absent(va) != _is_absent(vb) and "." not in name:
        without = a if _is_absent(va) else b
        if without.left or without.outcome.breaks is True or without.outcome.continues is True:
            e.partial.add(name)  # nothing reads it before the loop's next iteration or end
            fallen_a, fallen_b = not _is_absent(va), not _is_absent(vb)
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
        return Unusable(problem.reason, e.where(), is_data=_only_data(va, vb))


def join_walrus(e: Emitter, node: Node, a: Branch, b: Branch, name: str) -> Val:
    """A name that one side of `and` or `or` binds; where nothing else did, the other side leaves it uninitialized."""
    va, vb = a.scope.get(name), b.scope.get(name)
    given = vb if _is_absent(va) else va
    if given is not None and _is_absent(va) != _is_absent(vb):
        return _one_sided(e, node, a, b, given, given is va)
    return join_variable(e, node, a, b, name)


def forget_partial(e: Emitter, before: set[str]) -> None:
    """At the end of an iteration: what a path that left did not define has no value any more."""
    for name in e.partial:
        reason = f"undefined value: {name} is not defined on every path to here: a 'break' or 'continue' comes before it."
        e.scope.set(
            name, Unusable(f"{reason}\nGive '{name}' a value before the loop.", None, is_undefined=True)
        )
    e.partial = before


def _is_absent(val: Val | None) -> bool:
    return val is None or isinstance(val, Unusable)


def _only_data(*values: Val) -> bool:
    """Whether all values are data in which there is no Tensor."""
    types = [type_of(v) for v in values]
    return all(t is not None and not any(isinstance(p, T.TensorType) for p in t.walk()) for t in types)


class _CannotMerge(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _undefined(e: Emitter, name: str, node: Node, in_then: bool | None = None) -> Unusable:
    if in_then is None:
        return Unusable(f"The name '{name}' is not defined here.", e.where(), is_undefined=True)
    line = node.source.line if node.source is not None else 0
    side = "when the condition is true" if in_then else "when the condition is false"
    return Unusable(
        f"undefined value: {name} is not defined on every path to here: the 'if' at line {line} defines it only {side}.\n"
        f"Give '{name}' a value before the 'if', or on its other side too.",
        e.where(),
        is_undefined=True,
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
    if isinstance(va, Instance) and isinstance(vb, Instance):
        own, others = (_attributes(e, given, [*va.attributes, *vb.attributes]) for given in (va, vb))
        if va.cls is vb.cls and own.keys() == others.keys():
            merged_parts = {
                k: _same_known(x, others[k]) or _merge(e, node, a, b, x, others[k], what, where)
                for k, x in own.items()
            }
            return Instance(va.cls, merged_parts, e.block)
    ta, tb = type_of(va), type_of(vb)
    if ta is None or tb is None or isinstance(va, Module) or isinstance(vb, Module):
        _fail(
            e,
            what,
            where,
            f"is {va.describe()} on one path and {vb.describe()} on the other, and only one of them can be compiled in",
        )
    left = yield_in(e, a, lambda: e.materialize(va))
    right = yield_in(e, b, lambda: e.materialize(vb))
    if e.promoting:
        left, right = _promoted(e, a, left, right.type), _promoted(e, b, right, left.type)
    common = merge_types(left.type, right.type)
    if declared is not None:
        common = declared
    if common is None and isinstance(where, ast.Return) and _differ_in_shape(left.type, right.type):
        common = T.union(left.type, right.type)  # `return x, weights` here and `return x` there
    if common is None and name is not None:
        common = annotated(e, name, left.type, right.type)
    if common is None:
        common = _fits_literal(left, right) or _fits_literal(right, left)
    if common is None and what == "returned" and where is None:
        raise e.error(
            f"This is {describe(left.type)} or {describe(right.type)}, as a run decides; a value has one type.",
            None,
            "Make both sides of one type, such as 'xs[0] if xs else 0' or 'float(n)'.",
        )
    if common is None and what == "returned":
        raise e.error(
            f"Type mismatch: {describe(left.type)} is returned on one path, and {describe(right.type)} on another; "
            "a function returns one type.",
            where,
        )
    if common is None:
        _fail(
            e,
            what,
            where,
            f"is set to type {left.type.annotation()} in the true branch and type "
            f"{right.type.annotation()} in the false branch; a variable has one type",
        )
    assert common is not None
    ca = yield_convert(e, a, left, common)
    cb = yield_convert(e, b, right, common)
    if ca is None or cb is None:
        bad = left.type if ca is None else right.type
        if what == "returned" and isinstance(bad, T.NoneType):
            raise e.error(
                f"The function can end without returning anything, but it is declared to return {describe(common)}.",
                where,
                "Put a 'return' (or a 'raise') on every path.",
            )
        _fail(e, what, where, f"is {describe(bad)}, but {describe(common)} is asked for")
    assert ca is not None and cb is not None
    if isinstance(common, T.ListType):
        from . import returned

        for given, made, other in ((left, ca, right), (right, cb, left)):  # (1, 2) here, tuple(xs) there
            if isinstance(given.type, T.TupleType) and returned.stands_for_tuple(e, Dynamic(other)):
                returned.run_time_tuple(e, Dynamic(made))
    return Dynamic(_output(e, node, a, b, ca, cb, common, name or left.name))


def _attributes(e: Emitter, val: Instance, names: list[str]) -> dict[str, Val]:
    """Attributes of an object, those of its class among them that another object has as its own."""
    of_class = {n: getattr(val.cls, n, None) for n in names if n not in val.attributes}
    plain = {n: e.static(v) for n, v in of_class.items() if isinstance(v, bool | int | float | str)}
    return {**val.attributes, **plain}


def annotated(e: Emitter, name: str, *types: T.Type) -> T.Type | None:
    """The annotation of a variable, if values of these types are values of it: an interface, a Union."""
    declared = e.declared.get(name)
    fit = declared is not None and all(type.is_subtype_of(declared) for type in types)
    return declared if fit else None


def _fits_literal(literal: Value, other: Value) -> T.Type | None:
    """The type of `other`, where a list display can be of it: `[1, 2] if c else optional_ints`."""
    made = literal.node is not None and literal.node.kind == "prim::ListConstruct"
    if not made or literal.name is not None or literal.users:
        return None
    if isinstance(literal.type, T.ListType) and isinstance(other.type, T.ListType):
        if literal.type.element.is_subtype_of(other.type.element):
            return other.type
    return None


def _differ_in_shape(a: T.Type, b: T.Type) -> bool:
    """Whether one is a tuple, list or dict and the other is not, or has another length; and tensors are in them."""
    members = [m for t in (a, b) for m in (t.members if isinstance(t, T.UnionType) else (t,))]
    shapes = {(type(m), len(m.contained) if isinstance(m, T.TupleType) else 0) for m in members}
    containers = any(isinstance(m, T.TupleType | T.ListType | T.DictType) for m in members)
    numbers = any(isinstance(m, T.IntType | T.FloatType | T.BoolType | T.StringType) for m in members)
    return containers and len(shapes) == len(members) and not numbers


def _promoted(e: Emitter, branch: Branch, value: Value, other: T.Type) -> Value:
    """A number as a Tensor, where the other path has a Tensor, in a loop that makes one of it (loops.py)."""
    if not isinstance(value.type, T.IntType | T.FloatType) or not isinstance(other, T.TensorType):
        return value
    return yield_in(e, branch, lambda: e.call("aten::tensor", [Dynamic(value)]))


def yield_convert(e: Emitter, branch: Branch, value: Value, type: T.Type) -> Value | None:
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

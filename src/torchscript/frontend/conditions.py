"""Conditions: what an expression says where a bool is asked for, and what each answer tells about variables.

    if x is not None and isinstance(y, str):    # below here x is not Optional, and y is a str

A condition that is known while compiling selects one side, and the other side is not compiled at all.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from .. import types as T
from ..ir.graph import Value
from . import merging
from .builtins import inspection, registry
from .control import run_branch
from .emitter import Emitter
from .outcomes import Branch, Outcome
from .scopes import Scope
from .values import Attribute, Dynamic, Known, Module, Sequence, Static, Unusable, Val, known_of, type_of

Refinements = dict[str, T.Type]


@dataclass(slots=True)
class Condition:
    """`static` where the answer is known, otherwise `value`; `when_true` and `when_false` are refined types of names.

    `bound` are names that `:=` bound in a part that is only reached on the way to the answer `bound_when`.
    """

    static: bool | None = None
    value: Value | None = None
    when_true: Refinements = field(default_factory=dict)
    when_false: Refinements = field(default_factory=dict)
    bound: dict[str, Val] = field(default_factory=dict)
    bound_when: bool = True

    def apply(self, e: Emitter, truth: bool) -> None:
        """Refine the variables of the present scope by this condition's having been `truth`."""
        if truth is self.bound_when:
            e.scope.names.update(self.bound)
        for name, type in (self.when_true if truth else self.when_false).items():
            refine(e, name, type)

    def negated(self, value: Value | None) -> Condition:
        static = None if self.static is None else not self.static
        return Condition(static, value, self.when_false, self.when_true, self.bound, not self.bound_when)


def refine(e: Emitter, name: str, type: T.Type) -> None:
    """From here on the variable (or attribute path) `name` is a `type`."""
    val = e.scope.get(name)
    if val is None or isinstance(val, Unusable):
        if "." not in name:
            return
        val = e.emit_path(name)
    current = type_of(val)
    if current is None or current == type or isinstance(val, Module):
        return
    if isinstance(type, T.NoneType):
        e.scope.set(name, e.none())
        return
    value = e.materialize(val)
    out = e.emit("prim::unchecked_cast", [value], [type]).output
    out.name = name if "." not in name else None
    e.scope.set(name, Dynamic(out))


def emit(e: Emitter, node: ast.expr) -> Condition:
    """The condition that an expression stands for."""
    e.node = node
    if isinstance(node, ast.BoolOp):
        return _bool_op(e, node.values, isinstance(node.op, ast.And))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        inner = emit(e, node.operand)
        if inner.static is not None:
            return inner.negated(None)
        assert inner.value is not None
        e.node = node
        return inner.negated(e.call("aten::__not__", [Dynamic(inner.value)]))
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.Is | ast.IsNot):
        found = _identity(e, node)
        if found is not None:
            return found
    if isinstance(node, ast.Call):
        found = _isinstance(e, node)
        if found is not None:
            return found
    from . import expressions

    val = expressions.emit(e, node)
    e.node = node
    condition = of_value(e, val, node)
    type = type_of(val)
    if isinstance(type, T.OptionalType):
        path = path_of(node)
        if path is not None:
            condition.when_true = {path: type.element}
    return condition


def path_of(node: ast.expr) -> str | None:
    """`x` or `self.a.b` as text, for expressions whose refined type is remembered."""
    inner = node
    while isinstance(inner, ast.Attribute):
        inner = inner.value
    if isinstance(node, ast.NamedExpr):
        return node.target.id
    return ast.unparse(node) if isinstance(inner, ast.Name) else None


def of_value(e: Emitter, val: Val, node: ast.AST | None = None) -> Condition:
    """The truth of a value."""
    known = known_of(val)
    if known is not None and not _is_tensor(known):
        if isinstance(known.object, list | dict | set) and isinstance(val, Attribute):
            pass
        else:
            try:
                truth = bool(known.object)
            except Exception:
                raise e.error("This has no truth value.", node) from None
            e.depend(val)
            return Condition(static=truth)
    if isinstance(val, Module):
        return Condition(static=len(val.module) > 0 if hasattr(val.module, "__len__") else True)  # type: ignore[arg-type]
    if isinstance(val, Sequence):
        return Condition(static=bool(val.items))
    if isinstance(val, Static) and val.type is None:
        return Condition(static=bool(val.object))
    type = type_of(val)
    if isinstance(val, Unusable):
        raise e.error(val.reason, node)
    if type is None:
        return Condition(static=True)
    value = e.materialize(val, node)
    return Condition(value=truth_of(e, value, node))


def _is_tensor(known: Known) -> bool:
    import torch

    return isinstance(known.object, torch.Tensor)


def truth_of(e: Emitter, value: Value, node: ast.AST | None = None) -> Value:
    """`bool(value)` by Python's rules."""
    type = value.type
    if isinstance(type, T.BoolType):
        return value
    from . import methods

    if isinstance(type, T.IntType | T.FloatType | T.TensorType | T.NumberType | T.ComplexType):
        return e.call("aten::Bool", [Dynamic(value)])
    if isinstance(type, T.StringType | T.ListType | T.DictType):
        length = e.call("aten::len", [Dynamic(value)])
        return e.call("aten::gt", [Dynamic(length), e.static(0)])
    if isinstance(type, T.TupleType):
        return e.constant(bool(type.elements), T.BOOL)
    if isinstance(type, T.OptionalType):
        present = e.call("aten::__isnot__", [Dynamic(value), e.none()])
        branch = e.emit("prim::If", [present])
        yes, no = branch.add_block(), branch.add_block()
        block = e.block
        e.block = yes
        inner = e.emit("prim::unchecked_cast", [value], [type.element]).output
        yes.add_output(truth_of(e, inner, node))
        e.block = no
        no.add_output(e.constant(False, T.BOOL))
        e.block = block
        return branch.add_output(T.BOOL)
    if isinstance(type, T.ClassType) and not type.is_module:
        for method in ("__bool__", "__len__"):
            if e.program.class_method(type, method) is not None:
                found = methods.call_class_method(e, Dynamic(value), method, [], {})
                return truth_of(e, e.materialize(found), node)
    if isinstance(type, T.ClassType | T.DeviceType):
        return e.constant(True, T.BOOL)
    raise e.error(f"A {type.annotation()} cannot be a condition.", node)


def _bool_op(e: Emitter, values: list[ast.expr], is_and: bool) -> Condition:
    """`a and b`: b is only evaluated, and only compiled, where a is true."""
    first = emit(e, values[0])
    if len(values) == 1:
        return first
    if first.static is not None:
        if first.static is not is_and:
            return first
        first.apply(e, is_and)
        rest = _bool_op(e, values[1:], is_and)
        return _combined(rest.static, rest.value, first, rest, is_and)
    assert first.value is not None
    names = walrus_names(values[1:])
    node = e.emit("prim::If", [first.value])
    then, otherwise = Branch(node.add_block(), Scope(e.scope)), Branch(node.add_block(), Scope(e.scope))
    runs, skips = (then, otherwise) if is_and else (otherwise, then)
    rest = Condition()

    def evaluate() -> Outcome:
        nonlocal rest

        first.apply(e, is_and)
        rest = _bool_op(e, values[1:], is_and)
        value = rest.value if rest.value is not None else e.constant(rest.static, T.BOOL)
        runs.block.add_output(value)
        return Outcome()

    run_branch(e, runs, evaluate)
    skips.block.add_output(skips.block.constant(not is_and, T.BOOL, e.here))
    if rest.static is not None and rest.static is is_and and not rest.when_true and not rest.when_false:
        return Condition(None, node.add_output(T.BOOL), first.when_true, first.when_false)  # `a and True`
    value = node.add_output(T.BOOL)
    if rest.static is not None and rest.static is not is_and:
        return Condition(static=not is_and)
    combined = _combined(None, value, first, rest, is_and)
    combined.bound_when = is_and
    if rest.bound_when is is_and:
        runs.scope.names.update(rest.bound)
    for name in names:
        before, now = e.scope.get(name), runs.scope.names.get(name)
        if now is None or now is before:
            continue
        joined = merging.join_walrus(e, node, then, otherwise, name)
        if before is None or isinstance(before, Unusable):
            combined.bound[name] = joined
        else:
            e.scope.set(name, joined)
    return combined


def walrus_names(nodes: list[ast.expr]) -> dict[str, None]:
    """The names that `:=` binds somewhere in the expressions."""
    found = (n.target.id for node in nodes for n in ast.walk(node) if isinstance(n, ast.NamedExpr))
    return dict.fromkeys(found)


def _combined(
    static: bool | None, value: Value | None, a: Condition, b: Condition, is_and: bool
) -> Condition:
    both = {**(a.when_true if is_and else a.when_false), **(b.when_true if is_and else b.when_false)}
    first, second = (a.when_false, b.when_false) if is_and else (a.when_true, b.when_true)
    either = {  # `isinstance(x, int) or isinstance(x, float)`
        name: T.union(type, second[name]) for name, type in first.items() if name in second
    }
    return Condition(static, value, both if is_and else either, either if is_and else both)


def _identity(e: Emitter, node: ast.Compare) -> Condition | None:
    """`x is None`, `x is not None`, `x is True`, and identity of known objects."""
    from . import expressions

    left = expressions.emit(e, node.left)
    right = expressions.emit(e, node.comparators[0])
    negative = isinstance(node.ops[0], ast.IsNot)
    e.node = node
    if _is_none(left) and not _is_none(right):
        left, right = right, left
        tested: ast.expr = node.comparators[0]
    else:
        tested = node.left
    if _is_none(right):
        return none_test(e, left, path_of(tested), negative)
    known_left, known_right = known_of(left), known_of(right)
    if isinstance(left, Module) and isinstance(right, Module):
        return Condition(static=(left.module is right.module) is not negative)
    if known_left is not None and known_right is not None:
        e.depend(left)
        e.depend(right)
        a, b = known_left.object, known_right.object
        interned = type(a) is type(b) and type(a) in (str, int) and a == b  # as Python does with literals
        return Condition(static=(a is b or interned) is not negative)
    lt, rt = type_of(left), type_of(right)
    if lt is None or rt is None:
        return Condition(static=negative)
    name = "aten::__isnot__" if negative else "aten::__is__"
    if (isinstance(lt, T.BoolType) and isinstance(rt, T.BoolType)) or isinstance(lt, T.EnumType):
        return Condition(value=e.call("aten::ne" if negative else "aten::eq", [left, right]))
    return Condition(value=e.call(name, [left, right]))


def _is_none(val: Val) -> bool:
    return isinstance(val, Static) and val.object is None


def none_test(e: Emitter, val: Val, path: str | None, negative: bool) -> Condition:
    """`val is None` (or `is not None`): static unless the type is Optional, a Union with None, or Any."""
    type = type_of(val)
    if isinstance(val, Unusable):
        raise e.error(val.reason)
    if isinstance(type, T.NoneType):
        e.depend(val) if known_of(val) is not None else None
        return Condition(static=not negative)
    if isinstance(type, T.OptionalType | T.AnyType) or (
        isinstance(type, T.UnionType) and T.NONE in type.members
    ):
        value = e.materialize(val)
        out = e.call("aten::__isnot__" if negative else "aten::__is__", [Dynamic(value), e.none()])
        some: Refinements = {}
        none: Refinements = {}
        if path is not None:
            none = {path: T.NONE}
            if isinstance(type, T.OptionalType):
                some = {path: type.element}
            elif isinstance(type, T.UnionType):
                some = {path: T.union(*(m for m in type.members if m != T.NONE))}
        return Condition(None, out, some if negative else none, none if negative else some)
    return Condition(static=negative)


def _isinstance(e: Emitter, node: ast.Call) -> Condition | None:
    """`isinstance(x, T)` and `torch.jit.isinstance(x, T)`."""
    from . import expressions

    if len(node.args) != 2 or node.keywords:
        return None
    callee = expressions.emit(e, node.func)
    if not (isinstance(callee, Static) and registry.is_isinstance(callee.object)):
        return None
    val = expressions.emit(e, node.args[0])
    e.node = node
    return inspection.isinstance_test(e, val, node.args[1], path_of(node.args[0]), callee.object)

"""Expressions: one handler per kind of syntax tree node."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

import torch

from .. import types as T
from ..ir.graph import Value
from . import calls, conditions, presence, subscripts
from .control import Branch, Outcome, emit_if, join, run_branch
from .emitter import Emitter, Scope, resolve_pending
from .values import (
    Closure,
    Dynamic,
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

Handler = Callable[[Emitter, Any, "T.Type | None"], Val]
HANDLERS: dict[type[ast.expr], Handler] = {}


def expression(kind: type[ast.expr]) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        HANDLERS[kind] = handler
        return handler

    return register


class RaisedException(Val):
    """An exception object that is about to be raised."""

    __slots__ = ("cls", "message")

    def __init__(self, cls: type, message: Val) -> None:
        self.cls = cls
        self.message = message


def emit(e: Emitter, node: ast.expr, hint: T.Type | None = None) -> Val:
    """Compile an expression; `hint` is the type that its place asks for, where there is one."""
    outer, e.node = e.node, node
    handler = HANDLERS.get(type(node))
    if handler is None:
        name, advice = UNSUPPORTED.get(type(node), (f"'{type(node).__name__}'", ()))
        raise e.unsupported(f"{name} cannot be compiled.", node, *advice)
    try:
        return handler(e, node, hint)
    finally:
        e.node = outer


UNSUPPORTED: dict[type[ast.expr], tuple[str, tuple[str, ...]]] = {
    ast.Yield: ("A generator ('yield')", ("Collect the values in a list and return it.",)),
    ast.YieldFrom: ("A generator ('yield from')", ("Collect the values in a list and return it.",)),
    ast.Await: ("'await'", ()),
    ast.Set: ("A set", ("Use a list, or a dict with the elements as keys.",)),
    ast.SetComp: ("A set comprehension", ("Use a list comprehension, or a dict with the elements as keys.",)),
}


@expression(ast.Constant)
def _constant(e: Emitter, node: ast.Constant, hint: T.Type | None) -> Val:
    value = node.value
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63:
        raise e.error(f"The integer {value} does not fit in 64 bits.", node)
    if isinstance(value, bytes):
        raise e.unsupported("A bytes literal cannot be compiled.", node, "Use a str.")
    return e.static(value)


@expression(ast.Name)
def _name(e: Emitter, node: ast.Name, hint: T.Type | None) -> Val:
    found = e.scope.get(node.id)
    if found is not None:
        if isinstance(found, Unusable):
            raise e.needs_unrolling(found.reason, node) if found.by_loop else e.error(found.reason, node)
        return found
    return e.program.global_name(e, node.id, node)


@expression(ast.NamedExpr)
def _walrus(e: Emitter, node: ast.NamedExpr, hint: T.Type | None) -> Val:
    from . import statements

    value = emit(e, node.value, hint)
    statements.assign(e, node.target, value)
    return value


@expression(ast.Attribute)
def _attribute(e: Emitter, node: ast.Attribute, hint: T.Type | None) -> Val:
    path = conditions.path_of(node)
    if path is not None:
        refined = e.scope.get(path)
        if refined is not None and not isinstance(refined, Unusable):
            return refined
    owner = emit(e, node.value)
    return subscripts.attribute_of(e, owner, node.attr, node)


@expression(ast.Subscript)
def _subscript(e: Emitter, node: ast.Subscript, hint: T.Type | None) -> Val:
    return subscripts.subscript(e, emit(e, node.value), node.slice, node)


@expression(ast.Tuple)
def _tuple(e: Emitter, node: ast.Tuple, hint: T.Type | None) -> Val:
    hints = hint.elements if isinstance(hint, T.TupleType) and len(hint.elements) == len(node.elts) else None
    return Sequence(_elements(e, node.elts, hints))


def _elements(e: Emitter, nodes: list[ast.expr], hints: tuple[T.Type, ...] | None = None) -> list[Val]:
    from . import loops

    items: list[Val] = []
    for i, element in enumerate(nodes):
        if isinstance(element, ast.Starred):
            inner = emit(e, element.value)
            parts = loops.static_items(e, inner)
            if parts is None:
                raise e.error(
                    f"How many values '*' stands for is not known while compiling: {inner.describe()}.",
                    element,
                )
            items.extend(parts)
        else:
            val = emit(e, element, hints[i] if hints else None)
            if isinstance(val, Unusable):
                raise e.error(val.reason, element)
            items.append(val)
    return items


@expression(ast.List)
def _list(e: Emitter, node: ast.List, hint: T.Type | None) -> Val:
    inner = hint.element if isinstance(hint, T.OptionalType) else hint
    element = inner.element if isinstance(inner, T.ListType) else None
    stars = [n for n in node.elts if isinstance(n, ast.Starred)]
    if stars and any(isinstance(type_of(emit(e, s.value)), T.ListType) for s in stars):
        return _list_with_stars(e, node)
    items = _elements(e, node.elts, (element,) * len(node.elts) if element is not None else None)
    if any(type_of(item) is None or isinstance(item, Module) for item in items):
        return Sequence(items, is_list=True)
    e.node = node
    if items and element is None:
        types = [type_of(i) for i in items]
        common: T.Type | None = types[0]
        for t in types[1:]:
            common = T.unify(common, t) if common is not None and t is not None else None
        if common is None and not all(isinstance(t, T.IntType | T.FloatType) for t in types):
            return Sequence(items, is_list=True)  # of mixed types: usable while its parts are known
    return Dynamic(e.build_list(items, node, element))


def _list_with_stars(e: Emitter, node: ast.List) -> Val:
    """`[a, *b, c]` with lists whose lengths are known only at run time: `[a] + b + [c]`."""
    result: Val | None = None
    run: list[Val] = []

    def add(val: Val) -> None:
        nonlocal result
        result = val if result is None else Dynamic(e.call("aten::add", [result, val]))

    for element in node.elts:
        if isinstance(element, ast.Starred):
            if run:
                add(Dynamic(e.build_list(run, node)))
                run = []
            inner = emit(e, element.value)
            add(
                inner
                if isinstance(type_of(inner), T.ListType)
                else Dynamic(e.build_list(_elements(e, [element])))
            )
        else:
            run.append(emit(e, element))
    if run:
        add(Dynamic(e.build_list(run, node)))
    assert result is not None
    return result


@expression(ast.Dict)
def _dict(e: Emitter, node: ast.Dict, hint: T.Type | None) -> Val:
    inner = hint.element if isinstance(hint, T.OptionalType) else hint
    items: list[Val] = []
    for key, value in zip(node.keys, node.values, strict=True):
        if key is None:
            raise e.unsupported("'**' inside a dict display cannot be compiled.", value, "Use update().")
        items.append(emit(e, key))
        items.append(emit(e, value, inner.value if isinstance(inner, T.DictType) else None))
    e.node = node
    mixed = inner is None and do_not_unify(items[1::2]) and all(known_of(k) is not None for k in items[::2])
    if mixed or any(type_of(v) is None or isinstance(v, Module) for v in items):
        return Mapping({e.depend(k): v for k, v in zip(items[::2], items[1::2], strict=True)})
    if isinstance(inner, T.DictType):
        values = [
            e.coerce(
                v,
                inner.key if i % 2 == 0 else inner.value,
                node,
                "the dict's key" if i % 2 == 0 else "the dict's value",
            )
            for i, v in enumerate(items)
        ]
        return Dynamic(e.emit("prim::DictConstruct", values, [inner]).output)
    return Dynamic(e.build_dict(items, node))


def do_not_unify(values: list[Val]) -> bool:
    """Whether values have types of which a dict could not hold all (`dict(mode="nearest", antialias=True)`)."""
    common = type_of(values[0]) if values else T.TENSOR
    for value in values[1:]:
        own = type_of(value)
        common = T.unify(common, own) if common is not None and own is not None else None
    return common is None


@expression(ast.JoinedStr)
def _f_string(e: Emitter, node: ast.JoinedStr, hint: T.Type | None) -> Val:
    template, arguments = "", []
    for part in node.values:
        if isinstance(part, ast.Constant):
            template += str(part.value).replace("{", "{{").replace("}", "}}")
            continue
        assert isinstance(part, ast.FormattedValue)
        value = emit(e, part.value)
        known = known_of(value)
        if part.format_spec is not None or part.conversion != -1:
            spec = part.format_spec
            text = (
                "".join(str(c.value) for c in spec.values if isinstance(c, ast.Constant))
                if isinstance(spec, ast.JoinedStr)
                else ""
            )
            if known is None:
                if part.conversion == -1 and text:
                    raise e.unsupported(
                        "A format specification in an f-string cannot be compiled for a run-time value.", part
                    )
                template += "{}"
                arguments.append(value)
                continue
            template += format(repr(known.object) if part.conversion == 114 else known.object, text)
            e.depend(value)
            continue
        if known is not None and is_scalar_constant(known.object):
            e.depend(value)
            template += str(known.object).replace("{", "{{").replace("}", "}}")
            continue
        template += "{}"
        arguments.append(value)
    e.node = node
    if not arguments:
        return e.static(template.replace("{{", "{").replace("}}", "}"))
    return calls.format_values(e, template, arguments)


@expression(ast.Lambda)
def _lambda(e: Emitter, node: ast.Lambda, hint: T.Type | None) -> Val:
    return Closure(node, e.source, e, e.scope)


@expression(ast.Call)
def _call(e: Emitter, node: ast.Call, hint: T.Type | None) -> Val:
    return calls.emit_call(e, node, hint)


@expression(ast.Starred)
def _starred(e: Emitter, node: ast.Starred, hint: T.Type | None) -> Val:
    raise e.unsupported("A starred value cannot stand here.", node)


# -- operators -----------------------------------------------------------------------------------------------

BINARY: dict[type[ast.operator], tuple[str, str, Callable[[Any, Any], Any]]] = {
    ast.Add: ("aten::add", "+", operator.add),
    ast.Sub: ("aten::sub", "-", operator.sub),
    ast.Mult: ("aten::mul", "*", operator.mul),
    ast.Div: ("aten::div", "/", operator.truediv),
    ast.FloorDiv: ("aten::floordiv", "//", operator.floordiv),
    ast.Mod: ("aten::remainder", "%", operator.mod),
    ast.Pow: ("aten::pow", "**", operator.pow),
    ast.MatMult: ("aten::matmul", "@", operator.matmul),
    ast.BitAnd: ("aten::__and__", "&", operator.and_),
    ast.BitOr: ("aten::__or__", "|", operator.or_),
    ast.BitXor: ("aten::__xor__", "^", operator.xor),
    ast.LShift: ("aten::__lshift__", "<<", operator.lshift),
    ast.RShift: ("aten::__rshift__", ">>", operator.rshift),
}
METHODS = {
    "+": "add", "-": "sub", "*": "mul", "/": "truediv", "//": "floordiv", "%": "mod", "**": "pow", "@": "matmul",
    "&": "and", "|": "or", "^": "xor", "<<": "lshift", ">>": "rshift",
}  # fmt: skip
COMPARISONS: dict[type[ast.cmpop], tuple[str, str, str, Callable[[Any, Any], Any]]] = {
    ast.Eq: ("aten::eq", "==", "__eq__", operator.eq),
    ast.NotEq: ("aten::ne", "!=", "__ne__", operator.ne),
    ast.Lt: ("aten::lt", "<", "__lt__", operator.lt),
    ast.LtE: ("aten::le", "<=", "__le__", operator.le),
    ast.Gt: ("aten::gt", ">", "__gt__", operator.gt),
    ast.GtE: ("aten::ge", ">=", "__ge__", operator.ge),
}


def fold(e: Emitter, function: Callable[..., Any], *operands: Val) -> Known | None:
    """The result of a pure Python operation on known scalars, if there is one."""
    known = [known_of(v) for v in operands]
    if any(k is None for k in known):
        return None
    objects = [k.object for k in known if k is not None]
    if not all(
        is_scalar_constant(o) or (isinstance(o, list) and is_scalar_constant(tuple(o))) for o in objects
    ):
        return None
    try:
        result = function(*objects)
    except Exception:
        return None
    if isinstance(result, int) and not -(2**63) <= result < 2**63:
        return None
    if (isinstance(result, str) and len(result) > 4096) or (
        isinstance(result, tuple | list) and len(result) > 4096
    ):
        return None
    return Known(result, tuple(d for k in known if k is not None for d in k.dependencies))


@expression(ast.BinOp)
def _binary(e: Emitter, node: ast.BinOp, hint: T.Type | None) -> Val:
    left, right = emit(e, node.left), emit(e, node.right)
    e.node = node
    return binary(e, type(node.op), left, right)


def binary(e: Emitter, op: type[ast.operator], left: Val, right: Val) -> Val:
    """`left op right`."""
    name, symbol, function = BINARY[op]
    known = fold(e, function, left, right)
    if known is not None and (
        not known.dependencies
        or (type_of(left) is None or type_of(right) is None)
        or isinstance(known.object, str | tuple)
    ):
        return e.static(known.object, known.dependencies)
    lt, rt = type_of(left), type_of(right)
    special = _sequence_operator(e, op, left, right)
    if special is not None:
        return special
    if isinstance(lt, T.ClassType) or isinstance(rt, T.ClassType):
        found = _class_operator(e, f"__{METHODS[symbol]}__", left, right)
        if found is not None:
            return found
    if op is ast.Mod and isinstance(lt, T.StringType):
        arguments = right.items if isinstance(right, Sequence) else [right]
        return Dynamic(e.call("aten::percentFormat", [left, *arguments]))
    if op is ast.FloorDiv and (isinstance(lt, T.TensorType) or isinstance(rt, T.TensorType)):
        name = "aten::floor_divide"
        if not isinstance(lt, T.TensorType):
            left = Dynamic(e.call("prim::NumToTensor", [left]))
    elif op is ast.Pow and isinstance(lt, T.IntType) and isinstance(rt, T.IntType):
        return _int_power(e, left, right, known)
    elif op in (ast.Sub, ast.Div, ast.Mod, ast.Pow) and isinstance(rt, T.TensorType) and _is_number(lt):
        if op is ast.Sub:
            return Dynamic(e.call("aten::rsub", [right, left]))
        if op is ast.Div:
            inverse = Dynamic(e.call("aten::reciprocal", [right]))
            return Dynamic(e.call("aten::mul", [inverse, left]))
    elif (
        op in (ast.Add, ast.Mult, ast.BitAnd, ast.BitOr, ast.BitXor)
        and isinstance(rt, T.TensorType)
        and _is_number(lt)
    ):
        left, right = right, left
    elif op in (ast.BitAnd, ast.BitOr, ast.BitXor) and isinstance(lt, T.TensorType):
        pass
    if isinstance(type_of(left), T.OptionalType) or isinstance(type_of(right), T.OptionalType):
        left, right = presence.all_present(e, [left, right])
    lt, rt = type_of(left), type_of(right)
    if isinstance(lt, T.OptionalType) or isinstance(rt, T.OptionalType):
        bad = lt if isinstance(lt, T.OptionalType) else rt
        assert isinstance(bad, T.OptionalType)
        raise e.error(
            f"'{symbol}' cannot take a value that may be None ({bad.annotation()}).",
            None,
            "Check it first with 'if … is not None' or 'assert … is not None'.",
        )
    result = e.call_operator(name, [left, right], {}, symbol)
    if known is not None and isinstance(result, Dynamic):
        result = Dynamic(result.value, known)
    return result


def _int_power(e: Emitter, left: Val, right: Val, known: Known | None) -> Val:
    """`int ** int` is an int in Python where the exponent is not negative, which is what is assumed here."""
    exponent = known_of(right)
    if exponent is not None and isinstance(exponent.object, int) and exponent.object < 0:
        return e.call_operator("aten::pow", [Dynamic(e.call("aten::Float", [left])), right], {}, "**")
    from ..operators.dispatcher import schemas_of
    from ..schema import match_overloads

    schemas = tuple(s for s in schemas_of("aten::pow") if s.overload == "int_to_int")
    result = e.emit_matched(match_overloads(schemas, [left, right], {}))
    return Dynamic(result.value, known) if isinstance(result, Dynamic) and known is not None else result


def _is_number(type: T.Type | None) -> bool:
    return isinstance(type, T.IntType | T.FloatType | T.BoolType | T.ComplexType | T.NumberType)


def _sequence_operator(e: Emitter, op: type[ast.operator], left: Val, right: Val) -> Val | None:
    """Concatenation and repetition of tuples, and of lists with known parts."""
    from . import loops

    lt, rt = type_of(left), type_of(right)
    if op is ast.Add:
        both_tuples = isinstance(lt, T.TupleType) and isinstance(rt, T.TupleType)
        parts_known = (
            isinstance(left, Sequence) and isinstance(right, Sequence) and left.is_list == right.is_list
        )
        if both_tuples or parts_known:
            a, b = loops.static_items(e, left), loops.static_items(e, right)
            if a is not None and b is not None:
                return Sequence([*a, *b], is_list=isinstance(left, Sequence) and left.is_list)
        if isinstance(left, Sequence) and left.is_list and isinstance(rt, T.ListType):
            return Dynamic(
                e.call("aten::add", [Dynamic(e.build_list(left.items, element=rt.element)), right])
            )
    if op is ast.Mult:
        sequence, count = (left, right) if not _is_number(lt) else (right, left)
        times = known_of(count)
        if times is not None and isinstance(times.object, int) and isinstance(sequence, Sequence):
            e.depend(count)
            return Sequence(sequence.items * times.object, sequence.is_list)
        if isinstance(sequence, Sequence) and sequence.is_list:
            return Dynamic(e.call("aten::mul", [Dynamic(e.build_list(sequence.items)), count]))
        if _is_number(lt) and isinstance(rt, T.ListType | T.StringType):
            return Dynamic(e.call("aten::mul", [right, left]))
    return None


def _class_operator(e: Emitter, method: str, left: Val, right: Val) -> Val | None:
    for owner, other, name in ((left, right, method), (right, left, f"__r{method[2:]}")):
        type = type_of(owner)
        if isinstance(type, T.ClassType) and e.program.class_method(type, name) is not None:
            return calls.call_class_method(e, owner, name, [other], {})
    return None


@expression(ast.UnaryOp)
def _unary(e: Emitter, node: ast.UnaryOp, hint: T.Type | None) -> Val:
    if isinstance(node.op, ast.Not):
        condition = conditions.emit(e, node)
        if condition.static is not None:
            return e.static(condition.static)
        assert condition.value is not None
        return Dynamic(condition.value)
    if isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        value = node.operand.value
        if isinstance(value, int | float | complex) and not isinstance(value, bool):
            if isinstance(value, int) and value > 2**63:
                raise e.error(f"The integer -{value} does not fit in 64 bits.", node)
            return e.static(-value)
    operand = emit(e, node.operand)
    operators: dict[type[ast.unaryop], tuple[str, Callable[..., Any]]] = {
        ast.USub: ("aten::neg", operator.neg),
        ast.UAdd: ("aten::positive", operator.pos),
        ast.Invert: ("aten::bitwise_not", operator.invert),
    }
    name, function = operators[type(node.op)]
    e.node = node
    known = fold(e, function, operand)
    if known is not None and not known.dependencies:
        return e.static(known.object)
    if isinstance(node.op, ast.UAdd) and _is_number(type_of(operand)):
        return operand
    if isinstance(type_of(operand), T.ClassType):
        method = {ast.USub: "__neg__", ast.UAdd: "__pos__", ast.Invert: "__invert__"}[type(node.op)]
        return calls.call_class_method(e, operand, method, [], {})
    result = e.call_operator(name, [operand], {}, "-" if isinstance(node.op, ast.USub) else "~")
    return Dynamic(result.value, known) if isinstance(result, Dynamic) and known is not None else result


@expression(ast.Compare)
def _compare(e: Emitter, node: ast.Compare, hint: T.Type | None) -> Val:
    if len(node.ops) == 1:
        if isinstance(node.ops[0], ast.Is | ast.IsNot):
            condition = conditions.emit(e, node)
            if condition.static is not None:
                return e.static(condition.static)
            assert condition.value is not None
            return Dynamic(condition.value)
        left, right = emit(e, node.left), emit(e, node.comparators[0])
        e.node = node
        return compare(e, node.ops[0], left, right)
    return _chain(e, emit(e, node.left), list(zip(node.ops, node.comparators, strict=True)), node)


def _chain(e: Emitter, left: Val, rest: list[tuple[ast.cmpop, ast.expr]], node: ast.Compare) -> Val:
    """`a < b < c`: each operand is evaluated once, and none after the first comparison that fails."""
    op, right_node = rest[0]
    right = emit(e, right_node)
    e.node = node
    first = compare(e, op, left, right)
    if len(rest) == 1:
        return first
    known = known_of(first)
    if known is not None:
        return _chain(e, right, rest[1:], node) if e.depend(first) else e.static(False)
    condition = conditions.truth_of(e, e.materialize(first), node)
    return _short_circuit(e, condition, True, lambda: _chain(e, right, rest[1:], node), first)


def _short_circuit(e: Emitter, condition: Value, is_and: bool, other: Callable[[], Val], first: Val) -> Val:
    """`first and other()` as a value: `other` is evaluated only where the condition says so."""

    def evaluate() -> Outcome:
        return Outcome(returns=True, value=other())

    def skip() -> Outcome:
        return Outcome(returns=True, value=first)

    rest, taken, declared = e.pending_rest, e.rest_taken, e.return_type
    e.pending_rest, e.return_type = (), None
    try:
        outcome = emit_if(e, condition, evaluate if is_and else skip, skip if is_and else evaluate)
    finally:
        e.pending_rest, e.rest_taken, e.return_type = rest, taken, declared
    assert outcome.value is not None
    return outcome.value


def compare(e: Emitter, op: ast.cmpop, left: Val, right: Val) -> Val:
    """`left op right` for one comparison."""
    if isinstance(op, ast.In | ast.NotIn):
        return _contains(e, left, right, isinstance(op, ast.NotIn))
    if isinstance(op, ast.Is | ast.IsNot):
        condition = conditions.none_test(e, left, None, isinstance(op, ast.IsNot))
        return e.static(condition.static) if condition.value is None else Dynamic(condition.value)
    name, symbol, method, function = COMPARISONS[type(op)]
    known = fold(e, function, left, right)
    lt, rt = type_of(left), type_of(right)
    if known is not None:
        if not known.dependencies or lt is None or rt is None or lt != rt:
            return e.static(known.object, known.dependencies)
    elif lt is None or rt is None:
        a, b = known_of(left), known_of(right)
        if a is not None and b is not None and isinstance(op, ast.Eq | ast.NotEq):
            return e.static(function(a.object, b.object), (*a.dependencies, *b.dependencies))
    if isinstance(op, ast.Eq | ast.NotEq):
        special = _equality(e, left, right, lt, rt, isinstance(op, ast.NotEq))
        if special is not None:
            return special
    if isinstance(lt, T.ClassType) and e.program.class_method(lt, method) is not None:
        return calls.call_class_method(e, left, method, [right], {})
    if isinstance(rt, T.TensorType) and _is_number(lt):
        mirrored = {
            "aten::lt": "aten::gt",
            "aten::le": "aten::ge",
            "aten::gt": "aten::lt",
            "aten::ge": "aten::le",
        }
        name, left, right = mirrored.get(name, name), right, left
    if not isinstance(op, ast.Eq | ast.NotEq) and T.OptionalType in (lt.__class__, rt.__class__):
        left, right = presence.all_present(e, [left, right])
        lt, rt = type_of(left), type_of(right)
    for operand_type in (lt, rt):
        if isinstance(operand_type, T.OptionalType) and not isinstance(op, ast.Eq | ast.NotEq):
            raise e.error(
                f"'{symbol}' cannot take a value that may be None ({operand_type.annotation()}).",
                None,
                "Check it first with 'if … is not None' or 'assert … is not None'.",
            )
    result = e.call_operator(name, [left, right], {}, symbol)
    return Dynamic(result.value, known) if isinstance(result, Dynamic) and known is not None else result


def _equality(
    e: Emitter, left: Val, right: Val, lt: T.Type | None, rt: T.Type | None, negative: bool
) -> Val | None:
    """Equality of values whose types cannot be equal, of None, tuples and enum members."""
    if isinstance(lt, T.NoneType) or isinstance(rt, T.NoneType):
        other = left if isinstance(rt, T.NoneType) else right
        condition = conditions.none_test(e, other, None, negative)
        return e.static(condition.static) if condition.value is None else Dynamic(condition.value)
    if isinstance(lt, T.OptionalType) != isinstance(rt, T.OptionalType) and lt is not None and rt is not None:
        maybe, sure = (left, right) if isinstance(lt, T.OptionalType) else (right, left)
        value = e.materialize(maybe)
        assert isinstance(value.type, T.OptionalType)
        inner_type = value.type.element
        present = e.call("aten::__isnot__", [Dynamic(value), e.none()])

        def both() -> Val:
            cast = e.emit("prim::unchecked_cast", [value], [inner_type]).output
            return compare(e, ast.NotEq() if negative else ast.Eq(), Dynamic(cast), sure)

        return _short_circuit(e, present, True, both, e.static(negative))
    if isinstance(lt, T.TupleType) and isinstance(rt, T.TupleType):
        from . import loops

        a, b = loops.static_items(e, left), loops.static_items(e, right)
        if a is None or b is None or len(a) != len(b):
            return e.static(negative)
        return _tuple_equality(e, a, b, negative)
    simple = (T.StringType, T.DeviceType, T.EnumType)
    if lt is not None and rt is not None and isinstance(lt, simple) != isinstance(rt, simple):
        if not isinstance(lt, T.AnyType | T.UnionType | T.TensorType) and not isinstance(
            rt, T.AnyType | T.UnionType | T.TensorType
        ):
            return e.static(negative)
    if (isinstance(lt, T.ListType) and isinstance(rt, T.TupleType)) or (
        isinstance(lt, T.TupleType) and isinstance(rt, T.ListType)
    ):
        return _size_equality(e, left, right, negative)
    return None


def _size_equality(e: Emitter, left: Val, right: Val, negative: bool) -> Val | None:
    """`x.shape == (2, 3)`: a torch.Size equals a tuple, though both are lists here."""
    from . import loops

    sequence, other = (left, right) if isinstance(type_of(left), T.TupleType) else (right, left)
    type = type_of(other)
    assert isinstance(type, T.ListType)
    items = loops.static_items(e, sequence)
    if items is None or any(type_of(i) != type.element for i in items):
        return e.static(negative)
    as_list = Dynamic(e.build_list(items, element=type.element))
    return e.call_operator("aten::ne" if negative else "aten::eq", [other, as_list], {})


def _tuple_equality(e: Emitter, a: list[Val], b: list[Val], negative: bool) -> Val:
    if not a:
        return e.static(not negative)
    first = compare(e, ast.NotEq() if negative else ast.Eq(), a[0], b[0])
    if len(a) == 1:
        return first
    known = known_of(first)
    if known is not None:
        e.depend(first)
        return (
            e.static(negative)
            if bool(known.object) is negative
            else _tuple_equality(e, a[1:], b[1:], negative)
        )
    condition = conditions.truth_of(e, e.materialize(first))
    return _short_circuit(
        e, condition, not negative, lambda: _tuple_equality(e, a[1:], b[1:], negative), first
    )


def _contains(e: Emitter, item: Val, container: Val, negative: bool) -> Val:
    known_item, known_container = known_of(item), known_of(container)
    if known_item is not None and known_container is not None:
        try:
            found = known_item.object in known_container.object
        except TypeError:
            found = None
        if found is not None:
            return e.static(found is not negative, (*known_item.dependencies, *known_container.dependencies))
    if isinstance(container, Module) and known_item is not None:
        return e.static((e.depend(item) in container.module) is not negative)  # type: ignore[operator]
    if isinstance(container, Mapping) and known_item is not None:
        return e.static((e.depend(item) in container.items) is not negative)
    if isinstance(container, Static) and isinstance(container.object, tuple | list | set | frozenset | dict):
        container = Sequence([e.static(o, container.known.dependencies) for o in container.object])
    if isinstance(container, Sequence):
        return _contains_sequence(e, item, container.items, negative)
    type = type_of(container)
    if isinstance(type, T.ClassType):
        result = calls.call_class_method(e, container, "__contains__", [item], {})
    else:
        result = e.call_operator("aten::__contains__", [container, item], {}, "in")
    return Dynamic(e.call("aten::__not__", [result])) if negative else result


def _contains_sequence(e: Emitter, item: Val, items: list[Val], negative: bool) -> Val:
    """`x in (a, b)`: compared with each in turn."""
    if not items:
        return e.static(negative)
    op = ast.NotEq() if negative else ast.Eq()
    first = compare(e, op, item, items[0])
    if len(items) == 1:
        return first
    known = known_of(first)
    if known is not None:
        e.depend(first)
        return (
            e.static(not negative)
            if bool(known.object) is not negative
            else _contains_sequence(e, item, items[1:], negative)
        )
    condition = conditions.truth_of(e, e.materialize(first))
    return _short_circuit(
        e, condition, negative, lambda: _contains_sequence(e, item, items[1:], negative), first
    )


@expression(ast.BoolOp)
def _bool_op(e: Emitter, node: ast.BoolOp, hint: T.Type | None) -> Val:
    """`a or b` as a value: one of the operands, as in Python."""
    is_and = isinstance(node.op, ast.And)

    def rest(index: int) -> Val:
        operand = node.values[index]
        if index == len(node.values) - 1:
            return emit(e, operand)
        condition = conditions.emit(e, operand)
        if condition.static is not None:
            if condition.static is is_and:
                condition.apply(e, is_and)
                return rest(index + 1)
            return emit(e, operand) if not isinstance(operand, ast.Compare) else e.static(condition.static)
        assert condition.value is not None
        first: Val = Dynamic(condition.value)
        if not isinstance(operand, ast.Compare | ast.BoolOp) and not (
            isinstance(operand, ast.UnaryOp) and isinstance(operand.op, ast.Not)
        ):
            original = _again(e, operand)
            if original is not None:
                first = original
        e.node = node

        def other() -> Val:
            condition.apply(e, is_and)
            return rest(index + 1)

        if isinstance(type_of(first), T.OptionalType) and not is_and:
            element = type_of(first)
            assert isinstance(element, T.OptionalType)
            value = e.materialize(first)
            then, otherwise = _sides(e, condition.value)

            def present() -> Outcome:
                return Outcome(
                    returns=True,
                    value=Dynamic(e.emit("prim::unchecked_cast", [value], [element.element]).output),
                )

            run_branch(e, then, present)
            run_branch(e, otherwise, lambda: Outcome(returns=True, value=other()))
            declared, e.return_type = e.return_type, None
            joined = join(e, then.block.owner, then, otherwise)  # type: ignore[arg-type]
            e.return_type = declared
            assert joined.value is not None
            return joined.value
        return _short_circuit(e, condition.value, is_and, other, first)

    return rest(0)


def _sides(e: Emitter, condition: Value) -> tuple[Branch, Branch]:
    node = e.emit("prim::If", [condition])
    return Branch(node.add_block(), Scope(e.scope)), Branch(node.add_block(), Scope(e.scope))


def _again(e: Emitter, operand: ast.expr) -> Val | None:
    """The value of an operand whose truth was already emitted, if it can be read again without effect."""
    if isinstance(operand, ast.Name | ast.Attribute | ast.Constant):
        return emit(e, operand)
    if isinstance(operand, ast.NamedExpr):
        return emit(e, operand.target)
    return None


@expression(ast.IfExp)
def _ternary(e: Emitter, node: ast.IfExp, hint: T.Type | None) -> Val:
    condition = conditions.emit(e, node.test)
    if condition.static is not None:
        condition.apply(e, condition.static)
        return emit(e, node.body if condition.static else node.orelse, hint)
    assert condition.value is not None
    e.node = node

    def side(body: ast.expr, truth: bool) -> Callable[[], Outcome]:
        def run() -> Outcome:
            condition.apply(e, truth)
            return Outcome(returns=True, value=emit(e, body, hint), where=node)

        return run

    rest, taken, declared = e.pending_rest, e.rest_taken, e.return_type
    e.pending_rest, e.return_type = (), hint
    try:
        outcome = emit_if(e, condition.value, side(node.body, True), side(node.orelse, False))
    finally:
        e.pending_rest, e.rest_taken, e.return_type = rest, taken, declared
    assert outcome.value is not None
    return outcome.value


@expression(ast.ListComp)
def _list_comprehension(e: Emitter, node: ast.ListComp, hint: T.Type | None) -> Val:
    from . import loops

    return loops.list_comprehension(e, node, hint)


@expression(ast.GeneratorExp)
def _generator(e: Emitter, node: ast.GeneratorExp, hint: T.Type | None) -> Val:
    from . import loops

    return loops.list_comprehension(e, node, hint)


@expression(ast.DictComp)
def _dict_comprehension(e: Emitter, node: ast.DictComp, hint: T.Type | None) -> Val:
    from . import loops

    return loops.dict_comprehension(e, node, hint)


@expression(ast.Slice)
def _slice(e: Emitter, node: ast.Slice, hint: T.Type | None) -> Val:
    raise e.unsupported("A slice cannot stand here.", node)


__all__ = ["RaisedException", "binary", "compare", "emit", "fold", "resolve_pending", "torch"]

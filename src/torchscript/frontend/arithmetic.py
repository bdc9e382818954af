"""Binary and unary operators."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

from .. import types as T
from ..errors import CompileError
from ..schema.reasons import name_of
from . import (
    arrays,
    conditions,
    default_dicts,
    expressions,
    formatting,
    function_calls,
    methods,
    prelude,
    presence,
    sets,
)
from .emitter import Emitter
from .handlers import expression
from .values import (
    BuiltinMethod,
    Dynamic,
    Known,
    Method,
    Sequence,
    Val,
    is_scalar_constant,
    known_of,
    type_of,
)

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
    left, right = expressions.emit(e, node.left), expressions.emit(e, node.right)
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
    if lt is None or rt is None:
        folded = arrays.fold(e, function, [left, right])
        if folded is not None:
            return folded
        for operand in (left, right):
            if isinstance(operand, BuiltinMethod | Method):
                raise e.certain(TypeError, f"'{symbol}' cannot take {operand.describe()}: it is not called.")
        left, right = (arrays.as_tensor(e, v) or v for v in (left, right))
        lt, rt = type_of(left), type_of(right)
    if isinstance(lt, T.OptionalType) or isinstance(rt, T.OptionalType):
        sure = presence.all_present(e, [left, right])
        if sure[0] is not left or sure[1] is not right:
            return binary(e, op, *sure)
    if op is ast.Add and isinstance(lt, T.ListType) and isinstance(rt, T.ListType) and lt != rt:
        fitted = e.try_coerce(right, lt)  # an empty list is one of anything
        if fitted is not None:
            right, rt = Dynamic(fitted), lt
    special = (
        sets.operator(e, op, left, right)
        or default_dicts.operator(e, op, left, right)
        or _sequence_operator(e, op, left, right)
    )
    if special is not None:
        return special
    if op is ast.Mod and isinstance(lt, T.StringType):
        return formatting.percent(e, left, right)
    if isinstance(lt, T.ClassType) or isinstance(rt, T.ClassType):
        method = f"__{METHODS[symbol]}__"
        found = _class_operator(e, method, left, right)
        if found is not None:
            return found
        raise missing_method(e, symbol, method, left, right)
    if op is ast.FloorDiv and (isinstance(lt, T.TensorType) or isinstance(rt, T.TensorType)):
        name = "aten::floor_divide"
        if not isinstance(lt, T.TensorType):
            # a tensor made of a number decides nothing of the result's dtype that the number does not
            dtype = Dynamic(e.call("aten::result_type", [left, right]))
            left = Dynamic(e.call("aten::scalar_tensor", [left], {"dtype": dtype}))
    elif op is ast.Pow and isinstance(lt, T.IntType) and isinstance(rt, T.IntType):
        return _int_power(e, left, right, known)
    elif op in (ast.Sub, ast.Div, ast.Mod, ast.Pow) and isinstance(rt, T.TensorType) and is_number(lt):
        if op is ast.Sub:
            return Dynamic(e.call("aten::rsub", [right, left]))
        if op is ast.Div:
            inverse = Dynamic(e.call("aten::reciprocal", [right]))
            return Dynamic(e.call("aten::mul", [inverse, left]))
    elif (
        op in (ast.Add, ast.Mult, ast.BitAnd, ast.BitOr, ast.BitXor)
        and isinstance(rt, T.TensorType)
        and is_number(lt)
    ):
        left, right = right, left
    elif op in (ast.LShift, ast.RShift) and isinstance(rt, T.TensorType) and is_number(lt):
        name = "aten::bitwise_left_shift" if op is ast.LShift else "aten::bitwise_right_shift"
    lt, rt = type_of(left), type_of(right)
    if op in (ast.Div, ast.Pow) and lt != rt and T.COMPLEX in (lt, rt) and is_number(lt) and is_number(rt):
        # there are operators of two complex numbers only; a number and a complex one would be of type float
        left, right = (
            v if type_of(v) == T.COMPLEX else Dynamic(e.call("aten::Complex", [v])) for v in (left, right)
        )
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

    if exponent is None:
        _refuse_negative(e, left, right)
    schemas = tuple(s for s in schemas_of("aten::pow") if s.overload == "int_to_int")
    result = e.emit_matched(match_overloads(schemas, [left, right], {}))
    return Dynamic(result.value, known) if isinstance(result, Dynamic) and known is not None else result


def _refuse_negative(e: Emitter, base: Val, exponent: Val) -> None:
    """Raise where the power is no int: PyTorch, which reads archives too, would make it 0."""
    from .control import emit_if, without_rest
    from .outcomes import Outcome
    from .statements import raise_error

    def fail() -> Outcome:
        zero = e.call("aten::eq", [base, e.static(0)])
        message = "0.0 cannot be raised to a negative power"
        emit_if(e, zero, lambda: raise_error(e, ZeroDivisionError, e.static(message)), Outcome)
        advice = "int ** int is a float for a negative exponent, and compiled code needs an int: write float(base) ** n"
        return raise_error(e, ValueError, e.static(advice))

    with without_rest(e):
        emit_if(e, e.call("aten::lt", [exponent, e.static(0)]), fail, Outcome)


def is_number(type: T.Type | None) -> bool:
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
        sequence, count = (left, right) if not is_number(lt) else (right, left)
        times = known_of(count)
        if times is not None and isinstance(times.object, int) and isinstance(sequence, Sequence):
            e.depend(count)
            return Sequence(sequence.items * times.object, sequence.is_list)
        if times is not None and isinstance(times.object, int) and isinstance(type_of(sequence), T.TupleType):
            items = loops.static_items(e, sequence)
            if items is not None:
                e.depend(count)
                return Sequence(items * times.object)
        if isinstance(sequence, Sequence) and sequence.is_list:
            return Dynamic(e.call("aten::mul", [Dynamic(e.build_list(sequence.items)), count]))
        if isinstance(type_of(sequence), T.StringType):
            return function_calls.call_function(e, prelude.repeated, [sequence, count], {})
        if is_number(lt) and isinstance(rt, T.ListType):
            return Dynamic(e.call("aten::mul", [right, left]))
    return None


def missing_method(e: Emitter, symbol: str, method: str, left: Val, right: Val) -> CompileError:
    """The error of an operator on an object whose class does not define it."""
    types = [t for t in (type_of(left), type_of(right)) if isinstance(t, T.ClassType)]
    return e.error(
        f"'{symbol}' does not take {left.describe()} and {right.describe()}: "
        f"'{name_of(types[0])}' has no method '{method}'."
    )


def _class_operator(e: Emitter, method: str, left: Val, right: Val) -> Val | None:
    for owner, other, name in ((left, right, method), (right, left, f"__r{method[2:]}")):
        type = type_of(owner)
        if isinstance(type, T.ClassType) and e.program.class_method(type, name) is not None:
            return methods.call_class_method(e, owner, name, [other], {})
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
    operand = expressions.emit(e, node.operand)
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
    if isinstance(node.op, ast.UAdd) and is_number(type_of(operand)):
        return operand
    if isinstance(type_of(operand), T.ClassType):
        method = {ast.USub: "__neg__", ast.UAdd: "__pos__", ast.Invert: "__invert__"}[type(node.op)]
        return methods.call_class_method(e, operand, method, [], {})
    if isinstance(node.op, ast.Invert) and isinstance(type_of(operand), T.IntType | T.BoolType):
        # aten::bitwise_not takes tensors only: ~x is -x - 1
        number = Dynamic(e.call("aten::Int", [operand])) if type_of(operand) == T.BOOL else operand
        result: Val = Dynamic(e.call("aten::sub", [Dynamic(e.call("aten::neg", [number])), e.static(1)]))
    else:
        result = e.call_operator(name, [operand], {}, "-" if isinstance(node.op, ast.USub) else "~")
    return Dynamic(result.value, known) if isinstance(result, Dynamic) and known is not None else result

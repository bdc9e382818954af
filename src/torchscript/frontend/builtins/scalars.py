"""Numbers and strings: `int`, `float`, `str`, `abs`, `round`, `pow`, and the functions of `operator`."""

from __future__ import annotations

import ast
import math
import operator
import types as python_types
from typing import Any

from ... import types as T
from .. import (
    arithmetic,
    conditions,
    formatting,
    function_calls,
    methods,
    prelude,
    prelude_decimals,
    prelude_texts,
)
from ..emitter import Emitter
from ..values import Dynamic, RaisedException, Val, is_scalar_constant, known_of, type_of
from .registry import METHOD_HANDLERS, Handler, handles


def _caster(python: Any, name: str) -> Handler:
    def handler(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
        if not positional and not named:
            return e.static(python())
        if python is complex and named:
            names = ("real", "imag")[len(positional) :]
            positional, named = [*positional, *(named.get(n, e.static(0)) for n in names)], {}
        val = positional[0]
        if python is str and isinstance(val, RaisedException):
            return val.message
        if len(positional) + len(named) > 1:
            folded = _known_result(e, python, positional) if not named else None
            if folded is not None:
                return folded
            if python is int and isinstance(type_of(val), T.StringType):
                return function_calls.call_function(e, prelude_texts.int_in_base, positional, named)
            return e.call_operator(name, positional, named, python.__name__)
        known = known_of(val)
        if known is not None and is_scalar_constant(known.object):
            try:
                result = python(known.object)
            except Exception:
                result = None
            if result is not None and (not isinstance(result, int) or -(2**63) <= result < 2**63):
                if not known.dependencies or type_of(val) is None:
                    return e.static(result, known.dependencies)
        if python is bool:
            condition = conditions.of_value(e, val)
            return e.static(condition.static) if condition.value is None else Dynamic(condition.value)
        type = type_of(val)
        if (python is str and isinstance(type, T.StringType)) or (
            python is int and isinstance(type, T.IntType) and type == T.INT
        ):
            return val
        if python is float and isinstance(type, T.FloatType):
            return val
        if isinstance(type, T.ClassType) and python is not str:
            return methods.call_class_method(e, val, f"__{python.__name__}__", [], {})
        if python is str and known is None:
            return formatting.text_of(e, val)
        result_val = e.call_operator(name, positional, named, python.__name__)
        if known is not None and isinstance(result_val, Dynamic):
            from ..arithmetic import fold

            return Dynamic(result_val.value, fold(e, python, val))
        return result_val

    return handler


for _python, _op in (
    (int, "aten::Int"),
    (float, "aten::Float"),
    (bool, "aten::Bool"),
    (complex, "aten::Complex"),
    (str, "aten::str"),
):
    handles(_python)(_caster(_python, _op))


@handles(repr)
def _repr(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    known = known_of(positional[0])
    if known is not None:
        return e.static(repr(e.depend(positional[0])))
    if isinstance(type_of(positional[0]), T.StringType):
        return function_calls.call_function(e, prelude.quoted, positional, {})
    return formatting.text_of(e, positional[0])


@handles(ascii)
def _ascii(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    text = _repr(e, positional, named, hint)
    if known_of(text) is not None:
        return e.static(ascii(e.depend(positional[0])))
    return function_calls.call_function(e, prelude_texts.escaped, [text], {})


@handles(id)
def _id(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    if isinstance(type_of(positional[0]), T.ClassType | T.NoneType):
        return e.call_operator("aten::id", positional, {}, "id")
    raise e.unsupported(
        f"'id' of {positional[0].describe()} cannot be compiled: its place in memory is not part of the program.",
        None,
        "Compare the values themselves.",
    )


@handles(format)
def _format(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    """`format(value, specification)`."""
    value, *specification = positional
    spec = formatting.spec_of(e, list(specification))
    return formatting.format_value(e, value, spec) if spec else formatting.text_of(e, value)


@handles(abs)
def _abs(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    if isinstance(type_of(positional[0]), T.ClassType):
        return methods.call_class_method(e, positional[0], "__abs__", [], {})
    return _folding(
        e, abs, "aten::abs" if isinstance(type_of(positional[0]), T.TensorType) else "prim::abs", positional
    )


@handles(hash)
def _hash(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    type = type_of(positional[0])
    if isinstance(type, T.ClassType) and isinstance(
        getattr(type.python_class, "__hash__", None), python_types.FunctionType
    ):
        return methods.call_class_method(e, positional[0], "__hash__", [], {})
    return e.call_operator("aten::hash", positional, {}, "hash")


@handles(round)
def _round(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    if len(positional) == 1 and isinstance(type_of(positional[0]), T.IntType):
        return positional[0]
    known = _known_result(e, round, positional)
    if known is not None:
        return known
    if len(positional) == 2 and isinstance(type_of(positional[0]), T.FloatType | T.NumberType):
        number = Dynamic(e.coerce(positional[0], T.FLOAT, None, "the number"))
        return function_calls.call_function(e, prelude_decimals.round_to, [number, positional[1]], {})
    rounded = e.call_operator("aten::round", positional, {}, "round")
    if len(positional) == 1 and isinstance(type_of(rounded), T.FloatType):
        return e.call_operator("aten::Int", [rounded], {}, "round")
    return rounded


METHOD_HANDLERS["complex", "conjugate"] = lambda e, owner, p, n: function_calls.call_function(
    e, prelude.conjugate, [owner], {}
)


METHOD_HANDLERS["float", "is_integer"] = lambda e, owner, p, n: function_calls.call_function(
    e, prelude.is_whole, [owner], {}
)


for _name, _function in (("removeprefix", prelude.without_prefix), ("removesuffix", prelude.without_suffix)):
    METHOD_HANDLERS["str", _name] = lambda e, owner, p, n, f=_function: function_calls.call_function(  # type: ignore[misc]
        e, f, [owner, *p], n
    )


def _affix(name: str) -> Any:
    """`s.startswith(("a", "b"))`."""

    def handler(e: Emitter, owner: Val, positional: list[Val], named: dict[str, Val]) -> Val:
        from .. import loops

        parts = (
            loops.static_items(e, positional[0]) if isinstance(type_of(positional[0]), T.TupleType) else None
        )
        if not parts:
            return e.call_operator(f"aten::{name}", [owner, *positional], named, name)
        found: Val | None = None
        for part in parts:
            one = e.call_operator(f"aten::{name}", [owner, part, *positional[1:]], named, name)
            found = one if found is None else e.call_operator("aten::__or__", [found, one], {}, name)
        assert found is not None
        return found

    return handler


for _name in ("startswith", "endswith"):
    METHOD_HANDLERS["str", _name] = _affix(_name)


@handles(math.trunc)
def _trunc(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    if isinstance(type_of(positional[0]), T.TensorType):
        raise e.certain(TypeError, "type Tensor doesn't define __trunc__ method")
    return e.call_operator("aten::Int", positional, {}, "trunc")


def _known_result(e: Emitter, function: Any, positional: list[Val]) -> Val | None:
    from ..arithmetic import fold

    known = fold(e, function, *positional)
    if known is None or known.dependencies:
        return None
    return e.static(known.object)


def _folding(e: Emitter, function: Any, name: str, positional: list[Val]) -> Val:
    from ..arithmetic import fold

    known = fold(e, function, *positional)
    if known is not None and not known.dependencies:
        return e.static(known.object)
    result = e.call_operator(name, positional, {}, function.__name__)
    return Dynamic(result.value, known) if isinstance(result, Dynamic) and known is not None else result


@handles(divmod)
def _divmod(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    return e.call_operator("aten::divmod", positional, {}, "divmod")


@handles(pow)
def _pow(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    given = [
        *positional,
        *(named[name] for name in ("base", "exp", "mod")[len(positional) :] if name in named),
    ]
    if len(given) == 3 and not isinstance(type_of(given[2]), T.NoneType):
        return function_calls.call_function(e, prelude.power_modulo, given, {})
    return arithmetic.binary(e, ast.Pow, given[0], given[1])


for _py, _name in (
    (ord, "aten::ord"),
    (chr, "aten::chr"),
    (hex, "aten::hex"),
    (oct, "aten::oct"),
    (bin, "aten::bin"),
):

    def _scalar(function: Any, name: str) -> Handler:
        def handler(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
            return _folding(e, function, name, positional)

        return handler

    handles(_py)(_scalar(_py, _name))


_OPERATOR_FUNCTIONS: dict[Any, type[ast.operator]] = {
    operator.add: ast.Add, operator.sub: ast.Sub, operator.mul: ast.Mult, operator.truediv: ast.Div,
    operator.floordiv: ast.FloorDiv, operator.mod: ast.Mod, operator.pow: ast.Pow, operator.matmul: ast.MatMult,
    operator.and_: ast.BitAnd, operator.or_: ast.BitOr, operator.xor: ast.BitXor,
    operator.lshift: ast.LShift, operator.rshift: ast.RShift,
}  # fmt: skip


def _operator_function(op: type[ast.operator]) -> Handler:
    def handler(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:

        return arithmetic.binary(e, op, positional[0], positional[1])

    return handler


for _py, _ast_op in _OPERATOR_FUNCTIONS.items():
    handles(_py)(_operator_function(_ast_op))

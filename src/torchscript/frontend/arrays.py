"""numpy in compiled code: what is known while compiling is computed there; functions of numbers become `math`.

    np.floor(h / 2)                     →   float(math.floor(h / 2))
    np.prod(x.shape[1:])                →   a loop over the sizes
    torch.tensor(np.hanning(5))         →   a constant

Arrays exist only while compiling. `numpy` is not imported here: the user's program has done that.
"""

from __future__ import annotations

import ast
import math
import types as python_types
from collections.abc import Callable
from typing import Any

import torch

from .. import types as T
from ..ir.graph import Value
from .emitter import Emitter
from .values import Attribute, Dynamic, Known, Sequence, Static, Val, is_scalar_constant, known_of, type_of

# -- functions of numbers, in Python that compiles ---------------------------------------------------------


def _floor(x: float) -> float:
    return float(math.floor(x))


def _ceil(x: float) -> float:
    return float(math.ceil(x))


def _trunc(x: float) -> float:
    return float(int(x))


def _round(x: float) -> float:
    return float(round(x))


def _sqrt(x: float) -> float:
    return math.sqrt(x)


def _exp(x: float) -> float:
    return math.exp(x)


def _log(x: float) -> float:
    return math.log(x)


def _log2(x: float) -> float:
    return math.log(x, 2.0) if 2.0 ** round(math.log(x, 2.0)) != x else float(round(math.log(x, 2.0)))


def _log10(x: float) -> float:
    return math.log10(x)


def _sin(x: float) -> float:
    return math.sin(x)


def _cos(x: float) -> float:
    return math.cos(x)


def _product(values: list[int]) -> int:
    result = 1
    for value in values:
        result *= value
    return result


def _total(values: list[int]) -> int:
    result = 0
    for value in values:
        result += value
    return result


_OF_A_NUMBER: dict[str, Callable[..., Any]] = {
    "floor": _floor, "ceil": _ceil, "trunc": _trunc, "rint": _round, "sqrt": _sqrt, "exp": _exp, "log": _log,
    "log2": _log2, "log10": _log10, "sin": _sin, "cos": _cos,
}  # fmt: skip
_OF_SIZES: dict[str, Callable[..., Any]] = {"prod": _product, "sum": _total}
_OF_ONE_NUMBER = frozenset(["array", "asarray", "prod", "sum"])  # of which they are the number itself
_LIKE_PYTHON: dict[str, Any] = {
    "abs": abs, "absolute": abs, "round": round, "maximum": max, "minimum": min, "max": max, "min": min,
    "amax": max, "amin": min, "power": pow, "int64": int, "float64": float, "int_": int, "bool_": bool,
}  # fmt: skip


# -- what is known while compiling -------------------------------------------------------------------------


def is_array(obj: Any) -> bool:
    return type(obj).__module__ == "numpy" and type(obj).__name__ == "ndarray"


def is_numpy(obj: Any) -> bool:
    """Whether `obj` is a function of numpy, or a method of an array."""
    if isinstance(obj, python_types.BuiltinMethodType) and is_array(obj.__self__):
        return obj.__name__ in _PURE_METHODS
    module = getattr(obj, "__module__", None)
    if not isinstance(module, str):
        module = type(obj).__module__  # a ufunc
    if module.startswith("numpy.random") or not callable(obj):
        return False
    return module.partition(".")[0] == "numpy"


_PURE_METHODS = frozenset(
    [
        "all",
        "any",
        "argmax",
        "argmin",
        "argsort",
        "astype",
        "copy",
        "cumprod",
        "cumsum",
        "diagonal",
        "dot",
        "flatten",
        "item",
        "max",
        "mean",
        "min",
        "nonzero",
        "prod",
        "ravel",
        "repeat",
        "reshape",
        "round",
        "squeeze",
        "std",
        "sum",
        "swapaxes",
        "take",
        "tolist",
        "trace",
        "transpose",
        "var",
        "view",
    ]
)


def _foldable(obj: Any) -> bool:
    if is_array(obj):
        return True
    if isinstance(obj, list | tuple):
        return all(_foldable(o) for o in obj)
    if is_scalar_constant(obj) or isinstance(obj, type | range | slice):
        return True
    module = type(obj).__module__
    return module.partition(".")[0] == "numpy" and not module.startswith("numpy.random")


def fold(e: Emitter, function: Callable[..., Any], operands: list[Val]) -> Val | None:
    """`function` of what is known now, where an array is among the operands or comes out; None otherwise."""
    known = [known_of(v) or _literal(v) for v in operands]
    if any(k is None or not _foldable(k.object) for k in known):
        return None
    present: list[Known] = [k for k in known if k is not None]
    try:
        result = function(*(k.object for k in present))
    except Exception:
        return None
    dependencies = tuple(d for k in present for d in k.dependencies)
    for operand in operands:
        if known_of(operand) is not None:
            e.depend(operand)
    return e.static(result, dependencies)


def _literal(val: Val) -> Known | None:
    """A list display of constants that nothing else refers to: `np.array([1, 2])`."""

    def read(value: Value) -> Any:
        node = value.node
        if node is not None and node.kind == "prim::Constant":
            return node.attributes["value"]
        if node is None or node.kind not in ("prim::ListConstruct", "prim::TupleConstruct"):
            raise LookupError
        return [read(v) for v in node.inputs]

    if not isinstance(val, Dynamic) or val.value.users:
        return None
    try:
        return Known(read(val.value))
    except LookupError:
        return None


def call(e: Emitter, obj: Any, positional: list[Val], named: dict[str, Val]) -> Val | None:
    """A call of a function of numpy; None where it is outside what can be compiled."""
    names = list(named)

    def apply(*values: Any) -> Any:
        return obj(*values[: len(positional)], **dict(zip(names, values[len(positional) :], strict=True)))

    folded = fold(e, apply, [*positional, *named.values()])
    if folded is not None:
        return folded
    if named or not positional:
        return None
    from . import calls, function_calls

    name = getattr(obj, "__name__", "")
    types = [type_of(p) for p in positional]
    numbers = all(isinstance(t, T.IntType | T.FloatType) for t in types)
    if name in _OF_A_NUMBER and numbers:
        return function_calls.call_function(e, _OF_A_NUMBER[name], positional, {})
    if name in _OF_ONE_NUMBER and numbers and len(positional) == 1:
        return positional[0]
    if name in _OF_SIZES and len(positional) == 1 and is_sizes(positional[0]):
        return function_calls.call_function(e, _OF_SIZES[name], positional, {})
    lists = len(positional) == 1 and (is_sizes(positional[0]) or isinstance(positional[0], Sequence))
    if name in _LIKE_PYTHON and (numbers or lists):
        return calls.call(e, e.static(_LIKE_PYTHON[name]), positional, {})
    return None


def product(e: Emitter, sizes: Val) -> Val:
    """How many elements a tensor of these sizes has."""
    from . import function_calls

    return function_calls.call_function(e, _product, [sizes], {})


def is_sizes(val: Val) -> bool:
    type = type_of(val)
    if isinstance(type, T.TupleType):
        return all(isinstance(t, T.IntType) for t in type.elements)
    return isinstance(type, T.ListType) and isinstance(type.element, T.IntType)


def item(e: Emitter, owner: Val, index: ast.expr) -> Val | None:
    """`array[1:, 0]`, `np.mgrid[0:n, 0:n]` of what is known now."""
    known = known_of(owner)
    if known is None or not type(known.object).__module__.startswith("numpy"):
        return None
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    values = [_index(e, part) for part in parts]
    if any(v is None for v in values):
        return None
    keys = tuple(v.object for v in values if v is not None)
    dependencies = tuple(d for v in values if v is not None for d in v.dependencies)
    key = Static(keys if isinstance(index, ast.Tuple) else keys[0], None, dependencies)
    return fold(e, lambda o, k: o[k], [Static(known.object, None, known.dependencies), key])


def _index(e: Emitter, part: ast.expr) -> Known | None:
    from . import expressions

    if not isinstance(part, ast.Slice):
        return known_of(expressions.emit(e, part))
    bounds = [
        known_of(expressions.emit(e, b)) if b is not None else Known(None)
        for b in (part.lower, part.upper, part.step)
    ]
    if any(b is None for b in bounds):
        return None
    present = [b for b in bounds if b is not None]
    return Known(slice(*(b.object for b in present)), tuple(d for b in present for d in b.dependencies))


def as_tensor(e: Emitter, val: Val) -> Val | None:
    """A known array as a new tensor of its type; None for anything else."""
    known = known_of(val) if isinstance(val, Static | Attribute) else None
    if known is None or not is_array(known.object):
        return None
    e.depend(val)
    try:
        tensor = torch.from_numpy(known.object.copy())
    except TypeError:
        raise e.error(f"No tensor holds what this array does: its dtype is {known.object.dtype}.") from None
    constant = e.constant(tensor, T.TENSOR)
    return Dynamic(e.call("aten::clone", [Dynamic(constant)]))

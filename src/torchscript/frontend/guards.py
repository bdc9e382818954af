"""What may raise which exception, and tests that can stand before it."""

from __future__ import annotations

import ast
from collections.abc import Iterator as Iterating
from typing import Any

from .. import types as T
from ..ir.graph import Function, Node
from . import arithmetic, expressions, iterators, prelude
from .control import discard
from .emitter import Emitter
from .values import Iterator, Special, Static, Val, type_of

_NUMBERS = (T.IntType, T.FloatType, T.BoolType, T.NumberType)
_OF_NUMBERS: dict[str, tuple[type[Exception], ...]] = {
    "aten::div": (ZeroDivisionError,), "aten::floordiv": (ZeroDivisionError,), "aten::remainder": (ZeroDivisionError,),
    "aten::fmod": (ValueError,), "aten::pow": (ZeroDivisionError, OverflowError), "aten::sqrt": (ValueError,),
    "aten::log": (ValueError,), "aten::log2": (ValueError,), "aten::log10": (ValueError,), "aten::exp": (OverflowError,),
}  # fmt: skip
_OF_LISTS: dict[str, tuple[type[Exception], ...]] = {
    "aten::__getitem__": (IndexError,), "aten::_set_item": (IndexError,), "aten::Delete": (IndexError,),
    "aten::pop": (IndexError,), "aten::index": (ValueError,), "aten::remove": (ValueError,),
    "prim::ListUnpack": (ValueError,), "prim::max": (ValueError,), "prim::min": (ValueError,),
}  # fmt: skip
_OF_DICTS: dict[str, tuple[type[Exception], ...]] = {
    "aten::__getitem__": (KeyError,), "aten::pop": (KeyError,), "aten::Delete": (KeyError,), "aten::popitem": (KeyError,),
}  # fmt: skip
_OF_STRINGS: dict[str, tuple[type[Exception], ...]] = {
    "aten::__getitem__": (IndexError,), "aten::Int": (ValueError,), "aten::Float": (ValueError,),
    "aten::index": (ValueError,), "aten::device": (RuntimeError,),
}  # fmt: skip
_SAFE_OF_TENSORS = ("aten::dim", "prim::dtype", "prim::device", "aten::numel", "aten::is_floating_point", "aten::__isnot__",
                    "aten::__is__", "prim::requires_grad", "aten::len")  # fmt: skip


def exceptions_of(node: Node) -> tuple[type[BaseException], ...]:
    """The exceptions that a node may raise when it runs (those in its blocks are nodes of their own)."""
    if node.kind == "prim::RaiseException":
        return (node.attributes.get("exception", RuntimeError),)
    if node.kind == "prim::PythonCall":
        return (Exception,)
    if node.kind in ("prim::CallFunction", "prim::CallMethod"):
        return _exceptions_of_call(node)
    if node.kind.startswith("prim::") and node.kind not in _OF_LISTS:
        return ()
    kind = node.inputs[0].type if node.inputs else None
    for type_, table in ((T.DictType, _OF_DICTS), (T.ListType, _OF_LISTS), (T.StringType, _OF_STRINGS)):
        if isinstance(kind, type_):
            return table.get(node.kind, ())
    values = [v.type for v in (*node.inputs, *node.outputs)]
    if any(isinstance(t, T.TensorType) for t in values) and node.kind not in _SAFE_OF_TENSORS:
        with_sizes = any(
            isinstance(t, T.IntType) or t == T.ListType(T.INT) for t in values[: len(node.inputs)]
        )
        return (RuntimeError, IndexError) if with_sizes else (RuntimeError,)
    return _OF_NUMBERS.get(node.kind, ()) if isinstance(kind, _NUMBERS) else ()


def _exceptions_of_call(node: Node) -> tuple[type[BaseException], ...]:
    function: Any = node.attributes.get("function")
    if function is None and isinstance(node.inputs[0].type, T.ClassType):
        function = node.inputs[0].type.method(node.attributes["name"])
    if not isinstance(function, Function):
        return (Exception,)
    found = {exception: None for inner in function.graph.all_nodes() for exception in exceptions_of(inner)}
    return tuple(found)


# -- tests ---------------------------------------------------------------------------------------------------


def tests_before(e: Emitter, node: ast.stmt) -> list[ast.stmt]:
    """Statements that raise what `node` would raise; they stand before it inside a `try`."""
    tests: list[ast.stmt] = []
    for expression in _evaluated(node):
        found = _test(e, expression)
        if found is not None:
            e.catching.tested.add(e.where(expression))
            for inner in ast.walk(found):
                ast.copy_location(inner, expression)
            tests.append(found)
    return tests


def _evaluated(node: ast.AST) -> Iterating[ast.expr]:
    """The expressions that a statement surely evaluates, from the inside out."""
    if isinstance(
        node,
        ast.IfExp | ast.BoolOp | ast.Lambda | ast.ListComp | ast.GeneratorExp | ast.DictComp | ast.SetComp,
    ):
        if isinstance(node, ast.IfExp):
            yield from _evaluated(node.test)
        elif isinstance(node, ast.BoolOp):
            yield from _evaluated(node.values[0])
        return
    children: list[ast.AST] = list(ast.iter_child_nodes(node))
    if isinstance(node, ast.If):
        children = [node.test]
    elif isinstance(node, ast.For):
        children = [node.iter]
    elif isinstance(node, ast.While | ast.FunctionDef | ast.ClassDef | ast.Try | ast.With | ast.Match):
        return
    for child in children:
        yield from _evaluated(child)
    if isinstance(node, ast.expr):
        yield node


def _is_simple(node: ast.expr) -> bool:
    """Whether evaluating it twice is the same as once."""
    if isinstance(node, ast.UnaryOp | ast.BinOp | ast.Subscript | ast.List):
        return all(_is_simple(c) for c in ast.iter_child_nodes(node) if isinstance(c, ast.expr))
    if isinstance(node, ast.Attribute):
        return _is_simple(node.value)
    return isinstance(node, ast.Name | ast.Constant)


def _test(e: Emitter, node: ast.expr) -> ast.stmt | None:
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load | ast.Del):
        return _test_lookup(e, node.value, node.slice)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.FloorDiv | ast.Mod):
        left, right = _type(e, node.left), _type(e, node.right)
        if isinstance(left, _NUMBERS) and isinstance(right, _NUMBERS):
            one = 1.0 if T.FLOAT in (left, right) else 1
            try:
                arithmetic.BINARY[type(node.op)][2](one, 0)
            except ZeroDivisionError as error:
                return _raising(f"{_text(node.right)} == 0", f"ZeroDivisionError({str(error)!r})")
    if not isinstance(node, ast.Call) or node.keywords or len(node.args) != 1 or not _is_simple(node.args[0]):
        return None
    argument = _text(node.args[0])
    if isinstance(node.func, ast.Name) and isinstance(it := _value(e, node.args[0]), Iterator):
        if isinstance(callee := _value(e, node.func), Static) and callee.object is next:
            e.scope.set(
                "__torchscript_more",
                Special("next", lambda e, node, positional, named: iterators.more(e, it)),
            )
            return _raising("not __torchscript_more()", "StopIteration()")
    if isinstance(node.func, ast.Name) and isinstance(_type(e, node.args[0]), T.StringType):
        callee = _value(e, node.func)
        if isinstance(callee, Static) and callee.object in (int, float):
            name = "int" if callee.object is int else "float"
            checker = f"__torchscript_is_{name}"
            e.scope.set(checker, e.static(prelude.is_int_text if name == "int" else prelude.is_float_text))
            problem = (
                "invalid literal for int() with base 10: '"
                if name == "int"
                else "could not convert string to float: '"
            )
            return _raising(f"not {checker}({argument})", f'ValueError({problem!r} + {argument} + "\'")')
    if isinstance(node.func, ast.Name) and isinstance(_type(e, node.args[0]), T.TensorType):
        callee = _value(e, node.func)
        if isinstance(callee, Static) and callee.object in _OF_ONE_ELEMENT:
            return _raising(f"{argument}.numel() != 1", _OF_ONE_ELEMENT[callee.object])
    if isinstance(node.func, ast.Attribute) and _is_simple(node.func.value):
        owner, kind = _text(node.func.value), _type(e, node.func.value)
        if isinstance(kind, T.ListType) and node.func.attr in ("index", "remove"):
            return _raising(f"{argument} not in {owner}", "ValueError('the value is not in the list')")
        if isinstance(kind, T.DictType) and node.func.attr == "pop":
            return _raising(f"{argument} not in {owner}", f"KeyError({argument})")
        if isinstance(kind, T.TensorType) and node.func.attr == "size":
            return _raising(
                f"{argument} >= {owner}.dim() or {argument} < -{owner}.dim()",
                f"IndexError(f'Dimension out of range: there are {{{owner}.dim()}}, but got {{{argument}}}')",
            )
    return None


_OF_ONE_ELEMENT = {
    int: "ValueError('only one element tensors can be converted to Python scalars')",
    float: "ValueError('only one element tensors can be converted to Python scalars')",
    bool: "RuntimeError('Boolean value of Tensor with more than one value is ambiguous')",
}


def _test_lookup(e: Emitter, owner: ast.expr, key: ast.expr) -> ast.stmt | None:
    if isinstance(key, ast.Slice) or not _is_simple(owner) or not _is_simple(key):
        return None
    kind, own, index = _type(e, owner), _text(owner), _text(key)
    if isinstance(kind, T.DictType):
        return _raising(f"{index} not in {own}", f"KeyError({index})")
    if isinstance(kind, T.TensorType) and isinstance(_type(e, key), T.IntType):
        return _raising(
            f"{own}.dim() == 0 or {index} >= len({own}) or {index} < -len({own})",
            f"IndexError(f'index {{{index}}} is out of bounds')",
        )
    if isinstance(kind, T.ListType | T.StringType):
        what = "list" if isinstance(kind, T.ListType) else "string"
        return _raising(
            f"{index} >= len({own}) or {index} < -len({own})", f"IndexError('{what} index out of range')"
        )
    return None


def _raising(condition: str, exception: str) -> ast.stmt:
    return ast.parse(f"if {condition}:\n    raise {exception}").body[0]


def _text(node: ast.expr) -> str:
    return f"({ast.unparse(node)})"


def _value(e: Emitter, node: ast.expr) -> Val | None:
    """What an expression is, without leaving anything behind."""
    if any(
        isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "next"
        for n in ast.walk(node)
    ):
        return None  # which would take a step while compiling
    mark = len(e.block.nodes)
    try:
        return expressions.emit(e, node)
    except Exception:
        return None
    finally:
        discard(e.block, mark)


def _type(e: Emitter, node: ast.expr) -> T.Type | None:
    val = _value(e, node)
    return type_of(val) if val is not None else None

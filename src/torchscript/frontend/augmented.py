"""`target op= value`: in place for tensors and lists, a new value otherwise."""

from __future__ import annotations

import ast

from .. import types as T
from . import (
    arithmetic,
    default_dicts,
    deques,
    function_calls,
    mappings,
    methods,
    outer,
    prelude_lists,
    returned,
    sets,
    tensor_indexing,
)
from .emitter import Emitter
from .values import Attribute, Dynamic, Mapping, Sequence, Static, Val, known_of, type_of


def augmented_assign(e: Emitter, node: ast.AugAssign) -> None:
    """`target op= value`: in place for tensors and lists, a new value otherwise."""
    from . import expressions, statements

    op = type(node.op)
    load = ast.copy_location(_as_load(node.target), node.target)
    if isinstance(node.target, ast.Subscript):
        _augmented_subscript(e, node, op)
        return
    current = expressions.emit(e, load)
    value = expressions.emit(e, node.value)
    e.node = node
    result = in_place(e, op, current, value)
    if isinstance(node.target, ast.Attribute) and isinstance(type_of(current), T.TensorType | T.ListType):
        if isinstance(result, Dynamic) and isinstance(type_of(current), T.TensorType):
            return  # the tensor itself was changed
    statements.assign(e, node.target, result)


def _as_load(target: ast.expr) -> ast.expr:
    if isinstance(target, ast.Name):
        return ast.Name(target.id, ast.Load())
    if isinstance(target, ast.Attribute):
        return ast.Attribute(target.value, target.attr, ast.Load())
    return target


_OF_SETS: dict[type[ast.operator], str] = {
    ast.BitOr: "update", ast.BitAnd: "intersection_update", ast.Sub: "difference_update",
    ast.BitXor: "symmetric_difference_update",
}  # fmt: skip


def in_place(e: Emitter, op: type[ast.operator], current: Val, value: Val) -> Val:
    """`current op= value` and the value that the variable then has."""

    name = arithmetic.BINARY[op][0]
    symbol = arithmetic.BINARY[op][1]
    type = type_of(current)
    if isinstance(type, T.TensorType):
        if isinstance(value, Static | Attribute | Dynamic | Sequence) and type_of(value) is not None:
            in_place_name = {"aten::floordiv": "aten::floor_divide_",
                             "aten::__and__": "aten::__iand__", "aten::__or__": "aten::__ior__",
                             "aten::__xor__": "aten::__ixor__", "aten::__lshift__": "aten::__ilshift__",
                             "aten::__rshift__": "aten::__irshift__"}.get(name, name + "_")  # fmt: skip
            if op is ast.MatMult:
                return arithmetic.binary(e, op, current, value)
            return e.call_operator(in_place_name, [current, value], {}, f"{symbol}=")
    if returned.is_tuple_in_python(e, current):
        return arithmetic.binary(e, op, current, value)
    if deques.is_deque(current) and op is ast.Add:
        methods.call_builtin_method(e, current, "extend", [value], {})
        return current
    if isinstance(type, T.ListType) and op is ast.Add and not isinstance(current, Sequence):
        outer.refuse_change(e, current, "__iadd__")
        items = value
        if isinstance(value, Sequence):
            items = Dynamic(e.build_list(value.items, element=_settled_element(type)))
        elif isinstance(value, Dynamic):
            items = Dynamic(e.convert(value.value, type) or value.value)
        e.call_operator("aten::extend", [current, items], {}, "+=")
        return current
    if isinstance(type, T.ListType) and op is ast.Mult and isinstance(current, Dynamic | Attribute):
        outer.refuse_change(e, current, "__imul__")
        function_calls.call_function(e, prelude_lists.repeat_in_place, [current, value], {})
        return current
    if isinstance(type, T.SetType):
        method = _OF_SETS.get(op)
        if method is not None:
            sets.METHODS[method](e, [current, value])
            return current
    if isinstance(type, T.DictType) and op is ast.BitOr and isinstance(type_of(value), T.DictType):
        methods.call_builtin_method(e, current, "update", [value], {})
        return current
    if isinstance(type, T.ClassType):
        method = f"__i{arithmetic.METHODS[symbol]}__"
        if e.program.class_method(type, method) is not None:
            return methods.call_class_method(e, current, method, [value], {})
    return arithmetic.binary(e, op, current, value)


def _settled_element(type: T.ListType) -> T.Type | None:
    element = type.element
    return None if isinstance(element, T.PendingType) and element.resolved is None else element


def _augmented_subscript(e: Emitter, node: ast.AugAssign, op: type[ast.operator]) -> None:
    from . import expressions, subscripts

    target = node.target
    assert isinstance(target, ast.Subscript)
    owner = expressions.emit(e, target.value)
    if isinstance(type_of(owner), T.TensorType):
        view, indices = tensor_indexing.locate(e, e.materialize(owner), target.slice)
        value = expressions.emit(e, node.value)
        e.node = node
        if indices is None:
            in_place(e, op, Dynamic(view), value)
            return
        current = Dynamic(e.call("aten::index", [Dynamic(view), Dynamic(indices)]))
        result = in_place(e, op, current, value)
        e.call_operator("aten::index_put_", [Dynamic(view), Dynamic(indices), result], {}, "[]=")
        return
    if isinstance(target.slice, ast.Slice):
        raise e.unsupported("A slice of a list cannot be changed in place.", target)
    outer.refuse_change(e, owner, "__setitem__", target)
    key = expressions.emit(e, target.slice)
    e.node = node
    if isinstance(type_of(owner), T.ClassType):
        item = methods.call_class_method(e, owner, "__getitem__", [key], {})
        result = in_place(e, op, item, expressions.emit(e, node.value))
        methods.call_class_method(e, owner, "__setitem__", [key, result], {})
        return
    if isinstance(type_of(owner), default_dicts.DefaultDictType):
        current_val = default_dicts.item(e, owner, key)
    elif isinstance(owner, Mapping) and known_of(key) is not None:
        changed = in_place(e, op, mappings.item(e, owner, key, node), expressions.emit(e, node.value))
        mappings.changeable(e, owner, node)[e.depend(key)] = changed
        return
    else:
        current_val = e.call_operator("aten::__getitem__", [owner, key], {}, "[]")
    result = in_place(e, op, current_val, expressions.emit(e, node.value))
    e.node = node
    subscripts.set_item(e, e.materialize(owner), key, result)

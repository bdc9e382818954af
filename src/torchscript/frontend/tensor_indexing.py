"""Subscripts of tensors, read and written.

    x[0, 1:, None, t]      →      aten::select, aten::slice, aten::unsqueeze make a view; aten::index gathers from it

Ints, slices and None give views; tensors and lists of numbers gather. Dimensions behind `...` are counted from the
end, so that any rank will do; where tensors stand there, the list of indices is filled up when the program runs.
"""

from __future__ import annotations

import ast

from .. import types as T
from ..ir.graph import Value
from . import arrays
from .emitter import Emitter
from .values import Dynamic, Iterable, Sequence, Slice, Static, Val, known_of, type_of

Part = ast.Slice | Val
_OPTIONAL_TENSORS = T.ListType(T.OptionalType(T.TENSOR))


def read(e: Emitter, value: Value, index: ast.expr) -> Value:
    """`value[index]`."""
    view, indices = locate(e, value, index)
    return view if indices is None else e.call("aten::index", [Dynamic(view), Dynamic(indices)])


def assign(e: Emitter, tensor: Value, index: ast.expr, value: Val) -> None:
    """`tensor[index] = value`: a copy into the view, or index_put_ where tensors are among the indices."""
    view, indices = locate(e, tensor, index)
    given = type_of(value)
    if not isinstance(given, T.TensorType) and (indices is not None or isinstance(given, T.ListType)):
        value = _as_tensor_like(e, value, view)
    if indices is not None:
        value = Dynamic(e.materialize(value))
        e.call_operator("aten::index_put_", [Dynamic(view), Dynamic(indices), value], {}, "[]=")
    elif isinstance(type_of(value), T.TensorType):
        e.call_operator("aten::copy_", [Dynamic(view), value], {}, "[]=")
    else:
        e.call_operator("aten::fill_", [Dynamic(view), value], {}, "[]=")


def _as_tensor_like(e: Emitter, value: Val, like: Value) -> Val:
    dtype = e.call("prim::dtype", [Dynamic(like)])
    device = e.call("prim::device", [Dynamic(like)])
    return Dynamic(e.call("aten::tensor", [value], {"dtype": Dynamic(dtype), "device": Dynamic(device)}))


def locate(e: Emitter, value: Value, index: ast.expr) -> tuple[Value, Value | None]:
    """What an index means: a view of `value`, and the `Tensor?[]` to gather from it with.

    None for the latter if there is nothing to gather.
    """
    parts = _parts(e, index)
    split = next((i for i, p in enumerate(parts) if _is_ellipsis(p)), len(parts))
    before, after = parts[:split], parts[split + 1 :]
    leading: dict[int, Value] = {}
    dim = 0
    for part in before:
        value, dim = _apply(e, value, part, dim, leading)
    trailing: dict[int, Value] = {}  # by dimension from the end
    for position, part in enumerate(after):
        later = after[position + 1 :]
        if _inserts(part):
            value = e.call("aten::unsqueeze", [Dynamic(value), e.static(-1 - _taken(later))])
            continue
        found: dict[int, Value] = {}
        value, _ = _apply(e, value, part, -1 - _taken(later), found)
        if found:
            remaining = sum(not isinstance(_type(p), T.IntType) for p in later)
            trailing[-1 - remaining] = next(iter(found.values()))
    if not leading and not trailing:
        return value, None
    head = [_entry(e, leading.get(d)) for d in range(max(leading, default=-1) + 1)]
    if not trailing:
        return value, e.emit("prim::ListConstruct", head, [_OPTIONAL_TENSORS]).output
    tail = [_entry(e, trailing.get(d)) for d in range(min(trailing), 0)]
    return value, _filled(e, value, head, tail)


def _filled(e: Emitter, view: Value, head: list[Value], tail: list[Value]) -> Value:
    """`head + [None] * n + tail`, as long as the view has dimensions."""
    rank = e.call("aten::dim", [Dynamic(view)])
    count = e.call("aten::sub", [Dynamic(rank), e.static(len(head) + len(tail))])
    empty = e.emit("prim::ListConstruct", [_entry(e, None)], [_OPTIONAL_TENSORS]).output
    listed = e.call("aten::mul", [Dynamic(empty), Dynamic(count)])
    for part, first in ((head, True), (tail, False)):
        if part:
            other = e.emit("prim::ListConstruct", part, [_OPTIONAL_TENSORS]).output
            operands = (other, listed) if first else (listed, other)
            listed = e.call("aten::add", [Dynamic(v) for v in operands])
    return listed


def _entry(e: Emitter, value: Value | None) -> Value:
    return value if value is not None else e.block.constant(None, T.NONE, e.here)


def _taken(parts: list[Part]) -> int:
    """How many dimensions of the tensor the parts stand for."""
    return sum(not _inserts(p) for p in parts)


def bound(e: Emitter, node: ast.expr | None) -> Val:
    """A bound of a slice: an int, or None."""
    from . import expressions

    if node is None:
        return e.none()
    val = expressions.emit(e, node)
    if isinstance(type_of(val), T.TensorType):
        return Dynamic(e.call("aten::IntImplicit", [val]))
    return val


def bounds_of_object(e: Emitter, val: Val) -> list[Val] | None:
    """The bounds of a `slice(a, b, c)`, if that is what `val` is."""
    known = known_of(val)
    if known is not None and isinstance(known.object, slice):
        obj = e.depend(val)
        return [e.static(obj.start), e.static(obj.stop), e.static(obj.step)]
    return val.bounds if isinstance(val, Slice) else None


def _parts(e: Emitter, index: ast.expr) -> list[Part]:
    """The comma-separated parts of an index."""
    from . import expressions, loops

    nodes = index.elts if isinstance(index, ast.Tuple) else [index]
    parts: list[Part] = []
    for node in nodes:
        if isinstance(node, ast.Slice):
            parts.append(node)
            continue
        if isinstance(node, ast.Starred):
            items = loops.static_items(e, expressions.emit(e, node.value))
            if items is None:
                raise e.error("How many indices '*' stands for is not known while compiling.", node)
            parts.extend(items)
            continue
        val = expressions.emit(e, node)
        tuple_items = (
            loops.static_items(e, val)
            if isinstance(type_of(val), T.TupleType) or (isinstance(val, Sequence) and not val.is_list)
            else None
        )
        if tuple_items is not None and not isinstance(index, ast.Tuple):
            parts.extend(tuple_items)
        else:
            parts.append(val)
    return parts


def _apply(e: Emitter, value: Value, part: Part, dim: int, tensors: dict[int, Value]) -> tuple[Value, int]:
    """Apply one part of an index at dimension `dim`; the new value and the dimension after it."""
    if isinstance(part, ast.Slice):
        return _sliced(e, value, dim, [bound(e, n) for n in (part.lower, part.upper, part.step)]), dim + 1
    bounds = bounds_of_object(e, part)
    if bounds is not None:
        return _sliced(e, value, dim, bounds), dim + 1
    array = arrays.as_tensor(e, part)
    if array is not None:
        part = array
    if isinstance(part, Iterable):
        from .builtins import containers

        part = containers.collect(e, part)
    if _is_ellipsis(part):
        raise e.error("'...' can stand only once in an index.")
    type = type_of(part)
    if isinstance(type, T.NoneType):
        return e.call("aten::unsqueeze", [Dynamic(value), e.static(dim)]), dim + 1
    if isinstance(type, T.BoolType):
        raise e.unsupported(
            "A bool as a tensor index cannot be compiled.", None, "Use unsqueeze(0), or a bool tensor."
        )
    if isinstance(type, T.IntType):
        return e.call("aten::select", [Dynamic(value), e.static(dim), part]), dim
    if isinstance(type, T.TensorType):
        tensors[dim] = e.materialize(part)
        return value, dim + 1
    if isinstance(type, T.ListType) or isinstance(part, Sequence):
        device = e.call("prim::device", [Dynamic(value)])
        data = part if not isinstance(part, Sequence) else Dynamic(e.build_list(part.items))
        tensors[dim] = e.call("aten::tensor", [data], {"device": Dynamic(device)})
        return value, dim + 1
    if isinstance(type, T.OptionalType) and isinstance(type.element, T.TensorType):
        raise e.error(
            "An index that may be None cannot be compiled: whether it adds a dimension is not known.", None
        )
    raise e.error(f"{part.subject()} cannot be a tensor index.")


def _sliced(e: Emitter, value: Value, dim: int, bounds: list[Val]) -> Value:
    step = bounds[2] if not (isinstance(bounds[2], Static) and bounds[2].object is None) else e.static(1)
    return e.call("aten::slice", [Dynamic(value), e.static(dim), bounds[0], bounds[1], step])


def _type(part: Part) -> T.Type | None:
    return type_of(part) if isinstance(part, Val) else None


def _inserts(part: Part) -> bool:
    return isinstance(_type(part), T.NoneType)


def _is_ellipsis(part: Part) -> bool:
    return isinstance(part, Static) and part.object is Ellipsis

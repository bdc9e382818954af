"""A value where another type is asked for: an int that becomes a float, a list display that takes the type of its place.

y: Optional[List[float]] = [n, x]     →     %0 : float = aten::Float(%n)
                                            %y : float[] = prim::ListConstruct(%0, %x)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import types as T
from ..ir.graph import Node, Value
from .pending import resolve_pending, settle
from .values import Dynamic, Val

if TYPE_CHECKING:
    from .emitter import Emitter


_IMPLICIT: dict[type[T.Type], str] = {
    T.IntType: "aten::IntImplicit",
    T.FloatType: "aten::FloatImplicit",
    T.BoolType: "aten::Bool",
}
"""The operators by which a Tensor becomes a number; the first two take no Tensor that has a gradient."""


def is_tensor_for_number(own: T.Type | None, annotated: T.Type | None) -> bool:
    """Whether a Tensor is given where a number is annotated."""
    goal = annotated.element if isinstance(annotated, T.OptionalType) else annotated
    return isinstance(own, T.TensorType) and goal.__class__ in _IMPLICIT


def implicit_number(e: Emitter, val: Val, annotated: T.Type) -> Value:
    """The number that a Tensor stands for."""
    goal = annotated.element if isinstance(annotated, T.OptionalType) else annotated
    return e.call(_IMPLICIT[goal.__class__], [val])


def convert(e: Emitter, value: Value, type: T.Type) -> Value | None:
    """`value` where a `type` is asked for: itself, retyped if it is a fresh literal, or None."""
    own = value.type
    if own == type or own.is_subtype_of(type):
        return value
    goal = type.element if isinstance(type, T.OptionalType) else type
    if resolve_pending(own, type) or resolve_pending(own, goal):
        settle(value)
        return value
    if isinstance(own, T.ListType) and isinstance(goal, T.ListType):
        if own.element.is_subtype_of(goal.element):  # [n] where a List[Optional[int]] is asked for
            literals = _literals(value)
            for literal in literals:
                literal.type = goal
            if literals:
                return value
    if isinstance(goal, T.FloatType) and isinstance(own, T.IntType):
        return e.call("aten::Float", [Dynamic(value)])
    if isinstance(own, T.NumberType) and isinstance(goal, T.FloatType | T.IntType):
        return e.call("aten::Float" if isinstance(goal, T.FloatType) else "aten::Int", [Dynamic(value)])
    if isinstance(goal, T.IntType) and isinstance(own, T.DtypeType | T.LayoutType | T.MemoryFormatType):
        return value
    if isinstance(goal, T.DtypeType | T.LayoutType | T.MemoryFormatType) and isinstance(own, T.IntType):
        return value
    node = value.node
    if (
        node is not None
        and node.kind in ("prim::ListConstruct", "prim::DictConstruct", "prim::TupleConstruct")
        and not value.users
    ):
        retyped = _retype_literal(e, node, value, goal)
        if retyped is not None:
            return retyped
    if (
        isinstance(own, T.TupleType)
        and isinstance(goal, T.ListType)
        and not isinstance(own, T.NamedTupleType)
    ):
        outs = e.emit("prim::TupleUnpack", [value], own.elements).outputs
        items = [convert(e, v, goal.element) for v in outs]
        if any(i is None for i in items):
            return None
        return e.emit("prim::ListConstruct", [i for i in items if i is not None], [goal]).output
    if (
        isinstance(own, T.TupleType)
        and isinstance(goal, T.TupleType)
        and len(own.elements) == len(goal.elements)
    ):
        if isinstance(goal, T.NamedTupleType) != isinstance(own, T.NamedTupleType):
            return None
        outs = e.emit("prim::TupleUnpack", [value], own.elements).outputs
        parts = [convert(e, v, t) for v, t in zip(outs, goal.elements, strict=True)]
        if any(p is None for p in parts):
            return None
        return e.emit("prim::TupleConstruct", [p for p in parts if p is not None], [goal]).output
    return None


def _retype_literal(e: Emitter, node: Node, value: Value, goal: T.Type) -> Value | None:
    """A list, dict or tuple display takes the type that its place asks for, if its parts fit."""
    if node.kind == "prim::ListConstruct" and isinstance(goal, T.ListType):
        wanted = [goal.element] * len(node.inputs)
    elif node.kind == "prim::DictConstruct" and isinstance(goal, T.DictType):
        wanted = [goal.key, goal.value] * (len(node.inputs) // 2)
    elif node.kind == "prim::TupleConstruct" and isinstance(goal, T.TupleType):
        if len(goal.elements) != len(node.inputs):
            return None
        wanted = list(goal.elements)
    else:
        return None
    parts = [convert(e, v, t) or _as_number(e, v, t) for v, t in zip(list(node.inputs), wanted, strict=True)]
    if any(p is None for p in parts):
        return None
    return e.emit(node.kind, [p for p in parts if p is not None], [goal]).output


def _as_number(e: Emitter, value: Value, type: T.Type) -> Value | None:
    """A Tensor in a list of numbers: `F.pad(x, [left, right])`."""
    if not isinstance(value.type, T.TensorType) or not isinstance(type, T.IntType | T.FloatType):
        return None
    name = "aten::Int" if isinstance(type, T.IntType) else "aten::Float"
    return e.call(name, [Dynamic(value)])


def _literals(value: Value, readers: int = 0) -> list[Value]:
    """The lists that were just made, and that nothing else knows: `[n]`, and both of `[n] if c else [m]`."""
    node = value.node
    if node is None or value.name is not None or len(value.users) != readers:
        return []
    if node.kind == "prim::ListConstruct":
        return [value]
    if node.kind != "prim::If":
        return []
    inner = [_literals(block.outputs[value.offset], 1) for block in node.blocks]
    return [value, *(v for found in inner for v in found)] if all(inner) else []

"""Values that are Optional only because nothing was annotated: using one says that it is there.

    def forward(self, x, mask=None):
        return x * mask                 →   raise if mask is None; x * mask

An argument or attribute that is None and unannotated is compiled as `Optional[Tensor]`, and so is what an unannotated
function returns if it can end without a `return`. Eager mode lets it be
used without a check and raises where it is None; so does the compiled code. What the user annotated as Optional
must be checked by the user.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import types as T
from ..ir.graph import Value
from .builtins import inspection
from .values import Dynamic, Static, Val, type_of

if TYPE_CHECKING:
    from .emitter import Emitter


def present(e: Emitter, val: Val) -> Val | None:
    """`val` as what it is when it is not None, behind a check; None if it is no guessed Optional."""
    own = type_of(val)
    if isinstance(own, T.ListType) and isinstance(own.element, T.OptionalType):
        return _all_of_list(e, val)
    if not isinstance(own, T.OptionalType):
        return None
    value = e.materialize(val)
    if not isinstance(value.type, T.OptionalType) or not _guessed(e, value):
        return None

    return inspection.unwrap_optional(e, Dynamic(value))


def _all_of_list(e: Emitter, val: Val) -> Val | None:
    """`[a, b]`, just written, with every guessed Optional as what it is when it is not None."""
    value = e.materialize(val)
    if value.node is None or value.node.kind != "prim::ListConstruct" or value.users:
        return None
    items: list[Val] = []
    for part in list(value.node.inputs):
        sure = present(e, Dynamic(part))
        if sure is None and isinstance(part.type, T.OptionalType):
            return None
        items.append(sure if sure is not None else Dynamic(part))
    return Dynamic(e.build_list(items))


def may_be_none(e: Emitter, val: Val) -> bool:
    """Whether `val` is None by default, or a guessed Optional."""
    if isinstance(val, Static):
        return val.object is None
    return isinstance(val, Dynamic) and isinstance(val.type, T.OptionalType) and _guessed(e, val.value)


def all_present(e: Emitter, values: list[Val]) -> list[Val]:
    """`values` with every guessed Optional as `present` has it."""
    return [found if (found := present(e, v)) is not None else v for v in values]


def _guessed(e: Emitter, value: Value, depth: int = 0) -> bool:
    node = value.node
    if node is None:
        return id(value) in e.guessed
    if node.kind == "prim::GetAttr":
        owner = node.inputs[0].type
        cls = owner.python_class if isinstance(owner, T.ClassType) and owner.is_module else None
        name = node.attributes["name"]
        return cls is not None and not any(name in vars(b).get("__annotations__", {}) for b in cls.__mro__)
    if node.kind in ("prim::CallFunction", "prim::CallMethod"):  # it ends without a 'return' on some path
        called = node.attributes.get("function")
        receiver = node.inputs[0].type if node.inputs else None
        if called is None and isinstance(receiver, T.ClassType):
            called = receiver.method(node.attributes["name"])
        function = getattr(called, "python_function", None)
        return function is not None and "return" not in getattr(function, "__annotations__", {"return": None})
    if node.kind == "prim::Constant":  # None on one side of an `if`
        return depth > 0
    if node.kind == "prim::If" and depth < 20:
        index = list(node.outputs).index(value)
        sources = [block.outputs[index] for block in node.blocks if len(block.outputs) > index]
        maybe = [s for s in sources if isinstance(s.type, T.OptionalType | T.NoneType)]
        return bool(maybe) and all(_guessed(e, s, depth + 1) for s in maybe)
    return False

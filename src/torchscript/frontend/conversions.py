"""Values that leave tensors as Python data: `tolist`."""

from __future__ import annotations

from .. import types as T
from ..operators.dispatcher import schemas_of
from .emitter import Emitter
from .values import Dynamic, Val

_CODES: dict[T.Type, int] = {T.INT: 0, T.FLOAT: 1, T.BOOL: 2, T.COMPLEX: 3}


def tensor_to_list(e: Emitter, owner: Val, hint: T.Type | None) -> Val:
    """`x.tolist()`, whose depth and element type the place that it stands in must say."""
    goal = hint.element if isinstance(hint, T.OptionalType) else hint
    depth, element = 0, goal
    while isinstance(element, T.ListType):
        depth, element = depth + 1, element.element
    if goal is None or element not in _CODES:
        raise e.unsupported(
            "'tolist()' cannot be compiled without knowing the list's type.",
            None,
            "Write: values: List[float] = x.tolist()",
        )
    inputs = [e.materialize(owner), e.constant(depth, T.INT), e.constant(_CODES[element], T.INT)]
    (schema,) = schemas_of("prim::tolist")
    node = e.emit("prim::tolist", inputs, [goal])
    node.schema = schema
    return Dynamic(node.output)

"""`fork` and `wait`."""

from __future__ import annotations

from ... import types as T
from ..emitter import Emitter
from ..values import Dynamic, Val, type_of
from .registry import METHOD_HANDLERS, marked


@marked("fork", "_fork")
def _fork(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    """`fork(f, …)`: the call in a block of its own."""
    from .. import calls
    from ..control import run_branch
    from ..outcomes import Branch, Outcome
    from ..scopes import Scope

    node = e.emit("prim::fork", [])
    branch = Branch(node.add_block(), Scope(e.scope))
    result: list[Val] = []

    def body() -> Outcome:
        val = calls.call(e, positional[0], positional[1:], named)
        branch.block.add_output(e.materialize(val))
        result.append(val)
        return Outcome()

    run_branch(e, branch, body)
    return Dynamic(node.add_output(T.FutureType(branch.block.outputs[0].type)))


@marked("wait", "_wait")
def _wait(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    type = type_of(positional[0])
    if not isinstance(type, T.FutureType):
        raise e.error("Only a Future, as fork() returns it, can be waited for.")
    return e.call_operator("aten::wait", positional, {}, "wait")


METHOD_HANDLERS["future", "wait"] = lambda e, owner, p, n: _wait(e, [owner], {}, None)

"""`try`: the IR has no exceptions, so what may be caught is tested before, and a caught `raise` is a jump.

    try:                                 if k not in d:
        v = d[k]                →            v = 0
    except KeyError:                     else:
        v = 0                                v = d[k]

A `raise` that a handler of the same function catches leaves the body by a flag, as `break` leaves a loop
(`Outcome.raises`); the handler's number and the message are variables. Lookups, divisions and conversions get a test
in front (`guards.py`). What surely raises while compiling (a missing attribute, a failing import) chooses the handler now.
Where something else in the body may raise what a handler would catch, the program is refused. `finally` is compiled behind
all paths that do not end in an exception.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from functools import partial

from ..ir.graph import Node, Value
from ..source import SourceRange
from . import expressions, statements
from .control import emit_if, run_steps
from .emitter import Emitter
from .guards import exceptions_of
from .outcomes import Outcome
from .run_time_loops import HANDLER, MESSAGE
from .values import RaisedException, Unusable, Val, known_of


@dataclass
class Catching:
    """The handlers around the statements that are compiled: the classes that each one catches."""

    classes: list[tuple[type, ...]]
    outer: Catching | None
    raised: list[type]
    tested: set[SourceRange]  # expressions that cannot raise any more, since a test stands before them
    partial: set[str]  # variables that not every way to a handler defines

    def handler_of(self, exception: type) -> int | None:
        return next((i for i, c in enumerate(self.classes) if issubclass(exception, c)), None)


def caught(e: Emitter, exception: type, message: Val) -> Outcome | None:
    """Leave for the handler that catches this exception; None where none does."""
    frame: Catching | None = e.catching
    index = frame.handler_of(exception) if frame is not None else None
    if frame is None or index is None:
        return None
    frame.raised.append(exception)
    e.scope.set(HANDLER, e.static(index))
    e.scope.set(MESSAGE, message)
    return Outcome(raises=True)


@statements.statement(ast.Try)
def _try(e: Emitter, node: ast.Try) -> Outcome:
    pending, taken = e.pending_rest, e.rest_taken
    frame = Catching([_classes(e, h) for h in node.handlers], e.catching, [], set(), set())
    mark = len(e.block.nodes)
    e.pending_rest = ()
    if node.handlers:
        e.scope.set(HANDLER, e.static(-1))
        e.scope.set(MESSAGE, e.static(""))
        e.catching = frame
    e.finalizing += bool(node.finalbody)
    try:
        outcome = statements.run_body(e, node.body)
    finally:
        e.catching = frame.outer
    _refuse_other_exceptions(e, node, frame, e.block.nodes[mark:])

    def proceed() -> Outcome:
        rest = replace(outcome, raises=False)
        if outcome.leaves and rest.returns is not False and not (rest.breaks or rest.continues):
            rest = replace(rest, returns=True)  # the body returns wherever it does not raise
        return run_steps(e, [lambda: rest, partial(statements.run_body, e, node.orelse)])

    if not node.finalbody:
        e.pending_rest, e.rest_taken = pending, taken
    if outcome.raises is True:
        result = _handle(e, node, frame)
    elif isinstance(outcome.raises, Value):
        result = emit_if(e, outcome.raises, lambda: _handle(e, node, frame), proceed)
    else:
        result = proceed()
    if node.finalbody:
        e.finalizing -= 1
        last = statements.run_body(e, node.finalbody)
        e.pending_rest, e.rest_taken = pending, taken
        return result if last.falls else last
    return result


def _classes(e: Emitter, handler: ast.ExceptHandler) -> tuple[type, ...]:
    if handler.type is None:
        return (BaseException,)
    parts = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    found: list[type] = []
    for part in parts:
        known = known_of(expressions.emit(e, part))
        classes = known.object if known is not None else None
        for cls in classes if isinstance(classes, tuple) else (classes,):
            if not (isinstance(cls, type) and issubclass(cls, BaseException)):
                raise e.error("Only classes of exceptions can be caught.", part)
            found.append(cls)
    return tuple(found)


def _handle(e: Emitter, node: ast.Try, frame: Catching) -> Outcome:
    """The handler that the raised exception chose."""
    for name in frame.partial:
        reason = f"'{name}' may have no value here: the 'try' at line {node.lineno} may be left before it is assigned."
        e.scope.set(name, Unusable(reason, None))
    number = e.scope.get(HANDLER)
    assert number is not None
    known = known_of(number)
    if known is not None and known.object >= 0:
        return _run_handler(e, node, frame, known.object)
    candidates = sorted({i for i in map(frame.handler_of, frame.raised) if i is not None})

    def choose(left: list[int]) -> Outcome:
        if len(left) == 1:
            return _run_handler(e, node, frame, left[0])
        condition = e.call("aten::eq", [number, e.static(left[0])])
        return emit_if(e, condition, lambda: _run_handler(e, node, frame, left[0]), lambda: choose(left[1:]))

    return choose(candidates)


def _run_handler(e: Emitter, node: ast.Try, frame: Catching, index: int) -> Outcome:
    handler = node.handlers[index]
    classes = {cls for cls in frame.raised if frame.handler_of(cls) == index}
    cls = classes.pop() if len(classes) == 1 else frame.classes[index][0]
    message = e.scope.get(MESSAGE)
    assert message is not None
    exception = RaisedException(cls, message)
    if handler.name is not None:
        e.scope.set(handler.name, exception)
    outer, e.handled = e.handled, exception
    try:
        return statements.run_body(e, handler.body)
    finally:
        e.handled = outer


def _refuse_other_exceptions(e: Emitter, node: ast.Try, frame: Catching, nodes: list[Node]) -> None:
    for top in nodes:
        for inner in top.all_nodes():
            if inner.source in frame.tested:
                continue
            for exception in exceptions_of(inner):
                index = frame.handler_of(exception)
                if index is None or _only_raises_again(node.handlers[index]):
                    continue
                what = inner.kind.partition("::")[2]
                raise e.unsupported(
                    f"'{what}' may raise {exception.__name__} here at run time, and compiled code can only catch what can "
                    "be tested before.",
                    _place(e, node, inner),
                    "Test the condition with 'if' before the operation instead of catching its error.",
                )


def _place(e: Emitter, node: ast.Try, inner: Node) -> ast.AST:
    """The statement of the body that the node comes from."""
    line = inner.source.line if inner.source is not None else -1
    return next((s for s in node.body if s.lineno <= line <= (s.end_lineno or s.lineno)), node)


def _only_raises_again(handler: ast.ExceptHandler) -> bool:
    """Whether a handler lets the exception pass, printing something at most."""
    *before, last = handler.body
    return (
        isinstance(last, ast.Raise)
        and last.exc is None
        and all(isinstance(s, ast.Expr) and isinstance(s.value, ast.Call | ast.Constant) for s in before)
    )

"""`iter(xs)` and `next(it)`: what is left of an iterator is a list whose last element comes next.

    it = iter(xs)                rest = reversed copy of xs
    first = next(it)       →     first = rest.pop()
    for x in it: …               while len(rest) > 0: x = rest.pop(); …

Where the elements are no data or differ in type (modules, the parts of a tuple) it is known while compiling what is left;
a step under a run-time condition or in a loop would have to be a value in the graph: refused. What reads an iterator to
its end (`list(it)`, `sum(it)`) gets a list.
"""

from __future__ import annotations

import ast
import itertools
import types as python_types

from .. import types as T
from ..operators.resolve import operator_name_of
from . import expressions, generated, loops
from .builtins import containers
from .builtins.registry import handles, special, syntax
from .emitter import Emitter
from .outcomes import Outcome
from .values import Closure, Dynamic, Iterator, Method, Module, Partial, Sequence, Static, Val, type_of


@handles(iter)
def _iter(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    return made(e, positional[0])


def made(e: Emitter, val: Val) -> Iterator:
    """`iter(val)`."""
    if isinstance(val, Iterator):
        return val
    items = loops.static_items(e, val) if loops.prefers_unrolling(e, val) else None
    if items is not None and not _is_data(items):
        return Iterator(list(items), None, e.block)
    listed = containers.as_run_time_list(e, val)
    e.call_operator("aten::reverse", [listed], {}, "iter")
    assert isinstance(listed, Dynamic)
    return Iterator([], listed, e.block)


def _is_data(items: list[Val]) -> bool:
    """Whether a list can hold the items."""
    types = {str(type_of(i)) for i in items}
    return len(types) == 1 and "None" not in types and not any(isinstance(i, Module) for i in items)


@syntax(next)
def _next(e: Emitter, node: ast.Call, hint: T.Type | None) -> Val:
    """`next(it)`, `next(it, default)`; of what is iterated for this alone, the first element."""
    source = node.args[0]
    default = node.args[1] if len(node.args) > 1 else None
    if isinstance(source, ast.GeneratorExp):
        return _first_of_generator(e, node, source, default)
    val = expressions.emit(e, source)
    fallback = expressions.emit(e, default) if default is not None else None
    e.node = node
    if not isinstance(val, Iterator):
        if not isinstance(source, ast.Call):
            raise e.unsupported(
                f"'next' takes an iterator, but this is {val.describe()}.",
                node,
                "Write: it = iter(…), and next(it).",
            )
        items = loops.static_items(e, val)
        val = Iterator(items, None, e.block) if items is not None else made(e, val)
    return step(e, val, fallback)


def step(e: Emitter, it: Iterator, default: Val | None) -> Val:
    """The next element."""
    if it.rest is None:
        left = _left(e, it)
        if left:
            return left.pop(0)
        if default is not None:
            return default
        raise e.certain(StopIteration, "The iterator has no element left.")
    if default is not None:
        text = "def step(rest, default): return rest.pop() if len(rest) > 0 else default"
        return generated.in_place(e, text, {"rest": it.rest, "default": default})
    if e.catching is None or e.where() not in e.catching.tested:
        text = "def check(rest):\n    if len(rest) == 0:\n        raise StopIteration"
        generated.in_place(e, text, {"rest": it.rest})
    return Dynamic(e.call("aten::pop", [it.rest]))


def _left(e: Emitter, it: Iterator) -> list[Val]:
    """What is known to be left; an error where a run decides it."""
    if it.block is not e.block:
        raise e.needs_unrolling(
            "How far an iterator over different kinds of things has come must be known while compiling.",
            None,
            "Call next() outside of conditions and loops, or iterate over a list of one type.",
        )
    return it.items


def _first_of_generator(
    e: Emitter, node: ast.Call, generator: ast.GeneratorExp, default: ast.expr | None
) -> Val:
    """`next(f(x) for x in xs if c)`: a function that returns the first value it comes to."""
    from . import calls

    body: ast.stmt = ast.Return(generator.elt)
    for level in reversed(generator.generators):
        for test in reversed(level.ifs):
            body = ast.If(test, [body], [])
        body = ast.For(level.target, level.iter, [body], [])
    stop = ast.Raise(ast.Name("StopIteration", ast.Load()))
    end: ast.stmt = ast.Return(default) if default is not None else stop
    arguments = ast.arguments([], [], None, [], [], None, [])
    tree = ast.FunctionDef("first", arguments, [body, end], [])
    for made_here in ast.walk(tree):
        if not hasattr(made_here, "lineno"):
            ast.copy_location(made_here, node)
    return calls.call_closure(e, Closure(tree, e.source, e, (), {}), [], {})


def more(e: Emitter, it: Iterator) -> Val:
    """Whether an element is left."""
    if it.rest is None:
        return e.static(bool(_left(e, it)))
    return Dynamic(e.call("aten::gt", [Dynamic(e.call("aten::len", [it.rest])), e.static(0)]))


def drained(e: Emitter, it: Iterator) -> Val:
    """All that is left, as a list; nothing is left afterwards."""
    if it.rest is None:
        items, it.items = list(_left(e, it)), []
        return Sequence(items, is_list=True)
    left = Dynamic(e.call("aten::list", [it.rest]))
    e.call_operator("aten::clear", [it.rest], {}, "iter")
    e.call_operator("aten::reverse", [left], {}, "iter")
    return left


def emit_for(e: Emitter, node: ast.For, it: Iterator) -> Outcome:
    """`for x in it:`, which leaves the rest for later where it breaks."""
    rest = f"@iterator{node.lineno}_{node.col_offset}"
    e.scope.set(rest, it.rest or it)

    def name(text: str) -> ast.Name:
        return ast.Name(text, ast.Load())

    test: ast.expr = ast.Compare(ast.Call(name("@len"), [name(rest)], []), [ast.Gt()], [ast.Constant(0)])
    e.scope.set("@len", Static(len, None))
    take = ast.Assign([node.target], ast.Call(ast.Attribute(name(rest), "pop", ast.Load()), [], []))
    loop = ast.While(test, [take, *node.body], node.orelse)
    for made_here in (loop, take, *ast.walk(test), *ast.walk(take)):
        if not hasattr(made_here, "lineno"):
            ast.copy_location(made_here, node)
    return loops.emit_while(e, loop)


def taken_by_loop(e: Emitter, node: ast.For, it: Iterator) -> list[Val]:
    """What a loop over what is known to be left runs over."""
    items, it.items = _left(e, it), []
    if _leaves(node):
        it.block = None  # how far it got, a run decides
    return items


def _leaves(node: ast.For) -> bool:
    return any(isinstance(n, ast.Break | ast.Return) for s in node.body for n in ast.walk(s))


def refuse_half_read(e: Emitter, node: ast.For) -> None:
    """An error for a loop that may leave part of an iterator that `enumerate` or `zip` reads for it."""
    call = node.iter
    if (
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id in ("enumerate", "zip")
    ):
        given = [e.scope.get(a.id) for a in call.args if isinstance(a, ast.Name)]
        if any(isinstance(v, Iterator) for v in given) and _leaves(node):
            raise e.unsupported(
                f"'{call.func.id}' of an iterator cannot be compiled in a loop that may leave early.",
                call,
                "Iterate over the iterator itself, and count or call next() in the body.",
            )


# -- iterators as arguments ------------------------------------------------------------------------------------


def as_arguments(e: Emitter, callee: Val, positional: list[Val]) -> list[Val] | Val:
    """The arguments of a call, with what is left for each iterator; its result, where it does not read them to their end."""
    if not any(isinstance(v, Iterator) for v in positional) or _passes_on(callee):
        return positional
    obj = callee.object if isinstance(callee, Static) else None
    if obj is zip and all(not isinstance(v, Iterator) or v.rest is not None for v in positional):
        return _rows(e, positional)
    if obj is itertools.islice and len(positional) == 2 and isinstance(positional[0], Iterator):
        if positional[0].rest is not None:
            return generated.in_place(e, _TAKEN, {"rest": positional[0].rest, "count": positional[1]})
    return [drained(e, v) if isinstance(v, Iterator) else v for v in positional]


def _passes_on(callee: Val) -> bool:
    """Whether the callee gets the iterator itself: functions of the user's, which are compiled in place."""
    if isinstance(callee, Static):
        obj = callee.object
        if isinstance(obj, python_types.FunctionType):
            return special(obj) is None and operator_name_of(obj) is None
        return obj is iter
    return isinstance(callee, Closure | Method | Module | Partial)


_TAKEN = """
def taken(rest, count: int):
    found = []
    while len(found) < count and len(rest) > 0:
        found.append(rest.pop())
    return found
"""


def _rows(e: Emitter, values: list[Val]) -> Val:
    """`zip(it, it)`: one element of each in turn, until one has none left."""
    parts = [made(e, v) for v in values]
    takes = "".join(
        f"        if len(rest{i}) == 0:\n            break\n        v{i} = rest{i}.pop()\n"
        for i in range(len(parts))
    )
    names = ", ".join(f"rest{i}" for i in range(len(parts)))
    row = "".join(f"v{i}, " for i in range(len(parts)))
    text = f"def rows({names}):\n    found = []\n    while True:\n{takes}        found.append(({row}))\n    return found"
    return generated.in_place(
        e, text, {f"rest{i}": p.rest for i, p in enumerate(parts) if p.rest is not None}
    )

"""Statements: one handler per kind of syntax tree node."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable
from collections.abc import Sequence as Seq
from functools import partial
from typing import TYPE_CHECKING, Any

from .. import types as T
from ..errors import CompileWarning
from ..ir.graph import Value
from . import (
    attributes,
    augmented,
    conditions,
    contexts,
    declarations,
    expressions,
    formatting,
    loops,
    mappings,
    outer,
    returned,
    subscripts,
    tensor_indexing,
    unpacking,
)
from .builtins import inspection
from .control import assigned_names, discard, emit_if, run_steps
from .emitter import Emitter
from .outcomes import Outcome, Step
from .problems import CertainError
from .scopes import Scope
from .splitting import Split
from .values import (
    Attribute,
    BuiltinMethod,
    Dynamic,
    Instance,
    Mapping,
    Module,
    RaisedException,
    Sequence,
    Static,
    Unusable,
    Val,
    known_of,
    type_of,
)

if TYPE_CHECKING:
    pass

Handler = Callable[[Emitter, Any], Outcome]
HANDLERS: dict[type[ast.stmt], Handler] = {}


def statement(kind: type[ast.stmt]) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        HANDLERS[kind] = handler
        return handler

    return register


def run_body(e: Emitter, body: list[ast.stmt]) -> Outcome:
    """Compile a list of statements."""
    return run_steps(e, [partial(emit_statement, e, s) for s in body])


def emit_statement(e: Emitter, node: ast.stmt) -> Outcome:
    e.node = node
    e.statement_scope = e.scope
    handler = HANDLERS.get(type(node))
    if isinstance(node, ast.Nonlocal) and e.nonlocals.issuperset(node.names):
        return Outcome()
    if handler is None:
        name, advice = UNSUPPORTED.get(type(node), (type(node).__name__, ()))
        refusal = e.outside if isinstance(node, ast.Global | ast.Nonlocal) else e.unsupported
        raise refusal(f"{name} cannot be compiled.", node, *advice)
    if e.catching is not None:
        from . import guards

        tests = guards.tests_before(e, node)
        if tests:
            return run_steps(e, [*(partial(emit_statement, e, t) for t in tests), partial(_emit, e, node)])
    return _emit(e, node)


def _emit(e: Emitter, node: ast.stmt) -> Outcome:
    handler = HANDLERS[type(node)]
    e.node = node
    if not e.conditional and not e.behind_exit and e.catching is None:
        return handler(e, node)
    block, mark, scope = e.block, len(e.block.nodes), e.scope
    pending, taken, declared = e.pending_rest, e.rest_taken, e.return_type
    try:
        return handler(e, node)
    except CertainError as error:
        problem = error
    e.block, e.scope = block, scope
    e.pending_rest, e.rest_taken, e.return_type = pending, taken, declared
    discard(block, mark)
    return _raises(e, node, problem)


def _raises(e: Emitter, node: ast.stmt, problem: CertainError) -> Outcome:
    """A statement that a run-time condition guards, and that can only raise."""
    from . import tries

    outcome = tries.caught(e, problem.exception, e.static(problem.message))
    if outcome is not None:
        return outcome
    if not e.conditional and (not e.behind_exit or issubclass(problem.exception, NameError)):
        raise problem
    name = problem.exception.__name__
    place = problem.where.show() if problem.where is not None else ""
    if place not in e.program.raising:
        e.program.raising.add(place)
        text = f"This raises {name} whenever it is reached: {problem.message}\n{place}"
        warnings.warn(text, CompileWarning, stacklevel=2)
    e.node = node
    return raise_error(e, problem.exception, e.static(problem.message.partition("\n")[0]))


UNSUPPORTED: dict[type[ast.stmt], tuple[str, tuple[str, ...]]] = {
    ast.ClassDef: ("A class inside a function", ("Define the class at the top of the module.",)),
    ast.AsyncFunctionDef: ("An async function", ()),
    ast.AsyncFor: ("An async loop", ()),
    ast.AsyncWith: ("An async 'with'", ()),
    ast.Global: (
        "'global'",
        ("Pass the value as an argument and return it, or keep it in a module's attribute.",),
    ),
    ast.Nonlocal: ("'nonlocal'", ("Return the new value from the inner function instead.",)),
}


@statement(ast.Expr)
def _expression(e: Emitter, node: ast.Expr) -> Outcome:
    if isinstance(node.value, ast.Constant):  # a docstring, or `...`
        return Outcome()
    value = expressions.emit(e, node.value)
    if isinstance(value, contexts.Manager):
        contexts.emit_alone(e, value)
    return Outcome()


@statement(ast.Pass)
def _pass(e: Emitter, node: ast.Pass) -> Outcome:
    return Outcome()


@statement(ast.Return)
def _return(e: Emitter, node: ast.Return) -> Outcome:
    value = expressions.emit(e, node.value, e.return_type) if node.value is not None else e.none()
    if isinstance(value, Unusable):
        raise e.error(value.reason, node)
    return Outcome(returns=True, value=value, where=node)


@statement(ast.Break)
def _break(e: Emitter, node: ast.Break) -> Outcome:
    return Outcome(breaks=True)


@statement(ast.Continue)
def _continue(e: Emitter, node: ast.Continue) -> Outcome:
    return Outcome(continues=True)


@statement(ast.Assign)
def _assign(e: Emitter, node: ast.Assign) -> Outcome:
    hint: T.Type | None = None
    wider: T.Type | None = None
    if node.type_comment is not None:
        hint = declarations.evaluate_annotation(e, node.type_comment, node)
    elif len(node.targets) == 1 and isinstance(node.targets[0], ast.Attribute):
        hint = attributes.attribute_type(e, node.targets[0])
    if len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        declared = e.declared.get(node.targets[0].id)
        if hint is None and isinstance(node.value, ast.List | ast.Dict | ast.Constant):
            hint = declared  # an empty list is one of what was declared; another value may be of another type
        elif hint is None and declared is not None and T.holds_optional(declared):
            wider = declared  # [a] is a List[Optional[int]] where the variable is one
    if len(node.targets) == 1 and unpacking.assign_display(e, node.targets[0], node.value):
        return Outcome()
    value = expressions.emit(e, node.value, hint or wider)
    if hint is not None and type_of(value) is not None:
        target = node.targets[0]
        if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
            attributes.note_other_type(e, e.scope.get(target.value.id), target.attr, value, hint)
        value = Dynamic(e.coerce(value, hint, node, "the assigned value"))
    elif wider is not None and type_of(value) is not None:
        found = e.try_coerce(value, wider)
        value = Dynamic(found) if found is not None else value
    for target in node.targets:
        assign(e, target, value)
    return Outcome()


@statement(ast.AnnAssign)
def _annotated(e: Emitter, node: ast.AnnAssign) -> Outcome:
    owner = node.target.value if isinstance(node.target, ast.Attribute) else None
    of_parts = isinstance(owner, ast.Name) and isinstance(e.scope.get(owner.id), Instance)
    type = None if of_parts else declarations.annotated_type(e, node)
    if type is None:  # it speaks of modules, or of what has no types
        if node.value is not None:
            assign(e, node.target, expressions.emit(e, node.value))
        return Outcome()
    if isinstance(node.target, ast.Name):
        e.declared[node.target.id] = type
    if node.value is None:
        return Outcome()
    value = expressions.emit(e, node.value, type)
    if isinstance(type_of(value), T.AnyType):
        value = inspection.checked(e, value, type)
    if isinstance(node.target, ast.Attribute):
        attributes.declare(e, node.target, type)
    if type_of(value) is not None or isinstance(value, Unusable):
        value = Dynamic(e.coerce(value, type, node, "the assigned value"))
    assign(e, node.target, value)
    return Outcome()


def assign(e: Emitter, target: ast.expr, value: Val) -> None:
    """Bind `value` to a target: a name, a pattern, an attribute or a subscript."""
    if isinstance(target, ast.Name):
        if isinstance(value, Unusable):
            raise e.error(value.reason, target)
        bind(e, target.id, value)
    elif isinstance(target, ast.Tuple | ast.List):
        _unpack(e, target, value)
    elif isinstance(target, ast.Attribute):
        attributes.assign_attribute(e, target, value)
    elif isinstance(target, ast.Subscript):
        subscripts.assign_subscript(e, target, value)
    elif isinstance(target, ast.Starred):
        raise e.error("A starred name stands inside a pattern, such as 'a, *b = t'.", target)
    else:
        raise e.unsupported("This cannot be assigned to.", target)


def bind(e: Emitter, name: str, value: Val) -> None:
    """Give a variable its value; the SSA value takes the user's name if it has none yet."""
    if isinstance(value, Dynamic):
        if value.value.name is None:
            value.value.name = name
    elif isinstance(value, Attribute) and value.type is not None and not _stable(value):
        value = Dynamic(e.materialize(value), value.known)
        value.value.name = name
    e.scope.set(name, value)
    prefix = f"{name}."
    scope: Scope | None = e.scope
    while scope is not None:  # what was known about the old value's attributes is gone
        for key in [k for k in scope.names if k.startswith(prefix)]:
            e.scope.set(key, Unusable("", None))
        scope = scope.parent


def _stable(value: Attribute) -> bool:
    """Whether reading the attribute again later gives the same value."""
    return value.known is not None


def _unpack(e: Emitter, target: ast.Tuple | ast.List, value: Val) -> None:
    stars = [i for i, t in enumerate(target.elts) if isinstance(t, ast.Starred)]
    if len(stars) > 1:
        raise e.error("A pattern has at most one starred name.", target)
    if stars and loops.static_items(e, value) is None and isinstance(type_of(value), T.ListType):
        _unpack_list(e, target, value, stars[0])
        return
    items = items_of(e, value, len(target.elts), bool(stars), target)
    if not stars:
        if len(items) != len(target.elts):
            raise e.error(f"{len(target.elts)} names cannot be unpacked from {len(items)} values.", target)
        for element, item in zip(target.elts, items, strict=True):
            assign(e, element, item)
        return
    star = stars[0]
    after = len(target.elts) - star - 1
    if len(items) < star + after:
        raise e.error(f"At least {star + after} values are needed, but there are {len(items)}.", target)
    starred = target.elts[star]
    assert isinstance(starred, ast.Starred)
    for element, item in zip(target.elts[:star], items[:star], strict=True):
        assign(e, element, item)
    middle = items[star : len(items) - after]
    rest = expressions.listed(e, middle, target)
    # a list, as in Python; what no list of the language can hold is a tuple
    assign(e, starred.value, Sequence(middle) if isinstance(rest, Sequence) else rest)
    for element, item in zip(target.elts[star + 1 :], items[len(items) - after :], strict=True):
        assign(e, element, item)


def _unpack_list(e: Emitter, target: ast.Tuple | ast.List, value: Val, star: int) -> None:
    """`b, *sizes, c = values`, where the length of the list is known only at run time."""
    values = Dynamic(e.materialize(value))
    after = len(target.elts) - star - 1
    starred = target.elts[star]
    assert isinstance(starred, ast.Starred)
    last = e.static(-after) if after else e.none()
    middle = e.call("aten::slice", [values, e.static(star), last, e.static(1)])
    if values.value.node is not None and values.value.node.kind == "aten::size":
        middle = e.call("aten::list", [Dynamic(middle)])  # a list, not a torch.Size
    for index, element in enumerate(target.elts):
        if index == star:
            assign(e, starred.value, Dynamic(returned.as_list(e, middle)))
            continue
        position = index if index < star else index - len(target.elts)
        assign(e, element, Dynamic(e.call("aten::__getitem__", [values, e.static(position)])))


def items_of(e: Emitter, value: Val, count: int, starred: bool, node: ast.AST) -> list[Val]:
    """The parts of a value that is unpacked into `count` targets."""
    fixed = loops.static_items(e, value)
    if fixed is not None:
        return fixed
    type = type_of(value)
    if isinstance(type, T.ListType) and not starred:
        list_value = e.materialize(value)
        outs = e.emit("prim::ListUnpack", [list_value], [type.element] * count).outputs
        return [Dynamic(v) for v in outs]
    if isinstance(type, T.TensorType) and not starred:
        parts = e.call("aten::unbind", [value, e.static(0)])
        outs = e.emit("prim::ListUnpack", [parts], [T.TENSOR] * count).outputs
        return [Dynamic(v) for v in outs]
    if isinstance(type, T.ListType | T.TensorType):
        raise e.error(
            "How many values the starred name takes is not known while compiling.",
            node,
            "Slice instead: first, rest = values[0], values[1:].",
        )
    raise e.error(f"{value.subject()} cannot be unpacked into {count} names.", node)


@statement(ast.AugAssign)
def _augmented(e: Emitter, node: ast.AugAssign) -> Outcome:
    augmented.augmented_assign(e, node)
    return Outcome()


@statement(ast.If)
def _if(e: Emitter, node: ast.If) -> Outcome:
    condition = conditions.emit(e, node.test)
    if condition.static is not None:
        chosen = node.body if condition.static else node.orelse
        condition.apply(e, condition.static)
        return run_body(e, chosen) if chosen else Outcome()
    assert condition.value is not None

    def side(body: list[ast.stmt], truth: bool) -> Outcome:
        condition.apply(e, truth)
        return run_body(e, body)

    frame, block, scope, value = e.frame, e.block, e.scope, condition.value
    mark = len(block.nodes)

    def split() -> Split:
        def again(body: list[ast.stmt], truth: bool, rest: Seq[Step]) -> Outcome:
            condition.apply(e, truth)
            return run_steps(e, [*(partial(_conditionally, e, s) for s in body), *rest])

        assert frame is not None
        return Split(
            frame, frame.index, block, scope, dict(scope.names), mark, node, value,
            partial(again, node.body, True), partial(again, node.orelse, False),
        )  # fmt: skip

    return emit_if(e, value, lambda: side(node.body, True), lambda: side(node.orelse, False), split)


def _conditionally(e: Emitter, node: ast.stmt) -> Outcome:
    e.conditional += 1
    try:
        return emit_statement(e, node)
    finally:
        e.conditional -= 1


@statement(ast.While)
def _while(e: Emitter, node: ast.While) -> Outcome:
    return loops.emit_while(e, node)


@statement(ast.For)
def _for(e: Emitter, node: ast.For) -> Outcome:
    return loops.emit_for(e, node)


@statement(ast.Assert)
def _assert(e: Emitter, node: ast.Assert) -> Outcome:
    condition = conditions.emit(e, node.test)
    if condition.static is True:
        condition.apply(e, True)
        return Outcome()

    def fail() -> Outcome:
        if node.msg is not None:
            message = expressions.emit(e, node.msg)
            text = message if isinstance(type_of(message), T.StringType) else _as_text(e, message)
        else:
            text = e.static("")
        return raise_or_leave(e, AssertionError, text)

    if condition.static is False:
        return fail()
    assert condition.value is not None

    def go_on() -> Outcome:
        if e.catching is not None:  # what follows may be compiled in this branch
            condition.apply(e, True)
        return Outcome()

    outcome = emit_if(e, condition.value, go_on, fail)
    condition.apply(e, True)
    return outcome


def _as_text(e: Emitter, value: Val) -> Val:
    return formatting.text_of(e, value) if type_of(value) is not None else e.static(str(value))


def raise_error(e: Emitter, cls: type, message: Val) -> Outcome:
    """Emit `raise cls(message)`."""
    text = e.materialize(message)
    module = "builtins" if cls.__module__ == "builtins" else cls.__module__
    name = e.constant(f"{module}.{cls.__qualname__}", T.STRING)
    e.emit("prim::RaiseException", [text, name], [], {"exception": cls})
    return Outcome(dead=True)


def raise_or_leave(e: Emitter, cls: type, message: Val) -> Outcome:
    """`raise cls(message)`, or the way to the handler that catches it."""
    from . import tries

    outcome = tries.caught(e, cls, message)
    return outcome if outcome is not None else raise_error(e, cls, message)


@statement(ast.Raise)
def _raise(e: Emitter, node: ast.Raise) -> Outcome:
    if node.exc is None:
        if e.handled is not None:
            return raise_or_leave(e, e.handled.cls, e.handled.message)
        return raise_error(e, RuntimeError, e.static("No active exception to reraise"))
    if isinstance(node.exc, ast.IfExp):
        then, other = ast.Raise(node.exc.body, node.cause), ast.Raise(node.exc.orelse, node.cause)
        choice = ast.If(node.exc.test, [then], [other])
        return emit_statement(e, ast.fix_missing_locations(ast.copy_location(choice, node)))
    target = node.exc
    arguments: list[ast.expr] = []
    if isinstance(target, ast.Call):
        arguments = target.args
        callee = expressions.emit(e, target.func)
    else:
        callee = expressions.emit(e, target)
    cls = callee.object if isinstance(callee, Static) else None
    if isinstance(callee, RaisedException):
        return raise_or_leave(e, callee.cls, callee.message)
    if not (isinstance(cls, type) and issubclass(cls, BaseException)):
        raise e.error("Only exceptions can be raised.", node, "Write: raise ValueError('what is wrong')")
    message: Val
    if not arguments:
        message = e.static("")
    else:
        parts = [expressions.emit(e, a) for a in arguments if not isinstance(a, ast.Starred)]
        if len(parts) == 1:
            message = (
                parts[0] if isinstance(type_of(parts[0]), T.StringType) else _exception_text(e, parts[0])
            )
        else:  # the text of an exception with several arguments is that of a tuple
            data = [p if type_of(p) is not None else _exception_text(e, p) for p in parts]
            message = formatting.text_of(e, Sequence(data))
    return raise_or_leave(e, cls, message)


def _exception_text(e: Emitter, part: Val) -> Val:
    if type_of(part) is None:
        known = known_of(part)
        return e.static(str(known.object) if known is not None else part.describe())
    return formatting.text_of(e, part)


@statement(ast.Delete)
def _delete(e: Emitter, node: ast.Delete) -> Outcome:
    for target in node.targets:
        if isinstance(target, ast.Name):
            e.scope.set(
                target.id, Unusable(f"'{target.id}' was deleted at line {node.lineno}.", e.where(node))
            )
        elif isinstance(target, ast.Subscript):
            owner = expressions.emit(e, target.value)
            if isinstance(target.slice, ast.Slice):
                subscripts.assign_slice(e, owner, subscripts.bounds_of(e, target.slice), None, target)
                continue
            outer.refuse_change(e, owner, "__setitem__", target)
            index = expressions.emit(e, target.slice)
            bounds = tensor_indexing.bounds_of_object(e, index)
            if bounds is not None:
                subscripts.assign_slice(e, owner, bounds, None, target)
                continue
            if isinstance(owner, Mapping) and known_of(index) is not None:
                mappings.delete(e, owner, index, node)
                continue
            e.call_operator("aten::Delete", [owner, index], {}, "del")
        else:
            raise e.unsupported("Only variables and elements of lists and dicts can be deleted.", node)
    return Outcome()


@statement(ast.FunctionDef)
def _nested_function(e: Emitter, node: ast.FunctionDef) -> Outcome:
    if node.decorator_list:
        raise e.unsupported("A function inside a function cannot have decorators.", node)
    e.scope.set(node.name, expressions.closure(e, node))
    return Outcome()


@statement(ast.Import)
def _import(e: Emitter, node: ast.Import) -> Outcome:
    import importlib.util
    import sys

    for alias in node.names:
        root = alias.name.partition(".")[0]
        if e.catching is not None and importlib.util.find_spec(root) is None:
            raise e.missing(ModuleNotFoundError, f"No module named '{root}'", node)
        if root not in _COMPILABLE_PACKAGES:
            raise e.outside(f"'import {alias.name}' inside a function cannot be compiled.", node)
        module = importlib.import_module(alias.name)
        bound = module if alias.asname else sys.modules[root]
        e.scope.set(alias.asname or root, Static(bound, None))
    return Outcome()


@statement(ast.ImportFrom)
def _import_from(e: Emitter, node: ast.ImportFrom) -> Outcome:
    import importlib.util

    package = e.source.globals.get("__package__") or ""
    name = "." * node.level + (node.module or "")
    root = name.partition(".")[0]
    if e.catching is not None and node.level == 0 and importlib.util.find_spec(root) is None:
        raise e.missing(ModuleNotFoundError, f"No module named '{root}'", node)
    if node.level == 0 and name.partition(".")[0] not in _COMPILABLE_PACKAGES:
        raise e.outside(f"'from {name} import …' inside a function cannot be compiled.", node)
    try:
        module = importlib.import_module(name, package)
    except ImportError as error:
        raise e.missing(ImportError, f"The import fails: {error}.", node) from None
    for alias in node.names:
        if not hasattr(module, alias.name):
            raise e.missing(ImportError, f"cannot import name '{alias.name}' from '{name}'", node)
        e.scope.set(alias.asname or alias.name, e.static(getattr(module, alias.name)))
    return Outcome()


_COMPILABLE_PACKAGES = {
    "torch",
    "math",
    "typing",
    "typing_extensions",
    "functools",
    "warnings",
    "torchvision",
    "collections",
}


@statement(ast.With)
def _with(e: Emitter, node: ast.With) -> Outcome:
    from . import contexts

    return contexts.emit_with(e, node, 0)


__all__ = [
    "BuiltinMethod",
    "Mapping",
    "Module",
    "Value",
    "assign",
    "assigned_names",
    "bind",
    "emit_statement",
    "run_body",
]

"""One function to one graph, or to nodes in its caller's."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .. import types as T
from ..ir.graph import Function, Graph, Value
from ..schema import Argument, Schema
from ..schema.model import NO_DEFAULT
from ..set_values import holds_sets
from . import binding, coercion, declarations, deques, marks
from .annotations import qualified_name
from .emitter import Emitter
from .pending import settled
from .returned import run_time_tuple, type_of_result
from .scopes import Scope
from .sets import without_sets
from .sources import FunctionSource
from .values import Attribute, Dynamic, Mapping, Module, Sequence, Static, Val, known_of, type_of

if TYPE_CHECKING:
    from .program import Program

MAX_INLINE_DEPTH = 60
INTERNAL = (
    AssertionError,
    AttributeError,
    LookupError,
    NameError,
    NotImplementedError,
    TypeError,
    ValueError,
)
"""What only a mistake of the compiler raises while it compiles a function."""


def compile_function(
    program: Program,
    function: Any,
    source: FunctionSource,
    modes: dict[str, Any],
    bound: dict[str, binding.Bound],
    owner: Module | None,
    display: str,
    defaults: dict[str, Any] | None = None,
    managers: list[Any] | None = None,
) -> Function:
    """Compile one variant of a function or method into a graph of its own, which runs under the `managers`."""
    from . import contexts

    tree = source.tree
    spec = owner.spec if owner is not None else None
    if spec is not None:
        name = spec.method_name(display)
        qualified = f"{spec.cls.qualified_name}.{name}"
    else:
        qualified = program.unique_name(qualified_name(function))
    graph = Graph(display)
    e = Emitter(program, source, graph)
    e.owner_class = marks.defining_class(function, type(owner.module) if owner is not None else None)
    declared = declarations.declared_types(program, source)
    e.return_type = declared.get("return")
    if isinstance(e.return_type, T.AnyType):
        e.return_type = None
    arguments: list[Argument] = []
    if spec is not None:
        value = graph.block.add_parameter(spec.cls, "self")
        arguments.append(Argument("self", spec.cls))
        assert owner is not None
        e.self_module = Module(spec.module, spec, spec, (), value)
    first = True
    for parameter, mode in modes.items():
        if spec is not None and first and mode[0] == "module":
            first = False
            assert e.self_module is not None
            e.scope.set(parameter, e.self_module)
            continue
        first = False
        if mode[0] == "module":
            val = bound[parameter].val
            assert isinstance(val, Module)
            value = graph.block.add_parameter(val.spec.cls, parameter)
            arguments.append(Argument(parameter, val.spec.cls))
            e.scope.set(parameter, Module(val.module, val.spec, val.root, val.path, value))
        elif mode[0] == "several":
            several = _several(program, graph, arguments, mode[1], as_mapping=mode[2])
            if mode[3] and isinstance(several, Sequence) and e.self_module is not None:
                several.items.insert(0, e.self_module)  # of a decorator: `def inner(*args)`
            e.scope.set(parameter, several)
        elif mode[0] == "typed":
            value = graph.block.add_parameter(mode[1], parameter)
            if isinstance(mode[1], T.RunTimeTupleType):
                value.type = T.ListType(mode[1].element)
                run_time_tuple(e, Dynamic(value))
            default = defaults.get(parameter, NO_DEFAULT) if defaults is not None else NO_DEFAULT
            arguments.append(Argument(parameter, mode[1], default))
            loose = isinstance(mode[1], T.OptionalType) and declared.get(parameter) != mode[1]
            if loose or (tree, parameter) in program.implicit:
                e.guessed.add(id(value))
            e.scope.set(parameter, Dynamic(value))
            if T.holds_optional(mode[1]):
                e.declared[parameter] = mode[1]
        else:
            e.scope.set(parameter, _compiled_in(program, bound[parameter].val))
    entered = [v for m in managers or () for v in contexts.enter(e, m)]
    with at_the_users_line(e):
        result = run_body(e, tree)
        output = emit_result(e, result, declared)
        deques.refuse(e, output.type, "returned")
    contexts.leave(e, entered)
    graph.block.add_output(output)
    returned = settled(type_of_result(e, output))
    finish(graph)
    if not holds_sets(returned):  # the schema keeps sets and tuples, for callers
        returned = graph.outputs[0].type
    schema = Schema(qualified, "", tuple(arguments), (Argument("", returned),))
    compiled = Function(qualified, graph, schema, python_function=function, source=source.span(tree))
    if spec is not None:
        spec.cls.methods[compiled.name] = compiled
    return compiled


@contextlib.contextmanager
def at_the_users_line(e: Emitter) -> Iterator[None]:
    """What the compiler itself stumbles over is told with the user's line, as everything else is."""
    try:
        yield
    except RecursionError:
        raise e.unsupported(
            "This is nested too deeply to be compiled.", None, "Split it into several statements."
        ) from None
    except INTERNAL as error:
        raise e.error(
            f"The compiler cannot go on here: {type(error).__name__}: {error}.",
            None,
            "This is a mistake in the compiler, which should have said what is wrong with the program. Please report it.",
        ) from error


def _several(
    program: Program, graph: Graph, arguments: list[Argument], parts: Any, *, as_mapping: bool
) -> Val:
    """The values of `*args` or `**kwargs` as parameters of their own."""
    values: dict[str, Val] = {}
    for name, part in parts:
        if isinstance(part, T.Type):
            values[name] = Dynamic(graph.block.add_parameter(part, name))
            arguments.append(Argument(name, part))
        else:
            values[name] = program.static(part.object)
    return Mapping(dict(values), graph.block) if as_mapping else Sequence(list(values.values()))


def _compiled_in(program: Program, val: Val) -> Val:
    """An argument whose value is part of the compiled function, without the caller's SSA values."""
    known = known_of(val)
    if known is None or not isinstance(val, Attribute | Dynamic | Sequence):
        return val
    return program.static(known.object)


def emit_result(e: Emitter, result: Val, declared: dict[str, T.Type]) -> Value:
    tree = e.source.tree
    e.node = tree
    if e.return_type is not None:
        where = next((n for n in ast.walk(tree) if isinstance(n, ast.Return)), tree)
        if isinstance(result, Static) and result.object is None and not T.NONE.is_subtype_of(e.return_type):
            if not any(isinstance(n, ast.Return) for n in ast.walk(tree)):
                if not any(isinstance(n, ast.Raise) for n in ast.walk(tree)):
                    return e.materialize(result)  # `pass` in a base class, whatever is annotated
                return e.emit("prim::Uninitialized", [], [e.return_type]).output  # it only raises
        return e.coerce(result, e.return_type, where, "the returned value")
    if isinstance(result, Sequence) and not result.is_list and result.named is None:
        result = Sequence(result.items)
    return e.materialize(result, next((n for n in ast.walk(tree) if isinstance(n, ast.Return)), tree))


def run_body(e: Emitter, tree: ast.FunctionDef | ast.Lambda) -> Val:
    """Compile a function's body; the value it returns."""
    from . import expressions, statements
    from .control import emit_if, run_steps
    from .outcomes import Outcome

    if isinstance(tree, ast.Lambda):
        return expressions.emit(e, tree.body)
    outcome: Outcome = run_steps(e, [lambda: statements.run_body(e, tree.body)])
    if outcome.returns is True:
        assert outcome.value is not None
        return outcome.value
    if outcome.returns is False:
        if outcome.dead and e.return_type is not None:  # it always raises
            return Dynamic(e.emit("prim::Uninitialized", [], [e.return_type]).output)
        return e.none()
    flag, value = outcome.returns, outcome.value
    assert value is not None
    e.pending_rest = ()
    joined = emit_if(
        e,
        flag,
        lambda: Outcome(returns=True, value=value, where=outcome.where),
        lambda: Outcome(returns=True, value=e.none(), where=outcome.where),
    )
    assert joined.value is not None
    return joined.value


def inline(
    e: Emitter,
    source: FunctionSource,
    names: dict[str, Val],
    owner: Module | None = None,
    function: Any = None,
    scope: Scope | None = None,
    yielded: Val | None = None,
    nonlocals: frozenset[str] = frozenset(),
) -> Val:
    """Compile a function's body in place of its call; `yielded` is where a generator's values go.

    `nonlocals` are the variables of the caller that the function assigns.
    """
    if e.depth >= MAX_INLINE_DEPTH:
        raise e.unsupported("Calls are nested too deeply; a recursive function cannot be compiled.")
    inner = Emitter(e.program, source, e.graph, Scope(scope))
    inner.block = e.block
    inner.depth = e.depth + 1
    inner.no_python_calls = e.no_python_calls
    inner.guessed = e.guessed
    inner.self_module = owner if owner is not None else e.self_module
    inner.owner_class = (
        marks.defining_class(function, type(owner.module)) if owner is not None else e.owner_class
    )
    if source.source.filename != e.source.source.filename or e.call_site is not None:
        inner.call_site = e.here
    declared = declarations.declared_types(e.program, source)
    inner.return_type = declared.get("return") if not isinstance(declared.get("return"), T.AnyType) else None
    if yielded is not None:
        inner.yielded, inner.yield_block, inner.return_type = yielded, inner.block, None
    for name, val in names.items():
        annotated = declared.get(name)
        if (
            annotated is not None
            and type_of(val) is not None
            and not isinstance(annotated, T.AnyType | T.ClassType)
        ):
            is_read = not coercion.is_tensor_for_number(
                type_of(val), annotated
            )  # eager mode reads no annotation
            if is_read and known_of(val) is None and not isinstance(val, Sequence):
                val = Dynamic(e.coerce(val, annotated, None, f"the argument '{name}'"))
        inner.scope.set(name, val)
    if nonlocals:
        inner.nonlocals = nonlocals
        inner.finalizing += 1  # so that they are joined where paths return
    result = run_body(inner, source.tree)
    for assigned in nonlocals:
        latest = inner.scope.get(assigned)
        if latest is not None:
            e.scope.set(assigned, latest)
    if inner.return_type is not None and type_of(result) is not None and known_of(result) is None:
        result = Dynamic(inner.coerce(result, inner.return_type, source.tree, "the returned value"))
    e.block = inner.block
    return result


def finish(graph: Graph) -> None:
    """Settle open list types and drop what nobody reads."""
    from ..passes import eliminate_dead_code, hoist_attributes, pool_constants

    def settle(value: Value) -> None:
        if value.type.contained or isinstance(value.type, T.PendingType):
            value.type = without_sets(settled(value.type))

    for parameter in graph.block.parameters:
        settle(parameter)
    for node in graph.all_nodes():
        for value in node.outputs:
            settle(value)
        for block in node.blocks:
            for parameter in block.parameters:
                settle(parameter)
    eliminate_dead_code(graph, keep_errors=True)
    hoist_attributes(graph)
    pool_constants(graph)

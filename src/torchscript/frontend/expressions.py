"""Expressions: one handler per kind of syntax tree node."""

from __future__ import annotations

import ast
import functools

from .. import types as T
from . import attributes, calls, conditions, formatting, subscripts
from .emitter import Emitter
from .handlers import HANDLERS, expression
from .run_time_loops import LoopLocal
from .values import (
    Closure,
    Dynamic,
    Mapping,
    Module,
    RaisedException,
    Sequence,
    Unusable,
    Val,
    is_scalar_constant,
    known_of,
    type_of,
)


def emit(e: Emitter, node: ast.expr, hint: T.Type | None = None) -> Val:
    """Compile an expression; `hint` is the type that its place asks for, where there is one."""
    outer, e.node = e.node, node
    handler = HANDLERS.get(type(node))
    if handler is None:
        name, advice = UNSUPPORTED.get(type(node), (f"'{type(node).__name__}'", ()))
        raise e.unsupported(f"{name} cannot be compiled.", node, *advice)
    try:
        return handler(e, node, hint)
    finally:
        e.node = outer


UNSUPPORTED: dict[type[ast.expr], tuple[str, tuple[str, ...]]] = {
    ast.Await: ("'await'", ()),
}


@expression(ast.Constant)
def _constant(e: Emitter, node: ast.Constant, hint: T.Type | None) -> Val:
    value = node.value
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63:
        raise e.error(f"The integer {value} does not fit in 64 bits.", node)
    if isinstance(value, bytes):
        raise e.unsupported("A bytes literal cannot be compiled.", node, "Use a str.")
    return e.static(value)


@expression(ast.Name)
def _name(e: Emitter, node: ast.Name, hint: T.Type | None) -> Val:
    found = e.scope.get(node.id)
    if found is not None:
        if isinstance(found, LoopLocal) and node.id in _bound_in_comprehensions(e.source.tree):
            return found.checked(e) or _refuse(e, found, node)
        if isinstance(found, Unusable):
            raise e.unusable(found, node)
        return found
    return e.program.global_name(e, node.id, node)


def _refuse(e: Emitter, found: Unusable, node: ast.AST) -> Val:
    raise e.unusable(found, node)


@functools.lru_cache(maxsize=4096)
def _bound_in_comprehensions(tree: ast.AST) -> frozenset[str]:
    """The variables that `:=` binds inside comprehensions of a function: Python lets them be read afterwards."""
    return frozenset(
        n.target.id
        for c in ast.walk(tree)
        if isinstance(c, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp)
        for n in ast.walk(c)
        if isinstance(n, ast.NamedExpr)
    )


@expression(ast.NamedExpr)
def _walrus(e: Emitter, node: ast.NamedExpr, hint: T.Type | None) -> Val:
    from . import statements

    value = emit(e, node.value, hint)
    statements.assign(e, node.target, value)
    return value


@expression(ast.Attribute)
def _attribute(e: Emitter, node: ast.Attribute, hint: T.Type | None) -> Val:
    path = conditions.path_of(node)
    if path is not None:
        refined = e.scope.get(path)
        if refined is not None and not isinstance(refined, Unusable):
            return refined
    owner = emit(e, node.value)
    return attributes.attribute_of(e, owner, node.attr, node)


@expression(ast.Subscript)
def _subscript(e: Emitter, node: ast.Subscript, hint: T.Type | None) -> Val:
    return subscripts.subscript(e, emit(e, node.value), node.slice, node)


@expression(ast.Tuple)
def _tuple(e: Emitter, node: ast.Tuple, hint: T.Type | None) -> Val:
    hints = hint.elements if isinstance(hint, T.TupleType) and len(hint.elements) == len(node.elts) else None
    if _has_run_time_star(e, node.elts):
        return _list_with_stars(e, node)  # how many there are is not known: it is a list
    return Sequence(_elements(e, node.elts, hints))


def _has_run_time_star(e: Emitter, nodes: list[ast.expr]) -> bool:
    from . import loops
    from .control import discard

    for node in nodes:
        if isinstance(node, ast.Starred):
            mark = len(e.block.nodes)
            inner = emit(e, node.value)
            run_time = (
                isinstance(type_of(inner), T.ListType)
                and loops.static_items(e, inner, known_lists=True) is None
            )
            discard(e.block, mark)
            if run_time:
                return True
    return False


def _elements(e: Emitter, nodes: list[ast.expr], hints: tuple[T.Type, ...] | None = None) -> list[Val]:
    from . import loops

    items: list[Val] = []
    for i, element in enumerate(nodes):
        if isinstance(element, ast.Starred):
            inner = emit(e, element.value)
            parts = loops.static_items(e, inner, known_lists=True)
            if parts is None:
                raise e.error(
                    f"How many values '*' stands for is not known while compiling: {inner.describe()}.",
                    element,
                )
            items.extend(parts)
        else:
            val = emit(e, element, hints[i] if hints else None)
            if isinstance(val, Unusable):
                raise e.error(val.reason, element)
            items.append(val)
    return items


@expression(ast.List)
def _list(e: Emitter, node: ast.List, hint: T.Type | None) -> Val:
    inner = hint.element if isinstance(hint, T.OptionalType) else hint
    element = inner.element if isinstance(inner, T.ListType) else None
    stars = [n for n in node.elts if isinstance(n, ast.Starred)]
    if stars and _has_run_time_star(e, node.elts):
        return _list_with_stars(e, node)
    items = _elements(e, node.elts, (element,) * len(node.elts) if element is not None else None)
    return listed(e, items, node, element)


def listed(e: Emitter, items: list[Val], node: ast.expr, element: T.Type | None = None) -> Val:
    """A new list of these items: a value, or its parts where they are of mixed types."""
    if any(type_of(item) is None or isinstance(item, Module) for item in items):
        return Sequence(items, is_list=True)
    e.node = node
    if items and element is None:
        types = [type_of(i) for i in items]
        common: T.Type | None = types[0]
        for t in types[1:]:
            common = T.unify(common, t) if common is not None and t is not None else None
        if common is None or any(isinstance(i, Sequence) and i.is_mixed for i in items):
            mixed = Sequence(items, is_list=True)  # of mixed types: usable while its parts are known
            mixed.node = node
            return mixed
    return Dynamic(e.build_list(items, node, element))


def _list_with_stars(e: Emitter, node: ast.List | ast.Tuple) -> Val:
    """`[a, *b, c]` with lists whose lengths are known only at run time: `[a] + b + [c]`."""
    result: Val | None = None
    run: list[Val] = []

    def add(val: Val) -> None:
        nonlocal result
        result = val if result is None else Dynamic(e.call("aten::add", [result, val]))

    for element in node.elts:
        if isinstance(element, ast.Starred):
            if run:
                add(Dynamic(e.build_list(run, node)))
                run = []
            inner = emit(e, element.value)
            add(
                inner
                if isinstance(type_of(inner), T.ListType)
                else Dynamic(e.build_list(_elements(e, [element])))
            )
        else:
            run.append(emit(e, element))
    if run:
        add(Dynamic(e.build_list(run, node)))
    assert result is not None
    return result


@expression(ast.Dict)
def _dict(e: Emitter, node: ast.Dict, hint: T.Type | None) -> Val:
    inner = hint.element if isinstance(hint, T.OptionalType) else hint
    items: list[Val] = []
    if any(key is None for key in node.keys):
        return _dict_with_stars(e, node, hint)
    for key, value in zip(node.keys, node.values, strict=True):
        assert key is not None
        items.append(emit(e, key))
        items.append(emit(e, value, inner.value if isinstance(inner, T.DictType) else None))
    e.node = node
    mixed = inner is None and do_not_unify(items[1::2]) and all(known_of(k) is not None for k in items[::2])
    if mixed or any(type_of(v) is None or isinstance(v, Module) for v in items):
        return Mapping({e.depend(k): v for k, v in zip(items[::2], items[1::2], strict=True)}, e.block)
    if isinstance(inner, T.DictType):
        values = [
            e.coerce(
                v,
                inner.key if i % 2 == 0 else inner.value,
                node,
                "the dict's key" if i % 2 == 0 else "the dict's value",
            )
            for i, v in enumerate(items)
        ]
        return Dynamic(e.emit("prim::DictConstruct", values, [inner]).output)
    return Dynamic(e.build_dict(items, node))


def _dict_with_stars(e: Emitter, node: ast.Dict, hint: T.Type | None) -> Val:
    """`{**d, "k": v}`: known dicts are put together now, others are copied into a new one."""
    parts: list[Val] = []
    for key, value in zip(node.keys, node.values, strict=True):
        if key is None:
            parts.append(emit(e, value))
        else:
            single = ast.copy_location(ast.Dict([key], [value]), value)
            parts.append(emit(e, single, hint))
    e.node = node
    if all(isinstance(p, Mapping) for p in parts):
        return Mapping({k: v for p in parts if isinstance(p, Mapping) for k, v in p.items.items()}, e.block)
    result = e.call_operator("aten::copy", [Dynamic(e.materialize(parts[0]))], {}, "**")
    for part in parts[1:]:
        e.call_operator("aten::update", [result, Dynamic(e.materialize(part))], {}, "**")
    return result


def do_not_unify(values: list[Val]) -> bool:
    """Whether values have types of which a dict could not hold all (`dict(mode="nearest", antialias=True)`)."""
    common = type_of(values[0]) if values else T.TENSOR
    for value in values[1:]:
        own = type_of(value)
        common = T.unify(common, own) if common is not None and own is not None else None
    return common is None


@expression(ast.JoinedStr)
def _f_string(e: Emitter, node: ast.JoinedStr, hint: T.Type | None) -> Val:
    template, arguments = "", []
    for part in node.values:
        if isinstance(part, ast.Constant):
            template += str(part.value).replace("{", "{{").replace("}", "}}")
            continue
        assert isinstance(part, ast.FormattedValue)
        value = emit(e, part.value)
        known = known_of(value)
        spec = formatting.spec_of(e, _spec_pieces(e, part))
        conversion = chr(part.conversion) if part.conversion > 0 else None
        if known is not None and is_scalar_constant(known.object) and not spec.amounts:
            shown = formatting.formatted(e.depend(value), spec.text, conversion)
            template += shown.replace("{", "{{").replace("}", "}}")
            continue
        if spec or conversion or isinstance(value, RaisedException):
            e.node = part
            value = formatting.format_value(e, value, spec, conversion)
        template += "{}"
        arguments.append(value)
    e.node = node
    return formatting.join_pieces(e, template, arguments)


def _spec_pieces(e: Emitter, part: ast.FormattedValue) -> list[str | Val]:
    """What stands behind ':', its texts and its values."""
    pieces = part.format_spec.values if isinstance(part.format_spec, ast.JoinedStr) else []
    return [
        str(p.value) if isinstance(p, ast.Constant) else _spec_value(e, p)
        for p in pieces
        if isinstance(p, ast.Constant | ast.FormattedValue)
    ]


def _spec_value(e: Emitter, part: ast.FormattedValue) -> Val:
    """A value in a specification (`{x:{width}}`), which may have a specification of its own (`{x:{n:+d}}`)."""
    value = emit(e, part.value)
    inner = formatting.spec_of(e, _spec_pieces(e, part))
    conversion = chr(part.conversion) if part.conversion > 0 else None
    if known_of(value) is not None and not inner.amounts:
        return e.static(formatting.formatted(e.depend(value), inner.text, conversion))
    if inner.text in ("", "d") and conversion != "a":
        return value
    raise e.needs_unrolling(
        "A format specification inside another one must be known while compiling.",
        part,
        "Leave the inner specification out, or make the text in two steps.",
    )


@expression(ast.Lambda)
def _lambda(e: Emitter, node: ast.Lambda, hint: T.Type | None) -> Val:
    return closure(e, node)


def closure(e: Emitter, node: ast.Lambda | ast.FunctionDef) -> Closure:
    """A function that is defined here."""
    args = node.args
    defaults = tuple(emit(e, d) for d in args.defaults)
    by_name = {
        a.arg: emit(e, d) for a, d in zip(args.kwonlyargs, args.kw_defaults, strict=True) if d is not None
    }
    return Closure(node, e.source, e, defaults, by_name)


@expression(ast.Call)
def _call(e: Emitter, node: ast.Call, hint: T.Type | None) -> Val:
    return calls.emit_call(e, node, hint)


@expression(ast.Starred)
def _starred(e: Emitter, node: ast.Starred, hint: T.Type | None) -> Val:
    raise e.unsupported("A starred value cannot stand here.", node)


@expression(ast.ListComp)
def _list_comprehension(e: Emitter, node: ast.ListComp, hint: T.Type | None) -> Val:
    from . import comprehensions

    return comprehensions.list_comprehension(e, node, hint)


@expression(ast.GeneratorExp)
def _generator(e: Emitter, node: ast.GeneratorExp, hint: T.Type | None) -> Val:
    from . import comprehensions

    return comprehensions.list_comprehension(e, node, hint)


@expression(ast.DictComp)
def _dict_comprehension(e: Emitter, node: ast.DictComp, hint: T.Type | None) -> Val:
    from . import comprehensions

    return comprehensions.dict_comprehension(e, node, hint)


@expression(ast.Slice)
def _slice(e: Emitter, node: ast.Slice, hint: T.Type | None) -> Val:
    raise e.unsupported("A slice cannot stand here.", node)

"""Python's builtins, and functions of typing, torch and functools that mean something to the compiler."""

from __future__ import annotations

import ast
import builtins as python_builtins
import collections.abc
import functools
import itertools
import operator
import sys
import typing
import warnings
from collections.abc import Callable
from typing import Any

import torch

from .. import types as T
from ..operators.resolve import operator_name_of
from . import conditions, contexts, pooling
from .emitter import Emitter
from .values import (
    Attribute,
    Closure,
    Dynamic,
    Iterable,
    Mapping,
    Module,
    Partial,
    Sequence,
    Static,
    Val,
    is_scalar_constant,
    known_of,
    type_of,
)

Handler = Callable[[Emitter, list[Val], dict[str, Val], "T.Type | None"], Val]
_SPECIAL: dict[int, tuple[Any, Handler]] = {}
_SYNTACTIC: dict[int, tuple[Any, Callable[[Emitter, ast.Call, T.Type | None], Val]]] = {}
_BY_MARK: dict[str, Handler] = {}


def handles(*objects: Any) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        for obj in objects:
            _SPECIAL[id(obj)] = (obj, handler)
        return handler

    return register


def with_requires_grad(e: Emitter, result: Val, flag: Val) -> Val:
    """A new tensor with `requires_grad=flag`."""
    known = known_of(flag)
    if known is not None and not e.depend(flag):
        return result
    return e.call_operator("aten::requires_grad_", [result, flag], {}, "requires_grad")


def special(obj: Any) -> Handler | None:
    """The handler of a call of `obj`, where the compiler has one."""
    entry = _SPECIAL.get(id(obj))
    if entry is not None and entry[0] is obj:
        return entry[1]
    name = getattr(obj, "_torchscript_builtin", None)
    if name is None and getattr(obj, "__module__", None) in _COMPILER_MODULES:
        name = getattr(obj, "__name__", None)
    return _BY_MARK.get(name) if isinstance(name, str) else None


_COMPILER_MODULES = ("torch.jit", "torch._jit_internal", "torch.jit._script", "torch.jit._async", "torch._C")


def syntactic(obj: Any) -> Callable[[Emitter, ast.Call, T.Type | None], Val] | None:
    """The handler of a call of `obj` that needs the call's syntax tree."""
    entry = _SYNTACTIC.get(id(obj))
    if entry is not None and entry[0] is obj:
        return entry[1]
    if getattr(obj, "_torchscript_builtin", None) == "annotate" or (
        getattr(obj, "__name__", None) == "annotate" and getattr(obj, "__module__", None) in _COMPILER_MODULES
    ):
        return _annotate
    return None


def is_isinstance(obj: Any) -> bool:
    return (
        obj is isinstance
        or getattr(obj, "_torchscript_builtin", None) == "isinstance"
        or (
            getattr(obj, "__name__", None) == "isinstance"
            and getattr(obj, "__module__", None) in _COMPILER_MODULES
        )
    )


def _syntax(*objects: Any) -> Callable[[Any], Any]:
    def register(handler: Any) -> Any:
        for obj in objects:
            _SYNTACTIC[id(obj)] = (obj, handler)
        return handler

    return register


def _mark(*names: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        for name in names:
            _BY_MARK[name] = handler
        return handler

    return register


# -- types and compile-time questions --------------------------------------------------------------------------


def _annotate(e: Emitter, node: ast.Call, hint: T.Type | None) -> Val:
    """`annotate(T, value)`."""
    from . import expressions

    type = e.program.evaluate_annotation(e, node.args[0], node)
    value = expressions.emit(e, node.args[1], type)
    return Dynamic(e.coerce(value, type, node, "the annotated value"))


@_syntax(typing.cast)
def _cast(e: Emitter, node: ast.Call, hint: T.Type | None) -> Val:
    from . import expressions

    try:
        type = e.program.evaluate_annotation(e, node.args[0], node)
    except Exception:
        return expressions.emit(e, node.args[1])
    value = expressions.emit(e, node.args[1], type)
    own = type_of(value)
    if own is None or own == type or own.is_subtype_of(type):
        return value
    return Dynamic(e.emit("prim::unchecked_cast", [e.materialize(value)], [type]).output)


@_syntax(isinstance)
def _isinstance_value(e: Emitter, node: ast.Call, hint: T.Type | None) -> Val:
    condition = conditions.emit(e, node)
    return e.static(condition.static) if condition.value is None else Dynamic(condition.value)


@_syntax(super)
def _super(e: Emitter, node: ast.Call, hint: T.Type | None) -> Val:
    from . import expressions
    from .subscripts import Super

    if node.args:
        cls = expressions.emit(e, node.args[0])
        owner = expressions.emit(e, node.args[1])
        return Super(owner, e.depend(cls))
    if e.self_module is None or e.owner_class is None:
        raise e.unsupported("super() can only be used in methods of modules.", node)
    return Super(e.self_module, e.owner_class)


@_syntax(hasattr)
def _hasattr(e: Emitter, node: ast.Call, hint: T.Type | None) -> Val:
    from . import expressions

    owner = expressions.emit(e, node.args[0])
    name = e.depend(expressions.emit(e, node.args[1]))
    if isinstance(owner, Module):
        return e.static(hasattr(owner.module, name))
    type = type_of(owner)
    if isinstance(type, T.ClassType):
        return e.static(name in type.attributes or hasattr(type.python_class, name))
    if isinstance(type, T.NamedTupleType):
        return e.static(name in type.field_names)
    if isinstance(type, T.TensorType):
        return e.static(hasattr(torch.Tensor, name))
    known = known_of(owner)
    return e.static(hasattr(known.object if known is not None else owner, name))


@_syntax(getattr)
def _getattr(e: Emitter, node: ast.Call, hint: T.Type | None) -> Val:
    from . import expressions, subscripts

    owner = expressions.emit(e, node.args[0])
    name_val = expressions.emit(e, node.args[1])
    if known_of(name_val) is None:
        raise e.needs_unrolling("The attribute's name must be known while compiling.", node.args[1])
    name = e.depend(name_val)
    if len(node.args) > 2:
        present = (
            (isinstance(owner, Module) and hasattr(owner.module, name))
            or (isinstance(owner, Static) and hasattr(owner.object, name))
            or (isinstance(type_of(owner), T.TensorType) and hasattr(torch.Tensor, name))
        )
        if not present:
            return expressions.emit(e, node.args[2])
    return subscripts.attribute_of(e, owner, name, node)


def isinstance_test(
    e: Emitter, val: Val, wanted: ast.expr, path: str | None, function: Any
) -> conditions.Condition:
    """`isinstance(val, wanted)`: decided by the static type, or at run time for Optional, Union and Any."""
    from . import expressions

    if isinstance(wanted, ast.Tuple) and function is isinstance:
        texts = wanted.elts
    else:
        texts = [wanted]
    known = known_of(val)
    objects: list[Any] = []
    for text in texts:
        try:
            inner = expressions.emit(e, text)
        except Exception:
            inner = None
        known_class = known_of(inner) if inner is not None else None
        if known_class is not None and isinstance(known_class.object, tuple):
            objects.extend(known_class.object)
        elif known_class is not None:
            objects.append(known_class.object)
        elif isinstance(inner, Sequence):
            objects.extend(e.depend(i) for i in inner.items)
        else:
            objects.append(text)
    if isinstance(val, Module):
        classes = tuple(o for o in objects if isinstance(o, python_builtins.type))
        return conditions.Condition(static=isinstance(val.module, classes))
    if (known is not None and not isinstance(known.object, torch.Tensor)) or (
        isinstance(val, Static) and val.type is None
    ):
        assert known is not None
        classes = tuple(o for o in objects if isinstance(o, python_builtins.type))
        if len(classes) == len(objects):
            return conditions.Condition(static=isinstance(e.depend(val), classes))
    type = type_of(val)
    if type is None:
        if isinstance(val, Sequence | Mapping):
            container = dict if isinstance(val, Mapping) else list if val.is_list else tuple
            return conditions.Condition(
                static=any(isinstance(o, python_builtins.type) and issubclass(container, o) for o in objects)
            )
        return conditions.Condition(static=False)
    wanted_types: list[T.Type] = []
    for obj in objects:
        if not isinstance(obj, ast.expr) and _is_container(obj):
            wanted_types.extend(_containers(type, obj))
            continue
        try:
            found = (
                e.program.evaluate_annotation(e, obj, e.node)
                if isinstance(obj, ast.expr)
                else e.program.resolver.type_of_annotation(obj)
            )
            wanted_types.append(found)
        except Exception:
            continue
    return _type_test(e, val, type, wanted_types, path)


def _is_container(obj: Any) -> bool:
    try:
        return obj in _CONTAINERS
    except TypeError:
        return False


_CONTAINERS: dict[Any, tuple[type[T.Type], ...]] = {
    list: (T.ListType,),
    torch.Size: (T.ListType,),
    tuple: (T.TupleType,),
    dict: (T.DictType,),
    collections.abc.Mapping: (T.DictType,),
    collections.abc.Sequence: (T.ListType, T.TupleType, T.StringType),
    collections.abc.Iterable: (T.ListType, T.TupleType, T.StringType, T.DictType, T.TensorType),
    collections.abc.Sized: (T.ListType, T.TupleType, T.StringType, T.DictType, T.TensorType),
    collections.abc.Callable: (),
    **{
        getattr(typing, n): (c,)
        for n, c in (("List", T.ListType), ("Tuple", T.TupleType), ("Dict", T.DictType))
    },
}


def _containers(type: T.Type, obj: Any) -> list[T.Type]:
    """The members of a type that are lists (tuples, dicts), whatever they hold."""
    members = (
        type.members
        if isinstance(type, T.UnionType)
        else ((type.element, T.NONE) if isinstance(type, T.OptionalType) else (type,))
    )
    return [m for m in members if isinstance(m, _CONTAINERS[obj])]


def _type_test(
    e: Emitter, val: Val, type: T.Type, wanted: list[T.Type], path: str | None
) -> conditions.Condition:
    if isinstance(type, T.AnyType):
        members: tuple[T.Type, ...] = ()
    elif isinstance(type, T.UnionType):
        members = type.members
    elif isinstance(type, T.OptionalType):
        members = (
            *(type.element.members if isinstance(type.element, T.UnionType) else (type.element,)),
            T.NONE,
        )
    else:
        return conditions.Condition(static=any(_is_instance(type, w) for w in wanted))
    inside = [m for m in members if any(_is_instance(m, w) for w in wanted)]
    outside = [m for m in members if m not in inside]
    if members and not inside:
        return conditions.Condition(static=False)
    if members and not outside:
        return conditions.Condition(static=True)
    chosen = inside if members else wanted
    value = e.materialize(val)
    out = e.emit("prim::isinstance", [value], [T.BOOL], {"types": list(chosen)}).output
    refined: dict[str, T.Type] = {path: T.union(*chosen)} if path is not None and chosen else {}
    other: dict[str, T.Type] = {path: T.union(*outside)} if path is not None and outside else {}
    return conditions.Condition(None, out, refined, other)


def _is_instance(own: T.Type, wanted: T.Type) -> bool:
    if isinstance(own, T.BoolType) and isinstance(wanted, T.IntType):
        return True
    if isinstance(own, T.DtypeType | T.LayoutType | T.MemoryFormatType) and isinstance(wanted, T.IntType):
        return False
    return own.is_subtype_of(wanted)


@handles(torch._assert)
def _torch_assert(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    """`torch._assert(condition, message)` is `assert condition, message`."""
    from .control import Outcome, emit_if
    from .statements import raise_error

    message = positional[1] if len(positional) > 1 else named.get("message", e.static(""))
    condition = conditions.of_value(e, positional[0])
    if condition.static is True:
        return e.none()
    value = condition.value if condition.value is not None else e.constant(False, T.BOOL)
    saved, e.pending_rest = e.pending_rest, ()
    emit_if(e, value, Outcome, lambda: raise_error(e, AssertionError, message))
    e.pending_rest = saved
    return e.none()


@handles(torch.is_tensor)
def _is_tensor(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    type = type_of(positional[0])
    if isinstance(type, T.OptionalType | T.UnionType | T.AnyType):
        condition = _type_test(e, positional[0], type, [T.TENSOR], None)
        return e.static(condition.static) if condition.value is None else Dynamic(condition.value)
    return e.static(isinstance(type, T.TensorType))


@_mark("is_scripting", "_is_scripting")
def _is_scripting(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    return e.static(True)


@_mark("is_tracing", "_is_tracing", "_get_tracing_state")
def _is_tracing(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    return e.static(False)


def _constant_call(value: Any) -> Handler:
    def handler(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
        return e.static(value)

    return handler


for _function in (
    torch.overrides.has_torch_function,
    torch.overrides.has_torch_function_unary,
    torch.overrides.has_torch_function_variadic,
    torch.compiler.is_compiling, torch.compiler.is_exporting, torch.compiler.is_dynamo_compiling,
):  # fmt: skip
    handles(_function)(_constant_call(False))
for _name in ("is_compiling",):
    # not torch._dynamo as an attribute: reading it would import it, which takes two seconds
    for _owner in (getattr(torch, "_utils", None), sys.modules.get("torch._dynamo")):
        if _owner is not None and hasattr(_owner, _name):
            handles(getattr(_owner, _name))(_constant_call(False))


@_mark("unchecked_cast", "_unwrap_optional")
def _unwrap(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    return unwrap_optional(e, positional[0])


def unwrap_optional(e: Emitter, val: Val) -> Val:
    """The value of an Optional; raises at run time where it is None."""
    type = type_of(val)
    if not isinstance(type, T.OptionalType):
        return val
    from .control import Outcome, emit_if
    from .statements import raise_error

    value = e.materialize(val)
    present = e.call("aten::__isnot__", [Dynamic(value), e.none()])
    saved, e.pending_rest = e.pending_rest, ()
    emit_if(e, present, Outcome, lambda: raise_error(e, AssertionError, e.static("Unwrapping null optional")))
    e.pending_rest = saved
    return Dynamic(e.emit("prim::unchecked_cast", [value], [type.element]).output)


# -- iteration ---------------------------------------------------------------------------------------------------


def _iterable(kind: str) -> Handler:
    def handler(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
        named.pop("strict", None)
        return Iterable(kind, [*positional, *named.values()])

    return handler


for _obj, _kind in ((enumerate, "enumerate"), (zip, "zip"), (reversed, "reversed")):
    handles(_obj)(_iterable(_kind))


@handles(range)
def _range(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    return Iterable("range", positional)


@handles(len)
def _len(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    from . import calls, loops

    val = positional[0]
    if isinstance(val, Module):
        module = val.module
        own = (
            module.__class__.__dict__.get("__len__")
            if not isinstance(
                module,
                torch.nn.ModuleList | torch.nn.Sequential | torch.nn.ModuleDict | torch.nn.ParameterList,
            )
            else None
        )
        if own is not None:
            from .values import Method

            return calls.call_method(e, Method(val, "__len__", own), [], {})
        return e.static(len(module))  # type: ignore[arg-type]
    if isinstance(val, Sequence | Mapping):
        return e.static(len(val.items))
    type = type_of(val)
    if isinstance(type, T.ClassType):
        return calls.call_class_method(e, val, "__len__", [], {})
    if isinstance(type, T.TupleType):
        return e.static(len(type.elements))
    if isinstance(val, Iterable):
        items = loops.static_items(e, val)
        if items is not None:
            return e.static(len(items))
        return Dynamic(loops.plan_of(e, val, e.node).length)
    known = known_of(val)
    if (
        known is not None
        and hasattr(known.object, "__len__")
        and (type is None or isinstance(val, Attribute | Static))
    ):
        if not isinstance(known.object, torch.Tensor):
            return e.static(len(known.object), known.dependencies)
    return e.call_operator("aten::len", [val], {}, "len")


@handles(list, tuple)
def _sequence(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    raise AssertionError  # replaced below


def _list(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    from . import loops

    if not positional:
        element = hint.element if isinstance(hint, T.ListType) else None
        return Dynamic(e.build_list([], element=element))
    val = positional[0]
    type = type_of(val)
    if isinstance(type, T.ListType) and not isinstance(val, Sequence):
        return e.call_operator("aten::list", [val], {}, "list")
    if isinstance(type, T.DictType):
        return e.call_operator("aten::keys", [val], {}, "list")
    items = (
        loops.static_items(e, val) if loops.prefers_unrolling(e, val) or isinstance(val, Iterable) else None
    )
    if items is not None:
        if any(type_of(i) is None or isinstance(i, Module) for i in items):
            return Sequence(list(items), is_list=True)
        types = {str(type_of(i)) for i in items}
        return Dynamic(e.build_list(items)) if len(types) <= 1 else Sequence(list(items), is_list=True)
    return _collect(e, val)


def _collect(e: Emitter, val: Val) -> Val:
    """The values of a run-time iteration as a list."""
    from . import loops
    from .control import Outcome, emit_loop

    plan = loops.plan_of(e, val, e.node)
    result = e.emit("prim::ListConstruct", [], [T.ListType(T.PendingType(T.TENSOR))]).output

    def body(i: Any) -> Outcome:
        e.call_operator("aten::append", [Dynamic(result), plan.item(e, i)], {}, "append")
        return Outcome()

    saved, e.pending_rest = e.pending_rest, ()
    emit_loop(e, plan.length, [], None, body)
    e.pending_rest = saved
    return Dynamic(result)


handles(list)(_list)


@handles(tuple)
def _tuple(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    from . import loops

    if not positional:
        return Sequence([])
    val = positional[0]
    if isinstance(type_of(val), T.TupleType) and not isinstance(val, Sequence):
        return val
    items = loops.static_items(e, val)
    if items is not None:
        return Sequence(list(items))
    if isinstance(type_of(val), T.ListType):
        return val  # how many there are is not known: it stays a list
    return _collect(e, val)


@handles(torch.Size)
def _size(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    return _list(e, positional, named, hint)


@handles(dict)
def _dict(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    if named and not positional:
        from .expressions import do_not_unify

        if any(type_of(v) is None for v in named.values()) or (
            hint is None and do_not_unify(list(named.values()))
        ):
            return Mapping(dict(named))
        return Dynamic(e.build_dict([p for k, v in named.items() for p in (e.static(k), v)]))
    if not positional:
        if isinstance(hint, T.DictType):
            return Dynamic(e.emit("prim::DictConstruct", [], [hint]).output)
        return Dynamic(e.build_dict([]))
    val = positional[0]
    from . import loops

    items = loops.static_items(e, val) if not isinstance(val, Mapping) else None
    if isinstance(val, Mapping):
        return Mapping(dict(val.items))
    if items is not None:
        pairs = [loops.static_items(e, p) for p in items]
        return Dynamic(e.build_dict([v for pair in pairs if pair is not None for v in pair]))
    return e.call_operator("aten::dict", [val], {}, "dict")


def _fold_reduction(e: Emitter, name: str, function: Any, items: list[Val]) -> Val | None:
    known = [known_of(i) for i in items]
    if any(k is None or not is_scalar_constant(k.object) for k in known):
        return None
    try:
        return e.static(function([e.depend(i) for i in items]))
    except Exception:
        return None


def _any_all(is_any: bool) -> Handler:
    def handler(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
        from . import expressions, loops

        val = positional[0]
        if isinstance(type_of(val), T.TensorType):
            return e.call_operator("aten::any" if is_any else "aten::all", [val], {})
        items = loops.static_items(e, val)
        if items is None:
            element = type_of(val)
            if isinstance(element, T.ListType) and not isinstance(
                element.element, T.BoolType | T.IntType | T.FloatType
            ):
                val = _truths(e, val)
            return e.call_operator(
                "aten::any" if is_any else "aten::all", [val], {}, "any" if is_any else "all"
            )

        def rest(index: int) -> Val:
            if index == len(items):
                return e.static(not is_any)
            condition = conditions.of_value(e, items[index])
            if condition.static is not None:
                return e.static(is_any) if condition.static is is_any else rest(index + 1)
            assert condition.value is not None
            if index == len(items) - 1:
                return Dynamic(condition.value)
            return expressions._short_circuit(
                e, condition.value, not is_any, lambda: rest(index + 1), Dynamic(condition.value)
            )

        return rest(0)

    return handler


def _truths(e: Emitter, val: Val) -> Val:
    from . import loops
    from .control import Outcome, emit_loop

    plan = loops.plan_of(e, val, e.node)
    result = e.emit("prim::ListConstruct", [], [T.ListType(T.BOOL)]).output

    def body(i: Any) -> Outcome:
        truth = conditions.truth_of(e, e.materialize(plan.item(e, i)))
        e.call_operator("aten::append", [Dynamic(result), Dynamic(truth)], {})
        return Outcome()

    saved, e.pending_rest = e.pending_rest, ()
    emit_loop(e, plan.length, [], None, body)
    e.pending_rest = saved
    return Dynamic(result)


handles(any)(_any_all(True))
handles(all)(_any_all(False))


@handles(sum)
def _sum(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    from . import expressions, loops

    val = positional[0]
    if isinstance(type_of(val), T.TensorType):
        return e.call_operator("aten::sum", [val, e.static(0)], {}, "sum")
    items = loops.static_items(e, val)
    if items is not None:
        start = positional[1] if len(positional) > 1 else named.get("start")
        if not items:
            return start if start is not None else e.static(0)
        result = items[0] if start is None else expressions.binary(e, ast.Add, start, items[0])
        for item in items[1:]:
            result = expressions.binary(e, ast.Add, result, item)
        return result
    type = type_of(val)
    if isinstance(type, T.ListType) and isinstance(type.element, T.TensorType):
        return _sum_tensors(e, val)
    if isinstance(val, Iterable):
        val = _collect(e, val)
    return e.call_operator("aten::sum", [val], {}, "sum")


def _sum_tensors(e: Emitter, val: Val) -> Val:
    """`sum` of a run-time list of tensors, from the first to the last."""
    from . import expressions, loops
    from .control import Outcome, emit_loop
    from .emitter import Scope

    value = e.materialize(val)
    first = e.call("aten::__getitem__", [Dynamic(value), e.static(0)])
    scope, e.scope = e.scope, Scope(e.scope)
    total = "sum of tensors"
    e.scope.set(total, Dynamic(first))
    rest = e.call("aten::slice", [Dynamic(value), e.static(1), e.none(), e.static(1)])
    plan = loops.plan_of(e, Dynamic(rest), e.node)

    def body(i: Any) -> Outcome:
        current = e.scope.get(total)
        assert current is not None
        e.scope.set(total, expressions.binary(e, ast.Add, current, plan.item(e, i)))
        return Outcome()

    saved, e.pending_rest = e.pending_rest, ()
    emit_loop(e, plan.length, [total], None, body)
    e.pending_rest = saved
    result = e.scope.get(total)
    e.scope = scope
    assert isinstance(result, Dynamic)
    result.value.name = None
    return result


def _min_max(name: str, function: Any) -> Handler:
    def handler(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
        from . import loops

        if len(positional) == 1:
            type = type_of(positional[0])
            if isinstance(type, T.TensorType):
                return e.call_operator(f"aten::{name}", positional, {}, name)
            items = loops.static_items(e, positional[0])
            if items is None:
                return e.call_operator(f"prim::{name}", positional, {}, name)
        else:
            items = positional
        folded = _fold_reduction(e, name, function, items)
        if folded is not None:
            return folded
        result = items[0]
        for item in items[1:]:
            tensors = isinstance(type_of(result), T.TensorType) or isinstance(type_of(item), T.TensorType)
            result = e.call_operator(
                f"aten::{name}" if tensors else f"prim::{name}", [result, item], {}, name
            )
        return result

    return handler


handles(min)(_min_max("min", min))
handles(max)(_min_max("max", max))


@handles(map)
def _map(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    from . import calls, loops
    from .control import Outcome, emit_loop

    groups = [loops.static_items(e, v) if loops.prefers_unrolling(e, v) else None for v in positional[1:]]
    if all(g is not None for g in groups):
        return Sequence(
            [
                calls.call(e, positional[0], list(args), {})
                for args in zip(*(g for g in groups if g is not None))
            ],
            is_list=True,
        )
    source = positional[1] if len(positional) == 2 else Iterable("zip", positional[1:])
    plan = loops.plan_of(e, source, e.node)
    result = e.emit("prim::ListConstruct", [], [T.ListType(T.PendingType(T.TENSOR))]).output

    def body(i: Any) -> Outcome:
        item = plan.item(e, i)
        args = item.items if len(positional) > 2 and isinstance(item, Sequence) else [item]
        e.call_operator(
            "aten::append", [Dynamic(result), calls.call(e, positional[0], args, {})], {}, "append"
        )
        return Outcome()

    saved, e.pending_rest = e.pending_rest, ()
    emit_loop(e, plan.length, [], None, body)
    e.pending_rest = saved
    return Dynamic(result)


@handles(sorted)
def _sorted(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    if "key" in named:
        raise e.unsupported(
            "A sort key cannot be compiled.", None, "Sort a list of tuples, or of the keys themselves."
        )
    reverse = named.pop("reverse", None)
    val = _list(e, positional, {}, None)
    result = e.call_operator("aten::sorted", [val], {}, "sorted")
    if reverse is not None:
        condition = conditions.of_value(e, reverse)
        if condition.static is not False:
            e.call_operator("aten::reverse", [result], {}, "reverse")
    return result


# -- scalars -----------------------------------------------------------------------------------------------------


def _caster(python: Any, name: str) -> Handler:
    def handler(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
        if not positional:
            return e.static(python())
        val = positional[0]
        known = known_of(val)
        if known is not None and is_scalar_constant(known.object) and len(positional) == 1:
            try:
                result = python(known.object)
            except Exception:
                result = None
            if result is not None and (not isinstance(result, int) or -(2**63) <= result < 2**63):
                if not known.dependencies or type_of(val) is None:
                    return e.static(result, known.dependencies)
        if python is bool:
            condition = conditions.of_value(e, val)
            return e.static(condition.static) if condition.value is None else Dynamic(condition.value)
        type = type_of(val)
        if (python is str and isinstance(type, T.StringType)) or (
            python is int and isinstance(type, T.IntType) and type == T.INT
        ):
            return val
        if python is float and isinstance(type, T.FloatType):
            return val
        if isinstance(type, T.ClassType):
            from . import calls

            return calls.call_class_method(e, val, f"__{python.__name__}__", [], {})
        result_val = e.call_operator(name, positional, named, python.__name__)
        if known is not None and isinstance(result_val, Dynamic):
            from .expressions import fold

            return Dynamic(result_val.value, fold(e, python, val))
        return result_val

    return handler


for _python, _op in (
    (int, "aten::Int"),
    (float, "aten::Float"),
    (bool, "aten::Bool"),
    (complex, "aten::Complex"),
    (str, "aten::str"),
):
    handles(_python)(_caster(_python, _op))


@handles(repr)
def _repr(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    known = known_of(positional[0])
    if known is not None:
        return e.static(repr(e.depend(positional[0])))
    return e.call_operator("aten::str", positional, {}, "repr")


@handles(abs)
def _abs(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    return _folding(
        e, abs, "aten::abs" if isinstance(type_of(positional[0]), T.TensorType) else "prim::abs", positional
    )


@handles(round)
def _round(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    if len(positional) == 1 and isinstance(type_of(positional[0]), T.IntType):
        return positional[0]
    known = _known_result(e, round, positional)
    if known is not None:
        return known
    rounded = e.call_operator("aten::round", positional, {}, "round")
    if len(positional) == 1 and isinstance(type_of(rounded), T.FloatType):
        return e.call_operator("aten::Int", [rounded], {}, "round")
    return rounded


def _known_result(e: Emitter, function: Any, positional: list[Val]) -> Val | None:
    from .expressions import fold

    known = fold(e, function, *positional)
    if known is None or known.dependencies:
        return None
    return e.static(known.object)


def _folding(e: Emitter, function: Any, name: str, positional: list[Val]) -> Val:
    from .expressions import fold

    known = fold(e, function, *positional)
    if known is not None and not known.dependencies:
        return e.static(known.object)
    result = e.call_operator(name, positional, {}, function.__name__)
    return Dynamic(result.value, known) if isinstance(result, Dynamic) and known is not None else result


@handles(divmod)
def _divmod(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    return e.call_operator("aten::divmod", positional, {}, "divmod")


@handles(pow)
def _pow(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    from . import expressions

    return expressions.binary(e, ast.Pow, positional[0], positional[1])


for _py, _name in (
    (ord, "aten::ord"),
    (chr, "aten::chr"),
    (hex, "aten::hex"),
    (oct, "aten::oct"),
    (bin, "aten::bin"),
):

    def _scalar(function: Any, name: str) -> Handler:
        def handler(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
            return _folding(e, function, name, positional)

        return handler

    handles(_py)(_scalar(_py, _name))

_OPERATOR_FUNCTIONS: dict[Any, type[ast.operator]] = {
    operator.add: ast.Add, operator.sub: ast.Sub, operator.mul: ast.Mult, operator.truediv: ast.Div,
    operator.floordiv: ast.FloorDiv, operator.mod: ast.Mod, operator.pow: ast.Pow, operator.matmul: ast.MatMult,
    operator.and_: ast.BitAnd, operator.or_: ast.BitOr, operator.xor: ast.BitXor,
}  # fmt: skip


def _operator_function(op: type[ast.operator]) -> Handler:
    def handler(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
        from . import expressions

        return expressions.binary(e, op, positional[0], positional[1])

    return handler


for _py, _ast_op in _OPERATOR_FUNCTIONS.items():
    handles(_py)(_operator_function(_ast_op))


@handles(print)
def _print(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    values = [
        e.materialize(v) if type_of(v) is not None else e.constant(v.describe(), T.STRING) for v in positional
    ]
    keywords = {k: e.depend(v) for k, v in named.items() if k in ("sep", "end") and known_of(v) is not None}
    e.emit("prim::Print", values, [], keywords or None)
    return e.none()


@handles(warnings.warn)
def _warn(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    message = positional[0]
    if not isinstance(type_of(message), T.StringType):
        message = (
            e.static(message.describe())
            if type_of(message) is None
            else Dynamic(e.call("aten::str", [message]))
        )
    stacklevel = named.get("stacklevel", e.static(2))
    e.call_operator("aten::warn", [message], {"stacklevel": stacklevel}, "warn")
    return e.none()


# -- functools, itertools, collections ---------------------------------------------------------------------------


@handles(functools.partial)
def _partial(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    return Partial(positional[0], positional[1:], named)


@handles(functools.reduce)
def _reduce(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    from . import calls, loops

    items = loops.static_items(e, positional[1])
    if items is None:
        raise e.unsupported("functools.reduce needs a sequence whose length is known.", None, "Write a loop.")
    values = [*positional[2:3], *items]
    result = values[0]
    for item in values[1:]:
        result = calls.call(e, positional[0], [result, item], {})
    return result


@handles(itertools.repeat)
def _repeat(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    count = positional[1] if len(positional) > 1 else named.get("times")
    if count is None or known_of(count) is None:
        raise e.unsupported("itertools.repeat needs a number of times that is known while compiling.")
    return Sequence([positional[0]] * e.depend(count), is_list=True)


@handles(itertools.chain)
def _chain(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    from . import loops

    groups = [loops.static_items(e, v) for v in positional]
    if any(g is None for g in groups):
        raise e.unsupported(
            "itertools.chain needs sequences whose lengths are known.", None, "Add the lists."
        )
    return Sequence([i for g in groups if g is not None for i in g], is_list=True)


def _adaptive_pool(function: Any) -> Handler:
    def handler(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
        return pooling.adaptive_pool(e, function, positional, named)

    return handler


for _pooling_function in pooling.ADAPTIVE:
    handles(_pooling_function)(_adaptive_pool(_pooling_function))


@handles(torch.utils.checkpoint.checkpoint)
def _checkpoint(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    """Checkpointing trades memory for time and changes no result: the function is called."""
    from . import calls

    rest = {
        k: v
        for k, v in named.items()
        if k not in ("use_reentrant", "preserve_rng_state", "context_fn", "determinism_check", "debug")
    }
    return calls.call(e, positional[0], positional[1:], rest)


# -- contexts ----------------------------------------------------------------------------------------------------


def _manager(cls: type) -> Handler:
    def handler(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
        return contexts.Manager(cls, positional)

    return handler


for _cls in (
    torch.no_grad,
    torch.enable_grad,
    torch.inference_mode,
    torch.autograd.profiler.record_function,
    torch.autocast,
    torch.cuda.amp.autocast,
    torch.amp.autocast,
):
    handles(_cls)(_manager(_cls))

# -- tensors -----------------------------------------------------------------------------------------------------

TensorHandler = Callable[[Emitter, Val, list[Val], dict[str, Val]], "Val | None"]


def _to(e: Emitter, owner: Val, positional: list[Val], named: dict[str, Val]) -> Val | None:
    """`x.to(device)` or `x.to(dtype)` with a string, and None where a dtype or device is optional."""
    if positional and isinstance(type_of(positional[0]), T.StringType):
        known = known_of(positional[0])
        device = (
            e.static(torch.device(e.depend(positional[0])))
            if known is not None
            else Dynamic(e.call("aten::device", [positional[0]]))
        )
        return e.call_operator("aten::to", [owner, device, *positional[1:]], named, "to")
    return None


def _type_method(e: Emitter, owner: Val, positional: list[Val], named: dict[str, Val]) -> Val | None:
    """`x.type(dtype)`; `x.type(torch.FloatTensor)` and strings by the dtype that they name."""
    if not positional:
        return None
    known = known_of(positional[0])
    if known is not None and not isinstance(known.object, torch.dtype):
        obj = e.depend(positional[0])
        name = (
            obj
            if isinstance(obj, str)
            else f"{getattr(obj, '__module__', '')}.{getattr(obj, '__name__', '')}"
        )
        dtype = _TENSOR_TYPES.get(name.rpartition(".")[2])
        if dtype is None:
            raise e.error(f"'{name}' is not a type of tensor.")
        return e.call_operator("aten::to", [owner, e.static(dtype)], {}, "type")
    return e.call_operator("aten::to", [owner, *positional], named, "type")


_TENSOR_TYPES = {
    "FloatTensor": torch.float32, "DoubleTensor": torch.float64, "HalfTensor": torch.float16, "LongTensor": torch.int64,
    "IntTensor": torch.int32, "ShortTensor": torch.int16, "CharTensor": torch.int8, "ByteTensor": torch.uint8,
    "BoolTensor": torch.bool, "BFloat16Tensor": torch.bfloat16, "Tensor": torch.float32,
}  # fmt: skip


def _cuda(e: Emitter, owner: Val, positional: list[Val], named: dict[str, Val]) -> Val | None:
    return e.call_operator("aten::to", [owner, e.static(torch.device("cuda"))], {}, "cuda")


def _where(e: Emitter, owner: Val, positional: list[Val], named: dict[str, Val]) -> Val | None:
    """`x.where(condition, other)` is `torch.where(condition, x, other)`."""
    condition = positional[0] if positional else named["condition"]
    other = positional[1] if len(positional) > 1 else named["other"]
    return e.call_operator("aten::where", [condition, owner, other], {}, "where")


TENSOR_HANDLERS: dict[str, TensorHandler] = {
    "where": _where,
    "to": _to,
    "type": _type_method,
    "cuda": _cuda,
}
METHOD_HANDLERS: dict[tuple[str, str], Callable[[Emitter, Val, list[Val], dict[str, Val]], Val]] = {}


def _list_sort(e: Emitter, owner: Val, positional: list[Val], named: dict[str, Val]) -> Val:
    if "key" in named:
        raise e.unsupported(
            "A sort key cannot be compiled.", None, "Sort a list of tuples, or of the keys themselves."
        )
    return e.call_operator("aten::sort", [owner, *positional], named, "sort")


METHOD_HANDLERS["list", "sort"] = _list_sort


def _torch_tensor(e: Emitter, positional: list[Val], named: dict[str, Val]) -> Val | None:
    """`torch.tensor(data)`: of scalars, (nested) lists and tuples; of a tensor, a copy of it."""
    if not positional:
        return None
    data = positional[0]
    if isinstance(type_of(data), T.TensorType):
        copied: Val = Dynamic(e.call("aten::clone", [Dynamic(e.call("aten::detach", [data]))]))
        if "dtype" in named or "device" in named:
            keep = {k: v for k, v in named.items() if k in ("dtype", "device")}
            return e.call_operator("aten::to", [copied], keep, "tensor")
        return copied
    if isinstance(data, Sequence):
        return e.call_operator("aten::tensor", [as_list(e, data), *positional[1:]], named, "tensor")
    return None


def as_list(e: Emitter, val: Val) -> Val:
    """A tuple or list with known parts as a list; parts that are 0-dimensional tensors as numbers."""
    if not isinstance(val, Sequence):
        return val
    items = [as_list(e, i) for i in val.items]
    if any(isinstance(type_of(i), T.TensorType) for i in items):
        items = [
            Dynamic(e.call("aten::FloatImplicit", [i])) if isinstance(type_of(i), T.TensorType) else i
            for i in items
        ]
    return Dynamic(e.build_list(items))


def _stack_einsum(e: Emitter, positional: list[Val], named: dict[str, Val]) -> Val | None:
    """`torch.einsum(equation, a, b)`: the operands as a list."""
    if len(positional) >= 2 and isinstance(type_of(positional[1]), T.TensorType):
        return e.call_operator(
            "aten::einsum", [positional[0], Dynamic(e.build_list(positional[1:]))], {}, "einsum"
        )
    return None


def _varargs_tensors(name: str) -> Callable[[Emitter, list[Val], dict[str, Val]], Val | None]:
    """Functions that take tensors one by one or as a list."""

    def handler(e: Emitter, positional: list[Val], named: dict[str, Val]) -> Val | None:
        if positional and isinstance(type_of(positional[0]), T.TensorType):
            return e.call_operator(name, [Dynamic(e.build_list(positional))], named, name.partition("::")[2])
        return None

    return handler


TORCH_HANDLERS: dict[str, Callable[[Emitter, list[Val], dict[str, Val]], Val | None]] = {
    "aten::tensor": _torch_tensor,
    "aten::as_tensor": lambda e, p, n: (
        e.call_operator("aten::as_tensor", [as_list(e, p[0]), *p[1:]], n, "as_tensor")
        if p and isinstance(p[0], Sequence)
        else None
    ),
    "aten::einsum": _stack_einsum,
    **{
        name: _varargs_tensors(name)
        for name in ("aten::meshgrid", "aten::broadcast_tensors", "aten::block_diag", "aten::cartesian_prod")
    },
}

for _legacy_name in (
    "FloatTensor",
    "LongTensor",
    "IntTensor",
    "DoubleTensor",
    "Tensor",
    "BoolTensor",
    "ByteTensor",
    "HalfTensor",
):

    def _legacy(dtype: torch.dtype) -> Handler:
        def handler(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
            """`torch.FloatTensor(2, 3)` or of data."""
            if positional and all(isinstance(type_of(p), T.IntType) for p in positional):
                return e.call_operator("aten::empty", positional, {"dtype": e.static(dtype)}, "empty")
            if not positional:
                return e.call_operator("aten::empty", [e.static(0)], {"dtype": e.static(dtype)}, "empty")
            if isinstance(type_of(positional[0]), T.TensorType):
                return e.call_operator("aten::to", [positional[0], e.static(dtype)], {}, "to")
            if (
                isinstance(type_of(positional[0]), T.ListType)
                and operator_name_of(torch.empty)
                and is_size(positional[0])
            ):
                return e.call_operator("aten::empty", positional, {"dtype": e.static(dtype)}, "empty")
            return e.call_operator(
                "aten::tensor", [as_list(e, positional[0])], {"dtype": e.static(dtype)}, "tensor"
            )

        return handler

    handles(getattr(torch, _legacy_name))(_legacy(_TENSOR_TYPES[_legacy_name]))


def is_size(val: Val) -> bool:
    return isinstance(val, Dynamic) and val.value.node is not None and val.value.node.kind == "aten::size"


@handles(torch.nn.Parameter)
def _parameter(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    raise e.unsupported("A parameter cannot be created in compiled code.", None, "Create it in __init__.")


@_mark("fork", "_fork")
def _fork(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    """`fork(f, …)`: the call in a block of its own."""
    from . import calls
    from .control import Branch, Outcome, run_branch
    from .emitter import Scope

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


@_mark("wait", "_wait")
def _wait(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    type = type_of(positional[0])
    if not isinstance(type, T.FutureType):
        raise e.error("Only a Future, as fork() returns it, can be waited for.")
    return e.call_operator("aten::wait", positional, {}, "wait")


METHOD_HANDLERS["future", "wait"] = lambda e, owner, p, n: _wait(e, [owner], {}, None)


@handles(type)
def _type(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    if len(positional) == 1 and isinstance(positional[0], Module):
        return Static(type(positional[0].module), None)
    known = known_of(positional[0]) if len(positional) == 1 else None
    if known is not None:
        return Static(type(e.depend(positional[0])), None)
    if isinstance(type_of(positional[0]), T.TensorType):
        return Static(torch.Tensor, None)
    raise e.unsupported("'type(…)' cannot be compiled here.", None, "Use isinstance.")


@handles(callable)
def _callable(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    val = positional[0]
    if isinstance(val, Static):
        return e.static(callable(val.object))
    return e.static(isinstance(val, Closure | Partial | Module) or type_of(val) is None)

"""Questions about values: `isinstance`, `hasattr`, `getattr`, `type`, `super`, and the casts of typing and torch.jit."""

from __future__ import annotations

import ast
import builtins as python_builtins
import collections.abc
import sys
import typing
from typing import Any

import torch

from ... import types as T
from ...ir.graph import Value
from .. import attributes, conditions, declarations, instances, returned
from ..emitter import Emitter
from ..values import (
    Closure,
    Dynamic,
    Instance,
    Mapping,
    Module,
    Partial,
    Sequence,
    Static,
    Val,
    known_of,
    type_of,
)
from .registry import Handler, handles, marked, marked_syntax, syntax


@marked_syntax("annotate")
def _annotate(e: Emitter, node: ast.Call, hint: T.Type | None) -> Val:
    """`annotate(T, value)`."""
    from .. import expressions

    type = declarations.evaluate_annotation(e, node.args[0], node)
    value = expressions.emit(e, node.args[1], type)
    return Dynamic(e.coerce(value, type, node, "the annotated value"))


@syntax(typing.cast)
def _cast(e: Emitter, node: ast.Call, hint: T.Type | None) -> Val:
    from .. import expressions

    try:
        type = declarations.evaluate_annotation(e, node.args[0], node)
    except Exception:
        return expressions.emit(e, node.args[1])
    value = expressions.emit(e, node.args[1], type)
    own = type_of(value)
    if own is None or own == type or own.is_subtype_of(type):
        return value
    return Dynamic(e.emit("prim::unchecked_cast", [e.materialize(value)], [type]).output)


@syntax(isinstance)
def _isinstance_value(e: Emitter, node: ast.Call, hint: T.Type | None) -> Val:
    condition = conditions.emit(e, node)
    return e.static(condition.static) if condition.value is None else Dynamic(condition.value)


@syntax(super)
def _super(e: Emitter, node: ast.Call, hint: T.Type | None) -> Val:
    from .. import expressions
    from ..attributes import Super

    if node.args:
        cls = expressions.emit(e, node.args[0])
        owner = expressions.emit(e, node.args[1])
        return Super(owner, e.depend(cls))
    if isinstance(e.source.tree, ast.FunctionDef) and e.source.tree.args.args:
        of_method = e.scope.get(e.source.tree.args.args[0].arg)
        if isinstance(of_method, Instance):
            return Super(of_method, instances.defining_class(of_method, e.source.tree))
    if e.self_module is None and e.owner_class is not None and isinstance(e.source.tree, ast.FunctionDef):
        arguments = [*e.source.tree.args.posonlyargs, *e.source.tree.args.args]
        first = e.scope.get(arguments[0].arg) if arguments else None
        if first is not None and isinstance(type_of(first), T.ClassType):
            return Super(first, e.owner_class)
    if e.self_module is None or e.owner_class is None:
        raise e.unsupported("super() can only be used in methods of modules and script classes.", node)
    return Super(e.self_module, e.owner_class)


@syntax(hasattr)
def _hasattr(e: Emitter, node: ast.Call, hint: T.Type | None) -> Val:
    from .. import expressions

    owner = expressions.emit(e, node.args[0])
    name_val = expressions.emit(e, node.args[1])
    if known_of(name_val) is None:
        raise e.needs_unrolling("The attribute's name must be known while compiling.", node.args[1])
    name = e.depend(name_val)
    if isinstance(owner, Module):
        return e.static(hasattr(owner.module, name))
    type = type_of(owner)
    if isinstance(type, T.ClassType):
        return e.static(name in type.attributes or hasattr(type.python_class, name))
    if isinstance(type, T.NamedTupleType):
        return e.static(name in type.field_names)
    if isinstance(type, T.TensorType):
        return e.static(hasattr(torch.Tensor, name))
    if isinstance(owner, Instance):
        return e.static(name in owner.attributes or hasattr(owner.cls, name))
    known = known_of(owner)
    return e.static(hasattr(known.object if known is not None else owner, name))


@syntax(getattr)
def _getattr(e: Emitter, node: ast.Call, hint: T.Type | None) -> Val:
    from .. import expressions

    owner = expressions.emit(e, node.args[0])
    name_val = expressions.emit(e, node.args[1])
    if known_of(name_val) is None:
        raise e.needs_unrolling("The attribute's name must be known while compiling.", node.args[1])
    name = e.depend(name_val)
    if len(node.args) > 2:
        present = (
            (isinstance(owner, Instance) and (name in owner.attributes or hasattr(owner.cls, name)))
            or (isinstance(owner, Module) and hasattr(owner.module, name))
            or (isinstance(owner, Static) and hasattr(owner.object, name))
            or (isinstance(type_of(owner), T.TensorType) and hasattr(torch.Tensor, name))
        )
        if not present:
            return expressions.emit(e, node.args[2])
    return attributes.attribute_of(e, owner, name, node)


def isinstance_test(
    e: Emitter, val: Val, wanted: ast.expr, path: str | None, function: Any
) -> conditions.Condition:
    """`isinstance(val, wanted)`: decided by the static type, or at run time for Optional, Union and Any."""
    from .. import expressions

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
    if isinstance(val, Module | Instance):
        classes = tuple(o for o in objects if isinstance(o, python_builtins.type))
        cls = val.cls if isinstance(val, Instance) else python_builtins.type(val.module)
        return conditions.Condition(static=issubclass(cls, classes))
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
    if isinstance(type, T.TensorType) and any(isinstance(o, _TENSOR_KIND) for o in objects):
        if not any(o is torch.Tensor for o in objects):
            kinds = [o for o in objects if isinstance(o, _TENSOR_KIND)]
            return conditions.Condition(value=_is_of_kind(e, val, kinds))
    wanted_types: list[T.Type] = []
    for obj in objects:
        if isinstance(obj, python_builtins.type) and obj.__module__ == "numbers":
            wanted_types.extend(t for cls, t in _NUMBERS.items() if issubclass(cls, obj))
            continue
        if not isinstance(obj, ast.expr) and _is_container(obj):
            if isinstance(type, T.AnyType) and obj not in _OF_ANY:
                raise e.unsupported(
                    f"Whether a value of any type is a {getattr(obj, '__name__', obj)} cannot be compiled.",
                    e.node,
                    "Say what it contains: torch.jit.isinstance(value, Dict[str, int]).",
                )
            if obj in _ONE_OF_TWO and isinstance(type, T.ListType) and isinstance(val, Dynamic):
                is_tuple = returned.is_tuple_in_python(e, val)
                wanted_types.extend([type] if is_tuple is _ONE_OF_TWO[obj] else [])
                continue
            wanted_types.extend(_containers(type, obj))
            continue
        try:
            found = (
                declarations.evaluate_annotation(e, obj, e.node)
                if isinstance(obj, ast.expr)
                else e.program.resolver.type_of_annotation(obj)
            )
            wanted_types.append(found)
        except Exception:
            continue
    return _type_test(e, val, type, wanted_types, path)


_NUMBERS: dict[Any, T.Type] = {bool: T.BOOL, int: T.INT, float: T.FLOAT, complex: T.COMPLEX}
_TENSOR_KIND = type(torch.LongTensor)  # of the classes of old that say a dtype and a device


def _is_of_kind(e: Emitter, val: Val, kinds: list[Any]) -> Value:
    """`isinstance(x, torch.LongTensor)`: whether x has that dtype, and is where the class says."""
    result: Value | None = None
    for kind in kinds:
        dtype = e.call("aten::eq", [Dynamic(e.call("prim::dtype", [val])), e.static(kind.dtype)])
        place = e.call("aten::eq", [Dynamic(e.call("prim::is_cuda", [val])), e.static(kind.is_cuda)])
        both = e.call("aten::__and__", [Dynamic(dtype), Dynamic(place)])
        result = both if result is None else e.call("aten::__or__", [Dynamic(result), Dynamic(both)])
    assert result is not None
    return result


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


_ONE_OF_TWO: dict[Any, bool] = {
    list: False, typing.List: False, tuple: True, typing.Tuple: True,  # noqa: UP006
}  # fmt: skip
"""The classes of which one is meant where the IR has a list; whether it is the tuple."""


_OF_ANY: dict[Any, list[T.Type]] = {
    list: [T.ListType(T.ANY)],
    typing.List: [T.ListType(T.ANY)],  # noqa: UP006
    tuple: [T.TupleType(())],
    typing.Tuple: [T.TupleType(())],  # noqa: UP006
}
"""What stands for any list and any tuple in `prim::isinstance`."""


def _containers(type: T.Type, obj: Any) -> list[T.Type]:
    """The members of a type that are lists (tuples, dicts), whatever they hold."""
    if isinstance(type, T.AnyType):
        return _OF_ANY.get(obj, [])
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
    from ..control import emit_if
    from ..outcomes import Outcome
    from ..statements import raise_error

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


_UNSCRIPTABLE = ("torch.nn.utils.parametrize",)
"""Modules of PyTorch that refuse scripting for reasons that are torch.jit's own."""


@marked("is_scripting", "_is_scripting")
def _is_scripting(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    return e.static(e.source.globals.get("__name__") not in _UNSCRIPTABLE)


@marked("is_tracing", "_is_tracing", "_get_tracing_state")
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


def _constant_of(function: Any) -> Handler:
    def handler(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
        return e.static(function())

    return handler


for _state in (
    torch.cuda.is_available, torch.cuda.device_count, torch.cuda.is_initialized, torch.backends.mps.is_available,
):  # fmt: skip
    handles(_state)(_constant_of(_state))
for _question in ("is_available", "is_initialized"):
    if hasattr(torch.distributed, _question):
        handles(getattr(torch.distributed, _question))(_constant_of(getattr(torch.distributed, _question)))


for _name in ("is_compiling",):
    # not torch._dynamo as an attribute: reading it would import it, which takes two seconds
    for _owner in (getattr(torch, "_utils", None), sys.modules.get("torch._dynamo")):
        if _owner is not None and hasattr(_owner, _name):
            handles(getattr(_owner, _name))(_constant_call(False))


@marked("unchecked_cast", "_unwrap_optional")
def _unwrap(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    return unwrap_optional(e, positional[0])


def checked(e: Emitter, val: Val, type: T.Type) -> Val:
    """`names: List[str] = batch["names"]`: a value of any type as one of this type; raises where it is another."""
    if isinstance(type, T.AnyType):
        return val
    from ..control import emit_if, without_rest
    from ..outcomes import Outcome
    from ..statements import raise_error

    value = e.materialize(val)
    fits = e.emit("prim::isinstance", [value], [T.BOOL], {"types": [type]}).output
    message = e.static(f"the value is no {type.annotation()}, as its annotation says")
    with without_rest(e):
        emit_if(e, fits, Outcome, lambda: raise_error(e, TypeError, message))
    return Dynamic(e.emit("prim::unchecked_cast", [value], [type]).output)


def unwrap_optional(e: Emitter, val: Val) -> Val:
    """The value of an Optional; raises at run time where it is None."""
    type = type_of(val)
    if not isinstance(type, T.OptionalType):
        return val
    from ..control import emit_if
    from ..outcomes import Outcome
    from ..statements import raise_error

    value = e.materialize(val)
    present = e.call("aten::__isnot__", [Dynamic(value), e.none()])
    saved, e.pending_rest = e.pending_rest, ()
    emit_if(e, present, Outcome, lambda: raise_error(e, AssertionError, e.static("Unwrapping null optional")))
    e.pending_rest = saved
    return Dynamic(e.emit("prim::unchecked_cast", [value], [type.element]).output)


_CLASSES: tuple[tuple[type[T.Type], type], ...] = (
    (T.TensorType, torch.Tensor), (T.BoolType, bool), (T.IntType, int), (T.FloatType, float), (T.StringType, str),
    (T.ComplexType, complex), (T.SetType, set),
)  # fmt: skip
"""Types that say the class of a value; a list may stand for a torch.Size, and a dict for one of its subclasses."""


@handles(type)
def _type(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    if len(positional) == 1 and isinstance(positional[0], Module):
        return Static(type(positional[0].module), None)
    if len(positional) == 1 and isinstance(positional[0], Instance):
        return Static(positional[0].cls, None)
    known = known_of(positional[0]) if len(positional) == 1 else None
    if known is not None:
        return Static(type(e.depend(positional[0])), None)
    own = type_of(positional[0]) if len(positional) == 1 else None
    if returned.stands_for_tuple(e, positional[0]):
        return Static(tuple, None)
    for kind, cls in _CLASSES:
        if isinstance(own, kind):
            return Static(cls, None)
    if isinstance(own, T.ClassType | T.NamedTupleType) and own.python_class is not None:
        return Static(own.python_class, None)
    raise e.unsupported("'type(…)' cannot be compiled here.", None, "Use isinstance.")


@handles(eval, exec, locals, globals, vars, dir)
def _frame(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    raise e.unsupported("What reads a program's own variables or text (eval, locals, …) cannot be compiled.")


@handles(callable)
def _callable(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    val = positional[0]
    if isinstance(val, Static):
        return e.static(callable(val.object))
    return e.static(isinstance(val, Closure | Partial | Module) or type_of(val) is None)

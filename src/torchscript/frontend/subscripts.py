"""Attributes and subscripts: reading them, assigning to them, changing them in place."""

from __future__ import annotations

import ast
from typing import Any

import torch

from .. import types as T
from ..ir.graph import Value
from . import (
    arithmetic,
    arrays,
    attributes,
    chosen,
    default_dicts,
    deques,
    function_calls,
    mappings,
    methods,
    outer,
    prelude_lists,
    presence,
    returned,
    tensor_indexing,
)
from .emitter import Emitter
from .pending import resolve_pending
from .values import (
    Attribute,
    Dynamic,
    Iterable,
    Mapping,
    Method,
    Module,
    ModuleChain,
    Sequence,
    Static,
    Unusable,
    Val,
    known_of,
    type_of,
)


def subscript(e: Emitter, owner: Val, index: ast.expr, node: ast.AST) -> Val:
    """`owner[index]`."""
    from . import expressions, loops

    e.node = node
    if isinstance(owner, Unusable):
        raise e.error(owner.reason, node)
    sure = presence.present(e, owner)
    owner = owner if sure is None else sure
    type = type_of(owner)
    if isinstance(type, T.TensorType):
        return Dynamic(tensor_indexing.read(e, e.materialize(owner), index))
    if isinstance(type, T.NoneType):
        raise e.certain(TypeError, "None cannot be subscripted.", node)
    if isinstance(type, T.IntType | T.FloatType | T.BoolType):
        article = "An" if isinstance(type, T.IntType) else "A"
        raise e.certain(TypeError, f"{article} {type.annotation()} cannot be subscripted.", node)
    if isinstance(type, T.OptionalType):
        raise e.error(
            f"A value that may be None ({type.annotation()}) cannot be subscripted.",
            node,
            "Check it first with 'if … is not None' or 'assert … is not None'.",
        )
    if isinstance(owner, Static) and type is None and isinstance(owner.object, type_types):
        key = expressions.emit(e, index)  # List[int] and the like
        known = known_of(key)
        if known is not None:
            generic: Any = owner.object
            try:
                return e.static(generic[known.object])
            except KeyError:
                raise e.certain(
                    KeyError, f"{owner.subject()} has no member {known.object!r}.", node
                ) from None
            except TypeError:
                raise e.certain(TypeError, f"{owner.subject()} cannot be subscripted.", node) from None
    if type is None and isinstance(owner, Static | Attribute):
        array = arrays.item(e, owner, index)
        if array is not None:
            return array
    if isinstance(index, ast.Slice):
        return _slice(e, owner, bounds_of(e, index), node)
    key = expressions.emit(e, index)
    e.node = node
    bounds = tensor_indexing.bounds_of_object(e, key)
    if bounds is not None and not isinstance(type, T.ClassType):
        return _slice(e, owner, bounds, node)
    known = known_of(key)
    if isinstance(owner, Mapping):
        if known is None:
            raise e.needs_unrolling(
                "The key must be known while compiling, since the values are not data.", node
            )
        return mappings.item(e, owner, key, node)
    if isinstance(owner, Module):
        return _module_item(e, owner, key, node)
    items = owner.items if isinstance(owner, Sequence) else None
    if items is None and known is not None and (isinstance(type, T.TupleType) or type is None):
        items = loops.static_items(e, owner) if not isinstance(known_obj(owner), dict) else None
        if items is None and isinstance(known_obj(owner), dict):
            e.depend(owner)
            try:
                return e.static(known_obj(owner)[e.depend(key)])
            except (KeyError, TypeError):
                raise e.missing(KeyError, f"The dict has no key {known.object!r}.", node) from None
    if items is not None:
        if known is None or not isinstance(known.object, int):
            return _dynamic_item(e, owner, items, key, node)
        e.depend(key)
        try:
            return items[known.object]
        except IndexError:
            raise e.certain(
                IndexError, f"The index {known.object} is out of range: there are {len(items)} values.", node
            ) from None
    if isinstance(type, T.TupleType):
        return _dynamic_item(e, owner, loops.static_items(e, owner) or [], key, node)
    if isinstance(type, T.ClassType):
        return methods.call_class_method(e, owner, "__getitem__", [key], {})
    if type is None:
        listed = loops.static_items(e, owner) if isinstance(known_obj(owner), list | tuple) else None
        if listed and all(isinstance(i, Module) for i in listed) and isinstance(type_of(key), T.IntType):
            return chosen.one_of(e, listed, list(range(len(listed))), key)
        raise e.needs_unrolling(
            f"{owner.subject()} can only be subscripted by what is known while compiling.", node
        )
    if isinstance(type_of(key), T.TensorType) and isinstance(type, T.ListType | T.StringType):
        key = Dynamic(e.call("aten::IntImplicit", [key]))
    if isinstance(type, default_dicts.DefaultDictType):
        return default_dicts.item(e, owner, key)
    result = e.call_operator("aten::__getitem__", [owner, key], {}, "[]")
    folded = arithmetic.fold(e, lambda o, k: o[k], owner, key) if known is not None else None
    if folded is not None and isinstance(result, Dynamic):
        return Dynamic(result.value, folded)
    return result


type_types = (type(list[int]), type)


def known_obj(val: Val) -> Any:
    known = known_of(val)
    return known.object if known is not None else None


def _dynamic_item(e: Emitter, owner: Val, items: list[Val], key: Val, node: ast.AST) -> Val:
    """An element of a tuple by an index that is known only at run time: its elements must be of one type."""
    types = {type_of(i) for i in items}
    if len(types) == 1 and None not in types and not any(isinstance(i, Module) for i in items):
        listed = e.build_list(items, node)
        return e.call_operator("aten::__getitem__", [Dynamic(listed), key], {}, "[]")
    raise e.needs_unrolling(
        "The index must be known while compiling, since the elements have different types.", node
    )


def _module_item(e: Emitter, owner: Module, key: Val, node: ast.AST) -> Val:
    """`self.layers[i]`."""
    from . import calls

    module = owner.module
    known = known_of(key)
    container = isinstance(module, torch.nn.ModuleList | torch.nn.Sequential | torch.nn.ModuleDict)
    if not container and isinstance(module, torch.nn.ParameterList | torch.nn.ParameterDict):
        if known is None:
            if isinstance(module, torch.nn.ParameterList):
                return _dynamic_item(
                    e,
                    owner,
                    [attributes.attribute_of(e, owner, str(i), node) for i in range(len(module))],
                    key,
                    node,
                )
            raise e.needs_unrolling("The index must be known while compiling.", node)
        name = e.depend(key)
        if isinstance(module, torch.nn.ParameterList):
            name = str(range(len(module))[name])
        return attributes.attribute_of(e, owner, name, node)
    if not container:
        found = getattr(type(module), "__getitem__", None)
        if found is None:
            raise e.error(f"The module '{type(module).__qualname__}' cannot be subscripted.", node)
        return calls.call_method(e, Method(owner, "__getitem__", found), [key], {})
    if known is None and not e.looping and isinstance(type_of(key), T.IntType | T.StringType):
        return chosen.module_at(e, owner, key)
    if known is None:
        raise e.needs_unrolling(
            "The index into a container of modules must be known while compiling.",
            node,
            "Loop over the modules: for j, layer in enumerate(layers): if j == i: x = layer(x)",
        )
    index = e.depend(key)
    if isinstance(module, torch.nn.ModuleDict):
        if index not in module:
            raise e.error(f"There is no module {index!r}; the keys are {', '.join(map(repr, module))}.", node)
        return e.program.submodule(e, owner, index)
    names = list(module._modules)
    try:
        name = names[index]
    except (IndexError, TypeError):
        count = "is 1 module" if len(names) == 1 else f"are {len(names)} modules"
        raise e.error(f"The index {index!r} is out of range: there {count}.", node) from None
    return e.program.submodule(e, owner, name)


def bounds_of(e: Emitter, index: ast.Slice) -> list[Val]:
    """`a`, `b` and `c` of `a:b:c`."""
    return [tensor_indexing.bound(e, n) for n in (index.lower, index.upper, index.step)]


def _slice(e: Emitter, owner: Val, bounds: list[Val], where: ast.AST) -> Val:
    """`owner[a:b:c]` of a tuple, list, string or container of modules."""
    from . import loops

    known = [known_of(b) for b in bounds]
    type = type_of(owner)
    fixed = isinstance(owner, Sequence | Module) or isinstance(type, T.TupleType) or type is None
    if fixed:
        items = loops.static_items(e, owner)
        if items is None and isinstance(owner, Iterable) and owner.kind == "range":
            from .builtins import containers

            return _slice_list(e, containers.as_run_time_list(e, owner), bounds)
        if items is None:
            raise e.error(f"{owner.subject()} cannot be sliced.", where)
        if any(k is None for k in known):
            if (
                isinstance(owner, Sequence)
                and len({type_of(i) for i in items}) == 1
                and type_of(items[0]) is not None
            ):
                return _slice_list(e, Dynamic(e.build_list(items, where)), bounds)
            raise e.needs_unrolling("The bounds of this slice must be known while compiling.", where)
        low, high, step = (e.depend(b) for b in bounds)
        if not all(b is None or isinstance(b, int) for b in (low, high, step)) or step == 0:
            raise e.error("The bounds of a slice are ints, and its step is not 0.", where)
        if isinstance(owner, ModuleChain) or (
            isinstance(owner, Module) and isinstance(owner.module, torch.nn.Sequential)
        ):
            return ModuleChain(items[low:high:step], is_list=True)
        return Sequence(
            items[low:high:step],
            is_list=isinstance(owner, Module) or (isinstance(owner, Sequence) and owner.is_list),
        )
    return _slice_list(e, owner, bounds)


def _slice_list(e: Emitter, owner: Val, bounds: list[Val]) -> Val:
    if deques.is_deque(owner):
        raise e.certain(TypeError, "A deque cannot be sliced.", None, "Make a list of it: list(q)[a:b].")
    step = bounds[2]
    if isinstance(step, Static) and step.object is None:
        step = e.static(1)
    known = known_of(step)
    if (
        known is not None
        and isinstance(known.object, int)
        and known.object < 0
        and isinstance(type_of(owner), T.ListType)
    ):
        return _negative_slice(e, owner, bounds[0], bounds[1], known.object)
    return e.call_operator("aten::slice", [owner, bounds[0], bounds[1], step], {}, "[:]")


def _negative_slice(e: Emitter, owner: Val, low: Val, high: Val, step: int) -> Val:
    return e.call_operator("aten::slice", [owner, low, high, e.static(step)], {}, "[:]")


def assign_subscript(e: Emitter, target: ast.Subscript, value: Val) -> None:
    """`owner[index] = value`."""
    from . import expressions

    owner = expressions.emit(e, target.value)
    e.node = target
    type = type_of(owner)
    if isinstance(type, T.TensorType):
        tensor_indexing.assign(e, e.materialize(owner), target.slice, value)
        return
    if isinstance(target.slice, ast.Slice):
        assign_slice(e, owner, bounds_of(e, target.slice), value, target)
        return
    key = expressions.emit(e, target.slice)
    e.node = target
    bounds = tensor_indexing.bounds_of_object(e, key)
    if bounds is not None and isinstance(type, T.ListType):
        assign_slice(e, owner, bounds, value, target)
        return
    if isinstance(type, T.ClassType):
        methods.call_class_method(e, owner, "__setitem__", [key, value], {})
        return
    if isinstance(owner, Sequence) or isinstance(type, T.TupleType) or returned.stands_for_tuple(e, owner):
        raise e.error("A tuple cannot be changed.", target, "Use a list.")
    if isinstance(owner, Mapping) and known_of(key) is not None:
        mappings.changeable(e, owner, target)[e.depend(key)] = value
        return
    outer.refuse_change(e, owner, "__setitem__", target)
    set_item(e, e.materialize(owner), key, value)


def assign_slice(e: Emitter, owner: Val, bounds: list[Val], value: Val | None, target: ast.AST) -> None:
    """`xs[a:b] = ys`: the list is emptied, and filled with what comes before, `ys`, and what comes after.

    Without `value` it is `del xs[a:b]`. Slices with a step are left to the prelude.
    """
    from .builtins import containers

    if not isinstance(type_of(owner), T.ListType) or returned.stands_for_tuple(e, owner):
        raise e.error(f"{owner.subject()} has no slice that can be assigned.", target)
    outer.refuse_change(e, owner, "__setitem__", target)
    e.node = target
    items = Dynamic(e.materialize(owner))
    low, high, step = bounds
    if value is None and _is_one(step):
        value = Sequence([], is_list=True)
    new: Val | None = None
    if value is not None:
        if isinstance(value, Iterable):
            value = containers.collect(e, value)
        new = Dynamic(e.coerce(value, items.value.type, target, "the assigned value"))
    if not _is_one(step):
        function = prelude_lists.assign_steps if new is not None else prelude_lists.delete_steps
        given = [items, low, high, step, *([new] if new is not None else [])]
        function_calls.call_function(e, function, given, {})
        return
    assert new is not None

    def part(low: Val, high: Val) -> Val:
        return Dynamic(e.call("aten::slice", [items, low, high, e.static(1)]))

    def length(part: Val) -> Val:
        return Dynamic(e.call("aten::len", [part]))

    before = None if _is_none(low) else part(e.static(0), low)
    after: Val | None = None
    if not _is_none(high):
        start = length(part(e.static(0), high))
        if before is not None:
            start = Dynamic(e.call("prim::max", [start, length(before)]))
        after = part(start, e.none())
    if not isinstance(value, Sequence):  # it may be the list itself
        new = Dynamic(e.call("aten::slice", [new, e.static(0), e.none(), e.static(1)]))
    e.call_operator("aten::clear", [items], {}, "[:]=")
    for values in (before, new, after):
        if values is not None:
            e.call_operator("aten::extend", [items, values], {}, "[:]=")


def _is_none(bound: Val) -> bool:
    return isinstance(type_of(bound), T.NoneType)


def _is_one(step: Val) -> bool:
    return _is_none(step) or (isinstance(step, Static) and step.object == 1)


def set_item(e: Emitter, container: Value, key: Val, value: Val) -> None:
    """`container[key] = value` for lists and dicts; an empty dict literal learns its types here."""
    type = container.type
    if isinstance(type, T.DictType):
        default_dicts.key_of(e, type, key)
        own = type_of(value)
        if isinstance(type.value, T.PendingType) and type.value.resolved is None and own is not None:
            resolve_pending(type.value, own)
    held = type.contained[-1] if isinstance(type, T.DictType | T.ListType) else None
    if isinstance(held, T.ListType | T.DictType) and isinstance(value, Dynamic):  # d["k"] = []
        fitted = e.try_coerce(value, held)
        value = Dynamic(fitted) if fitted is not None else value
    e.call_operator("aten::_set_item", [Dynamic(container), key, value], {}, "[]=")

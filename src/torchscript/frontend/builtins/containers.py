"""`len`, `list`, `tuple`, `dict`, `sorted`."""

from __future__ import annotations

import collections
import functools
from typing import Any

import torch

from ... import types as T
from .. import conditions, default_dicts, deques, function_calls, methods, prelude, returned, sets
from ..emitter import Emitter
from ..pending import settle
from ..values import (
    Attribute,
    BuiltinMethod,
    Dynamic,
    Iterable,
    Known,
    Mapping,
    Module,
    Sequence,
    Static,
    Val,
    known_of,
    type_of,
)
from .registry import METHOD_HANDLERS, class_method, handles


@handles(len)
def _len(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    from .. import calls, loops

    val = positional[0]
    if isinstance(type_of(val), T.IntType | T.FloatType | T.BoolType | T.ComplexType | T.NoneType):
        raise e.error(f"{val.subject()} has no length.")
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
            from ..values import Method

            return calls.call_method(e, Method(val, "__len__", own), [], {})
        return e.static(len(module))  # type: ignore[arg-type]
    if isinstance(val, Sequence | Mapping):
        return e.static(len(val.items))
    type = type_of(val)
    if isinstance(type, T.ClassType):
        return methods.call_class_method(e, val, "__len__", [], {})
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


@handles(list)
def _list(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    from .. import loops

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
        if not items and isinstance(val, Iterable) and val.kind == "range":
            return Dynamic(e.build_list([], element=T.INT))
        if any(type_of(i) is None or isinstance(i, Module) for i in items):
            return Sequence(list(items), is_list=True)
        types = {str(type_of(i)) for i in items}
        return Dynamic(e.build_list(items)) if len(types) <= 1 else Sequence(list(items), is_list=True)
    return collect(e, val)


def collect(e: Emitter, val: Val) -> Val:
    """The values of a run-time iteration as a list."""
    from .. import loops
    from ..outcomes import Outcome
    from ..run_time_loops import emit_loop

    plan = loops.plan_of(e, val, e.node)
    result = e.emit("prim::ListConstruct", [], [T.ListType(T.PendingType(T.TENSOR))]).output

    def body(i: Any) -> Outcome:
        e.call_operator("aten::append", [Dynamic(result), plan.item(e, i)], {}, "append")
        return Outcome()

    saved, e.pending_rest = e.pending_rest, ()
    emit_loop(e, plan.length, [], None, body)
    e.pending_rest = saved
    return Dynamic(result)


@handles(tuple)
def _tuple(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    from .. import loops

    if not positional:
        return Sequence([])
    val = positional[0]
    if isinstance(type_of(val), T.TupleType) and not isinstance(val, Sequence):
        return val
    items = loops.static_items(e, val)
    if items is not None:
        return Sequence(list(items))
    if isinstance(type_of(val), T.ListType):
        return returned.run_time_tuple(e, Dynamic(e.call("aten::list", [val])))
    return returned.run_time_tuple(e, collect(e, val))


@handles(torch.Size)
def _size(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    made = e.materialize(_list(e, positional, named, T.ListType(T.INT)))
    e.program.sizes[id(made)] = made
    return Dynamic(made)


@handles(dict, collections.OrderedDict)
def _dict(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    if named and not positional:
        from ..expressions import do_not_unify

        if any(type_of(v) is None for v in named.values()) or (
            hint is None and do_not_unify(list(named.values()))
        ):
            return Mapping(dict(named), e.block)
        return Dynamic(e.build_dict([p for k, v in named.items() for p in (e.static(k), v)]))
    if not positional:
        if isinstance(hint, T.DictType):
            return Dynamic(e.emit("prim::DictConstruct", [], [hint]).output)
        return Dynamic(e.build_dict([]))
    val = positional[0]
    from .. import loops

    items = loops.static_items(e, val) if not isinstance(val, Mapping) else None
    if isinstance(val, Mapping):
        return Mapping(dict(val.items), e.block)
    if items is not None:
        pairs = [loops.static_items(e, p) for p in items]
        return Dynamic(e.build_dict([v for pair in pairs if pair is not None for v in pair]))
    if isinstance(val, Iterable):
        type = hint if isinstance(hint, T.DictType) else None
        result = (
            Dynamic(e.build_dict([]))
            if type is None
            else Dynamic(e.emit("prim::DictConstruct", [], [type]).output)
        )
        function_calls.call_function(e, prelude.dict_of_pairs, [result, val], {})
        settle(result.value)
        return result
    return e.call_operator("aten::dict", [val], {}, "dict")


@handles(collections.defaultdict)
def _default_dict(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    if not positional or isinstance(type_of(positional[0]), T.NoneType):
        return _dict(e, positional[1:], named, hint)
    if named:
        raise e.unsupported(
            "Keyword arguments of defaultdict cannot be compiled.", None, "Set the keys afterwards."
        )
    return default_dicts.made(e, positional, hint)


@handles(collections.Counter)
def _counter(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    return default_dicts.counter(e, positional[:1])


@handles(collections.deque)
def _deque(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    return deques.made(e, positional, named, hint)


@class_method(dict, "fromkeys")
@class_method(collections.OrderedDict, "fromkeys")
def _from_keys(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    value = positional[1] if len(positional) > 1 else e.none()
    type = (
        hint if isinstance(hint, T.DictType) else T.DictType(T.PendingType(T.STRING), T.PendingType(T.TENSOR))
    )
    if not isinstance(hint, T.DictType) and type_of(value) is not None:
        type = T.DictType(type.key, e.materialize(value).type)
    result = Dynamic(e.emit("prim::DictConstruct", [], [type]).output)
    function_calls.call_function(e, prelude.set_keys, [result, positional[0], value], {})
    settle(result.value)
    return result


def _move_to_end(e: Emitter, owner: Val, positional: list[Val], named: dict[str, Val]) -> Val:
    """`OrderedDict.move_to_end(key, last=True)`."""
    last = positional[1] if len(positional) > 1 else named.get("last", e.static(True))
    known = known_of(last)
    if known is None:
        raise e.needs_unrolling("Whether it moves to the end or to the front must be known while compiling.")
    function = prelude.move_to_end if e.depend(last) else prelude.move_to_front
    return function_calls.call_function(e, function, [owner, positional[0]], {})


def _pop_item(e: Emitter, owner: Val, positional: list[Val], named: dict[str, Val]) -> Val:
    """`popitem()`, and `OrderedDict.popitem(last=False)`."""
    last = positional[0] if positional else named.get("last", e.static(True))
    if known_of(last) is not None and not e.depend(last):
        return function_calls.call_function(e, prelude.pop_first, [owner], {})
    return e.call_operator("aten::popitem", [owner], {}, "popitem")


METHOD_HANDLERS["dict", "move_to_end"] = _move_to_end
METHOD_HANDLERS["dict", "popitem"] = _pop_item


@handles(set, frozenset)
def _set(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    if not positional:
        return sets.empty(e, hint.key if isinstance(hint, T.SetType) else None)
    return sets.of_value(e, positional[0])


@handles(sorted)
def _sorted(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    val = as_run_time_list(e, positional[0])
    reverse = named.pop("reverse", None)
    key = sort_key(named)
    if key is not None:
        flag = reverse if reverse is not None else e.static(False)
        return function_calls.call_function(e, prelude.sorted_by, [val, key, flag], {})
    _needs_order(e, val)
    result = e.call_operator("aten::sorted", [val], {}, "sorted")
    if reverse is not None:
        condition = conditions.of_value(e, reverse)
        if condition.static is not False:
            e.call_operator("aten::reverse", [result], {}, "reverse")
    return result


def _needs_order(e: Emitter, val: Val) -> None:
    """Objects of script classes are sorted by their `__lt__`, which has to be compiled for that."""
    type = type_of(val)
    if isinstance(type, T.ListType) and isinstance(type.element, T.ClassType):
        if e.program.class_method(type.element, "__lt__") is None:
            raise e.error(
                f"Objects of '{type.element.annotation()}' cannot be sorted: the class has no __lt__."
            )


def sort_key(named: dict[str, Val]) -> Val | None:
    """The `key` of a call, taken out; None where there is none."""
    key = named.pop("key", None)
    if isinstance(key, BuiltinMethod) and key.name == "get" and isinstance(type_of(key.owner), T.DictType):
        return BuiltinMethod(key.owner, "__getitem__")  # what is missing is None, which Python cannot order
    return None if isinstance(key, Static) and key.object is None else key


def as_run_time_list(e: Emitter, val: Val) -> Val:
    """The values that `val` iterates over, as a list that exists at run time."""
    listed = e.materialize(_list(e, [val], {}, None))
    settle(listed)
    return Dynamic(listed)


def _list_sort(e: Emitter, owner: Val, positional: list[Val], named: dict[str, Val]) -> Val:
    key = sort_key(named)
    if key is not None:
        flag = named.get("reverse", e.static(False))
        return function_calls.call_function(e, prelude.sort_by, [owner, key, flag], {})
    _needs_order(e, owner)
    return e.call_operator("aten::sort", [owner, *positional], named, "sort")


METHOD_HANDLERS["list", "sort"] = _list_sort


@handles(collections.namedtuple)
def _named_tuple_class(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    """`Pair = namedtuple("Pair", ["a", "b"])` inside a function: the class, made while compiling."""
    from .. import loops

    given = positional[1] if len(positional) == 2 else named.get("field_names")
    parts = (loops.static_items(e, given, known_lists=True) or [given]) if given is not None else []
    known = [known_of(v) or _constant(v) for v in (positional[0], *parts)]
    if not parts or None in known or named.keys() - {"field_names"}:
        raise e.unsupported("The name and the fields of a namedtuple must be known while compiling.")
    name, *fields = (k.object for k in known if k is not None)
    return e.static(_made_named_tuple(name, tuple(fields) if parts[0] is not given else fields[0]))


def _constant(val: Val) -> Known | None:
    """What stands in a list display that was emitted already."""
    node = val.value.node if isinstance(val, Dynamic) else None
    return Known(node.attributes["value"], ()) if node is not None and node.kind == "prim::Constant" else None


@functools.cache
def _made_named_tuple(name: str, fields: str | tuple[str, ...]) -> Any:
    return collections.namedtuple(name, fields, module="__main__")

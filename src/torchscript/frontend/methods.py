"""Methods of run-time values: tensors, strings, lists, dicts, instances of script classes."""

from __future__ import annotations

import types as python_types
from typing import Any

import torch

from .. import types as T
from ..errors import CompileError
from ..ir.graph import Function
from ..operators.custom_classes import method_schema
from ..operators.dispatcher import schemas_of
from ..operators.resolve import TENSOR_CASTS, tensor_method
from ..schema import match_overloads
from ..schema.reasons import name_of
from . import (
    arrays,
    calls,
    default_dicts,
    deques,
    formatting,
    function_calls,
    mappings,
    outer,
    sets,
    subscripts,
)
from .builtins import containers, registry, tensors
from .emitter import Emitter
from .problems import suggestion
from .values import (
    Attribute,
    Dynamic,
    Iterable,
    Mapping,
    Module,
    Sequence,
    Static,
    Val,
    is_scalar_constant,
    known_of,
    type_of,
)


def class_method(e: Emitter, type: T.ClassType, name: str) -> Function | None:
    """A method of a script class, compiled because of what stands here."""
    try:
        return e.program.class_method(type, name)
    except CompileError as error:
        error.called_from(f"{name_of(type)}.{name}", e.where())
        raise


def call_class_method(e: Emitter, owner: Val, name: str, positional: list[Val], named: dict[str, Val]) -> Val:
    """A method of an instance of a script class."""
    type = type_of(owner)
    assert isinstance(type, T.ClassType)
    function = class_method(e, type, name)
    if function is None:
        raise e.error(
            f"'{name_of(type)}' has no method '{name}'.", None, *suggestion(name, dir(type.python_class))
        )
    calls.require_data(e, f"{name_of(type)}.{name}", [*positional, *named.values()])
    matched = match_overloads(
        [function.schema],
        [owner, *positional],
        named,
        where=e.where(),
        display_name=f"{name_of(type)}.{name}",
    )
    arguments = [e._bound(b) for b in matched.bindings]
    result = function.schema.return_type
    node = e.emit("prim::CallMethod", arguments, [result], {"name": function.name})
    return e.none() if isinstance(result, T.NoneType) else Dynamic(node.output)


def call_builtin_method(
    e: Emitter, owner: Val, name: str, positional: list[Val], named: dict[str, Val]
) -> Val:
    """A method of a tensor, string, list, dict, tuple, future."""
    type = type_of(owner)
    outer.refuse_change(e, owner, name)
    folded = _fold_method(e, owner, name, positional, named)
    if folded is not None:
        return folded
    if isinstance(owner, Mapping):
        return mappings.method(e, owner, name, positional, named)
    if isinstance(type, T.OptionalType):
        raise e.error(
            f"'.{name}' cannot be called on a value that may be None ({type.annotation()}).",
            None,
            "Check it first with 'if … is not None' or 'assert … is not None'.",
        )
    if isinstance(type, T.ClassType):
        return call_class_method(e, owner, name, positional, named)
    declared = type.methods[name] if isinstance(type, T.InterfaceType) else None
    if isinstance(type, T.CustomClassType):
        declared = method_schema(type, name)
        if declared is None:
            raise e.error(f"The C++ class '{type}' has no method '{name}' that is known here.")
    if declared is not None:
        calls.require_data(e, name, [*positional, *named.values()])
        matched = match_overloads([declared], [owner, *positional], named, where=e.where(), display_name=name)
        arguments = [e._bound(b) for b in matched.bindings]
        node = e.emit("prim::CallMethod", arguments, [declared.return_type], {"name": name})
        return e.none() if isinstance(declared.return_type, T.NoneType) else Dynamic(node.output)
    if isinstance(type, T.TensorType):
        return _tensor_call(e, owner, name, positional, named)
    if isinstance(type, T.SetType) and name in sets.METHODS:
        try:
            return sets.METHODS[name](e, [owner, *positional])
        except (IndexError, KeyError, TypeError) as error:
            raise calls.wrong_arguments(e, name, positional, named) from error
    if isinstance(type, T.StringType) and name == "format":
        template = known_of(owner)
        if template is not None:
            return formatting.format_values(e, e.depend(owner), positional, named)
    named_tuple = _named_tuple_method(e, owner, name, positional, named)
    if named_tuple is not None:
        return named_tuple
    if isinstance(owner, Sequence):
        if name in _CHANGING and any(isinstance(i, Module) or type_of(i) is None for i in owner.items):
            raise e.unsupported(
                f"'{name}' changes a list of what is no data, such as modules; compiled code has no such lists.",
                None,
                "Iterate over the list, or over a slice of it: 'for m in modules:'.",
            )
        owner = Dynamic(e.build_list(owner.items)) if not owner.is_list or calls.uniform(owner) else owner
    if (
        isinstance(type, T.ListType)
        and name == "extend"
        and positional
        and isinstance(positional[0], Dynamic)
    ):
        listed = positional[0].value
        positional = [Dynamic(e.convert(listed, type) or listed), *positional[1:]]
    if (
        isinstance(type, T.StringType)
        and name == "join"
        and positional
        and isinstance(positional[0], Iterable)
    ):
        positional = [containers.as_run_time_list(e, positional[0])]
    if isinstance(type, T.DictType) and name in ("get", "pop", "setdefault") and positional:
        default_dicts.key_of(e, type, positional[0])
        if len(positional) == 2:  # d.setdefault(k, []) is given a list of what d holds
            fitted = e.try_coerce(positional[1], type.value) if type_of(positional[1]) is not None else None
            positional = [positional[0], Dynamic(fitted) if fitted is not None else positional[1]]
    if isinstance(type, T.DictType) and name == "update" and named:
        if positional:
            call_builtin_method(e, owner, name, positional, {})
        for key, val in named.items():
            subscripts.set_item(e, e.materialize(owner), e.static(key), val)
        return e.none()
    for methods_of in (deques.method, default_dicts.method):
        try:
            found = methods_of(e, owner, name, positional)
        except (IndexError, TypeError, ValueError) as error:  # what it takes, it did not get
            raise calls.wrong_arguments(e, name, positional, named) from error
        if found is not None:
            return found
    special = registry.METHOD_HANDLERS.get((_kind(type), name))
    if special is not None:
        try:
            return special(e, owner, positional, named)
        except (IndexError, KeyError, TypeError) as error:
            from .calls import wrong_arguments

            raise wrong_arguments(e, name, positional, named) from error
    if name == "numel" and not positional and arrays.is_sizes(owner):  # of a torch.Size
        return arrays.product(e, owner)
    python = {"list": list, "dict": dict, "str": str, "tuple": tuple}.get(_kind(type))
    if python is not None and not hasattr(python, name):
        known = (k for k in dir(python) if not k.startswith("_"))
        raise e.error(f"A {python.__name__} has no method '{name}'.", None, *suggestion(name, known))
    if name in _ADVICE and isinstance(type, T.StringType):
        raise e.unsupported(f"'str.{name}' cannot be compiled.", None, _ADVICE[name])
    result = e.call_operator(f"aten::{name}", [owner, *positional], named, name)
    return e.none() if name == "append" and isinstance(type, T.ListType) else result


_CHANGING = frozenset({"append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"})

_ADVICE = {
    "casefold": "Use lower().",
    "encode": "Keep the text a str: ord(c) is the number of a character.",
    "translate": "Use replace() for each character.",
    "maketrans": "Use replace() for each character.",
    "format_map": "Use an f-string.",
}


def _named_tuple_method(
    e: Emitter, owner: Val, name: str, positional: list[Val], named: dict[str, Val]
) -> Val | None:
    """`t._replace(x=1)` and `t._asdict()`."""
    from . import loops

    type = type_of(owner)
    if not isinstance(type, T.NamedTupleType) or positional or name not in ("_replace", "_asdict"):
        return None
    items = loops.static_items(e, owner)
    assert items is not None
    fields = dict(zip(type.field_names, items, strict=True))
    if name == "_asdict":
        return Mapping(dict(fields))
    unknown = set(named) - set(fields)
    if unknown:
        raise e.error(f"'{type.annotation()}' has no field '{unknown.pop()}'; it has {', '.join(fields)}.")
    parts: list[Val] = []
    for field, element in zip(fields, type.elements, strict=True):
        val = named.get(field, fields[field])
        parts.append(Dynamic(e.coerce(val, element, None, f"the field '{field}'")) if field in named else val)
    return Sequence(parts, named=type)


def _kind(type: T.Type | None) -> str:
    kinds: list[tuple[Any, str]] = [
        (T.ListType, "list"),
        (T.DictType, "dict"),
        (T.StringType, "str"),
        (T.TupleType, "tuple"),
        (T.FutureType, "future"),
        (T.FloatType, "float"),
        (T.ComplexType, "complex"),
    ]
    return next((k for c, k in kinds if isinstance(type, c)), "")


def _fold_method(
    e: Emitter, owner: Val, name: str, positional: list[Val], named: dict[str, Val]
) -> Val | None:
    """A method of a known string, number, tuple or plain object, evaluated now."""
    known = known_of(owner)
    if known is None or isinstance(known.object, torch.Tensor):
        return None
    obj = known.object
    is_container = isinstance(obj, dict | list | set | frozenset) and (
        isinstance(owner, Static | Attribute) and owner.type is None
    )
    if not (is_scalar_constant(obj) or is_container):
        return None
    if is_container and name in ("items", "values", "keys") and isinstance(obj, dict):
        e.depend(owner)
        pairs = {"items": list(obj.items()), "keys": list(obj), "values": list(obj.values())}[name]
        return Sequence([e.static(p, known.dependencies) for p in pairs], is_list=True)
    arguments = [known_of(v) for v in [*positional, *named.values()]]
    if any(a is None for a in arguments):
        return None
    method = getattr(obj, name, None)
    if method is None or (is_container and name not in ("get", "index", "count", "copy")):
        return None
    values = [e.depend(v) for v in positional]
    keywords = {k: e.depend(v) for k, v in named.items()}
    try:
        result = method(*values, **keywords)
    except Exception:
        return None
    if isinstance(result, list) and (not is_container or name == "copy"):
        return None  # the program may change it
    return e.static(result, known.dependencies)


def _tensor_call(e: Emitter, owner: Val, name: str, positional: list[Val], named: dict[str, Val]) -> Val:
    """A method of a tensor."""
    handler = tensors.TENSOR_HANDLERS.get(name)
    if handler is not None:
        found = handler(e, owner, positional, named)
        if found is not None:
            return found
    if name in TENSOR_CASTS and all(k in ("memory_format",) for k in named):
        return e.call_operator("aten::to", [owner, e.static(TENSOR_CASTS[name])], named, name)
    operator = tensor_method(name)
    if operator is None:
        method = getattr(torch.Tensor, name, None)
        if isinstance(method, python_types.FunctionType):
            return function_calls.call_function(e, method, [owner, *positional], named)
        notes = suggestion(name, dir(torch.Tensor))
        raise e.error(f"A Tensor has no method or attribute '{name}'.", None, *notes)
    flag = calls.gradient_flag(schemas_of(operator), named)
    positional = calls.tensor_lists(e, positional)
    calls.require_data(e, name, [*positional, *named.values()])
    result = e.call_operator(operator, [owner, *positional], named, name)
    return result if flag is None else tensors.with_requires_grad(e, result, flag)

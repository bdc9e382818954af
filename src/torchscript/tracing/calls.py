"""One call of PyTorch's API → one node.

    torch.sum(x, axis=1)   →   %1 : int = prim::Constant[value=1]()
                               %2 : int[] = prim::ListConstruct(%1)
                               %3 : bool = prim::Constant[value=0]()
                               %4 : NoneType = prim::Constant()
                               %5 : Tensor = aten::sum(%x, %2, %3, %4)

The overload is the one that takes the arguments' static types. The call itself runs with plain numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from .. import types as T
from ..codes import SCALAR_TYPES
from ..errors import SchemaMatchError
from ..ir import Node, Value
from ..operators.dispatcher import dispatcher_schemas_of, schemas_of
from ..schema import Argument, Conversion, Schema, match_overloads
from ..types.of_values import TYPE_OF_CLASS, type_of_plain
from . import pieces, structures
from .recorder import Recorder, info_type
from .sizes import TracedFloat, TracedInt, TracedNumber, follows, plain

_PYTHON_DTYPES: dict[Any, torch.dtype] = {
    float: torch.float64,
    int: torch.int64,
    bool: torch.bool,
    complex: torch.complex128,
}

_TYPES: dict[type, T.Type] = {**TYPE_OF_CLASS, TracedInt: T.INT, TracedFloat: T.FLOAT}


class NoOperator(Exception):
    """A call that no overload takes; the reason is the message."""


@dataclass(frozen=True, slots=True)
class _Actual:
    type: T.Type
    obj: Any


@dataclass(frozen=True, slots=True)
class _Plan:
    """Which overload a call means, and where each of its arguments comes from.

    A source is a position, a keyword, a pair (first position, end) of positions that make a list, or None for
    the default.
    """

    schema: Schema
    sources: tuple[int | str | tuple[int, int] | None, ...]
    types: tuple[T.Type, ...]


_plans: dict[Any, _Plan] = {}


def type_of_argument(obj: Any) -> T.Type:
    """The static type of a Python argument; lists are tuples here, whose elements match one by one."""
    known = _TYPES.get(type(obj))
    if known is not None:
        return known
    if isinstance(obj, list | tuple):
        return T.TupleType(tuple([type_of_argument(element) for element in obj]))
    plain = type_of_plain(obj)
    if plain is not None:
        return plain
    raise NoOperator(f"an argument of type {type(obj).__name__}")


def normal(obj: Any) -> Any:
    """An argument in the form that schemas know: `float` is a dtype, a NumPy number is a number."""
    cls = type(obj)
    if cls is type:
        return _PYTHON_DTYPES.get(obj, obj)
    if cls.__module__ == "numpy" and hasattr(obj, "item") and getattr(obj, "ndim", 1) == 0:
        return obj.item()
    if (cls is list or cls is tuple) and any(type(e).__module__ == "numpy" for e in obj):
        return [normal(e) for e in obj]
    if cls is range:
        return list(obj)
    return obj


def plan_call(name: str, args: Sequence[Any], kwargs: dict[str, Any], schemas: tuple[Schema, ...]) -> _Plan:
    """The overload that a call means. Raises NoOperator."""
    positional = [_Actual(type_of_argument(a), a) for a in args]
    named = {k: _Actual(type_of_argument(v), v) for k, v in kwargs.items()}
    key = (
        name,
        len(schemas),
        tuple([a.type for a in positional]),
        tuple([(k, a.type) for k, a in named.items()]),
        schemas[0].overload if len(schemas) == 1 else None,
    )
    plan = _plans.get(key)
    if plan is not None:
        return plan
    try:
        matched = match_overloads(schemas, positional, named)
    except SchemaMatchError as error:
        raise NoOperator(str(error)) from None
    places: dict[int, int | str] = {id(a): i for i, a in enumerate(positional)}
    places.update({id(a): k for k, a in named.items()})
    sources: list[int | str | tuple[int, int] | None] = []
    for binding in matched.bindings:
        if binding.actual is None:
            sources.append(None)
        elif binding.conversion is Conversion.VARARGS_TO_LIST:
            first = places[id(binding.actual[0])] if binding.actual else len(positional)
            assert isinstance(first, int)
            sources.append((first, first + len(binding.actual)))
        else:
            sources.append(places[id(binding.actual)])
    if matched.varargs:
        raise NoOperator("a variable number of arguments")
    plan = _Plan(matched.schema, tuple(sources), tuple(b.type for b in matched.bindings))
    if len(_plans) > 20_000:
        _plans.clear()
    _plans[key] = plan
    return plan


def inputs_of(recorder: Recorder, plan: _Plan, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Value]:
    """The values of every argument of the overload, in order, defaults included."""
    values: list[Value] = []
    for argument, source, type in zip(plan.schema.arguments, plan.sources, plan.types, strict=True):
        if source is None:
            obj = argument.default
        elif isinstance(source, int):
            obj = args[source]
        elif isinstance(source, str):
            obj = kwargs[source]
        else:
            obj = args[source[0] : source[1]]
        values.append(value_for(recorder, obj, type, argument))
    return values


def value_for(recorder: Recorder, obj: Any, formal: T.Type, argument: Argument | None = None) -> Value:
    """The value of a Python argument where `formal` is asked for, converted where the two differ."""
    if obj is None:
        return recorder.constant(None, T.NONE)
    if isinstance(formal, T.OptionalType):
        formal = formal.element
    if isinstance(obj, torch.Tensor):
        return _tensor_for(recorder, obj, formal)
    if isinstance(formal, T.ListType):
        whole = pieces.list_of(recorder, obj)
        if whole is not None and whole.type == formal:
            return whole
        if isinstance(obj, list | tuple):
            values = [value_for(recorder, element, formal.element) for element in obj]
        else:
            size = argument.fixed_size if argument is not None and argument.fixed_size else 1
            values = [value_for(recorder, obj, formal.element)] * size
        return recorder.emit("prim::ListConstruct", values, [formal]).output
    if isinstance(formal, T.TensorType):
        return recorder.call_language("prim::NumToTensor", [recorder.number(obj)], T.TENSOR)
    if isinstance(obj, TracedNumber) and follows(obj, recorder):
        value = recorder.number(obj)
        if isinstance(formal, T.FloatType) and isinstance(value.type, T.IntType):
            return recorder.call_language("aten::Float", [value], T.FLOAT)
        return value
    if isinstance(obj, TracedNumber):
        recorder.number_left_over(obj)
        obj = plain(obj)
    match formal:
        case T.FloatType():
            return recorder.constant(float(obj), T.FLOAT)
        case T.ComplexType():
            return recorder.constant(complex(obj), T.COMPLEX)
        case T.IntType():
            if isinstance(obj, int):
                return recorder.constant(int(obj), T.INT)
            return recorder.constant(obj, type_of_argument(obj))
        case T.BoolType():
            return recorder.constant(bool(obj), T.BOOL)
        case T.DeviceType():
            return recorder.constant(torch.device(obj), T.DEVICE)
        case _:
            return recorder.constant(obj, type_of_argument(obj))


_IMPLICIT: dict[type[T.Type], tuple[str, T.Type]] = {
    T.IntType: ("aten::IntImplicit", T.INT),
    T.FloatType: ("aten::FloatImplicit", T.FLOAT),
    T.ComplexType: ("aten::ComplexImplicit", T.COMPLEX),
    T.NumberType: ("aten::ScalarImplicit", T.NUMBER),
    T.BoolType: ("aten::Bool", T.BOOL),
}


def _tensor_for(recorder: Recorder, tensor: torch.Tensor, formal: T.Type) -> Value:
    value = recorder.value_of(tensor)
    conversion = _IMPLICIT.get(type(formal))
    if conversion is not None:
        if type(formal) is T.IntType and tensor.ndim:  # of one element, which only the explicit one takes
            return recorder.call_language("aten::Int", [value], T.INT)
        return recorder.call_language(conversion[0], [value], conversion[1])
    if isinstance(formal, T.ListType):  # a tensor of one element where sizes are asked for
        number = _tensor_for(recorder, tensor, formal.element)
        return recorder.emit("prim::ListConstruct", [number], [formal]).output
    return value


def operator_schemas(name: str) -> tuple[Schema, ...]:
    """The overloads that a call from Python can mean: the dispatcher's, where it knows the operator."""
    return dispatcher_schemas_of_cached(name) or schemas_of(name)


_dispatcher: dict[str, tuple[Schema, ...]] = {}


def dispatcher_schemas_of_cached(name: str) -> tuple[Schema, ...]:
    known = _dispatcher.get(name)
    if known is None:
        known = dispatcher_schemas_of(name)
        if known:
            _dispatcher[name] = known
    return known


def _prepare(
    args: Sequence[Any], kwargs: dict[str, Any], schemas: tuple[Schema, ...]
) -> tuple[list[Any], dict[str, Any], tuple[Schema, ...]]:
    """Arguments under the names and in the forms of the schemas."""
    args = [normal(a) for a in args]
    if not kwargs:
        return args, kwargs, schemas
    kwargs = {k: normal(v) for k, v in kwargs.items()}
    if isinstance(kwargs.get("out"), tuple | list):
        out = kwargs.pop("out")
        for schema in schemas:
            names = [a.name for a in schema.arguments if a.kwarg_only and a.is_write]
            if len(names) == len(out):
                kwargs.update(zip(names, out, strict=True))
                schemas = (schema,)
                break
    for key in [k for k, v in kwargs.items() if v is None or k in ("requires_grad", "pin_memory")]:
        if not any(a.name == key for schema in schemas for a in schema.arguments):
            del kwargs[key]
    return args, kwargs, schemas


_OLD_ORDERS: dict[str, tuple[str, ...]] = {
    "add": ("alpha",),
    "sub": ("alpha",),
    "addcmul": ("value",),
    "addcdiv": ("value",),
    **dict.fromkeys(("addmm", "addmv", "addr", "addbmm", "baddbmm"), ("beta", "alpha")),
}
"""Functions that still take their numbers before their last tensor, as `torch.add(x, 2, y)`; what these numbers are."""


def _in_order(name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Sequence[Any], dict[str, Any]]:
    """`torch.add(x, 2, y)` → `torch.add(x, y, alpha=2)`"""
    numbers = _OLD_ORDERS.get(name.removeprefix("aten::").removesuffix("_"))
    if numbers is None or len(args) < 3 or not isinstance(args[-1], torch.Tensor):
        return args, kwargs
    given = [argument for argument in args if not isinstance(argument, torch.Tensor)]
    tensors = [argument for argument in args if isinstance(argument, torch.Tensor)]
    if not given or len(tensors) < 2:
        return args, kwargs
    return tensors, {**kwargs, **dict(zip(numbers, given, strict=False))}


def record_call(
    recorder: Recorder,
    name: str,
    schemas: tuple[Schema, ...],
    args: Sequence[Any],
    kwargs: dict[str, Any],
    run: Callable[[], Any],
) -> Any:
    """Run a call (`run`) and write its node. Raises NoOperator, before running, where no overload fits."""
    args, kwargs = _in_order(name, args, kwargs)
    given, named, schemas = _prepare(args, kwargs, schemas)
    plan = plan_call(name, given, named, schemas)
    recorder.locate()
    # Before the call, because it may change its arguments, and constants are copied as they are now.
    inputs = inputs_of(recorder, plan, given, named)
    if plan.schema.is_mutable and not torch.is_grad_enabled():
        inputs = [
            below_gradients(recorder, value, _source(source, given, named)) if argument.is_write else value
            for value, source, argument in zip(inputs, plan.sources, plan.schema.arguments, strict=True)
        ]
    result = run()
    result = write_call(recorder, plan.schema, inputs, [*given, *named.values()], result)
    if kwargs.get("requires_grad") and isinstance(result, torch.Tensor) and "requires_grad" not in named:
        value = recorder.value_of(result)  # no operator is told of it
        recorder.bind(result, recorder.call_operator("aten::requires_grad_", [value, True])[0])
    return result


def _source(source: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """The argument that a plan takes from one place."""
    return (
        args[source] if isinstance(source, int) else kwargs.get(source) if isinstance(source, str) else None
    )


def below_gradients(recorder: Recorder, value: Value, tensor: Any) -> Value:
    """What to write to where no gradient learns of it: the same memory, detached.

    That is so under `no_grad`; and in the forward of an autograd function, whose operators are recorded with their
    gradients, for parameters, which could not be written to otherwise.
    """
    if not isinstance(tensor, torch.Tensor) or torch.is_grad_enabled() or not _has_derivatives(tensor.dtype):
        return value
    if tensor.is_leaf and recorder.is_attribute(tensor):
        unneeded = not tensor.requires_grad  # a buffer
    elif recorder.grad_off:
        unneeded = not _may_have_gradients(recorder, value)
    else:
        unneeded = not (recorder.grad_was_on and tensor.is_leaf and tensor.requires_grad)
    if unneeded:
        return value
    return recorder.call_operator("aten::detach", [value])[0]


def write_call(
    recorder: Recorder, schema: Schema, inputs: list[Value], arguments: Sequence[Any], result: Any
) -> Any:
    """Write the node of a call that has run; its results stand for the node's outputs."""
    returns = schema.returns
    if len(returns) == 1:
        results: tuple[Any, ...] = (result,)
    elif isinstance(result, tuple | list) and len(result) == len(returns):
        results = tuple(result)
    elif not returns:
        results = ()
    else:
        raise NoOperator(f"{schema.key} returned {type(result).__name__}")
    writes = schema.is_mutable
    if returns and not writes and not structures.tensors_in(results):
        return result
    types = [
        info_type(value) if isinstance(value, torch.Tensor) else returned.type
        for value, returned in zip(results, returns, strict=True)
    ]
    if recorder.force_outplace and writes and arguments and result is arguments[0]:
        functional = _out_of_place(recorder, schema, result)
        if functional is not None:
            output = recorder.emit(functional.name, inputs, types, schema=functional).output
            recorder.bind(result, output)
            return result
    kind = schema.name
    node = recorder.emit(kind, inputs, types, schema=schema)
    for value, output in zip(results, node.outputs, strict=True):
        _bind_result(recorder, value, output, arguments)
    if recorder.grad_off:
        _detach(recorder, node, results, arguments)
    if len(node.outputs) == 1:
        recorder.name_result(node.outputs[0])
        return pieces.with_list(recorder, result, node.outputs[0])
    return result


def _out_of_place(recorder: Recorder, schema: Schema, tensor: torch.Tensor) -> Schema | None:
    """The functional form of `x.add_(…)`, where nothing but `x` itself can see that it is written to.

    Inputs, attributes, and what has views or is one, are seen elsewhere too.
    """
    value = recorder.known(tensor)
    if value is None or value.node is None or recorder.is_attribute(tensor):
        return None
    if recorder.scopes.owner(value) is not recorder.scopes.current or recorder.has_views(tensor):
        return None
    name = schema.name
    if not name.endswith("_") or name.endswith("__"):
        return None
    names = [a.name for a in schema.arguments]
    for candidate in operator_schemas(name[:-1]):
        if candidate.overload == schema.overload and [a.name for a in candidate.arguments] == names:
            return None if candidate.is_mutable else candidate
    return None


def _bind_result(recorder: Recorder, obj: Any, output: Value, arguments: Sequence[Any]) -> None:
    if not isinstance(obj, torch.Tensor):
        if obj is not None:
            structures.bind(recorder, obj, output)
        return
    if any(obj is argument for argument in arguments):
        # A call that changed its argument, or returned it as it is: the tensor keeps what it stands for,
        # unless that is a value of this very graph (as PyTorch prints it: %x.2 = aten::add_(%x.1, …), and
        # %x.2 from here on).
        known = recorder.known(obj)
        if known is None or recorder.scopes.owner(known) is not recorder.scopes.current:
            return
        if recorder.grad_off:
            return
    recorder.bind(obj, output)


def _detach(recorder: Recorder, node: Node, results: Sequence[Any], arguments: Sequence[Any]) -> None:
    """Under `no_grad`: let what came out stand for a value without gradients, whatever later inputs require."""
    if not any(_may_have_gradients(recorder, value) for value in node.inputs):
        recorder.without_gradients.update(node.outputs)
        return
    for tensor in structures.tensors_in(results):
        if not any(tensor is argument for argument in arguments) and _has_derivatives(tensor.dtype):
            value = recorder.value_of(tensor)
            recorder.bind(tensor, recorder.call_operator("aten::detach", [value], [info_type(tensor)])[0])


def _may_have_gradients(recorder: Recorder, value: Value) -> bool:
    if isinstance(value.type, T.TensorType):
        dtype = SCALAR_TYPES.get((value.type.info or "").partition("(")[0])
        if dtype is not None and not _has_derivatives(dtype):
            return False
        made_by = value.node.kind if value.node is not None else ""
        return made_by not in ("aten::detach", "prim::Constant") and value not in recorder.without_gradients
    if (
        isinstance(value.type, T.ListType)
        and value.node is not None
        and value.node.kind == "prim::ListConstruct"
    ):
        return any(_may_have_gradients(recorder, part) for part in value.node.inputs)
    return isinstance(value.type, T.ListType | T.TupleType) and "Tensor" in str(value.type)


def _has_derivatives(dtype: torch.dtype) -> bool:
    return dtype.is_floating_point or dtype.is_complex

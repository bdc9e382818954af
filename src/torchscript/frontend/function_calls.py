"""Calls of Python functions: compiled once per types of the arguments, or in place."""

from __future__ import annotations

import ast
import builtins
import functools
from typing import TYPE_CHECKING, Any

import torch

from .. import types as T
from ..errors import CompileError
from ..ir.graph import Function, Value
from . import (
    binding,
    coercion,
    compilation,
    declarations,
    deques,
    generators,
    marks,
    presence,
    python_calls,
    returned,
)
from .annotations import broadcast_size
from .emitter import Emitter
from .pending import is_open, settled
from .problems import NotAValueError, OutsideLanguageError
from .sources import FunctionSource, NoSourceError, function_source
from .values import (
    Attribute,
    BuiltinMethod,
    Closure,
    Dynamic,
    Instance,
    Iterable,
    Iterator,
    Mapping,
    Method,
    Module,
    Partial,
    Sequence,
    Special,
    Static,
    Val,
    known_of,
    type_of,
)

if TYPE_CHECKING:
    from .program import Program


def call_function(
    e: Emitter,
    function: Any,
    positional: list[Val],
    named: dict[str, Val],
    *,
    owner: Module | None = None,
    name: str | None = None,
) -> Val:
    """Call a Python function, or a method of a module (`owner`), compiled for these arguments."""
    if isinstance(function, functools._lru_cache_wrapper):  # compiled code computes what a cache remembers
        function = function.__wrapped__
    mark = marks.modifier_of_method(type(owner.module), function) if owner else marks.modifier_of(function)
    display = name or str(getattr(function, "__name__", "function"))
    if mark == "unused":
        return python_calls.unused_call(e, function, display)
    if mark == "ignore" or mark == "drop":
        return python_calls.python_call(
            e, function, positional, named, owner, display, f"it is marked @{mark}"
        )
    if function in e.program.outside:
        return python_calls.python_call(
            e, function, positional, named, owner, display, e.program.outside[function].message
        )
    from . import contexts

    function = marks.unwrap(function)
    decorated = contexts.decorated_by_manager(function)
    if decorated is not None:
        entered = contexts.enter(e, decorated.manager)
        result = call_function(e, decorated.function, positional, named, owner=owner, name=name)
        contexts.leave(e, entered)
        return result
    try:
        source = function_source(function)
    except NoSourceError as error:
        if not e.program.allow_python_calls:
            error.called_from(display, e.where())
            raise
        e.program.outside[function] = error
        return python_calls.python_call(e, function, positional, named, owner, display, error.message)
    except OutsideLanguageError as error:
        e.program.outside[function] = error
        return python_calls.python_call(e, function, positional, named, owner, display, error.message)
    defaults = (function.__defaults__ or (), function.__kwdefaults__ or {})
    arguments = [owner, *positional] if owner is not None else positional
    label = f"{type(owner.module).__name__}.{display}" if owner is not None else display
    bound = binding.bind(e, source, defaults, arguments, named, label)
    try:
        return _call_bound(e, function, source, bound, owner, display)
    except OutsideLanguageError as error:
        if not e.program.allow_python_calls or e.no_python_calls:
            raise
        e.program.outside[function] = error
        return python_calls.python_call(e, function, positional, named, owner, display, error.message, error)
    except CompileError as error:
        error.called_from(label, e.where())
        error.function = error.function or function
        raise


def _call_bound(
    e: Emitter,
    function: Any,
    source: FunctionSource,
    bound: dict[str, binding.Bound],
    owner: Module | None,
    display: str,
) -> Val:
    if generators.is_generator(source.tree):
        return generators.collect(e, source, {k: b.val for k, b in bound.items()}, owner, function)
    declared = {**declarations.declared_types(e.program, source), **_overload(e.program, function, bound)}
    if must_inline(e, source, bound, declared):
        return compilation.inline(e, source, {k: b.val for k, b in bound.items()}, owner, function)
    static_first = function in e.program.prefers_static
    attempts = [(True, False)] if static_first else [(False, False), (True, False)]
    if any(coercion.is_tensor_for_number(type_of(b.val), declared.get(name)) for name, b in bound.items()):
        attempts.append((False, True))
    first_error: CompileError | None = None
    previous: dict[str, Any] | None = None
    for all_static, numbers in attempts:
        modes = modes_of(e, bound, declared, owner, all_static, function, numbers)
        if first_error is not None and modes == previous:
            continue
        previous = modes
        try:
            compiled, dynamic = variant(e, function, source, bound, modes, owner, display)
        except OutsideLanguageError:
            raise
        except NotAValueError:
            return compilation.inline(e, source, {k: b.val for k, b in bound.items()}, owner, function)
        except CompileError as error:
            if first_error is None:
                first_error = error
            continue
        if all_static:
            e.program.prefers_static.add(function)
        return emit_compiled_call(e, compiled, dynamic, owner)
    assert first_error is not None
    raise first_error


def _overload(program: Program, function: Any, bound: dict[str, binding.Bound]) -> dict[str, T.Type]:
    """The parameters' types by the first signature that a library declared and that takes these arguments."""
    for signature in marks.overloads_of(function):
        try:
            declared = declarations.declared_types(program, function_source(signature))
        except CompileError:
            continue
        wanted = {name: type for name, type in declared.items() if name in bound}
        given = {name: type_of(bound[name].val) for name in wanted}
        if all(type is None or fits(type, wanted[name]) for name, type in given.items()):
            return wanted
    return {}


def must_inline(
    e: Emitter, source: FunctionSource, bound: dict[str, binding.Bound], declared: dict[str, T.Type]
) -> bool:
    if any(isinstance(v, torch.nn.Module) for v in source.names.values()):
        return True  # what it closes over is found through the caller's e.program
    args = source.tree.args
    for name, (val, is_default) in bound.items():
        if (args.vararg is not None and name == args.vararg.arg) or (
            args.kwarg is not None and name == args.kwarg.arg
        ):
            if not is_default:
                return True
            continue
        if isinstance(
            val,
            Closure | Method | BuiltinMethod | Partial | Special | Iterable | Iterator | Instance | Mapping,
        ):
            return True
        if isinstance(type_of(val), deques.DequeType):
            return True  # it knows its length by a value of the caller
        if isinstance(val, Sequence) and (type_of(val) is None or (val.is_mixed and name not in declared)):
            return True
        if isinstance(val, Module) and val.value is None and val.parent is None:
            return True
        untyped = isinstance(declared.get(name, T.ANY), T.AnyType)
        if isinstance(val, Dynamic) and untyped and is_open(val.value.type):
            return True  # what the function does with it says what it holds
        if isinstance(val, Static | Attribute) and val.type is None and not isinstance(val, Static):
            return True
    return False


def modes_of(
    e: Emitter,
    bound: dict[str, binding.Bound],
    declared: dict[str, T.Type],
    owner: Module | None,
    all_static: bool,
    function: Any,
    numbers: bool = False,
) -> dict[str, Any]:
    """For each parameter: a static type (passed at run time), or the known object (compiled in).

    `numbers`: Tensors become numbers where numbers are annotated, as PyTorch's compiler has it.
    """
    modes: dict[str, Any] = {}
    for name, (val, is_default) in bound.items():
        annotated = declared.get(name)
        if isinstance(val, Module):
            # what a method relies on is noted with its class: its variants do not depend on where `self` is
            place = (None, ()) if val is owner else (val.root if val.value is None else None, val.path)
            modes[name] = ("module", val.spec, *place)
            continue
        type = type_of(val)
        known = known_of(val)
        if isinstance(val, Mapping):
            modes[name] = ("static", Mapping({}))
            continue
        if isinstance(val, Sequence) and is_default and not val.items:
            modes[name] = ("static", ())
            continue
        if type is None:
            modes[name] = ("static", Identity(known.object if known is not None else val))
            continue
        if known is not None and not isinstance(known.object, torch.Tensor):
            constant_only = isinstance(
                type, T.StringType | T.BoolType | T.NoneType | T.DtypeType | T.LayoutType
            )
            if all_static or (annotated is None and (constant_only or is_default)):
                try:
                    hash(known.object)
                    modes[name] = ("static", known.object, builtins.type(known.object))
                    continue
                except TypeError:
                    pass
        if isinstance(type, T.NoneType) and annotated is not None and not T.NONE.is_subtype_of(annotated):
            modes[name] = ("static", None, builtins.type(None))  # what needs it can only raise
            continue
        if annotated is not None and not isinstance(annotated, T.AnyType):
            if coercion.is_tensor_for_number(type, annotated) and not numbers:
                modes[name] = ("typed", settled(type))  # eager mode does not read annotations
                continue
            if not T.NONE.is_subtype_of(annotated) and presence.may_be_none(e, val):
                annotated = T.optional(annotated)  # eager mode does not read annotations
            if _is_union_of_pytorch(function, annotated) or (
                not fits(type, annotated)
                and (marks.is_overloaded(function) or _says_too_little(function, type, annotated))
            ):
                annotated = settled(type)
            modes[name] = ("typed", annotated)
        elif returned.stands_for_tuple(e, val):
            modes[name] = ("typed", T.RunTimeTupleType(settled(type).contained[0]))
        else:
            modes[name] = ("typed", settled(type))
    return modes


def variant(
    e: Emitter,
    function: Any,
    source: FunctionSource,
    bound: dict[str, binding.Bound],
    modes: dict[str, Any],
    owner: Module | None,
    display: str,
    apart: Any = None,
) -> tuple[Function, list[Value]]:
    """The function compiled for these modes, and the values to pass. `apart` tells it from others of the same modes."""
    arguments: list[Value] = []
    for name, mode in modes.items():
        val = bound[name].val
        if mode[0] == "module":
            if owner is None or val is not owner:
                arguments.append(e.module_value(val))  # type: ignore[arg-type]
        elif mode[0] == "typed":
            val = _broadcast(e, source, name, val, mode[1])
            plain = T.ListType(mode[1].element) if isinstance(mode[1], T.RunTimeTupleType) else mode[1]
            if coercion.is_tensor_for_number(type_of(val), plain):
                arguments.append(coercion.implicit_number(e, val, plain))
                continue
            arguments.append(e.coerce(val, plain, None, f"the argument '{name}' of '{display}'"))
        elif isinstance(val, Static | Attribute | Dynamic | Sequence) and known_of(val) is not None:
            e.depend(val)
    key: tuple[Any, ...] = (function, owner.spec if owner is not None else None, tuple(modes.items()))
    if apart is not None:
        key = (*key, apart)
    found = e.program.functions.get(key)
    if found is None:
        if key in e.program.in_progress:
            raise e.unsupported(
                f"'{display}' calls itself; a recursive function cannot be compiled.",
                None,
                "Write it as a loop.",
            )
        e.program.in_progress.add(key)
        try:
            found = compilation.compile_function(e.program, function, source, modes, bound, owner, display)
        finally:
            e.program.in_progress.discard(key)
        e.program.functions[key] = found
    return found, arguments


def _broadcast(e: Emitter, source: FunctionSource, name: str, val: Val, type: T.Type) -> Val:
    """One number where `BroadcastingListN` asks for N of it."""
    own = type_of(val)
    if (
        not isinstance(type, T.ListType)
        or not isinstance(own, T.IntType | T.FloatType)
        or isinstance(source.tree, ast.Lambda)
    ):
        return val
    for argument in source.tree.args.args:
        if argument.arg == name:
            size = broadcast_size(argument.annotation or argument.type_comment)
            if size is not None:
                return Dynamic(e.build_list([val] * size, element=type.element))
    return val


def emit_compiled_call(e: Emitter, function: Function, arguments: list[Value], owner: Module | None) -> Val:
    result = function.schema.return_type
    if owner is not None:
        place = e.module_value(owner)
        node = e.emit("prim::CallMethod", [place, *arguments], [result], {"name": function.name})
    else:
        reference = e.emit(
            "prim::Constant", [], [T.FUNCTION], {"name": function.name, "function": function}
        ).output
        node = e.emit("prim::CallFunction", [reference, *arguments], [result], {"function": function})
    if isinstance(result, T.RunTimeTupleType):
        node.output.type = T.ListType(result.element)
        return returned.run_time_tuple(e, Dynamic(node.output))
    return e.none() if isinstance(result, T.NoneType) else Dynamic(node.output)


def _is_union_of_pytorch(function: Any, annotated: T.Type) -> bool:
    """Whether a function of PyTorch takes a Union, `Device` for example: the value says which of its members it is."""
    goal = annotated.element if isinstance(annotated, T.OptionalType) else annotated
    module = str(getattr(function, "__module__", ""))
    return isinstance(goal, T.UnionType) and module.partition(".")[0] == "torch"


def _says_too_little(function: Any, own: T.Type, annotated: T.Type) -> bool:
    """Whether PyTorch's own annotation leaves out what the function takes: lengths as a list, sizes with None."""
    if str(getattr(function, "__module__", "")).partition(".")[0] != "torch":
        return False
    if isinstance(annotated, T.TensorType):
        return isinstance(own, T.ListType | T.TupleType) and all(
            isinstance(t, T.IntType) for t in own.contained
        )
    return isinstance(own, T.TupleType) and any(isinstance(t, T.NoneType) for t in own.elements)


def fits(own: T.Type, wanted: T.Type) -> bool:
    """Whether a value of one type can be passed where another is annotated, by conversion if need be."""
    own = settled(own)
    if own.is_subtype_of(wanted):
        return True
    if isinstance(wanted, T.OptionalType):
        return fits(own, wanted.element)
    if isinstance(wanted, T.FloatType):
        return isinstance(own, T.IntType | T.NumberType)
    if isinstance(wanted, T.ListType):
        if isinstance(own, T.ListType):
            return (
                fits(own.element, wanted.element) and not isinstance(own.element, T.IntType)
            ) or own == wanted
        return isinstance(own, T.TupleType) and all(fits(t, wanted.element) for t in own.elements)
    if isinstance(wanted, T.TupleType) and isinstance(own, T.TupleType):
        return len(own.elements) == len(wanted.elements) and all(
            fits(a, b) for a, b in zip(own.elements, wanted.elements, strict=True)
        )
    return False


class Identity:
    """A Python object as a key, by identity."""

    __slots__ = ("object",)

    def __init__(self, obj: Any) -> None:
        self.object = obj

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Identity) and other.object is self.object

    def __hash__(self) -> int:
        return id(self.object)

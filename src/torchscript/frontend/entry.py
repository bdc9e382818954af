"""Compile what the user hands over: a function or method by what its own annotations and defaults say."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from .. import types as T
from ..errors import CompileError
from ..ir.graph import Function
from . import binding, by_use, compilation, declarations, function_calls, marks
from .sources import function_source
from .typing_of import plain
from .values import Mapping, Module, Sequence

if TYPE_CHECKING:
    from .program import Program


def compile_entry(
    program: Program,
    function: Callable[..., Any],
    owner: Module | None = None,
    examples: dict[str, Any] | None = None,
    *,
    is_static: bool = False,
    name: str | None = None,
) -> Function:
    """Compile a function (or a method of `owner`, static or not) by what its own annotations and defaults say.

    `name` is what the method is called, where its function has another name. `examples` gives types to arguments without
    annotation: a type, an `Identity` of an object that is compiled in, or a tuple (dict) of these for `*args` (`**kwargs`).
    """
    from . import contexts

    function = marks.unwrap(function)
    managers: list[contexts.DecoratingManager] = []
    while (decorated := contexts.decorated_by_manager(function)) is not None:
        managers.append(decorated.manager)
        function = marks.unwrap(decorated.function)
    source = function_source(function)
    declared = declarations.declared_types(program, source)
    for signature_of in marks.overloads_of(function)[:1]:  # the first is the one that is meant by default
        declared = {**declared, **declarations.declared_types(program, function_source(signature_of))}
    tree = source.tree
    own_name = getattr(tree, "name", "lambda")
    display = name or own_name
    defaults: dict[str, Any] = {}
    signature = inspect.signature(function, follow_wrapped=False)
    if hasattr(function, "__wrapped__"):
        examples = {
            **_of_wrapped(program, function, tree, owner is not None and not is_static),
            **(examples or {}),
        }
    modes: dict[str, Any] = {}
    bound: dict[str, binding.Bound] = {}
    if owner is not None and is_static:
        place = "self" if "self" not in signature.parameters else "self_"
        modes[place] = ("module", owner.spec, None, ())
        bound[place] = binding.Bound(owner, False)
    for index, parameter in enumerate(signature.parameters.values()):
        name = parameter.name
        takes_self = index == 0 and owner is not None and not is_static
        if takes_self and parameter.kind is not inspect.Parameter.VAR_POSITIONAL:
            assert owner is not None
            modes[name] = ("module", owner.spec, None, ())
            bound[name] = binding.Bound(owner, False)
            continue
        example = examples.get(name) if examples is not None else None
        if isinstance(example, tuple | dict) and example:
            several = (
                example if isinstance(example, dict) else {f"{name}_{i}": t for i, t in enumerate(example)}
            )
            modes[name] = ("several", tuple(several.items()), isinstance(example, dict), takes_self)
            bound[name] = binding.Bound(Sequence([]), False)
            continue
        if isinstance(example, function_calls.Identity) and name not in declared:
            bound[name] = binding.Bound(program.static(example.object), False)
            modes[name] = ("static", example)
            continue
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            bound[name] = binding.Bound(Sequence([]), True)
            modes[name] = ("several", (), False, True) if takes_self else ("static", ())
            continue
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            bound[name] = binding.Bound(Mapping({}), True)
            modes[name] = ("static", ())
            continue
        type = declared.get(name)
        default = plain(parameter.default)
        has_default = parameter.default is not inspect.Parameter.empty
        if type is None and isinstance(example, T.Type):
            type = example
        if type is None and has_default:
            own = program.type_of_object(default)
            if isinstance(own, T.NoneType):
                used = by_use.type_by_use(tree, name, owner.module if owner is not None else None)
                called = by_use.is_called(tree, name)  # no data is: it is left out, until a call brings it
                type = T.NONE if called else T.OptionalType(used or T.TENSOR)
            elif own is not None:
                type = own
            else:
                bound[name] = binding.Bound(program.static(default), True)
                modes[name] = ("static", function_calls.Identity(default))
                continue
        if type is None and owner is not None and function is torch.nn.Sequential.forward:
            type = _of_first_module(program, owner.module)
        if type is None:
            type = by_use.type_by_use(tree, name, owner.module if owner is not None else None)
        if type is None or (isinstance(type, T.AnyType) and name not in declared):
            type = T.TENSOR
        modes[name] = ("typed", type)
        fits = has_default and (
            example is None or function_calls.fits(program.type_of_object(default) or T.ANY, type)
        )
        if fits:
            if isinstance(type, T.FloatType) and isinstance(default, int) and not isinstance(default, bool):
                default = float(default)
            defaults[name] = default
    key: tuple[Any, ...] = (
        function,
        owner.spec if owner is not None else None,
        tuple(modes.items()),
        *managers,
    )
    if display != own_name:
        key = (*key, display)
    known = program.functions.get(key)
    if known is not None:
        return _with_defaults(known, defaults)
    program.in_progress.add(key)
    try:
        compiled = compilation.compile_function(
            program, function, source, modes, bound, owner, display, defaults, managers
        )
    except CompileError as error:
        error.function = error.function or function
        raise
    finally:
        program.in_progress.discard(key)
    program.functions[key] = compiled
    return compiled


def _with_defaults(function: Function, defaults: dict[str, Any]) -> Function:
    """The function; callers from outside may leave out what the call that it was compiled for did not."""
    schema = function.schema
    if defaults and any(not a.has_default and a.name in defaults for a in schema.arguments):
        arguments = tuple(
            a if a.has_default or a.name not in defaults else replace(a, default=defaults[a.name])
            for a in schema.arguments
        )
        function.schema = replace(schema, arguments=arguments)
    return function


def _of_first_module(program: Program, module: Any) -> T.Type | None:
    """What a Sequential takes, by the annotations of the module that it calls first."""
    while (
        isinstance(module, torch.nn.Sequential)
        and len(module)
        and type(module).forward is torch.nn.Sequential.forward
    ):
        module = module[0]
    forward = getattr(type(module), "forward", None)
    if not inspect.isfunction(forward) or forward is torch.nn.Sequential.forward:
        return None
    source = function_source(forward)
    names = [a.arg for a in source.tree.args.args[1:2]]
    return declarations.declared_types(program, source).get(names[0]) if names else None


def _of_wrapped(program: Program, function: Any, tree: Any, is_method: bool) -> dict[str, Any]:
    """Types for the `*args` of a decorator's function (`functools.wraps`): what the decorated function takes."""
    rest = getattr(getattr(tree, "args", None), "vararg", None)
    inner = inspect.unwrap(function)
    if rest is None or not inspect.isfunction(inner):
        return {}
    declared = declarations.declared_types(program, function_source(inner))
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [
        p.name
        for p in inspect.signature(inner).parameters.values()
        if p.kind in kinds and p.default is p.empty
    ]
    before = len(tree.args.posonlyargs) + len(tree.args.args)
    names = names[max(before, int(is_method)) :]
    return {rest.arg: tuple(declared.get(n, T.TENSOR) for n in names)} if names else {}

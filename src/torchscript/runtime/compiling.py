"""Compile what the user hands over: a function, a module with everything below it, a class."""

from __future__ import annotations

import enum
import functools
import inspect
import types
from collections.abc import Callable
from typing import Any, TypeVar

import torch

from .. import types as T
from ..errors import CompileError, Error
from ..frontend import marks, transient
from ..frontend.entry import compile_entry
from ..frontend.interfaces import compile_implementations
from ..frontend.module_hooks import has_left_hooks
from ..frontend.modules import ModuleSpec, SpecSplit
from ..frontend.program import Program
from ..frontend.taken_over import taken_over
from ..frontend.typing_of import plain
from ..frontend.values import Module
from . import hooks
from .first_call import (
    ScriptFunctionByCall,
    arities,
    example_of,
    has_open_arguments,
    remember,
    speaks_of_other_types,
)
from .function import PythonFunction, ScriptFunction
from .module import ScriptModule, make_module, runtime_class

Made = TypeVar("Made")


def compile_until_done(compile_all: Callable[[Program], Made], fallback: bool | None) -> Made:
    """Run a compilation; again where modules of one class turn out to differ, and, with `fallback=True`, with the
    function that does not compile left to Python."""
    outside: dict[Any, CompileError] = {}
    noted: dict[tuple[type, str], T.Type] = {}
    left_hooks: set[int] = set()
    while True:
        program = Program(
            allow_python_calls=fallback is not False,
            fallback=fallback is True,
            outside=dict(outside),
            noted=noted,
            left_hooks=left_hooks,
        )
        try:
            return compile_all(program)
        except SpecSplit:
            continue
        except CompileError as error:
            if fallback is not True or error.function is None or error.function in outside:
                raise
            outside[error.function] = error


def _example_types(program: Program, function: Any, example_inputs: Any, skip: int) -> dict[str, Any] | None:
    if not example_inputs:
        return None
    parameters = list(inspect.signature(function).parameters.values())[skip:]
    names = [p.name for p in parameters if p.kind is not p.VAR_POSITIONAL]
    rest = next((i for i, p in enumerate(parameters) if p.kind is p.VAR_POSITIONAL), None)
    found: dict[str, Any] = {}
    for arguments in example_inputs:
        if rest is not None:
            found[parameters[rest].name] = tuple(example_of(program, v) for v in arguments[rest:])
            arguments = arguments[:rest]
        for name, value in zip(names, arguments, strict=False):
            type_ = example_of(program, value)
            if not isinstance(type_, T.Type):
                found[name] = type_
                continue
            common = T.unify(found[name], type_) if name in found else type_
            if common is None:
                raise Error(
                    f"The examples for the argument '{name}' are of different types: {found[name]} and {type_}."
                )
            found[name] = common
    return found


def by_arity(function: Any, compile: Callable[[dict[str, Any] | None], Made]) -> Made:
    """Compile a function whose `*args` nobody has called yet: for what the call that they are passed on to lacks, or
    else for as few Tensors as it compiles with."""
    try:
        return compile(None)
    except CompileError as error:
        for examples in arities(function, getattr(error, "names", [])):
            try:
                return compile(examples)
            except CompileError:
                continue
        raise


def script_function(function: Any, example_inputs: Any, fallback: bool | None) -> ScriptFunction:
    original = marks.unwrap(function)

    def compile_all(program: Program) -> ScriptFunction:
        if original in program.outside:
            return PythonFunction(original, program.outside[original])
        examples = _example_types(program, original, example_inputs, 0)
        return ScriptFunction(compile_entry(program, original, None, examples))

    if example_inputs or fallback is True or not has_open_arguments(original):
        return compile_until_done(compile_all, fallback)

    def compile_for(examples: Any) -> ScriptFunction:
        return compile_until_done(
            lambda program: ScriptFunction(compile_entry(program, original, None, examples)), fallback
        )

    try:
        first: Any = by_arity(
            original, lambda some: compile_for(some) if some else compile_until_done(compile_all, fallback)
        )
    except CompileError as error:
        if not speaks_of_other_types(original):
            raise
        first = error
    return ScriptFunctionByCall(original, compile_for, first)


def script_class(cls: type) -> type:
    if issubclass(cls, torch.nn.Module):
        raise Error(
            f"The class '{cls.__name__}' is a module: compile an instance of it, script({cls.__name__}(…))."
        )
    if issubclass(cls, enum.Enum) or (issubclass(cls, tuple) and hasattr(cls, "_fields")):
        return cls
    cls._torchscript_class = True  # type: ignore[attr-defined]
    program = Program()
    made = program.class_type(cls)
    if isinstance(made, T.ClassType):
        program.class_method(made, "__init__")
        for name, value in vars(cls).items():
            if isinstance(value, types.FunctionType) and marks.modifier_of(value) not in (
                "ignore",
                "unused",
                "drop",
            ):
                program.class_method(made, name)
    return cls


def script_module(module: torch.nn.Module, example_inputs: Any, fallback: bool | None) -> Any:
    _check_initialized(module)

    def compile_for(examples: dict[str, Any] | None) -> Any:
        def compile_all(program: Program) -> Any:
            spec = program.spec_of(module)
            _compile_entries(program, spec, module, example_inputs, examples)
            if program.fallback:
                _complete(program, module)
            return Builder(program).build(module)

        return compile_until_done(compile_all, fallback)

    if example_inputs or fallback is True:
        made = compile_for(None)
    else:
        made = by_arity(type(module).forward, compile_for)
    if not example_inputs and fallback is not True:
        remember(made, module, lambda examples: script_module(module, examples, fallback))
    return made


def _complete(program: Program, module: torch.nn.Module) -> None:
    """Compile `forward` of the modules that only Python calls, below methods that stay Python."""
    for owner in list(torch.nn.Module.modules(module)):
        if not program.spec_of(owner).cls.python_methods:
            continue
        for child in torch.nn.Module.modules(owner):
            cls = program.spec_of(child).cls
            if "forward" in _entries(child) and "forward" not in (*cls.methods, *cls.python_methods):
                _compile_method(program, child, "forward")
                cls.guessed_methods.add("forward")


def _compile_method(
    program: Program,
    module: torch.nn.Module,
    name: str,
    examples: Any = None,
    types_: dict[str, Any] | None = None,
) -> None:
    """Compile a method as an entry; where it is known to stay Python, note it on the class."""
    spec = program.spec_of(module)
    function = module.__dict__.get(name) or getattr(type(module), name)
    function = getattr(function, "__func__", function)
    original = marks.unwrap(function)
    if original in program.outside:
        spec.cls.python_methods[name] = (original, program.outside[original].message)
        return
    own = inspect.getattr_static(module, name)
    is_static = isinstance(own, staticmethod) or (
        name in module.__dict__ and isinstance(own, types.FunctionType)
    )
    skip = 0 if is_static else 1
    if types_ is None and name == "forward":
        types_ = _example_types(program, original, examples, skip)
    if name == "__setstate__" and "__getstate__" in spec.cls.methods:
        parameters = list(inspect.signature(function).parameters)[skip:]
        types_ = {parameter: spec.cls.methods["__getstate__"].schema.return_type for parameter in parameters}
    compile_entry(
        program, function, Module(module, spec, spec, (), None), types_, is_static=is_static, name=name
    )


def _check_initialized(module: torch.nn.Module) -> None:
    if "_parameters" not in module.__dict__:
        raise Error(f"'{type(module).__name__}.__init__' did not call super().__init__().")


def _entries(module: torch.nn.Module) -> list[str]:
    """The methods of a module that are compiled by themselves: forward, and what is exported."""
    cls = type(module)
    names = []
    forward = module.__dict__.get("forward") or getattr(cls, "forward", None)
    if (
        forward is not None
        and forward is not torch.nn.Module.forward
        and marks.modifier_of_method(cls, forward) not in ("ignore", "unused", "drop")
    ):
        names.append("forward")
    for base in cls.__mro__:
        for name, value in vars(base).items():
            if (
                marks.modifier_of(value) == "export" or getattr(value, "_ts_script_method", False)
            ) and name not in names:
                names.append(name)
    return names


def _compile_entries(
    program: Program,
    spec: ModuleSpec,
    module: torch.nn.Module,
    example_inputs: Any = None,
    types_: dict[str, Any] | None = None,
) -> None:
    examples = example_inputs
    if isinstance(example_inputs, dict):
        examples = next((v for k, v in example_inputs.items() if k is module or k == module), None)
    entries = _entries(module)
    containers = torch.nn.ModuleList | torch.nn.ModuleDict | torch.nn.ParameterList | torch.nn.ParameterDict
    if not entries and not isinstance(module, containers):
        raise Error(
            f"The module '{type(module).__name__}' has no forward and no exported method: there is nothing to compile."
        )
    compile_implementations(program)
    for name in entries:
        _compile_method(program, module, name, examples, types_ if name == "forward" else None)
    below = torch.nn.Module.modules(module)  # a user's attribute may hide the method
    exported = [m for m in below if m is not module and _exports(type(m))]  # type: ignore[arg-type]
    for child in exported:
        for name in _exports(type(child)):  # type: ignore[arg-type]  # a class is hashable
            _compile_method(program, child, name)
    compile_implementations(program)  # of modules that were found on the way


@functools.lru_cache(maxsize=4096)
def _exports(cls: Any) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(
            name
            for base in cls.__mro__
            if base is not torch.nn.Module
            for name, value in vars(base).items()
            if isinstance(value, types.FunctionType) and marks.modifier_of(value) == "export"
        )
    )


class Builder:
    """Makes the ScriptModules of a compilation; a module that stands in two places becomes one ScriptModule."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.made: dict[int, Any] = {}

    def build(self, module: Any) -> Any:
        module = taken_over(module)
        found = self.made.get(id(module))
        if found is None:
            if isinstance(getattr(type(module), "_ts_class", None), T.ClassType):
                found = module
            else:
                found = self._build(module)
            self.made[id(module)] = found
            if has_left_hooks(found, self.program.left_hooks):
                found._watch_hooks()
            elif type(found) is not type(module):
                hooks.note_compiled(found)
                if found._backward_hooks or found._backward_pre_hooks:
                    found._watch_hooks()
        return found

    def _build(self, module: torch.nn.Module) -> Any:
        spec = self.program.spec_of(module)
        self.seal(spec)
        return make_module(spec.cls, self.attributes(module, spec), module)

    def seal(self, spec: ModuleSpec) -> None:
        """Note on the class what compiled code relies on."""
        for path, value in spec.relies_on.items():
            if len(path) == 1:
                spec.cls.constants[path[0]] = value

    def attributes(self, module: torch.nn.Module, spec: ModuleSpec) -> dict[str, Any]:
        attributes: dict[str, Any] = dict(spec.created)
        attributes.update(module._parameters)
        attributes.update(module._buffers)
        for name, child in module._modules.items():
            attributes[name] = self.build(child) if child is not None else None
            if child is not None and isinstance(spec.cls.attributes[name].type, T.InterfaceType):
                if child._forward_hooks or child._forward_pre_hooks:
                    attributes[name].__dict__.pop("_ts_compiled_hooks", None)
                    attributes[name]._watch_hooks()  # the caller's code has none of what stands behind it
        for name, path in spec.adopted.items():
            attributes[name] = self.build(transient.at(module, path))
        for name in spec.cls.attributes:
            if name in module.__dict__ and name not in spec.adopted:
                value = module.__dict__[name]
                attributes[name] = (
                    value.value
                    if type(value).__name__ == "Attribute" and hasattr(value, "type")
                    else plain(value)
                )
        return attributes


def compile_script_module(module: ScriptModule) -> None:
    """Compile the script methods of an instance of a subclass of ScriptModule, in place."""
    left_hooks: set[int] = set()
    while True:
        program = Program(left_hooks=left_hooks)
        try:
            spec = program.spec_of(module)
            _compile_entries(program, spec, module)
            builder = Builder(program)
            builder.made[id(module)] = module
            attributes = builder.attributes(module, spec)
            break
        except SpecSplit:
            continue
    builder.seal(spec)
    for name, child in attributes.items():
        if name in module._modules:
            module._modules[name] = child
        elif name in spec.created:
            module.__dict__[name] = child
    module.__class__ = runtime_class(spec.cls, type(module))
    module.__dict__["_ts_ready"] = True

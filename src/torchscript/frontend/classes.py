"""Classes of users: NamedTuples, enums, script classes, interfaces; constructing their instances."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import types as python_types
import typing
import weakref
from typing import TYPE_CHECKING, Any

import torch

from .. import types as T
from ..errors import CompileError
from ..ir.graph import Function, Graph
from ..schema import Argument, Schema
from ..schema.model import NO_DEFAULT
from . import (
    attributes,
    compilation,
    dataclass_methods,
    declarations,
    formatting,
    generated,
    instances,
    interfaces,
    marks,
    methods,
)
from .annotations import NotATypeError, is_named_tuple, names_in_scope, qualified_name
from .builtins import registry
from .emitter import Emitter
from .sources import function_source
from .values import Dynamic, RaisedException, Sequence, Val, known_of, type_of

if TYPE_CHECKING:
    from .program import Program


_NO_CLASSES = ("builtins", "typing", "numpy", "torch")
"""Packages whose classes are never compiled."""


def class_type(program: Program, cls: type) -> T.Type | None:
    """The static type of instances of a Python class; None where there can be none."""
    found = program.class_types.get(cls)
    if found is not None:
        return found
    made: T.Type | None = None
    if interfaces.is_interface(cls) and not issubclass(cls, torch.nn.Module):
        made = interfaces.interface_type(program, cls)
    elif is_named_tuple(cls):
        made = _named_tuple(program, cls)
    elif issubclass(cls, enum.Enum) and issubclass(cls, int | float | str):  # members are data, too
        made = T.INT if issubclass(cls, int) else T.FLOAT if issubclass(cls, float) else T.STRING
    elif issubclass(cls, enum.Enum):
        made = _enum(program, cls)
    elif (
        issubclass(cls, torch.nn.Module | BaseException | dict | list | set | str)
        or cls.__module__.partition(".")[0] in _NO_CLASSES
    ):
        return None
    elif isinstance(cls.__init__, python_types.FunctionType) or _has_marks(cls):
        made = _script_class(program, cls)
    if made is not None:
        program.class_types[cls] = made
    return made


def _has_marks(cls: type) -> bool:
    return "_torchscript_class" in vars(cls)


def _named_tuple(program: Program, cls: Any) -> T.Type:
    annotations = typing.get_type_hints(cls) if hasattr(cls, "__annotations__") else {}
    elements: list[T.Type] = []
    for name in cls._fields:
        noted = program.noted.get((cls, name)) if name not in annotations else None
        annotation = annotations.get(name, torch.Tensor)
        elements.append(noted or program.resolver.type_of_annotation(annotation))
    defaults = tuple(getattr(cls, "_field_defaults", {}).items())
    return T.NamedTupleType(
        tuple(elements), program.unique_name(qualified_name(cls)), tuple(cls._fields), defaults, cls
    )


def _enum(program: Program, cls: type[enum.Enum]) -> T.Type | None:
    members = tuple((m.name, m.value) for m in cls)
    common: T.Type | None = None
    for _, value in members:
        own = program.type_of_object(value)
        common = own if common is None else (T.unify(common, own) if own is not None else None)
        if common is None:
            return None
    return T.EnumType(program.unique_name(qualified_name(cls)), common or T.INT, members, cls)


def _script_class(program: Program, cls: type) -> T.Type | None:
    """A class whose methods are compiled when they are first called; __init__ says what its attributes are."""
    made = T.ClassType(program.unique_name(qualified_name(cls)), python_class=cls)
    while_compiling = weakref.ref(program)

    def find_method(name: str) -> Function | None:
        program = while_compiling()
        return method_of(program, made, name) if program is not None else made.methods.get(name)

    made.find_method = find_method  # for interfaces that it may have to implement
    program.class_types[cls] = made
    for base in reversed(cls.__mro__):
        for name, annotation in base.__dict__.get("__annotations__", {}).items():
            names = names_in_scope(vars(inspect.getmodule(base) or torch), {cls.__name__: cls})
            try:
                if isinstance(annotation, str):
                    type_ = program.resolver.evaluate(annotation, names, None)[0]
                else:
                    type_ = program.resolver.type_of_annotation(annotation)
            except NotATypeError:
                continue
            made.attributes[name] = T.ClassAttribute(type_)
    return made


def method_of(program: Program, cls: T.ClassType, name: str) -> Function | None:
    """A method of a script class, compiled at first use."""
    found = cls.methods.get(name)
    if found is not None or cls.python_class is None or cls.is_module:
        return found
    raw: Any = None
    for base in cls.python_class.__mro__:
        if name in vars(base):
            raw = vars(base)[name]
            break
    if isinstance(raw, property):
        raw = raw.fget
    if isinstance(raw, staticmethod):
        raw = raw.__func__
    if not isinstance(raw, python_types.FunctionType):
        return None
    raw = dataclass_methods.method_of(cls.python_class, name) or raw
    if name != "__init__" and (cls, "__init__") not in program.in_progress:
        method_of(program, cls, "__init__")  # the attributes come first
    return _compile_method(program, cls, name, raw)


def base_method(program: Program, cls: T.ClassType, base: type, name: str) -> Function:
    """`super().name`: the method of a base class, compiled as one more method of `cls`."""
    own_name = f"{name.strip('_')}_of_{base.__name__}"
    found = cls.methods.get(own_name)
    if found is None:
        function = dataclass_methods.method_of(base, name) or vars(base)[name]
        found = _compile_method(program, cls, own_name, function, initializes=name == "__init__")
    return found


def setter_of(program: Program, cls: T.ClassType, name: str) -> str | None:
    """The name of the compiled setter of a property; None where there is none."""
    raw = inspect.getattr_static(cls.python_class, name, None) if cls.python_class is not None else None
    if not isinstance(raw, property) or raw.fset is None:
        return None
    own_name = f"set_{name}"
    if own_name not in cls.methods:
        _compile_method(program, cls, own_name, raw.fset)
    return own_name


def _compile_method(
    program: Program, cls: T.ClassType, name: str, function: Any, initializes: bool = False
) -> Function:
    source = function_source(function)
    declared = declarations.declared_types(program, source)
    key = (cls, name)
    if key in program.in_progress:
        raise CompileError(
            f"'{name}' calls itself; a recursive function cannot be compiled.", source.span(source.tree)
        )
    program.in_progress.add(key)
    graph = Graph(name)
    e = Emitter(program, source, graph)
    e.return_type = declared.get("return")
    e.owner_class = marks.defining_class(function, cls.python_class)
    e.initializing = cls if name == "__init__" or initializes else None
    arguments: list[Argument] = []
    try:
        for index, parameter in enumerate(inspect.signature(function).parameters.values()):
            default: Any = (
                parameter.default if parameter.default is not inspect.Parameter.empty else NO_DEFAULT
            )
            if index == 0:
                type_: T.Type = cls
            elif name == "__exit__" and parameter.name not in declared:
                type_ = T.ANY  # what PyTorch asks for
            elif parameter.name in declared:
                type_ = declared[parameter.name]
            elif default is not NO_DEFAULT and default is not None:
                type_ = program.type_of_object(default) or T.TENSOR
            else:
                type_ = T.optional(T.TENSOR) if default is None else T.TENSOR
            value = graph.block.add_parameter(type_, parameter.name)
            arguments.append(Argument(parameter.name, type_, default))
            e.scope.set(parameter.name, Dynamic(value))
        with compilation.at_the_users_line(e):
            result = compilation.run_body(e, source.tree)
        graph.block.add_output(compilation.emit_result(e, result, declared))
    finally:
        program.in_progress.discard(key)
    from .compilation import finish

    finish(graph)
    qualified = f"{cls.qualified_name}.{name}"
    schema = Schema(qualified, "", tuple(arguments), (Argument("", graph.outputs[0].type),))
    compiled = Function(qualified, graph, schema, python_function=function, source=source.span(source.tree))
    cls.methods[name] = compiled
    return compiled


def construct(e: Emitter, cls: Any, positional: list[Val], named: dict[str, Val]) -> Val:
    """`Cls(…)`."""

    if isinstance(cls, type) and issubclass(cls, BaseException):
        message = positional[0] if positional else e.static("")
        if not isinstance(type_of(message), T.StringType):
            message = formatting.text_of(e, message) if type_of(message) is not None else e.static("")
        return RaisedException(cls, message)
    if is_named_tuple(cls):
        return _construct_named_tuple(e, cls, positional, named)
    if issubclass(cls, enum.Enum):
        known = known_of(positional[0])
        if known is not None:
            return e.static(cls(e.depend(positional[0])))
        return _member_of(e, cls, positional[0])
    if issubclass(cls, torch.nn.Module):
        from . import transient

        return transient.construct(e, cls, positional, named)
    if issubclass(cls, torch.autograd.Function):
        raise e.unsupported("An autograd.Function cannot be constructed.")
    if instances.is_in_parts(cls):
        return instances.construct(e, cls, positional, named)
    made = e.program.class_type(cls)
    if not isinstance(made, T.ClassType):
        notes = (note for base, note in _ADVICE if issubclass(cls, base))
        raise e.outside(f"The class '{cls.__qualname__}' cannot be used in compiled code.", None, *notes)
    init = e.program.class_method(made, "__init__")
    value = e.emit("prim::CreateObject", [], [made]).output
    result = Dynamic(value)
    if init is not None:
        methods.call_class_method(e, result, "__init__", positional, named)
    return result


@registry.handles(dataclasses.replace)
def _replace(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
    """`dataclasses.replace(obj, x=1)`."""
    own = type_of(positional[0])
    cls = own.python_class if isinstance(own, T.ClassType) else None
    if cls is None or not dataclasses.is_dataclass(cls):
        raise e.certain(TypeError, "replace() should be called on dataclass instances.")
    kept = {f.name: f for f in dataclasses.fields(cls) if f.name not in named}
    fixed = [f.name for f in dataclasses.fields(cls) if not f.init and f.name in named]
    if fixed:
        raise e.certain(ValueError, f"The field '{fixed[0]}' has init=False, so replace() cannot give it.")
    given = {n: attributes.attribute_of(e, positional[0], n, e.node) for n, f in kept.items() if f.init}
    return construct(e, cls, [], {**given, **named})


_ADVICE: tuple[tuple[type, str], ...] = (
    (dict, "Use a dict, or a NamedTuple or dataclass where its fields have names."),
    (list, "Use a list, or a class that holds one."),
    (torch.distributions.Transform, "Transform the samples, and correct log_prob, by functions of tensors."),
)


def _member_of(e: Emitter, cls: type[enum.Enum], value: Val) -> Val:
    """`Color(value)` of a run-time value: compared with each member's."""
    cases = "\n".join(
        f"    if value == {member.value!r}:\n        return cls.{member.name}" for member in cls
    )
    text = f"def member(cls, value):\n{cases}\n    raise ValueError(str(value) + ' is not a valid {cls.__qualname__}')"
    return generated.in_place(e, text, {"cls": e.static(cls), "value": value})


def _construct_named_tuple(e: Emitter, cls: Any, positional: list[Val], named: dict[str, Val]) -> Val:
    type = e.program.class_type(cls)
    assert isinstance(type, T.NamedTupleType)
    values = dict(zip(type.field_names, positional, strict=False))
    values.update(named)
    defaults = dict(type.field_defaults)
    items: list[Val] = []
    for name, element in zip(type.field_names, type.elements, strict=True):
        if name in values:
            if not getattr(cls, "__annotations__", None) and element == T.TENSOR:
                own = type_of(values[name])
                if isinstance(own, T.IntType | T.FloatType | T.BoolType | T.StringType):
                    e.program.note(cls, name, own)
            items.append(Dynamic(e.coerce(values[name], element, None, f"the field '{name}'")))
        elif name in defaults:
            items.append(e.static(defaults[name]))
        else:
            raise e.error(f"'{cls.__qualname__}' is made without '{name}'.")
    unknown = set(named) - set(type.field_names)
    if unknown or len(positional) > len(type.field_names):
        raise e.error(f"'{cls.__qualname__}' has the fields {', '.join(type.field_names)}.")
    return Sequence(items, named=type)


def gradient_mode(program: Program, name: str) -> T.ClassType:
    """The class of `torch.no_grad()` objects as archives hold it, with Python's own class at run time."""
    from . import gradient_modes

    python = getattr(gradient_modes, name)
    cls = T.ClassType(
        program.unique_name(f"__torch__.torch.autograd.grad_mode.{name}"),
        attributes={"prev": T.ClassAttribute(T.BOOL)},
        python_class=python,
    )
    for method in ("__init__", "__enter__", "__exit__"):
        _compile_method(program, cls, method, getattr(python, method))
    return cls


def autocast_class(program: Program) -> T.ClassType:
    """The class of `torch.autocast` objects (autocasting.py)."""
    from .. import autocast
    from .autocasting import autocast_methods

    cls = T.ClassType(program.unique_name(autocast.QUALIFIED_NAME), python_class=autocast.autocast)
    program.class_types[autocast_methods] = cls
    for method in ("__init__", "__enter__", "__exit__"):
        _compile_method(program, cls, method, getattr(autocast_methods, method))
    return cls

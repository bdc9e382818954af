"""Unpickled values → values of the runtime, by the types that classes declare for them.

A pickle does not say everything: a NamedTuple in it is a plain tuple, a parameter a tensor, and an object its
attributes. Lists and dicts keep their identity, and what is shared stays shared.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import torch

from .. import types as T
from ..errors import ArchiveError, CompileError, Error
from . import int_codes
from .container import Container
from .importer import Importer
from .importer.importer import CUSTOM_CLASSES
from .load_time import LoadTimeInterpreter
from .unpickler import ClassName, EnumMember, ScriptObject

# The classes of the values that a pickle can hold for a static type.
_PLAIN: dict[type[T.Type], tuple[type, ...]] = {
    T.TensorType: (torch.Tensor, torch.nn.Parameter),
    T.IntType: (int,),
    T.FloatType: (float,),
    T.BoolType: (bool,),
    T.StringType: (str,),
    T.ComplexType: (complex,),
    T.NumberType: (int, float, bool, complex),
    T.DeviceType: (torch.device,),
    T.NoneType: (type(None),),
}
_IS_PLAIN = frozenset(kind for kinds in _PLAIN.values() for kind in kinds)
_CONTAINERS: dict[type[T.Type], type] = {
    T.ListType: list,
    T.DictType: dict,
    T.TupleType: tuple,
    T.NamedTupleType: tuple,
}


class Materializer:
    """Makes objects once each. `make_object` None leaves `ScriptObject`s as they are."""

    def __init__(
        self,
        importer: Importer,
        make_object: Callable[[T.ClassType, dict[str, Any]], Any] | None,
        set_state: Callable[[T.ClassType, Any], Any] | None,
    ) -> None:
        self.importer = importer
        self.make_object = make_object
        self.set_state = set_state
        # keyed by identity; the values hold what they were made of, so that no id is used again
        self.made: dict[int, tuple[Any, Any]] = {}
        self.unfinished: set[int] = set()
        self._interpreter: LoadTimeInterpreter | None = None

    def error(self, problem: str) -> ArchiveError:
        return ArchiveError(f"{self.importer.records.name}: {problem}")

    def value(self, value: Any, type: T.Type) -> Any:
        """`value` as a value of static type `type`."""
        kind = value.__class__
        expected = _PLAIN.get(type.__class__)
        if expected is not None:
            if kind not in expected:
                raise self._mismatch(value, type)
            return value
        if kind in _IS_PLAIN:
            if isinstance(type, T.IntCodeType) and kind is int:
                found = int_codes.object_of(type, value)
                if found is None:
                    raise self.error(f"{value} is the number of no {int_codes.NAMES[type]}")
                return found
            if isinstance(type, T.OptionalType) and value is not None:
                return self.value(value, type.element)
            if not isinstance(type, T.OptionalType | T.UnionType | T.AnyType):
                raise self._mismatch(value, type)
            return value
        if kind is ScriptObject:
            return self.object(value)
        try:
            return self._compound(value, type)
        except RecursionError:
            raise self.error("values in data.pkl nest too deep") from None

    def _mismatch(self, value: Any, type: T.Type) -> ArchiveError:
        return self.error(f"a value of {value.__class__.__name__} stands where the class declares {type}")

    def _compound(self, value: Any, type: T.Type) -> Any:
        if isinstance(type, T.OptionalType):
            type = type.element
        if isinstance(value, EnumMember):
            return self._enum_member(value)
        if isinstance(value, ClassName):
            raise self.error(f"the class '{value.name}' stands where a value should")
        if not isinstance(value, list | dict | tuple):
            if isinstance(value, torch.dtype | torch.layout | torch.qscheme):
                return value
            raise self._mismatch(value, type)  # a function that the pickle names, or bytes
        container = _CONTAINERS.get(type.__class__)
        if container is None and not isinstance(type, T.UnionType | T.AnyType):
            raise self._mismatch(value, type)
        if container is not None and not isinstance(value, container):
            raise self._mismatch(value, type)
        known = self.made.get(id(value))
        if known is not None and not isinstance(type, T.NamedTupleType):
            return known[1]
        if isinstance(value, tuple):
            return self._tuple(value, type)
        self.made[id(value)] = (value, value)
        if isinstance(value, list):
            element = type.element if isinstance(type, T.ListType) else T.ANY
            value[:] = [self.value(item, element) for item in value]
            return value
        key_type, value_type = type.contained if isinstance(type, T.DictType) else (T.ANY, T.ANY)
        items = [(self.value(k, key_type), self.value(v, value_type)) for k, v in value.items()]
        value.clear()
        value.update(items)
        return value

    def _tuple(self, value: tuple[Any, ...], type: T.Type) -> tuple[Any, ...]:
        elements: tuple[T.Type, ...] = (T.ANY,) * len(value)
        if isinstance(type, T.TupleType):
            if len(type.elements) != len(value):
                raise self.error(f"a tuple of {len(value)} stands where {type} should")
            elements = type.elements
        items = [self.value(item, element) for item, element in zip(value, elements)]
        made: tuple[Any, ...]
        if isinstance(type, T.NamedTupleType) and type.python_class is not None:
            made = type.python_class(*items)
        else:
            made = tuple(items)
            self.made[id(value)] = (value, made)
        return made

    def _enum_member(self, member: EnumMember) -> Any:
        try:
            type = self.importer.type_named(member.class_name)
        except CompileError as error:
            raise self.error(str(error)) from None
        if not isinstance(type, T.EnumType) or type.python_class is None:
            raise self.error(f"'{member.class_name}' is no enum")
        value = member.value
        if not isinstance(value, int | float | str):
            raise self.error(f"a {value.__class__.__name__} is no value of the enum '{member.class_name}'")
        try:
            return type.python_class(value)
        except ValueError:
            raise self.error(f"'{str(value)[:60]}' is no value of the enum '{member.class_name}'") from None

    # -- objects -------------------------------------------------------------------------------------------

    def object(self, source: ScriptObject) -> Any:
        known = self.made.get(id(source))
        if known is not None:
            return known[1]
        if self.make_object is None:
            return source
        if source.class_name.startswith(CUSTOM_CLASSES):
            made = self._custom(source)
        else:
            try:
                made = self._object(source, self.importer.class_named(source.class_name))
            except RecursionError:
                raise self.error("objects in data.pkl nest too deep") from None
        self.made[id(source)] = (source, made)
        return made

    def _object(self, source: ScriptObject, cls: T.ClassType) -> Any:
        assert self.make_object is not None
        if id(source) in self.unfinished:
            raise self.error(f"an object of '{cls}' contains itself")
        self.unfinished.add(id(source))
        method = cls.methods.get("__setstate__")
        if method is not None:
            arguments = method.schema.arguments
            if len(arguments) != 2:
                raise self.error(f"'__setstate__' of '{cls}' does not take one argument")
            state = self.value(source.state, arguments[1].type)
            if self.set_state is not None:
                return self.set_state(cls, state)
            made = self.make_object(cls, self._attributes(cls, source.beside or {}, partial=True))
            if self._interpreter is None:
                records = self.importer.records
                size = len(records.buffer) if isinstance(records, Container) else 0
                self._interpreter = LoadTimeInterpreter(records.name, size, self.make_object)
            self._interpreter.run(method, [made, state])
            return made
        if not isinstance(source.state, dict):
            raise self.error(f"an object of '{cls}' has no attributes")
        attributes = self._attributes(cls, source.state)
        self.unfinished.discard(id(source))
        return self.make_object(cls, attributes)

    def _attributes(
        self, cls: T.ClassType, state: dict[str, Any], *, partial: bool = False
    ) -> dict[str, Any]:
        """The attributes that a class declares; with `partial`, those of them that `state` has."""
        attributes: dict[str, Any] = {}
        for name, attribute in cls.attributes.items():
            try:
                value = state[name]
            except KeyError:
                if partial:
                    continue
                if isinstance(attribute.type, T.NoneType | T.OptionalType):
                    attributes[name] = None
                    continue
                raise self.error(f"an object of '{cls}' lacks the attribute '{name}'") from None
            if value.__class__ is ScriptObject:
                self._check_class(value, attribute.type)
                value = self.object(value)
            elif attribute.kind is T.AttributeKind.PARAMETER:
                value = self._parameter(value)
            else:
                value = self.value(value, attribute.type)
            attributes[name] = value
        return attributes

    def _check_class(self, value: ScriptObject, type: T.Type) -> None:
        """That an object is of the class that an attribute declares; an interface that it lacks shows when it is called."""
        declared = type.element if isinstance(type, T.OptionalType) else type
        if isinstance(declared, T.ClassType | T.CustomClassType):
            if declared.qualified_name != value.class_name:
                raise self.error(f"an object of '{value.class_name}' stands where the class declares {type}")
        elif isinstance(declared, T.InterfaceType) and declared.is_module:
            cls = self.importer.class_named(value.class_name)
            if not cls.is_module:
                raise self._mismatch(value, type)
            with contextlib.suppress(Error):  # of a signature that makes no sense
                declared.is_implemented_by(cls)  # which the interface remembers
        elif not isinstance(declared, T.InterfaceType | T.AnyType | T.UnionType):
            raise self._mismatch(value, type)

    def _parameter(self, value: Any) -> Any:
        """The tensor as a parameter: it becomes one, so that it is the same wherever else it stands.

        The weights of an LSTM are parameters, and in a list that its code reads.
        """
        if isinstance(value, torch.nn.Parameter) or value is None:
            return value
        if not isinstance(value, torch.Tensor):
            raise self._mismatch(value, T.TENSOR)
        value.__class__ = torch.nn.Parameter
        return value

    def _custom(self, source: ScriptObject) -> Any:
        """An object of a C++ class: quantised modules' are remade by the operators that packed them."""
        from .packed import unpack_custom

        state = self.value(source.state, T.ANY)
        try:
            return unpack_custom(source.class_name, state)
        except ArchiveError as error:
            raise self.error(str(error)) from None

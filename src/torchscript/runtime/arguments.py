"""Arguments at the border between Python and compiled code: bound and checked before anything runs."""

from __future__ import annotations

import enum
import inspect
import keyword
import numbers
import typing
from collections.abc import Callable
from typing import Any

import torch

from .. import types as T
from ..codegen.python.helpers import value_has_type
from ..codes import code_of
from ..errors import ArgumentError
from ..ir.graph import Function
from ..schema import Argument
from ..schema.model import NO_DEFAULT
from ..set_values import called_with_sets, holds_sets

Check = Callable[[Any], bool]


def _check_of(type: T.Type) -> Check:
    """Whether a Python value can be an argument of this type."""
    if isinstance(type, T.TensorType):
        return lambda v: isinstance(v, torch.Tensor)
    if isinstance(type, T.IntType):
        return lambda v: (
            v.__class__ is int
            or (isinstance(v, int | torch.dtype | torch.layout) and not isinstance(v, enum.Enum))
        )
    if isinstance(type, T.FloatType):
        return lambda v: isinstance(v, float | int)
    if isinstance(type, T.NumberType):
        return lambda v: isinstance(v, numbers.Number)
    if isinstance(type, T.AnyType | T.InterfaceType | T.PyObjectType):
        return lambda v: True
    if isinstance(type, T.OptionalType):
        inner = _check_of(type.element)
        return lambda v: v is None or inner(v)
    if isinstance(type, T.ListType):
        element = _check_of(type.element)
        return lambda v: isinstance(v, list | tuple) and all(map(element, v))
    if isinstance(type, T.SetType):
        item = _check_of(type.key)
        return lambda v: isinstance(v, set | frozenset) and all(map(item, v))
    if isinstance(type, T.DictType):
        key, value = _check_of(type.key), _check_of(type.value)
        return lambda v: isinstance(v, dict) and all(map(key, v)) and all(map(value, v.values()))
    if isinstance(type, T.TupleType):
        checks = [_check_of(t) for t in type.elements]
        return lambda v: (
            isinstance(v, tuple | list)
            and len(v) == len(checks)
            and all(c(x) for c, x in zip(checks, v, strict=True))
        )
    if isinstance(type, T.DeviceType):
        return lambda v: isinstance(v, torch.device | str)
    if isinstance(type, T.ClassType) and type.is_module:
        return lambda v: isinstance(v, torch.nn.Module)
    if isinstance(type, T.UnionType):
        members = [_check_of(m) for m in type.members]
        return lambda v: any(c(v) for c in members)
    return lambda v: value_has_type(v, type)


def _convert(type: T.Type, value: Any) -> Any:
    """A Python value as compiled code expects it."""
    if isinstance(type, T.OptionalType):
        return value if value is None else _convert(type.element, value)
    if isinstance(type, T.FloatType) and isinstance(value, int):
        return float(value)
    if isinstance(type, T.DeviceType) and isinstance(value, str):
        return torch.device(value)
    if isinstance(type, T.IntType) and isinstance(value, torch.dtype | torch.layout | torch.memory_format):
        return code_of(value)
    if isinstance(type, T.ListType) and isinstance(value, tuple):
        return list(value)
    if isinstance(type, T.TupleType) and not isinstance(type, T.NamedTupleType) and isinstance(value, list):
        return tuple(value)
    return value


def _stand_in(type: T.Type, value: Any, archived: bool) -> Any:
    """What is passed for a value that is not of the type itself but stands for one; None where none does."""
    if isinstance(type, T.OptionalType):
        type = type.element
    if isinstance(value, enum.Enum) and isinstance(type, T.EnumType) and type.python_class is not None:
        # an archive's enum has a class of its own
        return type.python_class[value.name] if (value.name, value.value) in type.members else None
    plain = _PLAIN.get(type.__class__)
    if plain is not None and not isinstance(value, torch.Tensor | bool):
        data = value.value if isinstance(value, enum.Enum) else value
        return plain[0](data) if plain[1](data) else None
    return _as_tensors(type, value) if archived else None


_PLAIN: dict[type[T.Type], tuple[Callable[[Any], Any], Callable[[Any], bool]]] = {
    T.IntType: (int, lambda v: isinstance(v, numbers.Integral)),
    T.FloatType: (float, lambda v: isinstance(v, numbers.Real)),
    T.StringType: (str, lambda v: isinstance(v, str)),
    T.BoolType: (bool, lambda v: type(v).__module__ == "numpy" and getattr(v, "dtype", None) == "bool"),
}
"""For values of other classes, numpy's and those of enums: what makes them plain, and which can be made so."""


def _as_tensors(type: T.Type, value: Any) -> Any:
    """An archive's function may know an argument as Tensors only because nobody annotated it: an int or a bool stands
    for a Tensor, a tensor for the list of its rows."""
    if isinstance(type, T.TensorType):
        return torch.tensor(value) if isinstance(value, int) and -(2**63) <= value < 2**63 else None
    rows = isinstance(type, T.ListType) and isinstance(type.element, T.TensorType)
    return list(value.unbind()) if rows and isinstance(value, torch.Tensor) and value.dim() > 0 else None


def _as_number(type: T.Type, value: Any) -> Any:
    """What callers give for a number, as torch.jit takes it: 0 or 1 for a bool, a tensor of one element (which has no
    gradient to lose) for its element."""
    if isinstance(type, T.OptionalType):
        type = type.element
    if isinstance(value, torch.Tensor) and value.numel() == 1 and not value.requires_grad:
        number = value.item()
        wanted = _EXACT.get(type.__class__)
        return wanted(number) if wanted in (int, float, bool) and not isinstance(number, complex) else None
    is_truth = isinstance(type, T.BoolType) and isinstance(value, numbers.Real) and value in (0, 1)
    return bool(value) if is_truth else None


def _needs_conversion(type: T.Type, archived: bool) -> bool:
    inner = type.element if isinstance(type, T.OptionalType) else type
    return (
        (archived and isinstance(inner, T.IntType))
        or isinstance(inner, T.FloatType | T.DeviceType | T.ListType)
        or type.__class__ is T.TupleType
        or (inner.__class__ is T.TupleType)
    )


_EXACT: dict[type[T.Type], type] = {
    T.TensorType: torch.Tensor, T.IntType: int, T.FloatType: float, T.BoolType: bool, T.StringType: str,
}  # fmt: skip
"""The class of which every value is an argument of the type as it is."""


class Signature:
    """Binds and checks the arguments of a compiled function."""

    def __init__(self, function: Function, skip: int = 0) -> None:
        schema = function.schema
        self.function = function
        self.name = function.name
        self.arguments: tuple[Argument, ...] = tuple(schema.arguments[skip:])
        self.count = len(self.arguments)
        self.checks = [_check_of(a.type) for a in self.arguments]
        # An archive does not say whether an argument was annotated, and no call can type it any more. Dtypes are ints there.
        self.archived = function.python_function is None
        self.has_sets = any(map(holds_sets, (schema.return_type, *(a.type for a in self.arguments))))
        self.converts = [i for i, a in enumerate(self.arguments) if _needs_conversion(a.type, self.archived)]
        self.exact = tuple(_EXACT.get(a.type.__class__) for a in self.arguments)  # classes that need no check
        if self.has_sets:
            self.exact = (None,)

    def for_python(self) -> inspect.Signature:
        """The same for `inspect.signature`, which torch.export and ONNX's exporter ask for names."""
        kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        return inspect.Signature(
            [
                inspect.Parameter(
                    a.name,
                    kinds[a.kwarg_only],
                    default=a.default if a.has_default else inspect.Parameter.empty,
                )
                for a in self.arguments
                if a.name.isidentifier() and not keyword.iskeyword(a.name)
            ]
        )

    def bind(self, positional: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
        """The arguments in order, defaults filled in. ArgumentError where they do not fit."""
        if not named and tuple(map(type, positional)) == self.exact:  # most calls
            return positional
        if named or len(positional) != self.count:
            positional = self._fill(positional, named)
        for check, value in zip(self.checks, positional, strict=True):
            if not check(value):
                return self._converted(positional)
        if self.converts:
            values = list(positional)
            for i in self.converts:
                values[i] = _convert(self.arguments[i].type, values[i])
            return tuple(values)
        return positional

    def run(self, call: Callable[..., Any], values: tuple[Any, ...]) -> Any:
        """`call(*values)` with dicts for sets, where the function takes or returns some."""
        if not self.has_sets:
            return call(*values)
        types = [a.type for a in self.arguments]
        return called_with_sets(call, values, types, self.function.schema.return_type)

    def _converted(self, positional: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments with what they stand for. ArgumentError where one stands for nothing that fits."""
        values = []
        for check, argument, value in zip(self.checks, self.arguments, positional, strict=True):
            if not check(value):
                found = _stand_in(argument.type, value, self.archived)
                if found is None and self._is_said(argument):
                    found = _as_number(argument.type, value)
                if found is None:
                    raise self._mismatch(argument, value)
                value = found
            values.append(value)
        return self.bind(tuple(values), {})

    def _is_said(self, argument: Argument) -> bool:
        """Whether the type of the argument is what somebody wrote, as far as one can know."""
        return self.archived or argument.name in getattr(self.function.python_function, "__annotations__", {})

    def _fill(self, positional: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
        if len(positional) > self.count:
            raise ArgumentError(
                f"'{self.name}' takes {self.count} arguments, but {len(positional)} are given.\n{self._declaration()}"
            )
        values = list(positional)
        rest = dict(named)
        for argument in self.arguments[: len(positional)]:
            if argument.name in rest:
                raise ArgumentError(
                    f"'{self.name}' gets the argument '{argument.name}' twice.\n{self._declaration()}"
                )
        for argument in self.arguments[len(positional) :]:
            if argument.name in rest:
                values.append(rest.pop(argument.name))
            elif argument.default is not NO_DEFAULT:
                values.append(argument.default)
            else:
                raise ArgumentError(
                    f"'{self.name}' is called without '{argument.name}'.\n{self._declaration()}"
                )
        if rest:
            raise ArgumentError(f"'{self.name}' has no argument '{next(iter(rest))}'.\n{self._declaration()}")
        return tuple(values)

    def _declaration(self) -> str:
        shown = ", ".join(f"{a.name}: {a.type.annotation()}" for a in self.arguments)
        return f"Declaration: {self.name}({shown})"

    def _hint(self, argument: Argument) -> str:
        """A note where the argument is a Tensor only because nothing says what else it is."""
        annotations = getattr(self.function.python_function, "__annotations__", None)
        if annotations is None or not isinstance(argument.type, T.TensorType):
            return ""
        if argument.name not in annotations:
            return f"\n'{argument.name}' has no annotation, so it is a Tensor. Annotate it, or compile with example_inputs=."
        if annotations[argument.name] in (dict, list, tuple, typing.Dict, typing.List, typing.Tuple):  # noqa: UP006
            return f"\nThe annotation of '{argument.name}' does not say what it contains: write Dict[str, int] or the like."
        return ""

    def _mismatch(self, argument: Argument, value: Any) -> ArgumentError:
        kind = type(value).__name__
        detail = f" ({value!r})" if isinstance(value, int | float | str | bool) else ""
        if isinstance(argument.type, T.ListType) and isinstance(value, list):
            wrong = (i for i, v in enumerate(value) if not value_has_type(v, argument.type.element))
            index = next(wrong, None)
            if index is not None:
                detail = f" with {_article(type(value[index]).__name__)} at index {index}"
        return ArgumentError(
            f"'{self.name}' expects a value of type '{argument.type.annotation()}' for the argument "
            f"'{argument.name}', but it got {_article(kind)}{detail}.\n{self._declaration()}"
            + self._hint(argument)
        )


def _article(kind: str) -> str:
    return "None" if kind == "NoneType" else f"{'an' if kind[:1] in 'aeiou' else 'a'} {kind}"

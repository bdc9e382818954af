"""From Python annotations (objects, strings, syntax trees, type comments) to static types."""

from __future__ import annotations

import ast
import builtins
import collections
import dataclasses
import enum
import inspect
import re
import types as python_types
import typing
from collections.abc import Callable, Mapping
from typing import Any

import torch

from .. import types as T
from ..errors import CompileError
from ..source import SourceRange
from ..types.of_values import TYPE_OF_CLASS

PLAIN_TYPES: dict[Any, T.Type] = {
    **TYPE_OF_CLASS,
    None: T.NONE,
    torch.Size: T.ListType(T.INT),
    torch.qscheme: T.QSCHEME,
    torch.Stream: T.STREAM,
    Any: T.ANY,
    object: T.ANY,
    list: T.ListType(T.TENSOR),
    inspect.Parameter.empty: T.TENSOR,
}

TYPING_NAMES: dict[str, Any] = {
    **{
        n: getattr(typing, n)
        for n in ("List", "Dict", "Tuple", "Optional", "Union", "Any", "NamedTuple", "Final")
    },
    "Tensor": torch.Tensor,
    "torch": torch,
    "Device": torch.device,
}
"""What type comments may name without an import, as PyTorch has it."""

_TENSOR_CLASSES = (
    "FloatTensor",
    "LongTensor",
    "IntTensor",
    "BoolTensor",
    "DoubleTensor",
    "ByteTensor",
    "HalfTensor",
)
for _name in _TENSOR_CLASSES:
    PLAIN_TYPES[getattr(torch, _name)] = T.TENSOR


_BROADCASTING = re.compile(r"(?:torch\._jit_internal\.)?BroadcastingList(\d)")


def broadcast_size(annotation: ast.expr | str | None) -> int | None:
    """N of `BroadcastingListN[int]`: an int there stands for N of it."""
    if annotation is None:
        return None
    text = annotation if isinstance(annotation, str) else ast.unparse(annotation)
    found = _BROADCASTING.search(text)
    return int(found[1]) if found else None


_MAPPINGS = (
    dict, collections.OrderedDict, collections.defaultdict, collections.abc.Mapping, collections.abc.MutableMapping,
)  # fmt: skip


class NotATypeError(CompileError):
    """An annotation that means no static type; `value` is the Python object that it is, where there is one."""

    value: Any = None


def qualified_name(obj: Any) -> str:
    """The name that archives give a Python class or function: `__torch__.package.module.Name`."""
    module = getattr(obj, "__module__", None) or "__main__"
    name = getattr(obj, "__qualname__", None) or getattr(obj, "__name__", None) or type(obj).__qualname__
    name = name.replace("<locals>.", "").replace("<lambda>", "_lambda").replace("<", "_").replace(">", "_")
    if module == "torch._classes" or module.startswith("torch._classes"):
        return f"__torch__.{name}"
    name = name.rpartition(".")[2]
    if module.startswith("__torch__"):
        return f"{module}.{name}"
    module = "__main__" if module == "__main__" else module
    return f"__torch__.{module}.{name}"


class TypeResolver:
    """Turns annotations into types; `class_type` makes or finds the type of a user's class."""

    def __init__(self, class_type: Callable[[type], T.Type | None]) -> None:
        self._class_type = class_type

    def type_of_annotation(self, annotation: Any, where: SourceRange | None = None) -> T.Type:
        """The static type that a Python annotation object means; `NotATypeError` where it means none."""
        try:
            plain = PLAIN_TYPES.get(annotation)
        except TypeError:
            plain = None
        if plain is not None:
            return plain
        if isinstance(annotation, T.Type):
            return annotation
        origin = typing.get_origin(annotation)
        arguments = typing.get_args(annotation)
        if origin in (list, dict, set) and not arguments:
            annotation = origin  # typing.Dict without what it contains
        elif origin is not None:
            found = self._generic(origin, arguments, where)
            if found is not None:
                return found
        if annotation in (list, tuple, dict, set):
            raise NotATypeError(
                f"'{_spell(annotation)}' does not say what it contains.",
                where,
                notes=(
                    "Write the contained types, such as List[Tensor], Tuple[int, Tensor] or Dict[str, int].",
                ),
            )
        if isinstance(annotation, typing.TypeVar) and annotation.__bound__ is not None:
            return self.type_of_annotation(annotation.__bound__, where)
        if isinstance(annotation, typing.NewType):
            return self.type_of_annotation(annotation.__supertype__, where)
        if isinstance(annotation, type):
            if issubclass(annotation, torch.Tensor):
                return T.TENSOR
            made = self._class_type(annotation)
            if made is not None:
                return made
        problem = NotATypeError(f"'{_spell(annotation)}' is not a type of the language.", where)
        problem.value = annotation
        raise problem

    def _generic(self, origin: Any, arguments: tuple[Any, ...], where: SourceRange | None) -> T.Type | None:
        def of(argument: Any) -> T.Type:
            return self.type_of_annotation(argument, where)

        if origin in (
            list,
            collections.abc.Sequence,
            collections.abc.Iterable,
            collections.abc.MutableSequence,
        ):
            return T.ListType(of(arguments[0]))
        if origin is collections.Counter:
            return T.DictType(of(arguments[0]), T.INT)
        if origin in _MAPPINGS:
            key = of(arguments[0])
            if isinstance(key, T.ListType | T.DictType | T.OptionalType):
                raise CompileError(
                    f"The keys of a dict are int, float, bool, complex, str or Tensor, not {key.annotation()}.",
                    where,
                )
            return T.DictType(key, of(arguments[1]))
        if origin in (set, frozenset, collections.abc.Set, collections.abc.MutableSet):
            return T.SetType(of(arguments[0]))
        if origin is tuple:
            if arguments in ((), ((),)):
                return T.TupleType(())
            if len(arguments) == 2 and arguments[1] is Ellipsis:
                return T.ListType(of(arguments[0]))
            return T.TupleType(tuple(of(a) for a in arguments))
        if origin is typing.Union or origin is python_types.UnionType:
            return T.union(*(of(a) for a in arguments))
        if origin in (typing.Final, typing.ClassVar, typing.Annotated):
            return of(arguments[0])
        if origin is typing.Literal:
            return T.union(*(of(type(a)) for a in arguments))
        if getattr(origin, "__name__", "") == "Future":
            return T.FutureType(of(arguments[0]))
        return None

    def evaluate(
        self, annotation: ast.expr | str, names: Mapping[str, Any], where: SourceRange | None
    ) -> tuple[T.Type, Any]:
        """The type that annotation text means, and the Python object it evaluates to."""
        text = annotation if isinstance(annotation, str) else ast.unparse(annotation)
        if "BroadcastingList" in text:
            text = _BROADCASTING.sub("List", text)
            names = {**names, "List": list}
        try:
            value = eval(text, dict(names))
        except Exception as error:
            try:
                value = eval(text, {**TYPING_NAMES, **names})
            except Exception:
                raise NotATypeError(f"The annotation '{text}' cannot be evaluated: {error}.", where) from None
        if isinstance(value, str):
            return self.evaluate(value, names, where)
        if isinstance(value, typing.ForwardRef):
            return self.evaluate(value.__forward_arg__, names, where)
        return self.type_of_annotation(_resolve_forward(value, names), where), value


def _resolve_forward(value: Any, names: Mapping[str, Any]) -> Any:
    """`value` with the string references inside it evaluated."""
    arguments = typing.get_args(value)
    if not any(isinstance(a, typing.ForwardRef | str) or typing.get_args(a) for a in arguments):
        return value
    if typing.get_origin(value) is typing.Literal:
        return value
    resolved = []
    for argument in arguments:
        text = argument.__forward_arg__ if isinstance(argument, typing.ForwardRef) else argument
        if isinstance(text, str):
            try:
                argument = eval(text, {**TYPING_NAMES, **names})
            except Exception:
                return value
        resolved.append(_resolve_forward(argument, names))
    try:
        if isinstance(value, python_types.UnionType):
            return typing.Union[tuple(resolved)]  # noqa: UP007  # built from a runtime tuple
        return (
            value.copy_with(tuple(resolved))
            if hasattr(value, "copy_with")
            else value.__origin__[tuple(resolved)]
        )
    except (TypeError, AttributeError):
        return value


def _spell(annotation: Any) -> str:
    if isinstance(annotation, type):
        return annotation.__qualname__
    return str(annotation)


def is_named_tuple(cls: Any) -> bool:
    """Whether `cls` is a NamedTuple class (collections or typing)."""
    return isinstance(cls, type) and issubclass(cls, tuple) and hasattr(cls, "_fields")


def is_final(annotation: Any) -> bool:
    """Whether an annotation object or text says `Final`."""
    if isinstance(annotation, str):
        return annotation.partition("[")[0].rpartition(".")[2].strip() == "Final"  # of whichever module
    return annotation is typing.Final or typing.get_origin(annotation) is typing.Final


def split_type_comment(comment: str) -> tuple[list[str] | None, str]:
    """`(int, Tuple[Tensor, Tensor]) -> Tensor` as argument texts (None for `(...)`) and the result's text."""
    tree = ast.parse(comment.strip(), mode="func_type")
    assert isinstance(tree, ast.FunctionType)
    if (
        len(tree.argtypes) == 1
        and isinstance(tree.argtypes[0], ast.Constant)
        and tree.argtypes[0].value is Ellipsis
    ):
        return None, ast.unparse(tree.returns)
    return [ast.unparse(a) for a in tree.argtypes], ast.unparse(tree.returns)


def names_in_scope(globals_: Mapping[str, Any], closure: Mapping[str, Any]) -> dict[str, Any]:
    """What an annotation may name: builtins, the module's globals, the closure."""
    return {**vars(builtins), **globals_, **closure}


def is_dataclass(cls: type) -> bool:
    return dataclasses.is_dataclass(cls)


def is_enum(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, enum.Enum)

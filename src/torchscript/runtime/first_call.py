"""Arguments that nobody annotated, typed by the values of a call.

`script` takes an unannotated argument for a Tensor, as PyTorch does. A call that brings something else (an int, a
list, a function, None, more positional arguments for `*args`) compiles the function once more for what it brings.
"""

from __future__ import annotations

import ast
import inspect
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import torch

from .. import types as T
from ..errors import ArgumentError, CompileError
from ..frontend.function_calls import Identity
from ..frontend.program import Program
from ..frontend.sources import function_source
from .function import ScriptFunction

Examples = dict[str, Any]
Compile = Callable[[Examples], ScriptFunction]


def has_open_arguments(function: Any) -> bool:
    """Whether a call can say more about the types of a function's arguments than its own text does."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(p.annotation is inspect.Parameter.empty for p in parameters)


def speaks_of_other_types(function: Any) -> bool:
    """Whether a function's text treats an argument without annotation as something that no Tensor is: calls it,
    compares it with text, looks a name up in it; or takes `*args`."""
    try:
        tree = function_source(function).tree
        parameters = inspect.signature(function).parameters.values()
    except (CompileError, TypeError, ValueError):
        return False
    is_open = {p.name for p in parameters if p.annotation is p.default is inspect.Parameter.empty}
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters):
        return True

    def names(node: ast.AST) -> bool:
        return isinstance(node, ast.Name) and node.id in is_open

    def is_text(node: ast.AST) -> bool:
        parts = node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else [node]
        return any(map(_is_text, parts))

    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and names(node.func):
            return True
        if isinstance(node, ast.Compare) and names(node.left) and any(map(is_text, node.comparators)):
            return True
        if isinstance(node, ast.BinOp) and any(map(names, (node.left, node.right))):
            if any(map(is_text, (node.left, node.right))):  # name + ".weight"
                return True
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
            if names(node.comparators[0]):
                return True
        if isinstance(node, ast.Subscript) and names(node.value) and is_text(node.slice):
            return True
        if isinstance(node, ast.Attribute) and names(node.value) and not hasattr(torch.Tensor, node.attr):
            if any(hasattr(kind, node.attr) for kind in (str, list, dict, set)):
                return True
    return False


def _is_text(node: ast.AST) -> bool:
    """Whether an expression can only be a str: `"a"`, `f"{n}"`, `str(n)`."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "str"
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


MOST_ARGUMENTS = 4
"""How many Tensors `*args` is tried with before the first call."""


def arities(function: Any, missing: list[str]) -> Iterator[Examples]:
    """What `*args` and `**kwargs` may stand for, where a function passes them on: the arguments that are `missing`
    there, by name; one Tensor, two, …"""
    try:
        tree = function_source(function).tree
    except CompileError:
        return
    spread = [n.value for n in ast.walk(tree) if isinstance(n, ast.Starred)]
    spread += [n.value for n in ast.walk(tree) if isinstance(n, ast.keyword) and n.arg is None]
    names = {n.id for n in spread if isinstance(n, ast.Name)}
    rest, named = tree.args.vararg, tree.args.kwarg
    if missing and named is not None and named.arg in names:
        yield {named.arg: dict.fromkeys(missing, T.TENSOR)}
    if rest is not None and rest.arg in names:
        for count in range(1, MOST_ARGUMENTS + 1):
            yield {rest.arg: (T.TENSOR,) * count}


def example_of(program: Program, value: Any) -> Any:
    """The type of a value, or the value itself where it is no data (a function, a class)."""
    if isinstance(value, set | frozenset):
        element = program.type_of_object(list(value)) if value else T.ListType(T.INT)
        return T.SetType(element.element) if isinstance(element, T.ListType) else Identity(value)
    type_ = program.type_of_object(value)
    return type_ if type_ is not None else Identity(value)


def bind(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call by the names that compiled code gives them: `*args` become args_0, args_1, …"""
    signature = inspect.signature(function)
    found: dict[str, Any] = {}
    for name, value in signature.bind(*args, **kwargs).arguments.items():
        kind = signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            found.update({f"{name}_{i}": v for i, v in enumerate(value)})
        elif kind is inspect.Parameter.VAR_KEYWORD:
            found.update(value)
        else:
            found[name] = value
    return found


def examples_of(program: Program, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Examples:
    """What a call says about each parameter: a type, a constant, or those of all that `*args` and `**kwargs` take."""
    signature = inspect.signature(function)
    found: Examples = {}
    for name, value in signature.bind(*args, **kwargs).arguments.items():
        kind = signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            found[name] = tuple(example_of(program, v) for v in value)
        elif kind is inspect.Parameter.VAR_KEYWORD:
            found[name] = {k: example_of(program, v) for k, v in value.items()}
        else:
            found[name] = example_of(program, value)
    return found


class ByCall:
    """The variants of a function, one for each combination of types that it was called with."""

    def __init__(self, function: Any, compile: Compile) -> None:
        self.function = function
        self.compile = compile
        self.variants: dict[Any, ScriptFunction] = {}

    def variant(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[ScriptFunction, dict[str, Any]]:
        """The function for these arguments, and the arguments that it takes, by name."""
        try:
            examples = examples_of(Program(), self.function, args, kwargs)
        except TypeError as error:
            raise ArgumentError(str(error)) from None
        key = tuple((n, tuple(e.items()) if isinstance(e, dict) else e) for n, e in examples.items())
        found = self.variants.get(key)
        if found is None:
            found = self.variants[key] = self.compile(examples)
        names = {argument.name for argument in found._ts_function.schema.arguments}
        values = bind(self.function, args, kwargs)
        return found, {name: value for name, value in values.items() if name in names}


class ScriptFunctionByCall(ScriptFunction):
    """A function with arguments that nobody annotated. `first` is it compiled for Tensors, or why that fails."""

    def __init__(self, function: Any, compile: Compile, first: ScriptFunction | CompileError) -> None:
        self._by_call = ByCall(function, compile)
        self._ran = False
        if isinstance(first, ScriptFunction):
            super().__init__(first._ts_function)
            return
        self._error = first
        self._unlink()
        self._torchscript_original = function
        self.__name__ = getattr(function, "__name__", "lambda")
        self.__doc__ = function.__doc__

    def __getattr__(self, name: str) -> Any:
        if name == "_ts_function" and "_error" in self.__dict__:
            raise CompileError(
                f"'{self.__name__}' has arguments without annotations that are no Tensors, so it is compiled when it is "
                "first called. Call it before, annotate them, or pass example_inputs= to script.\n"
                + str(self._error)
            )
        raise AttributeError(name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if "_ts_function" in self.__dict__:
            try:
                result = super().__call__(*args, **kwargs)
                self._ran = True
                return result
            except ArgumentError as error:
                if self._fits(args, kwargs) or not _takes(self._torchscript_original, args, kwargs):
                    raise
                refused: ArgumentError | None = error
        else:
            refused = None
        try:
            function, values = self._by_call.variant(args, kwargs)
        except CompileError as error:
            if refused is None:
                raise
            raise refused from error
        if not self._ran:  # the first call says what the function is
            self._ran = True
            self._ts_function = function._ts_function
            self._unlink()
        return function(**values)

    def _fits(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether the present variant takes the arguments, so that the error came from the code itself."""
        assert self._signature is not None
        try:
            self._signature.bind(args, kwargs)
        except ArgumentError:
            return False
        return True


def _takes(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    try:
        inspect.signature(function).bind(*args, **kwargs)
    except TypeError:
        return False
    return True


# -- modules -----------------------------------------------------------------------------------------------------

_ORIGINALS: weakref.WeakKeyDictionary[Any, tuple[torch.nn.Module, Callable[[Any], Any]]] = (
    weakref.WeakKeyDictionary()
)
"""For ScriptModules whose forward has open arguments: the module, and what compiles it for example inputs."""


def remember(scripted: Any, module: torch.nn.Module, compile: Callable[[Any], Any]) -> None:
    if has_open_arguments(type(module).forward):
        _ORIGINALS[scripted] = (module, compile)


def retype(scripted: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Compile a module's forward for these arguments, in place; whether it was done."""
    found = _ORIGINALS.pop(scripted, None)
    if found is None or kwargs:
        return False
    module, compile = found
    for path, buffer in scripted.named_buffers():  # they may have moved since
        owner, _, name = path.rpartition(".")
        module.get_submodule(owner)._buffers[name] = buffer
    try:
        made = compile([args])
    except CompileError:
        return False
    scripted.__class__ = type(made)
    scripted.__dict__["_modules"] = made._modules
    return True

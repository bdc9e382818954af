"""What a function's annotations, type comments and defaults say about its parameters."""

from __future__ import annotations

import ast
import typing
from typing import TYPE_CHECKING, Any

import torch

from .. import types as T
from ..errors import CompileError
from .annotations import NotATypeError, names_in_scope, split_type_comment
from .emitter import Emitter
from .scopes import Scope
from .sources import FunctionSource
from .values import Static

if TYPE_CHECKING:
    from .program import Program


def evaluate_annotation(e: Emitter, annotation: ast.expr | str, node: ast.AST) -> T.Type:
    names = names_in_scope(e.source.globals, e.source.names)
    scope: Scope | None = e.scope
    while scope is not None:
        for key, val in scope.names.items():
            if isinstance(val, Static) and val.type is None:
                names.setdefault(key, val.object)
        scope = scope.parent
    return e.program.resolver.evaluate(annotation, names, e.where(node))[0]


def annotated_type(e: Emitter, node: ast.AnnAssign) -> T.Type | None:
    """The type that the annotation of a variable means; None where it is a class of modules."""
    try:
        return evaluate_annotation(e, node.annotation, node)
    except NotATypeError as error:
        if isinstance(error.value, type) and issubclass(error.value, torch.nn.Module):
            return None
        raise


def declared_types(program: Program, source: FunctionSource) -> dict[str, T.Type]:
    """The annotated types of a function's parameters, and of its result under 'return'."""
    key = source.tree
    found = program.declared.get(key)
    if found is None:
        found = program.declared[key] = _declare(program, source)
    return found


def _declare(program: Program, source: FunctionSource) -> dict[str, T.Type]:
    tree = source.tree
    if isinstance(tree, ast.Lambda):
        return {}
    names = names_in_scope(source.globals, source.names)
    declared: dict[str, T.Type] = {}
    arguments = [*tree.args.posonlyargs, *tree.args.args]
    if tree.type_comment is not None and "->" in tree.type_comment:
        texts, result = split_type_comment(tree.type_comment)
        own = [a.arg for a in [*arguments, *tree.args.kwonlyargs]]
        if texts is not None:
            if len(own) == len(texts) + 1:
                own = own[1:]  # self
            if len(own) != len(texts):
                raise CompileError(
                    f"The type comment of '{tree.name}' has {len(texts)} arguments, but the function has {len(own)}.",
                    source.span(tree),
                )
            for name, text in zip(own, texts, strict=True):
                declared[name] = program.resolver.evaluate(text, names, source.span(tree))[0]
        declared["return"] = program.resolver.evaluate(result, names, source.span(tree))[0]
        return declared
    nones = _default_none(tree.args)  # `x: Tensor = None` says Optional[Tensor]
    for argument in [*arguments, *tree.args.kwonlyargs]:
        annotation: Any = argument.annotation if argument.annotation is not None else argument.type_comment
        if annotation is not None:
            found = _annotation(program, source, annotation, names, argument)
            if found is not None:
                if argument.arg in nones and not T.NONE.is_subtype_of(found):
                    program.implicit.add((tree, argument.arg))
                    found = T.optional(found)
                declared[argument.arg] = found
    if tree.returns is not None:
        found = _annotation(program, source, tree.returns, names, tree.returns)
        if found is not None:
            declared["return"] = found
    return declared


def _annotation(
    program: Program,
    source: FunctionSource,
    annotation: ast.expr | str,
    names: dict[str, Any],
    node: ast.AST,
) -> T.Type | None:
    """The type of an annotation; None for one that says nothing (Any, a callable, a module)."""
    try:
        found, value = program.resolver.evaluate(annotation, names, source.span(node))
    except NotATypeError:
        return None
    if value is typing.Any or value is list or value is object:
        return None if value is not typing.Any else T.ANY
    return found


def _default_none(args: ast.arguments) -> set[str]:
    """The parameters whose default is None."""
    ordered = [*args.posonlyargs, *args.args]
    pairs = [*zip(ordered[len(ordered) - len(args.defaults) :], args.defaults, strict=True)]
    pairs.extend((a, d) for a, d in zip(args.kwonlyargs, args.kw_defaults, strict=True) if d is not None)
    return {a.arg for a, d in pairs if isinstance(d, ast.Constant) and d.value is None}

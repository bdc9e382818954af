"""Calls in archived code: operators, functions, methods, classes, and the few words of the language itself.

torch.add(x, y)                     aten::add
ops.quantized.linear(x, w, s, z)    quantized::linear
__torch__.helper(x, 3, )            prim::CallFunction
(self.conv).forward(x, )            prim::CallMethod
__torch__.Point(x, y)               prim::TupleConstruct
__torch__.A.__new__(__torch__.A)    prim::CreateObject
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import torch

from ... import types as T
from ...ir.graph import Function, Value
from ...operators.custom_classes import method_schema
from ...operators.dispatcher import schemas_of
from ...schema import Argument, Schema
from .operators import Operators

# The functions of Python that archived code calls by name.
_BUILTINS: dict[str, str] = {
    "abs": "prim::abs",
    "all": "aten::all",
    "any": "aten::any",
    "bin": "aten::bin",
    "chr": "aten::chr",
    "dict": "aten::dict",
    "divmod": "aten::divmod",
    "hash": "aten::hash",
    "hex": "aten::hex",
    "len": "aten::len",
    "list": "aten::list",
    "max": "prim::max",
    "min": "prim::min",
    "oct": "aten::oct",
    "ord": "aten::ord",
    "pow": "aten::pow",
    "rangelist": "prim::rangelist",
    "round": "aten::round",
    "sorted": "aten::sorted",
    "sum": "aten::sum",
    "wait": "aten::wait",
    "awaitable_wait": "prim::awaitable_wait",
}

_CASTS: dict[str, tuple[str, T.Type]] = {
    "bool": ("aten::Bool", T.BOOL),
    "int": ("aten::Int", T.INT),
    "float": ("aten::Float", T.FLOAT),
    "complex": ("aten::Complex", T.COMPLEX),
    "str": ("aten::str", T.STRING),
}

_ANY_OF_KIND: dict[str, T.Type] = {"list": T.ListType(T.ANY), "tuple": T.TupleType(())}


class Calls(Operators):
    """Builds calls. Values of arguments are built by `value`, which expressions define."""

    def value(self, node: ast.expr, hint: T.Type | None = None) -> Value:
        raise NotImplementedError

    def global_path(self, node: ast.expr) -> str | None:
        raise NotImplementedError

    def call(self, node: ast.Call, hint: T.Type | None = None) -> Value:
        """The one result of a call."""
        results = self.call_results(node, hint)
        if len(results) == 1:
            return results[0]
        if not results:
            return self.none()
        types = tuple(result.type for result in results)
        return self.emit("prim::TupleConstruct", results, (T.TupleType(types),)).output

    def call_results(self, node: ast.Call, hint: T.Type | None = None) -> list[Value]:
        """The results of a call: several for an operator that returns several."""
        function = node.func
        outer, self.here = self.here, self.span(node)
        try:
            if isinstance(function, ast.Name):
                return self._call_name(function, node, hint)
            if isinstance(function, ast.Attribute):
                path = self.global_path(function)
                if path is None:
                    return self._call_method(self.value(function.value), function.attr, node, hint)
                return self._call_path(path, node)
            raise self.error("this cannot be called", function)
        finally:
            self.here = outer

    # -- what is called ----------------------------------------------------------------------------------

    def _call_name(self, function: ast.Name, node: ast.Call, hint: T.Type | None) -> list[Value]:
        name = function.id
        variable = self.scope.get(name)
        if variable is not None:
            constant = variable.node
            if variable.type == T.FUNCTION and constant is not None and "function" in constant.attributes:
                return [self._call_function(constant.attributes["function"], node, variable)]
            raise self.error(f"'{name}' is a value of type {variable.type}, which cannot be called", function)
        word = _WORDS.get(name)
        if word is not None:
            return [word(self, node, hint)]
        cast = _CASTS.get(name)
        if cast is not None:
            positional, named = self._arguments(node)
            if len(positional) == 1 and positional[0].type == cast[1] and not named:
                return positional
            return self.operator_results(cast[0], positional, named, node)
        operator = _BUILTINS.get(name)
        if operator is not None:
            positional, named = self._arguments(node)
            return self.operator_results(operator, positional, named, node)
        raise self.error(f"'{name}' is not defined", function)

    def _call_path(self, path: str, node: ast.Call) -> list[Value]:
        root, _, rest = path.partition(".")
        if root == "ops":
            namespace, _, name = rest.partition(".")
            special = _PRIMITIVES.get(name) if namespace == "prim" else None
            if special is not None:
                return special(self, node)
            return self._call_operator(_RENAMED.get((namespace, name), f"{namespace}::{name}"), node)
        if root == "torch":
            if rest == "device" and len(node.args) == 1 and isinstance(node.args[0], ast.Constant):
                device: Any = node.args[0].value
                try:
                    return [self.constant(torch.device(device), T.DEVICE)]
                except (RuntimeError, TypeError):
                    raise self.error(f"{device!r} is not a device", node) from None
            if rest == "_unwrap_optional" and (never := self._unwrapped_none(node)) is not None:
                return [never]
            return self._call_operator(f"aten::{rest.rpartition('.')[2]}", node)
        if root == "__torch__":
            return [self._call_archived(path, node)]
        raise self.error(f"'{path}' cannot be called", node)

    def _call_operator(self, name: str, node: ast.Call) -> list[Value]:
        positional, named = self._arguments(node)
        return self.operator_results(name, positional, named, node)

    def _call_archived(self, path: str, node: ast.Call) -> Value:
        importer = self.importer
        function = importer.function_named(path)
        if function is not None:
            attributes = {"name": function.name, "function": function}
            callee = self.emit("prim::Constant", (), (T.FUNCTION,), attributes).output
            return self._call_function(function, node, callee)
        owner, _, last = path.rpartition(".")
        if last == "__new__":
            cls = importer.type_named(owner)
            if isinstance(cls, T.ClassType):
                return self.emit("prim::CreateObject", (), (cls,)).output
        if importer.find(path) is None:
            raise self.error(f"the archive does not define '{path}'", node)
        type = importer.type_named(path)
        if isinstance(type, T.NamedTupleType):
            schema = Schema(
                path,
                "",
                tuple(Argument(n, t) for n, t in zip(type.field_names, type.elements)),
                (Argument("", type),),
            )
            values = self._bound(schema, [], node)
            return self.emit("prim::TupleConstruct", values, (type,)).output
        if isinstance(type, T.ClassType):
            made = self.emit("prim::CreateObject", (), (type,)).output
            self._call_method(made, "__init__", node, None)
            return made
        raise self.error(f"'{path}' cannot be called", node)

    # -- functions and methods ---------------------------------------------------------------------------

    def _call_function(self, function: Function, node: ast.Call, callee: Value) -> Value:
        schema = function.schema
        inputs = self._bound(schema, [], node)
        return self.emit(
            "prim::CallFunction", [callee, *inputs], (schema.return_type,), {"function": function}
        ).output

    def _call_method(self, owner: Value, name: str, node: ast.Call, hint: T.Type | None) -> list[Value]:
        schema: Schema | None = None
        match owner.type:
            case T.ClassType() as cls:
                method = cls.method(name)
                schema = method.schema if method is not None else None
            case T.InterfaceType(methods=methods):
                schema = methods.get(name)
            case T.CustomClassType() as custom:
                schema = method_schema(custom, name)
            case T.TensorType() if name == "tolist":
                return [self._to_list(owner, hint, node)]
            case _:
                positional, named = self._arguments(node)
                return self.operator_results(f"aten::{name}", [owner, *positional], named, node)
        if schema is None:
            raise self.error(f"'{owner.type}' has no method '{name}'", node)
        inputs = self._bound(schema, [owner], node)
        return self.emit("prim::CallMethod", inputs, (schema.return_type,), {"name": name}).outputs

    def _bound(self, schema: Schema, first: list[Value], node: ast.Call) -> list[Value]:
        """The arguments of a call of a compiled function, one for each of its parameters."""
        arguments = schema.arguments
        given = len(first) + len(node.args)
        if given > len(arguments):
            raise self.error(f"'{schema.name}' takes {len(arguments)} arguments, and {given} are given", node)
        values = list(first)
        for argument, expression in zip(arguments[len(first) :], node.args):
            values.append(self.converted(self.value(expression, argument.type), argument.type, node))
        named = {keyword.arg or "**": keyword.value for keyword in node.keywords}
        for argument in arguments[given:]:
            given_by_name = named.pop(argument.name, None)
            if given_by_name is not None:
                value = self.value(given_by_name, argument.type)
                values.append(self.converted(value, argument.type, node))
            elif argument.has_default:
                values.append(self.literal_value(argument.default, argument.type))
            else:
                raise self.error(f"the argument '{argument.name}' of '{schema.name}' is missing", node)
        if named:
            raise self.error(f"'{schema.name}' has no argument '{next(iter(named))}'", node)
        return values

    def _arguments(self, node: ast.Call) -> tuple[list[Value], dict[str, Value]]:
        positional = [self.value(argument) for argument in node.args]
        named: dict[str, Value] = {}
        for keyword in node.keywords:
            if keyword.arg is None:
                raise self.error("'**' is not in the language of archives", node)
            named[keyword.arg] = self.value(keyword.value)
        return positional, named

    # -- words of the language ---------------------------------------------------------------------------

    def _sole_arguments(self, node: ast.Call, count: int) -> list[ast.expr]:
        if len(node.args) != count or node.keywords:
            raise self.error(f"this takes {count} arguments", node)
        return node.args

    def _annotate(self, node: ast.Call, hint: T.Type | None) -> Value:
        annotation, expression = self._sole_arguments(node, 2)
        type = self.annotation(annotation)
        return self.converted(self.value(expression, type), type, node)

    def _unchecked_cast(self, node: ast.Call, hint: T.Type | None) -> Value:
        annotation, expression = self._sole_arguments(node, 2)
        type = self.annotation(annotation)
        return self.emit("prim::unchecked_cast", (self.value(expression),), (type,)).output

    def _uninitialized(self, node: ast.Call, hint: T.Type | None) -> Value:
        (annotation,) = self._sole_arguments(node, 1)
        return self.emit("prim::Uninitialized", (), (self.annotation(annotation),)).output

    def _isinstance(self, node: ast.Call, hint: T.Type | None) -> Value:
        expression, annotation = self._sole_arguments(node, 2)
        value = self.value(expression)
        parts = annotation.elts if isinstance(annotation, ast.Tuple | ast.List) else [annotation]
        types: list[T.Type] = []
        for part in parts:
            if isinstance(part, ast.Name) and part.id in _ANY_OF_KIND:
                types.extend(self._members(value.type, _ANY_OF_KIND[part.id]))
            else:
                types.append(self.annotation(part))
        if not types:
            return self.constant(False, T.BOOL)
        return self.emit("prim::isinstance", (value,), (T.BOOL,), {"types": types}).output

    def _members(self, type: T.Type, kind: T.Type) -> list[T.Type]:
        """The lists, or the tuples, among what a value of a type can be: `isinstance(x, (list, tuple))`."""
        match type:
            case T.AnyType():
                return [kind]
            case T.OptionalType() | T.UnionType():
                return [m for m in type.contained if isinstance(m, kind.__class__)]
        return [type] if isinstance(type, kind.__class__) else []

    def _getattr(self, node: ast.Call, hint: T.Type | None) -> Value:
        owner, name = self._sole_arguments(node, 2)
        if not isinstance(name, ast.Constant) or not isinstance(name.value, str):
            raise self.error("the name of an attribute is no literal", node)
        return self.attribute(self.value(owner), name.value, node)

    def attribute(self, owner: Value, name: str, node: ast.expr) -> Value:
        raise NotImplementedError

    def _hasattr(self, node: ast.Call, hint: T.Type | None) -> Value:
        owner, name = self._sole_arguments(node, 2)
        type = self.value(owner).type
        if not isinstance(name, ast.Constant) or not isinstance(type, T.ClassType):
            raise self.error("this asks for an attribute of something that is no object", node)
        return self.constant(name.value in type.attributes or name.value in type.constants, T.BOOL)

    def _print(self, node: ast.Call, hint: T.Type | None) -> Value:
        positional, _ = self._arguments(node)
        self.emit("prim::Print", positional, (), None, schemas_of("prim::Print")[0])
        return self.none()

    def _tuple_of(self, node: ast.Call, hint: T.Type | None) -> Value:
        (expression,) = self._sole_arguments(node, 1)
        value = self.value(expression)
        if not isinstance(value.type, T.TupleType):
            raise self.error(f"a value of type {value.type} cannot become a tuple", node)
        return value

    def _to_list(self, tensor: Value, hint: T.Type | None, node: ast.expr) -> Value:
        """`annotate(List[List[int]], (x).tolist())`: how deep and of what, the annotation says."""
        if hint is None:
            raise self.error("tolist() is not annotated with its type", node)
        depth, element = 0, hint
        while isinstance(element, T.ListType):
            depth, element = depth + 1, element.element
        kinds: dict[T.Type, int] = {T.INT: 0, T.FLOAT: 1, T.BOOL: 2, T.COMPLEX: 3}
        if element not in kinds:
            raise self.error(f"tolist() cannot make {hint}", node)
        inputs = (tensor, self.constant(depth, T.INT), self.constant(kinds[element], T.INT))
        return self.emit("prim::tolist", inputs, (hint,), None, schemas_of("prim::tolist")[0]).output

    def _fork(self, node: ast.Call, hint: T.Type | None) -> Value:
        return self._deferred("prim::fork", T.FutureType, node)

    def _awaitable(self, node: ast.Call, hint: T.Type | None) -> Value:
        return self._deferred("prim::awaitable", T.AwaitType, node)

    def _deferred(self, kind: str, wrap: Callable[[T.Type], T.Type], node: ast.Call) -> Value:
        """`fork(closure)` or, as older code has it, `fork(function, arguments)`: one block, that captures."""
        if not node.args or not isinstance(node.args[0], ast.Name | ast.Attribute):
            raise self.error("there is no function to fork", node)
        callee = node.args[0]
        deferred = self.emit(kind)
        outer = self.block
        self.block = deferred.add_block()
        closure = self.closures.get(callee.id) if isinstance(callee, ast.Name) else None
        if closure is not None:
            if len(node.args) > 1 or node.keywords:
                raise self.error("a closure takes no arguments", node)
            result = self.closure_result(closure)
        else:
            result = self.call(ast.copy_location(ast.Call(callee, node.args[1:], node.keywords), node))
        self.block.add_output(result)
        self.block = outer
        return deferred.add_output(wrap(result.type))

    def closure_result(self, closure: ast.FunctionDef) -> Value:
        raise NotImplementedError

    # -- operators that are no operators -----------------------------------------------------------------

    def _raise(self, node: ast.Call) -> list[Value]:
        positional, named = self._arguments(node)
        if named or not 1 <= len(positional) <= 2 or positional[0].type != T.STRING:
            raise self.error("an exception has a message and the name of its class", node)
        if len(positional) == 1:
            positional.append(self.none())
        if not positional[1].type.is_subtype_of(T.OptionalType(T.STRING)):
            raise self.error(f"the name of an exception's class is of type {positional[1].type}", node)
        self.emit("prim::RaiseException", positional, (), None, schemas_of("prim::RaiseException")[0])
        return []

    def _lost_constant(self, node: ast.Call) -> list[Value]:
        raise self.error(
            "this module was saved after PyTorch's optimize_for_inference, which left weights in a form that "
            "PyTorch does not save: they are not in the archive",
            node,
        )

    def _unwrap(self, node: ast.Call) -> list[Value]:
        never = self._unwrapped_none(node)
        if never is not None:
            return [never]
        (expression,) = self._sole_arguments(node, 1)
        value = self.value(expression)
        if not isinstance(value.type, T.OptionalType):
            return [value]
        return [self.emit("prim::unchecked_cast", (value,), (value.type.element,)).output]

    def _unwrapped_none(self, node: ast.Call) -> Value | None:
        """`unwrap(annotate(Optional[int], None))`, as inlining leaves it where a test was, or of a variable of that value.

        None for all else.
        """
        type: T.Type | None
        match node.args:
            case [ast.Call(func=ast.Name(id="annotate"), args=[annotation, ast.Constant(value=None)])]:
                type = self.annotation(annotation)
            case [ast.Name(id=name)] if (value := self.scope.get(name)) is not None and value.type == T.NONE:
                type = self.scope.declared_type(name)
            case _:
                return None
        if not isinstance(type, T.OptionalType):
            return None
        message = self.constant("Unwrapping null optional", T.STRING)
        schema = schemas_of("prim::RaiseException")[0]
        self.emit("prim::RaiseException", [message, self.none()], (), None, schema)
        return self.emit("prim::Uninitialized", (), (type.element,)).output


_WORDS: dict[str, Callable[[Calls, ast.Call, T.Type | None], Value]] = {
    "annotate": Calls._annotate,
    "unchecked_cast": Calls._unchecked_cast,
    "uninitialized": Calls._uninitialized,
    "isinstance": Calls._isinstance,
    "getattr": Calls._getattr,
    "hasattr": Calls._hasattr,
    "print": Calls._print,
    "tuple": Calls._tuple_of,
    "fork": Calls._fork,
    "awaitable": Calls._awaitable,
}

# Operators of old archives that have another name now.
_RENAMED = {
    ("prim", "shape"): "aten::size",
    ("quantized", "conv_prepack"): "quantized::conv2d_prepack",
    ("quantized", "conv_unpack"): "quantized::conv2d_unpack",
}

_PRIMITIVES: dict[str, Callable[[Calls, ast.Call], list[Value]]] = {
    "RaiseException": Calls._raise,
    "ConstantMKLDNNTensor": Calls._lost_constant,
    "unchecked_unwrap_optional": Calls._unwrap,
}

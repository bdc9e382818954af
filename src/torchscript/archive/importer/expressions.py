"""Expressions of archived code → values."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from ... import types as T
from ...ir.graph import Value
from ...types.of_values import TYPE_OF_CLASS
from .annotations import dotted_name
from .calls import Calls
from .literals import NAMED_NUMBERS, NotALiteral, constant, literal

_BINARY: dict[type[ast.AST], str] = {
    ast.Add: "aten::add",
    ast.Sub: "aten::sub",
    ast.Mult: "aten::mul",
    ast.Div: "aten::div",
    ast.FloorDiv: "aten::floordiv",
    ast.Mod: "aten::remainder",
    ast.Pow: "aten::pow",
    ast.MatMult: "aten::matmul",
    ast.BitAnd: "aten::__and__",
    ast.BitOr: "aten::__or__",
    ast.BitXor: "aten::__xor__",
    ast.LShift: "aten::__lshift__",
    ast.RShift: "aten::__rshift__",
    ast.Lt: "aten::lt",
    ast.LtE: "aten::le",
    ast.Gt: "aten::gt",
    ast.GtE: "aten::ge",
    ast.Eq: "aten::eq",
    ast.NotEq: "aten::ne",
    ast.Is: "aten::__is__",
    ast.IsNot: "aten::__isnot__",
}


class Expressions(Calls):
    """Builds values of expressions; `hint` is the type that an expression's place asks for, where known."""

    def value(self, node: ast.expr, hint: T.Type | None = None) -> Value:
        """The one value of an expression."""
        handler = _EXPRESSIONS.get(type(node))
        if handler is None:
            raise self.error(f"'{ast.unparse(node)}' is not in the language of archives", node)
        return handler(self, node, hint)

    def _name(self, node: ast.Name, hint: T.Type | None) -> Value:
        found = self.scope.get(node.id)
        if found is not None:
            return found
        number = NAMED_NUMBERS.get(node.id)
        if number is not None:
            return self.constant(number, T.COMPLEX if isinstance(number, complex) else T.FLOAT)
        raise self.error(f"'{node.id}' is not defined", node)

    def _constant(self, node: ast.Constant, hint: T.Type | None) -> Value:
        value = constant(node.value)
        bare = hint.element if isinstance(hint, T.OptionalType) else hint
        if type(value) is int and isinstance(bare, T.FloatType):
            return self.constant(float(value), T.FLOAT)
        return self.constant(value, TYPE_OF_CLASS[type(value)])

    def _attribute(self, node: ast.Attribute, hint: T.Type | None) -> Value:
        path = self.global_path(node)
        if path is None:
            return self.attribute(self.value(node.value), node.attr, node)
        root, _, rest = path.partition(".")
        if root == "CONSTANTS":
            return self.numbered_constant(rest, node)
        if root == "__torch__":
            return self._archived_name(path, node)
        raise self.error(f"'{path}' is not a value", node)

    def _archived_name(self, path: str, node: ast.expr) -> Value:
        """A function as a value, or a member of an enum."""
        function = self.importer.function_named(path)
        if function is not None:
            attributes = {"name": function.name, "function": function}
            return self.emit("prim::Constant", (), (T.FUNCTION,), attributes).output
        owner, _, name = path.rpartition(".")
        if self.importer.find(owner) is not None:
            type = self.importer.type_named(owner)
            if isinstance(type, T.EnumType) and type.python_class is not None:
                if name in dict(type.members):
                    return self.constant(type.python_class[name], type)
        raise self.error(f"the archive does not define '{path}'", node)

    def attribute(self, owner: Value, name: str, node: ast.expr) -> Value:
        """`owner.name`, where it is no call."""
        match owner.type:
            case T.ClassType() as cls:
                attribute = cls.attributes.get(name)
                if attribute is not None:
                    return self.emit("prim::GetAttr", (owner,), (attribute.type,), {"name": name}).output
                if name in cls.constants:
                    value = cls.constants[name]
                    return self.literal_value(value, self.importer.type_of(value))
                raise self.error(f"'{cls}' has no attribute '{name}'", node)
            case T.NamedTupleType(field_names=fields) as named if name in fields:
                index = fields.index(name)
                position = self.constant(index, T.INT)
                return self.emit("prim::TupleIndex", (owner, position), (named.elements[index],)).output
            case T.EnumType(value_type=value_type):
                if name == "name":
                    return self.emit("prim::EnumName", (owner,), (T.STRING,)).output
                if name == "value":
                    return self.emit("prim::EnumValue", (owner,), (value_type,)).output
            case T.TensorType() | T.DeviceType():
                if name == "shape":
                    return self.operator("aten::size", [owner], {}, node)
                operator = f"prim::{name}"
                if self.has_operator(operator):
                    return self.operator(operator, [owner], {}, node)
        raise self.error(f"a value of type {owner.type} has no attribute '{name}'", node)

    # -- displays --------------------------------------------------------------------------------------------

    def _list(self, node: ast.List, hint: T.Type | None) -> Value:
        bare = hint.element if isinstance(hint, T.OptionalType) else hint
        element = bare.element if isinstance(bare, T.ListType) else None
        items = [self.value(item, element) for item in node.elts]
        if element is None:
            element = self.common_type(items, T.TENSOR, node)
        else:
            items = [self.converted(item, element, node) for item in items]
        return self.emit("prim::ListConstruct", items, (T.ListType(element),)).output

    def _dict(self, node: ast.Dict, hint: T.Type | None) -> Value:
        bare = hint.element if isinstance(hint, T.OptionalType) else hint
        key_type, value_type = bare.contained if isinstance(bare, T.DictType) else (None, None)
        keys = [self.value(key, key_type) for key in node.keys if key is not None]
        if len(keys) != len(node.values):
            raise self.error("'**' is not in the language of archives", node)
        values = [self.value(value, value_type) for value in node.values]
        if key_type is None or value_type is None:
            key_type = self.common_type(keys, T.STRING, node)
            value_type = self.common_type(values, T.TENSOR, node)
        flat = [part for pair in zip(keys, values) for part in pair]
        return self.emit("prim::DictConstruct", flat, (T.DictType(key_type, value_type),)).output

    def _tuple(self, node: ast.Tuple, hint: T.Type | None) -> Value:
        bare = hint.element if isinstance(hint, T.OptionalType) else hint
        hints: tuple[T.Type | None, ...] = (None,) * len(node.elts)
        if type(bare) is T.TupleType and len(bare.elements) == len(hints):
            hints = bare.elements
        items = [self.value(item, wanted) for item, wanted in zip(node.elts, hints)]
        type_ = T.TupleType(tuple(item.type for item in items))
        return self.emit("prim::TupleConstruct", items, (type_,)).output

    def common_type(self, values: list[Value], default: T.Type, node: ast.expr) -> T.Type:
        if not values:
            return default
        common = values[0].type
        for value in values[1:]:
            if value.type is common:
                continue
            unified = T.unify(common, value.type)
            if unified is None:
                raise self.error(f"a list or dict would hold {common} and {value.type}", node)
            common = unified
        return T.TENSOR if isinstance(common, T.TensorType) else common

    # -- operators -------------------------------------------------------------------------------------------

    def _unary(self, node: ast.UnaryOp, hint: T.Type | None) -> Value:
        try:
            value = literal(node)
        except NotALiteral:
            pass
        else:
            bare = hint.element if isinstance(hint, T.OptionalType) else hint
            if type(value) is int and isinstance(bare, T.FloatType):
                value = float(value)
            return self.constant(value, TYPE_OF_CLASS[type(value)])
        operand = self.value(node.operand)
        match node.op:
            case ast.USub():
                return self.operator("aten::neg", [operand], {}, node)
            case ast.Not():
                return self.operator("aten::__not__", [operand], {}, node)
            case ast.Invert():
                return self.operator("aten::bitwise_not", [operand], {}, node)
        return operand

    def _binary(self, node: ast.BinOp, hint: T.Type | None) -> Value:
        try:
            value = literal(node)
        except NotALiteral:
            pass
        else:
            return self.constant(value, TYPE_OF_CLASS[type(value)])
        left, right = self.value(node.left), self.value(node.right)
        name = _BINARY[type(node.op)]
        if isinstance(node.op, ast.Mod) and left.type == T.STRING:
            name = "aten::percentFormat"
        if isinstance(node.op, ast.FloorDiv) and T.TENSOR in (left.type, right.type):
            name = "aten::floor_divide"
        return self.operator(name, [left, right], {}, node)

    def _compare(self, node: ast.Compare, hint: T.Type | None) -> Value:
        if len(node.ops) != 1:
            raise self.error("a chain of comparisons is not in the language of archives", node)
        left, right = self.value(node.left), self.value(node.comparators[0])
        if isinstance(node.ops[0], ast.In | ast.NotIn):
            found = self.operator("aten::__contains__", [right, left], {}, node)
            return (
                found
                if isinstance(node.ops[0], ast.In)
                else self.operator("aten::__not__", [found], {}, node)
            )
        return self.operator(_BINARY[type(node.ops[0])], [left, right], {}, node)

    def condition(self, node: ast.expr) -> Value:
        """An expression as a bool."""
        value = self.value(node)
        if value.type in (T.BOOL, T.NONE):  # None is no condition, and byte code raises where it would be one
            return self.converted(value, T.BOOL, node)
        return self.operator("aten::Bool", [value], {}, node)

    def _boolean(self, node: ast.BoolOp, hint: T.Type | None) -> Value:
        is_and = isinstance(node.op, ast.And)

        def rest(values: list[ast.expr]) -> Value:
            first = self.condition(values[0])
            if len(values) == 1:
                return first
            decided = lambda: self.constant(not is_and, T.BOOL)
            more = lambda: rest(values[1:])
            return self.branch(first, more if is_and else decided, decided if is_and else more)

        return rest(node.values)

    def _conditional(self, node: ast.IfExp, hint: T.Type | None) -> Value:
        condition = self.condition(node.test)
        return self.branch(
            condition, lambda: self.value(node.body, hint), lambda: self.value(node.orelse, hint)
        )

    def branch(self, condition: Value, then: Callable[[], Value], otherwise: Callable[[], Value]) -> Value:
        """A `prim::If` with one result."""
        node = self.emit("prim::If", (condition,))
        outer = self.block
        results: list[Value] = []
        for make in (then, otherwise):
            self.block = node.add_block()
            result = make()
            self.block.add_output(result)
            results.append(result)
        self.block = outer
        common = T.unify(results[0].type, results[1].type)
        if common is None:
            raise self.error(f"the two sides are of different types, {results[0].type} and {results[1].type}")
        return node.add_output(common)

    # -- subscripts ------------------------------------------------------------------------------------------

    def _subscript(self, node: ast.Subscript, hint: T.Type | None) -> Value:
        owner = self.value(node.value)
        if not self.importer.typed:
            owner = self.not_none(owner)
        if isinstance(owner.type, T.TupleType):
            return self._tuple_item(owner, owner.type, node)
        if isinstance(node.slice, ast.Slice):
            return self._slice(owner, node.slice, node)
        index = self.value(node.slice)
        if isinstance(owner.type, T.TensorType):
            dim = self.constant(0, T.INT)
            return self.operator("aten::select", [owner, dim, index], {}, node)
        if isinstance(owner.type, T.ClassType | T.InterfaceType) and owner.type.is_module:
            if hint is None:
                raise self.error("an item of a module container is not annotated with its type", node)
            return self.emit("prim::ModuleContainerIndex", (owner, index), (hint,)).output
        return self.operator("aten::__getitem__", [owner, index], {}, node)

    def _tuple_item(self, owner: Value, type: T.TupleType, node: ast.Subscript) -> Value:
        positions: Any
        try:
            if isinstance(node.slice, ast.Slice):
                bounds = [
                    None if b is None else literal(b)
                    for b in (node.slice.lower, node.slice.upper, node.slice.step)
                ]
                positions = range(len(type.elements))[slice(*bounds)]
            else:
                positions = range(len(type.elements))[literal(node.slice)]
        except (NotALiteral, IndexError, TypeError, ValueError):
            raise self.error(
                f"'{ast.unparse(node.slice)}' is no position in a tuple of {len(type.elements)}", node
            ) from None
        if isinstance(positions, int):
            return self._tuple_element(owner, type, positions)
        items = [self._tuple_element(owner, type, i) for i in positions]
        return self.emit("prim::TupleConstruct", items, (T.TupleType(tuple(i.type for i in items)),)).output

    def _tuple_element(self, owner: Value, type: T.TupleType, position: int) -> Value:
        index = self.constant(position, T.INT)
        return self.emit("prim::TupleIndex", (owner, index), (type.elements[position],)).output

    def _slice(self, owner: Value, bounds: ast.Slice, node: ast.expr) -> Value:
        parts = [self.none() if b is None else self.value(b) for b in (bounds.lower, bounds.upper)]
        step = self.constant(1, T.INT) if bounds.step is None else self.value(bounds.step)
        first = [owner, self.constant(0, T.INT)] if isinstance(owner.type, T.TensorType) else [owner]
        return self.operator("aten::slice", [*first, *parts, step], {}, node)

    def global_path(self, node: ast.expr) -> str | None:
        """`torch.a`, `ops.ns.f`, `__torch__.a.B` or `CONSTANTS.c0` as text; None for all else."""
        path = dotted_name(node)
        if path is None:
            return None
        root = path.partition(".")[0]
        if root in ("torch", "ops", "__torch__", "CONSTANTS") and self.scope.get(root) is None:
            return path
        return None


_EXPRESSIONS: dict[type[ast.expr], Callable[[Any, Any, T.Type | None], Value]] = {
    ast.Name: Expressions._name,
    ast.Constant: Expressions._constant,
    ast.Attribute: Expressions._attribute,
    ast.Call: Calls.call,
    ast.Subscript: Expressions._subscript,
    ast.List: Expressions._list,
    ast.Tuple: Expressions._tuple,
    ast.Dict: Expressions._dict,
    ast.UnaryOp: Expressions._unary,
    ast.BinOp: Expressions._binary,
    ast.Compare: Expressions._compare,
    ast.BoolOp: Expressions._boolean,
    ast.IfExp: Expressions._conditional,
}

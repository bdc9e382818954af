"""Calls of operators: the overload that takes the arguments, in the archive's version, and conversions."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ... import types as T
from ...errors import SchemaMatchError
from ...ir.graph import Value
from ...operators.dispatcher import schemas_of
from ...schema import Argument, Conversion, Matched, match_overloads
from ..upgraders import Upgrade, upgrades_for
from .builder import Builder, kind_of
from .policy import reaches_outside

_COMPARISONS = ("aten::eq", "aten::ne", "aten::__is__", "aten::__isnot__")

# What the place of a value converts where `annotate` or a call asks for it.
_IMPLICIT: dict[tuple[type[T.Type], type[T.Type]], str] = {
    (T.TensorType, T.IntType): "aten::IntImplicit",
    (T.TensorType, T.FloatType): "aten::FloatImplicit",
    (T.TensorType, T.ComplexType): "aten::ComplexImplicit",
    (T.TensorType, T.NumberType): "aten::ScalarImplicit",
    (T.NumberType, T.IntType): "aten::Int",
    (T.NumberType, T.FloatType): "aten::Float",
    (T.NumberType, T.ComplexType): "aten::Complex",
    (T.IntType, T.FloatType): "aten::Float",
    (T.BoolType, T.IntType): "aten::Int",
    (T.BoolType, T.FloatType): "aten::Float",
    (T.StringType, T.DeviceType): "aten::device",
}


@dataclass(frozen=True, slots=True)
class _Actual:
    """An argument of a call as matching sees it: its type, and where it stands among the arguments."""

    type: T.Type
    position: int


class Operators(Builder):
    """Builds calls of operators from values."""

    def converted(self, value: Value, type: T.Type, node: ast.expr | ast.stmt) -> Value:
        """`value` where a `type` is asked for."""
        own = value.type
        if own is type or own.is_subtype_of(type) or own == T.ANY:
            return value
        bare = type.element if isinstance(type, T.OptionalType) else type
        if isinstance(bare, T.DtypeType | T.LayoutType | T.MemoryFormatType) and own == T.INT:
            return self.with_code(value, bare)
        if not self.importer.typed and isinstance(own, T.OptionalType) and bare is type:
            return self.converted(self.not_none(value), type, node)
        if not self.importer.typed and own == T.NONE:
            self._raise_for_none(f"a {type} is needed, not")
            return self.emit("prim::Uninitialized", (), (type,)).output
        conversion = _IMPLICIT.get((kind_of(own), kind_of(bare)))
        if conversion is not None:
            return self.operator(conversion, [value], {}, node)
        if (
            isinstance(own, T.TupleType)
            and isinstance(bare, T.TupleType)
            and len(own.elements) == len(bare.elements)
        ):
            parts = self.emit("prim::TupleUnpack", (value,), own.elements).outputs
            parts = [self.converted(part, element, node) for part, element in zip(parts, bare.elements)]
            return self.emit("prim::TupleConstruct", parts, (bare,)).output
        if (
            isinstance(own, T.ListType)
            and isinstance(bare, T.ListType)
            and own.element.is_subtype_of(bare.element)
        ):
            return value  # as printers of lists of refined elements leave it
        raise self.error(f"a value of type {own} stands where {type} is asked for", node)

    def not_none(self, value: Value) -> Value:
        """A value that a test has shown not to be None, where the code does not say so."""
        if not isinstance(value.type, T.OptionalType):
            return value
        return self.emit("prim::unchecked_cast", (value,), (value.type.element,)).output

    def _raise_for_none(self, what: str) -> None:
        message = self.constant(f"{what} None", T.STRING)
        schema = schemas_of("prim::RaiseException")[0]
        self.emit("prim::RaiseException", [message, self.none()], (), None, schema)

    def _results_of_none(self, name: str) -> list[Value]:
        """A call that takes None where it cannot: in code that a test of a constant leaves out, which only types tell."""
        schemas = schemas_of(name)
        self._raise_for_none(f"'{name}' does not take")
        return [self.none() for _ in (schemas[0].returns if schemas else ())]

    def has_operator(self, name: str) -> bool:
        return bool(schemas_of(name))

    def operator(
        self, name: str, positional: Sequence[Value], named: Mapping[str, Value], node: ast.expr | ast.stmt
    ) -> Value:
        """Call an operator that has one result."""
        results = self.operator_results(name, positional, named, node)
        if len(results) != 1:
            raise self.error(f"'{name}' has {len(results)} results where one is asked for", node)
        return results[0]

    def operator_results(
        self, name: str, positional: Sequence[Value], named: Mapping[str, Value], node: ast.expr | ast.stmt
    ) -> list[Value]:
        """Call the overload that takes the arguments, in the meaning of the archive's version."""
        if name in _COMPARISONS:
            positional = self._same_codes(positional)
        elif name == "aten::__contains__" and len(positional) == 2:
            positional = self._same_codes_in_list(positional)
        elif name == "aten::percentFormat" and len(positional) == 2:
            # the printer writes `"%s %d" % (a, b)` with its tuple, and the operator takes the elements
            string, argument = positional
            construct = self.block.nodes[-1] if self.block.nodes else None
            if (
                construct is not None
                and construct is argument.node
                and construct.kind == "prim::TupleConstruct"
            ):
                elements = list(construct.inputs)
                self.block.nodes.pop().release()
                positional = [string, *elements]
            elif isinstance(argument.type, T.TupleType):
                elements = self.emit("prim::TupleUnpack", (argument,), argument.type.elements).outputs
                positional = [string, *elements]
        values = [*positional, *named.values()]
        key = (name, tuple(value.type for value in values), len(positional), tuple(named))
        recipe = self.importer.recipes.get(key)
        if recipe is None:
            try:
                recipe = self._match(name, positional, named, node)
            except SchemaMatchError:
                if self.importer.typed or not any(
                    isinstance(v.type, T.OptionalType | T.NoneType) for v in values
                ):
                    raise
                if not any(isinstance(v.type, T.OptionalType) for v in values):
                    return self._results_of_none(name)
                positional = [self.not_none(value) for value in positional]
                named = {keyword: self.not_none(value) for keyword, value in named.items()}
                return self.operator_results(name, positional, named, node)
            self.importer.recipes[key] = recipe
        matched, upgrade = recipe
        if upgrade is not None:
            return [self._call_upgraded(upgrade, matched, values)]
        inputs: list[Value] = [self._input(binding, values) for binding in matched.bindings]
        schema = matched.schema
        if schema.is_vararg:
            inputs.extend(values[actual.position] for actual in matched.varargs)
        types = [_settled(type) for type in matched.return_types]
        return self.block.add(schema.name, inputs, types, None, self.here, schema).outputs

    def _match(
        self, name: str, positional: Sequence[Value], named: Mapping[str, Value], node: ast.expr | ast.stmt
    ) -> tuple[Matched, Upgrade | None]:
        schemas = schemas_of(name)
        upgrades = upgrades_for(name, self.importer.version)
        if not schemas and not upgrades:
            namespace = name.partition("::")[0]
            hint = "" if namespace in ("aten", "prim") else ": import the library that registers it first"
            raise self.error(f"this PyTorch has no operator '{name}'{hint}", node)
        actuals = [_Actual(value.type, i) for i, value in enumerate([*positional, *named.values()])]
        by_position = actuals[: len(positional)]
        by_name = dict(zip(named, actuals[len(positional) :]))
        if upgrades:
            replaced = {upgrade.schema.key for upgrade in upgrades}
            schemas = tuple(u.schema for u in upgrades) + tuple(s for s in schemas if s.key not in replaced)
        try:
            matched = match_overloads(schemas, by_position, by_name, display_name=name)
        except SchemaMatchError as error:
            raise SchemaMatchError(error.message, self.span(node), notes=error.notes) from None
        for upgrade in upgrades:
            if upgrade.schema is matched.schema:
                return matched, upgrade
        reach = None if self.importer.allow_io else reaches_outside(matched.schema)
        if reach is not None:
            raise self.error(
                f"'{name}' {reach}, which code of an archive may do only where it is loaded with allow_io=True",
                node,
            )
        return matched, None

    def _call_upgraded(self, upgrade: Upgrade, matched: Matched, values: Sequence[Value]) -> Value:
        """Call the function that does what an operator did in the archive's version."""
        inputs = [self._input(binding, values) for binding in matched.bindings]
        function = upgrade.function
        attributes = {"name": function.name, "function": function}
        callee = self.emit("prim::Constant", (), (T.FUNCTION,), attributes).output
        return self.emit(
            "prim::CallFunction", [callee, *inputs], (function.schema.return_type,), {"function": function}
        ).output

    def _input(self, binding: Any, values: Sequence[Value]) -> Value:
        """The value of one argument of an operator."""
        conversion = binding.conversion
        actual = binding.actual
        if conversion is Conversion.DEFAULT or actual is None:
            return self._default(binding.argument)
        if conversion is Conversion.NONE:
            value = values[actual.position]
            return self.with_code(value, binding.type) if value.type is T.INT else value
        formal = binding.type.element if isinstance(binding.type, T.OptionalType) else binding.type
        if conversion is Conversion.VARARGS_TO_LIST:
            items = [values[item.position] for item in actual]
            return self._list_of(items, formal, binding.elements)
        value = values[actual.position]
        if conversion is Conversion.BROADCAST:
            items = [value] * (binding.argument.fixed_size or 1)
            return self._list_of(items, formal, binding.elements)
        if conversion in (Conversion.TUPLE_TO_LIST, Conversion.TUPLE):
            items = self.emit("prim::TupleUnpack", (value,), value.type.contained).outputs
            if conversion is Conversion.TUPLE_TO_LIST:
                return self._list_of(items, formal, binding.elements)
            items = self._elements(items, formal.contained, binding.elements)
            return self.emit("prim::TupleConstruct", items, (formal,)).output
        return self._convert(value, conversion)

    def _list_of(
        self, items: Sequence[Value], type: T.Type, conversions: tuple[Conversion, ...] | None
    ) -> Value:
        (element,) = type.contained
        items = self._elements(items, (element,) * len(items), conversions)
        return self.emit("prim::ListConstruct", items, (type,)).output

    def _elements(
        self, items: Sequence[Value], types: Sequence[T.Type], conversions: tuple[Conversion, ...] | None
    ) -> list[Value]:
        if conversions is None:
            return [self.with_code(item, type) for item, type in zip(items, types)]
        return [self._convert(item, conversion) for item, conversion in zip(items, conversions)]

    def _convert(self, value: Value, conversion: Conversion) -> Value:
        if conversion.operator is None:
            return value
        operator = conversion.operator
        schema = match_overloads(schemas_of(operator), [value], display_name=operator).schema
        return self.emit(operator, (value,), (schema.return_type,), None, schema).output

    def _default(self, argument: Argument) -> Value:
        value, type = argument.default, argument.type
        bare = type.element if isinstance(type, T.OptionalType) else type
        if (
            argument.fixed_size is not None
            and isinstance(bare, T.ListType)
            and isinstance(value, int | float)
        ):
            value = [value] * argument.fixed_size
        return self.literal_value(value, type)

    def _same_codes(self, values: Sequence[Value]) -> Sequence[Value]:
        """`x.dtype == 6`: the number becomes the dtype that it stands for."""
        if len(values) == 2:
            left, right = values
            kinds = (T.DtypeType, T.LayoutType, T.MemoryFormatType)
            if isinstance(left.type, kinds) and right.type == T.INT:
                return left, self.with_code(right, left.type)
            if isinstance(right.type, kinds) and left.type == T.INT:
                return self.with_code(left, right.type), right
        return values

    def _same_codes_in_list(self, values: Sequence[Value]) -> Sequence[Value]:
        """`x.dtype in [6, 7]`."""
        container, item = values
        literal = container.node
        if not isinstance(item.type, T.DtypeType | T.LayoutType | T.MemoryFormatType) or literal is None:
            return values
        if literal.kind != "prim::ListConstruct" or container.type != T.ListType(T.INT):
            return values
        items = [self.with_code(value, item.type) for value in literal.inputs]
        return self.emit("prim::ListConstruct", items, (T.ListType(item.type),)).output, item


def _settled(type: T.Type) -> T.Type:
    return (type.resolved or type.default) if isinstance(type, T.PendingType) else type

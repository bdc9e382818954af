"""The state of compiling one function, and what every part of the frontend needs: errors, constants, operators."""

from __future__ import annotations

import ast
import enum
from typing import TYPE_CHECKING, Any

import torch

from .. import types as T
from ..errors import CompileError, NotSupportedError
from ..ir.graph import Block, Graph, Node, Value
from ..operators.dispatcher import schemas_of
from ..schema import NO_DEFAULT, Argument, Binding, Conversion, Matched, match_overloads
from ..schema.reasons import describe
from ..source import SourceRange
from . import coercion
from .pending import resolve_pending, settle, settled
from .problems import CertainError, NeedsSplitError, NeedsUnrolling, NotAValueError, OutsideLanguageError
from .scopes import Scope
from .sources import FunctionSource
from .values import (
    Attribute,
    Dependencies,
    Dynamic,
    Instance,
    Mapping,
    Module,
    Sequence,
    Static,
    Unusable,
    Val,
    describe_object,
    known_of,
    type_of,
)

if TYPE_CHECKING:
    from .program import Program
    from .splitting import Frame


class Emitter:
    """Compiles one function: walks its tree and appends nodes to `block`.

    An inlined call is a second emitter on the same graph, with its own scope and source.
    """

    def __init__(
        self, program: Program, source: FunctionSource, graph: Graph, scope: Scope | None = None
    ) -> None:
        self.program = program
        self.source = source
        self.graph = graph
        self.block: Block = graph.block
        self.scope = scope if scope is not None else Scope()
        self.self_module: Module | None = None
        self.return_type: T.Type | None = None
        self.node: ast.AST = source.tree
        self.call_site: SourceRange | None = None  # of an inlined call from another file
        self.no_python_calls = False
        self.guessed: set[int] = set()  # ids of parameters that nobody annotated (presence.py)
        self.initializing: T.ClassType | None = None  # the script class whose __init__ this is
        self.owner_class: type | None = None  # the class whose body holds the function, for super()
        self.depth = 0
        self.declared: dict[str, T.Type] = {}  # annotated local variables
        self.pending_rest: Any = ()  # the steps after the current one (control.run_steps)
        self.rest_taken = False
        self.catching: Any = None  # the handlers around (tries.Catching)
        self.partial: set[str] = set()  # variables that paths which left the iteration lack (merging.py)
        self.looping = 0  # how many loops are around that may still be unrolled
        self.promoting = 0  # how many loops are around that make Tensors of numbers
        self.finalizing = 0  # how many `finally` are around
        self.handled: Any = None  # in a handler: what it caught
        self.yielded: Val | None = None  # in a generator: the list of its values
        self.yield_block: Block | None = None
        self.conditional = 0  # how many branches of run-time conditions are around what is compiled
        self.behind_exit = 0  # how many statements before may have returned
        self.frame: Frame | None = None  # the list of statements that is compiled (splitting.py)
        self.splits = 0
        self.statement_scope: Scope | None = None  # where the statement that is compiled began
        self.nonlocals: frozenset[str] = frozenset()  # variables of the caller that this function assigns

    # -- positions and errors ------------------------------------------------------------------------------

    def where(self, node: ast.AST | None = None) -> SourceRange:
        """The user's span for an error."""
        return self.source.span(node if node is not None else self.node)

    @property
    def here(self) -> SourceRange:
        """The span that new nodes carry."""
        return self.call_site if self.call_site is not None else self.source.span(self.node)

    def error(self, message: str, node: ast.AST | None = None, *notes: str) -> CompileError:
        return CompileError(message, self.where(node), notes=notes)

    def certain(
        self, exception: type[Exception], message: str, node: ast.AST | None = None, *notes: str
    ) -> CertainError:
        """The error of something that raises `exception` whenever it runs."""
        return CertainError(exception, message, self.where(node), notes)

    def unusable(self, val: Unusable, node: ast.AST | None = None) -> CompileError:
        """The error of reading a variable that has no one value here."""
        if val.by_loop:
            return self.needs_unrolling(val.reason, node)
        split = val.split
        if split is not None and (not val.is_undefined or self.conditional > split.conditional):
            return NeedsSplitError(val.reason, self.where(node), split)
        return self.error(val.reason, node)

    def missing(
        self, exception: type[Exception], message: str, node: ast.AST | None = None, *notes: str
    ) -> CompileError:
        """The error of something that raises `exception` in Python: certain where a `try` around would catch it."""
        if self.catching is not None and self.catching.handler_of(exception) is not None:
            return self.certain(exception, message, node, *notes)
        return self.error(message, node, *notes)

    def unsupported(self, message: str, node: ast.AST | None = None, *notes: str) -> NotSupportedError:
        return NotSupportedError(message, self.where(node), notes=notes)

    def outside(self, message: str, node: ast.AST | None = None, *notes: str) -> OutsideLanguageError:
        """The function uses Python that stays Python: its caller may call it as it is."""
        return OutsideLanguageError(message, self.where(node), notes=notes)

    def emit_path(self, path: str) -> Val:
        """The value of an attribute path such as `self.a.b`."""
        from . import expressions

        tree = ast.parse(path, mode="eval").body
        for inner in ast.walk(tree):
            ast.copy_location(inner, self.node)
        return expressions.emit(self, tree)

    def needs_unrolling(self, message: str, node: ast.AST | None = None, *notes: str) -> NeedsUnrolling:
        return NeedsUnrolling(message, self.where(node), notes=notes)

    # -- values ----------------------------------------------------------------------------------------------

    def static(self, obj: Any, dependencies: Dependencies = ()) -> Val:
        """The compile-time value for a Python object."""
        return self.program.static(obj, dependencies)

    def none(self) -> Val:
        return Static(None, T.NONE)

    def constant(self, obj: Any, type: T.Type) -> Value:
        """A `prim::Constant` for `obj`; lists and dicts are built, since a program may change them."""
        if isinstance(obj, enum.Enum) and not isinstance(
            type, T.EnumType
        ):  # a member that is an int or str, too
            obj = obj.value
        if isinstance(obj, list):
            element = type.contained[0] if isinstance(type, T.ListType) else T.TENSOR
            items = [self.constant(o, self._element_type(o, element)) for o in obj]
            return self.emit("prim::ListConstruct", items, [T.ListType(element)]).output
        if isinstance(obj, dict):
            assert isinstance(type, T.DictType)
            parts: list[Value] = []
            for key, value in obj.items():
                parts.append(self.constant(key, type.key))
                parts.append(self.constant(value, self._element_type(value, type.value)))
            return self.emit("prim::DictConstruct", parts, [type]).output
        if isinstance(obj, tuple) and not isinstance(obj, torch.Size):
            assert isinstance(type, T.TupleType)
            items = [self.constant(o, t) for o, t in zip(obj, type.elements, strict=True)]
            return self.emit("prim::TupleConstruct", items, [type]).output
        if isinstance(obj, torch.Size):
            return self.constant(list(obj), T.ListType(T.INT))
        if obj is None and not isinstance(type, T.NoneType):
            type = T.NONE
        return self.block.constant(obj, type, self.here)

    def _element_type(self, obj: Any, declared: T.Type) -> T.Type:
        own = self.program.type_of_object(obj)
        return own if own is not None and own.is_subtype_of(declared) else declared

    def materialize(self, val: Val, node: ast.AST | None = None) -> Value:
        """The SSA value of `val`, emitted where needed; an error where `val` is not first-class."""
        if isinstance(val, Dynamic):
            return val.value
        if isinstance(val, Static) and val.type is not None:
            for dependency in val.known.dependencies:
                dependency.spec.depend(dependency.path, dependency.value)
            return self.constant(val.object, val.type)
        if isinstance(val, Attribute):
            if val.type is not None:
                owner = self.module_value(val.owner, node)
                out = self.emit("prim::GetAttr", [owner], [val.type], {"name": val.name}).output
                return out
            raise self.error(
                f"The attribute '{val.name}' holds {describe_object(val.known)}, which is not a type of the language.",
                node,
            )
        if isinstance(val, Sequence):
            return self.materialize_sequence(val, node)
        if isinstance(val, Module):
            return self.module_value(val, node)
        if isinstance(val, Mapping):
            items = [p for k, v in val.items.items() for p in (self.static(k), v)]
            return self.build_dict(items, node)
        if isinstance(val, Unusable):
            raise self.error(val.reason, node)
        if isinstance(val, Instance):
            raise NotAValueError(
                f"{val.subject()} exists only while compiling, so it cannot be used as a value here.",
                self.where(node),
                notes=("Return or keep the tensors that it is made of.",),
            )
        raise self.error(f"{val.subject()} cannot be used as a value here.", node)

    def materialize_sequence(self, val: Sequence, node: ast.AST | None = None) -> Value:
        if val.is_list:
            return self.build_list(val.items, val.node or node)
        items = [self.materialize(item, node) for item in val.items]
        type = val.named if val.named is not None else T.TupleType(tuple(v.type for v in items))
        return self.emit("prim::TupleConstruct", items, [type]).output

    def build_list(
        self, items: list[Val], node: ast.AST | None = None, element: T.Type | None = None
    ) -> Value:
        """A `prim::ListConstruct` of the items; without items its element type is open until first use."""
        if not items:
            element = element if element is not None else T.PendingType(T.TENSOR)
            return self.emit("prim::ListConstruct", [], [T.ListType(element)]).output
        if element is not None:
            values = [self.coerce(item, element, node, "the list's element") for item in items]
        else:
            values = [self.materialize(item, node) for item in items]
            element = values[0].type
            for value in values[1:]:
                common = T.unify(element, value.type)
                if common is None:
                    both = _both_numbers(element, value.type)
                    raise self.error(
                        f"A list holds one type, but this one would hold {element} and {value.type}.",
                        node,
                        "Write the ints as floats, such as 1.0, or float(n)."
                        if both
                        else "Use a tuple for values of different types.",
                    )
                element = common
            values = [self.coerce(Dynamic(v), element, node, "the list's element") for v in values]
        return self.emit("prim::ListConstruct", values, [T.ListType(element)]).output

    def build_dict(self, items: list[Val], node: ast.AST | None = None) -> Value:
        """A `prim::DictConstruct` from keys and values in turn."""
        if not items:
            open_type = T.DictType(T.PendingType(T.STRING), T.PendingType(T.TENSOR))
            return self.emit("prim::DictConstruct", [], [open_type]).output
        values = [self.materialize(item, node) for item in items]
        kinds: list[T.Type] = []
        for part, what in ((values[::2], "keys"), (values[1::2], "values")):
            common: T.Type | None = part[0].type
            for value in part[1:]:
                common = T.unify(common, value.type) if common is not None else None
            if common is None:
                raise self.error(
                    f"A dict's {what} have one type, but these are "
                    f"{', '.join(sorted({str(v.type) for v in part}))}.",
                    node,
                )
            kinds.append(common)
        return self.emit("prim::DictConstruct", values, [T.DictType(kinds[0], kinds[1])]).output

    def module_value(self, val: Module, node: ast.AST | None = None) -> Value:
        if val.value is not None:
            return val.value
        if val.parent is None:
            raise self.error(
                f"The module of class {type(val.module).__qualname__} is not reached through self, "
                "so its parameters would not be saved.",
                node,
                "Make it a submodule (self.name = module) of the module that calls it.",
            )
        owner = self.module_value(val.parent, node)
        return self.emit("prim::GetAttr", [owner], [val.spec.cls], {"name": val.path[-1]}).output

    def coerce(self, val: Val, type: T.Type, node: ast.AST | None, what: str) -> Value:
        """`val` as a value of `type`, converted where the language converts; an error that names `what`."""
        found = self.try_coerce(val, type, node)
        if found is not None:
            return found
        from . import presence

        sure = presence.present(self, val)
        if sure is not None:
            found = self.try_coerce(sure, type, node)
            if found is not None:
                return found
        given = type_of(val)
        shown = describe(given) if given is not None else val.describe()
        notes: tuple[str, ...] = ()
        if isinstance(given, T.OptionalType) and given.element.is_subtype_of(type):
            notes = ("It may be None: check it first with 'if … is not None' or 'assert … is not None'.",)
        if given == T.ListType(T.NUMBER):
            notes = (
                "The type of x.item() is known at run time only: write float(x.item()) or int(x.item()).",
            )
        raise self.error(f"{_capital(what)} must be {describe(type)}, but it is {shown}.", node, *notes)

    def try_coerce(self, val: Val, type: T.Type, node: ast.AST | None = None) -> Value | None:
        if isinstance(val, Sequence):
            goal = type.element if isinstance(type, T.OptionalType) else type
            if isinstance(goal, T.TupleType) and len(goal.elements) == len(val.items) and not val.is_list:
                if isinstance(goal, T.NamedTupleType) and val.named != goal:
                    return None
                parts = []
                for item, element in zip(val.items, goal.elements, strict=True):
                    part = self.try_coerce(item, element, node)
                    if part is None:
                        return None
                    parts.append(part)
                return self.emit("prim::TupleConstruct", parts, [goal]).output
            if isinstance(goal, T.ListType) and (val.is_list or val.named is None):
                parts = [self.try_coerce(item, goal.element, node) for item in val.items]  # type: ignore[misc]
                if any(p is None for p in parts):
                    return None
                return self.emit("prim::ListConstruct", parts, [goal]).output
        known = known_of(val) if isinstance(val, Static | Attribute) else None
        if known is not None and isinstance(known.object, list) and not known.object:
            goal = type.element if isinstance(type, T.OptionalType) else type
            if isinstance(goal, T.ListType) and goal != type_of(val):  # an empty list is one of anything
                self.depend(val)
                return self.emit("prim::ListConstruct", [], [goal]).output
        known = known if isinstance(val, Static) else None
        if known is not None and isinstance(known.object, int) and not isinstance(known.object, bool):
            goal = type.element if isinstance(type, T.OptionalType) else type
            if isinstance(goal, T.FloatType):
                return self.constant(float(known.object), T.FLOAT)
        if type_of(val) is None and not isinstance(val, Unusable):
            return None
        value = self.materialize(val, node)
        return self.convert(value, type)

    def convert(self, value: Value, type: T.Type) -> Value | None:
        """`value` where a `type` is asked for: itself, retyped if it is a fresh literal, or None."""
        return coercion.convert(self, value, type)

    # -- nodes -----------------------------------------------------------------------------------------------

    def emit(
        self,
        kind: str,
        inputs: list[Value] | tuple[Value, ...] = (),
        types: list[T.Type] | tuple[T.Type, ...] = (),
        attributes: dict[str, Any] | None = None,
    ) -> Node:
        return self.block.add(kind, inputs, types, attributes, self.here)

    def call(
        self,
        name: str,
        positional: list[Val],
        named: dict[str, Val] | None = None,
        display: str | None = None,
    ) -> Value:
        """Call an operator that has one result."""
        result = self.call_operator(name, positional, named or {}, display)
        return self.materialize(result)

    def call_operator(
        self, name: str, positional: list[Val], named: dict[str, Val], display: str | None = None
    ) -> Val:
        """Match the operator's overloads against the arguments and emit the call."""
        for argument in [*positional, *named.values()]:
            if type_of(argument) is None:
                if isinstance(argument, Unusable):
                    raise self.error(argument.reason)
                if isinstance(argument, Sequence):
                    self.materialize(argument)
                raise self.error(f"{argument.subject()} cannot be passed to '{display or name}'.")
        schemas = schemas_of(name)
        if not schemas:
            raise self.unsupported(f"There is no operator '{display or name}'.")
        try:
            matched = match_overloads(schemas, positional, named, where=self.where(), display_name=display)
        except CompileError as error:
            from . import presence

            sure = presence.all_present(self, positional)
            if all(a is b for a, b in zip(sure, positional, strict=True)):
                raise self.certain_if_none(error, positional) from None
            matched = match_overloads(schemas, sure, named, where=self.where(), display_name=display)
        return self.emit_matched(matched)

    def certain_if_none(self, error: CompileError, arguments: list[Val]) -> CompileError:
        """The error of a call that no overload takes; one of None raises in Python too."""
        if any(isinstance(type_of(a), T.NoneType) for a in arguments):
            return CertainError(TypeError, error.message, error.where, error.notes)
        return error

    def emit_matched(self, matched: Matched) -> Val:
        schema = matched.schema
        inputs = [self._bound(binding) for binding in matched.bindings]
        inputs.extend(self.materialize(extra) for extra in matched.varargs)
        types = [settled(t) for t in matched.return_types]
        node = self.block.add(schema.name, inputs, types, None, self.here, schema)
        if not node.outputs:
            return self.none()
        if len(node.outputs) == 1:
            return Dynamic(node.outputs[0])
        return Sequence(
            [Dynamic(v) for v in node.outputs], field_names=tuple(r.name or "" for r in schema.returns)
        )

    def _bound(self, binding: Binding) -> Value:
        argument, actual, type = binding.argument, binding.actual, binding.type
        conversion = binding.conversion
        if conversion is Conversion.DEFAULT or actual is None:
            return self._default(argument)
        if conversion is Conversion.VARARGS_TO_LIST:
            list_type = _without_optional(type)
            values = [self._element(a, list_type.contained[0]) for a in actual]
            return self.emit("prim::ListConstruct", values, [list_type]).output
        assert isinstance(actual, Val)
        if conversion is Conversion.NONE or conversion is Conversion.BOOL_TO_SCALAR:
            goal = _without_optional(type)
            of_floats = isinstance(goal, T.ListType) and goal.element == T.FLOAT and argument.type == type
            if isinstance(actual, Sequence) and (isinstance(goal, T.TupleType) or of_floats):
                found = self.try_coerce(actual, type)
                if found is not None:
                    return found
            return self.materialize(actual)
        if conversion is Conversion.RESOLVE_PENDING:
            value = self.materialize(actual)
            resolve_pending(value.type, _without_optional(type))
            settle(value)
            return value
        if conversion is Conversion.BROADCAST:
            list_type = _without_optional(type)
            value = self._element(actual, list_type.contained[0])
            return self.emit("prim::ListConstruct", [value] * (argument.fixed_size or 1), [list_type]).output
        if conversion in (Conversion.TUPLE_TO_LIST, Conversion.TUPLE):
            return self._from_tuple(actual, _without_optional(type))
        if isinstance(actual, Static) and conversion in _STATIC_CONVERSIONS:
            function, goal = _STATIC_CONVERSIONS[conversion]
            return self.constant(function(actual.object), goal)
        name = conversion.operator
        assert name is not None
        return self.call(name, [actual])

    def _element(self, actual: Val, element: T.Type) -> Value:
        element = element.element if isinstance(element, T.OptionalType) else element
        if isinstance(type_of(actual), T.TensorType) and isinstance(element, T.IntType):
            return self.call("aten::IntImplicit", [actual])
        if isinstance(type_of(actual), T.TensorType) and isinstance(element, T.FloatType):
            return self.call("aten::FloatImplicit", [actual])
        found = self.try_coerce(actual, element)
        return found if found is not None else self.materialize(actual)

    def _from_tuple(self, actual: Val, type: T.Type) -> Value:
        """A tuple where a list (or a tuple of other elements) is asked for."""
        if isinstance(actual, Sequence):
            items = actual.items
        else:
            value = self.materialize(actual)
            assert isinstance(value.type, T.TupleType)
            items = [Dynamic(v) for v in self.emit("prim::TupleUnpack", [value], value.type.elements).outputs]
        if isinstance(type, T.ListType):
            values = [self._element(item, type.element) for item in items]
            return self.emit("prim::ListConstruct", values, [type]).output
        assert isinstance(type, T.TupleType)
        values = [self._element(item, element) for item, element in zip(items, type.elements, strict=True)]
        return self.emit("prim::TupleConstruct", values, [type]).output

    def _default(self, argument: Argument) -> Value:
        assert argument.default is not NO_DEFAULT
        value, type = argument.default, argument.type
        if value is None:
            return self.block.constant(None, T.NONE, self.here)
        type = _without_optional(type)
        if isinstance(value, int) and argument.fixed_size and isinstance(type, T.ListType):
            value = [value] * argument.fixed_size
        if isinstance(type, T.NumberType):
            own = self.program.type_of_object(value)
            type = own if own is not None else type
        return self.block.constant(value, type, self.here)

    def block_constant_before(self, anchor: Node, obj: Any, type: T.Type) -> Value:
        """A constant in front of `anchor`, which is the block's last node."""
        return self._before(anchor, Node("prim::Constant", (), (type,), {"value": obj}, anchor.source))

    def uninitialized_before(self, anchor: Node, type: T.Type) -> Value:
        """A `prim::Uninitialized` in front of `anchor`, which is the block's last node."""
        return self._before(anchor, Node("prim::Uninitialized", (), (type,), None, anchor.source))

    def _before(self, anchor: Node, node: Node) -> Value:
        node.block = anchor.block
        nodes = anchor.block.nodes
        index = len(nodes) - 1
        while nodes[index] is not anchor:
            index -= 1
        nodes.insert(index, node)
        return node.output

    # -- what the compiler knows -----------------------------------------------------------------------------

    def depend(self, val: Val) -> Any:
        """The object that `val` is known to be; the compiled code now relies on it."""
        known = known_of(val)
        assert known is not None
        for dependency in known.dependencies:
            dependency.spec.depend(dependency.path, dependency.value)
        return known.object


_STATIC_CONVERSIONS: dict[Conversion, tuple[Any, T.Type]] = {
    Conversion.STRING_TO_DEVICE: (torch.device, T.DEVICE),
    Conversion.INT_TO_FLOAT: (float, T.FLOAT),
    Conversion.BOOL_TO_FLOAT: (float, T.FLOAT),
    Conversion.BOOL_TO_INT: (int, T.INT),
    Conversion.INT_TO_COMPLEX: (complex, T.COMPLEX),
    Conversion.FLOAT_TO_COMPLEX: (complex, T.COMPLEX),
}


def _without_optional(type: T.Type) -> T.Type:
    return type.element if isinstance(type, T.OptionalType) else type


def _both_numbers(a: T.Type, b: T.Type) -> bool:
    return {str(a), str(b)} == {"int", "float"}


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

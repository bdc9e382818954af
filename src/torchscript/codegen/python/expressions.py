"""Nodes as Python expressions."""

from __future__ import annotations

import ast
from collections.abc import Callable

import torch

from ... import types as T
from ...errors import BackendError
from ...ir.graph import Function, Node, Value
from ...operators import CallStyle, PythonCall
from ...schema import code_of
from . import helpers
from .constants import Constants, code_type, decoded
from .facts import STRUCTURAL, Facts
from .folding import Folding
from .linking import Linker
from .locals import Life
from .locations import Locations
from .logic import choice, negation
from .names import GlobalNames
from .operations import Operation
from .plan import NOTHING, Reading
from .templates import Location
from .values import constant_of, is_constant
from .views import View, index_subscript, view_of

_LOAD = ast.Load()
_CODE_TYPES = (T.DtypeType, T.LayoutType, T.MemoryFormatType)


class Expressions:
    """Writes values as expressions: what was folded in place, anything else as the local that holds it.

    Everywhere `at` is the place in the source of whoever reads the value; a folded node has its own.
    """

    def __init__(
        self,
        facts: Facts,
        folding: Folding,
        lives: dict[Value, Life],
        names: GlobalNames,
        locations: Locations,
        linker: Linker,
    ) -> None:
        self._facts = facts
        self._folding = folding
        self._lives = lives
        self._names = names
        self._locations = locations
        self._linker = linker
        self._constants = Constants(names.bind)
        self._functions: dict[Function, str] = {}
        self._views: dict[ast.expr, View] = {}
        self._range_lengths = facts.ranges
        self._writers: dict[str, Callable[[Node, Location, Reading], ast.expr]] = {
            "prim::CallFunction": self._call_function,
            "prim::CallMethod": self._call_method,
            "prim::CreateObject": self._create_object,
            "prim::DictConstruct": self._dict,
            "prim::GetAttr": self._get_attribute,
            "prim::If": self._choice,
            "prim::ListConstruct": self._list,
            "prim::ListUnpack": self._unpack,
            "prim::Print": self._print,
            "prim::PythonCall": self._python_call,
            "prim::TupleConstruct": self._tuple,
            "prim::TupleIndex": self._tuple_index,
            "prim::TupleSlice": self._tuple_slice,
            "prim::TupleUnpack": self._unpack,
            "prim::fork": self._fork,
            "prim::isinstance": self._isinstance,
        }

    # -- values ----------------------------------------------------------------------------------------------

    def value(self, value: Value, at: Location, reading: Reading = NOTHING) -> ast.expr:
        value = self._facts.resolve(value)
        while value in reading:
            stand_in = reading[value]
            if isinstance(stand_in, Life):
                return ast.Name(stand_in.local.name, _LOAD, **at)
            value = self._facts.resolve(stand_in)
        node = value.node
        if node is not None:
            if is_constant(value):
                return self._constant(node, at)
            if node in self._folding.folded:
                return self.node(node, at, reading)
        return ast.Name(self._lives[value].local.name, _LOAD, **at)

    def test(self, value: Value, at: Location, reading: Reading = NOTHING) -> ast.expr:
        """A value of which only the truth matters: no `bool(…)` around it."""
        value = self._facts.resolve(value)
        while value in reading and not isinstance(stand_in := reading[value], Life):
            value = self._facts.resolve(stand_in)
        node = value.node
        if node is None or value in reading or node not in self._folding.folded:
            return self.value(value, at, reading)
        at = self._locations.of(node.source, at)
        if node.kind == "aten::Bool":
            return self.value(node.inputs[0], at, reading)
        if node.kind == "aten::__not__":
            return negation(self.test(node.inputs[0], at, reading), at)
        if node.kind == "prim::If":
            sides = [self.test(block.outputs[0], at, reading) for block in node.blocks]
            return choice(self.test(node.inputs[0], at, reading), sides[0], sides[1], at)
        return self.value(value, at, reading)

    def node(self, node: Node, at: Location, reading: Reading = NOTHING) -> ast.expr:
        """The expression of a node: folded or a statement's."""
        at = self._locations.of(node.source, at)
        if node in self._range_lengths:
            return self._range(node, at, reading)
        writer = self._writers.get(node.kind)
        if writer is not None:
            return writer(node, at, reading)
        if node.kind in STRUCTURAL:
            raise BackendError(f"'{node.kind}' has no value in Python.")
        tree = self._operation(node, at, reading)
        if not isinstance(tree, ast.expr):
            raise BackendError(f"The operator '{node.kind}' has no value in Python.")
        return tree

    def statement(self, node: Node, at: Location) -> ast.expr | ast.stmt:
        """The expression of a node, or the statement that some operators are (`del x[i]`)."""
        at = self._locations.of(node.source, at)
        if node in self._range_lengths or node.kind in STRUCTURAL:
            return self.node(node, at)
        return self._operation(node, at, NOTHING)

    def is_folded(self, value: Value) -> bool:
        return self._folding.is_folded(self._facts.resolve(value))

    def arguments(self, values: list[Value], at: Location, reading: Reading = NOTHING) -> list[ast.expr]:
        return [self.value(v, at, reading) for v in values]

    def name(self, preferred: str, value: object, at: Location) -> ast.expr:
        """A global."""
        return ast.Name(self._names.bind(preferred, value), _LOAD, **at)

    def call(self, function: ast.expr, arguments: list[ast.expr], at: Location) -> ast.expr:
        return ast.Call(function, arguments, [], **at)

    def function(self, function: Function, at: Location, preferred: str | None = None) -> ast.expr:
        """A compiled function, as a global."""
        name = self._functions.get(function)
        if name is None:
            name = self._functions[function] = self._names.reserve(preferred or function.name)
            self._linker.link(function, self._names.namespace, name)
        return ast.Name(name, _LOAD, **at)

    def attribute(self, owner: ast.expr, name: str, at: Location) -> ast.expr:
        if name.isidentifier():
            return ast.Attribute(owner, name, _LOAD, **at)
        return self.call(self.name("getattr", getattr, at), [owner, ast.Constant(name, **at)], at)

    def _constant(self, node: Node, at: Location) -> ast.expr:
        function = node.attributes.get("function")
        if isinstance(function, Function):
            return self.function(function, at)
        return self._constants.expression(node.attributes.get("value"), node.output.type, at)

    # -- operators -------------------------------------------------------------------------------------------

    def _operation(self, node: Node, at: Location, reading: Reading) -> ast.expr | ast.stmt:
        operation = self._facts.operation(node)
        if operation.template is None:
            tree: ast.expr | ast.stmt = self._call(node, operation, at, reading)
        else:
            count = len(operation.schema.arguments)
            operands: list[ast.expr] = [ast.Constant(None, **at)] * count
            encode = self._compares_codes(node, operation)
            for index in operation.order:
                if index < count:
                    operands[index] = self._argument(node, operation, index, at, reading, encode)
            rest = self.arguments(node.inputs[count:], at, reading)
            if not operation.template.takes_all:
                operands += rest  # a vararg operator whose template names its operands (`{0}.tolist()`)
            tree = operation.template.fill(operands, rest, at, self._names.bind)
            if operation.builtin is None and operation.schema.key in (
                "aten::select.int",
                "aten::slice.Tensor",
            ):
                tree = self._view(node, tree, at)  # type: ignore[arg-type]  # its template is an expression
        if not node.outputs or not operation.schema.returns or not isinstance(tree, ast.expr):
            return tree
        kind = code_type(operation.schema.returns[0].type)
        if (
            kind is not None
            and isinstance(node.outputs[0].type, T.IntType)
            and not isinstance(node.outputs[0].type, _CODE_TYPES)
        ):
            return self.call(self.name("code_of", code_of, at), [tree], at)
        return tree

    def _view(self, node: Node, tree: ast.expr, at: Location) -> ast.expr:
        view = view_of(node, tree, self._views)
        if view is None:
            return tree
        tree = view.tree(at)
        self._views[tree] = view
        return tree

    def _call(self, node: Node, operation: Operation, at: Location, reading: Reading) -> ast.expr:
        call = operation.call
        assert call is not None
        positional = [self._argument(node, operation, i, at, reading) for i in operation.positional]
        keywords = [
            ast.keyword(name, self._argument(node, operation, i, at, reading), **at)
            for name, i in operation.keywords
        ]
        if operation.schema.key == "aten::index.Tensor":
            subscript = index_subscript(node, positional[0], positional[1], at)
            if subscript is not None:
                return subscript
        if call.style is CallStyle.METHOD:
            function: ast.expr = ast.Attribute(positional.pop(0), call.name, _LOAD, **at)
        else:
            function = self._callable(call, at)
        tree = ast.Call(function, positional, keywords, **at)
        if call.returns_tuple and not self._takes_tuple(node.outputs[0]):
            return self.call(self.name("list", list, at), [tree], at)
        return tree

    def _callable(self, call: PythonCall, at: Location) -> ast.expr:
        owner, _, name = call.name.rpartition(".")
        if owner == "torch" and getattr(torch, name, None) == call.callable:
            return ast.Attribute(self.name("torch", torch, at), name, _LOAD, **at)
        return self.name(name, call.callable, at)

    def _takes_tuple(self, value: Value) -> bool:
        """Whether a tuple will do where the graph has a list."""
        readers = ("prim::ListUnpack", "aten::__getitem__", "aten::len")
        uses = self._facts.uses_of(value)
        return all(
            user.kind in readers
            or (user.kind not in STRUCTURAL and self._facts.operation(user).call is not None)
            for user, _ in uses
        )

    def _argument(
        self,
        node: Node,
        operation: Operation,
        index: int,
        at: Location,
        reading: Reading,
        encode: bool = False,
    ) -> ast.expr:
        value = self._facts.resolve(node.inputs[index])
        arguments = operation.schema.arguments
        wanted = arguments[index].type if index < len(arguments) else T.ANY
        kind = code_type(wanted)
        if is_constant(value) and value.node is not None and kind is not None:
            known = decoded(constant_of(value), wanted)
            return self._constants.expression(known, wanted, at)
        tree = self.value(value, at, reading)
        if operation.call is not None and isinstance(tree, ast.List):
            return ast.Tuple(tree.elts, _LOAD, **at)
        given = code_type(value.type)
        if kind is not None and given is None:
            return self._decoded(tree, kind, at)
        if encode and given is not None:
            return self.call(self.name("code_of", code_of, at), [tree], at)
        return tree

    def _decoded(self, tree: ast.expr, kind: type[T.Type], at: Location) -> ast.expr:
        if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name):
            if tree.func.id == self._names.bind("code_of", code_of):
                return tree.args[0]
        decoder = helpers.DECODERS[kind]
        return self.call(self.name(decoder.__name__, decoder, at), [tree], at)

    def _compares_codes(self, node: Node, operation: Operation) -> bool:
        """Whether a dtype meets an int, in an operator on ints."""
        kinds = [
            code_type(value.type)
            for value, argument in zip(node.inputs, operation.schema.arguments, strict=False)
            if isinstance(argument.type, T.IntType) and not isinstance(argument.type, _CODE_TYPES)
        ]
        return any(k is not None for k in kinds) and len(set(kinds)) > 1

    def _range(self, node: Node, at: Location, reading: Reading) -> ast.expr:
        low, high, step = self.arguments(node.inputs, at, reading)
        arguments = [low, high, step]
        if isinstance(step, ast.Constant) and step.value == 1:
            arguments.pop()
            if isinstance(low, ast.Constant) and low.value == 0:
                arguments.pop(0)
        return self.call(self.name("range", range, at), arguments, at)

    # -- calls -----------------------------------------------------------------------------------------------

    def _call_function(self, node: Node, at: Location, reading: Reading) -> ast.expr:
        function = node.attributes.get("function")
        if function is None and node.inputs[0].node is not None:
            function = node.inputs[0].node.attributes.get("function")
        if not isinstance(function, Function):
            raise BackendError("A call does not say which function it calls.")
        arguments = self.arguments(node.inputs[1:], at, reading)
        if function.in_process is not None:
            return self.call(self.name(function.name, function.in_process, at), arguments, at)
        return self.call(self.function(function, at), arguments, at)

    def _call_method(self, node: Node, at: Location, reading: Reading) -> ast.expr:
        owner = self._facts.resolve(node.inputs[0]).type
        name = node.attributes["name"]
        arguments = self.arguments(node.inputs, at, reading)
        if isinstance(owner, T.ClassType) and not owner.is_module:
            method = owner.method(name) or owner.static_methods.get(name)
            if method is None:
                raise BackendError(f"'{owner.qualified_name}' has no method '{name}'.")
            short = owner.qualified_name.rpartition(".")[2]
            return self.call(self.function(method, at, f"{short}_{name}"), arguments, at)
        is_module = isinstance(owner, T.ClassType) or (isinstance(owner, T.InterfaceType) and owner.is_module)
        attribute = f"_ts_{name}" if is_module else name
        if node.attributes.get("bare"):  # the class has the code without what was hooked to the instance
            cls = self.call(self.name("type", type, at), arguments[:1], at)
            return self.call(self.attribute(cls, attribute, at), arguments, at)
        return self.call(self.attribute(arguments[0], attribute, at), arguments[1:], at)

    def _python_call(self, node: Node, at: Location, reading: Reading) -> ast.expr:
        function = node.attributes.get("callable")
        name = str(node.attributes.get("name", "python_function"))
        if function is None:
            raise BackendError(f"The Python function '{name}' is not in this process.")
        arguments = self.arguments(node.inputs, at, reading)
        names = node.attributes.get("keywords", ())
        first = len(arguments) - len(names)
        keywords = [ast.keyword(k, v, **at) for k, v in zip(names, arguments[first:], strict=True)]
        return ast.Call(self.name(name.rpartition(".")[2], function, at), arguments[:first], keywords, **at)

    def _fork(self, node: Node, at: Location, reading: Reading) -> ast.expr:
        """A `prim::fork` without a block: a function and its arguments."""
        function = node.attributes.get("function")
        values = list(node.inputs)
        if isinstance(function, Function):
            tree = self.function(function, at)
        else:
            tree = self.value(values.pop(0), at, reading)
        return self.fork(tree, self.arguments(values, at, reading), at)

    def fork(self, function: ast.expr, arguments: list[ast.expr], at: Location) -> ast.expr:
        return self.call(self.name("fork", self._linker.fork, at), [function, *arguments], at)

    def _print(self, node: Node, at: Location, reading: Reading) -> ast.expr:
        return self.call(self.name("print", print, at), self.arguments(node.inputs, at, reading), at)

    # -- objects ---------------------------------------------------------------------------------------------

    def _class(self, type: T.Type, at: Location) -> ast.expr:
        cls = self._linker.python_class(type)
        return self.name(cls.__name__, cls, at)

    def _create_object(self, node: Node, at: Location, reading: Reading) -> ast.expr:
        cls = self._class(node.output.type, at)
        return self.call(ast.Attribute(cls, "__new__", _LOAD, **at), [self._class(node.output.type, at)], at)

    def _get_attribute(self, node: Node, at: Location, reading: Reading) -> ast.expr:
        owner, name = node.inputs[0], node.attributes["name"]
        tree = self.value(owner, at, reading)
        attribute = owner.type.attributes.get(name) if isinstance(owner.type, T.ClassType) else None
        if not name.isidentifier() and attribute is not None and attribute.kind is T.AttributeKind.MODULE:
            children = ast.Attribute(tree, "_modules", _LOAD, **at)
            return ast.Subscript(children, ast.Constant(name, **at), _LOAD, **at)
        return self.attribute(tree, name, at)

    def _choice(self, node: Node, at: Location, reading: Reading) -> ast.expr:
        is_bool = isinstance(node.output.type, T.BoolType)
        condition = self.value if is_bool else self.test
        sides = [self.value(block.outputs[0], at, reading) for block in node.blocks]
        if not is_bool:
            return ast.IfExp(condition(node.inputs[0], at, reading), sides[0], sides[1], **at)
        return choice(condition(node.inputs[0], at, reading), sides[0], sides[1], at)

    def _list(self, node: Node, at: Location, reading: Reading) -> ast.expr:
        return ast.List(self._held(node, at, reading), _LOAD, **at)

    def _held(self, node: Node, at: Location, reading: Reading) -> list[ast.expr]:
        """What a list or dict is made of. An archive's list of dtypes is one of ints: it holds their codes, all of it."""
        kinds = node.output.type.contained
        parts = self.arguments(node.inputs, at, reading)
        for i, value in enumerate(node.inputs):
            kind = kinds[i % len(kinds)]
            if isinstance(kind, T.IntType) and code_type(kind) is None and code_type(value.type) is not None:
                parts[i] = self.call(self.name("code_of", code_of, at), [parts[i]], at)
        return parts

    def _tuple(self, node: Node, at: Location, reading: Reading) -> ast.expr:
        parts = self.arguments(node.inputs, at, reading)
        if isinstance(node.output.type, T.NamedTupleType):
            return self.call(self._class(node.output.type, at), parts, at)
        return ast.Tuple(parts, _LOAD, **at)

    def _dict(self, node: Node, at: Location, reading: Reading) -> ast.expr:
        parts = self._held(node, at, reading)
        return ast.Dict(list(parts[::2]), parts[1::2], **at)

    def _unpack(self, node: Node, at: Location, reading: Reading) -> ast.expr:
        """What is unpacked; its only element where there is one."""
        tree = self.value(node.inputs[0], at, reading)
        if len(node.outputs) != 1:
            return tree
        return ast.Subscript(tree, ast.Constant(0, **at), _LOAD, **at)

    def _tuple_index(self, node: Node, at: Location, reading: Reading) -> ast.expr:
        tree, index = self.arguments(node.inputs, at, reading)
        return ast.Subscript(tree, index, _LOAD, **at)

    def _tuple_slice(self, node: Node, at: Location, reading: Reading) -> ast.expr:
        bounds: list[ast.expr | None] = list(self.arguments(node.inputs[1:], at, reading))
        for name in ("beg", "end"):
            if name in node.attributes:
                bounds.append(ast.Constant(node.attributes[name], **at))
        bounds += [None] * (3 - len(bounds))
        tree = self.value(node.inputs[0], at, reading)
        return ast.Subscript(tree, ast.Slice(bounds[0], bounds[1], bounds[2], **at), _LOAD, **at)

    def _isinstance(self, node: Node, at: Location, reading: Reading) -> ast.expr:
        types = list(node.attributes["types"])
        tree = self.value(node.inputs[0], at, reading)
        exact = [helpers.EXACT.get(t.__class__) for t in types]
        if all(exact):
            own = self.call(self.name("type", type, at), [tree], at)
            classes = [self.name(cls.__name__, cls, at) for cls in exact if cls is not None]
            if len(classes) == 1:
                return ast.Compare(own, [ast.Is()], classes, **at)
            return ast.Compare(own, [ast.In()], [ast.Tuple(classes, _LOAD, **at)], **at)
        if types == [T.NONE]:
            return ast.Compare(tree, [ast.Is()], [ast.Constant(None, **at)], **at)
        if types == [T.TENSOR]:
            tensor = ast.Attribute(self.name("torch", torch, at), "Tensor", _LOAD, **at)
            return self.call(self.name("isinstance", isinstance, at), [tree, tensor], at)
        wanted = T.union(*types) if len(types) > 1 else types[0]
        test = self.name("value_has_type", helpers.value_has_type, at)
        return self.call(test, [tree, self.name(f"type_{_short(wanted)}", wanted, at)], at)


def _short(type: T.Type) -> str:
    return "".join(c if c.isalnum() else "_" for c in type.annotation().rpartition(".")[2]).strip("_")

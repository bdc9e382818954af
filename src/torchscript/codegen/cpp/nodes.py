"""Nodes other than control flow as C++ statements."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ... import types as T
from ...ir.graph import Function, Graph, Node, Value
from ...operators import builtin_of
from ...passes.fusible import known
from ...schema import Schema
from ...schema.model import AnyClassType, AnyEnumType
from .borrowing import is_borrowed
from .contexts import Contexts
from .images import CONVOLUTIONS, ConvolutionWriter, is_of_convolutions
from .names import quoted
from .operators import (
    FAST,
    FAST_VIEWS,
    check_registered,
    formal_types,
    is_only_read,
    language_function,
    schema_of,
    typed_call,
)
from .problems import Problem
from .steps import find_sum
from .types import field, is_heavy

if TYPE_CHECKING:
    from .function import FunctionPrinter

REFINEMENTS = frozenset({"prim::unchecked_cast", "prim::unchecked_unwrap_optional"})
_SILENT = frozenset({"prim::Constant", "prim::Uninitialized"})


def find_aliases(graph: Graph) -> dict[Value, Value]:
    """Values that are other names of values: refinements, and results of methods that return their list."""
    aliases: dict[Value, Value] = {}
    for node in graph.all_nodes():
        if node.kind in REFINEMENTS or _returns_first(node):
            aliases[node.output] = node.inputs[0]
    return aliases


def _returns_first(node: Node) -> bool:
    if len(node.outputs) != 1 or not node.inputs or node.blocks or node.kind.startswith("prim::"):
        return False
    try:
        builtin = builtin_of(schema_of(node))
    except Problem:
        return False
    return builtin is not None and builtin.returns_first


class NodeWriter:
    def __init__(self, printer: FunctionPrinter) -> None:
        self.p = printer
        self.unit = printer.unit
        self.types = printer.unit.types
        self.contexts = Contexts(printer)
        self._convolutions = ConvolutionWriter(printer, self)
        self.steps: dict[Node, str] = {}  # linear layers that a loop takes several steps of at a time
        self.layers: dict[Node, str] = {}  # layers and cells that were prepared before a loop
        self.added: set[Node] = set()  # sums that were written with the linear layer that they add to
        self.unpacked: set[Node] = set()  # prim::ListUnpack that were written with what makes the list
        self._writers: dict[str, Callable[[Node], None]] = {
            "prim::CallFunction": self._call_function,
            "prim::CallMethod": self._call_method,
            "prim::CreateObject": self._create_object,
            "prim::DictConstruct": self._dict,
            "prim::Enter": lambda node: self.contexts.enter(node),
            "prim::Exit": lambda node: self.contexts.leave(node),
            "prim::GetAttr": self._get_attribute,
            "prim::ListConstruct": self._list,
            "prim::ListUnpack": self._list_unpack,
            "prim::Print": self._print,
            "prim::PythonCall": self._python_call,
            "prim::RaiseException": self._raise,
            "prim::SetAttr": self._set_attribute,
            "prim::TupleConstruct": self._tuple,
            "prim::TupleIndex": self._tuple_index,
            "prim::TupleSlice": self._tuple_slice,
            "prim::TupleUnpack": self._tuple_unpack,
            "prim::fork": self._fork,
            "prim::tolist": self._tolist,
            "aten::wait": self._wait,
            "prim::isinstance": self._isinstance,
            "prim::EnumName": self._enum_name,
            "prim::EnumValue": self._enum_value,
        }

    # -- values ----------------------------------------------------------------------------------------------

    def value(self, value: Value) -> str:
        """An expression that reads a value where it is."""
        known = self.p.variables.get(value)
        if known is not None:
            return known
        node = value.node
        assert node is not None, f"%{value.name} is read before it is written"
        if node.kind == "prim::Constant":
            text = self.unit.literals.write(node.attributes.get("value"), value.type)
        elif node.kind == "prim::Uninitialized":
            text = f"ts::undefined<{self.types.of(value.type)}>()"
        elif node.kind in REFINEMENTS:
            text = self._refined(node)
        else:
            raise Problem(f"the value of '{node.kind}' has no native form")
        self.p.variables[value] = text
        return text

    def _refined(self, node: Node) -> str:
        source, target = node.inputs[0], node.output
        inner, outer = self.types.of(target.type), self.types.of(source.type)
        text = self.value(source)
        if inner == outer:
            return text
        if outer == f"std::optional<{inner}>":
            return f"(*{text})"
        if isinstance(source.type, T.UnionType) and any(
            self.types.of(m) == inner for m in source.type.members
        ):
            return f"std::get<{inner}>({text})"
        return f"ts::convert<{inner}>({text})"

    def converted(self, value: Value, type: T.Type, moving: bool = False) -> str:
        """A value as a `type`; moved out of its variable at the end of the block if nobody reads it again."""
        wanted, have = self.types.of(type), self.types.of(value.type)
        text = self.value(value)
        if moving and self._moves_out(value):
            text = f"std::move({text})"
        return text if wanted == have else f"ts::convert<{wanted}>({text})"

    def _moves_out(self, value: Value) -> bool:
        """Whether a block's output is a local of that block that nobody reads afterwards."""
        p = self.p
        if value not in p.owned or value in p.moved:
            return False
        home = value.defining_block
        users = [n for n, _ in value.users if n is home.return_node]
        if len(users) != 1 or p.lifetimes.last.get(value) != len(home.nodes):
            return False
        if p.position.get(home) != len(home.nodes):
            return False
        if any(p.lifetimes.root(v) is value and v is not value for v in home.return_node.inputs):
            return False
        p.moved.add(value)
        return home.owner is not None  # a return statement moves by itself

    def taken(self, value: Value, node: Node) -> str:
        """A value that `node` keeps: moved there if this is its last reader."""
        text = self.value(value)
        if value in self.p.owned and self.p.dies_here(value, node):
            self.p.moved.add(value)
            return f"std::move({text})"
        return text

    def define(self, node: Node, text: str, output: int = 0, *, owned: bool = True) -> None:
        value = node.outputs[output]
        if not value.users and not is_heavy(value.type) and not text.endswith(")"):
            return
        spelled = self.types.of(value.type)
        if not value.users:
            self.p.line(f"(void)({text});")
            return
        name = self.p.local(value)
        if is_heavy(value.type) and owned:
            self.p.owned.add(value)
            self.p.line(f"{spelled} {name} = {text};")
        else:
            self.p.line(f"const {spelled} {name} = {text};")

    # -- statements ------------------------------------------------------------------------------------------

    def write(self, node: Node) -> None:
        if node.kind in _SILENT or node.kind in REFINEMENTS:
            return
        self.p.at(node.source)
        writer = self._writers.get(node.kind)
        if writer is not None:
            writer(node)
        else:
            self._operator(node)

    def _operator(self, node: Node) -> None:
        schema = schema_of(node)
        function = language_function(schema)
        if function is not None:
            self._language(node, schema, function)
            return
        if node in self.steps:
            index = node.inputs[0].node
            assert index is not None
            self.define(node, f"{self.steps[node]}.at({self.value(index.inputs[2])})")
            return
        if (
            node.kind == "aten::select"
            and node.output.users
            and all(u in self.steps for u, _ in node.output.users)
        ):
            return
        if node in self.added or (schema.key == "aten::linear" and self._linear(node)):
            return
        if node in self.layers and node.kind != "aten::linear":
            x, state = map(self.value, node.inputs[:2])
            self.finish(node, f"{self.layers[node]}.at({x}, {state})")
            return
        if schema.key in CONVOLUTIONS and self._convolutions.write(node, schema.key):
            return
        arguments = [self.argument(v) for v in node.inputs]
        fast = FAST.get(schema.key)
        if fast is None and schema.key in FAST_VIEWS and is_only_read(node.output):
            fast = FAST_VIEWS[schema.key]
        if fast is not None:
            self.finish(node, f"ts::fast::{fast}({', '.join(arguments)})")
            return
        if schema.key == "aten::chunk" and self._chunk(node):
            return
        typed = typed_call(schema)
        if typed is not None:
            self.unit.headers.add(typed.header)
            text = f"ts::call<at::_ops::{typed.struct}>({', '.join(arguments)})"
        else:
            check_registered(schema)
            result = self._result_type(node)
            handle = self.unit.operator(schema.name, schema.overload)
            text = f"ts::call_boxed<{result}>({', '.join([handle, *arguments])})"
        self.finish(node, text)

    def _linear(self, node: Node) -> bool:
        """A layer that was prepared before a loop, or whose result is only added to something."""
        layer, sum = self.layers.get(node), find_sum(node)
        x, *rest = map(self.argument, node.inputs)
        if layer is None and sum is None:
            return False
        if sum is None:
            self.define(node, f"{layer}.at({x})")
            return True
        add, other = sum
        start = self.value(other)
        text = f"ts::fast::linear_add({', '.join([x, *rest, start])})"
        self.define(add, text if layer is None else f"{layer}.at({x}, {start})")
        self.added.add(add)
        return True

    def _chunk(self, node: Node) -> bool:
        """`a, b = x.chunk(2, 1)` whose pieces are only read: no list in between."""
        users = [user for user, _ in node.output.users]
        if len(users) != 1 or users[0].kind != "prim::ListUnpack":
            return False
        pieces = users[0].outputs
        if known(node.inputs[1]) != len(pieces) or not all(map(is_only_read, pieces)):
            return False
        name = self.p.names.unique("_pieces")
        self.p.line(f"Tensor {name}[{len(pieces)}];")
        source, dim = self.value(node.inputs[0]), self.value(node.inputs[2])
        self.p.line(f"ts::fast::chunk({source}, {len(pieces)}, {dim}, {name});")
        for i, piece in enumerate(pieces):
            self.p.variables[piece] = f"{name}[{i}]"
        self.unpacked.add(users[0])
        return True

    def _result_type(self, node: Node) -> str:
        spelled = [self.types.of(v.type) for v in node.outputs]
        return (
            "void"
            if not spelled
            else spelled[0]
            if len(spelled) == 1
            else f"std::tuple<{', '.join(spelled)}>"
        )

    def finish(self, node: Node, text: str) -> None:
        """Assign the results of a call to the node's outputs."""
        if not node.outputs:
            self.p.line(f"{text};")
        elif len(node.outputs) == 1:
            wanted = self.types.of(node.output.type)
            if wanted == "None":
                self.p.line(f"{text};")
                self.p.variables[node.output] = "None()"
            else:
                self.define(node, text if wanted in ("Tensor", "void") else f"ts::convert<{wanted}>({text})")
        else:
            held = self.p.names.unique("_results")
            self.p.line(f"auto {held} = {text};")
            for i, value in enumerate(node.outputs):
                self.define(
                    node, f"ts::convert<{self.types.of(value.type)}>(std::get<{i}>(std::move({held})))", i
                )

    def _language(self, node: Node, schema: Schema, function: str) -> None:
        if schema.key == "aten::__getitem__.t" and is_borrowed(node):
            name = self.p.local(node.output)
            source, index = map(self.value, node.inputs)
            self.p.line(f"const {self.types.of(node.output.type)}& {name} = ts::item({source}, {index});")
            return
        formals = formal_types(node, schema)
        arguments = []
        for i, value in enumerate(node.inputs):
            text = self.value(value)
            if i < len(formals) and not isinstance(formals[i], AnyEnumType | AnyClassType):
                wanted = self.types.of(formals[i])
                if wanted != self.types.of(value.type):
                    text = f"ts::convert<{wanted}>({text})"
            arguments.append(text)
        builtin = builtin_of(schema)
        text = f"lang::{function}({', '.join(arguments)})"
        if builtin is not None and builtin.returns_first and node.outputs:
            self.p.line(f"{text};")
            self.p.variables[node.output] = self.value(node.inputs[0])
            return
        if not schema.returns:
            self.p.line(f"{text};")
            for value in node.outputs:
                self.p.variables[value] = "None()"
            return
        if len(node.outputs) == 1:
            formal = schema.returns[0].type
            wanted = self.types.of(node.output.type)
            self.define(
                node, text if str(formal) == str(node.output.type) else f"ts::convert<{wanted}>({text})"
            )
            return
        self.finish(node, text)

    def argument(self, value: Value) -> str:
        """An argument of an operator of PyTorch; a list that is made just for it is an array."""
        node = value.node
        if node is not None and node.kind == "prim::Constant" and "value" not in node.attributes:
            return "None()"
        return self.value(value)

    # -- structures ------------------------------------------------------------------------------------------

    def _list(self, node: Node) -> None:
        type = node.output.type
        assert isinstance(type, T.ListType)
        spelled = self.types.of(type)
        if is_of_convolutions(node):
            return
        if node.inputs and self._only_read_by_operators(node):
            element = self.types.of(type.element)
            if all(v.node is not None and v.node.kind == "prim::Constant" for v in node.inputs) and element in (
                "int64_t", "double", "bool",
            ):  # fmt: skip
                items = ", ".join(self.converted(v, type.element) for v in node.inputs)
                self.p.variables[node.output] = self.unit.static_list(spelled, "{" + items + "}")
                return
            if element in ("int64_t", "double"):
                items = ", ".join(self.converted(v, type.element) for v in node.inputs)
                name = self.p.local(node.output)
                self.p.line(f"const std::array<{element}, {len(node.inputs)}> {name}{{{items}}};")
                return
        items = ", ".join(self._element(v, type.element, node) for v in node.inputs)
        self.define(node, f"{spelled}{{{items}}}")

    def _element(self, value: Value, type: T.Type, node: Node) -> str:
        if self.types.of(type) == self.types.of(value.type):
            return self.taken(value, node)
        return self.converted(value, type)

    def _only_read_by_operators(self, node: Node) -> bool:
        """Whether all readers are operators of PyTorch, which keep and change no list of numbers."""
        for user, _ in node.output.users:
            if user.kind.startswith("prim::") or user.blocks:
                return False
            try:
                schema = schema_of(user)
                if builtin_of(schema) is not None or typed_call(schema) is None:
                    return False
            except Problem:
                return False
        return True

    def _tuple(self, node: Node) -> None:
        type = node.output.type
        assert isinstance(type, T.TupleType)
        items = ", ".join(self._element(v, t, node) for v, t in zip(node.inputs, type.elements, strict=True))
        self.define(node, f"{self.types.of(type)}({items})")

    def _dict(self, node: Node) -> None:
        type = node.output.type
        assert isinstance(type, T.DictType)
        spelled = self.types.of(type)
        keys, values = node.inputs[::2], node.inputs[1::2]
        self.define(node, f"{spelled}()", owned=True)
        if not node.output.users:
            return
        name = self.p.variables[node.output]
        for key, value in zip(keys, values, strict=True):
            self.p.line(f"{name}.set({self.converted(key, type.key)}, {self.converted(value, type.value)});")

    def _tuple_unpack(self, node: Node) -> None:
        source = self.value(node.inputs[0])
        for i in range(len(node.outputs)):
            if node.outputs[i].users:
                self.define(node, f"std::get<{i}>({source})", i)

    def _tuple_index(self, node: Node) -> None:
        type = node.inputs[0].type
        assert isinstance(type, T.TupleType)
        index = node.inputs[1].node
        if index is None or "value" not in index.attributes:
            raise Problem("a tuple is indexed with a number that is only known at run time")
        place = index.attributes["value"] % len(type.elements)
        text = f"std::get<{place}>({self.value(node.inputs[0])})"
        wanted = self.types.of(node.output.type)
        self.define(
            node, text if wanted == self.types.of(type.elements[place]) else f"ts::convert<{wanted}>({text})"
        )

    def _tuple_slice(self, node: Node) -> None:
        type = node.inputs[0].type
        assert isinstance(type, T.TupleType)
        beg, end = node.attributes["beg"], node.attributes["end"]
        source = self.value(node.inputs[0])
        items = ", ".join(f"std::get<{i}>({source})" for i in range(len(type.elements))[beg:end])
        self.define(node, f"{self.types.of(node.output.type)}({items})")

    def _list_unpack(self, node: Node) -> None:
        if node in self.unpacked:
            return
        source = self.value(node.inputs[0])
        self.p.line(f"ts::check_unpack({source}, {len(node.outputs)});")
        for i, value in enumerate(node.outputs):
            if value.users:
                self.define(node, f"{source}.items()[{i}]", i)

    # -- objects ---------------------------------------------------------------------------------------------

    def _attribute(self, node: Node) -> tuple[T.ClassType, str]:
        owner = node.inputs[0].type
        name = node.attributes["name"]
        if not isinstance(owner, T.ClassType):
            raise Problem(f"an attribute of a '{owner.annotation()}' has no native form")
        self.unit.fields.setdefault(owner, set()).add(name)
        return owner, name

    def _get_attribute(self, node: Node) -> None:
        if isinstance(node.inputs[0].type, T.NamedTupleType):
            place = node.inputs[0].type.field_names.index(node.attributes["name"])
            self.define(node, f"std::get<{place}>({self.value(node.inputs[0])})")
            return
        owner, name = self._attribute(node)
        spelled = self.types.of(node.output.type)
        text = f"{self.value(node.inputs[0])}->{field(name)}"
        declared = owner.attributes.get(name)
        if declared is not None and self.types.of(declared.type) != spelled:
            self.define(node, f"ts::convert<{spelled}>({text})")
        elif self.p.unit.is_constant(owner, name) and is_heavy(node.output.type) and node.output.users:
            local = self.p.local(node.output)
            self.p.line(f"const {spelled}& {local} = {text};")
        else:
            self.define(node, text)

    def _set_attribute(self, node: Node) -> None:
        owner, name = self._attribute(node)
        declared = owner.attributes[name].type
        self.p.line(
            f"{self.value(node.inputs[0])}->{field(name)} = {self._element(node.inputs[1], declared, node)};"
        )

    def _create_object(self, node: Node) -> None:
        type = node.output.type
        assert isinstance(type, T.ClassType)
        name = self.p.local(node.output)
        self.p.owned.add(node.output)
        spelled = self.types.of(type)
        self.p.line(f"{spelled} {name} = {spelled}::make();")

    def _isinstance(self, node: Node) -> None:
        value = self.value(node.inputs[0])
        tests = [f"ts::is<{self.types.of(t)}>({value})" for t in node.attributes["types"]]
        self.define(node, " || ".join(tests) or "false")

    def _enum_name(self, node: Node) -> None:
        type = node.inputs[0].type
        assert isinstance(type, T.EnumType)
        self.define(node, f"{self.types.enum(type)}::name({self.value(node.inputs[0])}.member)")

    def _enum_value(self, node: Node) -> None:
        type = node.inputs[0].type
        assert isinstance(type, T.EnumType)
        self.define(node, f"{self.types.enum(type)}::value({self.value(node.inputs[0])}.member)")

    # -- calls -----------------------------------------------------------------------------------------------

    def _called(self, function: Function, values: list[Value]) -> str:
        arguments = ", ".join(
            self.converted(v, p.type) for v, p in zip(values, function.graph.inputs, strict=True)
        )
        return f"{self.unit.function(function)}({arguments})"

    def _call_function(self, node: Node) -> None:
        callee = node.inputs[0].node
        function = callee.attributes.get("function") if callee is not None else None
        if not isinstance(function, Function):
            raise Problem("a function that is only known at run time is called")
        self.finish(node, self._called(function, node.inputs[1:]))

    def _call_method(self, node: Node) -> None:
        owner = node.inputs[0].type
        if isinstance(owner, T.InterfaceType):
            self._call_interface(node, owner)
            return
        if not isinstance(owner, T.ClassType):
            raise Problem(f"a method of a '{owner.annotation()}' is called")
        method = owner.method(node.attributes["name"])
        if method is None:
            raise Problem(f"'{owner.annotation()}' has no method '{node.attributes['name']}'")
        self.finish(node, self._called(method, node.inputs))

    def _call_interface(self, node: Node, interface: T.InterfaceType) -> None:
        """The method of whichever class the value has."""
        result = self._result_type(node)
        spelled = self.types.of(interface)
        lines = []
        for place, cls in enumerate(self.types.implementers[interface]):
            method = cls.method(node.attributes["name"])
            assert method is not None, cls
            given = [f"std::get<{place}>({self.value(node.inputs[0])})"]
            given += [
                self.converted(v, p.type)
                for v, p in zip(node.inputs[1:], method.graph.inputs[1:], strict=True)
            ]
            call = f"{self.unit.function(method)}({', '.join(given)})"
            have = self.types.of(method.graph.outputs[0].type)
            lines.append(
                f"case {place}: return {call if have == result else f'ts::convert<{result}>({call})'};"
            )
        text = (
            f"[&]() -> {result} {{ const {spelled}& _self = {self.value(node.inputs[0])}; "
            f"switch (_self.index()) {{ {' '.join(lines)} }} throw std::bad_variant_access(); }}()"
        )
        self.finish(node, text)

    def _fork(self, node: Node) -> None:
        function, values = node.attributes.get("function"), list(node.inputs)
        if not isinstance(function, Function):
            callee = values.pop(0).node
            function = callee.attributes.get("function") if callee is not None else None
        if not isinstance(function, Function):
            raise Problem("fork of a function that is only known at run time")
        assert isinstance(node.output.type, T.FutureType)
        result = self.types.of(node.output.type.element)
        # the call keeps its arguments: what is only borrowed here may be gone when it runs
        self.define(node, f"ts::fork<{result}>([=] {{ return {self._called(function, values)}; }})")

    def _tolist(self, node: Node) -> None:
        text = f"lang::tolist_<{self.types.of(node.output.type)}>({self.value(node.inputs[0])})"
        self.define(node, text)

    def _wait(self, node: Node) -> None:
        self.define(node, f"ts::wait({self.value(node.inputs[0])})")

    def _print(self, node: Node) -> None:
        self.p.line(f"lang::print_({', '.join(map(self.value, node.inputs))});")

    def _python_call(self, node: Node) -> None:
        what = node.attributes.get("name") or "a Python function"
        raise Problem(f"{what} is called in Python, which native code does without")

    def _raise(self, node: Node) -> None:
        cls = node.attributes.get("exception")
        given = node.inputs[1].node if len(node.inputs) > 1 else None
        name = given.attributes.get("value") if given is not None else None
        if cls is not None:
            name = f"{cls.__module__}.{cls.__qualname__}"
            if cls.__module__ != "builtins":
                self.unit.exceptions[name] = cls
        kind = (name or "RuntimeError").removeprefix("builtins.")
        self.p.line(f"ts::raise({quoted(kind)}, {self.value(node.inputs[0])});")

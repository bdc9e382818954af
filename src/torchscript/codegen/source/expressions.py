"""Nodes as expressions of archived source.

    %4 : Tensor = aten::add(%x, %y, %2)                        torch.add(x, y, alpha=2)
    %5 : Device = prim::device(%x)                             ops.prim.device(x)
    %6 : Tensor = prim::CallMethod[name="forward"](%l, %x)     self.lin.forward(x)
    %7 : Tensor = prim::CallFunction(%f, %x)                   __torch__.net.f(x)

Which functions there are, and what they are called, is fixed by PyTorch's reader of archives.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Sequence

from ... import types as T
from ...errors import BackendError
from ...ir.graph import Function, Node, Value
from .arguments import schema_of_call, written_arguments
from .fragments import Fragment, join, listed, spanning
from .inlining import Inlining, is_constant
from .literals import ConstantTable, literal
from .qualified_names import QualifiedNames
from .variables import Variables


def is_identifier(name: str) -> bool:
    """Whether source may say `.name`."""
    return name.isidentifier() and name.isascii() and not keyword.iskeyword(name)


_OF_ANY: dict[T.Type, str] = {T.ListType(T.ANY): "list", T.TupleType(()): "tuple"}
"""What `isinstance` asks for where any list or any tuple will do."""


class Expressions:
    """Writes the values of one graph as expressions."""

    def __init__(
        self, inlining: Inlining, variables: Variables, names: QualifiedNames, constants: ConstantTable
    ) -> None:
        self.inlining = inlining
        self.names = variables.names
        self.qualified = names
        self.constants = constants

    def value(self, value: Value) -> Fragment:
        """The expression that stands for a value where it is used."""
        name = self.names.get(value)
        if name is not None:
            return Fragment(name, simple=True)
        if value.node is None:
            raise BackendError(f"the parameter {value!r} has no variable")
        return self.node(value.node)

    def values(self, values: Sequence[Value]) -> list[Fragment]:
        return [self.value(v) for v in values]

    def node(self, node: Node) -> Fragment:
        """The expression that computes a node."""
        writer = _WRITERS.get(node.kind)
        text = writer(self, node) if writer is not None else self._operator(node)
        return text if node.kind == "prim::Constant" else spanning(text, node.source)

    def type(self, type: T.Type) -> str:
        return self.qualified.type(type)

    def of_type(self, value: Value, type: T.Type) -> Fragment:
        """The value as one of exactly this type, which its own is a part of (an int as an Optional[int])."""
        text = self.value(value)
        if text.text == "None" and not isinstance(type, T.NoneType):
            return Fragment(f"annotate({self.type(type)}, None)", simple=True)
        widened = is_constant(value) and isinstance(type, T.OptionalType | T.UnionType)
        if not widened and (value.type == type or self.type(value.type) == self.type(type)):
            return text
        return join(f"unchecked_cast({self.type(type)}, ", text, ")", simple=True)

    def call(self, function: str | Fragment, arguments: list[Fragment]) -> Fragment:
        return join(function, listed("(", arguments, ")"), simple=True)

    def _operator(self, node: Node) -> Fragment:
        namespace, _, name = node.kind.partition("::")
        prefix = "torch" if namespace == "aten" else f"ops.{namespace}"
        schema = schema_of_call(node)
        if schema is None:
            return self.call(f"{prefix}.{name}", self.values(node.inputs))
        arguments: list[Fragment] = []
        for keyword_name, index in written_arguments(node, schema):
            text = self.value(node.inputs[index])
            arguments.append(join(f"{keyword_name}=", text) if keyword_name else text)
        return self.call(f"{prefix}.{name}", arguments)

    # One method for each node that has a form of its own.

    def constant(self, node: Node) -> Fragment:
        function = node.attributes.get("function")
        if isinstance(function, Function):
            return Fragment(self.qualified.of(function), simple=True)
        return literal(node.attributes.get("value"), node.output.type, self.qualified, self.constants)

    def uninitialized(self, node: Node) -> Fragment:
        return Fragment(f"uninitialized({self.type(node.output.type)})", simple=True)

    def list_construct(self, node: Node) -> Fragment:
        text = listed("[", self.values(node.inputs), "]")
        type = node.output.type
        element = type.element if isinstance(type, T.ListType) else T.ANY
        return text if self._same_types(node.inputs, element) else self._annotated(type, text)

    def dict_construct(self, node: Node) -> Fragment:
        items = self.values(node.inputs)
        text = listed("{", [join(k, ": ", v) for k, v in zip(items[::2], items[1::2])], "}")
        type = node.output.type
        plain = (
            isinstance(type, T.DictType)
            and self._same_types(node.inputs[::2], type.key)
            and self._same_types(node.inputs[1::2], type.value)
        )
        return text if plain else self._annotated(type, text)

    def _annotated(self, type: T.Type, text: Fragment) -> Fragment:
        return join(f"annotate({self.type(type)}, ", text, ")", simple=True)

    def _same_types(self, values: Sequence[Value], type: T.Type) -> bool:
        """Whether a reader who sees only the elements finds this element type."""
        return bool(values) and all(v.type == type for v in values) and not isinstance(type, T.OptionalType)

    def tuple_construct(self, node: Node) -> Fragment:
        type = node.output.type
        items = self.values(node.inputs)
        if isinstance(type, T.NamedTupleType) and type.qualified_name:
            return self.call(self.qualified.of(type), items)
        if isinstance(type, T.TupleType):
            items = [
                self.of_type(v, t) if isinstance(t, T.OptionalType | T.UnionType) else text
                for v, t, text in zip(node.inputs, type.elements, items)
            ]
        return join("(", items[0], ",)") if len(items) == 1 else listed("(", items, ")")

    def index(self, node: Node) -> Fragment:
        container, index = self.values(node.inputs)
        return join(container.receiver(), "[", index, "]", simple=True)

    def item(self, node: Node) -> Fragment:
        """`aten::__getitem__`."""
        if isinstance(node.inputs[0].type, T.ListType | T.DictType | T.StringType):
            return self.index(node)
        return self._operator(node)

    def tuple_slice(self, node: Node) -> Fragment:
        type = node.inputs[0].type
        count = len(type.elements) if isinstance(type, T.TupleType) else 0
        if "beg" in node.attributes or "end" in node.attributes:
            begin, end, step = node.attributes.get("beg"), node.attributes.get("end"), None
        else:
            begin, end, step = [
                v.node.attributes.get("value") if v.node is not None else None
                for v in [*node.inputs[1:], *[node.inputs[0]] * 4][:3]
            ]
            begin, end, step = (x if isinstance(x, int) else None for x in (begin, end, step))
        value = self.value(node.inputs[0]).receiver()
        items = [join(value, f"[{i}]") for i in range(count)[slice(begin, end, step)]]
        return join("(", items[0], ",)") if len(items) == 1 else listed("(", items, ")")

    def get_attribute(self, node: Node) -> Fragment:
        name = node.attributes["name"]
        value = self.value(node.inputs[0])
        type = node.inputs[0].type
        if isinstance(type, T.NamedTupleType) and not type.qualified_name:
            return join(value.receiver(), f"[{type.field_names.index(name)}]", simple=True)
        if is_identifier(name):
            return join(value.receiver(), f".{name}", simple=True)
        return join("getattr(", value, f', "{name}")', simple=True)

    def enum_name(self, node: Node) -> Fragment:
        return join(self.value(node.inputs[0]).receiver(), ".name", simple=True)

    def enum_value(self, node: Node) -> Fragment:
        return join(self.value(node.inputs[0]).receiver(), ".value", simple=True)

    def create_object(self, node: Node) -> Fragment:
        name = self.type(node.output.type)
        return Fragment(f"{name}.__new__({name})", simple=True)

    def call_method(self, node: Node) -> Fragment:
        receiver, *arguments = self.values(node.inputs)
        return self.call(join(receiver.receiver(), f".{node.attributes['name']}"), arguments)

    def call_function(self, node: Node) -> Fragment:
        function, *arguments = self.values(node.inputs)
        return self.call(function, arguments)

    def python_call(self, node: Node) -> Fragment:
        """What no archive can hold; shown in `.code` as the IR shows it."""
        return self.call(f"^{node.attributes.get('name', 'python')}", self.values(node.inputs))

    def isinstance(self, node: Node) -> Fragment:
        types = [_OF_ANY.get(t) or self.type(t) for t in node.attributes["types"]]
        wanted = types[0] if len(types) == 1 else f"({', '.join(types)})"
        return join("isinstance(", self.value(node.inputs[0]), f", {wanted})", simple=True)

    def identity(self, node: Node) -> Fragment:
        """`x is None`. PyTorch's reader takes it for False where `x` is an Any."""
        types = [v.type for v in node.inputs]
        if set(map(type, types)) != {T.AnyType, T.NoneType}:
            return self._operator(node)
        value = node.inputs[isinstance(types[0], T.NoneType)]
        text = join("isinstance(", self.value(value), ", NoneType)", simple=True)
        return join("not ", text) if node.kind == "aten::__isnot__" else text

    def view(self, node: Node) -> Fragment:
        """`x.view(dtype)`: PyTorch's reader takes the one int that a dtype is for a shape, but not so for `view_copy`."""
        schema = schema_of_call(node)
        if schema is None or schema.key != "aten::view.dtype":
            return self._operator(node)
        x, dtype = self.values(node.inputs)
        return self.call("torch.view_copy", [x, join("dtype=", dtype)])

    def cast(self, node: Node) -> Fragment:
        return join(
            f"unchecked_cast({self.type(node.output.type)}, ", self.value(node.inputs[0]), ")", simple=True
        )

    def to_list(self, node: Node) -> Fragment:
        """`annotate(List[List[float]], x.tolist())`: the annotation says what two of the inputs do."""
        return self._annotated(node.output.type, join(self.value(node.inputs[0]).receiver(), ".tolist()"))

    def implicit(self, node: Node) -> Fragment:
        """A conversion that a type annotation asks for: `annotate(int, x)` of a tensor."""
        return self._annotated(node.output.type, self.value(node.inputs[0]))

    def conversion(self, node: Node) -> Fragment:
        """`int(x)`, `str(x)`."""
        if len(node.inputs) != 1:
            return self._operator(node)
        return self.call(node.kind.partition("::")[2].lower(), self.values(node.inputs))

    def complex(self, node: Node) -> Fragment:
        return self.call("complex", self.values(node.inputs))

    def power(self, node: Node) -> Fragment:
        """`aten::pow`. Of two ints a reader finds the overload that makes a float."""
        text = self._operator(node)
        return self.call("int", [text]) if node.output.type == T.INT else text

    def percent_format(self, node: Node) -> Fragment:
        """`"%s %d" % (a, b)`: the values are one tuple."""
        template, *items = self.values(node.inputs)
        return self.call(
            "torch.percentFormat", [template, items[0] if len(items) == 1 else listed("(", items, ")")]
        )

    def print(self, node: Node) -> Fragment:
        return self.call("print", self.values(node.inputs))

    def raise_exception(self, node: Node) -> Fragment:
        arguments = self.values(node.inputs)
        while len(arguments) > 1 and arguments[-1].text == "None":
            arguments.pop()
        return self.call("ops.prim.RaiseException", arguments)


_WRITERS: dict[str, Callable[[Expressions, Node], Fragment]] = {
    "prim::Constant": Expressions.constant,
    "prim::Uninitialized": Expressions.uninitialized,
    "prim::ListConstruct": Expressions.list_construct,
    "prim::DictConstruct": Expressions.dict_construct,
    "prim::TupleConstruct": Expressions.tuple_construct,
    "prim::TupleIndex": Expressions.index,
    "prim::TupleSlice": Expressions.tuple_slice,
    "aten::__getitem__": Expressions.item,
    "prim::GetAttr": Expressions.get_attribute,
    "prim::EnumName": Expressions.enum_name,
    "prim::EnumValue": Expressions.enum_value,
    "prim::CreateObject": Expressions.create_object,
    "prim::CallMethod": Expressions.call_method,
    "prim::CallFunction": Expressions.call_function,
    "prim::PythonCall": Expressions.python_call,
    "prim::PythonOp": Expressions.python_call,
    "prim::isinstance": Expressions.isinstance,
    "aten::__is__": Expressions.identity,
    "aten::__isnot__": Expressions.identity,
    "aten::view": Expressions.view,
    "prim::tolist": Expressions.to_list,
    "prim::unchecked_cast": Expressions.cast,
    "aten::IntImplicit": Expressions.implicit,
    "aten::FloatImplicit": Expressions.implicit,
    "aten::ComplexImplicit": Expressions.implicit,
    "aten::ScalarImplicit": Expressions.implicit,
    "aten::Int": Expressions.conversion,
    "aten::Float": Expressions.conversion,
    "aten::Bool": Expressions.conversion,
    "aten::str": Expressions.conversion,
    "aten::Complex": Expressions.complex,
    "aten::percentFormat": Expressions.percent_format,
    "aten::pow": Expressions.power,
    "prim::Print": Expressions.print,
    "prim::RaiseException": Expressions.raise_exception,
}

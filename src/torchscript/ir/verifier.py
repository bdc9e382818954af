"""Check that a graph is well formed.

What holds of every graph, and what a pass may therefore rely on:

- A value is defined once, and used after its definition, in its block or in a block inside that.
- `Value.users` and `Node.inputs` say the same; nodes and blocks know where they stand.
- `prim::If` and `prim::Loop` have the parameters, outputs and types that control flow asks for.
- The block of a `prim::FusionGroup` reads its parameters alone, and changes nothing.
- The inputs and outputs of an operator's node fit its schema; those of basic `prim::` nodes fit each other.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any, NoReturn

import torch

from .. import types as T
from ..errors import IRError
from .graph import Block, Function, Graph, Node, Value
from .literals import Opaque
from .operands import fits, result_types
from .printer import print_node


def verify(graph: Graph) -> None:
    """Raise an IRError that shows the node, if the graph breaks a rule.

    >>> from torchscript.ir import parse_graph
    >>> verify(parse_graph("graph(%x : Tensor): return (%x)"))
    """
    if graph.block.owner is not None or graph.block.graph is not graph:
        raise IRError("the top block of the graph does not belong to it")
    verifier = _Verifier()
    verifier.block(graph.block)
    verifier.uses()


class _Verifier:
    def __init__(self) -> None:
        self.visible: set[Value] = set()
        self.values: list[Value] = []
        self.readers: set[Node] = set()

    def block(self, block: Block) -> None:
        owner = block.owner or block.return_node
        first = len(self.values)
        for index, value in enumerate(block.parameters):
            if value.block is not block or value.node is not None or value.offset != index:
                _fail(owner, f"parameter {index} of a block belongs elsewhere")
            self.define(value, owner)
        for node in block.nodes:
            self.node(node, block)
        returns = block.return_node
        if returns.block is not block or returns.kind != "prim::Return" or returns.outputs or returns.blocks:
            _fail(owner, "the return node of a block is damaged")
        self.inputs(returns)
        self.visible.difference_update(self.values[first:])

    def node(self, node: Node, block: Block) -> None:
        if node.block is not block:
            _fail(node, "the node stands in one block and names another as its own")
        self.inputs(node)
        outside = self.visible
        if node.is_closed:
            self.visible = set()
        for inner in node.blocks:
            if inner.owner is not node:
                _fail(node, "a block of this node belongs to another node")
            self.block(inner)
        self.visible = outside
        for index, value in enumerate(node.outputs):
            if value.node is not node or value.block is not None or value.offset != index:
                _fail(node, f"output {index} belongs elsewhere")
            self.define(value, node)
        check_node(node)

    def inputs(self, node: Node) -> None:
        if node in self.readers:
            _fail(node, "the node stands in the graph twice")
        self.readers.add(node)
        for index, value in enumerate(node.inputs):
            if value not in self.visible:
                _fail(node, f"input {index} is used where it is not defined")
            if (node, index) not in value.users:
                _fail(node, f"input {index} does not count this node among its users")

    def define(self, value: Value, node: Node) -> None:
        if value in self.visible:
            _fail(node, "a value is defined twice")
        self.visible.add(value)
        self.values.append(value)

    def uses(self) -> None:
        """Users are nodes of this graph, and read what they are said to."""
        for value in self.values:
            for user, index in value.users:
                origin = value.node or (value.block.return_node if value.block is not None else user)
                if user not in self.readers:
                    _fail(
                        origin,
                        f"%{value.name or value.offset} is used by {user!r}, which is not in the graph",
                    )
                if index >= len(user.inputs) or user.inputs[index] is not value:
                    _fail(user, f"input {index} is not the value that says it is used there")


def check_node(node: Node) -> None:
    """Raise an IRError if the types, counts or attributes of one node do not go together."""
    if node.schema is not None:
        _operator(node)
    check = _CHECKS.get(node.kind)
    if check is not None:
        check(node)
    elif node.blocks and node.schema is not None:
        _fail(node, "an operator has no blocks")


def _fail(node: Node, reason: str) -> NoReturn:
    try:
        text = print_node(node)
    except Exception:  # a graph can be too damaged to print
        text = repr(node)
    where = f"\n{node.source.show()}" if node.source is not None else ""
    raise IRError(f"ill-formed graph: {reason}, in\n{textwrap.indent(text, '    ')}{where}")


def _expect(node: Node, holds: bool, reason: str) -> None:
    if not holds:
        _fail(node, reason)


def _expect_fit(node: Node, value: Value, formal: T.Type, what: str) -> None:
    if not fits(value.type, formal):
        _fail(node, f"{what} is of type '{value.type}', not '{formal}'")


def _operator(node: Node) -> None:
    schema = node.schema
    assert schema is not None
    _expect(node, schema.name == node.kind, f"its schema is that of {schema.name}")
    types = result_types(schema, node.inputs)
    if isinstance(types, str):
        _fail(node, types)
    if schema.is_varret or node.kind == "prim::unchecked_cast":
        return  # a cast may say anything: where control never comes, it casts None
    _expect(node, len(types) == len(node.outputs), f"{schema.key} has {len(types)} results")
    for value, type in zip(node.outputs, types, strict=True):
        # an output may be narrower than the schema says (a trace knows more) or wider (an annotation)
        if not fits(type, value.type) and not fits(value.type, type):
            _fail(node, f"the result of {schema.key} is of type '{type}', not '{value.type}'")


def _if(node: Node) -> None:
    _expect(node, len(node.inputs) == 1, "it needs a condition, and nothing else")
    _expect_fit(node, node.inputs[0], T.BOOL, "the condition")
    _expect(node, len(node.blocks) == 2, "it needs two blocks")
    for block in node.blocks:
        _expect(node, not block.parameters, "its blocks have no parameters")
        _expect(node, len(block.outputs) == len(node.outputs), "both blocks yield what the node yields")
        for output, value in zip(node.outputs, block.outputs, strict=True):
            _expect_fit(node, value, output.type, "what a block yields")


def _loop(node: Node) -> None:
    _expect(node, len(node.inputs) >= 2, "it needs a number of trips and a first condition")
    _expect_fit(node, node.inputs[0], T.INT, "the number of trips")
    _expect_fit(node, node.inputs[1], T.BOOL, "the first condition")
    _expect(node, len(node.blocks) == 1, "it needs one block")
    (body,) = node.blocks
    carried = len(node.outputs)
    _expect(node, len(node.inputs) == carried + 2, "every output needs its first value as an input")
    _expect(node, len(body.parameters) == carried + 1, "the block takes a number and every carried value")
    _expect(node, len(body.outputs) == carried + 1, "the block yields a condition and every carried value")
    _expect_fit(node, body.parameters[0], T.INT, "the trip's number")
    _expect_fit(node, body.outputs[0], T.BOOL, "the condition of the next trip")
    for index, output in enumerate(node.outputs):
        parameter = body.parameters[index + 1]
        _expect_fit(node, node.inputs[index + 2], parameter.type, f"the first value of carried value {index}")
        _expect_fit(node, body.outputs[index + 1], parameter.type, f"the next value of carried value {index}")
        _expect_fit(node, parameter, output.type, f"carried value {index}")


_PYTHON_TYPES: dict[type[T.Type], tuple[type, ...]] = {
    T.IntType: (int, torch.dtype, torch.layout, torch.memory_format),
    T.FloatType: (float,),
    T.BoolType: (bool,),
    T.StringType: (str,),
    T.ComplexType: (complex,),
    T.TensorType: (torch.Tensor,),
    T.DeviceType: (torch.device,),
    T.ListType: (list,),
    T.DictType: (dict,),
    T.TupleType: (tuple,),
    T.DtypeType: (torch.dtype, int),
    T.LayoutType: (torch.layout, int),
    T.MemoryFormatType: (torch.memory_format, int),
}


def _constant(node: Node) -> None:
    _expect(node, not node.inputs and len(node.outputs) == 1, "it has no inputs and one output")
    type = node.output.type
    if isinstance(type, T.FunctionType):
        function = node.attributes.get("function")
        _expect(node, function is None or isinstance(function, Function), "its function is none")
        return
    if "value" not in node.attributes:
        _expect(node, T.NONE.is_subtype_of(type), f"None is no value of type '{type}'")
        return
    value: Any = node.attributes["value"]
    classes = _PYTHON_TYPES.get(type.__class__)
    if classes is None or isinstance(value, Opaque):
        return
    if not isinstance(value, classes) or (isinstance(value, bool) and bool not in classes):
        _fail(node, f"{value!r} is no value of type '{type}'")


def _list_construct(node: Node) -> None:
    _expect(node, len(node.outputs) == 1, "it has one output")
    type = node.output.type
    if isinstance(type, T.ListType):
        for value in node.inputs:
            _expect_fit(node, value, type.element, "an element")
    else:
        _fail(node, "a list is of a list type")


def _dict_construct(node: Node) -> None:
    _expect(node, len(node.outputs) == 1 and len(node.inputs) % 2 == 0, "it takes keys and values in turn")
    type = node.output.type
    if isinstance(type, T.DictType):
        for index, value in enumerate(node.inputs):
            _expect_fit(
                node, value, type.value if index % 2 else type.key, "a value" if index % 2 else "a key"
            )
    else:
        _fail(node, "a dict is of a dict type")


def _tuple_construct(node: Node) -> None:
    _expect(node, len(node.outputs) == 1, "it has one output")
    type = node.output.type
    if not isinstance(type, T.TupleType) or len(type.elements) != len(node.inputs):
        _fail(node, "a tuple is of a tuple type with as many elements")
    for value, element in zip(node.inputs, type.elements, strict=True):
        _expect_fit(node, value, element, "an element")


def _tuple_unpack(node: Node) -> None:
    _expect(node, len(node.inputs) == 1, "it takes one tuple")
    type = node.inputs[0].type
    if not isinstance(type, T.TupleType) or len(type.elements) != len(node.outputs):
        _fail(node, "its input is a tuple with as many elements as it has outputs")
    for value, element in zip(node.outputs, type.elements, strict=True):
        _expect(node, fits(element, value.type) or fits(value.type, element), "an element is of another type")


def _tuple_index(node: Node) -> None:
    _expect(node, len(node.inputs) == 2 and len(node.outputs) == 1, "it takes a tuple and an index")
    _expect(node, isinstance(node.inputs[0].type, T.TupleType), "its first input is a tuple")
    _expect_fit(node, node.inputs[1], T.INT, "the index")


def _named_attribute(inputs: int | None, outputs: int) -> Callable[[Node], None]:
    """The node has an attribute `name`, an object as its first input, and so many inputs and outputs."""

    def check(node: Node) -> None:
        _expect(node, isinstance(node.attributes.get("name"), str), "it needs a name as its attribute")
        _expect(node, len(node.inputs) >= 1, "its first input is an object")
        _expect(node, inputs is None or len(node.inputs) == inputs, f"it has {inputs} inputs")
        _expect(node, len(node.outputs) == outputs, f"it has {outputs} outputs")
        owner = node.inputs[0].type
        if node.kind == "prim::CallMethod" or not isinstance(owner, T.ClassType) or not owner.attributes:
            return  # a class without attributes may be a placeholder of the parser
        name = node.attributes["name"]
        attribute = owner.attributes.get(name)
        if attribute is None:
            _fail(node, f"'{owner.qualified_name}' has no attribute '{name}'")
        if node.kind == "prim::SetAttr":
            _expect_fit(node, node.inputs[1], attribute.type, "the new value")
        else:
            value = node.outputs[0]
            if not fits(attribute.type, value.type) and not fits(value.type, attribute.type):
                _fail(node, f"the attribute is of type '{attribute.type}', not '{value.type}'")

    return check


def _fork(node: Node) -> None:
    if not node.blocks:
        return
    _expect(
        node, len(node.blocks) == 1 and not node.blocks[0].parameters, "it has one block without parameters"
    )
    _expect(node, len(node.outputs) == 1, "it has one output")
    _expect(node, isinstance(node.output.type, T.FutureType), "its output is a Future")


def _fusion_group(node: Node) -> None:
    _expect(node, node.attributes.get("kind") in ("pointwise", "row"), 'its kind is "pointwise" or "row"')
    _expect(node, len(node.blocks) == 1, "it needs one block")
    (body,) = node.blocks
    _expect(node, len(body.parameters) == len(node.inputs), "its block takes what the node takes")
    _expect(node, len(body.outputs) == len(node.outputs), "its block yields what the node yields")
    for parameter, value in zip(body.parameters, node.inputs, strict=True):
        _expect_fit(node, value, parameter.type, "an input")
        if not isinstance(parameter.type, T.TensorType | T.IntType | T.FloatType | T.BoolType):
            _fail(node, f"it takes tensors, ints, floats and bools, and no '{parameter.type}'")
    for output, value in zip(node.outputs, body.outputs, strict=True):
        _expect_fit(node, value, output.type, "what its block yields")
    for inner in body.nodes:
        pure = inner.kind in ("prim::Constant", "prim::ListConstruct") or (
            inner.schema is not None and not inner.schema.is_mutable
        )
        if inner.blocks or not pure:
            _fail(inner, "a fusion group holds operators that change nothing, and constants")


def _call_function(node: Node) -> None:
    _expect(node, len(node.inputs) >= 1, "its first input is a function")
    _expect(node, isinstance(node.inputs[0].type, T.FunctionType), "its first input is a function")


_CHECKS: dict[str, Callable[[Node], None]] = {
    "prim::If": _if,
    "prim::Loop": _loop,
    "prim::Constant": _constant,
    "prim::ListConstruct": _list_construct,
    "prim::DictConstruct": _dict_construct,
    "prim::TupleConstruct": _tuple_construct,
    "prim::TupleUnpack": _tuple_unpack,
    "prim::TupleIndex": _tuple_index,
    "prim::GetAttr": _named_attribute(1, 1),
    "prim::SetAttr": _named_attribute(2, 0),
    "prim::CallMethod": _named_attribute(None, 1),
    "prim::CallFunction": _call_function,
    "prim::fork": _fork,
    "prim::FusionGroup": _fusion_group,
}

"""The intermediate representation: SSA values with static types, in nodes, in blocks, in a graph.

A `Graph` owns one top `Block`. A block has parameters, nodes in order, and outputs; a `Node` has a kind
(`aten::add`), inputs, outputs, attributes, and blocks of its own (`prim::If`, `prim::Loop`). A `Value` is a
block's parameter or a node's output and is defined once. A value may be used in its block and in the blocks
inside it, after its definition.

Control flow, as the specification's section "Interpreting Graphs" has it:

    %out… = prim::If(%condition)             block0() -> (then…)   block1() -> (else…)
    %out… = prim::Loop(%trips, %first, %carried…)
        block0(%i : int, %carried…) -> (%again, %carried…)

and a group of operators that run as one kernel, whose block reads nothing but its parameters:

    %out… = prim::FusionGroup[kind="pointwise"](%in…)
        block0(%in…) -> (%out…)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .. import types as T
from ..source import SourceRange

if TYPE_CHECKING:
    from ..schema import Schema


class Value:
    """A value that is defined once: by a node, or as a parameter of a block.

    `name` is the user's variable where there is one (`rv`); printing makes it unique (`rv.1`). `users` holds
    every (node, input position) that reads it, oldest first, as the keys of a dict: a constant can have
    thousands, and giving one up must not cost a search. Block outputs are inputs of the block's return node.
    """

    __slots__ = ("block", "name", "node", "offset", "type", "users")

    def __init__(
        self, type: T.Type, name: str | None, node: Node | None, block: Block | None, offset: int
    ) -> None:
        self.type = type
        self.name = name
        self.node = node  # the node that defines it, or None for a block's parameter
        self.block = block  # the block whose parameter it is, or None
        self.offset = offset  # its place among the node's outputs, or the block's parameters
        self.users: dict[tuple[Node, int], None] = {}

    def __repr__(self) -> str:
        origin = self.node.kind if self.node is not None else "parameter"
        return f"<%{self.name or '_'} : {self.type} of {origin}>"

    def replace_all_uses_with(self, other: Value) -> None:
        """Make every reader of this value read `other`."""
        if other is self:
            return
        users, self.users = self.users, {}
        for node, index in users:
            node.inputs[index] = other
        other.users.update(users)

    @property
    def defining_block(self) -> Block:
        """The block in which the value is defined."""
        if self.block is not None:
            return self.block
        assert self.node is not None
        return self.node.block


class Node:
    """One operation.

    `schema` is the operator overload for nodes that call an operator (`aten::…` and the language's own).
    `attributes` hold what is fixed at compile time (`value` of a constant, `name` of an attribute access).
    `inputs` may be read as a list; change it through the methods, which keep `Value.users` true.
    """

    __slots__ = ("attributes", "block", "blocks", "inputs", "kind", "outputs", "schema", "source")

    def __init__(
        self,
        kind: str,
        inputs: Sequence[Value] = (),
        output_types: Sequence[T.Type] = (),
        attributes: dict[str, Any] | None = None,
        source: SourceRange | None = None,
        schema: Schema | None = None,
    ) -> None:
        self.kind = kind
        self.inputs: list[Value] = list(inputs)
        self.outputs = [Value(t, None, self, None, i) for i, t in enumerate(output_types)]
        self.attributes = attributes if attributes is not None else {}
        self.blocks: list[Block] = []
        self.source = source
        self.schema = schema
        self.block: Block = None  # type: ignore[assignment]  # set when the node enters a block
        for i, value in enumerate(self.inputs):
            value.users[self, i] = None

    def __repr__(self) -> str:
        return f"<{self.kind} with {len(self.inputs)} inputs>"

    @property
    def is_closed(self) -> bool:
        """Whether the node's blocks read nothing that is defined outside them."""
        return self.kind == "prim::FusionGroup"

    @property
    def output(self) -> Value:
        """The only output."""
        (value,) = self.outputs
        return value

    def add_output(self, type: T.Type, name: str | None = None) -> Value:
        value = Value(type, name, self, None, len(self.outputs))
        self.outputs.append(value)
        return value

    def add_input(self, value: Value) -> None:
        value.users[self, len(self.inputs)] = None
        self.inputs.append(value)

    def set_input(self, index: int, value: Value) -> None:
        del self.inputs[index].users[self, index]
        self.inputs[index] = value
        value.users[self, index] = None

    def set_inputs(self, values: Sequence[Value]) -> None:
        self.drop_inputs()
        for value in values:
            self.add_input(value)

    def drop_inputs(self) -> None:
        for i, value in enumerate(self.inputs):
            del value.users[self, i]
        self.inputs.clear()

    def remove_output(self, index: int) -> None:
        """Remove an output that nobody reads."""
        assert not self.outputs[index].users
        del self.outputs[index]
        for i, value in enumerate(self.outputs):
            value.offset = i

    def remove_input(self, index: int) -> None:
        kept = [v for i, v in enumerate(self.inputs) if i != index]
        self.set_inputs(kept)

    def add_block(self) -> Block:
        block = Block(None, self)
        self.blocks.append(block)
        return block

    def release(self) -> None:
        """Give up the inputs and blocks of a node that its block is about to leave out of `Block.nodes`.

        A pass that removes many nodes releases each and assigns `nodes` once.
        """
        for block in self.blocks:
            block.clear()
        self.drop_inputs()

    def detach(self) -> None:
        """Take out a node whose outputs nobody reads; searches the block for it, so costs its length."""
        self.release()
        if self.block is not None:
            self.block.nodes.remove(self)

    def all_nodes(self) -> Iterator[Node]:
        """This node and every node inside its blocks, outermost first."""
        return _walk([self])


class Block:
    """Parameters, nodes in order, outputs."""

    __slots__ = ("_graph", "nodes", "owner", "parameters", "return_node")

    def __init__(self, graph: Graph | None, owner: Node | None) -> None:
        self._graph = graph  # of a top block only
        self.owner = owner  # the node this block belongs to; None for a graph's top block
        self.parameters: list[Value] = []
        self.nodes: list[Node] = []
        self.return_node = Node("prim::Return")
        self.return_node.block = self

    @property
    def graph(self) -> Graph:
        """The graph around this block; the owning nodes must have entered their blocks."""
        block = self
        while block.owner is not None:
            block = block.owner.block
        assert block._graph is not None
        return block._graph

    @property
    def outputs(self) -> list[Value]:
        """What the block yields: read it as a list, change it through `return_node`."""
        return self.return_node.inputs

    @property
    def parent(self) -> Block | None:
        """The block around the node that owns this one."""
        return self.owner.block if self.owner is not None else None

    def add_parameter(self, type: T.Type, name: str | None = None) -> Value:
        value = Value(type, name, None, self, len(self.parameters))
        self.parameters.append(value)
        return value

    def remove_parameter(self, index: int) -> None:
        assert not self.parameters[index].users
        del self.parameters[index]
        for i, value in enumerate(self.parameters):
            value.offset = i

    def add_output(self, value: Value) -> None:
        self.return_node.add_input(value)

    def append(self, node: Node) -> Node:
        node.block = self
        self.nodes.append(node)
        return node

    def add(
        self,
        kind: str,
        inputs: Sequence[Value] = (),
        output_types: Sequence[T.Type] = (),
        attributes: dict[str, Any] | None = None,
        source: SourceRange | None = None,
        schema: Schema | None = None,
    ) -> Node:
        """Make a node and append it."""
        node = Node(kind, inputs, output_types, attributes, source, schema)
        node.block = self
        self.nodes.append(node)
        return node

    def insert_before(self, anchor: Node, node: Node) -> Node:
        node.block = self
        self.nodes.insert(self.nodes.index(anchor), node)
        return node

    def constant(self, value: Any, type: T.Type, source: SourceRange | None = None) -> Value:
        """Append a `prim::Constant`."""
        attributes = {} if value is None else {"value": value}
        return self.add("prim::Constant", (), (type,), attributes, source).outputs[0]

    def clear(self) -> None:
        """Remove every node, giving up their inputs."""
        self.return_node.drop_inputs()
        for node in reversed(self.nodes):
            for block in node.blocks:
                block.clear()
            node.drop_inputs()
        self.nodes.clear()

    def all_nodes(self) -> Iterator[Node]:
        """Every node of this block and of the blocks inside it, in order, outermost first."""
        return _walk(self.nodes)


def _walk(nodes: Sequence[Node]) -> Iterator[Node]:
    """In constant time for each node however deep the blocks nest (a chain of `elif` nests deep)."""
    stack = [iter(nodes)]
    while stack:
        for node in stack[-1]:
            yield node
            if node.blocks:
                stack.extend(iter(block.nodes) for block in reversed(node.blocks))
                break
        else:
            stack.pop()


class Graph:
    """A function's body: its parameters are the top block's, its results the top block's outputs."""

    __slots__ = ("block", "name")

    def __init__(self, name: str = "forward") -> None:
        self.name = name
        self.block = Block(self, None)

    @property
    def inputs(self) -> list[Value]:
        return self.block.parameters

    @property
    def outputs(self) -> list[Value]:
        return self.block.outputs

    def all_nodes(self) -> Iterator[Node]:
        return self.block.all_nodes()

    def all_values(self) -> Iterator[Value]:
        """Inputs, results of nodes and parameters of blocks, in the order in which they are defined."""
        yield from self.inputs
        for node in self.all_nodes():
            yield from node.outputs
            for block in node.blocks:
                yield from block.parameters

    def copy(self) -> Graph:
        """A copy that shares nothing that can change."""
        other = Graph(self.name)
        copy_block(self.block, other.block, {})
        return other

    def __str__(self) -> str:
        from .printer import print_graph

        return print_graph(self)

    def str(self, print_source_ranges: bool = True) -> str:
        """The graph as text, with or without the `# file:line:column` comments."""
        from .printer import print_graph

        return print_graph(self, source_ranges=print_source_ranges)


def copy_block(block: Block, into: Block, mapping: dict[Value, Value]) -> None:
    """Append a copy of `block` to `into`; `mapping` takes values to their stand-ins, and is filled."""
    for parameter in block.parameters:
        mapping[parameter] = into.add_parameter(parameter.type, parameter.name)
    for node in block.nodes:
        into.append(copy_node(node, into, mapping))
    for value in block.outputs:
        into.add_output(mapping.get(value, value))


def copy_node(node: Node, into: Block, mapping: dict[Value, Value]) -> Node:
    """A copy of `node` for `into` (not appended), reading `mapping`'s stand-ins; it gains the outputs."""
    new = Node(
        node.kind,
        [mapping.get(v, v) for v in node.inputs],
        [v.type for v in node.outputs],
        dict(node.attributes),
        node.source,
        node.schema,
    )
    new.block = into
    for old_value, new_value in zip(node.outputs, new.outputs, strict=True):
        new_value.name = old_value.name
        mapping[old_value] = new_value
    for block in node.blocks:
        copy_block(block, new.add_block(), mapping)
    return new


class Function:
    """A compiled function: a name that archives use, its schema, its graph.

    `python_function` is the user's function it was compiled from, where there is one. The functions that
    a graph calls are found at its `prim::CallFunction` nodes, in the attribute `function`. `in_process` is what
    Python calls instead: an `autograd.Function`, whose backward the graph does not have.
    """

    __slots__ = (
        "__weakref__",
        "docstring",
        "graph",
        "in_process",
        "python_function",
        "qualified_name",
        "schema",
        "source",
    )

    def __init__(
        self,
        qualified_name: str,
        graph: Graph,
        schema: Schema,
        *,
        python_function: Any = None,
        source: SourceRange | None = None,
    ) -> None:
        self.qualified_name = qualified_name
        self.graph = graph
        self.schema = schema
        self.python_function = python_function
        self.source = source
        self.docstring: str | None = None
        self.in_process: Any = None

    @property
    def name(self) -> str:
        """The last part of the qualified name."""
        return self.qualified_name.rpartition(".")[2]

    def __repr__(self) -> str:
        return f"<Function {self.qualified_name}{self.schema.signature() if self.schema else ''}>"

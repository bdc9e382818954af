"""What is known of a graph before anything is decided: uses, aliases, `with` pairs, Python ranges."""

from __future__ import annotations

from ... import types as T
from ...ir.graph import Block, Graph, Node, Value
from .operations import Operation, operation_of
from .values import constant_of, is_constant

Use = tuple[Node, int]

# Nodes that are written by rules of their own, whether or not there is a schema for them.
STRUCTURAL = frozenset({
    "prim::CallFunction", "prim::CallMethod", "prim::Constant", "prim::CreateObject", "prim::DictConstruct",
    "prim::Enter", "prim::Exit", "prim::GetAttr", "prim::If", "prim::ListConstruct", "prim::ListUnpack",
    "prim::Loop", "prim::Print", "prim::PythonCall", "prim::RaiseException", "prim::Return", "prim::SetAttr",
    "prim::TupleConstruct", "prim::TupleIndex", "prim::TupleSlice", "prim::TupleUnpack",
    "prim::Uninitialized", "prim::fork", "prim::isinstance", "prim::unchecked_cast",
})  # fmt: skip


# Of these, those that run code which is not in the graph.
_ARBITRARY = frozenset({
    "prim::CallFunction", "prim::CallMethod", "prim::Enter", "prim::Exit", "prim::PythonCall", "prim::fork",
})  # fmt: skip

MAX_NESTING = 18  # loops and `with` statements: CPython's limit is 20 blocks in one function


class Facts:
    """Facts about one graph.

    `uses` counts readers of a value as the generated code has them: a refinement (`prim::unchecked_cast`)
    is the value that it refines, and the result of `list.append` is the list.
    """

    def __init__(self, graph: Graph) -> None:
        self.blocks = _inner_first(graph.block)
        self.aliases: dict[Value, Value] = {}
        self.names: dict[Value, str] = {}
        self.uses: dict[Value, list[Use]] = {}
        self.exits: dict[Node, Node] = {}  # prim::Enter → its prim::Exit in the same block
        # prim::Loop whose index stands for the item of a range or list
        self.iterations: set[Node] = set()
        # aten::__range_length that are the range itself
        self.ranges: set[Node] = set()
        self._silent: set[Node] = set()
        self._operations: dict[Node, Operation] = {}
        # prim::Loop nested too deep, which become functions of their own
        self.outlined: set[Node] = set()
        for block in self.blocks:
            self._find_pairs(block)
        self._find_outlined(graph.block)
        for block in self.blocks:
            self._find_aliases(block)
        for block in self.blocks:
            self._count_uses(block)

    def resolve(self, value: Value) -> Value:
        """The value that `value` is another name for."""
        while (original := self.aliases.get(value)) is not None:
            value = original
        return value

    def operation(self, node: Node) -> Operation:
        operation = self._operations.get(node)
        if operation is None:
            operation = self._operations[node] = operation_of(node)
        return operation

    def is_written(self, node: Node) -> bool:
        """Whether the node appears in generated code on its own account: constants and aliases do not."""
        return node not in self._silent and node.kind not in ("prim::Constant", "prim::Uninitialized")

    def uses_of(self, value: Value) -> list[Use]:
        return self.uses.get(value, [])

    def name_of(self, value: Value) -> str | None:
        return self.names.get(value) or value.name

    # -- collecting ------------------------------------------------------------------------------------------

    def _find_aliases(self, block: Block) -> None:
        for node in block.nodes:
            if node.kind in ("prim::unchecked_cast", "prim::unchecked_unwrap_optional"):
                self._alias(node.output, node.inputs[0])
                self._silent.add(node)
            elif node.kind == "prim::Loop":
                self._find_range(node)
                self._find_list(node)
            elif node.kind == "prim::ListConstruct":
                self._find_tuple_as_list(node)
            elif node.kind not in STRUCTURAL and (builtin := self.operation(node).builtin) is not None:
                if builtin.returns_first:
                    self._alias(node.output, node.inputs[0])

    def _find_tuple_as_list(self, node: Node) -> None:
        """A tuple given to an operator where a list is asked for: PyTorch takes it as it is."""
        unpack = node.inputs[0].node if node.inputs else None
        if unpack is None or unpack.kind != "prim::TupleUnpack" or unpack.outputs != node.inputs:
            return
        if any(len(v.users) != 1 for v in unpack.outputs):
            return
        for user, _ in node.output.users:
            if user.kind in STRUCTURAL or self.operation(user).call is None:
                return
        self._alias(node.output, unpack.inputs[0])
        self._silent |= {node, unpack}

    def _alias(self, value: Value, original: Value) -> None:
        self.aliases[value] = original
        if value.name and not original.name:
            self.names.setdefault(original, value.name)

    def _find_range(self, loop: Node) -> None:
        """`for i in range(lo, hi, step)`, where the body computes `i` from the number of the iteration."""
        length = loop.inputs[0].node
        if (
            loop in self.outlined
            or length is None
            or length.kind != "aten::__range_length"
            or length.block is not loop.block
        ):
            return
        index = loop.blocks[0].parameters[0]
        if len(loop.inputs[0].users) != 1 or not index.users:
            return
        low, _, step = (self.resolve(v) for v in length.inputs)
        for user, position in index.users:
            if user.kind != "aten::__derive_index" or position != 0:
                return
            if not _same(self.resolve(user.inputs[1]), low) or not _same(self.resolve(user.inputs[2]), step):
                return
        for user, _ in index.users:
            self._alias(user.output, index)
            self._silent.add(user)
        self.ranges.add(length)
        self.iterations.add(loop)

    def _find_list(self, loop: Node) -> None:
        """`for x in xs`, where the body takes `xs[i]` first, and changes no list of that type."""
        length, first = loop.inputs[0].node, loop.inputs[1]
        if (
            loop in self.outlined
            or length is None
            or length.kind != "aten::len"
            or length.block is not loop.block
        ):
            return
        body = loop.blocks[0]
        item = next((n for n in body.nodes if self.is_written(n)), None)
        if item is None or item.kind != "aten::__getitem__" or list(body.parameters[0].users) != [(item, 1)]:
            return
        values = self.resolve(length.inputs[0])
        if self.resolve(item.inputs[0]) is not values or not isinstance(values.type, T.ListType):
            return
        if len(length.output.users) != 1 or not is_constant(first) or constant_of(first) is not True:
            return
        if any(self._may_change(node, values) for node in body.all_nodes()):
            return
        self._alias(length.output, values)
        self._alias(item.output, body.parameters[0])
        if item.output.name:
            self.names[body.parameters[0]] = item.output.name
        self._silent |= {length, item}
        self.iterations.add(loop)

    def _may_change(self, node: Node, values: Value) -> bool:
        """Whether the node may change the list `values`."""
        if node.kind in STRUCTURAL:
            return node.kind in _ARBITRARY
        schema = self.operation(node).schema
        written = [v for v, a in zip(node.inputs, schema.arguments, strict=False) if a.is_write]
        return any(v.type == values.type and not self._are_distinct(self.resolve(v), values) for v in written)

    def _are_distinct(self, a: Value, b: Value) -> bool:
        """Whether two lists are surely not one: made by different nodes, or one made and the other an argument."""
        origins = [v.node is not None and v.node.kind == "prim::ListConstruct" for v in (a, b)]
        arguments = [v.block is not None and v.block.owner is None for v in (a, b)]
        return a is not b and any(origins) and all(o or p for o, p in zip(origins, arguments, strict=True))

    def _find_pairs(self, block: Block) -> None:
        open: list[Node] = []
        for node in block.nodes:
            if node.kind == "prim::Enter":
                open.append(node)
            elif node.kind == "prim::Exit" and open:
                if self.resolve(open[-1].inputs[0]) is self.resolve(node.inputs[0]):
                    self.exits[open.pop()] = node
                else:
                    open.clear()

    def _find_outlined(self, top: Block) -> None:
        nesting = {top: 0}
        for block in reversed(self.blocks):
            depth = nesting[block]
            closing = set()
            for node in block.nodes:
                if node in self.exits:
                    if depth == MAX_NESTING:
                        del self.exits[node]
                        continue
                    closing.add(self.exits[node])
                    depth += 1
                elif node in closing:
                    depth -= 1
                inner = depth + (node.kind == "prim::Loop")
                if inner > MAX_NESTING and node.kind == "prim::Loop":
                    self.outlined.add(node)
                for child in node.blocks:
                    nesting[child] = inner

    def _count_uses(self, block: Block) -> None:
        matched = set(self.exits.values())
        for node in (*block.nodes, block.return_node):
            if node in matched or not self.is_written(node):
                continue
            for index, value in enumerate(node.inputs):
                self.uses.setdefault(self.resolve(value), []).append((node, index))


def _same(a: Value, b: Value) -> bool:
    if a is b:
        return True
    if is_constant(a) and is_constant(b):
        assert a.node is not None and b.node is not None
        return a.node.attributes == b.node.attributes and a.type == b.type
    return False


def _inner_first(top: Block) -> list[Block]:
    """Every block, after all blocks inside it; without recursion, since chains of `elif` nest deep."""
    found: list[Block] = []
    stack = [top]
    while stack:
        block = stack.pop()
        found.append(block)
        for node in block.nodes:
            stack.extend(node.blocks)
    found.reverse()
    return found

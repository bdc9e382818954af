"""Compute once, before a loop, what every iteration would compute anew.

    %y = prim::Loop(%n, %true, %x)                %go : bool = aten::gt(%n, %zero)
      block0(%i : int, %z : Tensor):              %y = prim::If(%go)
        %t : Tensor = aten::t(%w)                   block0():
        %m : Tensor = aten::matmul(%z, %t)    →       %t : Tensor = aten::t(%w)
        -> (%true, %m)                                %z = prim::Loop(%n, %true, %x)
                                                        block0(%i : int, %z.2 : Tensor):
                                                          %m : Tensor = aten::matmul(%z.2, %t)
                                                          -> (%true, %m)
                                                      -> (%z)
                                                    block1():
                                                      -> (%x)

What may raise is computed only if the loop runs at all, and not over anything before it in the body that is
seen outside. What cannot raise (attributes, arithmetic of numbers) needs no condition, unless it reads what the condition
of the loop says to be no None (`while node is not None: total += node.value`). Nothing leaves a loop that writes the
memory it reads, or that it makes.
"""

from __future__ import annotations

from .. import types as T
from ..ir.graph import Block, Graph, Node, Value
from ..operators.dispatcher import schema_of
from ..operators.memory import may_return_argument
from .aliasing import AliasSets
from .constants import constant_int, is_bool, is_mutable
from .effects import has_side_effects, is_opaque

_NEVER = frozenset({"prim::If", "prim::Loop", "prim::CreateObject", "prim::Uninitialized"})

_NEVER_RAISE = frozenset(
    "prim::" + name
    for name in (
        "Constant", "GetAttr", "TupleConstruct", "TupleUnpack", "ListConstruct", "unchecked_cast", "isinstance",
        "dtype", "device", "layout",
    )
) | {"aten::dim", "aten::numel", "aten::len", "aten::is_floating_point"}  # fmt: skip

# These of numbers never raise. Division does, and `int ** int`.
_SAFE_ARITHMETIC = frozenset(
    "aten::" + name
    for name in (
        "add", "sub", "mul", "neg", "lt", "le", "gt", "ge", "eq", "ne", "Bool", "Float", "min", "max",
        "__not__", "__and__", "__or__", "__xor__", "__is__", "__isnot__",
    )
)  # fmt: skip

_NUMBERS = (T.IntType, T.FloatType, T.BoolType, T.NoneType)


def hoist_invariants(graph: Graph) -> bool:
    """Take out of loops what does not change in them, innermost first; True if there was anything."""
    return _Hoister(AliasSets(graph)).block(graph.block)


class _Hoister:
    def __init__(self, aliases: AliasSets) -> None:
        self.aliases = aliases

    def block(self, block: Block) -> bool:
        changed = False
        nodes: list[Node] = []
        for node in block.nodes:
            if not node.is_closed:
                for inner in node.blocks:
                    changed |= self.block(inner)
            if node.kind != "prim::Loop":
                nodes.append(node)
                continue
            found = _Loop(node, self.aliases)
            safe, risky = found.invariants()
            changed |= bool(safe or risky)
            for hoisted in safe:
                hoisted.block = block
            nodes += safe
            if risky:
                nodes += _guarded(node, risky, block)
            else:
                nodes.append(node)
        block.nodes = nodes
        return changed


class _Loop:
    def __init__(self, loop: Node, aliases: AliasSets) -> None:
        (self.body,) = loop.blocks
        self.aliases = aliases
        self.inside = set(self.body.all_nodes())
        self.sets_attributes = {n.attributes["name"] for n in self.inside if n.kind == "prim::SetAttr"}
        self.calls = any(map(is_opaque, self.inside))
        # what comes before it in the body runs in another mode when it runs again
        self.switches = any(n.kind == "aten::set_grad_enabled" for n in self.inside)

    def invariants(self) -> tuple[list[Node], list[Node]]:
        """Nodes to compute before the loop, and nodes to compute before it if it runs; both leave the body."""
        varying = set(self.body.parameters)
        needs_guard: set[Value] = set()
        safe: list[Node] = []
        risky: list[Node] = []
        seen = self.switches  # whether something before this node in the body is seen outside
        for node in self.body.nodes:
            if not self._is_invariant(node, varying):
                varying.update(node.outputs)
                seen = seen or any(has_side_effects(n) for n in node.all_nodes())
            elif _never_raises(node) and not _narrows(node) and needs_guard.isdisjoint(node.inputs):
                safe.append(node)
            elif not seen:
                risky.append(node)
                needs_guard.update(node.outputs)
            else:
                varying.update(node.outputs)
        if not any(map(_is_work, risky)):
            risky = []
        leaving = {*safe, *risky}
        self.body.nodes = [node for node in self.body.nodes if node not in leaving]
        return safe, risky

    def _is_invariant(self, node: Node, varying: set[Value]) -> bool:
        if node.kind in _NEVER or not node.outputs or not varying.isdisjoint(node.inputs):
            return False
        if has_side_effects(node) or (node.blocks and not node.is_closed):
            return False
        if node.kind == "prim::GetAttr":
            return not self.calls and node.attributes["name"] not in self.sets_attributes
        for value in node.inputs:
            if any(writer in self.inside for writer in self.aliases.writers(value)):
                return False
        return all(self._may_be_one(node, index) for index in range(len(node.outputs)))

    def _may_be_one(self, node: Node, index: int) -> bool:
        """Whether iterations may share one result, instead of each having its own."""
        output = node.outputs[index]
        if not is_mutable(output.type):
            return True
        writers = self.aliases.writers(output)
        if _is_new(node, index):
            return not writers and not self.aliases.escapes(output)
        return not any(writer in self.inside for writer in writers)


def _is_new(node: Node, index: int) -> bool:
    """Whether an output is an object of its own each time, rather than one that was there, or a view of one."""
    if node.kind == "prim::unchecked_cast":
        return False
    if node.schema is None or index >= len(node.schema.returns):
        return node.kind in ("prim::ListConstruct", "prim::DictConstruct", "prim::FusionGroup")
    return node.schema.returns[index].alias is None and not may_return_argument(node.schema)


def _never_raises(node: Node) -> bool:
    if node.kind in _NEVER_RAISE or (node.schema is not None and node.schema.key == "aten::size"):
        return True
    return node.kind in _SAFE_ARITHMETIC and all(isinstance(v.type, _NUMBERS) for v in node.inputs)


def _is_work(node: Node) -> bool:
    """Whether the node is worth a condition before the loop: it computes a tensor."""
    return node.kind != "prim::unchecked_cast" and any(isinstance(v.type, T.TensorType) for v in node.outputs)


def _narrows(node: Node) -> bool:
    """Whether the node says of its input what only holds where control has come to it."""
    return node.kind == "prim::unchecked_cast" and not node.inputs[0].type.is_subtype_of(node.output.type)


def _guarded(loop: Node, risky: list[Node], block: Block) -> list[Node]:
    """The nodes and the loop, in a conditional where it is not known that the loop runs."""
    trips, first = loop.inputs[:2]
    count = constant_int(trips)
    conditions: list[Value] = []
    made: list[Node] = []
    if count is None:
        zero = Node("prim::Constant", (), (T.INT,), {"value": 0}, loop.source)
        schema = schema_of("aten::gt.int")
        runs = Node("aten::gt", [trips, zero.output], (T.BOOL,), source=loop.source, schema=schema)
        made += [zero, runs]
        conditions.append(runs.output)
    elif count <= 0:
        conditions.append(first)  # it never runs, and is not worth a thought
    if not is_bool(first, True) and first not in conditions:
        conditions.append(first)
    if len(conditions) == 2:
        schema = schema_of("aten::__and__.bool")
        both = Node("aten::__and__", conditions, (T.BOOL,), source=loop.source, schema=schema)
        made.append(both)
        conditions = [both.output]
    for node in made:
        node.block = block
    if not conditions:
        for node in [*risky, loop]:
            node.block = block
        return [*risky, loop]
    guard = Node("prim::If", conditions, [v.type for v in loop.outputs], source=loop.source)
    guard.block = block
    for output, value in zip(guard.outputs, loop.outputs, strict=True):
        output.name = value.name
        value.replace_all_uses_with(output)
    runs_block, skips = guard.add_block(), guard.add_block()
    for node in [*risky, loop]:
        runs_block.append(node)
    for value, before in zip(loop.outputs, loop.inputs[2:], strict=True):
        runs_block.add_output(value)
        skips.add_output(before)
    return [*made, guard]

"""Gather operators that one kernel can compute, element by element or row by row, into one node.

    %2 : Tensor = aten::mul(%x, %n)            %4 : Tensor = prim::FusionGroup[kind="pointwise"](%x, %n, %y)
    %3 : Tensor = aten::add(%2, %y, %one)  →     block0(%x.2 : Tensor, %n.2 : int, %y.2 : Tensor):
    %4 : Tensor = aten::relu(%3)                   %one.2 : int = prim::Constant[value=1]()
    return (%4)                                    %2 : Tensor = aten::mul(%x.2, %n.2)
                                                   %3 : Tensor = aten::add(%2, %y.2, %one.2)
                                                   %4.2 : Tensor = aten::relu(%3)
                                                   -> (%4.2)
                                               return (%4)

The parameters of the block stand for the inputs of the node, in order: tensors and numbers. The block reads
nothing else; running it is what the node means, and `unfuse` puts it back. Its nodes are those of
`fusible.FUSIBLE`, constants, and lists of constants. Its outputs share no memory with the inputs.

`kind` is "pointwise", or "row" where the group has reductions: all over the last dimension, and over rows of
one length, as far as a graph without sizes can tell (softmax, layer_norm and rms_norm written by hand are one
group each). Sizes, dtypes and strides are known only when the kernel runs.

Nothing moves over what writes the memory it reads, nothing moves up over anything that can be seen outside
(it prints, raises, writes, calls), and such nodes keep their order. Nothing moves into a `with`, or out of it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from .. import types as T
from ..ir.graph import Block, Graph, Node, Value, copy_node
from .aliasing import AliasSets
from .effects import has_side_effects, is_opaque, mode_switches, unmarked_writes
from .fusible import UNKNOWN, Meaning, is_operand, known, meaning_of, operands_of

FEWEST_NODES = 2
MOST_NODES = 96
"""A group has at least and at most so many operators."""

_SEGMENT = 3000  # nodes of one block that are looked at together


def fuse_operators(graph: Graph) -> bool:
    """Make fusion groups in every block; True if there is one."""
    return _fuse_block(graph.block, AliasSets(graph), mode_switches(graph))


def _fuse_block(block: Block, aliases: AliasSets, switches: set[Node]) -> bool:
    changed = False
    for node in block.nodes:
        if node.kind != "prim::FusionGroup":
            for inner in node.blocks:
                changed |= _fuse_block(inner, aliases, switches)
    nodes: list[Node] = []
    for first in range(0, len(block.nodes), _SEGMENT):
        segment = block.nodes[first : first + _SEGMENT]
        clusters = _Clusters(segment, aliases, switches)
        for members in clusters.groups():
            made = _make_group(block, [segment[i] for i in members])
            if made:
                clusters.replace(members, made)
                changed = True
        nodes += clusters.ordered()
    block.nodes = nodes
    return changed


# --- Which nodes -----------------------------------------------------------------------------------------------


def _bits(set_: int) -> Iterator[int]:
    while set_:
        lowest = set_ & -set_
        yield lowest.bit_length() - 1
        set_ ^= lowest


class _Clusters:
    """The nodes of a block in clusters that run as one, none of which waits for itself.

    Nodes go by their positions, sets of nodes are the bits of ints. A cluster goes by its first node.
    `before[c]` is all that has to run before the cluster, `after[c]` all that has to run after it.
    """

    def __init__(self, nodes: list[Node], aliases: AliasSets, switches: set[Node]) -> None:
        self.nodes = nodes
        self.aliases = aliases
        self.switches = switches
        self.meanings = {
            i: meaning
            for i, node in enumerate(nodes)
            if (meaning := meaning_of(node)) is not None and not self._takes_written_list(node)
        }
        self.position = {value: i for i, node in enumerate(nodes) for value in node.outputs}
        self.root = list(range(len(nodes)))
        self.members = [1 << i for i in range(len(nodes))]
        self.direct: list[set[int]] = []
        self.made: dict[int, list[Node]] = {}
        if len(self.meanings) >= FEWEST_NODES:
            self._dependences()
            self._cluster()

    def groups(self) -> list[list[int]]:
        """The clusters that are worth a node, as positions in order."""
        if len(self.meanings) < FEWEST_NODES:
            return []
        found = [list(_bits(self.members[c])) for c in sorted(set(self.root))]
        return [g for g in found if sum(self.meanings[i].kind != "view" for i in g if i in self.meanings) > 1]

    def replace(self, members: list[int], nodes: list[Node]) -> None:
        """These nodes run in the place of the members, where the last of them stood."""
        self.made[self.root[members[0]]] = nodes

    def ordered(self) -> list[Node]:
        """All nodes with the groups in place, in the old order as far as the groups allow it."""
        if not self.made:
            return self.nodes
        place = {c: max(_bits(self.members[c])) for c in set(self.root)}
        waiting: dict[int, int] = dict.fromkeys(place, 0)
        followers: dict[int, set[int]] = {c: set() for c in place}
        for i, needed in enumerate(self.direct):
            for j in needed:
                one, other = self.root[j], self.root[i]
                if one != other and other not in followers[one]:
                    followers[one].add(other)
                    waiting[other] += 1
        ready = [(place[c], c) for c in place if not waiting[c]]
        heapq.heapify(ready)
        result: list[Node] = []
        while ready:
            _, c = heapq.heappop(ready)
            result += self.made.get(c) or [self.nodes[i] for i in _bits(self.members[c])]
            for other in followers[c]:
                waiting[other] -= 1
                if not waiting[other]:
                    heapq.heappush(ready, (place[other], other))
        assert not any(waiting.values()), "a group waits for itself"
        return result

    def _takes_written_list(self, node: Node) -> bool:
        return any(isinstance(v.type, T.ListType) and self.aliases.is_written(v) for v in node.inputs)

    def _dependences(self) -> None:
        """Fill `direct`, `before` and `after`: by values, by memory that is written, by what is seen."""
        last_effect: int | None = None
        touching: list[int] = []  # the nodes so far that use memory which is written somewhere
        for i, node in enumerate(self.nodes):
            family = list(node.all_nodes())
            needed = {
                self.position[v]
                for n in family
                for v in [*n.inputs, *(o for b in n.blocks for o in b.outputs)]
                if v in self.position and self.position[v] != i
            }
            if last_effect is not None:
                needed.add(last_effect)
            if any(map(_writes, family)):
                needed.update(touching)
            if node in self.switches:
                needed.update(range(i))
            if any(map(has_side_effects, family)):
                last_effect = i
            if any(map(self._touches, family)):
                touching.append(i)
            self.direct.append(needed)
        self.before = [0] * len(self.nodes)
        self.after = [0] * len(self.nodes)
        for i, needed in enumerate(self.direct):
            for j in needed:
                self.before[i] |= 1 << j | self.before[j]
        for i in reversed(range(len(self.nodes))):
            for j in self.direct[i]:
                self.after[j] |= 1 << i | self.after[i]

    def _touches(self, node: Node) -> bool:
        if node.kind == "prim::GetAttr":
            return self.aliases.has_opaque_nodes or node.attributes["name"] in self.aliases.written_attributes
        return any(map(self.aliases.is_written, [*node.inputs, *node.outputs]))

    def _cluster(self) -> None:
        """Join every fusible node with the clusters of its operands, the latest first."""
        for i, meaning in self.meanings.items():
            operands = operands_of(self.nodes[i], meaning)
            producers = {self.position[v] for v in operands if v in self.position}
            for j in sorted(producers & self.meanings.keys(), reverse=True):
                self._join(j, i)

    def _join(self, one: int, other: int) -> None:
        a, b = self.root[one], self.root[other]
        if a == b:
            return
        union = self.members[a] | self.members[b]
        before, after = self.before[a] | self.before[b], self.after[a] | self.after[b]
        if before & after & ~union or not self._is_kernel(union):
            return
        # what one of the two waits for, the other waits for now; and those who wait likewise
        for c in {self.root[i] for i in _bits((self.after[a] ^ self.after[b]) & ~union)}:
            self.before[c] |= union | before
        for c in {self.root[i] for i in _bits((self.before[a] ^ self.before[b]) & ~union)}:
            self.after[c] |= union | after
        first, second = min(a, b), max(a, b)
        for i in _bits(self.members[second]):
            self.root[i] = first
        self.members[first] = union
        self.before[first], self.after[first] = before & ~union, after & ~union

    def _is_kernel(self, members: int) -> bool:
        """Whether these nodes can be one kernel: not too many, and reductions over rows of one length."""
        positions = list(_bits(members))
        if len(positions) > MOST_NODES:
            return False
        if all(self.meanings[i].kind == "pointwise" for i in positions):
            return True
        return _Rows([(self.nodes[i], self.meanings[i]) for i in positions]).agree()


def _writes(node: Node) -> bool:
    if node.schema is not None:
        return node.schema.is_mutable or bool(unmarked_writes(node))
    return node.kind == "prim::SetAttr" or is_opaque(node)


class _Rows:
    """Whether the reductions of a group are over rows of one length.

    Values that a pointwise operator takes together have rows of one length, or of length 1. What was reduced
    has no row of its own: it goes with any, once its dimension is back (`keepdim`, or `unsqueeze`).
    """

    def __init__(self, nodes: list[tuple[Node, Meaning]]) -> None:
        self.nodes = nodes
        self.made = {value for node, _ in nodes for value in node.outputs}
        self.reduced: set[Value] = set()
        self.flat: set[Value] = set()  # reduced, and the dimension is gone
        self.parents: dict[Value, Value] = {}

    def agree(self) -> bool:
        rows: set[Value] = set()
        for node, meaning in self.nodes:
            operands = operands_of(node, meaning)
            if meaning.kind == "view":
                if operands[0] not in self.flat:
                    return False
                self.reduced.add(node.output)
                continue
            if any(v in self.flat for v in operands):
                return False
            if meaning.kind == "row":
                if operands[0] in self.reduced:
                    return False
                rows.add(operands[0])
                (self.reduced if _keeps_dimension(node) else self.flat).add(node.outputs[0])
                continue
            full = [v for v in operands if v not in self.reduced and is_operand(v)]
            if full:
                for value in full:
                    self.parents[self._find(value)] = self._find(node.output)
            else:
                self.reduced.add(node.output)
        return len({self._find(v) for v in rows}) <= 1

    def _find(self, value: Value) -> Value:
        while (parent := self.parents.get(value, value)) is not value:
            value = parent
        return value


def _keeps_dimension(node: Node) -> bool:
    assert node.schema is not None
    index = node.schema.argument_index("keepdim")
    assert index is not None
    return bool(known(node.inputs[index]))


# --- What becomes of them --------------------------------------------------------------------------------------


def _make_group(block: Block, nodes: list[Node]) -> list[Node]:
    """What runs in the place of the nodes: a group of them, and after it those that cannot leave it.

    Empty, and nothing is changed, where too few would be in the group alone.
    """
    meanings = {node: meaning for node in nodes if (meaning := meaning_of(node)) is not None}
    staying = _sharing_nodes(nodes, meanings)
    if len(nodes) - len(staying) < FEWEST_NODES:
        return []
    kind = "pointwise" if all(m.kind == "pointwise" for m in meanings.values()) else "row"
    group = Node("prim::FusionGroup", (), (), {"kind": kind}, nodes[0].source)
    group.block = block
    inner = _GroupBlock(group)
    inside = {node for node in nodes if node not in staying}
    for node in nodes:
        if node in inside:
            inner.take(node)
        elif readers := [(user, i) for user, i in node.output.users if user in inside]:
            inside.add(inner.take_copy(node, readers))
    for node in inner.block.nodes:
        for value in node.outputs:
            users = [(user, index) for user, index in value.users if user not in inside]
            if users and node in inside:
                inner.yield_(value, users)
    return [group, *(node for node in nodes if node in staying)]


def _sharing_nodes(nodes: list[Node], meanings: dict[Node, Meaning]) -> dict[Node, None]:
    """Casts and views that others read, and whose results may share memory with what others see, too."""
    inside = set(nodes)
    seen = {v for node in nodes for v in node.outputs if any(user not in inside for user, _ in v.users)}
    found: dict[Node, None] = {}
    while True:
        taken: set[Value] = set()  # the roots whose memory an output has already
        before = len(found)
        for node in nodes:
            if node in found or not any(v in seen for v in node.outputs):
                continue
            origin = node.outputs[0]
            while origin.node in meanings and meanings[origin.node].may_alias:
                origin = operands_of(origin.node, meanings[origin.node])[0]
            if origin.node not in inside or origin in taken:
                found[node] = None
                seen.update(node.inputs)
            taken.add(origin)
        if len(found) == before:
            return found


class _GroupBlock:
    """The block of a group while it is filled."""

    def __init__(self, group: Node) -> None:
        self.group = group
        self.block = group.add_block()
        self.stand_ins: dict[Value, Value] = {}
        self.constants = 0  # how many stand first in the block

    def take(self, node: Node) -> None:
        """Move a node into the block, which gets what the node reads."""
        for index, value in enumerate(node.inputs):
            if not self._is_inside(value):
                node.set_input(index, self._stand_in(value))
        self.block.append(node)

    def take_copy(self, node: Node, readers: list[tuple[Node, int]]) -> Node:
        """A copy of a node that stays outside, which these readers get."""
        copy = copy_node(node, self.block, dict(self.stand_ins))
        self.take(copy)
        for user, index in readers:
            user.set_input(index, copy.output)
        return copy

    def yield_(self, value: Value, users: list[tuple[Node, int]]) -> None:
        """Make a value of the block an output that its users outside read."""
        output = self.group.add_output(value.type, value.name)
        for user, index in users:
            user.set_input(index, output)
        self.block.add_output(value)

    def _is_inside(self, value: Value) -> bool:
        return value.block is self.block or (value.node is not None and value.node.block is self.block)

    def _stand_in(self, value: Value) -> Value:
        found = self.stand_ins.get(value)
        if found is None:
            found = self.stand_ins[value] = self._copied(value) or self._parameter(value)
        return found

    def _parameter(self, value: Value) -> Value:
        assert is_operand(value), value
        self.group.add_input(value)
        return self.block.add_parameter(value.type, value.name)

    def _copied(self, value: Value) -> Value | None:
        """A constant is copied into the block, unless it is a tensor; so is a list of constants."""
        node = value.node
        if node is None or known(value) is UNKNOWN or isinstance(value.type, T.TensorType):
            return None
        elements = [self._stand_in(v) for v in node.inputs]
        attributes = dict(node.attributes)
        copy = Node(node.kind, elements, [value.type], attributes, node.source, node.schema)
        copy.block = self.block
        copy.output.name = value.name
        self.block.nodes.insert(self.constants, copy)
        self.constants += 1
        return copy.output

"""Replace in-place operators on tensors that nobody else sees by operators that make new tensors.

    %y : Tensor = aten::mul(%x, %n)              %y : Tensor = aten::mul(%x, %n)
    %z : Tensor = aten::relu_(%y)           →    %z : Tensor = aten::relu(%y)
    %w : Tensor = aten::add(%y, %z, %one)        %w : Tensor = aten::add(%z, %z, %one)

What reads the tensor afterwards reads the new one. So every name of the tensor must be known: it was made in
this graph, no view of it was taken, nothing that holds it is read, and what carries it through a loop or out of a
conditional is not read after that by its old name. The operator stands where the tensor is defined, or carried
to. An error that the in-place operator alone has (the result does not fit) is lost.

An in-place operator keeps the dtype of its tensor: where the other might not, `type_as` follows.
"""

from __future__ import annotations

import torch

from .. import types as T
from ..ir.graph import Block, Graph, Node, Value
from ..operators.dispatcher import overload_of, schema_of
from ..operators.language import builtin_of
from ..operators.memory import may_return_argument
from ..schema import Schema
from .aliasing import AliasSets
from .fusible import FUSIBLE

# Operators that are not in the table of fusible ones, and whose results have the dtype of the first operand.
_KEEP_DTYPE = frozenset(
    "aten::" + name
    for name in (
        "index_put", "index_add", "index_fill", "index_copy", "masked_scatter", "scatter", "scatter_add", "tril",
        "triu", "addmm", "addmv", "addbmm", "baddbmm", "fill", "zero",
    )
)  # fmt: skip

_HOLDERS = frozenset({"prim::TupleConstruct", "prim::ListConstruct", "prim::DictConstruct"})


def remove_tensor_mutation(graph: Graph) -> bool:
    """Make in-place operators functional where that cannot be told; True if there was one."""
    aliases = AliasSets(graph)
    families: dict[Value, list[Value]] = {}
    for value in graph.all_values():
        if aliases.writers(value):
            families.setdefault(aliases.shares(value), []).append(value)
    order = {node: i for i, node in enumerate(graph.all_nodes())}
    changed = False
    for family in families.values():
        writers = sorted({w for v in family for w in aliases.writers(v)}, key=order.__getitem__)
        if not aliases.is_outside(family[0]) and _is_private(family, writers, order):
            for node in writers:
                _make_functional(node)
            changed = True
    return changed


def functional_schema(schema: Schema) -> Schema | None:
    """The overload that computes what an in-place overload writes; None for other overloads.

    >>> functional_schema(schema_of("aten::relu_")).key
    'aten::relu'
    """
    if not schema.name.endswith("_") or not schema.arguments or builtin_of(schema) is not None:
        return None
    written = [a for a in schema.arguments if a.is_write]
    if written != [schema.arguments[0]] or not isinstance(written[0].type, T.TensorType):
        return None
    overload = overload_of(schema)
    tags = getattr(overload, "tags", ())
    if torch.Tag.inplace_view in tags or torch.Tag.nondeterministic_seeded in tags:
        return None
    key = schema.name[:-1] + (f".{schema.overload}" if schema.overload else "")
    if key not in FUSIBLE and schema.name[:-1] not in _KEEP_DTYPE:
        return None
    found = schema_of(key)
    if found is None or len(found.returns) != 1 or found.returns[0].alias is not None:
        return None
    same = [a.name for a in found.arguments] == [a.name for a in schema.arguments]
    return found if same else None


def _is_private(family: list[Value], writers: list[Node], order: dict[Node, int]) -> bool:
    """Whether the values are all the names there are of these tensors, and each is read at the right time."""
    for writer in writers:
        if writer.schema is None or functional_schema(writer.schema) is None:
            return False
        if writer.inputs[0].defining_block is not writer.block:
            return False
    return all(_is_known(value, writers, order) and _is_consumed(value, order) for value in family)


def _is_known(value: Value, writers: list[Node], order: dict[Node, int]) -> bool:
    """Whether it is known what the value is, a new tensor or one that was carried, and who holds it, since when."""
    for holder in (user for user, _ in value.users if user.kind in _HOLDERS):
        if any(order[w] > order[holder] or _share_loop(w, holder) for w in writers):
            return False
    node = value.node
    if node is None:
        assert value.block is not None
        return value.block.owner is not None and value.block.owner.kind == "prim::Loop"
    if node.kind in ("prim::If", "prim::Loop") or node in writers:
        return True
    if node.kind in _HOLDERS:
        return not _is_looked_into(value)
    if node.schema is None or builtin_of(node.schema) is not None:
        return False
    return node.schema.returns[value.offset].alias is None and not may_return_argument(node.schema)


def _is_looked_into(holder: Value) -> bool:
    """Whether anything but a return takes a tuple or list."""
    return any(not _is_return(user) or user.block.owner is not None for user, _ in holder.users)


def _is_return(node: Node) -> bool:
    return node.block.return_node is node


def _share_loop(one: Node, other: Node) -> bool:
    def loops(node: Node) -> set[Node]:
        found = set()
        owner = node.block.owner
        while owner is not None:
            if owner.kind == "prim::Loop":
                found.add(owner)
            owner = owner.block.owner
        return found

    return bool(loops(one) & loops(other))


def _is_consumed(value: Value, order: dict[Node, int]) -> bool:
    """Whether a value that is carried into a loop, or out of a block, is read by its own name no more."""
    carriers: list[Node] = []
    for user, index in value.users:
        if _is_return(user) and user.block.owner is not None:
            if user.block is value.defining_block:
                if user.inputs.count(value) > 1:
                    return False
                continue  # everything else that reads it in this block comes before
            if user.block.owner.kind != "prim::If":
                return False
            carriers.append(user.block.owner)
        elif user.kind == "prim::Loop" and index >= 2:
            carriers.append(user)
    if not carriers:
        return True
    carrier = carriers[0]
    if carrier.block is not value.defining_block or any(c is not carrier for c in carriers):
        return False
    if carrier.kind == "prim::Loop" and len(carriers) > 1:
        return False
    if any(block.outputs.count(value) > 1 for block in carrier.blocks):
        return False
    inside = set(carrier.all_nodes()) if carrier.kind == "prim::Loop" else set()
    for user, index in value.users:
        if user in inside and not (user is carrier and index >= 2):
            return False  # the loop's body reads what the loop carries by its old name
        place = _place_in(user, carrier.block)
        if place is not carrier and (_is_return(place) or order[place] > order[carrier]):
            return False
    return True


def _place_in(node: Node, block: Block) -> Node:
    """The node of this block that is, or holds, the node."""
    while node.block is not block:
        assert node.block.owner is not None
        node = node.block.owner
    return node


def _make_functional(node: Node) -> None:
    schema = node.schema
    assert schema is not None
    functional = functional_schema(schema)
    assert functional is not None
    block, old = node.block, node.inputs[0]
    place = block.nodes.index(node)
    new = Node(functional.name, node.inputs, [node.output.type], source=node.source, schema=functional)
    new.block = block
    made = [new]
    result = new.output
    if _may_change_dtype(functional, node):
        cast = Node(
            "aten::type_as", [result, old], [old.type], source=node.source, schema=schema_of("aten::type_as")
        )
        cast.block = block
        made.append(cast)
        result = cast.output
    result.name = node.output.name or old.name
    node.output.replace_all_uses_with(result)
    node.release()
    block.nodes[place : place + 1] = made
    later = set(block.nodes[place + len(made) :]) | {block.return_node}
    for user, index in list(old.users):
        if _place_in(user, block) in later:
            user.set_input(index, result)


def _may_change_dtype(functional: Schema, node: Node) -> bool:
    rows = FUSIBLE.get(functional.key)
    if rows is None or all(row.result == "same" for row in rows):
        return False
    if any(row.result == "bool" for row in rows):
        return True
    return sum(isinstance(v.type, T.TensorType) for v in node.inputs) > 1

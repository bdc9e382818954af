"""Which values may share memory, and which memory is written: by the schemas, without regard to order.

Values that may share memory, or of which one may hold the other, are in one set. What comes from outside the
graph (inputs, attributes, results of calls) is all in one set: any two of them may be the same object.
"""

from __future__ import annotations

from .. import types as T
from ..ir.graph import Block, Graph, Node, Value
from ..operators.language import builtin_of
from ..operators.memory import may_return, may_return_argument
from ..schema import Schema
from .constants import is_mutable
from .effects import is_opaque, unmarked_writes

_KINDS: tuple[tuple[type[T.Type], str], ...] = (
    (T.TensorType, "tensor"),
    (T.ListType, "list"),
    (T.DictType, "dict"),
    (T.ClassType, "object"),
)
_EVERY_KIND = frozenset({"tensor", "list", "dict", "object"})

# What these nodes yield is, or is made of, what they take.
_PASSES_THROUGH = frozenset(
    "prim::" + name
    for name in (
        "ListConstruct", "ListUnpack", "TupleConstruct", "TupleUnpack", "TupleIndex", "TupleSlice",
        "DictConstruct", "unchecked_cast",
    )
)  # fmt: skip


_HOLDERS = frozenset({"prim::TupleConstruct", "prim::ListConstruct", "prim::DictConstruct"})


class AliasSets:
    """The alias sets of a graph as it is now; a pass that changes what shares memory makes new ones."""

    def __init__(self, graph: Graph) -> None:
        self._parents: dict[Value, Value] = {}
        # kinds of memory written, by set: an append to a list does not write the tensors in it
        self._writes: list[tuple[Value, frozenset[str], Node]] = []
        self._outside = Value(T.ANY, None, None, graph.block, -1)
        self._returned: list[Value] = []  # what stands in tuples that the graph returns
        self.written_attributes: set[str] = set()
        """Names of attributes that the graph sets."""
        self.has_opaque_nodes = False
        """Whether the graph calls what is not in it, which may set any attribute."""
        for value in graph.inputs:
            self._join(value, self._outside)
        self._block(graph.block)
        self._written: dict[Value, list[tuple[frozenset[str], Node]]] = {}
        for value, kinds, node in self._writes:
            self._written.setdefault(self._find(value), []).append((kinds, node))
        self._escaping = {self._find(v) for v in [*graph.outputs, *self._returned] if is_mutable(v.type)}
        self._escaping.add(self._find(self._outside))

    def is_written(self, value: Value) -> bool:
        """Whether the memory of this value, or of what it holds, may be written anywhere in the graph."""
        return bool(self.writers(value))

    def writers(self, value: Value) -> list[Node]:
        """The nodes that may write the memory of this value, or of what it holds."""
        if not is_mutable(value.type):
            return []
        written = self._written.get(self._find(value), ())
        reachable = _reachable_kinds(value.type) if written else frozenset()
        return [node for kinds, node in written if kinds & reachable]

    def shares(self, value: Value) -> Value:
        """The same for values that may share memory, or of which one may hold the other."""
        return self._find(value)

    def is_outside(self, value: Value) -> bool:
        """Whether the value may be, or be part of, something that the graph was given or that others keep."""
        return is_mutable(value.type) and self._find(value) is self._find(self._outside)

    def escapes(self, value: Value) -> bool:
        """Whether what called the graph can see this value's identity: it is returned, or was given."""
        return is_mutable(value.type) and self._find(value) in self._escaping

    def _find(self, value: Value) -> Value:
        root = value
        while (parent := self._parents.get(root, root)) is not root:
            root = parent
        while value is not root:
            value, self._parents[value] = self._parents.get(value, value), root
        return root

    def _join(self, a: Value, b: Value) -> None:
        if (is_mutable(a.type) or a is self._outside) and (is_mutable(b.type) or b is self._outside):
            self._parents[self._find(a)] = self._find(b)

    def _join_all(self, values: list[Value], other: Value) -> None:
        for value in values:
            self._join(value, other)

    def _block(self, block: Block) -> None:
        for node in block.all_nodes():
            self._node(node)

    def _node(self, node: Node) -> None:
        if node.kind == "prim::If":
            for block in node.blocks:
                for output, value in zip(node.outputs, block.outputs, strict=True):
                    self._join(output, value)
        elif node.kind == "prim::Loop":
            (body,) = node.blocks
            for index, output in enumerate(node.outputs):
                self._join(output, node.inputs[index + 2])
                self._join(output, body.parameters[index + 1])
                self._join(output, body.outputs[index + 1])
        elif node.kind == "prim::FusionGroup":
            (body,) = node.blocks
            for parameter, value in zip(body.parameters, node.inputs, strict=True):
                self._join(parameter, value)
            for output, value in zip(node.outputs, body.outputs, strict=True):
                self._join(output, value)
        elif node.kind in _HOLDERS and _is_only_returned(node):
            self._returned += (
                node.inputs
            )  # nobody here looks into it, so its elements have nothing to do with it
        elif node.kind in _PASSES_THROUGH:
            for output in node.outputs:
                self._join_all(node.inputs, output)
        elif node.kind == "prim::GetAttr":
            self._join_all(node.outputs, self._outside)
        elif node.kind == "prim::SetAttr":
            self.written_attributes.add(node.attributes["name"])
            self._join_all(node.inputs, self._outside)
            self._writes.append((self._outside, frozenset({"object"}), node))
        elif node.schema is not None:
            self._operator(node, node.schema)
        elif is_opaque(node):
            self.has_opaque_nodes = True
            self._join_all(node.inputs, self._outside)
            self._join_all(node.outputs, self._outside)
            for block in node.blocks:
                self._join_all(block.outputs, self._outside)
            self._writes.append((self._outside, _EVERY_KIND, node))

    def _operator(self, node: Node, schema: Schema) -> None:
        written: list[Value] = []
        for argument, value in zip(schema.arguments, node.inputs, strict=False):
            alias = argument.alias
            if alias is None:
                continue
            if alias.is_write:
                written.append(value)
                kinds = _element_kinds(value.type) if alias.of_elements else _own_kinds(value.type)
                self._writes.append((value, kinds, node))
        for value in unmarked_writes(node):
            self._writes.append((value, _own_kinds(value.type), node))
        for argument, value in zip(schema.arguments, node.inputs, strict=False):
            if argument.alias is not None and "*" in argument.alias.after:  # list.append(x)
                self._join_all(written, value)
        if written and builtin_of(schema) is not None:
            # what the language's own operators write into something, it holds afterwards
            for value in node.inputs:
                self._join_all(written, value)
        names_aliases = builtin_of(schema) is None
        may_hide = not names_aliases or may_return_argument(schema)
        for index, output in enumerate(node.outputs):
            alias = schema.returns[index].alias if index < len(schema.returns) else None
            if alias is None and not may_hide:
                continue
            for argument, value in zip(schema.arguments, node.inputs, strict=False):
                same = (
                    alias is not None and argument.alias is not None and alias.before & argument.alias.before
                )
                unmarked = alias is None and (not names_aliases or may_return(schema, argument.name))
                if unmarked or same or (alias is not None and "*" in alias.before):
                    self._join(output, value)


def _is_only_returned(holder: Node) -> bool:
    """Whether all that happens to a new tuple, list or dict is that the graph returns it."""
    for user, _ in holder.output.users:
        is_return = user.block.owner is None and user.block.return_node is user
        if not is_return and not (user.kind in _HOLDERS and _is_only_returned(user)):
            return False
    return True


def _own_kinds(type: T.Type) -> frozenset[str]:
    """The kinds of memory that a write to a value of this type writes."""
    if isinstance(type, T.OptionalType):
        return _own_kinds(type.element)
    for kind_of_type, kind in _KINDS:
        if isinstance(type, kind_of_type):
            return frozenset({kind})
    return _EVERY_KIND


def _element_kinds(type: T.Type) -> frozenset[str]:
    if isinstance(type, T.OptionalType):
        return _element_kinds(type.element)
    return _own_kinds(type.element) if isinstance(type, T.ListType) else _EVERY_KIND


def _reachable_kinds(type: T.Type) -> frozenset[str]:
    """The kinds of memory whose change can be seen through a value of this type."""
    if isinstance(type, T.TupleType | T.OptionalType | T.ListType | T.DictType):
        kinds = _own_kinds(type) if isinstance(type, T.ListType | T.DictType) else frozenset[str]()
        for inner in type.contained:
            if is_mutable(inner):
                kinds |= _reachable_kinds(inner)
        return kinds
    return _own_kinds(type)

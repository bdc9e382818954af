"""Replace small patterns by something simpler.

    %2 : bool = aten::__isnot__(%x, %none)        →    True          where %x : Tensor, which is never None
    %3 : bool = aten::__not__(aten::__not__(%b))  →    %b
    %4 : int = aten::Int(%n)                      →    %n            where %n : int
    %5 : int = aten::add(%n, %zero)               →    %n            also n - 0, n * 1, n // 1
    %6 : Tensor = prim::unchecked_cast(%x)        →    %x            where %x : Tensor
    %7 = prim::TupleConstruct(*TupleUnpack(%t))   →    %t
    %8 = prim::If(%c): -> (%x), -> (%x)           →    %x            and %c for -> (%true), -> (%false)
    %9 = prim::Loop(…, %x): (%y) -> (…, %y)       →    %x            a carried value that never changes
    %10 : Tensor = aten::dropout(%x, %p, %false)  →    %x            which is what it returns

Each rule is a function below: a node in, the values in the place of its outputs out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .. import types as T
from ..ir.graph import Block, Graph, Node, Value
from .constants import constant_int, constant_key, is_bool, is_constant


def apply_peepholes(graph: Graph) -> bool:
    """Apply every rule, once from top to bottom; True if one applied."""
    return _apply(graph.block)


def _apply(block: Block) -> bool:
    changed = False
    nodes: list[Node] = []
    for node in block.nodes:
        for inner in node.blocks:
            changed |= _apply(inner)
        outputs_rule = _OUTPUT_RULES.get(node.kind)
        if outputs_rule is not None:
            changed |= _replace_outputs(node, outputs_rule(node))
        for rule in _RULES.get(node.kind, ()):
            found = rule(node)
            if found is not None:
                if isinstance(found, Node):
                    found.block = block
                    nodes.append(found)
                    found.source = node.source
                    found = found.output
                node.output.replace_all_uses_with(found)
                node.release()
                changed = True
                break
        else:
            nodes.append(node)
    block.nodes = nodes
    return changed


def _replace_outputs(node: Node, replacements: Sequence[Value | None]) -> bool:
    """Replace some outputs of a node that stays; what nobody uses then is dead code."""
    changed = False
    for output, value in zip(node.outputs, replacements, strict=True):
        if value is not None and output.users:
            output.replace_all_uses_with(value)
            changed = True
    return changed


_MAY_BE_NONE = (T.PyObjectType, T.PendingType, T.TypeVariable)


def _known_identity(node: Node) -> Node | None:
    """`x is None` where the type of x decides."""
    one, other = node.inputs
    if not isinstance(other.type, T.NoneType):
        one, other = other, one
    if not isinstance(other.type, T.NoneType):
        return None
    if isinstance(one.type, T.NoneType):
        is_none = True
    elif T.NONE.is_subtype_of(one.type) or isinstance(one.type, _MAY_BE_NONE):
        return None
    else:
        is_none = False
    value = is_none == (node.kind == "aten::__is__")
    return Node("prim::Constant", (), (T.BOOL,), {"value": value})


def _double_negation(node: Node) -> Value | None:
    inner = node.inputs[0].node
    if inner is None or inner.kind != "aten::__not__":
        return None
    return inner.inputs[0] if isinstance(inner.inputs[0].type, T.BoolType) else None


def _same_type(node: Node) -> Value | None:
    """A conversion of a number or string to the type that it has."""
    value = node.inputs[0]
    immutable = isinstance(value.type, T.IntType | T.FloatType | T.BoolType | T.ComplexType | T.StringType)
    return value if len(node.inputs) == 1 and immutable and value.type == node.output.type else None


def _needless_cast(node: Node) -> Value | None:
    value = node.inputs[0]
    return value if value.type.is_subtype_of(node.output.type) else None


def _neutral_element(neutral: int, *, either_side: bool) -> Callable[[Node], Value | None]:
    """`n + 0` for ints. (For floats -0.0 + 0 is 0.0.)"""

    def rule(node: Node) -> Value | None:
        if len(node.inputs) != 2 or not all(isinstance(v.type, T.IntType) for v in node.inputs):
            return None
        left, right = node.inputs
        if constant_int(right) == neutral:
            return left
        return right if either_side and constant_int(left) == neutral else None

    return rule


def _repacked(node: Node) -> Value | None:
    """A tuple made of exactly the elements that another was taken apart to."""
    unpack = node.inputs[0].node if node.inputs else None
    if unpack is None or unpack.kind != "prim::TupleUnpack" or node.inputs != unpack.outputs:
        return None
    return unpack.inputs[0] if unpack.inputs[0].type == node.output.type else None


def _no_dropout(node: Node) -> Value | None:
    return node.inputs[0] if len(node.inputs) == 3 and is_bool(node.inputs[2], False) else None


def _same_in_both(node: Node) -> list[Value | None]:
    found: list[Value | None] = []
    for one, other in zip(node.blocks[0].outputs, node.blocks[1].outputs, strict=True):
        if one is other:
            found.append(one)
        elif is_bool(one, True) and is_bool(other, False):
            found.append(node.inputs[0])
        else:
            found.append(_outside(node, one, other))
    return found


def _outside(node: Node, one: Value, other: Value) -> Value | None:
    """Equal constants, where one of them stands outside the conditional."""
    if not is_constant(one) or not is_constant(other):
        return None
    for value in (one, other):
        assert value.node is not None
        if value.node.block.owner is not node:
            same = one.type == other.type and _keys_match(one, other)
            return value if same else None
    return None


def _keys_match(one: Value, other: Value) -> bool:
    assert one.node is not None and other.node is not None
    key = constant_key(one.node)
    return key is not None and key == constant_key(other.node)


def _never_changes(node: Node) -> list[Value | None]:
    """The first value of what is carried unchanged. The body reads that, too, instead of its parameter."""
    (body,) = node.blocks
    found: list[Value | None] = []
    for index, parameter in enumerate(body.parameters[1:]):
        first, next_value = node.inputs[index + 2], body.outputs[index + 1]
        if next_value is parameter or next_value is first:
            parameter.replace_all_uses_with(first)
            found.append(first)
        else:
            found.append(None)
    return found


_Rule = Callable[[Node], "Value | Node | None"]

_RULES: dict[str, tuple[_Rule, ...]] = {
    "aten::__is__": (_known_identity,),
    "aten::__isnot__": (_known_identity,),
    "aten::__not__": (_double_negation,),
    "aten::Int": (_same_type,),
    "aten::Float": (_same_type,),
    "aten::Bool": (_same_type,),
    "aten::Complex": (_same_type,),
    "aten::str": (_same_type,),
    "prim::unchecked_cast": (_needless_cast,),
    "aten::_unwrap_optional": (_needless_cast,),
    "prim::unchecked_unwrap_optional": (_needless_cast,),
    "aten::add": (_neutral_element(0, either_side=True),),
    "aten::sub": (_neutral_element(0, either_side=False),),
    "aten::mul": (_neutral_element(1, either_side=True),),
    "aten::floordiv": (_neutral_element(1, either_side=False),),
    "prim::TupleConstruct": (_repacked,),
    "aten::dropout": (_no_dropout,),
    "aten::dropout_": (_no_dropout,),
    "aten::feature_dropout": (_no_dropout,),
    "aten::feature_dropout_": (_no_dropout,),
    "aten::alpha_dropout": (_no_dropout,),
    "aten::alpha_dropout_": (_no_dropout,),
    "aten::feature_alpha_dropout": (_no_dropout,),
    "aten::feature_alpha_dropout_": (_no_dropout,),
}

_OUTPUT_RULES: dict[str, Callable[[Node], list[Value | None]]] = {
    "prim::If": _same_in_both,
    "prim::Loop": _never_changes,
}

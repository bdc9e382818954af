"""Take batch norms into the weights of the convolutions and linears before them.

    %c : Tensor = aten::conv2d(%x, %w, %b, …)
    %y : Tensor = aten::batch_norm(%c, …, %false, …)    →    %y : Tensor = aten::conv2d(%x, %w2, %b2, …)

with w2 = w · γ / √(σ² + ε) and b2 = (b - µ) · γ / √(σ² + ε) + β, computed in double precision. All of these have to
be constants, as they are in a frozen module in eval mode; only questions for its shape may be asked of %c.

Batch norm of a linear is over the last dimension only where there are two dimensions: the graph looks.
"""

from __future__ import annotations

import torch

from .. import types as T
from ..ir.graph import Graph, Node, Value, copy_node
from . import patterns
from .patterns import Writer, argument, constant_tensor, is_none, key_of, known_argument


def fold_batch_norms(graph: Graph) -> bool:
    """Fold batch norms of constants; True if there was one."""
    changed = False
    for node in list(graph.all_nodes()):
        if key_of(node) == "aten::batch_norm" and node.block is not None:
            changed |= _fold(node)
    return changed


def _fold(norm: Node) -> bool:
    before = argument(norm, "input").node
    scale = _scale_and_shift(norm)
    if scale is None or before is None or patterns.only_reader(before.outputs[0]) is not norm:
        return False
    weight = _folded(before, *scale)
    if weight is None:
        return False
    if key_of(before) == "aten::linear":
        if norm.block is not before.block:
            return False
        _fold_linear(before, norm, *weight)
        return True
    patterns.replace(norm, before.output)
    _give_weights(before, *weight)
    return True


def _scale_and_shift(norm: Node) -> tuple[torch.Tensor, torch.Tensor] | None:
    """The batch norm as x · scale + shift, for each channel."""
    if known_argument(norm, "training") is not False:
        return None
    mean, var = (constant_tensor(argument(norm, name)) for name in ("running_mean", "running_var"))
    eps = known_argument(norm, "eps")
    if mean is None or var is None or not isinstance(eps, float):
        return None
    scale = (var.double() + eps).rsqrt()
    shift = -mean.double() * scale
    weight, bias = argument(norm, "weight"), argument(norm, "bias")
    if not is_none(weight):
        found = constant_tensor(weight)
        if found is None:
            return None
        scale, shift = scale * found.double(), shift * found.double()
    if not is_none(bias):
        found = constant_tensor(bias)
        if found is None:
            return None
        shift = shift + found.double()
    return scale, shift


def _folded(node: Node, scale: torch.Tensor, shift: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor] | None:
    """The weight and bias of a convolution or linear with a scale and a shift in them."""
    key = key_of(node)
    transposed = key in patterns.TRANSPOSED_CONVOLUTIONS
    if key in patterns.RECORDED_CONVOLUTIONS:
        flag = known_argument(node, "transposed")
        if not isinstance(flag, bool):
            return None
        transposed = flag
    elif not transposed and key not in patterns.CONVOLUTIONS and key != "aten::linear":
        return None
    if transposed and known_argument(node, "groups") != 1:
        return None
    weight, bias = constant_tensor(argument(node, "weight")), argument(node, "bias")
    if weight is None or not weight.is_floating_point() or weight.is_mkldnn:
        return None
    channel = 1 if transposed else 0
    if weight.shape[channel] != len(scale):
        return None
    old = torch.zeros_like(shift) if is_none(bias) else constant_tensor(bias)
    if old is None:
        return None
    shape = [1] * weight.dim()
    shape[channel] = -1
    new = (weight.double() * scale.reshape(shape)).to(weight.dtype)
    return new, (old.double() * scale + shift).to(weight.dtype)


def _give_weights(node: Node, weight: torch.Tensor, bias: torch.Tensor) -> None:
    assert node.schema is not None
    writer = Writer(node)
    for name, value in (("weight", weight), ("bias", bias)):
        index = node.schema.argument_index(name)
        assert index is not None
        node.set_input(index, writer.tensor(value))


def _fold_linear(linear: Node, norm: Node, weight: torch.Tensor, bias: torch.Tensor) -> None:
    """Two dimensions: the folded linear. Any other number: both, one after the other."""
    writer = Writer(norm)
    dimensions = writer.call("aten::dim", argument(linear, "input"))
    two = writer.constant(2, T.INT)
    flat = writer.call("aten::eq.int", dimensions.output, two)
    chosen = writer.add(Node("prim::If", [flat.output], [norm.output.type], source=norm.source))
    shape_questions = [user for user, _ in linear.output.users if user is not norm]
    folded, plain = chosen.add_block(), chosen.add_block()
    inputs: dict[Value, Value] = {}
    folded.append(copy_node(linear, folded, inputs))
    _give_weights(folded.nodes[-1], weight, bias)
    folded.add_output(folded.nodes[-1].output)
    copies: dict[Value, Value] = {}
    for node in (linear, norm):
        plain.append(copy_node(node, plain, copies))
    plain.add_output(copies[norm.output])
    # what asks for the shape of the linear's result comes before the batch norm: it keeps the linear
    patterns.replace(norm, chosen.output)
    if not shape_questions:
        linear.detach()

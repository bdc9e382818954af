"""Objects of C++ classes that archives hold: the packed weights of quantised modules.

Their state is what the class's own pickling wrote; the operators that pack weights make such an object again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ..errors import ArchiveError


def unpack_custom(class_name: str, state: Any) -> Any:
    """The object of a C++ class, made of its pickled state. ArchiveError for a class that is not known."""
    name = class_name.removeprefix("__torch__.torch.classes.")
    make = _MAKERS.get(name)
    if make is None:
        raise ArchiveError(f"the archive holds an object of the C++ class '{name}', which is not supported")
    try:
        return make(state)
    except (TypeError, ValueError, IndexError, RuntimeError, KeyError) as error:
        reason = str(error).partition("\n")[0]
        raise ArchiveError(
            f"an object of the C++ class '{name}' has a state that makes no sense: {reason}"
        ) from None


def check_convolution(weight: Any, groups: Any, stride: Any, padding: Any, dilation: Any) -> None:
    """ValueError for what makes fbgemm, which counts in 32 bits, divide by zero while it packs the weight: that ends the
    process."""
    if not isinstance(weight, torch.Tensor) or weight.dim() < 3 or 0 in weight.shape:
        raise ValueError("a convolution has a weight without elements, or of too few dimensions")
    if not 1 <= groups <= max(weight.shape[:2]):
        raise ValueError(f"a convolution has {groups} groups")
    for name, sizes, least in (("stride", stride, 1), ("dilation", dilation, 1), ("padding", padding, 0)):
        if not isinstance(sizes, list | tuple) or any(not least <= n < 1 << 31 for n in sizes):
            raise ValueError(f"a convolution has the {name} {sizes}")


def _linear(state: Any) -> Any:
    weight, bias = state
    if weight.dtype == torch.float16:
        return torch.ops.quantized.linear_prepack_fp16(weight, bias)
    if not weight.is_quantized:
        return torch.ops.quantized.linear_prepack_fp16(weight, bias)
    return torch.ops.quantized.linear_prepack(weight, bias)


def _convolution(dimensions: int) -> Callable[[Any], Any]:
    def make(state: Any) -> Any:
        """Version 2: ("2", [numbers, weight], [bias?]); the numbers are a tensor, their count first."""
        version, tensors, optionals = state
        if version not in ("2", "3", 2, 3):
            raise ValueError(f"version {version} of packed convolutions is not known")
        numbers = [int(n) for n in tensors[0].flatten().tolist()]
        n = numbers.pop(0)
        stride, padding, dilation, output_padding = (numbers[i * n : (i + 1) * n] for i in range(4))
        groups, flags = numbers[4 * n], numbers[4 * n + 1]
        weight = tensors[1]
        bias = optionals[0] if optionals else None
        if n != dimensions and n != 2:
            raise ValueError(f"it is a convolution in {n} dimensions")
        check_convolution(weight, groups, stride, [*padding, *output_padding], dilation)
        if flags & 1:
            operator = getattr(torch.ops.quantized, f"conv_transpose{dimensions}d_prepack")
            return operator(weight, bias, stride, padding, output_padding, dilation, groups)
        operator = getattr(torch.ops.quantized, f"conv{dimensions}d_prepack")
        return operator(weight, bias, stride, padding, dilation, groups)

    return make


def _cell(state: Any) -> Any:
    """The weights of a recurrent cell: its kind, tensors, floats, ints, and packed matrices."""
    kind, tensors, _, numbers, packed = state
    match kind:
        case "quantized_dynamic":
            reduce_range = bool(numbers[0]) if numbers else False
            return torch.ops.quantized.make_quantized_cell_params_dynamic(*packed, *tensors, reduce_range)
        case "quantized_fp16":
            return torch.ops.quantized.make_quantized_cell_params_fp16(*packed)
        case "quantized":
            # w_ih, w_hh, biases, and then what is computed of the weights
            return torch.ops.quantized.make_quantized_cell_params(*tensors[:4])
        case _:
            raise ValueError(f"'{str(kind)[:40]}' is no known kind of cell")


def _embedding(state: Any) -> Any:
    """Version 1: (1, [weight], [], [bits of an element])."""
    version, tensors, _, _ = state
    if version != 1:
        raise ValueError(f"version {version} of packed embeddings is not known")
    return torch.ops.quantized.embedding_bag_prepack(tensors[0])


_MAKERS: dict[str, Callable[[Any], Any]] = {
    "quantized.LinearPackedParamsBase": _linear,
    "quantized.Conv2dPackedParamsBase": _convolution(2),
    "quantized.Conv3dPackedParamsBase": _convolution(3),
    "quantized.EmbeddingPackedParamsBase": _embedding,
    "rnn.CellParamsBase": _cell,
}

"""What is known of tensors without running: which have the same dtype, the same shape, four dimensions.

Dtypes and sizes are symbols: a constant's are what they are, those of an unknown tensor are named after it. Two
values agree where their symbols are equal.
"""

from __future__ import annotations

from typing import Any

import torch

from .. import types as T
from ..ir.graph import Node, Value
from . import patterns
from .fusible import meaning_of, operands_of
from .patterns import UNKNOWN, argument, constant_tensor, key_of, known_argument

Symbol = Any
"""Equal symbols are equal dtypes or sizes: an int, a torch.dtype, a value, or a tuple that names an expression."""

_KEEP_DTYPE = frozenset(
    "aten::" + name
    for name in (
        "dropout", "feature_dropout", "max_pool1d", "max_pool2d", "max_pool3d", "avg_pool1d", "avg_pool2d",
        "avg_pool3d", "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "contiguous", "clone",
        "flatten.using_ints", "reshape", "view", "permute", "transpose.int", "t", "squeeze", "squeeze.dim",
        "unsqueeze", "expand", "select.int", "slice.Tensor", "batch_norm", "layer_norm", "group_norm",
    )
)  # fmt: skip

_KEEP_SHAPE = frozenset(
    {"aten::batch_norm", "aten::dropout", "aten::feature_dropout", "aten::contiguous", "aten::clone"}
)


class TensorFacts:
    """Symbols of the values of a graph that does not change meanwhile."""

    def __init__(self) -> None:
        self._dtypes: dict[Value, Symbol] = {}
        self._shapes: dict[Value, tuple[Symbol, ...] | None] = {}

    def dtype(self, value: Value) -> Symbol:
        if value not in self._dtypes:
            found = self._dtype_of(value)
            self._dtypes[value] = value if found is None else found
        return self._dtypes[value]

    def image_shape(self, value: Value) -> tuple[Symbol, ...] | None:
        """Symbols of the four sizes of a tensor, if it has four dimensions; else the symbols mean nothing."""
        if value not in self._shapes:
            self._shapes[value] = self._shape_of(value)
        return self._shapes[value]

    # -- dtypes ------------------------------------------------------------------------------------------------

    def _dtype_of(self, value: Value) -> Symbol:
        tensor = constant_tensor(value)
        if tensor is not None:
            return tensor.dtype
        node = value.node
        if node is None or node.schema is None:
            return None
        key = key_of(node)
        if key in patterns.CONVOLUTIONS or key in patterns.RECORDED_CONVOLUTIONS or key == "aten::linear":
            return self.dtype(argument(node, "weight"))  # an input of another dtype is an error
        if key in _KEEP_DTYPE:
            return self.dtype(node.inputs[0])
        return self._pointwise_dtype(node)

    def _pointwise_dtype(self, node: Node) -> Symbol:
        meaning = meaning_of(node)
        if meaning is None or meaning.kind != "pointwise" or meaning.name == "where":
            return None
        operands = operands_of(node, meaning)
        if meaning.result == "other":
            return self.dtype(argument(node, "other"))
        if meaning.result == "same":
            return self.dtype(operands[0])
        if meaning.result not in ("promote", "float"):
            return None
        if meaning.operands[-1] == "alpha":  # which has to fit the dtype there is
            operands = operands[:-1]
        tensors = [v for v in operands if isinstance(v.type, T.TensorType)]
        found = {self.dtype(v) for v in tensors}
        if len(found) != 1:
            return None
        dtype = found.pop()
        is_float = isinstance(dtype, torch.dtype) and dtype.is_floating_point
        if is_float or (len(tensors) == len(operands) and meaning.result == "promote"):
            return dtype
        return None

    # -- sizes -------------------------------------------------------------------------------------------------

    def _shape_of(self, value: Value) -> tuple[Symbol, ...] | None:
        tensor = constant_tensor(value)
        if tensor is not None:
            return tuple(tensor.shape) if tensor.dim() == 4 else None
        node = value.node
        key = key_of(node)
        if node is not None:
            if key == "aten::conv2d":
                return self._convolved(node)
            if key == "aten::max_pool2d":
                return self._pooled(node)
            if key in _KEEP_SHAPE:
                return self.image_shape(node.inputs[0])
            meaning = meaning_of(node)
            if meaning is not None and meaning.kind == "pointwise":
                tensors = [v for v in operands_of(node, meaning) if isinstance(v.type, T.TensorType)]
                found = {self.image_shape(v) for v in tensors}
                if len(found) == 1:
                    return found.pop()
        return tuple((value, i) for i in range(4))

    def _convolved(self, node: Node) -> tuple[Symbol, ...] | None:
        before = self.image_shape(argument(node, "input"))
        weight = constant_tensor(argument(node, "weight"))
        if before is None or weight is None or weight.dim() != 4:
            return None
        sides = self._window(node, before, list(weight.shape[2:]))
        return None if sides is None else (before[0], weight.shape[0], *sides)

    def _pooled(self, node: Node) -> tuple[Symbol, ...] | None:
        before = self.image_shape(argument(node, "self"))
        kernel = known_argument(node, "kernel_size")
        if before is None or kernel is UNKNOWN or known_argument(node, "ceil_mode") is not False:
            return None
        sides = self._window(node, before, _pair(kernel), default_stride=_pair(kernel))
        return None if sides is None else (*before[:2], *sides)

    def _window(
        self,
        node: Node,
        before: tuple[Symbol, ...],
        kernel: list[int],
        default_stride: list[int] | None = None,
    ) -> list[Symbol] | None:
        """Height and width after a window of this size has gone over them."""
        settings = [known_argument(node, name) for name in ("stride", "padding", "dilation")]
        if any(not isinstance(s, list | int) for s in settings):
            return None
        strides, paddings, dilations = (_pair(s) if s != [] else (default_stride or [1, 1]) for s in settings)
        result: list[Symbol] = []
        for i in range(2):
            offset = 2 * paddings[i] - dilations[i] * (kernel[i] - 1) - 1
            size = before[2 + i]
            if strides[i] == 1 and offset == -1:
                result.append(size)
            elif isinstance(size, int):
                result.append((size + offset) // strides[i] + 1)
            else:
                result.append((size, offset, strides[i]))
        return result


def _pair(value: Any) -> list[int]:
    if isinstance(value, int):
        return [value, value]
    return list(value) * 2 if len(value) == 1 else list(value)

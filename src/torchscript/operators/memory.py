"""What operators do to memory that their schemas do not say.

    dropout(Tensor input, float p, bool train) -> Tensor         is `input` itself where it drops nothing
    batch_norm(…, Tensor? running_mean, …, bool training, …)     writes `running_mean` while it trains

PyTorch marks the newer of them by a tag; the rest are listed.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..schema import Schema
from .dispatcher import overload_of


@dataclass(frozen=True)
class HiddenWrites:
    """What an operator writes though its schema does not mark it."""

    condition: str | None
    """The `bool` argument that has it written; None where it is in any case."""
    arguments: tuple[str, ...]


_STATISTICS = ("running_mean", "running_var")

_HIDDEN_WRITES = {
    "aten::batch_norm": HiddenWrites("training", _STATISTICS),
    "aten::_batch_norm_impl_index": HiddenWrites("training", _STATISTICS),
    "aten::native_batch_norm": HiddenWrites("training", _STATISTICS),
    "aten::cudnn_batch_norm": HiddenWrites("training", _STATISTICS),
    "aten::miopen_batch_norm": HiddenWrites("training", _STATISTICS),
    "aten::instance_norm": HiddenWrites("use_input_stats", _STATISTICS),
    "aten::batch_norm_update_stats": HiddenWrites(None, _STATISTICS),
    "aten::batch_norm_gather_stats": HiddenWrites(None, _STATISTICS),
    "aten::batch_norm_gather_stats_with_counts": HiddenWrites(None, _STATISTICS),
}

# All but these are arguments that no result shares.
_RETURNS_ONLY = {"aten::type_as": "self"}

_MAY_RETURN_ARGUMENT = frozenset(
    "aten::" + name
    for name in (
        "dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout", "type_as", "to_dense", "dequantize",
        "lift", "conj_physical", "sum_to_size", "atleast_1d", "atleast_2d", "atleast_3d", "einsum", "meshgrid",
        "broadcast_tensors", "cartesian_prod", "chain_matmul", "flatten_dense_tensors", "histogramdd",
        "unsafe_chunk", "unsafe_split", "unsafe_split_with_sizes",
        "_cast_Byte", "_cast_Char", "_cast_Double", "_cast_Float", "_cast_Half", "_cast_Int", "_cast_Long", "_cast_Short",
    )
)  # fmt: skip

_TAG = getattr(torch.Tag, "maybe_aliasing_or_mutating", None)  # since PyTorch 2.8

_ANSWERS: dict[str, bool] = {}


def hidden_writes(schema: Schema) -> HiddenWrites | None:
    """What an operator writes though its schema does not mark it; None for nearly all."""
    return _HIDDEN_WRITES.get(schema.name)


def may_return_argument(schema: Schema) -> bool:
    """Whether a result may be an argument, or a view of one, though the schema says that it is new.

    >>> from torchscript.operators.dispatcher import schema_of
    >>> [may_return_argument(schema_of(f"aten::{name}")) for name in ("dropout", "relu", "view")]
    [True, False, False]
    """
    answer = _ANSWERS.get(schema.key)
    if answer is None:
        answer = _ANSWERS[schema.key] = _may_return_argument(schema)
    return answer


def may_return(schema: Schema, argument: str) -> bool:
    """The same of one argument: `x.type_as(y)` may be x, and never y."""
    return may_return_argument(schema) and _RETURNS_ONLY.get(schema.name, argument) == argument


def _may_return_argument(schema: Schema) -> bool:
    if schema.name in _MAY_RETURN_ARGUMENT:
        return True
    if _TAG is None or schema.name in _HIDDEN_WRITES:
        return False
    return _TAG in getattr(overload_of(schema), "tags", ())

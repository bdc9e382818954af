"""The methods of PyTorch's own C++ classes that programs and archived code call, by class."""

from __future__ import annotations

from functools import cache

from .. import types as T
from ..schema import Schema, parse_schema

_CONVOLUTION = (
    "unpack(Any self) -> (Tensor, Tensor?)",
    "stride(Any self) -> int[]",
    "padding(Any self) -> int[]",
    "output_padding(Any self) -> int[]",
    "dilation(Any self) -> int[]",
    "groups(Any self) -> int",
    "transpose(Any self) -> bool",
)

_METHODS: dict[str, tuple[str, ...]] = {
    "quantized.LinearPackedParamsBase": (
        "unpack(Any self) -> (Tensor, Tensor?)",
        "bias(Any self) -> Tensor?",
    ),
    "quantized.Conv2dPackedParamsBase": _CONVOLUTION,
    "quantized.Conv3dPackedParamsBase": _CONVOLUTION,
    "quantized.EmbeddingPackedParamsBase": ("bit_rate(Any self) -> int", "version(Any self) -> int"),
}


@cache
def method_schema(cls: T.CustomClassType, name: str) -> Schema | None:
    """The schema of a method, self first; None for a class or method that is not known."""
    for text in _METHODS.get(cls.qualified_name.removeprefix("__torch__.torch.classes."), ()):
        if text.startswith(f"{name}("):
            return parse_schema(text)
    return None

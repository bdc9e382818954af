"""`torch.finfo(dtype)` and `torch.iinfo(dtype)`: their numbers, looked up now or by a dtype that only a run knows.

torch.finfo(torch.float32).eps   →   1.1920928955078125e-07
torch.finfo(x.dtype).min         →   -65504.0 if x.dtype == torch.float16 else …
"""

from __future__ import annotations

from typing import Any

import torch

from .. import types as T
from . import generated
from .builtins.registry import Handler, handles
from .emitter import Emitter
from .values import Static, Val, known_of, type_of

_DTYPES: dict[Any, tuple[torch.dtype, ...]] = {
    torch.finfo: (torch.float32, torch.float16, torch.bfloat16, torch.float64),
    torch.iinfo: (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8),
}
_NAMES = {
    torch.finfo: ("min", "max", "eps", "tiny", "smallest_normal", "resolution", "bits"),
    torch.iinfo: ("min", "max", "bits"),
}


class Limits(Val):
    """`info(dtype)` of a run-time dtype."""

    __slots__ = ("dtype", "info")

    def __init__(self, info: Any, dtype: Val) -> None:
        self.info = info
        self.dtype = dtype

    def describe(self) -> str:
        return f"a torch.{self.info.__name__}"

    def attribute(self, e: Emitter, name: str, node: Any) -> Val:
        if name == "dtype":
            return self.dtype
        if name not in _NAMES[self.info]:
            raise e.error(
                f"A torch.{self.info.__name__} has no '{name}' in compiled code.",
                node,
                f"It has {', '.join(_NAMES[self.info])}.",
            )
        lines = ["def limit(dtype, dtypes):"]
        for i, dtype in enumerate(_DTYPES[self.info]):
            lines.append(f"    if dtype == dtypes[{i}]: return {getattr(self.info(dtype), name)!r}")
        kind = "a floating point" if self.info is torch.finfo else "an integer"
        lines.append(f"    raise TypeError('torch.{self.info.__name__}() of what is not {kind} type')")
        dtypes = e.static(_DTYPES[self.info])
        return generated.in_place(e, "\n".join(lines), {"dtype": self.dtype, "dtypes": dtypes})


def _limits(info: Any) -> Handler:
    def handler(e: Emitter, positional: list[Val], named: dict[str, Val], hint: T.Type | None) -> Val:
        dtype = positional[0] if positional else named.get("type", e.static(torch.get_default_dtype()))
        if isinstance(type_of(dtype), T.TensorType):
            raise e.error("This takes a dtype, not a Tensor.", None, "Write x.dtype.")
        known = known_of(dtype)
        if known is None:
            return Limits(info, dtype)
        try:
            return Static(info(e.depend(dtype)), None, known.dependencies)
        except TypeError as error:
            raise e.certain(TypeError, str(error)) from None

    return handler


for _info in _DTYPES:
    handles(_info)(_limits(_info))

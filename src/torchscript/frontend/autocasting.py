"""`torch.autocast` in compiled code: an object of PyTorch's class, in IR and archives, that is entered and left.

    with torch.autocast("cpu", dtype=torch.bfloat16):      %a = prim::CreateObject()
        y = x @ w                                     →    prim::CallMethod[__init__](%a, "cpu", 15, True, None)
                                                           prim::Enter(%a); %y = aten::matmul(%x, %w); prim::Exit(%a)

PyTorch's interpreter, which casts by what it knows of the object, asks for constants there. So a switch that is known
only at run time makes two copies of the body, and a device that is (`x.device.type`) stands for the CPU and CUDA.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

import torch

from .. import types as T
from ..ir.graph import Value
from .emitter import Emitter
from .values import Val, known_of

_cpu_autocast: Any = torch.cpu.amp.autocast  # type: ignore[attr-defined]
_PARAMETERS: dict[type, tuple[str, ...]] = {
    torch.autocast: ("device_type", "dtype", "enabled", "cache_enabled"),
    torch.cuda.amp.autocast: ("enabled", "dtype", "cache_enabled"),
    _cpu_autocast: ("enabled", "dtype", "cache_enabled"),
}
_FIXED: dict[type, tuple[str, torch.dtype]] = {
    torch.cuda.amp.autocast: ("cuda", torch.float16),
    _cpu_autocast: ("cpu", torch.bfloat16),
}
CLASSES = tuple(_PARAMETERS)


class Settings(NamedTuple):
    """What the objects of one `with` are made with."""

    devices: tuple[Val, ...]
    dtype: Val
    enabled: Val


class Autocast(Val):
    """`torch.autocast(…)`."""

    __slots__ = ("settings",)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def describe(self) -> str:
        return "a torch.autocast object"


class autocast_methods:
    """The methods as archives hold them; in this process the class is `torchscript.autocast.autocast`."""

    def __init__(
        self,
        device_type: str,
        dtype: Optional[torch.dtype] = None,  # noqa: UP045  # evaluated by the compiler
        enabled: bool = True,
        cache_enabled: Optional[bool] = None,  # noqa: UP045
    ) -> None:
        self.fast_dtype = torch.get_autocast_dtype(device_type) if dtype is None else dtype
        self._enabled = enabled
        self.device = device_type

    def __enter__(self) -> autocast_methods:
        return self

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        return None


def of_arguments(e: Emitter, cls: type, positional: list[Val], named: dict[str, Val]) -> Autocast:
    names = _PARAMETERS[cls]
    given = {**dict(zip(names, positional, strict=False)), **named}
    unknown = [n for n in given if n not in names]
    if unknown or len(positional) > len(names):
        raise e.error(f"torch.autocast takes {', '.join(names)}.")
    device, dtype = _FIXED.get(cls, (None, None))
    if device is None and "device_type" not in given:
        raise e.error("torch.autocast needs a device_type, such as 'cpu'.")
    wanted = given.get("device_type") or e.static(device)
    chosen = given.get("dtype") or (e.static(dtype) if dtype is not None else e.none())
    devices = (wanted,) if known_of(wanted) is not None else (e.static("cpu"), e.static("cuda"))
    return Autocast(Settings(devices, chosen, given.get("enabled") or e.static(True)))


def of_object(e: Emitter, obj: torch.autocast) -> Autocast:
    """An object that was made outside of compiled code."""
    enabled = e.static(obj._enabled)
    return Autocast(Settings((e.static(obj.device),), e.static(obj.fast_dtype), enabled))


def object_of(val: Val) -> torch.autocast | None:
    known = known_of(val)
    return known.object if known is not None and isinstance(known.object, torch.autocast) else None


def enter(e: Emitter, settings: Settings, enabled: bool) -> list[Value]:
    """Emit the beginning of the `with`; what `leave` takes."""
    cls = e.program.autocast_class()
    method = e.program.class_method(cls, "__init__")
    assert method is not None
    entered = []
    for device in settings.devices:
        made = e.emit("prim::CreateObject", [], [cls]).output
        switch = e.constant(enabled, T.BOOL)
        arguments = [
            e.coerce(device, T.STRING, None, "the device type of torch.autocast"),
            e.coerce(settings.dtype, T.optional(T.DTYPE), None, "the dtype of torch.autocast"),
        ]
        values = [made, *arguments, switch, e.constant(None, T.NONE)]
        e.emit("prim::CallMethod", values, [T.NONE], {"name": "__init__"})
        e.emit("prim::Enter", [made], [cls])
        entered.append(made)
    return entered


def leave(e: Emitter, entered: list[Value]) -> None:
    for made in reversed(entered):
        e.emit("prim::Exit", [made, *(e.constant(None, T.NONE) for _ in range(3))], [T.NONE])

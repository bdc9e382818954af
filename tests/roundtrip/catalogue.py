"""Every module that goes round, by the way it is compiled: `script nn: Linear`, `trace vision: resnet18`."""

from __future__ import annotations

from dataclasses import dataclass

from . import language, torch_nn, vision
from .torch_nn import Entry


@dataclass(frozen=True)
class Trip:
    """A module and how it is compiled. `quick` ones are part of `make test`, `stock` ones torch.jit compiles too."""

    how: str  # "script" or "trace"
    entry: Entry
    quick: bool
    stock: bool = True


_SLOW = ("LPPool2d", "CTCLoss", "TransformerDecoderLayer", "LSTM, both ways")
# A trace has the numbers and the branches of one run: what it is for is models.
_TRACED_LAYERS = (
    "Conv2d",
    "BatchNorm2d",
    "LSTM",
    "GRU",
    "MultiheadAttention",
    "TransformerEncoderLayer",
    "Embedding",
)
_QUICK_VISION = ("squeezenet1_1",)


def _trips() -> dict[str, Trip]:
    trips: dict[str, Trip] = {}
    for name, entry in torch_nn.MODULES.items():
        trips[f"script nn: {name}"] = Trip(
            "script", entry, name not in _SLOW, name not in torch_nn.NOT_IN_STOCK
        )
    for name in _TRACED_LAYERS:
        trips[f"trace nn: {name}"] = Trip("trace", torch_nn.MODULES[name], True)
    for name, entry in language.MODULES.items():
        trips[f"script language: {name}"] = Trip("script", entry, True, name not in language.NOT_IN_STOCK)
    for name in language.TRACEABLE:
        trips[f"trace language: {name}"] = Trip("trace", language.MODULES[name], True)
    for how in ("script", "trace"):
        for name, entry in vision.CLASSIFIERS.items():
            if how == "script" and name in vision.TRACED_ONLY:
                continue
            trips[f"{how} vision: {name}"] = Trip(how, entry, name in _QUICK_VISION)
    for name, entry in vision.OTHERS.items():
        trips[f"script vision: {name}"] = Trip("script", entry, False)
    return trips


TRIPS = _trips()

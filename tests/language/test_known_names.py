"""Names of attributes that are put together from constants of the module: loops over them unroll."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import torchscript


class Numbered(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.count = 3
        for i in range(self.count):
            setattr(self, "layer" + str(i), nn.Linear(4, 4))


class Concatenated(Numbered):
    def forward(self, x: Tensor) -> Tensor:
        for i in range(self.count):
            x = getattr(self, "layer" + str(i))(x)
        return x


class Backwards(Numbered):
    def forward(self, x: Tensor) -> Tensor:
        layers = [getattr(self, "layer" + repr(self.count - 1 - i)) for i in range(self.count)]
        for layer in layers:
            x = layer(x)
        return x


class Formatted(Numbered):
    def forward(self, x: Tensor) -> Tensor:
        for i in range(0, self.count):
            x = (
                getattr(self, f"layer{i}")(x)
                + getattr(self, "layer%d" % i)(x)
                + getattr(self, "layer{}".format(i))(x)
            )
        return x


@pytest.mark.parametrize("cls", [Concatenated, Backwards, Formatted])
def test_names_from_constants_of_the_module(cls: Any) -> None:
    module, x = cls(), torch.randn(2, 4)
    torch.testing.assert_close(torchscript.script(module)(x), module(x))

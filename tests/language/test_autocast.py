"""`torch.autocast` in compiled code: refused where it would change dtypes, ignored where eager mode ignores it."""

import pytest
import torch
from torch import Tensor

import torchscript


def of_another_device(x: Tensor) -> Tensor:
    with torch.autocast("cuda", enabled=True):
        return x @ x


def switched_off(x: Tensor) -> Tensor:
    with torch.autocast(device_type="cpu", enabled=False):
        return x @ x


def on(x: Tensor) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return x @ x


@pytest.mark.filterwarnings("ignore:.*CUDA is not available")
@pytest.mark.parametrize("function", [of_another_device, switched_off])
def test_no_effect_here(function):
    x = torch.ones(2, 2)
    assert torchscript.script(function)(x).dtype == function(x).dtype == torch.float32


def test_refused_where_dtypes_would_change():
    with pytest.raises(torchscript.NotSupportedError, match="Enter it around the call"):
        torchscript.script(on)


def test_around_the_call_it_works():
    scripted = torchscript.script(plain)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert scripted(torch.ones(2, 2)).dtype == torch.bfloat16


def plain(x: Tensor) -> Tensor:
    return x @ x

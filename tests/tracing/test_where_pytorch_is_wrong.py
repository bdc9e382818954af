"""That the list of programs that torch.jit.trace gets wrong, and this library right, is true."""

import pytest
import torch

import torchscript as jit

from .where_pytorch_is_wrong import PROGRAMS, problem


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name):
    assert problem(jit.trace, name) is None
    assert problem(torch.jit.trace, name) is not None


def test_there_are_twenty():
    assert len(PROGRAMS) >= 20

"""What `compile` takes, and what it says to the rest."""

import os
import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn

import torchscript


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)

    @torchscript.export
    def other(self, n: int) -> int:
        return n + 1


class Plain:
    def __init__(self):
        self.n = 1


REFUSED = {
    "nothing": (lambda: None, "'NoneType' objects cannot be compiled"),
    "a path": (lambda: "model.pt", "'str' objects cannot be compiled"),
    "a graph": (lambda: torchscript.script(Net()).graph, "'Graph' objects cannot be compiled"),
    "a class of modules": (lambda: Net, "compile an instance of it"),
    "a class": (lambda: Plain, "'.*Plain'.* has no code of its own to compile"),
    "a method": (lambda: torchscript.script(Net()).other, "'other' is a method of a module that is compiled already"),
    "a module of torch.jit": (lambda: torch.jit.script(Net()), "'Net' was compiled by PyTorch itself. Compile the module"),
    "a trace of torch.jit": (lambda: torch.jit.trace(nn.ReLU(), torch.ones(1)), "'ReLU' was compiled by PyTorch itself"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_compiled(what):
    make, message = REFUSED[what]
    with pytest.raises(torchscript.Error, match=message):
        torchscript.compile(make())


def test_compilation_that_is_turned_off_gives_what_it_was_given():
    program = """
import torch, torchscript
module = torch.nn.Linear(2, 2)
assert torchscript.compile(module) is module
"""
    off = {**os.environ, "PYTORCH_JIT": "0", "CXX": "nowhere"}
    subprocess.run([sys.executable, "-c", program], check=True, env=off)

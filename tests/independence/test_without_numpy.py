"""NumPy is optional for PyTorch, and for this library: a fresh environment has none."""

import os
import shutil
import subprocess
import sys

import pytest
import torch

import torchscript

PROGRAM = """
import sys
sys.modules["numpy"] = None  # as where it is not installed
import torch, torchscript

class Scaled(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Linear(3, 3)
    def forward(self, x):
        return self.inner(x) * torch.tensor([1.0, 2.0, 3.0])

class Both(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = Scaled(), Scaled()
    def forward(self, x):
        return self.a(x) + self.b(x)

module, x = Both().eval(), torch.ones(2, 3)
traced = torchscript.trace(module, x)
traced.save(sys.argv[1])
loaded = torchscript.load(sys.argv[1])
torch.testing.assert_close(loaded(x), module(x))
if len(sys.argv) > 2:
    torchscript.compile(loaded, output=sys.argv[2])
"""


def run(*arguments):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *map(str, arguments)], capture_output=True, text=True, env=os.environ
    )
    return done.returncode, done.stdout, done.stderr


def test_traces_archives_and_packages_of_constants(tmp_path):
    arguments = ["-c", PROGRAM, tmp_path / "both.pt"]
    if any(shutil.which(name) for name in ("g++", "clang++", "c++")):
        arguments.append(tmp_path / "net")
    assert run(*arguments) == (0, "", "")
    assert len(arguments) == 3 or "constant 0" in (tmp_path / "net/model.tensors").read_text()


COMMAND = "import sys; sys.modules['numpy'] = None; from torchscript_cli import run; run()"


@pytest.mark.parametrize("arguments", [["{}/x.npy"], ["2x3", "-o", "{}/y.npz"]])
def test_commands_that_need_it_say_so(tmp_path, arguments):
    torchscript.script(torch.nn.Linear(3, 3)).save(tmp_path / "linear.pt")
    (tmp_path / "x.npy").touch()
    given = [a.format(tmp_path) for a in arguments]
    command = [sys.executable, "-c", COMMAND, "run", str(tmp_path / "linear.pt"), *given]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "torchscript: this needs the package numpy: pip install numpy\n"

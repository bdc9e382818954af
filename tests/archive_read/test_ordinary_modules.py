"""A loaded module is ordinary Python: what is done with modules can be done with it."""

from __future__ import annotations

import copy
import inspect
import io
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import torchscript as jit

pytestmark = pytest.mark.filterwarnings("ignore")


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
        self.head = nn.Linear(4, 2)

    def forward(self, x, times: int = 2):
        x = self.body(x)
        for i in range(times):
            x = x * (2 + i)
        return self.head(x.mean([2, 3]))


class Larger(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x) + 1


torch.manual_seed(0)
NET = Net().eval()
X = torch.randn(2, 3, 6, 6)


def archived(how: str) -> bytes:
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(NET) if how == "script" else torch.jit.trace(NET, X), buffer)
    return buffer.getvalue()


def stock(module: Any) -> Any:
    return torch.jit.load(io.BytesIO(module.save_to_buffer()))


def through_torch_save(module: nn.Module) -> nn.Module:
    buffer = io.BytesIO()
    torch.save(module, buffer)
    return torch.load(io.BytesIO(buffer.getvalue()), weights_only=False)


def functional(module: nn.Module) -> Callable[..., Any]:
    return lambda x: torch.func.functional_call(module, dict(module.named_parameters()), (x,))


USES: dict[str, Callable[[Any], Any]] = {
    "torch.compile": lambda m: torch.compile(m, backend="eager", fullgraph=True),
    "torch.export": lambda m: torch.export.export(m, (X,), strict=False).module(),
    "torch.export, strict": lambda m: torch.export.export(m, (X,), strict=True).module(),
    "deepcopy": copy.deepcopy,
    "pickle": lambda m: pickle.loads(pickle.dumps(m)),
    "torch.save": through_torch_save,
    "saved again": stock,
    "functional_call": functional,
    "vmap": lambda m: lambda x: torch.func.vmap(m)(x[:, None])[:, 0],
    "double": lambda m: lambda x: m.double()(x.double()).float(),
    "traced": lambda m: jit.trace(m, X),
}
IN_LARGER: dict[str, Callable[[Any], Any]] = {
    "scripted": lambda m: jit.script(Larger(m)),
    "scripted and saved": lambda m: stock(jit.script(Larger(m))),
    "traced and saved": lambda m: stock(jit.trace(Larger(m), X)),
    "torch.compile": lambda m: torch.compile(Larger(m), backend="eager", fullgraph=True),
}


@pytest.mark.parametrize("how", ["script", "trace"])
@pytest.mark.parametrize("use", USES)
def test_it_computes_the_same_when(use: str, how: str) -> None:
    module = USES[use](jit.load(archived(how)))
    torch.testing.assert_close(module(X), NET(X), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("how", ["script", "trace"])
@pytest.mark.parametrize("use", IN_LARGER)
def test_in_a_larger_module_it_computes_the_same_when(use: str, how: str) -> None:
    module = IN_LARGER[use](jit.load(archived(how)))
    torch.testing.assert_close(module(X), NET(X) + 1, rtol=1e-4, atol=1e-5)


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.Module]) -> None:
        super().__init__()
        self.cells = kind(3, 4, num_layers=2, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.cells(x)[0].sum(1)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("writer", ["stock", "ours"])
@pytest.mark.parametrize("copied", [False, True], ids=["", "copied"])
def test_recurrent_layers_are_fine_tuned(kind: type[nn.Module], writer: str, copied: bool) -> None:
    """Their weights are parameters, and stand once more in a list that the code reads."""
    original = Recurrent(kind)
    if writer == "stock":
        buffer = io.BytesIO()
        torch.jit.save(torch.jit.script(original), buffer)
        loaded = jit.load(buffer.getvalue())
    else:
        loaded = jit.load(jit.script(original).save_to_buffer())
    loaded = copy.deepcopy(loaded) if copied else loaded
    x = torch.randn(2, 5, 3)
    for module in (original, loaded):
        optimizer = torch.optim.SGD(module.parameters(), 0.1)
        for _ in range(3):
            optimizer.zero_grad()
            module(x).square().mean().backward()
            optimizer.step()
    torch.testing.assert_close(dict(loaded.named_parameters()), dict(original.named_parameters()))
    torch.testing.assert_close(loaded.double()(x.double()).float(), original(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("native", [False, True], ids=["", "native"])
def test_recurrent_layers_take_other_weights(kind: type[nn.Module], native: bool) -> None:
    """Assigned ones too: eager mode keeps the list of weights in step."""
    scripted = jit.script(Recurrent(kind))
    x = torch.randn(2, 5, 3)
    for module in (scripted, jit.load(scripted.save_to_buffer())):
        called = jit.compile(module) if native else module
        for assign in (False, True):
            other = Recurrent(kind)
            called(x)
            module.load_state_dict(other.state_dict(), assign=assign)
            torch.testing.assert_close(called(x), other(x))
        called.cells.weight_hh_l1 = nn.Parameter(torch.zeros_like(other.cells.weight_hh_l1))
        with torch.no_grad():
            other.cells.weight_hh_l1.zero_()
        torch.testing.assert_close(called(x), other(x))


@torch.jit.interface
class Activation(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pass


class Swish(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.sigmoid(x)


class ThroughInterface(nn.Module):
    act: Activation

    def __init__(self) -> None:
        super().__init__()
        self.act = Swish()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.act.forward(x) + 1


ThroughInterface.__annotations__["act"] = Activation  # stock PyTorch does not take it as text


def before(module, inputs: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
    return (inputs[0] * 2,)


def after(module, inputs: tuple[torch.Tensor], result: torch.Tensor) -> torch.Tensor:
    return result + 5


def with_hooks() -> nn.Module:
    module = Swish()
    module.register_forward_pre_hook(before)
    module.register_forward_hook(after)
    return module


@pytest.mark.parametrize("make", [ThroughInterface, with_hooks])
@pytest.mark.parametrize("use", ["torch.compile", "torch.export, strict"])
def test_what_calls_lead_to_is_ready_for_torch_compile(make: Callable[[], nn.Module], use: str) -> None:
    """Nothing of it was called before, so all of it is compiled now."""
    original, buffer = make(), io.BytesIO()
    torch.jit.save(torch.jit.script(original), buffer)
    torch.testing.assert_close(USES[use](jit.load(buffer.getvalue()))(X), original(X))


def test_straight_code_is_traced_by_fx() -> None:
    torch.testing.assert_close(torch.fx.symbolic_trace(jit.load(archived("trace")))(X), NET(X))


def test_inspect_shows_signature_and_archived_source() -> None:
    forward = jit.load(archived("script")).forward
    assert str(inspect.signature(forward)) == "(x, times=2)"
    source = inspect.getsource(forward)
    assert source.lstrip().startswith("def forward(self: __torch__.") and "for i in range(times):" in source


def debugged(folder: Path, loading: str, running: str, commands: str) -> str:
    """What pdb prints, given the commands, while a program runs the module that it loads."""
    (folder / "net.pt").write_bytes(archived("script"))
    program = (
        "import pdb, torch, torchscript as jit\n"
        f"module = {loading}\n"
        "x = torch.zeros(1, 3, 4, 4)\n"
        f"pdb.Pdb(nosigint=True).{running}\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=commands,
        text=True,
        capture_output=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(jit.__file__).parents[1])},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_pdb_steps_through_the_archived_source(tmp_path: Path) -> None:
    shown = debugged(
        tmp_path,
        "jit.load('net.pt')",
        "runcall(module._ts_forward, x)",
        "list\nnext\nnext\np times\nstep\ncontinue\n",
    )
    assert "net.pt:code/__torch__" in shown
    assert "for i in range(times)" in shown
    assert "(Pdb) 2\n" in shown
    assert shown.count("net.pt:code/__torch__") >= 3


@pytest.mark.parametrize(
    "where, loading",
    [("net.pt", "jit.load('net.pt')"), ("<archive>", "jit.load(open('net.pt', 'rb').read())")],
)
def test_a_breakpoint_in_a_method(tmp_path: Path, where: str, loading: str) -> None:
    commands = "break module.forward\ncontinue\np tuple(x.shape)\ncontinue\n"
    shown = debugged(tmp_path, loading, "run('module(x)')", commands)
    assert f"Breakpoint 1 at {tmp_path}/{where}:code/__torch__" in shown
    assert "(Pdb) (1, 3, 4, 4)\n" in shown

"""Modules as native code: the same parameters, gradients, modes and attributes as the module they come from."""

import copy
import io
import subprocess
import sys
import threading
from typing import Dict, List, Tuple

import pytest
import torch
from torch import Tensor, nn

import torchscript


class Block(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.norm(self.conv(x)) + x)


class Net(nn.Module):
    history: List[int]
    table: Dict[str, Tensor]

    def __init__(self):
        super().__init__()
        self.blocks = nn.Sequential(Block(4), Block(4))
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(4, 3)
        self.scale = 2.0
        self.calls = 0
        self.history = []
        self.table = {"a": torch.ones(1)}
        self.register_buffer("total", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.history.append(x.size(0))
        self.total += x.sum().detach()
        y = self.drop(self.blocks(x)).mean([2, 3])
        return self.head(y) * self.scale + self.table["a"]

    @torchscript.export
    def describe(self, name: str) -> Tuple[str, int]:
        return name + " net", self.calls


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(5, 7, num_layers=2, batch_first=True)
        self.attention = nn.TransformerEncoderLayer(7, 1, 14, batch_first=True, dropout=0.0)

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.rnn(x)
        return self.attention(y)


@pytest.fixture(scope="module")
def pair():
    torch.manual_seed(0)
    module = Net()
    return module, torchscript.compile(torchscript.script(module))


def fresh():
    torch.manual_seed(0)
    module = Net()
    return module


def test_forward_and_backward_as_eager(pair):
    _, native = pair
    eager = fresh()
    eager.load_state_dict(native.state_dict())
    x = torch.randn(3, 4, 6, 6)
    for mode in (True, False):
        native.train(mode)
        eager.train(mode)
        native.zero_grad()
        eager.zero_grad()
        torch.manual_seed(1)
        ours = native(x)
        torch.manual_seed(1)
        expected = eager(x)
        torch.testing.assert_close(ours, expected)
        ours.sum().backward()
        expected.sum().backward()
        for (name, a), b in zip(native.named_parameters(), eager.parameters()):
            torch.testing.assert_close(a.grad, b.grad, msg=name)
        for (name, a), b in zip(native.named_buffers(), eager.buffers()):
            torch.testing.assert_close(a, b, msg=name)


def test_attributes_are_shared_both_ways(pair):
    _, native = pair
    native.eval()
    x = torch.randn(2, 4, 5, 5)
    calls, length = native.calls, len(native.history)
    before = native(x)
    assert native.calls == calls + 1
    assert native.history[length:] == [2]
    native.scale = 0.0
    native.table["a"] = torch.full((1,), 7.0)
    assert torch.equal(native(x), torch.full((2, 3), 7.0))
    native.scale = 2.0
    native.table["a"] = torch.ones(1)
    torch.testing.assert_close(native(x), before)
    assert native.describe("small") == ("small net", native.calls)


def test_state_dict_loads_and_optimisers_step(pair):
    _, native = pair
    state = {k: v.clone() for k, v in native.state_dict().items()}
    optimizer = torch.optim.SGD(native.parameters(), 0.1)
    x = torch.randn(2, 4, 5, 5)
    native.eval()
    first = native(x)
    first.square().sum().backward()
    optimizer.step()
    assert not torch.allclose(native(x), first)
    native.load_state_dict(state)
    torch.testing.assert_close(native(x), first)


def test_recurrent_and_loaded():
    torch.manual_seed(0)
    module = Recurrent().eval()
    buffer = io.BytesIO()
    torchscript.save(torchscript.script(module), buffer)
    buffer.seek(0)
    native = torchscript.compile(torchscript.load(buffer))
    for shape in ((2, 3, 5), (1, 9, 5)):
        x = torch.randn(shape)
        torch.testing.assert_close(native(x), module(x))


def test_traced_and_any_shape_without_compiling_again():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.Linear(8, 2)).eval()
    native = torchscript.compile(torchscript.trace(module, torch.randn(1, 6)))
    for n in range(1, 51):
        x = torch.randn(n, 6)
        torch.testing.assert_close(native(x), module(x))
    native.double()
    x = torch.randn(3, 6, dtype=torch.double)
    torch.testing.assert_close(native(x), module.double()(x))


def test_copies_have_parameters_of_their_own(pair):
    _, native = pair
    native.eval()
    x = torch.randn(2, 4, 5, 5)
    expected = native(x)
    for copied in (copy.deepcopy(native), copy.deepcopy(copy.deepcopy(native))):
        torch.testing.assert_close(copied(x), expected)
        with torch.no_grad():
            copied.head.weight.zero_()
            copied.head.bias.fill_(3.0)
        assert torch.equal(copied(x), torch.full((2, 3), 3.0) * native.scale + native.table["a"])
        calls, length = native.calls, len(native.history)
        torch.testing.assert_close(native(x), expected)
        assert (native.calls, len(native.history)) == (calls + 1, length + 1)
        copied.head = copy.deepcopy(native.head)
        nn.init.zeros_(copied.head.weight)
        assert not torch.allclose(copied(x), expected)
    clones = nn.ModuleList(copy.deepcopy(native) for _ in range(2))
    nn.init.constant_(clones[0].head.bias, 9.0)
    assert not torch.allclose(clones[0](x), clones[1](x))


def test_errors_are_the_users(pair):
    _, native = pair
    with pytest.raises(torchscript.ArgumentError, match="expects a value of type 'Tensor'"):
        native(3)
    with pytest.raises(RuntimeError) as caught:
        native(torch.randn(1, 3, 5, 5))
    assert "expected input" in str(caught.value)
    note = caught.value.torchscript_traceback
    places = [line for line in note.splitlines() if "test_modules.py" in line]
    assert len(places) == 2  # in Net.forward, in Block.forward, then inside of torch.nn
    assert note.index("self.drop(self.blocks(x))") < note.index("self.norm(self.conv(x))")


def test_threads_do_not_wait_for_each_other(pair):
    _, native = pair
    native.eval()
    expected = {n: native(torch.full((n, 4, 5, 5), 0.1)) for n in (1, 2, 3, 4)}
    wrong = []

    def work(n):
        for _ in range(20):
            with torch.no_grad():
                if not torch.allclose(native(torch.full((n, 4, 5, 5), 0.1)), expected[n]):
                    wrong.append(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_no_compiler_is_a_clear_error(monkeypatch):
    from torchscript.native.compiler import find_compiler

    monkeypatch.setenv("CXX", "no-such-compiler")
    find_compiler.cache_clear()
    try:
        with pytest.raises(torchscript.CompilerError, match=r"no-such-compiler not found.*Python without it"):
            torchscript.compile(torchscript.script(lambda_free))
    finally:
        find_compiler.cache_clear()


def lambda_free(x: Tensor) -> Tensor:
    return x + 1


def test_two_processes_compile_at_once(tmp_path):
    """Both get the library; it is built once."""
    program = tmp_path / "program.py"
    program.write_text(
        "import torch, torchscript\n"
        "def f(x: torch.Tensor) -> torch.Tensor:\n"
        f"    return x * 3 - {tmp_path.stat().st_mtime_ns % 1000}.5\n"
        "print(float(torchscript.compile(torchscript.script(f))(torch.ones(1))))\n"
    )
    runs = [subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [run.communicate(timeout=300)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert outputs[0] == outputs[1]

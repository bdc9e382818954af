"""`torch.autocast` in compiled code gives what eager mode gives, and archives hold it as PyTorch's own do."""

import contextlib
import io

import pytest
import torch
from torch import Tensor

import torchscript
from torchscript.codegen.python import compile_function
from torchscript.ir import Function
from torchscript.passes import optimize


def of_another_device(x: Tensor):
    with torch.autocast("cuda", enabled=True):
        return x @ x


def switched_off(x: Tensor):
    with torch.autocast(device_type="cpu", enabled=False):
        return x @ x


def on(x: Tensor):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = x @ x
    return y, x @ x


def with_its_default(x: Tensor):
    with torch.cpu.amp.autocast():
        return x @ x


def with_a_switch(x: Tensor, enabled: bool):
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
        y = x @ x
        with torch.autocast("cpu", enabled=False):
            z = x @ x
    return y.float() + z, y.dtype == torch.bfloat16


def of_the_device_of_a_tensor(x: Tensor):
    with torch.autocast("cpu"):
        y = x @ x
        with torch.autocast(x.device.type, enabled=False):
            return y, x @ x


def left_early(x: Tensor):
    found = []
    for i in range(3):
        with torch.autocast("cpu"):
            if i == 1:
                continue
            found.append(x @ x)
            if x.sum() > 1e9:
                return found, x
    return found, x @ x


@torch.autocast("cpu", dtype=torch.bfloat16)
def decorated(x: Tensor):
    return x @ x


def calls_decorated(x: Tensor):
    return decorated(x), x @ x


AMP = torch.amp.autocast(device_type="cpu", dtype=torch.bfloat16)
NOTHING = contextlib.nullcontext()


def objects(x: Tensor):
    with AMP:
        y = x @ x
    with NOTHING, contextlib.nullcontext(x) as same:
        return y, same @ x


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 4)
        self.amp = torch.autocast("cpu")

    @torch.autocast("cpu")
    def forward(self, x):
        y = self.linear(x)
        with torch.autocast("cpu", enabled=False):
            z = y.float() @ x
        with self.amp:
            return y, z, x @ x


CASES = [
    (of_another_device,), (switched_off,), (on,), (with_its_default,), (with_a_switch, True), (with_a_switch, False),
    (of_the_device_of_a_tensor,), (left_early,), (decorated,), (calls_decorated,), (objects,), (Net(),),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*CUDA is not available")
@pytest.mark.parametrize("case", CASES, ids=lambda c: getattr(c[0], "__name__", "module"))
def test_agrees(case, assert_everywhere):
    program, *arguments = case
    assert_everywhere(program, torch.randn(4, 4), *arguments)


def test_an_archive_of_pytorch_is_read():
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(Plain()), buffer)
    buffer.seek(0)
    loaded = torchscript.load(buffer)
    assert [t.dtype for t in loaded(torch.randn(4, 4))] == [torch.bfloat16, torch.float32]


class Plain(torch.nn.Module):
    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = x @ x
        return y, x @ x


def test_passes_do_not_mix_what_is_inside_with_what_is_outside():
    function = torchscript.script(twice)._ts_function
    graph = function.graph.copy()
    optimize(graph)
    inside, outside = compile_function(Function("twice", graph, function.schema))(torch.ones(2, 2))
    assert (inside.dtype, outside.dtype) == (torch.bfloat16, torch.float32)


def twice(x: Tensor):
    with torch.autocast("cpu"):
        y = x @ x
    return y, x @ x


def test_around_the_call_it_works():
    scripted = torchscript.script(plain)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert scripted(torch.ones(2, 2)).dtype == torch.bfloat16


def test_switched_off_inside_what_is_switched_on():
    scripted = torchscript.script(switched_off)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert scripted(torch.ones(2, 2)).dtype == torch.float32


def plain(x: Tensor) -> Tensor:
    return x @ x

"""Programs that are spread over several C++ files."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import pytest
import rich.console
import torch
from torch import Tensor, nn

import torchscript
from torchscript.codegen.cpp.files import _spread
from torchscript.native import build
from torchscript.native.api import native_program


class Step(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(size, size)
        self.names = [f"layer {i}" for i in range(size)]

    def forward(self, x: Tensor, counts: dict[str, int]) -> Tensor:
        for name in self.names:
            counts[name] = counts.get(name, 0) + 1
        return torch.tanh(self.linear(x)) * 0.5 + x


class Large(nn.Module):
    """Enough lines for several files; objects, lists, dicts, kernels and exceptions in all of them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.steps = nn.ModuleList([Step(8) for _ in range(24)])
        self.count = 0

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, int]]:
        counts: dict[str, int] = {}
        for step in self.steps:
            x = step(x, counts)
            x = torch.where(x > 3, torch.log1p(x.abs()), x.neg().exp().clamp(-2.0, 2.0))
        return x, counts

    @torchscript.export
    def checked(self, x: Tensor, limit: int) -> Tensor:
        self.count += 1
        out, counts = self.forward(x)
        if counts["layer 0"] > limit:
            raise ValueError(f"{counts['layer 0']} is more than {limit}")
        return out * self.count


def test_a_large_module_agrees() -> None:
    module = Large()
    scripted = torchscript.script(module)
    program, _ = native_program(scripted)
    assert {"shared.h", "straight0.cpp", "functions0.cpp", "kernels0.cpp"} <= set(program.files)
    native = torchscript.compile(scripted)
    for dtype in (torch.float32, torch.float64):
        x = torch.randn(5, 8, dtype=dtype)
        module.to(dtype)
        native.to(dtype)
        got, wanted = native(x), module(x)
        torch.testing.assert_close(got[0], wanted[0])
        assert got[1] == wanted[1]
    x = torch.randn(3, 8, dtype=torch.float64)
    torch.testing.assert_close(native.checked(x, 24), module.checked(x, 24))
    with pytest.raises(ValueError, match="24 is more than 23"):
        native.checked(x, 23)
    assert native.count == module.count + 1  # eager was not called again
    torch.testing.assert_close(native.checked(x, 24), module(x)[0] * 3)


def test_gradients_of_a_large_module_agree() -> None:
    module = Large()
    native = torchscript.compile(module)
    x = torch.randn(5, 8, requires_grad=True)
    (wanted,) = torch.autograd.grad(module(x)[0].sum(), x)
    (got,) = torch.autograd.grad(native(x)[0].sum(), x)
    torch.testing.assert_close(got, wanted)


def test_a_small_program_is_one_file() -> None:
    def collatz(n: int) -> int:
        steps = 0
        while n != 1:
            n = n // 2 if n % 2 == 0 else 3 * n + 1
            steps += 1
        return steps

    assert set(native_program(torchscript.script(collatz))[0].files) == {"program.cpp"}


def test_kernels_know_no_tensors() -> None:
    def chain(x: Tensor, y: Tensor) -> Tensor:
        return (x * y + 1).relu()

    files = native_program(torchscript.script(chain))[0].files
    assert set(files) == {"program.cpp", "kernels0.cpp"}
    assert "Tensor" not in files["kernels0.cpp"]
    assert re.findall(r"#include <(.*)>", files["kernels0.cpp"]) == [build.KERNELS]


def test_a_kernel_of_one_dtype_is_compiled_for_that_one() -> None:
    def halves(x: Tensor) -> Tensor:
        return (x.to(torch.float64) * 0.5 + 1).sqrt()

    kernel = native_program(torchscript.script(halves))[0].files["kernels0.cpp"]
    assert "_loop<double, double" in kernel and "_loop<float" not in kernel
    native = torchscript.compile(halves)
    for dtype in (torch.float32, torch.float64, torch.int64):
        x = torch.arange(9).to(dtype)
        torch.testing.assert_close(native(x), halves(x))


def test_lists_are_of_about_the_same_size() -> None:
    assert _spread([5, 1, 4, 2, 3], int, 8) == [[5, 2, 1], [4, 3]]
    assert _spread([1, 2], int, 3, occupied=3) == [[], [2, 1]]
    assert _spread([7], int, 3) == [[7]]
    assert _spread([70], int, 30, occupied=5) == [[], [70]]
    assert _spread([], int, 3) == [[]]


def test_the_number_of_jobs_can_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_JOBS", "3")
    assert build.jobs() == 3
    monkeypatch.setenv("MAX_JOBS", "many")
    assert 1 <= build.jobs() <= 8


def test_somebody_is_told_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(build, "run", lambda *command: None)
    told: list[tuple[int, int]] = []
    sources = [tmp_path / f"file{i}.cpp" for i in range(3)]
    compiler = build.Compiler(("c++",), "1", (), ())
    made = build._compiled(compiler, sources, tmp_path, lambda source: [], lambda *done: told.append(done))
    assert made == [tmp_path / f"file{i}.o" for i in range(3)]
    assert sorted(told) == [(0, 3), (1, 3), (2, 3), (3, 3)]
    terminal = functools.partial(rich.console.Console, force_terminal=True, color_system=None)
    monkeypatch.setattr(rich.console, "Console", terminal)
    with build._shown("compiling something", True) as done:
        done(2, 3)
    shown = capsys.readouterr().err
    assert "compiling something" in shown and "2/3 files" in shown
    with build._shown("compiling something", False) as done:
        done(2, 3)
    assert capsys.readouterr().err == ""

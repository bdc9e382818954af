"""export: the way forward for an archive whose source is lost."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

import torchscript as jit

from .support import Command


def test_a_traced_archive_as_a_program_of_torch_export(run: Command, archives: Path, tmp_path: Path) -> None:
    answer = run.ok("export", archives / "traced.pt", tmp_path / "out.pt2", "--json").json
    assert answer["largest_difference"] == 0.0
    batch, channels, height, width = answer["inputs"]["x"]
    assert channels == "3" and not any(size.isdigit() for size in (batch, height, width))
    again = torch.export.load(tmp_path / "out.pt2").module()
    x = torch.randn(5, 3, 9, 7)
    torch.testing.assert_close(again(x=x), torch.jit.load(archives / "traced.pt")(x))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["picture", "traced"])
def test_onnx_computes_the_same_for_other_sizes(
    run: Command, archives: Path, tmp_path: Path, name: str
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    shown = run.ok("export", archives / f"{name}.pt", tmp_path / "out.onnx", "2x3x8x8").out
    assert "compared with the module: results differ by at most" in shown
    session = onnxruntime.InferenceSession(tmp_path / "out.onnx", providers=["CPUExecutionProvider"])
    x = torch.randn(5, 3, 9, 7)
    (found,) = session.run(None, {"x": x.numpy()})
    torch.testing.assert_close(torch.from_numpy(found), torch.jit.load(archives / f"{name}.pt")(x))


class Counts(torch.nn.Module):
    """Keeps a running sum, a count of calls, and a tensor that it writes to."""

    def __init__(self) -> None:
        super().__init__()
        self.total = torch.zeros(3)
        self.seen = torch.zeros(3)
        self.calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.total = self.total + x.sum(0)
        self.seen.add_(1)
        self.calls += 1
        return self.total / self.seen


def test_state_becomes_inputs_and_outputs(run: Command, tmp_path: Path) -> None:
    jit.script(Counts()).save(tmp_path / "counts.pt")
    answer = run.ok("export", tmp_path / "counts.pt", tmp_path / "out.pt2", "4x3", "--json").json
    assert answer["largest_difference"] == 0.0
    assert answer["inputs"].keys() == {"x", "total", "seen"}
    assert answer["notes"] == [
        "the module keeps state from call to call, which became inputs and outputs: total [3], seen [3]",
        "fixed at what they are after the first call: calls",
    ]
    again = torch.export.load(tmp_path / "out.pt2").module()
    eager, state = Counts(), {"total": torch.zeros(3), "seen": torch.zeros(3)}
    for _ in range(3):
        x = torch.randn(4, 3)
        found, state = again(x=x, **state)
        torch.testing.assert_close(found, eager(x))


def test_what_cannot_be_exported_is_said_with_its_line(run: Command, archives: Path, tmp_path: Path) -> None:
    result = run("export", archives / "gate.pt", tmp_path / "out.pt2", "2x4")
    assert result.code == 2 and result.out == ""
    assert result.err.startswith(
        "torchscript: torch.export cannot follow the program: an if or a loop depends on the values of tensors"
    )
    assert "gate.pt:code/__torch__" in result.err and len(result.err.splitlines()) == 1
    assert not (tmp_path / "out.pt2").exists()


def test_targets_and_packages(
    run: Command, archives: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run("export", archives / "traced.pt", tmp_path / "out.tflite")
    assert result.code == 2 and "does not end in .onnx or .pt2" in result.err
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = run("export", archives / "traced.pt", tmp_path / "out.onnx")
    assert result.code == 2 and "needs the package onnxscript: pip install onnxscript" in result.err

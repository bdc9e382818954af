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
        "zeros are the state to begin with: they give what the module's first call gives",
        "fixed at what they are after the first call: calls",
    ]
    again = torch.export.load(tmp_path / "out.pt2").module()
    eager, state = Counts(), {"total": torch.zeros(3), "seen": torch.zeros(3)}
    for _ in range(3):
        x = torch.randn(4, 3)
        found, state = again(x=x, **state)
        torch.testing.assert_close(found, eager(x))


class Reads(torch.nn.Module):
    """An LSTM over a sequence of any length, an argument that is no tensor, and a second output."""

    def __init__(self) -> None:
        super().__init__()
        self.words = torch.nn.Embedding(20, 4)
        self.cell = torch.nn.LSTM(4, 6, batch_first=True)

    def forward(self, tokens: torch.Tensor, scale: float, more: int = 1):
        heard, (last, _) = self.cell(self.words(tokens))
        return heard * scale, last + more


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["pt2", "onnx"])
def test_a_recurrent_module_keeps_its_length_open(run: Command, tmp_path: Path, kind: str) -> None:
    model = Reads().eval()
    jit.script(model).save(tmp_path / "reads.pt")
    target = tmp_path / f"out.{kind}"
    given = ["export", tmp_path / "reads.pt", target, "scale=0.5", "tokens=2x5:int64", "--json"]
    if kind == "onnx":
        onnxruntime = pytest.importorskip("onnxruntime")
        pytest.importorskip("onnxscript")
    answer = run.ok(*given).json
    assert not any(size.isdigit() for size in answer["inputs"]["tokens"]), answer
    assert answer["notes"] == ["no inputs, but fixed in the result: scale = 0.5"]
    assert answer["largest_difference"] < 1e-5
    tokens = torch.randint(0, 20, (3, 11))
    if kind == "onnx":
        session = onnxruntime.InferenceSession(target, providers=["CPUExecutionProvider"])
        found = [torch.from_numpy(value) for value in session.run(None, {"tokens": tokens.numpy()})]
    else:
        found = torch.export.load(target).module()(tokens=tokens, scale=0.5)
    torch.testing.assert_close(tuple(found), model(tokens, 0.5), rtol=1e-4, atol=1e-5)


def test_results_are_compared_at_other_sizes_too(
    run: Command, archives: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchscript_cli import exporting

    seen = []
    difference = exporting._difference

    def watched(one: torch.Tensor, other: torch.Tensor) -> float | None:
        seen.append(tuple(one.shape))
        return 1.0 if len(seen) == 2 else difference(one, other)

    monkeypatch.setattr(exporting, "_difference", watched)
    result = run("export", archives / "traced.pt", tmp_path / "out.pt2")
    assert seen == [(2, 2), (3, 2)]
    assert result.code == 2 and "was written, and computes something else: results differ by 1" in result.err


@pytest.mark.filterwarnings("ignore")
def test_packed_weights_stand_in_the_way(run: Command, tmp_path: Path) -> None:
    made = torch.ao.quantization.quantize_dynamic(
        torch.nn.Sequential(torch.nn.Linear(8, 4)), dtype=torch.qint8
    )
    torch.jit.save(torch.jit.script(made), tmp_path / "packed.pt")
    result = run("export", tmp_path / "packed.pt", tmp_path / "out.pt2", "2x8")
    assert result.code == 2 and "objects of quantized.LinearPackedParamsBase, a class in C++" in result.err
    assert "export the module as it was before it was quantised, or go on running the archive" in result.err


def test_nothing_is_left_half_written(run: Command, archives: Path, tmp_path: Path) -> None:
    result = run("export", archives / "traced.pt", tmp_path / "absent" / "out.pt2")
    assert result.err == f"torchscript: there is no directory '{tmp_path / 'absent'}' to write 'out.pt2' to\n"
    (tmp_path / "out.onnx").write_text("old")
    result = run("export", archives / "traced.pt", tmp_path / "out.onnx", "--opset", "3")
    assert "with opset" in result.err and "cannot convert it to 3" in result.err
    assert (tmp_path / "out.onnx").read_text() == "old" and list(tmp_path.iterdir()) == [
        tmp_path / "out.onnx"
    ]
    result = run("export", archives / "traced.pt", tmp_path / "out.pt2", "2x4x8x8")
    assert "the module does not run with these inputs" in result.err and "traced.pt:code/" in result.err


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


class Odd(torch.nn.Module):
    """Results that hold infinities, NaN and complex numbers."""

    def forward(self, x: torch.Tensor):
        return x.masked_fill(x > 0, float("-inf")), torch.log(x), torch.complex(x, x)


@pytest.mark.filterwarnings("ignore")
def test_infinities_are_equal_and_numbers_beside_nan_are_compared(run: Command, tmp_path: Path) -> None:
    from torchscript_cli import exporting

    jit.script(Odd()).save(tmp_path / "odd.pt")
    assert (
        run.ok("export", tmp_path / "odd.pt", tmp_path / "odd.pt2", "4x5", "--json").json[
            "largest_difference"
        ]
        == 0
    )
    nan, inf = float("nan"), float("inf")
    for one, other, expected in (
        ([nan, 1.0], [nan, 3.0], 2),
        ([nan, 1.0], [0.0, 1.0], inf),
        ([inf, 1.0], [-inf, 1.0], inf),
        ([1 + 1j], [1 + 4j], 3),
    ):
        assert exporting._difference(torch.tensor(one), torch.tensor(other)) == expected


def test_what_has_no_tensors_has_nothing_for_onnx(run: Command, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")

    class Answer(torch.nn.Module):
        def forward(self):
            return 42

    jit.save(jit.script(Answer()), tmp_path / "answer.pt")
    result = run("export", tmp_path / "answer.pt", tmp_path / "answer.onnx")
    assert result.code == 2 and "neither takes nor returns tensors" in result.err
    assert [path.name for path in tmp_path.iterdir()] == ["answer.pt"]


def test_what_torch_export_cannot_read_again_is_an_error_and_no_file(run: Command, tmp_path: Path) -> None:
    class Named(torch.nn.Module):
        def forward(self, x: torch.Tensor):
            return x + 1, "a\x00\ud7ff"

    class Endless(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.empty = torch.nn.Parameter(torch.empty(0, 3))

        def forward(self, x: torch.Tensor):
            return x * float("nan") + float("inf"), self.empty

    for module in (Named(), Endless()):
        jit.save(jit.script(module), tmp_path / "odd.pt")
        result = run("export", tmp_path / "odd.pt", tmp_path / "odd.pt2", "3x4")
        assert result.code == 0 or "cannot save the program and read it again" in result.err, result
        assert (tmp_path / "odd.pt2").exists() == (result.code == 0)

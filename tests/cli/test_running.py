"""run: inputs, results, timing."""

from __future__ import annotations

import json
import re
import shlex
import warnings
from pathlib import Path

import numpy
import pytest
import torch

from .support import Command


def eager(archives: Path, name: str, *args, **kwargs):
    return torch.jit.load(archives / name)(*args, **kwargs)


def test_inputs_from_files_give_what_the_module_gives(run: Command, archives: Path, tmp_path: Path) -> None:
    x = torch.randn(3, 4)
    numpy.save(tmp_path / "x.npy", x.numpy())
    torch.save(x, tmp_path / "x.pt")
    (tmp_path / "x.json").write_text(json.dumps(x.tolist()))
    expected = eager(archives, "gate.pt", x, 3)
    for suffix in ("npy", "pt", "json"):
        for target in ("result.npy", "result.pt", "result.json"):
            run.ok(
                "run",
                archives / "gate.pt",
                f"x={tmp_path / f'x.{suffix}'}",
                "steps=3",
                "-o",
                tmp_path / target,
            )
        torch.testing.assert_close(torch.from_numpy(numpy.load(tmp_path / "result.npy")), expected)
        torch.testing.assert_close(torch.load(tmp_path / "result.pt", weights_only=True), expected)
        torch.testing.assert_close(torch.tensor(json.loads((tmp_path / "result.json").read_text())), expected)


def test_random_inputs_are_the_same_each_time(run: Command, archives: Path) -> None:
    one, same, other = (
        run.ok("run", archives / "picture.pt", "2x3x8x8", "--json", "--seed", seed).json["result"]
        for seed in (1, 1, 2)
    )
    assert one == same != other
    assert one["result"]["shape"] == [2, 2]
    torch.manual_seed(1)
    expected = eager(archives, "picture.pt", torch.randn(2, 3, 8, 8))
    assert one["result"]["mean"] == pytest.approx(expected.double().mean().item())


def test_a_traced_method_needs_no_inputs(run: Command, archives: Path) -> None:
    assert run.ok("run", archives / "traced.pt", "--json").json["result"]["result"]["shape"] == [2, 2]


def test_timing(run: Command, archives: Path) -> None:
    shown = run.ok("run", archives / "picture.pt", "1x3x8x8", "--repeat", 5).out
    assert "5 runs: median" in shown
    numbers = run.ok("run", archives / "picture.pt", "1x3x8x8", "--repeat", 5, "--json").json
    assert numbers["runs"] == 5 and 0 < numbers["min_ms"] <= numbers["median_ms"] <= numbers["max_ms"]


def test_methods_and_dtypes(run: Command, archives: Path) -> None:
    shown = run.ok("run", archives / "gate.pt", "2x3:int64", "-m", "halve", "--json").json["result"]["result"]
    assert (shown["shape"], shown["dtype"]) == ([2, 3], "float32")
    assert run.ok("run", archives / "gate.pt", "2x4", "-m", "inner.forward", "--json").json["result"][
        "result"
    ]["shape"] == [2, 4]
    assert run.ok("run", archives / "gate.pt", "scalar:bool", "-m", "halve").code == 0


def test_structured_arguments_and_results(run: Command, archives: Path, tmp_path: Path) -> None:
    (tmp_path / "items.json").write_text("[[1.0, 2.0], [3.0, 4.0]]")
    result = run.ok(
        "run", archives / "structured.pt", tmp_path / "items.json", '{"scale": 10}', "text", "[2, 3]",
        "x=[1.0, 1.0]", "--json", "-o", tmp_path / "out.npz",
    ).json["result"]  # fmt: skip
    assert result["result[0]['total']"]["max"] == 70.0
    assert result["result[0]['pair']"]["max"] == 13.0
    assert result["result[1]"] == {"value": "text"}
    saved = numpy.load(tmp_path / "out.npz")
    assert saved["result[0]['total']"].tolist() == [50.0, 70.0]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (["2x4", "1", "2"], "the method takes 2 inputs, and more were given"),
        (["y=2x4"], "the method has no argument 'y'; it has x, steps"),
        (["2x4", "x=2x4"], "the argument 'x' is given twice"),
        (["2x4:float31"], "'float31' is no dtype; int64, float16, bool and so on are"),
        (["absent.npy"], "the input 'x': there is no file 'absent.npy'"),
        (["nonsense"], "the input 'x': 'nonsense' is no shape (1x3x224x224), no file (.npy, .pt, .pth, .json) and no JSON"),
        (['["a"]'], "the input 'x' is no tensor: too many dimensions 'str'"),
    ],
)  # fmt: skip
def test_wrong_inputs(run: Command, archives: Path, inputs: list[str], message: str) -> None:
    result = run("run", archives / "gate.pt", *inputs)
    assert (result.code, result.err) == (2, f"torchscript: {message}\n")


def test_missing_inputs_are_answered_by_a_command_that_runs(run: Command, archives: Path) -> None:
    result = run("run", archives / "gate.pt")
    told, example = result.err.split("; for example: torchscript ")
    assert told == "torchscript: no input for x; the method takes x: Tensor, steps: int = 2"
    assert "float32 1×4" in run.ok(*shlex.split(example)).out


def test_a_random_tensor_that_does_not_fit_into_memory(run: Command, archives: Path) -> None:
    result = run("run", archives / "gate.pt", "1000000000x1000000000")
    assert result.code == 2 and len(result.err.splitlines()) == 1
    assert "the input 'x': there is no random tensor 1000000000x1000000000" in result.err


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "it is empty"), (b"hello", "it is no file of torch.save"), (None, "it is an archive with code")],
)
def test_inputs_that_torch_save_did_not_write(
    run: Command, archives: Path, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    (tmp_path / "x.pt").write_bytes((archives / "other.pt").read_bytes() if content is None else content)
    result = run("run", archives / "gate.pt", tmp_path / "x.pt")
    assert result.code == 2 and len(result.err.splitlines()) == 1
    assert f"cannot read '{tmp_path / 'x.pt'}': {reason}" in result.err


def test_random_tensors_for_lists_and_tuples(run: Command, archives: Path, tmp_path: Path) -> None:
    class Adds(torch.nn.Module):
        def forward(self, xs: list[torch.Tensor], pair: tuple[torch.Tensor, torch.Tensor]):
            return [x.sum() for x in xs], pair[0] + pair[1]

    torch.jit.save(torch.jit.script(Adds()), tmp_path / "adds.pt")
    result = run.ok("run", tmp_path / "adds.pt", "2x3,4,1x1:int64", "2x3,1x3", "--json").json["result"]
    assert [name for name in result] == ["result[0][0]", "result[0][1]", "result[0][2]", "result[1]"]
    assert result["result[0][2]"]["dtype"] == "int64" and result["result[1]"]["shape"] == [2, 3]


def test_a_submodule_is_no_method(run: Command, archives: Path) -> None:
    result = run("run", archives / "gate.pt", "--method", "inner", "1x4")
    assert result.err == "torchscript: 'inner' is a submodule; name a method of it, as 'inner.forward'\n"


def test_a_warning_of_the_archive_s_code_is_one_line(run: Command, tmp_path: Path) -> None:
    class Warns(torch.nn.Module):
        def forward(self, x):
            warnings.warn("x is old")
            return x

    torch.jit.save(torch.jit.script(Warns()), tmp_path / "warns.pt")
    err = run.ok("run", tmp_path / "warns.pt", "1x4").err
    assert err == "torchscript: warning: x is old\n"


def test_a_pickle_that_runs_code_is_refused_as_input(run: Command, archives: Path, tmp_path: Path) -> None:
    torch.save(print, tmp_path / "evil.pt")
    result = run("run", archives / "gate.pt", tmp_path / "evil.pt")
    assert result.code == 2 and "cannot read" in result.err and len(result.err.splitlines()) == 1


def test_an_error_while_running_names_the_archived_line(run: Command, archives: Path) -> None:
    result = run("run", archives / "gate.pt", "2x5")
    assert result.code == 2
    assert "mat1 and mat2 shapes cannot be multiplied (2x5 and 4x4)" in result.err
    assert re.search(r"gate\.pt:code/__torch__/torch/nn/modules/linear\.py(#\w+)?:14\)", result.err)


def test_reading_files_has_to_be_allowed(
    run: Command, archives: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data.bin").write_bytes(bytes([1, 2, 3]))
    result = run("run", archives / "reads_file.pt", "1")
    assert result.code == 2 and "'aten::from_file' reads or writes a file" in result.err
    assert (
        run.ok("run", archives / "reads_file.pt", "1", "--allow-io", "--json").json["result"]["result"]["max"]
        == 3
    )


def test_nothing_is_saved_that_the_format_cannot_hold(run: Command, archives: Path, tmp_path: Path) -> None:
    result = run("run", archives / "gate.pt", "2x4", "-o", tmp_path / "out.txt")
    assert result.code == 2 and "does not end in .pt, .npy, .npz or .json" in result.err
    result = run(
        "run",
        archives / "structured.pt",
        "[[1.0]]",
        '{"scale": 1}',
        "t",
        "[1, 1]",
        "-o",
        tmp_path / "out.npy",
    )
    assert result.code == 2 and "the result has 2 tensors, and .npy holds one" in result.err
    assert list(tmp_path.iterdir()) == []

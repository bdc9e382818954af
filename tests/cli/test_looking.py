"""info, code, graph: what an archive holds."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest
import torch

import torchscript as jit

from . import models
from .support import Command


def test_info_says_what_the_archive_is(run: Command, archives: Path) -> None:
    shown = run.ok("info", archives / "gate.pt").out
    for expected in (
        "PyTorch 2.1 or later; format and operators of version 4",
        "forward(x: Tensor, steps: int = 2) -> Tensor",
        "halve(x: Tensor) -> Tensor",
        "20 parameters in 3 modules, 96 bytes of tensors",
        "inner: Linear  20 parameters  80 bytes",
        "└── again: Linear\n",
        "aten::linear 1",
        "notes.txt (5 bytes)",
    ):
        assert expected in shown, expected


def test_info_as_json_agrees_with_the_module(run: Command, archives: Path) -> None:
    facts = run.ok("info", archives / "picture.pt", "--json").json
    module = models.Picture()
    assert facts["parameters"] == sum(p.numel() for p in module.parameters())
    assert facts["modules"] == sum(1 for _ in module.modules())
    assert facts["operators"]["aten::conv2d"] == 1
    (body, head) = facts["tree"]["children"]
    assert [child["class"] for child in body["children"]] == [
        f"torch.nn.modules.{name}" for name in ("conv.Conv2d", "activation.ReLU", "pooling.AdaptiveAvgPool2d")
    ]
    (weight, bias) = head["tensors"]
    assert (weight["name"], weight["shape"], weight["dtype"]) == ("weight", [2, 4], "float32")
    assert (weight["kind"], weight["requires_grad"], weight["bytes"]) == ("parameter", True, 32)
    assert bias["shape"] == [2]


def test_info_shows_tensors_and_depth(run: Command, archives: Path) -> None:
    shown = run.ok("info", archives / "gate.pt", "--tensors").out
    assert "scale  float32 4 buffer" in shown and "weight  float32 4×4\n" in shown
    assert "weight  float32 4×4 (the same as inner.weight)" in shown
    shown = run.ok("info", archives / "picture.pt", "--depth", 1).out
    assert "… 3 modules" in shown and "Conv2d" not in shown


def test_info_names_who_wrote_what_this_library_saved(run: Command, tmp_path: Path) -> None:
    jit.script(models.Picture()).save(tmp_path / "own.pt")
    assert run.ok("info", tmp_path / "own.pt", "--json").json["written_by"].startswith("torchscript")


def test_info_tells_which_operators_are_missing_here(run: Command, tmp_path: Path) -> None:
    library = torch.library.Library("cli_test", "DEF")
    library.define("double(Tensor x) -> Tensor")
    library.impl("double", lambda x: x * 2, "CompositeImplicitAutograd")

    class Doubles(torch.nn.Module):
        def forward(self, x):
            return torch.ops.cli_test.double(x)

    torch.jit.save(torch.jit.script(Doubles()), tmp_path / "custom.pt")
    assert run.ok("info", tmp_path / "custom.pt", "--json").json["custom_operators"] == {
        "cli_test::double": True
    }
    library._destroy()
    from torchscript.operators import dispatcher

    dispatcher._SCHEMAS.pop("cli_test::double", None)
    assert run.ok("info", tmp_path / "custom.pt", "--json").json["custom_operators"] == {
        "cli_test::double": False
    }
    assert "cli_test::double  is not known to this process" in run.ok("info", tmp_path / "custom.pt").out


def test_code_shows_every_file_as_it_stands_in_the_archive(run: Command, archives: Path) -> None:
    import zipfile

    found = run.ok("code", archives / "gate.pt", "--json").json
    with zipfile.ZipFile(archives / "gate.pt") as archive:
        for record, text in found.items():
            assert archive.read(f"gate/{record}").decode() == text
    assert sorted(found) == [
        "code/__torch__.py",
        "code/__torch__/torch/nn/modules/linear.py",
    ]
    assert "class Gate(Module):" in run.ok("code", archives / "gate.pt").out


def test_code_of_one_method(run: Command, archives: Path) -> None:
    shown = run.ok("code", archives / "gate.pt", "Gate.halve").out
    assert shown.split() == (
        "def halve(self: __torch__.Gate, x: Tensor) -> Tensor: return torch.div(x, 2)".split()
    )
    result = run("code", archives / "gate.pt", "nothing")
    assert result.code == 2 and "has no class, function or method 'nothing'" in result.err


def test_graph_is_the_method_s_graph(run: Command, archives: Path) -> None:
    loaded = jit.load(archives / "gate.pt")
    assert run.ok("graph", archives / "gate.pt").out.strip() == str(loaded.graph).strip()
    inlined = run.ok("graph", archives / "gate.pt", "--inlined").out
    assert inlined.count("aten::linear") == 2 and "prim::CallMethod" not in inlined
    halve = run.ok("graph", archives / "gate.pt", "-m", "halve", "--json").json
    assert "aten::div" in halve["graph"]
    inner = run.ok("graph", archives / "gate.pt", "-m", "inner.forward").out
    assert "aten::linear" in inner and "prim::Loop" not in inner


def test_graph_of_what_is_not_there(run: Command, archives: Path) -> None:
    result = run("graph", archives / "gate.pt", "-m", "outer.forward")
    assert result.err == "torchscript: the top module has no submodule 'outer'; it has inner, again\n"
    result = run("graph", archives / "gate.pt", "-m", "inner.backward")
    assert result.err == "torchscript: inner has no method 'backward'; it has forward\n"


def test_of_many_names_a_few_are_listed() -> None:
    from torchscript_cli.archives import some_of

    assert some_of([]) == "none" and some_of(["a", "b"]) == "a, b"
    assert some_of([f"m{i}" for i in range(50)]).endswith("m18, m19, … (50 in all)")


def test_graph_for_graphviz_has_every_operator_and_block(run: Command, archives: Path) -> None:
    text = run.ok("graph", archives / "gate.pt", "--dot", "--inlined").out
    assert text.startswith("digraph") and text.count("{") == text.count("}")
    assert text.count("subgraph cluster") == 3  # the loop's body, then, else
    assert 'label="linear\\nweight=self.inner.weight\\nbias=self.inner.bias"' in text


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graph_as_svg(run: Command, archives: Path, tmp_path: Path) -> None:
    run.ok("graph", archives / "gate.pt", "--svg", tmp_path / "gate.svg")
    picture = (tmp_path / "gate.svg").read_text()
    assert "<svg" in picture and "prim::Loop" in picture


def test_graph_as_svg_without_graphviz(
    run: Command, archives: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = run("graph", archives / "gate.pt", "--svg", tmp_path / "gate.svg")
    assert result.code == 2 and "'dot' of Graphviz is not installed" in result.err
    assert not (tmp_path / "gate.svg").exists()
    (tmp_path / "dot").write_text("#!/bin/sh\necho 'syntax error in line 1' >&2\nexit 1\n")
    (tmp_path / "dot").chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    result = run("graph", archives / "gate.pt", "--svg", tmp_path / "gate.svg")
    assert result.code == 2 and result.err == "torchscript: 'dot' failed: syntax error in line 1\n"
    assert not (tmp_path / "gate.svg").exists()


class Lost(torch.nn.Module):
    """Inputs of many kinds, each of which meets its weight on another way."""

    def __init__(self) -> None:
        super().__init__()
        self.words = torch.nn.Embedding(100, 16)
        self.cell = torch.nn.LSTM(16, 8, batch_first=True)
        self.eyes = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Conv2d(6, 8, 3, groups=2))
        self.out = torch.nn.Linear(8, 5)

    def forward(
        self,
        tokens: torch.Tensor,
        picture: torch.Tensor,
        seen: list[torch.Tensor],
        rate: int,
        mode: str = "mean",
        mask: torch.Tensor | None = None,
    ):
        if rate not in (8000, 16000) and rate != 4000:
            raise ValueError("rates are 8000 and 16000")
        heard, _ = self.cell(self.words(tokens))
        if mode == "max":
            heard = heard.clamp(min=0.0)
        total = self.eyes(picture / 255.0).mean()
        for item in seen:
            total = total + self.out(item).sum()
        return self.out(heard) + total


@pytest.fixture(scope="module")
def lost(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lost") / "lost.pt"
    jit.save(jit.script(Lost().eval()), path)
    return path


def test_info_says_what_to_feed_and_the_command_runs(run: Command, lost: Path) -> None:
    (how,) = run.ok("info", lost, "--json").json["how_to_run"]
    found = {given["name"]: (given["sizes"], given["dtype"], given["because"]) for given in how["inputs"]}
    assert found == {
        "tokens": (["N", "T"], "int64", "words.weight is 100×16: numbers below 100"),
        "picture": (["N", 6, "H", "W"], "float32", "eyes.1.weight is 8×3×3×3"),
        "seen": (["N", 8], "float32", "out.weight is 5×8"),
        "rate": (None, None, "compared with 8000, 16000, 4000"),
        "mode": (None, None, "compared with 'max'"),
        "mask": (None, None, None),
    }
    assert how["complete"] and how["raises"] == ["rates are 8000 and 16000"]
    assert how["command"] == f"torchscript run {lost} 1x8:int64 1x6x64x64 1x8 8000"
    assert "float32 1×8×5" in run.ok(*how["command"].split()[1:]).out
    shown = run.ok("info", lost).out
    assert f"  {how['command']}\n" in shown
    assert "  picture   float32 N×6×H×W   eyes.1.weight is 8×3×3×3\n" in shown
    assert "  it can raise: rates are 8000 and 16000\n" in shown


def test_info_of_a_trace_knows_its_inputs(run: Command, archives: Path) -> None:
    (how,) = run.ok("info", archives / "traced.pt", "--json").json["how_to_run"]
    assert how["inputs"][0]["sizes"] == [2, 3, 8, 8]
    run.ok(*how["command"].split()[1:])


def test_info_leaves_open_what_no_weight_tells(run: Command, archives: Path) -> None:
    (how,) = run.ok("info", archives / "structured.pt", "--json").json["how_to_run"]
    assert not how["complete"]
    assert how["command"].endswith("""SHAPE '{"key": 1}' text '[1, 0.5]'""")


@pytest.mark.filterwarnings("ignore")
def test_info_counts_packed_weights(run: Command, tmp_path: Path) -> None:
    made = torch.ao.quantization.quantize_dynamic(
        torch.nn.Sequential(torch.nn.Linear(8, 4)), dtype=torch.qint8
    )
    torch.jit.save(torch.jit.script(made), tmp_path / "packed.pt")
    result = run.ok("info", tmp_path / "packed.pt", "--json")
    assert result.json["tensor_bytes"] == 8 * 4 + 4 * 4
    assert result.err == "", "PyTorch's deprecation of quantised tensors is none of the user's business"


def test_nothing_is_wrapped_or_padded_in_a_pipe(run: Command, lost: Path) -> None:
    lines = run.ok("info", lost, "--tensors").out.splitlines()
    assert [line for line in lines if line != line.rstrip()] == []
    assert max(map(len, lines)) > 120

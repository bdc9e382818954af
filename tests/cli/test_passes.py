"""passes: a graph in, a graph out."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from torchscript.ir import parse_graph, print_graph
from torchscript.passes import PASSES, eliminate_common_subexpressions, eliminate_dead_code

from .support import Command

GRAPH = """\
graph(%x.1 : Tensor):
  %0 : Tensor = aten::relu(%x.1)
  %1 : Tensor = aten::relu(%x.1)
  %2 : Tensor = aten::neg(%x.1)
  %3 : Tensor = aten::matmul(%0, %1)
  return (%3)
"""


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    path = tmp_path / "graph.ir"
    path.write_text(GRAPH)
    return path


def test_passes_run_in_order(run: Command, graph: Path) -> None:
    wanted = parse_graph(GRAPH)
    eliminate_dead_code(wanted)
    eliminate_common_subexpressions(wanted)
    for given in (["-p", "dce,cse"], ["-p", "dce", "--passes", "cse"]):
        assert run.ok("passes", graph, *given).out == print_graph(wanted)
    assert run.ok("passes", graph).out == GRAPH


def test_standard_input(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(GRAPH))
    result = run.ok("passes", "-", "-p", " dce , fuse ", "--verify", "--json").json
    assert result["passes"] == ["dce", "fuse"]
    assert result["changed"] == ["dce"]
    parse_graph(result["graph"])


def test_a_diff(run: Command, graph: Path) -> None:
    shown = run.ok("passes", graph, "-p", "dce", "--diff").out
    assert "-  %2 : Tensor = aten::neg(%x.1)" in shown.splitlines()
    assert run.ok("passes", graph, "-p", "unroll", "--diff").out == ""


def test_all_passes_are_listed_with_what_they_do(run: Command) -> None:
    shown = run.ok("passes", "--list").out
    assert [line.split()[0] for line in shown.splitlines()] == list(PASSES)
    assert "Remove nodes whose results nobody uses." in shown
    assert all(run.ok("passes", "--list", "--json").json.values())


def test_what_is_wrong_is_said(run: Command, graph: Path, tmp_path: Path) -> None:
    assert "did you mean 'dce'" in run("passes", graph, "-p", "dc").err
    assert run("passes", graph, "-p", "dc").code == 2
    assert run("passes").code == 2
    assert run("passes", tmp_path / "none.ir").code == 2
    broken = tmp_path / "broken.ir"
    broken.write_text("graph(%x : Tensor):\n  %y : Tensor = aten::relu(%z)\n  return (%y)\n")
    result = run("passes", broken)
    assert result.code == 2 and "%z" in result.err
    ill_formed = tmp_path / "ill.ir"
    ill_formed.write_text("graph(%x : Tensor):\n   = prim::If(%x)\n  return (%x)\n")
    result = run("passes", ill_formed, "--verify")
    assert result.code == 1 and "the condition" in result.err
    (tmp_path / "binary.ir").write_bytes(b"\xff\xfe\x00")
    assert run("passes", tmp_path / "binary.ir").code == 2


def test_text_that_is_no_graph_is_said_with_its_line(run: Command, tmp_path: Path) -> None:
    path = tmp_path / "bad.ir"
    path.write_text("graph(%x : Tensor):\n  %y : Tensor = aten::relu(%z)\n  return (%y)\n")
    result = run("passes", path, "--json")
    assert result.code == 2 and result.json == {"error": f"{path}, line 2: '%z' is not defined here"}


def test_an_ill_formed_graph_is_json_too(run: Command, tmp_path: Path) -> None:
    path = tmp_path / "ill.ir"
    path.write_text("graph(%x : Tensor):\n  %y : int = aten::relu(%x)\n  return (%y)\n")
    result = run("passes", path, "-p", "dce", "--verify", "--json")
    assert result.code == 1 and result.json["stage"] == "the graph that was read"
    assert "is of type 'Tensor', not 'int'" in result.json["error"]

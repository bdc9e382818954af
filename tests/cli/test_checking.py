"""verify and diff: answers in exit codes."""

from __future__ import annotations

import json
import math
import zipfile
from pathlib import Path

import pytest
import torch

import torchscript as jit

from . import models
from .support import Command


@pytest.mark.parametrize("name", ["gate", "picture", "traced", "structured"])
def test_a_whole_archive_is_verified(run: Command, archives: Path, name: str) -> None:
    path = archives / f"{name}.pt"
    answer = run.ok("verify", path, "--json").json
    assert answer["ok"] and answer["problems"] == []
    assert answer["checked"][0] == f"{len(zipfile.ZipFile(path).namelist())} records with the right checksums"


def test_one_flipped_bit_anywhere_in_the_weights_is_found(
    run: Command, archives: Path, tmp_path: Path
) -> None:
    data = bytearray((archives / "gate.pt").read_bytes())
    with zipfile.ZipFile(archives / "gate.pt") as archive:
        info = archive.getinfo("gate/data/1")
    at = info.header_offset + 26
    name, extra = (int.from_bytes(data[at + i : at + i + 2], "little") for i in (0, 2))
    data[info.header_offset + 30 + name + extra + 7] ^= 16
    (tmp_path / "bad.pt").write_bytes(data)
    result = run("verify", tmp_path / "bad.pt")
    assert result.code == 1 and result.err == ""
    assert "record 'data/1': is damaged: its checksum does not match" in result.out
    (tmp_path / "short.pt").write_bytes(data[:-30])
    result = run("verify", tmp_path / "short.pt")
    assert result.code == 1 and "is cut off" in result.out


def test_code_that_nothing_calls_is_compiled_too(run: Command, archives: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(archives / "gate.pt") as old, zipfile.ZipFile(tmp_path / "gate.pt", "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith("__torch__.py"):
                data = data.replace(b"torch.div(x, 2)", b"torch.dxv(x, 2)")
            new.writestr(name, data)
    result = run("verify", tmp_path / "gate.pt", "--json")
    assert result.code == 1
    (problem,) = result.json["problems"]
    assert "Gate.halve' does not compile: this PyTorch has no operator 'aten::dxv'" in problem
    assert run.ok("run", tmp_path / "gate.pt", "1x4").code == 0


def test_verify_of_no_archive(run: Command, tmp_path: Path) -> None:
    (tmp_path / "text.pt").write_text("hello")
    result = run("verify", tmp_path / "text.pt")
    assert result.code == 1 and "is not a zip file" in result.out
    assert run("verify", tmp_path / "absent.pt").code == 2


def test_an_archive_equals_itself_under_another_name(run: Command, archives: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.pt").write_bytes((archives / "gate.pt").read_bytes())
    result = run.ok("diff", archives / "gate.pt", tmp_path / "copy.pt")
    assert result.out.strip() == "The archives are equal: 5 tensors are equal, and so is all else"


def test_weights_that_differ_have_the_norm_of_the_difference(run: Command, archives: Path) -> None:
    result = run("diff", archives / "gate.pt", archives / "other.pt", "--json")
    assert result.code == 1
    answer = result.json
    assert not answer["equal"] and answer["code"] == answer["signatures"] == answer["modules"] == []
    (weight,) = (row for row in answer["tensors"] if row["name"] == "inner.weight")
    old = torch.jit.load(archives / "gate.pt").inner.weight
    new = torch.jit.load(archives / "other.pt").inner.weight
    assert weight["norm"] == pytest.approx((old - new).norm().item(), rel=1e-5)
    assert weight["relative"] == pytest.approx(((old - new).norm() / old.norm()).item(), rel=1e-5)
    assert weight["largest"] == pytest.approx(1e-3, rel=1e-3)
    assert run("diff", archives / "gate.pt", archives / "other.pt", "--tolerance", 0.1).code == 0


def test_code_signatures_and_modules_that_differ(run: Command, archives: Path, tmp_path: Path) -> None:
    class Picture(models.Picture):
        def __init__(self) -> None:
            super().__init__()
            self.extra = torch.nn.Linear(2, 2)
            self.body.append(torch.nn.Tanh())

        def forward(self, x, y: int = 1):
            return self.extra(self.head(self.body(x).flatten(1))) + y

    torch.jit.save(torch.jit.script(Picture()), tmp_path / "longer.pt")
    result = run("diff", archives / "picture.pt", tmp_path / "longer.pt", "--json")
    assert result.code == 1
    answer = result.json
    assert "+ extra: torch.nn.modules.linear.Linear" in answer["modules"]
    assert "+ body.3: torch.nn.modules.activation.Tanh" in answer["modules"]
    assert "+ the top module: forward(x: Tensor, y: int = 1) -> Tensor" in answer["signatures"]
    assert any(code["name"].endswith("Sequential.forward") and code["added"] > 0 for code in answer["code"])
    shown = run("diff", archives / "picture.pt", tmp_path / "longer.pt", "--code").out
    assert '+    _3 = getattr(self, "3")' in shown


def test_shapes_and_numbers_that_are_none(run: Command, tmp_path: Path) -> None:
    class Holds(torch.nn.Module):
        def __init__(self, tensor: torch.Tensor, number: int) -> None:
            super().__init__()
            self.register_buffer("b", tensor)
            self.number = number

        def forward(self, x):
            return x + self.b * self.number

    def saved(name: str, tensor: torch.Tensor, number: int = 1) -> Path:
        torch.jit.save(torch.jit.script(Holds(tensor, number)), tmp_path / name)
        return tmp_path / name

    one = saved("a.pt", torch.tensor([1.0, math.nan]))
    assert run("diff", one, saved("b.pt", torch.tensor([1.0, math.nan]))).code == 0
    assert run("diff", one, saved("c.pt", torch.tensor([math.nan, 1.0]))).code == 1
    answer = run("diff", one, saved("d.pt", torch.zeros(3), 2), "--json").json
    assert answer["tensors"][0]["what"] == "buffer float32 2 → buffer float32 3"
    assert answer["attributes"] == ["number: 1 → 2"]


def test_diff_of_what_is_no_archive_is_trouble_and_not_a_difference(run: Command, archives: Path) -> None:
    assert run("diff", archives / "gate.pt", archives / "absent.pt").code == 2


def test_a_folder_is_not_a_broken_archive(run: Command, tmp_path: Path) -> None:
    result = run("verify", tmp_path, "--json")
    assert result.code == 2 and "is a directory" in result.json["error"]


def test_infinite_differences_are_valid_json(run: Command, archives: Path, tmp_path: Path) -> None:
    other = jit.load(archives / "gate.pt")
    with torch.no_grad():
        other.scale[0] = float("inf")
    jit.save(other, tmp_path / "inf.pt")
    out = run("diff", archives / "gate.pt", tmp_path / "inf.pt", "--json").out
    found = json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert [row["norm"] for row in found["tensors"]] == ["inf"]

"""Every archive of the gallery is refused: with an ArchiveError that says why, soon, and nothing has happened."""

import os
import re
import resource
import subprocess
import time
from typing import Any

import pytest
import torch
from archive_read.conftest import Object, archive

import torchscript as jit
from torchscript.archive.reader import read_archive

from .attacks import ATTACKS, with_body, with_setstate


def load_all(data: bytes, **options: Any) -> Any:
    """Load an archive, and compile everything in it."""
    module = jit.load(data, **options)
    read_archive(data, **options).compile_all()
    return module


@pytest.fixture
def no_way_out(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What leads out of the process is replaced: a call is noted."""
    called: list[str] = []
    for owner, name in ((os, "system"), (subprocess, "Popen"), (torch, "load"), (torch.ops, "load_library")):
        monkeypatch.setattr(owner, name, lambda *_, name=name, **__: called.append(name))
    return called


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ATTACKS)
def test_it_is_refused(name: str, no_way_out: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    make, message = ATTACKS[name]
    data = make()
    begin, memory = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(jit.ArchiveError, match=message) as raised:
        load_all(data)
    assert time.process_time() - begin < 15  # 2 s for the longest, alone on the machine
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 512 << 10  # in KB
    assert len(str(raised.value)) < 3000
    assert re.search(r"<archive>|__torch__", str(raised.value)), "does not say where"
    assert not no_way_out
    assert capfd.readouterr().out == ""


def test_the_gallery_is_a_gallery() -> None:
    assert len(ATTACKS) > 90


def test_who_trusts_an_archive_may_let_it_reach_out(tmp_path: Any) -> None:
    path = tmp_path / "x"
    path.write_bytes(bytes(range(4)))
    data = with_body(f'return torch.from_file("{path}", None, 4, dtype=0)')
    with pytest.raises(jit.ArchiveError):
        load_all(data)
    assert jit.load(data, allow_io=True)(torch.ones(1)).tolist() == [0, 1, 2, 3]


def test_loading_leaves_the_gradient_mode(capfd: pytest.CaptureFixture[str]) -> None:
    load_all(with_setstate('ops.aten.set_grad_enabled(False)\nprint("hello")'))
    assert torch.is_grad_enabled()
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    "body",
    [
        "for i in range(2000):\n  y = torch.add(i, 1)",
        "y = torch.zeros([1000, 1000])\nz = torch.matmul(y, y)",
        "y = {1: 2}\ny[3] = 4\nz = [torch.len(y), 5]\na, b = z",
        'y = torch.split("a b c", " ")\nz = torch.join("-", y)',
        "if torch.gt(state, 0):\n  y = torch.ones([2])\nelse:\n  y = torch.zeros([2])\nz = torch.nonzero(y)",
    ],
)
def test_reasonable_code_runs_at_load(body: str) -> None:
    assert load_all(with_setstate(body)) is not None


def test_archived_methods_do_not_replace_those_of_modules() -> None:
    data = with_body("return x")
    assert repr(jit.load(data)) == "RecursiveScriptModule(original_name=M)"
    lines = (
        "class M(Module):\n  training : bool\n  def state_dict(self: __torch__.M) -> int:\n    return 1\n"
        "  def forward(self: __torch__.M, x: Tensor) -> Tensor:\n    return x\n"
    )
    module = jit.load(archive(lines, Object("__torch__.M", {"training": True})))
    assert module.state_dict() == {}

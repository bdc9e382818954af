from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch

from . import models
from .support import Command


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.delenv("TORCHSCRIPT_TRACEBACK", raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    return Command(capsys)


@pytest.fixture(scope="session")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of archives that stock PyTorch wrote: gate, other (the same with other weights), traced, …"""
    folder = tmp_path_factory.mktemp("archives")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        gate = models.Gate()
        torch.jit.save(torch.jit.script(gate), folder / "gate.pt", _extra_files={"notes.txt": b"hello"})
        with torch.no_grad():
            gate.inner.weight.add_(1e-3)
        torch.jit.save(torch.jit.script(gate), folder / "other.pt", _extra_files={"notes.txt": b"hello"})
        picture = models.Picture().eval()
        torch.jit.save(torch.jit.script(picture), folder / "picture.pt")
        torch.jit.save(torch.jit.trace(picture, torch.randn(2, 3, 8, 8)), folder / "traced.pt")
        torch.jit.save(torch.jit.script(models.ReadsFile()), folder / "reads_file.pt")
        torch.jit.save(torch.jit.script(models.Structured()), folder / "structured.pt")
    return folder

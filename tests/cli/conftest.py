from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .support import Command


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.delenv("TORCHSCRIPT_TRACEBACK", raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    return Command(capsys)


@pytest.fixture(scope="session")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of archives that stock PyTorch wrote: gate, other (the same with other weights), traced, …

    Written by a process of its own: stock PyTorch numbers classes by what was compiled before in the process.
    """
    folder = tmp_path_factory.mktemp("archives")
    subprocess.run(
        [sys.executable, "-m", "cli.models", str(folder)], cwd=Path(__file__).parents[1], check=True
    )
    return folder

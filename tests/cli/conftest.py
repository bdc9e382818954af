from __future__ import annotations

import pytest

from .support import Command


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.delenv("TORCHSCRIPT_TRACEBACK", raising=False)
    return Command(capsys)

"""Mutants of the suite's programs end in no internal error; `tests.fuzz.mutants` runs more, and runs them."""

import torch

from . import mutants
from .mutants import findings


def test_no_internal_errors():
    kinds = set()
    for program, found in findings(150, seed=7, run=False):
        assert found.kind != "internal", f"{found.text}\n\n{program}"
        kinds.add(found.kind)
    assert kinds == {"compiled", "refused"}


def judged(tmp_path, monkeypatch, body):
    monkeypatch.setattr(mutants, "SECONDS", 5)
    text = f"import os\nimport torch\nfrom torch import nn\n\n\n{body}"
    return mutants.judge_apart(text, 3, "f", tmp_path / "mutant.py")


def test_a_mutant_harms_only_itself(tmp_path, monkeypatch):
    module = (
        "class f(nn.Module):\n    def __init__(self):\n        super().__init__()\n        {}\n\n"
        "    def forward(self, x):\n        return x"
    )
    assert judged(tmp_path, monkeypatch, module.format("pass")).kind == "agrees"
    assert judged(tmp_path, monkeypatch, module.format("nn.Module = nn.Linear(2, 2)")) is None
    assert judged(tmp_path, monkeypatch, module.format("os._exit(3)")) is None
    assert judged(tmp_path, monkeypatch, "def f(x):\n    os.read(os.pipe()[0], 1)\n    return x") is None
    assert isinstance(torch.nn.Module, type)

"""A few hundred damaged archives, and those that once did harm. All of it: `make fuzz-archive`."""

import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from .campaign import campaign
from .mutators import MUTATORS
from .seeds import seeds
from .target import load_and_compile
from .worker import case

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.pt"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", seeds())
def test_whole_archives_load(name: str) -> None:
    assert load_and_compile(seeds()[name]) == "loaded"


@pytest.mark.parametrize("name", MUTATORS)
def test_every_mutator_damages(name: str) -> None:
    whole = seeds()["PyTorch 1.2" if name == "description" else "traced"]
    damaged = {MUTATORS[name](whole, random.Random(seed)) for seed in range(20)}
    assert len(damaged - {whole}) > 1


def test_cases_are_the_same_every_time() -> None:
    assert case(7) == case(7)
    assert len({case(number)[1] for number in range(50)}) > 45


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("first", range(1_000_000, 1_000_400, 100))
def test_damaged_archives(first: int) -> None:
    outcomes = Counter(load_and_compile(case(number)[1]) for number in range(first, first + 100))
    assert outcomes.total() == 100
    assert outcomes["refused"] > 50 and outcomes["loaded"] > 0


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_what_was_found(path: Path) -> None:
    load_and_compile(path.read_bytes())


def test_crashes_and_hangs_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The campaign itself: a worker that dies or stays at one case is reported with the case, and work goes on."""
    behaviour = {3: "import os; os.kill(os.getpid(), 11)", 5: "while True: pass"}
    program = f"""
import json, struct, sys
state, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for number in range(first, last):
    open(state, "wb").write(struct.pack("<q", number))
    exec({behaviour!r}.get(number, ""))
print(json.dumps({{"counts": {{"refused": last - first}}, "slowest": [0, 0], "largest": [0, -1]}}), flush=True)
"""
    real = subprocess.Popen

    def start(command: list[str], **options: object) -> object:
        return real([sys.executable, "-c", program, *command[4:]], **options)  # type: ignore[call-overload]

    monkeypatch.setattr("archive_fuzz.campaign.subprocess.Popen", start)
    monkeypatch.setattr("archive_fuzz.campaign.STUCK", 1.0)
    totals = campaign("torchscript", 0, 8, 1, show=False)
    found = {finding["number"]: finding["outcome"] for finding in totals.findings}
    assert found == {3: "crash (SIGSEGV)", 5: "hang"}
    assert totals.done == 8

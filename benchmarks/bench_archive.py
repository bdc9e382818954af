"""Time to load and to save archives, beside torch.jit, and the memory that a large one takes.

    python benchmarks/bench_archive.py [--repetitions 7] [--only resnet18] [--gigabytes 1]

Modules: resnet18 and densenet121 with random weights, 3 000 submodules of one class, and one gigabyte of weights in
64 layers. Each archive is written by torch.jit.save, lies on disk, and is in the page cache. Contenders are
interleaved in one process.

- load: from the path. Here methods compile when they are first called, and large files are mapped.
- load and first call: with one forward pass, which is where work that was put off is done.
- save: of the loaded module, to a path.
- memory: peak resident memory of a fresh process while it loads, above what it was before.

Expected before measuring: load of small modules at 0.3 to 1 × torch.jit, as nothing is compiled; 3 000 submodules
near 1 ×, bound by making 3 000 Python objects; the large one near 0, bound by the directory; its memory likewise.
Saving at 1 to 3 ×: the code is printed from graphs, in Python.

Goals, judged by processor time: load within 1.2 × torch.jit's for the small ones, within 0.2 × for the large one,
and its peak memory within 0.1 × torch.jit's.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from bench_compile import models
from common import Goal, Spread, interleave, machine, prepare, ratios, rows, table

import torchscript

PEER = "torch.jit"
LOADERS: dict[str, Callable[[str], Any]] = {"torchscript": torchscript.load, "torch.jit": torch.jit.load}
SAVERS: dict[str, Callable[[Any, str], None]] = {"torchscript": torchscript.save, "torch.jit": torch.jit.save}
GOALS = {
    "resnet18": Goal("torchscript", PEER, 1.2),
    "densenet121": Goal("torchscript", PEER, 1.2),
    "3 000 submodules": Goal("torchscript", PEER, 1.2),
    "large": Goal("torchscript", PEER, 0.2),
}
MEMORY_GOAL = 0.1
HELP = argparse.RawDescriptionHelpFormatter


class Large(torch.nn.Module):
    """Layers of which a call uses one."""

    def __init__(self, gigabytes: float) -> None:
        super().__init__()
        side = 2048
        layers = max(1, round(gigabytes * (1 << 30) / (4 * side * side)))
        self.layers = torch.nn.ModuleList([torch.nn.Linear(side, side, bias=False) for _ in range(layers)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for i, layer in enumerate(self.layers):
            if i == int(x[0, 0]):
                return layer(x)
        return x


def module(name: str, gigabytes: float) -> tuple[torch.nn.Module, torch.Tensor]:
    """The module, and what to call it with."""
    if name == "large":
        return Large(gigabytes), torch.zeros(1, 2048)
    if name == "3 000 submodules":
        return torch.nn.Sequential(*[torch.nn.Linear(4, 4) for _ in range(3000)]), torch.ones(1, 4)
    return models(name)().eval(), torch.randn(1, 3, 64, 64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HELP)
    parser.add_argument("--repetitions", type=int, default=7, help="rounds (default: 7)")
    parser.add_argument("--only", choices=GOALS, help="one module instead of all")
    parser.add_argument("--gigabytes", type=float, default=1.0, help="size of the large module (default: 1)")
    parser.add_argument("--memory-of", nargs=2, metavar=("LOADER", "ARCHIVE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    prepare()
    if arguments.memory_of:
        print(*loading_memory(*arguments.memory_of))
        return
    load_lines: list[list[str]] = []
    save_lines: list[list[str]] = []
    memory_lines: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in [arguments.only] if arguments.only else list(GOALS):
            path = str(Path(folder) / "module.pt")
            original, x = module(name, arguments.gigabytes)
            torch.jit.save(torch.jit.script(original), path)
            check(name, path, original, x)
            del original
            load_lines += load_rows(name, path, x, arguments.repetitions)
            if name == "large":
                memory_lines = memory(path, min(3, arguments.repetitions))
            save_lines += save_rows(name, path, folder, x, arguments.repetitions)
            os.unlink(path)
    print(table("Time to load", PEER, load_lines), flush=True)
    print(table("Time to save", PEER, save_lines), flush=True)
    print("\n".join(memory_lines))


def check(name: str, path: str, original: torch.nn.Module, x: torch.Tensor) -> None:
    with torch.inference_mode():
        expected = original(x)
        for loader, load in LOADERS.items():
            torch.testing.assert_close(load(path)(x), expected, msg=f"{loader} of {name} differs from eager")


def load_rows(name: str, path: str, x: torch.Tensor, repetitions: int) -> list[list[str]]:
    alone = {loader: lambda load=load: load(path) for loader, load in LOADERS.items()}
    lines = rows(f"load({name})", interleave(alone, repetitions), PEER, GOALS[name])
    with torch.inference_mode():
        called = {loader: lambda load=load: load(path)(x) for loader, load in LOADERS.items()}
        return lines + rows(
            f"load({name}) and first call", interleave(called, max(1, repetitions // 2)), PEER
        )


def save_rows(name: str, path: str, folder: str, x: torch.Tensor, repetitions: int) -> list[list[str]]:
    target = str(Path(folder) / "saved.pt")
    loaded = {loader: load(path) for loader, load in LOADERS.items()}
    calls = {
        saver: lambda save=save, saver=saver: save(loaded[saver], target) for saver, save in SAVERS.items()
    }
    lines = rows(f"save({name})", interleave(calls, max(1, repetitions // 2)), PEER)
    os.unlink(target)
    return lines


def memory(path: str, repetitions: int) -> list[str]:
    """The lines that say what memory loading takes, each measurement in a process of its own."""
    megabytes: dict[str, list[float]] = {loader: [] for loader in LOADERS}
    for _ in range(repetitions):
        for loader in LOADERS:
            command = [sys.executable, os.path.abspath(__file__), "--memory-of", loader, path]
            printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            megabytes[loader].append(float(printed.split()[-1]))
    ratio = Spread.of(ratios(megabytes["torchscript"], megabytes[PEER]))
    lines = ["", "Peak memory of loading the large module", machine(), ""]
    lines += [f"{loader}: {Spread.of(found).median:.0f} MB" for loader, found in megabytes.items()]
    verdict = "met" if ratio.median <= MEMORY_GOAL else "MISSED"
    return [*lines, f"ratio {ratio.ratio()}, goal ≤ {MEMORY_GOAL:g} × {PEER}: {verdict}"]


def loading_memory(loader: str, path: str) -> tuple[float]:
    """Megabytes of peak resident memory above what the process had before it loaded a small module."""
    with tempfile.TemporaryDirectory() as folder:
        small = str(Path(folder) / "small.pt")
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), small)
        LOADERS[loader](small)
    before = peak()
    loaded = LOADERS[loader](path)
    taken = peak() - before
    del loaded
    return (taken,)


def peak() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("this needs Linux's /proc")


if __name__ == "__main__":
    main()

"""Time and memory of `trace` with its check off, beside torch.jit.trace.

    python benchmarks/bench_trace.py [--repetitions 7] [--only resnet18] [--no-memory] [--no-growth]

Three measurements:

- time: `trace(model, inputs, check_trace=False)` of torchvision's resnet18 (a small image), of a transformer
  encoder of 24 layers, and of a function of 2 000 operators; in one process, interleaved, after one
  uncounted call of each. All run the model too; a row says what the run alone costs.
- memory: by how much the peak of the resident memory grows while the trace is made and held, each in a
  fresh process.
- growth: the time per recorded operator of functions of 500 to 16 000 operators, and of functions that add 1 000
  to 16 000 tensors of their own.

Goals: at most 1.5 × torch.jit's processor time, and at most 1.5 × its memory.
"""

import argparse
import gc
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import torch
from bench_compile import models
from common import Goal, clock, interleave, prepare, rows, table

import torchscript

PEER = "torch.jit"
TRACERS: dict[str, Any] = {"torchscript": torchscript.trace, PEER: torch.jit.trace}
GOAL = Goal("torchscript", PEER, 1.5)
HELP = argparse.RawDescriptionHelpFormatter


def chain(length: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """A function of `length` operators on one small tensor."""

    def function(x: torch.Tensor) -> torch.Tensor:
        y = x
        for _ in range(length // 5):
            y = y + x
            y = y * 0.5
            y = torch.relu(y)
            y = y.transpose(0, 1)
            y = torch.sub(y, x, alpha=2)
        return y

    return function


def sums(length: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """A function that adds `length` tensors of its own, which are constants of the trace."""
    others = [torch.rand(4, 4) for _ in range(length)]

    def function(x: torch.Tensor) -> torch.Tensor:
        for other in others:
            x = x + other
        return x

    return function


def resnet18() -> tuple[Any, tuple[torch.Tensor, ...]]:
    return models("resnet18")().eval(), (torch.rand(1, 3, 64, 64),)


def encoder() -> tuple[Any, tuple[torch.Tensor, ...]]:
    layer = torch.nn.TransformerEncoderLayer(64, 4, 128, batch_first=True)
    # The fast path for inference is one operator a layer, in the stead of the layer's own.
    return torch.nn.TransformerEncoder(layer, 24, enable_nested_tensor=False), (torch.rand(2, 10, 64),)


def function() -> tuple[Any, tuple[torch.Tensor, ...]]:
    return chain(2000), (torch.rand(4, 4),)


CASES = {"resnet18": resnet18, "encoder of 24 layers": encoder, "2 000 operators": function}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HELP)
    parser.add_argument("--repetitions", type=int, default=7, help="rounds in one process (default: 7)")
    parser.add_argument("--only", choices=CASES, help="one case instead of all three")
    parser.add_argument("--no-memory", action="store_true", help="leave out the fresh processes")
    parser.add_argument("--no-growth", action="store_true", help="leave out the functions of growing length")
    parser.add_argument("--memory-of", nargs=2, metavar=("CASE", "TRACER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    prepare()
    warnings.simplefilter("ignore")
    if arguments.memory_of:
        print(growth_of_memory(*arguments.memory_of))
        return
    names = [arguments.only] if arguments.only else list(CASES)
    print(table("Time of trace (check off)", PEER, time_of(names, arguments.repetitions)), flush=True)
    if not arguments.no_memory:
        memory(names)
    if not arguments.no_growth:
        growth(arguments.repetitions)


def time_of(names: list[str], repetitions: int) -> list[list[str]]:
    lines = []
    for name in names:
        model, inputs = CASES[name]()
        check(name, model, inputs)
        calls: dict[str, Callable[[], object]] = {
            tracer: lambda trace=trace: trace(model, inputs, check_trace=False)
            for tracer, trace in TRACERS.items()
        }
        calls["the run alone"] = lambda: model(*inputs)
        lines += rows(name, interleave(calls, repetitions), PEER, GOAL)
    return lines


def check(name: str, model: Any, inputs: tuple[torch.Tensor, ...]) -> None:
    """That both traces compute what the model does, before anything is timed."""
    for tracer, trace in TRACERS.items():
        torch.manual_seed(0)
        expected = model(*inputs)
        traced = trace(model, inputs, check_trace=False)
        torch.manual_seed(0)
        torch.testing.assert_close(traced(*inputs), expected, msg=f"{tracer} of {name} differs from eager")


def memory(names: list[str]) -> None:
    print("\nMemory: growth of the peak while the trace is made and held, fresh processes\n")
    for name in names:
        found = {}
        for tracer in TRACERS:
            command = [sys.executable, os.path.abspath(__file__), "--memory-of", name, tracer]
            printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            found[tracer] = float(printed.split()[-1])
        text = ", ".join(f"{tracer} {megabytes:.1f} MB" for tracer, megabytes in found.items())
        ratio = found["torchscript"] / max(found[PEER], 0.1)
        print(f"{name}: {text}; ratio {ratio:.2f}, {'met' if ratio <= 1.5 else 'MISSED'}", flush=True)


def growth_of_memory(name: str, tracer: str) -> float:
    """Megabytes. Something small is traced and run first, for what is loaded and cached once."""
    trace = TRACERS[tracer]
    trace(torch.nn.Sequential(torch.nn.Linear(2, 2)), torch.rand(2, 2), check_trace=False)
    model, inputs = CASES[name]()
    with torch.no_grad():
        model(*inputs)
    gc.collect()
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak counts from here
    before = kilobytes("VmRSS")
    traced = trace(model, inputs, check_trace=False)
    after = kilobytes("VmHWM")
    del traced
    return (after - before) / 1024


def kilobytes(name: str) -> int:
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(name))


def growth(repetitions: int) -> None:
    print("\nGrowth: processor time of a trace per recorded operator, the best of the rounds\n")
    for what, make, lengths in (
        ("operators", chain, (500, 1000, 2000, 4000, 8000, 16000)),
        ("sums of constants", sums, (1000, 4000, 16000)),
    ):
        for length in lengths:
            traced = make(length)
            inputs = (torch.rand(4, 4),)
            best = {
                tracer: min(
                    clock(lambda trace=trace: trace(traced, inputs, check_trace=False))[1]
                    for _ in range(repetitions)
                )
                for tracer, trace in TRACERS.items()
            }
            text = ", ".join(f"{tracer} {1e6 * seconds / length:.1f} µs" for tracer, seconds in best.items())
            print(f"{length:>6} {what}: {text}", flush=True)


if __name__ == "__main__":
    main()

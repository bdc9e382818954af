"""The speed of native code: each workload beside torch.jit, eager PyTorch, our Python back end and torch.compile.

    python benchmarks/bench_native.py [--only TEXT] [--repetitions 15] [--torch-compile]

One thread. Each row is a program of workloads.py; columns are times relative to torch.jit's in the same rounds (median of
the ratios, below 1 is faster). torch.jit is frozen, optimised for inference and warmed up where the program is a
module; everything but training steps runs in inference mode. torch.compile takes 10 to 100 s for each program
before its first answer, so it runs only when asked for. The last columns are whether the goal of native code was met, and
the seconds that compiling took (nearly nothing where the library was in the cache).
"""

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from common import Samples, Spread, interleave, machine, prepare, ratios
from torch import nn
from workloads import Workload, workloads

import torchscript


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="rows whose names contain this")
    parser.add_argument("--repetitions", type=int, default=15, help="rounds of each (default: 15)")
    parser.add_argument("--torch-compile", action="store_true", help="also torch.compile (slow)")
    options = parser.parse_args()
    prepare()
    warnings.simplefilter("ignore")
    columns = ["torch.jit", "eager", "python", "native"] + (
        ["torch.compile"] if options.torch_compile else []
    )
    head = ["workload", "torch.jit", *columns[1:], "native: quartiles", "goal", "met", "compiled in"]
    print(
        machine(), "\nprocessor time, relative to torch.jit's; medians of ratios within interleaved rounds\n"
    )
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head), flush=True)
    for workload in workloads():
        if options.only in workload.name:
            print("| " + " | ".join(measure(workload, columns, options.repetitions)) + " |", flush=True)


def measure(workload: Workload, columns: list[str], repetitions: int) -> list[str]:
    contenders: dict[str, Callable[[], object]] = {}
    failed: dict[str, str] = {}
    start = time.perf_counter()
    made: dict[str, Any] = {}
    for name in columns:
        try:
            started = time.perf_counter()
            made[name] = MAKERS[name](workload)
            if name == "native":
                start = time.perf_counter() - started
            contenders[name] = call(made[name], workload)
            contenders[name]()
        except Exception as error:  # a peer that cannot do it is part of the result
            failed[name] = type(error).__name__
            contenders.pop(name, None)
    for name, function in made.items():
        if name in contenders and not workload.training:
            same(made["eager"](*workload.inputs), function(*workload.inputs), f"{workload.name}: {name}")
    samples = interleave(contenders, repetitions, warm_up=3)
    return row(workload, columns, samples, failed, start)


def row(
    workload: Workload,
    columns: list[str],
    samples: dict[str, Samples],
    failed: dict[str, str],
    seconds: float,
) -> list[str]:
    if "torch.jit" not in samples:
        return [workload.name, f"torch.jit: {failed['torch.jit']}", *[""] * (len(columns) + 3)]
    base = samples["torch.jit"]
    cells = [workload.name, f"{Spread.of(base.cpu).median / workload.calls * 1e3:.3f} ms"]
    for name in columns[1:]:
        if name in failed:
            cells.append(failed[name])
        else:
            cells.append(f"{Spread.of(ratios(samples[name].cpu, base.cpu)).median:.3f}")
    if "native" not in samples:
        return [*cells, "", f"≤ {workload.goal:g}", "no", ""]
    reached = Spread.of(ratios(samples["native"].cpu, base.cpu))
    met = "yes" if reached.median <= workload.goal else "NO"
    return [
        *cells,
        f"{reached.low:.3f} to {reached.high:.3f}",
        f"≤ {workload.goal:g}",
        met,
        f"{seconds:.1f} s",
    ]


def call(function: Any, workload: Workload) -> Callable[[], object]:
    def run() -> object:
        with torch.inference_mode():
            for _ in range(workload.calls - 1):
                function(*workload.inputs)
            return function(*workload.inputs)

    def train() -> object:
        loss = function(*workload.inputs).sum()
        loss.backward()
        return loss

    return train if workload.training else run


def same(expected: Any, got: Any, what: str) -> None:
    torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-4, msg=lambda m: f"{what}: {m}")


def with_jit(workload: Workload) -> Any:
    if workload.traced:
        made = torch.jit.trace(workload.program, workload.inputs, check_trace=False)
    else:
        made = torch.jit.script(workload.program)
    if isinstance(workload.program, nn.Module) and not workload.training:
        made = torch.jit.optimize_for_inference(made)
    return made


def ours(workload: Workload) -> Any:
    if workload.traced:
        return torchscript.trace(workload.program, workload.inputs, check_trace=False)
    return torchscript.script(workload.program)


def native(workload: Workload) -> Any:
    compiled = ours(workload)
    if isinstance(workload.program, nn.Module) and not workload.training:
        compiled = torchscript.optimize_for_inference(compiled)
    return torchscript.compile(compiled)


MAKERS: dict[str, Callable[[Workload], Any]] = {
    "torch.jit": with_jit,
    "eager": lambda workload: workload.program,
    "python": ours,
    "native": native,
    "torch.compile": lambda workload: torch.compile(workload.program),
}


if __name__ == "__main__":
    main()

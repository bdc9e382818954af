"""The speed of native code: each program beside torch.jit, eager PyTorch, our Python back end and other compilers.

    python benchmarks/bench_native.py                                the whole table: an hour, most of it torch.compile's
    python benchmarks/bench_native.py --peers onnxruntime,openvino   without torch.compile: ten minutes
    python benchmarks/bench_native.py --peers none --only gelu       some rows, and nobody else's compilers

One thread. Each row is a program of workloads.py; columns are processor times relative to torch.jit's in the same rounds
(median of the ratios, below 1 is faster). In every round each runs once uncounted before it is timed. torch.jit is frozen,
optimised for inference and warmed up where the program is a module; everything but training steps runs in inference
mode. A peer that is not installed shows "–". torch.compile has --timeout seconds for a program, in a process of its
own. "a copy" takes as long as giving out what is as large as the result: programs that are little more than that cannot
be much faster. Compile times are cold, in seconds on the clock with all processors, until the first answer; native code
has its precompiled header.
What is printed is also written into benchmarks/results (native.json has the quartiles; rows and columns that were not run
keep what they had), unless --no-results.
"""

import argparse
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from common import Samples, Spread, interleave, machine, prepare, ratios, settled
from hand_written import a_copy, by_hand
from peers import (
    HOW_TO_INSTALL,
    MISSING,
    Cannot,
    missing,
    probe,
    with_onnxruntime,
    with_openvino,
    with_torch_compile,
    within,
)
from results import Cell, Row, Table
from torch import nn
from workloads import Workload, workloads

import torchscript
from torchscript.native.build import toolchain

PEERS = tuple(MISSING)
COLUMNS = (
    "torch.jit",
    "eager",
    "python",
    "torch.compile",
    "onnxruntime",
    "openvino",
    "by hand",
    "a copy",
    "native",
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="rows whose names contain this")
    parser.add_argument(
        "--peers", default=",".join(PEERS), help=f"of {', '.join(PEERS)}; or none (default: all)"
    )
    parser.add_argument("--repetitions", type=int, default=15, help="rounds of each (default: 15)")
    parser.add_argument(
        "--timeout", type=float, default=120, help="seconds for torch.compile, a program (default: 120)"
    )
    parser.add_argument("--no-results", action="store_true", help="print the table, and write no files")
    parser.add_argument("--probe", help=argparse.SUPPRESS)
    options = parser.parse_args()
    prepare()
    warnings.simplefilter("ignore")
    if options.probe is not None:
        probe(next(w for w in workloads() if w.name == options.probe), call)
        return
    peers = [] if options.peers == "none" else options.peers.split(",")
    if unknown := set(peers) - set(PEERS):
        parser.error(f"there is no peer {', '.join(sorted(unknown))}")
    absent = sorted({name for peer in peers for name in missing(peer)})
    peers = [peer for peer in peers if not missing(peer)]
    print(
        machine(), "\nprocessor time, relative to torch.jit's; medians of ratios within interleaved rounds\n"
    )
    if absent:
        print(HOW_TO_INSTALL.format(", ".join(absent)) + "\n")
    table = Table.read(COLUMNS)
    print(table.head(), flush=True)
    with tempfile.TemporaryDirectory() as directory:
        cold_caches(Path(directory))
        for workload in workloads():
            if options.only in workload.name:
                row = measure(workload, peers, options)
                table.rows[workload.name] = (
                    row if options.no_results else row.over(table.rows.get(workload.name))
                )
                print(table.line(row), flush=True)
                if not options.no_results:
                    table.write()


def cold_caches(directory: Path) -> None:
    """Caches of this run's own, so that compile times are cold; but our compiler's precompiled header is there."""
    tools = toolchain()
    directory.joinpath(tools.name).symlink_to(tools, target_is_directory=True)
    os.environ["TORCHSCRIPT_CACHE"] = str(directory)
    # the processes that try it first share it
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(directory / "inductor")


def measure(workload: Workload, peers: list[str], options: argparse.Namespace) -> Row:
    row = Row(workload.name, workload.goal, machine())
    contenders: dict[str, Callable[[], object]] = {}
    answers: dict[str, Any] = {}
    for name, make in MAKERS.items():
        if name in PEERS and name not in peers:
            continue
        started = time.perf_counter()
        try:
            seconds = (
                within(options.timeout, __file__, workload.name)
                if name == "torch.compile" and _compiles(workload)
                else None
            )
            made = make(workload)
            run = call(made, workload)
            run()
            if name not in ("eager", "python", "torch.jit", "a copy") and not workload.training:
                answers[name] = made(*workload.inputs)
            contenders[name] = run
            if name in ("native", "torch.compile"):
                row.compiled[name] = time.perf_counter() - started if seconds is None else seconds
        except Cannot as reason:
            row.cells[name] = Cell(word=str(reason))
        except Exception as error:  # a peer that cannot do it is part of the result
            row.cells[name] = Cell(word="cannot" if name in PEERS else type(error).__name__)
    check(workload, answers)
    samples = interleave(contenders, options.repetitions, warm_up=3, measure=settled)
    fill(row, samples, workload.calls)
    return row


def _compiles(workload: Workload) -> bool:
    return workload.archive is None


def check(workload: Workload, answers: dict[str, Any]) -> None:
    """That all give the same, before anybody is called fast."""
    if not answers:
        return
    with torch.inference_mode():
        wanted = ours(workload)(*workload.inputs) if workload.archive else workload.program(*workload.inputs)
    for name, got in answers.items():
        torch.testing.assert_close(
            got, wanted, rtol=1e-3, atol=1e-3, msg=lambda m: f"{workload.name}: {name}: {m}"
        )


def fill(row: Row, samples: dict[str, Samples], calls: int) -> None:
    if "torch.jit" not in samples:
        return
    base = samples["torch.jit"].cpu
    spread = Spread.of(base)
    row.cells["torch.jit"] = Cell(*(x / calls * 1e3 for x in (spread.median, spread.low, spread.high)))
    for name, own in samples.items():
        if name != "torch.jit":
            spread = Spread.of(ratios(own.cpu, base))
            row.cells[name] = Cell(spread.median, spread.low, spread.high)


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


# --- Who runs it ------------------------------------------------------------------------------------------------


def driven(made: Any, workload: Workload) -> Any:
    return made if workload.drive is None else workload.drive(made)


def with_jit(workload: Workload) -> Any:
    if workload.archive is not None:
        return driven(torch.jit.load(workload.archive), workload)
    if workload.traced:
        made = torch.jit.trace(workload.program, workload.inputs, check_trace=False)
    else:
        made = torch.jit.script(workload.program)
    if isinstance(workload.program, nn.Module) and not workload.training:
        made = torch.jit.optimize_for_inference(made)
    return made


def eager(workload: Workload) -> Any:
    if workload.archive is not None:
        raise Cannot("–")
    return workload.program


def compiled(workload: Workload) -> Any:
    if workload.archive is not None:
        return torchscript.load(workload.archive)
    if workload.traced:
        return torchscript.trace(workload.program, workload.inputs, check_trace=False)
    return torchscript.script(workload.program)


def ours(workload: Workload) -> Any:
    return driven(compiled(workload), workload)


def native(workload: Workload) -> Any:
    made = compiled(workload)
    if isinstance(workload.program, nn.Module) and not workload.training:
        made = torchscript.optimize_for_inference(made)
    return driven(torchscript.compile(made), workload)


def hand_written(workload: Workload) -> Any:
    return present(by_hand(workload))


def copied(workload: Workload) -> Any:
    return present(a_copy(workload))


def present(made: Any) -> Any:
    if made is None:
        raise Cannot("–")
    return made


MAKERS: dict[str, Callable[[Workload], Any]] = {
    "torch.jit": with_jit,
    "eager": eager,
    "python": ours,
    "torch.compile": with_torch_compile,
    "onnxruntime": with_onnxruntime,
    "openvino": with_openvino,
    "by hand": hand_written,
    "a copy": copied,
    "native": native,
}


if __name__ == "__main__":
    main()

"""Load damaged archives by the thousand: `make fuzz-archive`.

    python -m archive_fuzz.campaign [--cases 100000] [--first 0] [--seeds '*'] [--processes 2] [--stock]
                                    [--keep FOLDER]

Case N is the same archive every time: a seed of `seeds.py` after one to three mutations. Each is loaded and all
its code compiled, in worker processes that may use 5 s of processor time and 1 GB of memory per archive.
What is not loaded must be refused with an ArchiveError. Everything else (another exception, a crash, a hang) is
printed, kept as a file if `--keep` is given, and makes the exit code 1. With `--stock`, torch.jit.load gets the
same archives; any exception of its counts as an answer there, so that what is left are crashes and hangs.
`--seeds 'flatbuffer*'` passes over the cases that are made of other seeds; those left keep their numbers.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import fnmatch
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .seeds import SEEDS
from .worker import DIED_AT, MEMORY, SECONDS, case, is_of

CHUNK = 2000
STUCK = 15.0
STARTING = 300.0
"""Seconds of the processor after which a worker that has not gone on, or not begun, is ended."""


@dataclass
class Totals:
    counts: collections.Counter[str] = field(default_factory=collections.Counter)
    findings: list[dict[str, Any]] = field(default_factory=list)
    slowest: tuple[float, int] = (0.0, -1)
    largest: tuple[int, int] = (0, -1)
    done: int = 0
    failures: list[Exception] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def run_chunk(subject: str, first: int, last: int, totals: Totals, pattern: str) -> None:
    """All cases of a range; a worker that dies is followed by another, which begins after what killed it."""
    starts_left = 3
    while first < last:
        with tempfile.NamedTemporaryFile() as state:
            state.write(DIED_AT.pack(first - 1))
            state.flush()
            at = lambda: DIED_AT.unpack(Path(state.name).read_bytes())[0]
            command = [
                sys.executable,
                "-m",
                "archive_fuzz.worker",
                subject,
                state.name,
                str(first),
                str(last),
                pattern,
            ]
            worker = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            stuck = _watch(worker, at)
            output = worker.communicate()[0]
            died = at()
        with totals.lock:
            for line in output.splitlines():
                found = json.loads(line)
                if "counts" in found:
                    totals.counts.update(found["counts"])
                    totals.slowest = max(totals.slowest, tuple(found["slowest"]))
                    totals.largest = max(totals.largest, tuple(found["largest"]))
                else:
                    totals.findings.append(found)
            if worker.returncode == 0:
                totals.done += last - first
                return
            outcome = _death(worker.returncode, stuck)
            if died < first:  # before its first archive: what it imports, or the machine
                starts_left -= 1
                if starts_left < 0:
                    raise RuntimeError(f"the worker does not start: {' '.join(command)}")
                continue
            seed, _, mutations = case(died)
            finding = {"number": died, "seed": seed, "mutations": mutations, "outcome": outcome, "detail": ""}
            totals.findings.append(finding)
            totals.counts[outcome] += 1
            totals.counts["before a crash"] += sum(is_of(number, pattern) for number in range(first, died))
            totals.done += died - first + 1
        first = died + 1


def _watch(worker: subprocess.Popen[str], at: Any) -> threading.Event:
    """Kill a worker that stays at one case for too long."""
    stuck = threading.Event()

    def watch() -> None:
        at_start = seen = at()
        since = _processor_seconds(worker.pid)
        while worker.poll() is None:
            time.sleep(0.5)
            try:
                now = at()
            except (OSError, ValueError):
                return
            if now != seen:
                seen, since = now, _processor_seconds(worker.pid)
            elif _processor_seconds(worker.pid) - since > (STUCK if now != at_start else STARTING):
                stuck.set()
                worker.kill()
                return

    threading.Thread(target=watch, daemon=True).start()
    return stuck


def _processor_seconds(pid: int) -> float:
    """What a process has used: a busy machine makes nothing hang."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _death(code: int, stuck: threading.Event) -> str:
    if stuck.is_set() or code == -signal.SIGPROF:
        return "hang"
    return f"crash ({signal.Signals(-code).name})" if code < 0 else f"crash (exit code {code})"


def campaign(
    subject: str, first: int, cases: int, processes: int, show: bool = True, pattern: str = "*"
) -> Totals:
    totals = Totals()
    chunk = CHUNK * len(SEEDS) // max(1, len(fnmatch.filter(SEEDS, pattern)))
    chunks = collections.deque(range(first, first + cases, chunk))

    def work() -> None:
        while chunks:
            with contextlib.suppress(IndexError):  # another thread was faster
                begin = chunks.popleft()
                try:
                    run_chunk(subject, begin, min(begin + chunk, first + cases), totals, pattern)
                except Exception as error:
                    totals.failures.append(error)
                    return

    threads = [threading.Thread(target=work, daemon=True) for _ in range(processes)]
    for thread in threads:
        thread.start()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, disable=not show) as progress:
        task = progress.add_task(subject, total=cases)
        while any(thread.is_alive() for thread in threads):
            time.sleep(0.2)
            found = len(totals.findings)
            progress.update(task, completed=totals.done, description=f"{subject}, {found} findings")
    if totals.failures:
        raise totals.failures[0]
    return totals


def report(subject: str, totals: Totals, keep: Path | None) -> None:
    print(
        f"{subject}: {totals.counts.total()} archives; "
        + ", ".join(f"{n} {k}" for k, n in sorted(totals.counts.items()))
    )
    (seconds, slowest), (kilobytes, largest) = totals.slowest, totals.largest
    print(
        f"slowest: {seconds:.2f} s (case {slowest}); most memory: {kilobytes / 1024:.0f} MB (case {largest}); "
        f"limits {SECONDS:.0f} s and {MEMORY >> 20} MB"
    )
    groups: dict[str, list[dict[str, Any]]] = collections.defaultdict(list)
    for finding in totals.findings:
        groups[f"{finding['outcome']}: {finding['detail'].partition(': ')[0]}"].append(finding)
    for title, findings in sorted(groups.items(), key=lambda item: -len(item[1])):
        first = min(findings, key=lambda finding: finding["number"])
        print(
            f"\n{len(findings)} × {title}\n  case {first['number']} ({first['seed']}; {', '.join(first['mutations'])})"
        )
        print("  " + first["detail"].strip().replace("\n", "\n  ")[:2000])
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            (keep / f"{first['number']}.pt").write_bytes(case(first["number"])[1])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first case (default: 0)")
    parser.add_argument("--seeds", default="*", help="names of seeds, as a pattern of a shell (default: all)")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--stock", action="store_true", help="give them to torch.jit.load instead")
    parser.add_argument("--keep", type=Path, help="folder for one archive of each kind of finding")
    options = parser.parse_args()
    subject = "torch.jit" if options.stock else "torchscript"
    first, cases, processes = options.first, options.cases, options.processes
    totals = campaign(subject, first, cases, processes, sys.stdout.isatty(), options.seeds)
    report(subject, totals, options.keep)
    sys.exit(1 if totals.findings else 0)


if __name__ == "__main__":
    main()

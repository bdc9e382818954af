"""What the benchmarks share: interleaved timing, medians with quartiles, tables, facts of the machine.

Rounds are interleaved: every contender runs once in each round, in an order that is reversed from one round
to the next, so that what else the machine does falls on all alike. A ratio is taken within each round;
what is printed is the median and the quartiles of these ratios. Time is taken by the clock on the wall and as
processor time of this process: everything here runs on one thread, so on a quiet machine they are the same,
and on a busy one the second leaves out the waiting. Goals are judged by the second.
"""

import gc
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch


@dataclass
class Samples:
    """Seconds of each round, by the wall clock and of the processor."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


@dataclass
class Spread:
    """A median and the quartiles around it."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, numbers: Sequence[float]) -> "Spread":
        if len(numbers) < 2:
            return cls(numbers[0], numbers[0], numbers[0])
        low, median, high = statistics.quantiles(numbers, n=4, method="inclusive")
        return cls(median, low, high)

    def seconds(self) -> str:
        scale, unit = (1e3, "ms") if self.median < 1 else (1.0, "s ")
        low, median, high = (number * scale for number in (self.low, self.median, self.high))
        return f"{median:.2f} {unit} [{low:.2f}, {high:.2f}]"

    def ratio(self) -> str:
        return f"{self.median:.2f} [{self.low:.2f}, {self.high:.2f}]"


@dataclass
class Goal:
    """That one contender's processor time is at most (or less than) `limit` times a peer's."""

    contender: str
    peer: str
    limit: float
    strict: bool = False

    def __str__(self) -> str:
        return f"{'<' if self.strict else '≤'} {self.limit:g} × {self.peer}"

    def verdict(self, rounds: dict[str, Samples]) -> str:
        reached = Spread.of(ratios(rounds[self.contender].cpu, rounds[self.peer].cpu))
        met = reached.median < self.limit if self.strict else reached.median <= self.limit
        near = ", within the spread" if reached.low <= self.limit <= reached.high else ""
        return f"{self}: {reached.median:.2f}, {'met' if met else 'MISSED'}{near}"


def prepare() -> None:
    """One thread, and none of the warnings that torch.jit is deprecated."""
    torch.set_num_threads(1)
    for category in (DeprecationWarning, FutureWarning):
        warnings.filterwarnings("ignore", message=".*torch.jit", category=category)


def clock(run: Callable[[], object], uncounted: int = 0) -> tuple[float, float]:
    """Seconds that one run takes: wall clock, processor. Garbage of earlier runs is not collected in it."""
    gc.collect()
    for _ in range(uncounted):
        run()
    wall, cpu = time.perf_counter(), time.process_time()
    result = run()
    seconds = time.perf_counter() - wall, time.process_time() - cpu
    del result  # not freed within the time
    return seconds


def settled(run: Callable[[], object]) -> tuple[float, float]:
    """The same after a run that is not counted, so that caches hold what this contender uses: looking for garbage alone
    empties them, and the last-level cache takes some passes to fill."""
    return clock(run, 1)


def interleave(
    contenders: dict[str, Callable[[], object]],
    repetitions: int,
    warm_up: int = 1,
    measure: Callable[[Callable[[], object]], tuple[float, float]] = clock,
) -> dict[str, Samples]:
    """Run every contender once in each round, `warm_up` rounds uncounted and `repetitions` rounds counted."""
    samples = {name: Samples() for name in contenders}
    for round_ in range(-warm_up, repetitions):
        order = list(contenders) if round_ % 2 else list(reversed(contenders))
        for name in order:
            wall, cpu = measure(contenders[name])
            if round_ >= 0:
                samples[name].wall.append(wall)
                samples[name].cpu.append(cpu)
    return samples


def ratios(ours: Sequence[float], peers: Sequence[float]) -> list[float]:
    return [mine / other for mine, other in zip(ours, peers)]


def rows(title: str, samples: dict[str, Samples], peer: str, goal: Goal | None = None) -> list[list[str]]:
    """The lines of one measurement, a contender a line, each as a ratio to `peer`."""
    lines = []
    for name, own in samples.items():
        line = [title, name, Spread.of(own.wall).seconds(), Spread.of(own.cpu).seconds()]
        line += [
            "1" if name == peer else Spread.of(ratios(own.wall, samples[peer].wall)).ratio(),
            "1" if name == peer else Spread.of(ratios(own.cpu, samples[peer].cpu)).ratio(),
        ]
        line.append(goal.verdict(samples) if goal and goal.contender == name else "")
        lines.append(line)
    return lines


def table(heading: str, peer: str, lines: list[list[str]]) -> str:
    """An aligned table of lines from `rows`, below the facts of the machine and the load on it."""
    header = ["what", "by", "wall time", "processor time", f"wall ÷ {peer}", f"processor ÷ {peer}", "goal"]
    printed = [header, *lines]
    widths = [max(len(line[column]) for line in printed) for column in range(len(header))]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in printed]
    text.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(["", heading, machine(), "median [lower quartile, upper quartile]", "", *text])


def machine() -> str:
    load = ", ".join(f"{number:.1f}" for number in os.getloadavg())
    return (
        f"{processor()}, {os.cpu_count()} cores, one thread used, load {load}; "
        f"Python {platform.python_version()}, torch {torch.__version__}"
    )


def processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()

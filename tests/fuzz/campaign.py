"""Thousands of random programs, with a progress bar and a summary: `make fuzz`.

    python -m tests.fuzz.campaign [--programs 10000] [--seed 0] [--runners script,archive,stock,optimize]

Programs come in batches, each with its own seed. A disagreement is shrunk and printed, and the campaign goes on.
`stock` (PyTorch's loader for our archives) and the passes see one batch in five. The exit status tells whether all agreed.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections import Counter
from pathlib import Path

import torch
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from torchscript.passes import PASSES

from .programs import Program, programs
from .running import Archive, DisagreementError, Passes, Runner, Script, Stock, check

BATCH = 100
SHARE = 5  # one batch in so many is for the slower runners too
EVERYWHERE = ("script", "archive")


def runner(name: str) -> Runner:
    named: dict[str, Runner] = {r.name: r for r in (Script(), Archive(), Stock(), Passes())}
    return named[name] if name in named else Passes(name)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--programs", type=int, default=10_000, help="how many (default: 10000)")
    parser.add_argument(
        "--seed", type=int, default=0, help="of the first batch; each further one has the next"
    )
    names = ", ".join(("script", "archive", "stock", "optimize", *PASSES))
    parser.add_argument("--runners", default="script,archive,stock,optimize", help=f"some of: {names}")
    parser.add_argument(
        "--report", type=Path, help="a file for the programs that disagree (default: only printed)"
    )
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after so long")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    campaign = Campaign([runner(name) for name in arguments.runners.split(",")])
    campaign.run(arguments.programs, arguments.seed, 60 * arguments.minutes)
    campaign.summarize(arguments.report)
    return 1 if campaign.found else 0


class Campaign:
    """Counts of what was compared, and the disagreements found, by their first lines."""

    def __init__(self, runners: list[Runner]) -> None:
        self.runners = runners
        self.counts: Counter[tuple[str, str]] = Counter()
        self.found: dict[str, str] = {}
        self.console = Console()
        self.shrinking: set[int] = set()
        self.seconds = 0.0
        self.done = 0

    def run(self, count: int, first_seed: int, most_seconds: float) -> None:
        start = time.monotonic()
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.console, refresh_per_second=2) as progress:
            bar = progress.add_task("programs", total=count)
            batch = 0
            while self.done < count and time.monotonic() - start < most_seconds:
                size = min(BATCH, count - self.done)
                slower = batch % SHARE == 0
                chosen = [r for r in self.runners if slower or r.name in EVERYWHERE] or self.runners
                self.batch(first_seed + batch, size, chosen, lambda: progress.advance(bar))
                progress.update(
                    bar, completed=self.done, description=f"programs ({len(self.found)} disagreements)"
                )
                batch += 1
        self.seconds = time.monotonic() - start

    def batch(self, number: int, size: int, runners: list[Runner], advance: object) -> None:
        """`size` programs; what disagrees is shrunk."""
        ran = 0

        @seed(number)
        @settings(
            max_examples=size,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            verbosity=Verbosity.quiet,
            suppress_health_check=list(HealthCheck),
        )
        @given(programs())
        def examine(program: Program) -> None:
            nonlocal ran
            ran += 1
            if ran <= size:
                advance()  # type: ignore[operator]
            try:
                self.counts.update(check(program, runners).items())
            except DisagreementError as error:
                self.first(error, number)
                raise

        try:
            examine()
        except DisagreementError as error:
            self.note(error, number)
        except BaseExceptionGroup as group:
            for error in group.exceptions:
                if not isinstance(error, DisagreementError):
                    raise
                self.note(error, number)
        self.done += size

    def first(self, error: BaseException, number: int) -> None:
        """Say so before shrinking, which may take long."""
        if number not in self.shrinking:
            self.shrinking.add(number)
            title = str(error).partition("\n")[0]
            self.console.print(f"shrinking (seed {number}): {title}", markup=False, highlight=False)

    def note(self, error: BaseException, number: int) -> None:
        text = str(error)
        title = "\n".join(text.splitlines()[:2])
        if title not in self.found:
            self.found[title] = text
            self.console.print(f"[red]disagreement[/red] (seed {number})")
            self.console.print(text, markup=False, highlight=False)

    def summarize(self, report: Path | None) -> None:
        table = Table(title=f"{self.done} programs in {self.seconds:.0f} s, {len(self.found)} disagreements")
        for heading in ("by", "returned", "raised", "excused"):
            table.add_column(heading, justify="left" if heading == "by" else "right")
        for name in [r.name for r in self.runners]:
            table.add_row(name, *(str(self.counts[name, how]) for how in ("returned", "raised", "excused")))
        self.console.print(table)
        if report is not None and self.found:
            report.write_text("\n\n\n".join(self.found.values()) + "\n", encoding="utf-8")
            self.console.print(f"The programs are in {report}.")


if __name__ == "__main__":
    sys.exit(main())

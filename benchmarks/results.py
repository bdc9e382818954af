"""The table of bench_native.py: kept in results/native.json, shown in results/native.md."""

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

DIRECTORY = Path(__file__).parent / "results"
HEAD = """# Native code beside others

Written by `python benchmarks/bench_native.py`, which `make bench` runs; its docstring says what is compared, and how.
Processor times, relative to torch.jit's in the same rounds: medians, below 1 is faster. "–": not run, there is no
such program, or the peer is not installed; "cannot": the peer does not run it. Compile times in seconds on the clock
with all processors, cold, until the first answer.

"""


@dataclass
class Cell:
    """A median and the quartiles around it (milliseconds for torch.jit, ratios to it for others); or a word instead."""

    median: float = 0.0
    low: float = 0.0
    high: float = 0.0
    word: str = ""

    def __str__(self) -> str:
        return self.word or f"{self.median:.{3 if self.median < 0.1 else 2}f}"


@dataclass
class Row:
    name: str
    goal: float
    machine: str
    cells: dict[str, Cell] = field(default_factory=dict)
    compiled: dict[str, float] = field(default_factory=dict)
    date: str = field(default_factory=lambda: time.strftime("%Y-%m-%d"))

    def over(self, older: "Row | None") -> "Row":
        """This row, with the older one's columns where it has none."""
        if older is not None:
            self.cells = {**older.cells, **self.cells}
            self.compiled = {**older.compiled, **self.compiled}
        return self


@dataclass
class Table:
    columns: tuple[str, ...]
    rows: dict[str, Row]

    @classmethod
    def read(cls, columns: tuple[str, ...]) -> "Table":
        """The table of earlier runs; an empty one if there is none."""
        rows = {}
        path = DIRECTORY / "native.json"
        for saved in json.loads(path.read_text(encoding="utf-8")) if path.exists() else ():
            saved["cells"] = {name: Cell(**cell) for name, cell in saved["cells"].items()}
            rows[saved["name"]] = Row(**saved)
        return cls(columns, rows)

    def write(self) -> None:
        DIRECTORY.mkdir(exist_ok=True)
        rows = [asdict(row) for row in self.rows.values()]
        (DIRECTORY / "native.json").write_text(
            json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
        lines = [self.head(), *map(self.line, self.rows.values())]
        machines = sorted({f"{row.date}: {row.machine}" for row in self.rows.values()})
        text = HEAD + "\n".join(lines) + "\n\nRun on\n\n" + "\n".join(f"- {m}" for m in machines) + "\n"
        (DIRECTORY / "native.md").write_text(text, encoding="utf-8")

    def head(self) -> str:
        titles = [
            "workload",
            "torch.jit, ms",
            *self.columns[1:],
            "quartiles",
            "goal",
            "met",
            "native compiled in",
            "torch.compile in",
        ]
        return "| " + " | ".join(titles) + " |\n|" + "---|" * len(titles)

    def line(self, row: Row) -> str:
        cells = [row.name] + [str(row.cells[c]) if c in row.cells else "–" for c in self.columns]
        native = row.cells.get("native")
        if native is None or native.word:
            cells += ["–", f"≤ {row.goal:g}", "no"]
        else:
            cells += [
                f"{native.low:.3f} to {native.high:.3f}",
                f"≤ {row.goal:g}",
                "yes" if native.median <= row.goal else "NO",
            ]
        for name in ("native", "torch.compile"):
            cells.append(f"{row.compiled[name]:.1f} s" if name in row.compiled else "–")
        return "| " + " | ".join(cells) + " |"

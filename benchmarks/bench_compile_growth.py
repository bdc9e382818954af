"""How compile time grows with the size of a program, beside torch.jit in the same process.

    python benchmarks/bench_compile_growth.py [--quick] [--only statements] [--limit 60]

Generated programs of growing size: functions of 100 to 10 000 statements (arithmetic, branches, loops over lists,
calls of helpers), nesting of 1 to 50 (if in if, loop in loop, expression in expression, call in call), modules of
10 to 3 000 submodules (alike, and each of its own class), and `save` and `load` of such modules.

A time is the processor time of one call in this process, the smallest of a few where it is short. The growth exponent
of a column is the slope of log(time) over log(size) between its last two sizes: 1 is linear. A contender whose time
passes `--limit` seconds is not run on larger sizes.
"""

import argparse
import importlib.util
import io
import math
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from common import clock, machine, prepare
from torch import nn

import torchscript

SIZES = {
    "statements": (100, 300, 1000, 3000, 10_000),
    "branches": (100, 300, 1000, 3000),
    "loops": (100, 300, 1000),
    "calls": (100, 300, 1000, 3000),
    "nested ifs": (1, 3, 10, 20, 50),
    "nested loops": (1, 3, 10, 18),
    "nested expressions": (1, 3, 10, 25, 50),
    "nested calls": (1, 3, 10, 25, 50),
    "submodules alike": (10, 100, 1000, 3000),
    "submodules of own classes": (10, 100, 1000),
    "save": (10, 100, 1000, 3000),
    "load": (10, 100, 1000, 3000),
}
SHORT = 0.05  # seconds, below which the best of three counts


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="leave out the largest size of each")
    parser.add_argument("--only", choices=SIZES, action="append", help="one measurement (may be repeated)")
    parser.add_argument(
        "--limit", type=float, default=60, help="seconds after which a column ends (default: 60)"
    )
    arguments = parser.parse_args()
    prepare()
    warnings.simplefilter("ignore")
    sys.setrecursionlimit(10_000)
    print(f"\nGrowth of compile time\n{machine()}\nprocessor time of one call\n")
    with tempfile.TemporaryDirectory() as folder:
        sys.path.insert(0, folder)
        for name in arguments.only or SIZES:
            sizes = SIZES[name][:-1] if arguments.quick else SIZES[name]
            print(measure(name, sizes, Path(folder), arguments.limit), flush=True)


def measure(name: str, sizes: tuple[int, ...], folder: Path, limit: float) -> str:
    """A table of one kind of program: a line per size, the last line the growth exponents."""
    header = [name, "torchscript", "torch.jit", "torchscript ÷ torch.jit"]
    lines = [header]
    columns: dict[str, list[tuple[int, float]]] = {"torchscript": [], "torch.jit": []}
    for size in sizes:
        line = [f"{size}"]
        for contender, column in columns.items():
            if column and (math.isnan(column[-1][1]) or column[-1][1] > limit):
                column.append((size, math.nan))
            else:
                column.append((size, seconds(name, size, contender, folder)))
            line.append("–" if math.isnan(column[-1][1]) else f"{column[-1][1] * 1e3:.1f} ms")
        ours, theirs = (column[-1][1] for column in columns.values())
        line.append("–" if math.isnan(ours / theirs) else f"{ours / theirs:.2f}")
        lines.append(line)
    lines.append(["growth exponent", *(growth(c) for c in columns.values()), ""])
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    text = [" ".join(cell.rjust(width + 2) for cell, width in zip(line, widths)) for line in lines]
    text.insert(1, "-" * len(text[0]))
    return "\n".join([*text, ""])


def growth(column: list[tuple[int, float]]) -> str:
    known = [(n, t) for n, t in column if not math.isnan(t)]
    if len(known) < 2:
        return "–"
    (n0, t0), (n1, t1) = known[-2:]
    return f"{math.log(t1 / t0) / math.log(n1 / n0):.2f}"


def seconds(name: str, size: int, contender: str, folder: Path) -> float:
    """Processor time; not a number where the contender refuses the program."""
    best = math.inf
    for _ in range(3):
        action = prepared(name, size, contender, folder)
        try:
            _, taken = clock(action)
        except (RuntimeError, RecursionError) as error:
            print(f"  {contender} refuses {name} of {size}: {str(error).strip().splitlines()[0]}")
            return math.nan
        best = min(best, taken)
        if best > SHORT:
            break
    return best


def prepared(name: str, size: int, contender: str, folder: Path) -> Callable[[], Any]:
    """What is timed, on a program that no compiler has seen."""
    jit: Any = torchscript if contender == "torchscript" else torch.jit
    if name in ("save", "load"):
        scripted = jit.script(Many([nn.Linear(2, 2) for _ in range(size)]))
        if name == "save":
            return lambda: jit.save(scripted, io.BytesIO())
        buffer = io.BytesIO()
        jit.save(scripted, buffer)
        return lambda: jit.load(io.BytesIO(buffer.getvalue()))
    if name == "submodules alike":
        module = Many([nn.Linear(2, 2) for _ in range(size)])
        return lambda: jit.script(module)
    defined = define(SOURCES[name](size), folder)
    program = defined.make() if hasattr(defined, "make") else defined.f
    return lambda: jit.script(program)


class Many(nn.Module):
    """A module that calls all of its submodules."""

    def __init__(self, modules: list[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(modules)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


_defined = iter(range(10**9))


def define(source: str, folder: Path) -> Any:
    name = f"grown_{next(_defined)}"
    path = folder / f"{name}.py"
    path.write_text("import torch\nfrom torch import nn\nfrom typing import List\n\n\n" + source)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


# -- sources ---------------------------------------------------------------------------------------------------------


def body(lines: list[str]) -> str:
    return "".join(f"    {line}\n" for line in lines)


def statements(size: int) -> str:
    kinds = ("x = x + {i}.5", "n = n * 3 + {i}", "y = torch.relu(x) * n", "x = x - y", "n = n % 1000")
    return (
        "def f(x, n: int):\n    y = x\n"
        + body([kinds[i % 5].format(i=i) for i in range(size)])
        + "    return x, y, n\n"
    )


def branches(size: int) -> str:
    lines = []
    for i in range(size // 4):
        lines += [f"if n > {i}:", f"    x = x + {i}", "else:", f"    n = n + {i}"]
    return "def f(x, n: int):\n" + body(lines) + "    return x, n\n"


def loops(size: int) -> str:
    lines = []
    for i in range(size // 3):
        lines += ["for v in xs:", f"    n = n + v * {i}", "    x = x * 2"]
    return "def f(x, n: int, xs: List[int]):\n" + body(lines) + "    return x, n\n"


def calls(size: int) -> str:
    helpers = "".join(f"def helper{i}(x, n: int):\n    return x * n + {i}\n\n\n" for i in range(size // 10))
    lines = [f"x = helper{i % max(1, size // 10)}(x, n)" for i in range(size)]
    return helpers + "def f(x, n: int):\n" + body(lines) + "    return x\n"


def nested_ifs(size: int) -> str:
    lines = [" " * i + f"if n > {i}:" for i in range(size)] + [" " * size + "x = x + 1"]
    return "def f(x, n: int):\n" + body(lines) + "    return x\n"


def nested_loops(size: int) -> str:
    lines = [" " * i + f"for i{i} in range(n):" for i in range(size)] + [" " * size + "x = x + 1"]
    return "def f(x, n: int):\n" + body(lines) + "    return x\n"


def nested_expressions(size: int) -> str:
    text = "n"
    for i in range(size):
        text = f"({text} + ({i} if n > {i} else n))"
    return f"def f(n: int):\n    return {text}\n"


def nested_calls(size: int) -> str:
    text = "def f0(x, n: int):\n    return x + n\n\n\n"
    for i in range(1, size):
        text += f"def f{i}(x, n: int):\n    return f{i - 1}(x, n) * {i}\n\n\n"
    return text + f"def f(x, n: int):\n    return f{size - 1}(x, n)\n"


def own_classes(size: int) -> str:
    parts = []
    for i in range(size):
        parts.append(
            f"class Layer{i}(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
            "        self.linear = nn.Linear(2, 2)\n\n"
            f"    def forward(self, x):\n        return self.linear(x) + {i}\n\n\n"
        )
    parts.append(
        "class Whole(nn.Module):\n    def __init__(self, layers):\n        super().__init__()\n"
        "        self.layers = nn.ModuleList(layers)\n\n"
        "    def forward(self, x):\n        for layer in self.layers:\n            x = layer(x)\n        return x\n\n\n"
    )
    names = ", ".join(f"Layer{i}()" for i in range(size))
    return "".join(parts) + f"def make():\n    return Whole([{names}])\n"


SOURCES: dict[str, Callable[[int], str]] = {
    "statements": statements,
    "branches": branches,
    "loops": loops,
    "calls": calls,
    "nested ifs": nested_ifs,
    "nested loops": nested_loops,
    "nested expressions": nested_expressions,
    "nested calls": nested_calls,
    "submodules of own classes": own_classes,
}


if __name__ == "__main__":
    main()

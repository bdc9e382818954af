"""How commands print: rich for people, JSON for machines, and sizes in words."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Annotated, Any

import typer
from rich.console import Console

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
"""The option of every command that has something to say."""


def console() -> Console:
    """Standard output: coloured on a terminal, plain and never wrapped in a pipe."""
    made = Console(highlight=False)
    return made if made.is_terminal else Console(highlight=False, width=10_000)


def print_json(value: Any) -> None:
    print(json.dumps(_finite(value), indent=2, default=str, allow_nan=False))


def _finite(value: Any) -> Any:
    """JSON has no infinity and no NaN: they are the strings "inf", "-inf" and "nan"."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def size(count: float) -> str:
    """Bytes for people.

    >>> size(46_830_571)
    '46.8 MB'
    """
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"


def plural(count: int, noun: str, many: str = "") -> str:
    """
    >>> plural(1, "method"), plural(2, "method"), plural(2, "entry", "entries")
    ('1 method', '2 methods', '2 entries')
    """
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def print_diff(lines: Iterable[str], indent: str = "") -> None:
    """Lines of a unified diff, coloured on a terminal."""
    out = console()
    for line in lines:
        style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
        out.print(indent + line, style=style, markup=False, soft_wrap=True)


def print_source(text: str) -> None:
    """Code of an archive, coloured on a terminal."""
    out = console()
    if out.is_terminal:
        from rich.syntax import Syntax

        out.print(Syntax(text, "python", theme="ansi_dark", background_color="default"))
    else:
        print(text)

"""`torchscript passes`: try passes by hand on a graph in text form."""

from __future__ import annotations

import difflib
import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from ..app import No
from ..output import Json, print_diff, print_json


def passes(
    graph: Annotated[
        str | None,
        typer.Argument(metavar="GRAPH", help="A file with a graph in text form; - is standard input."),
    ] = None,
    named: Annotated[
        list[str] | None,
        typer.Option("--passes", "-p", metavar="NAMES", help="Names of passes, with commas between them."),
    ] = None,
    listed: Annotated[bool, typer.Option("--list", "-l", help="List the passes and exit.")] = False,
    check: Annotated[
        bool, typer.Option("--verify", help="Check the graph before, and after every pass.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show what changed, as a unified diff.")] = False,
    json: Json = False,
) -> None:
    """Run passes on a graph, in the order in which they are named, and print it.

    torchscript graph model.pt --inlined | torchscript passes - -p constprop,dce

    torchscript passes graph.ir -p cse,dce --verify --diff
    """
    from torchscript.errors import IRError
    from torchscript.ir import parse_graph, print_graph, verify
    from torchscript.passes import PASSES

    if listed:
        _list(json)
        return
    if graph is None:
        raise typer.BadParameter("give a file with a graph, or - for standard input", param_hint="GRAPH")
    names = [name.strip() for text in named or [] for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in PASSES]
    if unknown:
        close = difflib.get_close_matches(unknown[0], PASSES, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else "; --list shows all passes"
        raise typer.BadParameter(f"there is no pass '{unknown[0]}'{hint}", param_hint="-p")
    try:
        parsed = parse_graph(_read(graph))
    except IRError as error:
        first, _, rest = str(error).partition("\n")
        place = re.search(r"IR text, line (\d+)", rest)
        raise IRError(f"{graph}{f', line {place[1]}' if place else ''}: {first}") from None
    before = print_graph(parsed)
    changed: list[str] = []
    stage = "the graph that was read"
    try:
        if check:
            verify(parsed)
        for name in names:
            stage = f"what '{name}' made of it"
            if PASSES[name](parsed):
                changed.append(name)
            if check:
                verify(parsed)
    except IRError as error:
        if json:
            print_json({"ok": False, "stage": stage, "error": str(error)})
        else:
            print(f"{stage}: {error}", file=sys.stderr)
        raise No from None
    after = print_graph(parsed)
    if json:
        print_json({"graph": after, "passes": names, "changed": changed})
    elif diff:
        lines = difflib.unified_diff(
            before.splitlines(), after.splitlines(), "before", ",".join(["after", *names]), lineterm=""
        )
        print_diff(lines)
    else:
        print(after, end="")


def _read(graph: str) -> str:
    if graph == "-":
        return sys.stdin.read()
    try:
        return Path(graph).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise typer.BadParameter(f"{graph} is no text: {error.reason} at byte {error.start}") from None


def _list(json: bool) -> None:
    from torchscript.passes import PASSES

    about = {}
    for name, function in PASSES.items():
        module = sys.modules[function.__module__]
        about[name] = (module.__doc__ or "").strip().splitlines()[0]
    if json:
        print_json(about)
        return
    width = max(map(len, about))
    for name, line in about.items():
        print(f"{name.ljust(width)}  {line}")

"""`torchscript diff`: what differs between two archives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ..app import No
from ..archives import Archive, open_archive
from ..output import Json, console, plural, print_diff, print_json

if TYPE_CHECKING:
    from ..comparing import Difference


def diff(
    first: Archive,
    second: Archive,
    show_code: Annotated[bool, typer.Option("--code", help="Show the lines of code that differ.")] = False,
    tolerance: Annotated[
        float,
        typer.Option(min=0, help="Tensors whose difference has at most this norm, relatively, are equal."),
    ] = 0.0,
    json: Json = False,
) -> None:
    """Compare two archives: submodules, signatures, code, weights; exit code 1 if they differ.

    Weights are compared by value, wherever and in whichever order the files hold them.
    """
    from .. import comparing

    found = comparing.compare(open_archive(first), open_archive(second), tolerance)
    if json:
        print_json(found.as_json())
    else:
        _show(found, show_code)
    if found:
        raise No


def _show(found: Difference, show_code: bool) -> None:
    from rich.markup import escape
    from rich.table import Table

    out = console()
    sections = {
        "Archive": found.header,
        "Modules": found.modules,
        "Signatures": found.signatures,
        "Attributes": found.attributes,
    }
    for title, lines in sections.items():
        if lines:
            out.print(f"[bold]{title}")
            for line in lines:
                out.print("  " + escape(line), soft_wrap=True)
    if found.code:
        out.print("[bold]Code")
        for code in found.code:
            out.print(f"  {escape(code.name)}: {plural(code.added, 'line')} added, {code.removed} removed")
            if show_code:
                print_diff(code.diff, indent="    ")
    if found.tensors:
        out.print("[bold]Tensors")
        table = Table(box=None, pad_edge=False, padding=(0, 2))
        for title in ("  name", "what", "‖a-b‖", "‖a-b‖/‖a‖", "max |a-b|"):
            table.add_column(title, justify="left" if title in ("  name", "what") else "right")
        for tensor in found.tensors:
            numbers = (tensor.norm, tensor.relative, tensor.largest)
            table.add_row(
                f"  {escape(tensor.name)}",
                escape(tensor.what),
                *("" if number is None else f"{number:.4g}" for number in numbers),
            )
        out.print(table)
    same = plural(found.equal_tensors, "tensor") + (" is" if found.equal_tensors == 1 else " are") + " equal"
    out.print(same if found else f"The archives are equal: {same}, and so is all else")

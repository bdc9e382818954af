"""`torchscript cache`: the native libraries that were built on this machine."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from ..output import Json, print_json, size


def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Delete everything in it.")] = False,
    json: Json = False,
) -> None:
    """Show where compiled libraries are kept and how much there is, or delete them.

    torchscript cache --clear
    """
    from torchscript.native.build import cache_directory, cached_entries, clear_cache

    if clear:
        freed = clear_cache()
        if json:
            print_json({"directory": str(cache_directory()), "freed": freed})
        else:
            typer.echo(f"{cache_directory()}: deleted {size(freed)}")
        return
    entries = cached_entries()
    if json:
        print_json({
            "directory": str(cache_directory()),
            "entries": [{"name": e.name, "bytes": e.size, "used": e.used} for e in entries],
        })  # fmt: skip
        return
    typer.echo(f"{cache_directory()}: {len(entries)} entries, {size(sum(e.size for e in entries))}")
    for entry in entries:
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.used))
        typer.echo(f"  {entry.name:<40} {size(entry.size):>12}   used {used}")

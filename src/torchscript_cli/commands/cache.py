"""`torchscript cache`: the native libraries that were built on this machine."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from ..output import Json, plural, print_json, size


def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Delete everything in it.")] = False,
    json: Json = False,
) -> None:
    """Show where compiled libraries are kept, how much there is and when each was used last, or delete them.

    torchscript cache --clear

    What nobody used for 30 days goes by itself, and what is used least when all together exceed
    $TORCHSCRIPT_CACHE_LIMIT (5 GB; "none" for no limit). $TORCHSCRIPT_CACHE is the directory.
    """
    from torchscript.native.cache import DAYS, cache_directory, cache_limit, cached_entries, clear_cache

    directory = str(cache_directory())
    if clear:
        freed, left = clear_cache()
        if json:
            print_json({"directory": directory, "freed": freed, "in_use": [entry.name for entry in left]})
        else:
            in_use = f"; {plural(len(left), 'entry', 'entries')} in use" if left else ""
            typer.echo(f"{directory}: deleted {size(freed)}{in_use}")
        return
    limit = cache_limit()
    entries = cached_entries()
    if json:
        print_json({
            "directory": directory,
            "limit": limit,
            "days": DAYS,
            "entries": [{"name": e.name, "bytes": e.size, "used": e.used} for e in entries],
        })  # fmt: skip
        return
    total = size(sum(e.size for e in entries))
    of = "without limit" if limit is None else f"limit {size(limit)}"
    typer.echo(
        f"{directory}: {plural(len(entries), 'entry', 'entries')}, {total} ({of}, {DAYS} days without use)"
    )
    for entry in entries:
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.used))
        typer.echo(f"  {entry.name:<40} {size(entry.size):>12}   used {used}")

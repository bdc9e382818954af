"""A progress bar for what takes long: saving a large module while a terminal watches."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

THRESHOLD = 256 << 20
"""Bytes from which on there is a bar."""


@contextlib.contextmanager
def progress(title: str, total: int) -> Iterator[Callable[[int], object]]:
    """A function to be told of bytes that were written; it draws on standard error, or does nothing."""
    if total < THRESHOLD or not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda count: bar.advance(task, count)

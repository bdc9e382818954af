"""Pauses of the cyclic garbage collector.

Compiling makes many objects that stay. Full collections in between find nothing, and each looks at all of them: they would
make the time of compiling 10 000 statements twice as long, and more than linear in their number.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


@contextmanager
def paused() -> Iterator[None]:
    """No collection inside, unless the collector was off already.

    >>> with paused():
    ...     gc.isenabled()
    False
    >>> gc.isenabled()
    True
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def without_collecting(function: Callable[P, R]) -> Callable[P, R]:
    """The function, run without collections."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with paused():
            return function(*args, **kwargs)

    return run

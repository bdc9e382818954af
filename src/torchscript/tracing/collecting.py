"""The garbage collector while a trace is made.

A recording is many small objects that all stay, and to Python that is a reason to look at every object of the
process again and again, torch's included: a tenth of a second each time. Young objects are still collected.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_SELDOM, _NEVER = 10_000, 1 << 30
_lock = threading.Lock()
_traces = 0
_before = (0, 0, 0)


@contextmanager
def young_objects_only() -> Iterator[None]:
    """Have no collection of old objects; the last thread that leaves puts things back."""
    global _traces, _before
    with _lock:
        if _traces == 0:
            _before = gc.get_threshold()
            gc.set_threshold(*_while_tracing(_before))
        _traces += 1
    try:
        yield
    finally:
        with _lock:
            _traces -= 1
            if _traces == 0 and gc.get_threshold() == _while_tracing(_before):
                gc.set_threshold(*_before)


def _while_tracing(before: tuple[int, int, int]) -> tuple[int, int, int]:
    # 0 means that nothing is collected at all.
    return (max(before[0], _SELDOM) if before[0] else 0), before[1], _NEVER

"""Which recording the running thread is in.

Everything that observes a run (the function mode, the hook on modules, the stand-in for `len`, traced
numbers, compiled functions when they are called) asks here, so that threads do not see each other's
recordings.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .recorder import Recorder


class _State(threading.local):
    recorder: Recorder | None = None
    paused: bool = False


_state = _State()


def current() -> Recorder | None:
    """The recorder that wants to know what this thread does now, or None."""
    return None if _state.paused else _state.recorder


def is_tracing() -> bool:
    """Whether this thread is being recorded.

    >>> is_tracing()
    False
    """
    return current() is not None


@contextmanager
def activated(recorder: Recorder) -> Iterator[None]:
    """Make `recorder` this thread's recorder."""
    before = _state.recorder, _state.paused
    _state.recorder, _state.paused = recorder, False
    try:
        yield
    finally:
        _state.recorder, _state.paused = before


@contextmanager
def paused() -> Iterator[None]:
    """Run something without recording it."""
    before = _state.paused
    _state.paused = True
    try:
        yield
    finally:
        _state.paused = before

"""Who wrote an archive, as far as its records tell.

PyTorch writes no version of its own into an archive, but the format has changed often enough to bound it.
"""

from __future__ import annotations

from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING

from .legacy import MODEL, format_version
from .mobile import is_flatbuffer

if TYPE_CHECKING:
    from .container import Container

PRODUCER = ".data/producer"
"""The record in which this library says who wrote an archive; PyTorch ignores it."""

# A record → the first release of PyTorch that wrote it; the newest first.
_SINCE = (
    (".data/serialization_id", "2.1"),
    ("byteorder", "2.1"),
)
# The version of an archive → releases that wrote it. From 3 on, it is the newest change that the code depends on.
_BY_VERSION = {
    1: "PyTorch 1.3 or 1.4",
    2: "PyTorch 1.5",
    3: "PyTorch 1.6 or later",
    4: "PyTorch 1.6 or later",
    5: "PyTorch 1.6 or later",
    6: "PyTorch 1.9 or later",
    7: "PyTorch 1.10 or later",
    8: "PyTorch 1.11 or later",
    9: "PyTorch 1.11 or later",
    10: "PyTorch 1.12 or later",
}


def producer(container: Container, version: int) -> str:
    """For people: "torchscript 0.1.0", or "PyTorch 2.1 or later"."""
    if PRODUCER in container:
        text = container.read(PRODUCER)[:200].decode("utf-8", "replace").strip()
        if text.isprintable():
            return text
    if MODEL in container:
        return f"PyTorch 1.0 to 1.2 (its format number {format_version(container)})"
    if is_flatbuffer(container.buffer):
        return "PyTorch 1.12 or later, for its mobile interpreter"
    for record, release in _SINCE:
        if record in container:
            return f"PyTorch {release} or later"
    return _BY_VERSION.get(version, "an unknown PyTorch")


@cache
def own_name() -> str:
    """What this library writes as the producer of an archive."""
    try:
        return f"torchscript {metadata.version('torchscript')}"
    except metadata.PackageNotFoundError:  # run from its source
        return "torchscript"

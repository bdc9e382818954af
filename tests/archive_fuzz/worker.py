"""A process that loads damaged archives, one after the other, within limits of time and memory.

    python -m archive_fuzz.worker torchscript STATE FIRST LAST [SEEDS]

It prints a line of JSON for each archive that does what no archive may do, and one with the counts at its
end. The number of the archive at work stands in the file STATE, so that it is known if the process dies.
"""

from __future__ import annotations

import contextlib
import fnmatch
import gc
import io
import json
import mmap
import os
import random
import resource
import signal
import struct
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

import torch

from .mutators import mutated
from .seeds import SEEDS, seeds
from .target import load_and_compile

SECONDS = 5.0
MEMORY = 1 << 30
DIED_AT = struct.Struct("<q")


class TooSlow(BaseException):
    """Raised where an archive has used up its processor time."""


def case(number: int) -> tuple[str, bytes, list[str]]:
    """Damaged archive `number`: the name of the seed, the archive, and what was done to it."""
    chance = random.Random(number)
    name, data = chance.choice(list(seeds().items()))
    damaged, mutations = mutated(data, chance)
    return name, damaged, mutations


def is_of(number: int, pattern: str) -> bool:
    """Whether case `number` is made of a seed whose name fits `pattern`: "flatbuffer*"."""
    return pattern == "*" or fnmatch.fnmatchcase(random.Random(number).choice(list(SEEDS)), pattern)


def load_with_stock(data: bytes) -> str:
    """Only a process that dies or hangs counts: any exception is an answer."""
    try:
        torch.jit.load(io.BytesIO(data))
    except Exception:
        return "refused"
    return "loaded"


SUBJECTS: dict[str, Callable[[bytes], str]] = {"torchscript": load_and_compile, "torch.jit": load_with_stock}


def virtual_memory() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def start_of_peak() -> int:
    """Forget the most memory that the process ever had resident; the kilobytes that it has now."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return peak()


def peak() -> int:
    """The most kilobytes that were resident since then."""
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split(maxsplit=1)[0])


def limit_memory() -> None:
    limit = virtual_memory() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def limit_time(subject: str) -> None:
    """Python code is interrupted; C++ code that takes too long is ended with its process."""
    if subject == "torchscript":

        def stop(*_: object) -> None:
            raise TooSlow

        signal.signal(signal.SIGPROF, stop)


def attempt(subject: str, data: bytes) -> tuple[str, str, float]:
    """Outcome, details and processor seconds of loading one archive."""
    begin = time.process_time()
    detail = ""
    try:
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            outcome = SUBJECTS[subject](data)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    except TooSlow:
        outcome, detail = "slow", "".join(traceback.format_exc().splitlines(True)[-12:])
    except BaseException as error:
        frames = traceback.extract_tb(error.__traceback__)
        place = f"{Path(frames[-1].filename).name}:{frames[-1].name}" if frames else ""
        outcome = "memory" if isinstance(error, MemoryError) else "error"
        detail = f"{type(error).__name__} in {place}: {str(error)[:300]}"
    return outcome, detail, time.process_time() - begin


def main(subject: str, state: str, first: int, last: int, pattern: str) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    for data in seeds().values():  # everything is imported and warm before limits are set
        SUBJECTS[subject](data)
    limit_memory()
    limit_time(subject)
    counts: dict[str, int] = {}
    slowest, largest = (0.0, -1), (0, -1)
    with open(state, "r+b") as file, mmap.mmap(file.fileno(), DIED_AT.size) as at:
        for number in (number for number in range(first, last) if is_of(number, pattern)):
            DIED_AT.pack_into(at, 0, number)
            name, data, mutations = case(number)
            before = start_of_peak()
            outcome, detail, seconds = attempt(subject, data)
            largest = max(largest, (peak() - before, number))
            counts[outcome] = counts.get(outcome, 0) + 1
            slowest = max(slowest, (seconds, number))
            if outcome not in ("loaded", "refused"):
                line = {
                    "number": number,
                    "seed": name,
                    "mutations": mutations,
                    "outcome": outcome,
                    "detail": detail,
                }
                print(json.dumps(line), flush=True)
            if number % 500 == 499:
                gc.collect()
    print(json.dumps({"counts": counts, "slowest": slowest, "largest": largest}), flush=True)
    os._exit(0)  # nothing of 10 000 modules is worth freeing


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), *(sys.argv[5:] or ["*"]))

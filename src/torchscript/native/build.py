"""Build libraries, once: everything is cached on disk by the code, the compiler and its flags, PyTorch, and the processor.

    <cache>/toolchain-<key>/   precompiled header, runtime library, library of registration
    <cache>/program-<key>/     program.cpp, program.so

Two processes that want the same library wait for each other at a lock file; what is half built is never seen.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import filelock
import platformdirs

from .compiler import INCLUDE, RUNTIME, Compiler, find_compiler, run

PRECOMPILED = "torchscript/program.h"


def cache_directory() -> Path:
    """`$TORCHSCRIPT_CACHE`, or the user's cache directory."""
    given = os.environ.get("TORCHSCRIPT_CACHE")
    return Path(given) if given else platformdirs.user_cache_path("torchscript")


def build_program(text: str, *, name: str = "program", progress: bool | None = None) -> Path:
    """The shared library of a generated program, from the cache or built now.

    Raises CompilerError where there is no compiler or it fails. `progress` shows what is happening on
    standard error; by default where that is a terminal.
    """
    compiler = find_compiler()
    tools = toolchain(compiler, progress=progress)
    key = _key(text, tools.name)

    def make(directory: Path) -> None:
        source = directory / "program.cpp"
        source.write_text(text, encoding="utf-8")
        with _shown(f"compiling {name}", progress):
            compile_program(compiler, tools, source, directory / "program.so")

    return _cached(f"program-{key}", make) / "program.so"


def compile_program(compiler: Compiler, tools: Path, source: Path, output: Path) -> None:
    object = output.with_suffix(".o")
    # the precompiled header has to be asked for before the header itself is found
    include = ["-include", str(tools / PRECOMPILED)] if (tools / f"{PRECOMPILED}.gch").exists() else []
    run(
        [compiler.path, *compiler.flags, f"-I{tools}", *include, "-c", str(source), "-o", str(object)],
        source.name,
    )
    run(
        [compiler.path, str(object), str(tools / "libruntime.a"), *compiler.link, "-o", str(output)],
        source.name,
    )
    object.unlink()


def toolchain(compiler: Compiler | None = None, *, progress: bool | None = None) -> Path:
    """The directory with the precompiled header, `libruntime.a` and `register.so`."""
    compiler = compiler or find_compiler()
    key = _key(compiler.key, *(path.read_text(encoding="utf-8") for path in _own_sources()))

    def make(directory: Path) -> None:
        with _shown("preparing the compiler, once for this machine", progress):
            _make_toolchain(compiler, directory)

    return _cached(f"toolchain-{key}", make)


def _own_sources() -> list[Path]:
    return sorted([*INCLUDE.rglob("*.h"), *RUNTIME.glob("*.cpp")])


def _make_toolchain(compiler: Compiler, directory: Path) -> None:
    header = directory / PRECOMPILED
    header.parent.mkdir(parents=True)
    header.write_text(f'#include "{INCLUDE / PRECOMPILED}"\n', encoding="utf-8")
    flags = [compiler.path, *compiler.flags]
    run([*flags, "-x", "c++-header", str(header), "-o", f"{header}.gch"], "the runtime's headers")
    objects = []
    for source in sorted(RUNTIME.glob("*.cpp")):
        if source.name == "register.cpp":
            continue
        object = directory / f"{source.stem}.o"
        run([*flags, "-include", str(header), "-c", str(source), "-o", str(object)], source.name)
        objects.append(object)
    run(["ar", "rcs", str(directory / "libruntime.a"), *map(str, objects)], "the runtime library")
    source = RUNTIME / "register.cpp"
    run([*flags, str(source), str(directory / "libruntime.a"), *compiler.link, "-o", str(directory / "register.so")],
        source.name)  # fmt: skip


def _key(*parts: str) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode("utf-8", "surrogateescape"))
        digest.update(b"\0")
    return digest.hexdigest()[:24]


def _cached(name: str, make: Callable[[Path], None]) -> Path:
    """The directory `name` of the cache; `make` fills a new one, which then takes its place at once."""
    root = cache_directory()
    target = root / name
    if target.is_dir():
        with contextlib.suppress(OSError):
            os.utime(target)
        return target
    root.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(root / f"{name}.lock"):
        if not target.is_dir():
            for left in root.glob(f".{name}-*"):  # by a process that was killed: we have the lock
                shutil.rmtree(left, ignore_errors=True)
            temporary = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=root))
            try:
                make(temporary)
                os.replace(temporary, target)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
    return target


@contextlib.contextmanager
def _shown(what: str, progress: bool | None) -> Iterator[None]:
    """A spinner with `what` beside it, while it lasts."""
    if progress is None:
        progress = sys.stderr.isatty()
    if not progress:
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield


@dataclass(frozen=True, slots=True)
class Entry:
    """A directory of the cache: bytes on disk, and when it was used last (seconds since 1970)."""

    name: str
    size: int
    used: float


def cached_entries() -> list[Entry]:
    """What is in the cache, most recently used first."""
    root = cache_directory()
    entries = []
    for path in root.iterdir() if root.is_dir() else ():
        if path.is_dir() and path.name.startswith(("program-", "toolchain-")):
            size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
            entries.append(Entry(path.name, size, path.stat().st_mtime))
    return sorted(entries, key=lambda entry: -entry.used)


def clear_cache() -> int:
    """Delete what is in the cache (nothing else that lies in its directory); the bytes that it took.

    So goes what a killed process left half built; what is being built now stays.
    """
    root = cache_directory()
    freed = 0
    for left in [*root.glob(".program-*-*"), *root.glob(".toolchain-*-*")]:
        name = left.name[1:].rpartition("-")[0]
        with contextlib.suppress(filelock.Timeout), filelock.FileLock(root / f"{name}.lock", timeout=0):
            freed += sum(file.stat().st_size for file in left.rglob("*") if file.is_file())
            shutil.rmtree(left, ignore_errors=True)
    for entry in cached_entries():
        with filelock.FileLock(root / f"{entry.name}.lock"):
            shutil.rmtree(root / entry.name, ignore_errors=True)
        freed += entry.size
    for lock in root.glob("*.lock"):
        if not any(root.glob(f".{lock.stem}-*")):  # whoever builds now holds it
            lock.unlink(missing_ok=True)
    return freed

"""Build libraries, once: everything is cached on disk by the code, the compiler and its flags, PyTorch, and the processor.

    <cache>/toolchain-<key>/   precompiled headers, runtime library, library of registration
    <cache>/program-<key>/     program.cpp and what else there is of it (`codegen/cpp/files.py`), program.so

Two processes that want the same library wait for each other (`cache.py`); what is half built is never seen.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..codegen.cpp.files import QUICK
from .cache import cached, kept
from .compiler import INCLUDE, RUNTIME, Compiler, find_compiler, run

PROGRAM, KERNELS = "torchscript/program.h", "torchscript/kernels.h"
"""The headers of generated files, each of which begins with one of them."""


@contextlib.contextmanager
def built_program(
    files: Mapping[str, str], *, name: str = "program", progress: bool | None = None
) -> Iterator[Path]:
    """The shared library of a generated program, from the cache or built now; there while the context lasts.

    `files` are its C++ files: names → texts. Raises CompilerError where there is no compiler or it fails. `progress` shows
    what is happening on standard error; by default where that is a terminal.
    """
    compiler = find_compiler()
    tools = toolchain(compiler, progress=progress)
    key = _key(*(part for file in files.items() for part in file), tools.name)

    def make(directory: Path) -> None:
        for file, text in files.items():
            (directory / file).write_text(text, encoding="utf-8")
        sources = [directory / file for file in files]
        with _shown(f"compiling {name}", progress) as done:
            compile_program(compiler, tools, sources, directory / "program.so", done)

    with cached(f"program-{key}", make) as directory:
        yield directory / "program.so"


def _ignore(files: int, of: int) -> None:
    pass


Done = Callable[[int, int], None]
"""Told how many files are compiled, of how many, whenever that changes."""


def compile_program(
    compiler: Compiler, tools: Path, files: Sequence[Path], output: Path, done: Done = _ignore
) -> None:
    """Compile the C++ files at the same time, and link them."""
    sources = [file for file in files if file.suffix == ".cpp"]
    objects = _compiled(
        compiler, sources, output.parent, lambda source: _options(compiler, tools, source), done
    )
    run(
        [
            *compiler.command,
            *map(str, objects),
            str(tools / "libruntime.a"),
            *compiler.link,
            "-o",
            str(output),
        ],
        output.name,
    )
    for object in objects:
        object.unlink()


def _options(compiler: Compiler, tools: Path, source: Path) -> list[str]:
    """Options for a generated file: its precompiled header, and how much effort it deserves."""
    header = KERNELS if source.name.startswith("kernels") else PROGRAM
    effort = ["-O1"] if source.name.startswith(QUICK) else []
    return [*including_precompiled(compiler, tools, header), *effort]


def _compiled(
    compiler: Compiler,
    sources: Sequence[Path],
    directory: Path,
    options: Callable[[Path], list[str]],
    done: Done,
) -> list[Path]:
    """The object files of `sources`, compiled `jobs()` at a time."""
    count = itertools.count(1)
    done(0, len(sources))

    def make(source: Path) -> Path:
        object = directory / f"{source.stem}.o"
        command = [*compiler.command, *compiler.flags, *options(source)]
        run([*command, "-c", str(source), "-o", str(object)], source.name)
        done(next(count), len(sources))
        return object

    with ThreadPoolExecutor(jobs()) as pool:
        return list(pool.map(make, sources))


def jobs() -> int:
    """How many files are compiled at a time: `$MAX_JOBS`, as PyTorch's extensions have it, or as many as there are
    processors, up to 8 (each takes some 700 MB)."""
    given = os.environ.get("MAX_JOBS", "")
    return max(1, int(given)) if given.isdigit() else min(8, os.cpu_count() or 1)


def toolchain(compiler: Compiler | None = None, *, progress: bool | None = None) -> Path:
    """The directory with the precompiled header, `libruntime.a` and `register.so`; it stays while this process lives."""
    compiler = compiler or find_compiler()
    key = _key(compiler.key, *(path.read_text(encoding="utf-8") for path in _own_sources()))

    def make(directory: Path) -> None:
        with _shown("preparing the compiler, once for this machine", progress) as done:
            _make_toolchain(compiler, directory, done)

    return kept(f"toolchain-{key}", make)


def _own_sources() -> list[Path]:
    headers = [path for path in INCLUDE.rglob("*.h") if path.name != "module.h"]  # which hosts alone include
    return sorted([*headers, *RUNTIME.glob("*.cpp")])


def _make_toolchain(compiler: Compiler, directory: Path, done: Done) -> None:
    with ThreadPoolExecutor(jobs()) as pool:
        list(pool.map(lambda name: _precompile(compiler, directory, name), (PROGRAM, KERNELS)))
    sources = sorted(RUNTIME.glob("*.cpp"), key=lambda path: path.stat().st_size, reverse=True)
    objects = _compiled(
        compiler, sources, directory, lambda _: including_precompiled(compiler, directory), done
    )
    register, library = directory / "register.o", directory / "libruntime.a"
    runtime = [object for object in objects if object != register]
    run(["ar", "rcs", str(library), *map(str, runtime)], "the runtime library")
    command = [*compiler.command, str(register), str(library), *compiler.link]
    run([*command, "-o", str(directory / "register.so")], "register.so")
    for object in objects:
        object.unlink()


def _precompile(compiler: Compiler, directory: Path, name: str) -> None:
    """A header of all programs, compiled, where `including_precompiled` finds it though the directory will move."""
    header = directory / name
    header.parent.mkdir(parents=True, exist_ok=True)
    text = f'#include "{INCLUDE / name}"\n'
    flags = [*compiler.command, *compiler.flags, "-x", "c++-header"]
    what = "the runtime's headers"
    if compiler.is_clang:
        # clang wants the header where it was when it was compiled (so here is none), and what that includes with the same
        # times (which are others after the same package is installed again)
        run([*flags, "-Xclang", "-fno-pch-timestamp", "-", "-o", f"{header}.pch"], what, text)
    else:
        header.write_text(text, encoding="utf-8")
        run([*flags, str(header), "-o", f"{header}.gch"], what)


def including_precompiled(compiler: Compiler, tools: Path, header: str = PROGRAM) -> list[str]:
    """The flags by which the compiler takes one of the toolchain's precompiled headers."""
    if compiler.is_clang:
        return ["-include-pch", str(tools / f"{header}.pch")]
    # g++ finds what is compiled beside the header, if it is asked for that before the header itself is found
    return [f"-I{tools}", "-include", str(tools / header)]


def _key(*parts: str) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode("utf-8", "surrogateescape"))
        digest.update(b"\0")
    return digest.hexdigest()[:24]


@contextlib.contextmanager
def _shown(what: str, progress: bool | None) -> Iterator[Done]:
    """A bar with `what` beside it, while it lasts; what comes out tells it how far it is."""
    if progress is None:
        progress = sys.stderr.isatty()
    if not progress:
        yield _ignore
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        "{task.description}",
        BarColumn(),
        MofNCompleteColumn(),
        "files",
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda files, of: bar.update(task, completed=files, total=of)

"""Build libraries, once: everything is cached on disk by the code, the compiler and its flags, PyTorch, and the processor.

    <cache>/toolchain-<key>/   precompiled header, runtime library, library of registration
    <cache>/program-<key>/     program.cpp, program.so

Two processes that want the same library wait for each other (`cache.py`); what is half built is never seen.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

from .cache import cached, kept
from .compiler import INCLUDE, RUNTIME, Compiler, find_compiler, run

PRECOMPILED = "torchscript/program.h"


@contextlib.contextmanager
def built_program(text: str, *, name: str = "program", progress: bool | None = None) -> Iterator[Path]:
    """The shared library of a generated program, from the cache or built now; there while the context lasts.

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

    with cached(f"program-{key}", make) as directory:
        yield directory / "program.so"


def compile_program(compiler: Compiler, tools: Path, source: Path, output: Path) -> None:
    object = output.with_suffix(".o")
    include = including_precompiled(compiler, tools)
    run(
        [*compiler.command, *compiler.flags, *include, "-c", str(source), "-o", str(object)],
        source.name,
    )
    run(
        [*compiler.command, str(object), str(tools / "libruntime.a"), *compiler.link, "-o", str(output)],
        source.name,
    )
    object.unlink()


def toolchain(compiler: Compiler | None = None, *, progress: bool | None = None) -> Path:
    """The directory with the precompiled header, `libruntime.a` and `register.so`; it stays while this process lives."""
    compiler = compiler or find_compiler()
    key = _key(compiler.key, *(path.read_text(encoding="utf-8") for path in _own_sources()))

    def make(directory: Path) -> None:
        with _shown("preparing the compiler, once for this machine", progress):
            _make_toolchain(compiler, directory)

    return kept(f"toolchain-{key}", make)


def _own_sources() -> list[Path]:
    headers = [path for path in INCLUDE.rglob("*.h") if path.name != "module.h"]  # which hosts alone include
    return sorted([*headers, *RUNTIME.glob("*.cpp")])


def _make_toolchain(compiler: Compiler, directory: Path) -> None:
    _precompile(compiler, directory)
    flags = [*compiler.command, *compiler.flags]
    include = including_precompiled(compiler, directory)
    objects: list[Path] = []
    for source in sorted(RUNTIME.glob("*.cpp")):
        if source.name == "register.cpp":
            continue
        object = directory / f"{source.stem}.o"
        run([*flags, *include, "-c", str(source), "-o", str(object)], source.name)
        objects.append(object)
    run(["ar", "rcs", str(directory / "libruntime.a"), *map(str, objects)], "the runtime library")
    for object in objects:
        object.unlink()
    source = RUNTIME / "register.cpp"
    run([*flags, str(source), str(directory / "libruntime.a"), *compiler.link, "-o", str(directory / "register.so")],
        source.name)  # fmt: skip


def _precompile(compiler: Compiler, directory: Path) -> None:
    """The header of all programs, compiled, where `including_precompiled` finds it though the directory will move."""
    header = directory / PRECOMPILED
    header.parent.mkdir(parents=True)
    text = f'#include "{INCLUDE / PRECOMPILED}"\n'
    flags = [*compiler.command, *compiler.flags, "-x", "c++-header"]
    what = "the runtime's headers"
    if compiler.is_clang:
        # clang wants the header where it was when it was compiled (so here is none), and what that includes with the same
        # times (which are others after the same package is installed again)
        run([*flags, "-Xclang", "-fno-pch-timestamp", "-", "-o", f"{header}.pch"], what, text)
    else:
        header.write_text(text, encoding="utf-8")
        run([*flags, str(header), "-o", f"{header}.gch"], what)


def including_precompiled(compiler: Compiler, tools: Path) -> list[str]:
    """The flags by which the compiler takes the toolchain's precompiled header."""
    if compiler.is_clang:
        return ["-include-pch", str(tools / f"{PRECOMPILED}.pch")]
    # g++ finds what is compiled beside the header, if it is asked for that before the header itself is found
    return [f"-I{tools}", "-include", str(tools / PRECOMPILED)]


def _key(*parts: str) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode("utf-8", "surrogateescape"))
        digest.update(b"\0")
    return digest.hexdigest()[:24]


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

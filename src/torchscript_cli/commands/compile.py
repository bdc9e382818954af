"""`torchscript compile`: an archive as a native library."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from ..archives import Archive
from ..output import Json, print_json


def compile(
    archive: Archive,
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="Directory for model.so, model.pt and model.tensors."),
    ] = Path("."),
    optimize: Annotated[bool, typer.Option(help="Run the passes, and fuse kernels.")] = True,
    source: Annotated[
        bool, typer.Option("--source", help="Only print the C++ that would be compiled.")
    ] = False,
    json: Json = False,
) -> None:
    """Compile an archive to a native library, for C++ programs without Python.

    torchscript compile model.pt -o net/

    A C++ program then says torchscript::Module("net/"); see `torchscript cmake-prefix`.
    """
    import torchscript
    from torchscript.native.api import native_program

    module = torchscript.load(archive)
    if source:
        typer.echo(native_program(module, optimize=optimize)[0].text)
        return
    start = time.perf_counter()
    torchscript.compile(module, output=output, optimize=optimize)
    seconds = time.perf_counter() - start
    sizes = {name: (output / name).stat().st_size for name in ("model.so", "model.pt", "model.tensors")}
    if json:
        print_json({"directory": str(output), "seconds": seconds, "files": sizes})
        return
    typer.echo(f"{output}: {', '.join(sizes)} ({seconds:.1f} s)")

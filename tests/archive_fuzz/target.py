"""What is done to each archive: load it, compile everything in it, look at the result."""

from __future__ import annotations

import torchscript as jit
from torchscript.archive.reader import read_archive
from torchscript.ir import verify
from torchscript.runtime.linking import LINKER


def load_and_compile(data: bytes) -> str:
    """'loaded' or 'refused'; any exception but ArchiveError comes out.

    Methods compile when they are first called, so all are compiled here: source to graph, and graph to Python.
    """
    try:
        module = jit.load(data)
        repr(module)
        module.state_dict()
        archive = read_archive(data)
        archive.extra_files()
        archive.traced_inputs()
        functions = archive.functions()
        for function in functions:
            verify(function.graph)
        for function in functions:
            LINKER.function(function)
    except jit.ArchiveError as error:
        str(error)
        return "refused"
    return "loaded"

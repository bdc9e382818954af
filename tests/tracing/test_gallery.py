"""Wrong uses of `trace`: the exact text of every warning and error is in `gallery.test`."""

import linecache
import os
import re
import warnings
from pathlib import Path

import pytest
import torch
from torch import nn

import torchscript as jit

FILE = Path(__file__).with_name("gallery.test")
UPDATE = "TORCHSCRIPT_UPDATE_GALLERY" in os.environ


def cases():
    """By name: the program, and what it says."""
    _, *texts = re.split(r"^\[case\] ", FILE.read_text(), flags=re.M)
    found = {}
    for text in texts:
        name, _, rest = text.partition("\n")
        program, _, says = rest.partition("[says]\n")
        found[name] = program.strip("\n") + "\n", says.strip("\n")
    return found


CASES = cases()


def said_by(name, program):
    """The warnings and the error of a program, with the numbers of its lines."""
    filename = f"<{name}>"
    linecache.cache[filename] = len(program), None, program.splitlines(keepends=True), filename
    said = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        error = None
        try:
            exec(
                compile(program, filename, "exec"),
                {"jit": jit, "torch": torch, "nn": nn, "__name__": "gallery"},
            )
        except Exception as raised:
            error = f"{type(raised).__name__}: {raised}"
    for warning in caught:
        if "torch.jit" not in str(warning.message):
            where = f"line {warning.lineno}: " if warning.filename == filename else ""
            said.append(f"{where}{warning.category.__name__}: {warning.message}")
    if error is not None:
        said.append(error)
    return "\n".join(line.rstrip() for line in "\n\n".join(said).splitlines())


@pytest.mark.parametrize("name", CASES)
def test_what_is_said(name):
    program, expected = CASES[name]
    said = said_by(name, program)
    assert said, "it says nothing"
    if not UPDATE:
        assert said == expected


@pytest.mark.skipif(not UPDATE, reason="writes the file")
def test_update():
    head = FILE.read_text().partition("[case]")[0]
    texts = [
        f"[case] {name}\n{program}\n[says]\n{said_by(name, program)}\n"
        for name, (program, _) in CASES.items()
    ]
    FILE.write_text(head + "\n".join(texts))

"""Damaged archives: whatever the damage is, the answer is the archive or an ArchiveError."""

import io
import random
import zipfile

import pytest
import torch

from torchscript.archive.reader import read_archive
from torchscript.errors import ArchiveError

from .conftest import saved, scripted, traced
from .programs import Attributes, Classes, ControlFlow, Traceable

MODULES = {
    "attributes": lambda: scripted(Attributes()),
    "classes": lambda: scripted(Classes()),
    "control flow": lambda: scripted(ControlFlow()),
    "traced": lambda: traced(Traceable(), torch.rand(4, 4), torch.rand(4, 4)),
}


def with_bytes_changed(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice([1, 2, 5])):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed[: chance.randrange(len(changed))] if chance.random() < 0.1 else changed)


def with_a_record_changed(data: bytes, chance: random.Random) -> bytes:
    """Right as a zip file, wrong inside one record."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        chosen = chance.choice([n for n in old.namelist() if not n.endswith("debug_pkl")])
        for name in old.namelist():
            record = bytearray(old.read(name))
            if name == chosen and record:
                at = chance.randrange(len(record))
                match chance.randrange(3):
                    case 0:
                        record[at] = chance.randrange(256)
                    case 1:
                        del record[at : at + chance.randrange(1, 20)]
                    case _:
                        other = chance.randrange(len(record))
                        record[at:at] = record[other : other + chance.randrange(1, 40)]
            new.writestr(name, bytes(record))
    return buffer.getvalue()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("change", [with_bytes_changed, with_a_record_changed])
@pytest.mark.parametrize("name", MODULES)
def test_damage(name: str, change: object) -> None:
    whole = saved(MODULES[name]())
    refused = 0
    for seed in range(100):
        data = change(whole, random.Random(seed))  # type: ignore[operator]
        try:
            archive = read_archive(data)
            archive.instantiate(lambda cls, attributes: attributes)
            archive.compile_all()
        except ArchiveError:
            refused += 1
    assert 10 < refused

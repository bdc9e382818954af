"""Errors in archived code say which lines of the user's program that code was made of."""

import io
import sys
import zipfile

import pytest
import torch

import torchscript as jit

from .conftest import module, pickled, saved, scripted, zipped

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="errors have no notes before Python 3.11")


def helper(x: torch.Tensor, n: int) -> torch.Tensor:
    é = "no ASCII here"
    return x.view(n, -1)  # the line of the helper


class Model(torch.nn.Module):
    def forward(self, x: torch.Tensor, n: int) -> torch.Tensor:
        y = x + 1
        if n > 3:
            y = helper(y, n)  # the line of the call
        return torch.cat([y, y @ torch.ones(5)])  # the line of the product


def place(text: str) -> str:
    with open(__file__, encoding="utf-8") as file:
        lines = file.read().splitlines()
    number = next(i for i, line in enumerate(lines) if line.endswith(text))
    return f'  File "{__file__}", line {number + 1}\n    {lines[number].strip()}'


def notes_of(data: bytes, n: int) -> list[str]:
    with pytest.raises(RuntimeError) as failed:
        jit.load(data)(torch.ones(3), n)
    return getattr(failed.value, "__notes__", [])


@pytest.mark.parametrize(
    "write",
    [lambda: saved(scripted(Model())), lambda: jit.script(Model()).save_to_buffer()],
    ids=["stock", "ours"],
)
def test_callers_and_callees(write) -> None:
    head = "The original code, by <archive>:\n"
    data = write()
    assert notes_of(data, 5) == [
        head + place("# the line of the call") + "\n" + place("# the line of the helper")
    ]
    assert notes_of(data, 0) == [head + place("# the line of the product")]


def with_debug(data: bytes, record: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as old:
        records = {name.partition("/")[2]: old.read(name) for name in old.namelist()}
    return zipped({**records, "code/__torch__.py.debug_pkl": record})


CODE = module("def forward(x: Tensor, n: int) -> Tensor:\n  return torch.view(x, [n, -1])\n")


def test_the_layout_until_1_9() -> None:
    source = ("def f(x, n):\n    y = 1\n    return x.view(n, -1)\n", "old.py", 10)
    entries = ((0, ((("", None, 0), 0, 0))), (20, (source, 31, 50), 1))
    assert notes_of(with_debug(CODE, pickled(entries)), 5) == [
        'The original code, by <archive>:\n  File "old.py", line 12\n    return x.view(n, -1)'
    ]


@pytest.mark.parametrize(
    "record", [b"", b"\x80\x02.", pickled(7), pickled(((0, (("x", 3, "y"), 5, 6), 0),)), pickled(())]
)
def test_damaged_records_do_not_hide_the_error(record: bytes) -> None:
    assert notes_of(with_debug(CODE, record), 5) == []


def test_what_is_saved_again_keeps_the_places() -> None:
    once = jit.script(Model()).save_to_buffer()
    twice = jit.load(jit.load(once).save_to_buffer()).save_to_buffer()
    assert notes_of(twice, 5) == notes_of(once, 5)
    assert twice == jit.load(twice).save_to_buffer()
    from_stock = jit.load(saved(scripted(Model()))).save_to_buffer()
    assert notes_of(from_stock, 0) == notes_of(once, 0)


@pytest.mark.parametrize(
    "record",
    [b"", pickled(7), pickled(((0, (("x", 3, -1), 5, 6), 0),)), pickled(((0, (("x", "y", 3), 1, 1), 0),))],
)
def test_damaged_records_do_not_hinder_saving(record: bytes) -> None:
    again = jit.load(with_debug(CODE, record)).save_to_buffer()
    assert jit.load(again)(torch.ones(4), 2).shape == (2, 2)


def test_a_source_of_a_string_many_times_over_is_not_put_together() -> None:
    """A file of 200 kB whose source would have 10 GB."""
    strings = ("", "name.py", "x" * 100_000)
    entries = ((0, (([2] * 100_000, 1, 1), 0, 5), 0),)
    record = pickled(("FORMAT_WITH_STRING_TABLE", strings, entries))
    assert notes_of(with_debug(CODE, record), 5) == []

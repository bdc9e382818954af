"""Each wrong program of the gallery gets exactly the message beside it. `gallery.py` rewrites the messages."""

import pytest

import torchscript as jit

from . import gallery


@pytest.mark.parametrize("name", gallery.PROGRAMS)
def test_message(name):
    expected = (gallery.HERE / f"{name}.txt").read_text(encoding="utf-8")
    assert gallery.message_of(name) == expected
    assert expected.partition(":")[0] in vars(jit) or name.startswith("run_")


def test_there_are_enough():
    assert len(gallery.PROGRAMS) >= 100

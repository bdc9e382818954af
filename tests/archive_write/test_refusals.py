"""What no archive can hold is refused before anything is written, and the message says why."""

import os
import re
import warnings

import pytest
import torch

import torchscript as jit
from torchscript import types as T
from torchscript.archive.writer import save, save_to_buffer

from .support import Bare, holder


def refused(attribute, type_, match):
    with pytest.raises(jit.ArchiveError, match=match) as raised:
        save_to_buffer(holder(value=(attribute, type_)))
    assert "value" in str(raised.value)


def test_values_that_cannot_be_stored():
    refused(torch.Generator(), T.GENERATOR, "a random number generator")
    refused(object(), T.PYOBJECT, "a Python object")
    refused(torch.empty(2, device="meta"), T.TENSOR, "meta device")
    refused(2**64, T.INT, "64 bits")
    refused("no tensor", T.TENSOR, "it is a str")
    refused(object(), T.ANY, "has no type in the language")


def test_a_value_that_contains_itself():
    cls = T.ClassType("__torch__.cells.Node")
    cls.attributes["next"] = T.ClassAttribute(T.optional(cls))
    node = Bare(cls, next=None)
    node.next = node
    refused(node, cls, "contains itself")


def test_the_message_names_the_attribute():
    cls = T.ClassType("__torch__.cells.Cell")
    cls.attributes["items"] = T.ClassAttribute(T.ListType(T.DictType(T.STRING, T.ANY)))
    with pytest.raises(jit.ArchiveError, match=r"cannot save value\.items\[1\]\['k'\]: "):
        save_to_buffer(holder(value=(Bare(cls, items=[{}, {"k": object()}]), cls)))


def test_an_object_that_lacks_an_attribute():
    cls = T.ClassType("__torch__.cells.Cell")
    cls.attributes["n"] = T.ClassAttribute(T.INT)
    refused(Bare(cls), cls, "has no attribute 'n'")


def test_what_is_not_compiled():
    with pytest.raises(jit.ArchiveError, match="only compiled modules and functions"):
        save_to_buffer(torch.nn.Linear(2, 2))


def outside(x):
    import numpy

    return x


def calls_outside(x: torch.Tensor) -> torch.Tensor:
    y = x + 1
    return jit.annotate(torch.Tensor, outside(y))


@pytest.mark.filterwarnings("ignore")
def test_python_calls(tmp_path):
    scripted = jit.script(calls_outside)
    path = tmp_path / "m.pt"
    with pytest.raises(jit.ArchiveError, match="outside") as raised:
        save(scripted, path)
    assert "return jit.annotate(torch.Tensor, outside(y))" in str(raised.value)
    assert "^^^" in str(raised.value)
    assert os.listdir(tmp_path) == []


def test_hooks_that_the_archive_will_not_have_are_named():
    class Inner(torch.nn.Module):
        def forward(self, x):
            return x + 1

    class Outer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = Inner()
            self.inner.register_forward_hook(doubled)

        def forward(self, x):
            return self.inner(x)

    def doubled(module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> torch.Tensor:
        return output * 2

    x = torch.ones(2)
    module = jit.script(Outer())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = save_to_buffer(module)  # the submodule's hook stands in the code of its caller
        torch.testing.assert_close(jit.load(data)(x), x * 4)
        save_to_buffer(jit.load(data))
    module.inner.register_forward_pre_hook(doubled)
    seen = []

    def recorded(module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        seen.append(output)

    top = Outer()
    top.register_forward_hook(recorded)
    with pytest.warns(UserWarning, match=re.escape(f"'{doubled.__qualname__}' of 'inner'.")):
        save_to_buffer(module)
    with pytest.warns(UserWarning, match=f"hooks: '{re.escape(recorded.__qualname__)}' of the top") as caught:
        jit.script(top).save_to_buffer()
    assert len(caught) == 1

"""What C++ says of an operation that fails in our archive: the lines of the user's program."""

from __future__ import annotations

import pytest
import torch

import torchscript as jit

from .cpp_host import Host


def helper(x: torch.Tensor, n: int) -> torch.Tensor:
    return x.view(n, -1)  # what fails


class Model(torch.nn.Module):
    def forward(self, x: torch.Tensor, n: int) -> torch.Tensor:
        if n < 0:
            raise ValueError("n is negative")  # what is raised
        y = x * 2
        return helper(y, n)  # what calls it


def place(text: str) -> str:
    with open(__file__, encoding="utf-8") as file:
        number = 1 + next(i for i, line in enumerate(file) if line.rstrip().endswith(text))
    return f'File "{__file__}", line {number}, in '


def test_the_lines_of_the_user_are_in_what(host: Host) -> None:
    archive = jit.script(Model()).save_to_buffer()
    with pytest.raises(AssertionError) as failed:
        host.run(archive, (torch.ones(3), 5))
    message = str(failed.value)
    original = message.partition("Traceback of TorchScript, original code")[2]
    assert "shape '[5, -1]' is invalid for input of size 3" in original
    assert original.index(place("# what calls it") + "forward") < original.index(
        place("# what fails") + "helper"
    )
    assert "return x.view(n, -1)  # what fails" in original


def test_the_line_of_a_raise_is_in_what(host: Host) -> None:
    with pytest.raises(AssertionError) as failed:
        host.run(jit.script(Model()).save_to_buffer(), (torch.ones(3), -1))
    message = str(failed.value)
    assert "n is negative" in message
    assert place("# what is raised") + "forward" in message.partition("original code")[2]

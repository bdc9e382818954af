"""Stock PyTorch shows the lines of the user's source for errors in what we wrote."""

import io
import zipfile

import pytest
import torch

import torchscript as jit
from torchscript.archive.writer import save_to_buffer

from .support import stock_load


def helper(x: torch.Tensor, n: int) -> torch.Tensor:
    é = "no ASCII here"
    return x.view(n, -1)  # the line of the helper


def program(x: torch.Tensor, n: int) -> torch.Tensor:
    y = x + 1
    if n > 3:
        for _ in range(n):
            y = helper(y, n)  # the line of the call
    elif n == 0:
        y = torch.cat([torch.relu(y), y @ torch.ones(5)]) - 2  # the line of the product
    return y


def error_of(n: int) -> str:
    loaded = stock_load(save_to_buffer(jit.script(program)))
    with pytest.raises(RuntimeError) as raised:
        loaded(torch.ones(3), n)
    message = str(raised.value)
    assert "Traceback of TorchScript, original code" in message
    return message.partition("original code")[2]


def number_of(text: str) -> int:
    with open(__file__, encoding="utf-8") as file:
        return 1 + [text in line for line in file].index(True)


def test_lines_of_callers_and_callees():
    message = error_of(5)
    assert f'{__file__}", line {number_of("the line of the call")}' in message
    assert f'{__file__}", line {number_of("the line of the helper")}' in message
    shown = message.splitlines()
    call = next(i for i, line in enumerate(shown) if "the line of the call" in line)
    assert shown[call + 1].strip() == "~~~~~~ <--- HERE" or "~ <--- HERE" in shown[call + 1]


def test_the_span_inside_a_line():
    shown = error_of(0).splitlines()
    line = next(i for i, text in enumerate(shown) if "the line of the product" in text)
    column = shown[line].index("y @ ")
    assert shown[line + 1].index("~") == column


def test_a_loaded_graph_knows_the_lines():
    loaded = stock_load(save_to_buffer(jit.script(program)))
    line = number_of("    y = x + 1")
    assert f"test_debug_info.py:{line}:" in str(loaded.graph)


def test_what_was_loaded_and_saved_again_has_the_lines_of_the_first_program():
    again = jit.load(save_to_buffer(jit.script(program)))
    with pytest.raises(RuntimeError) as raised:
        stock_load(save_to_buffer(again))(torch.ones(3), 5)
    assert str(raised.value).partition("original code")[2] == error_of(5)


class Traced(torch.nn.Module):
    def forward(self, x):
        return distant(x.relu())  # the line of the traced call


secret = "nothing of this line is for an archive"


def between() -> str:
    return "nor is this"


def distant(x):
    return x.reshape(3, -1)  # the line of the traced operation


def test_of_the_users_file_an_archive_has_only_the_functions_that_run():
    data = save_to_buffer(jit.trace(Traced(), torch.ones(3)))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        text = b"".join(archive.read(name) for name in archive.namelist() if name.endswith(".debug_pkl"))
    assert b"the line of the traced call" in text and b"the line of the traced operation" in text
    assert b"nothing of this line" not in text and b"nor is this" not in text
    with pytest.raises(RuntimeError) as raised:
        stock_load(data)(torch.ones(4))
    number = number_of("return x.reshape(3, -1)")
    assert f'{__file__}", line {number}' in str(raised.value)

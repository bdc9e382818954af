"""`script(fallback=True)`: what cannot be compiled stays a Python call, is listed, and cannot be saved."""

import io
import json

import pytest
import torch
from torch import nn

import torchscript as jit

X = torch.randn(2, 3)


def parse(text: str) -> int:
    return int(json.loads(text)["n"])


def through_json(x, text: str):
    return x * parse(text)


class Logged(nn.Module):
    """A module that writes to a Python object: nothing that could be compiled."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)
        self.seen = {}

    def note(self, x):
        self.seen[len(self.seen)] = id(x)

    def forward(self, x):
        self.note(x)
        return self.layer(x)


class Outer(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
        self.logged = Logged()

    def forward(self, x, n: int = 2):
        for _ in range(n):
            x = self.logged(self.first(x))
        return x


class Pairs(nn.Module):
    """The submodule that stays Python returns a tuple, so what unpacks it stays Python too."""

    def __init__(self):
        super().__init__()
        self.inner = PairOf()
        self.last = nn.Linear(3, 3)

    def forward(self, x):
        a, b = self.inner(x)
        return self.last(a) + b


class PairOf(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x):
        y = eval("x + 1")
        return self.layer(y), y


def test_a_submodule_stays_python():
    module = Outer()
    scripted = jit.script(module, fallback=True)
    result = scripted(X)
    assert len(scripted.logged.seen) == 2  # the notes are the compiled module's
    torch.testing.assert_close(result, module(X))
    reasons = {one.name: one.reason for one in scripted.uncompiled()}
    assert set(reasons) == {"Logged.note"} and reasons["Logged.note"]
    assert "aten::linear" in str(scripted.inlined_graph)
    scripted.first[0].weight.data.zero_()
    torch.testing.assert_close(scripted(X), module(X))


def test_what_uses_a_python_result_of_unknown_type_stays_python_too():
    module = Pairs()
    scripted = jit.script(module, fallback=True)
    torch.testing.assert_close(scripted(X), module(X))
    assert {"PairOf.forward", "Pairs.forward"} <= {one.name for one in scripted.uncompiled()}
    assert "aten::linear" in str(scripted.last.graph)


def test_save_names_everything_that_is_left():
    scripted = jit.script(Outer(), fallback=True)
    buffer = io.BytesIO()
    with pytest.raises(jit.ArchiveError, match=r"Logged\.note"):
        jit.save(scripted, buffer)
    assert not buffer.getvalue()


def test_functions():
    scripted = jit.script(through_json, fallback=True)
    torch.testing.assert_close(scripted(X, '{"n": 3}'), through_json(X, '{"n": 3}'))
    assert [one.name for one in scripted.uncompiled()] == ["parse"]
    alone = jit.script(parse, fallback=True)
    assert alone('{"n": 4}') == 4
    assert [one.name for one in alone.uncompiled()] == ["parse"]
    with pytest.raises(jit.Error, match="parse"):
        alone.save(io.BytesIO())


def test_nothing_is_left_of_what_compiles():
    scripted = jit.script(nn.Linear(3, 3), fallback=True)
    assert scripted.uncompiled() == []
    scripted.save(io.BytesIO())


def test_without_fallback_errors_are_errors():
    with pytest.raises(jit.CompileError):
        jit.script(Pairs())


def test_false_forbids_even_what_the_specification_allows():
    @jit.ignore
    def helper(x):
        return x + 1

    def calls(x):
        return helper(x)

    assert jit.script(calls)(X) is not None
    with pytest.raises(jit.CompileError, match="helper"):
        jit.script(calls, fallback=False)

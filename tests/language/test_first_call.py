"""Arguments that nobody annotated take their types from the first call, or from `example_inputs`."""

import io

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import torchscript as jit

X = torch.arange(6.0).reshape(2, 3)


def variadic(*args):
    return args[0] + args[1]


def keywords(x, *args, **kwargs):
    for a in args:
        x = x + a
    for _, v in kwargs.items():
        x = x * v
    return x


def numbers(x, n, sizes):
    for s in sizes:
        x = x + n * s
    return x


def mode(x, name):
    if name == "relu":
        return F.relu(x)
    return x


def suffixed(x, name):
    text = name + "6"
    return F.relu6(x) if text == "relu6" else x


def activation(x, act):
    return act(x)


def masked(x, mask):
    return x if mask is None else x * mask


def scaled(x, n=3):
    return x * n


def scaled_by(x, flag=False):
    return x * flag


CALLS = [
    (variadic, [(3, 4.0), (1, 2, 3), (X, X)]), (keywords, [(X, 1), (X,), (X, 1, 2.5)]), (numbers, [(X, 3, [1, 2])]),
    (mode, [(X - 2, "relu"), (X, "none")]), (activation, [(X - 2, F.relu), (X, torch.tanh), (X, lambda t: t + 1)]),
    (masked, [(X, None), (X, X), (X, None)]), (scaled, [(X, 2.5), (X,), (X, 2)]),
]  # fmt: skip


@pytest.mark.parametrize("function, calls", CALLS, ids=lambda c: getattr(c, "__name__", ""))
def test_calls_say_the_types(function, calls, assert_same):
    scripted = jit.script(function)
    for call in calls:
        assert_same(scripted(*call), function(*call))


def test_numbers_for_a_bool():
    def chosen(x: torch.Tensor, positive: bool) -> torch.Tensor:
        return x if positive else -x

    scripted = jit.script(chosen)
    assert torch.equal(scripted(X, 0), -X) and torch.equal(scripted(X, 1), X)
    with pytest.raises(jit.ArgumentError, match="'positive'"):
        scripted(X, 2)
    assert torch.equal(jit.script(scaled_by)(X, 1), X) and torch.equal(jit.script(scaled_by)(X, 3), X * 3)


def test_tensors_of_one_element_for_numbers():
    def shifted(x: torch.Tensor, by: float, times: int, on: bool) -> torch.Tensor:
        return x * times + by if on else x

    scripted = jit.script(shifted)
    buffer = io.BytesIO()
    jit.save(scripted, buffer)
    buffer.seek(0)
    for program in (scripted, jit.load(buffer)):
        found = program(X, torch.tensor([2.5]), torch.tensor(3), torch.tensor(True))
        assert torch.equal(found, X * 3 + 2.5)
        with pytest.raises(jit.ArgumentError, match="'by'"):
            program(X, torch.tensor([1.0, 2.0]), 3, True)
        with pytest.raises(jit.ArgumentError, match="'by'"):  # its gradient would be lost
            program(X, torch.tensor(1.0, requires_grad=True), 3, True)


def test_keyword_arguments():
    scripted = jit.script(keywords)
    torch.testing.assert_close(scripted(X, 2, k=X), keywords(X, 2, k=X))


def test_the_first_call_is_what_is_saved():
    scripted = jit.script(suffixed)
    with pytest.raises(jit.CompileError, match="first"):
        scripted.graph
    scripted(X, "relu")
    buffer = io.BytesIO()
    scripted.save(buffer)
    buffer.seek(0)
    torch.testing.assert_close(torch.jit.load(buffer)(X - 2, "relu"), F.relu6(X - 2))


class Repeated(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)
        self.norm = nn.BatchNorm1d(3)

    def forward(self, x, n, mask):
        for _ in range(n):
            x = self.norm(self.layer(x))
        return x if mask is None else x * mask


@pytest.mark.parametrize("mask", [None, X])
def test_modules(mask):
    module = Repeated().eval()
    scripted = jit.script(module)
    torch.testing.assert_close(scripted(X, 2, mask), module(X, 2, mask))
    again = jit.script(module, example_inputs={module: [(X, 2, mask)]})
    torch.testing.assert_close(again(X, 2, mask), module(X, 2, mask))
    scripted.layer.weight.data.zero_()
    torch.testing.assert_close(scripted(X, 2, mask), module(X, 2, mask))


def test_a_mistake_is_told_when_it_is_compiled(assert_refused):
    def f(x, n):
        return x.no_such_method(n)

    assert_refused(f, "no_such_method")


def test_wrong_calls_are_refused():
    scripted = jit.script(scaled)
    with pytest.raises(jit.ArgumentError):
        scripted()
    with pytest.raises(jit.ArgumentError):
        scripted(X, 1, 2)

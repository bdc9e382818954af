"""Subscripts of tensors agree with eager mode, read and written, for any rank."""

import io

import pytest
import torch

import torchscript as jit


def round_trips(function):
    """The compiled function, and what comes back from an archive here and in PyTorch."""
    compiled = jit.script(function)
    buffer = io.BytesIO()
    jit.save(compiled, buffer)
    buffer.seek(0)
    loaded = jit.load(buffer)
    buffer.seek(0)
    return compiled, loaded, torch.jit.load(buffer)


def new_last(x, t):
    return x[..., None, None]


def new_between(x, t):
    return x[..., None, :]


def new_and_int(x, t):
    return x[..., None, 0]


def gather_last(x, t):
    return x[..., t]


def gather_before_slice(x, t):
    return x[..., t, 1:]


def gather_before_new(x, t):
    return x[..., t, None]


def gather_before_int(x, t):
    return x[..., t, 1]


def gather_around(x, t):
    return x[t, ..., t]


def gather_first(x, t):
    return x[t, ..., :2]


def two_behind(x, t):
    return x[..., t, t]


def list_behind(x, t):
    return x[..., [1, 0]]


def written_behind(x, t):
    y = x.clone()
    y[..., t] = 5.0
    return y


def written_around(x, t):
    y = x.clone()
    y[t, ..., 0] = -x[t, ..., 1]
    return y


def added_behind(x, t):
    y = x.clone()
    y[..., t] += 1
    y[..., 0] *= 2
    return y


FUNCTIONS = [
    new_last, new_between, new_and_int, gather_last, gather_before_slice, gather_before_new, gather_before_int,
    gather_around, gather_first, two_behind, list_behind, written_behind, written_around, added_behind,
]  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_indexing(function):
    forms = round_trips(function)
    t = torch.tensor([1, 0])
    for shape in ((3, 3), (3, 4, 3), (2, 3, 4, 5)):
        x = torch.randn(shape)
        expected = function(x, t)
        for form in forms:
            assert torch.equal(form(x, t), expected)


def test_two_ellipses_are_refused():
    def f(x):
        return x[..., 0, ...]

    with pytest.raises(jit.Error, match="only once"):
        jit.script(f)

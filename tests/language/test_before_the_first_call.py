"""Modules that are saved before anybody called them: what their unannotated arguments may be afterwards."""

import io

import pytest
import torch
from torch import nn

import torchscript as jit


def reloaded(module: nn.Module) -> jit.ScriptModule:
    buffer = io.BytesIO()
    jit.save(jit.script(module), buffer)
    buffer.seek(0)
    return jit.load(buffer)


class Difference(nn.Module):
    def forward(self, left, right):
        return left - right


class Wrapper(nn.Module):
    def __init__(self, inner: nn.Module):
        super().__init__()
        self.inner = inner

    def forward(self, *args, **kwargs):
        return self.inner(*args, **kwargs)


class Positional(Wrapper):
    def forward(self, *args):
        return self.inner(*args).squeeze(-1)


X, Y = torch.randn(2, 1), torch.randn(2, 1)


def test_what_args_and_kwargs_pass_on_is_what_the_callee_takes():
    for module in Wrapper(Difference()), Wrapper(Wrapper(Difference())):
        loaded = reloaded(module)
        torch.testing.assert_close(loaded(X, Y), X - Y)
        torch.testing.assert_close(loaded(right=Y, left=X), X - Y)
    with pytest.raises(jit.ArgumentError, match="without 'right'"):
        loaded(X)


def test_args_alone_stand_for_as_few_tensors_as_compile():
    torch.testing.assert_close(reloaded(Positional(Difference()))(X, Y), (X - Y).squeeze(-1))


def test_the_first_call_says_how_many_args_there_are():
    class Cat(nn.Module):
        def forward(self, *parts):
            return torch.cat(parts, 1)

    torch.testing.assert_close(jit.script(Cat())(X, Y, X), torch.cat([X, Y, X], 1))


def test_an_error_that_arguments_do_not_cure_stays_the_first_one():
    class Broken(nn.Module):
        def forward(self, *args):
            undefined_name
            return torch.cat(*args)

    with pytest.raises(jit.CompileError, match="'undefined_name' is not defined"):
        jit.script(Broken())


class Step(nn.Module):
    def forward(self, x, step, scale=None):
        if step == 0:
            x = x + 1
        if scale is not None:
            x = x * scale
        return x * step + torch.arange(step + 2).sum()


@pytest.mark.parametrize("step", [0, 3, True])
def test_an_archive_takes_a_number_for_a_tensor(step):
    loaded = reloaded(Step())
    expected = Step()(X, step, 2)
    torch.testing.assert_close(loaded(X, step, 2), expected)
    torch.testing.assert_close(loaded(X, step, torch.tensor(2)), expected)


def test_an_archive_takes_a_tensor_for_the_list_of_its_rows():
    class Last(nn.Module):
        def forward(self, features: list[torch.Tensor]):
            return features[-1] * len(features)

    batch = torch.randn(3, 2)
    torch.testing.assert_close(reloaded(Last())(batch), Last()(batch))


@pytest.mark.parametrize("value", ["text", 0.5, [1], 2**70])
def test_other_values_are_no_tensors(value):
    with pytest.raises(jit.ArgumentError, match="'step'"):
        reloaded(Step())(X, value)


def test_a_compiled_function_that_was_not_saved_keeps_the_numbers_type():
    def echo(x, n):
        return n

    assert jit.script(echo)(X, 3) == 3
    assert isinstance(jit.script(echo)(X, 3), int)


def test_a_call_with_too_many_arguments_raises_only_where_it_is_reached():
    class Stateful(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.ReLU()

        def forward(self, x, hidden=None):
            if hidden is None:
                return self.inner(x)
            return self.inner(x, hidden)

    loaded = reloaded(Stateful())
    torch.testing.assert_close(loaded(X), X.relu())
    with pytest.raises(TypeError):
        Stateful()(X, X)
    with pytest.raises((jit.Error, TypeError), match="positional arguments"):
        loaded(X, X)

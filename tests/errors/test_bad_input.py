"""What a user gets for bad input: an error of the library's own, at the user's line, before anything has run."""

import copy
import io
import pickle

import pytest
import torch
from torch import nn

import torchscript as jit


def test_a_function_without_source_says_so():
    with pytest.raises(jit.NotSupportedError, match="source of '<lambda>' is not available"):
        jit.script(eval("lambda x: x + 1"))
    namespace = {}
    exec("def made(x):\n    return x", namespace)
    with pytest.raises(jit.CompileError, match="interactive session, by exec"):
        jit.script(namespace["made"])


def refused(function, line, message, kind=jit.CompileError):
    with pytest.raises(kind) as caught:
        jit.script(function)
    text = str(caught.value)
    assert message in text
    lines = text.splitlines()
    position = next(i for i, shown in enumerate(lines) if line in shown)
    assert set(lines[position + 1].strip()) == {"^"}, text
    assert __file__ in text
    return text


def test_syntax_outside_the_language():
    def f(x):
        yield x

    text = refused(f, "yield x", "A generator ('yield') cannot be compiled", jit.NotSupportedError)
    assert "Collect the values in a list" in text


def test_an_undefined_name_in_a_callee_names_the_caller():
    def callee(x):
        return nothing_of_this_name(x)

    def caller(x):
        return callee(x)

    text = refused(caller, "return nothing_of_this_name(x)", "The name 'nothing_of_this_name' is not defined")
    assert "'callee' is compiled because it is called here" in text
    assert "return callee(x)" in text


def test_a_close_name_is_suggested():
    def f(values):
        return value + 1

    assert "Did you mean 'values'?" in refused(f, "return value + 1", "The name 'value' is not defined")


def test_branches_of_different_types():
    def f(x):
        if x.sum() > 0:
            r = x
        else:
            r = 4
        return r

    refused(f, "return r", "r is set to type Tensor in the true branch and type int in the false branch")


def test_wrong_arguments_are_refused_before_anything_runs():
    @jit.script
    def f(x: torch.Tensor, n: int):
        x.add_(1)
        return x * n

    x = torch.zeros(1)
    for arguments, message in [
        ((x, 2.5), "expects a value of type 'int' for the argument 'n', but it got a float (2.5)"),
        ((3, 2), "expects a value of type 'Tensor' for the argument 'x', but it got an int (3)"),
        ((x,), "is called without 'n'"),
        ((x, 1, 2), "takes 2 arguments, but 3 are given"),
    ]:
        with pytest.raises(jit.ArgumentError) as caught:
            f(*arguments)
        assert message in str(caught.value)
        assert isinstance(caught.value, TypeError)
    with pytest.raises(jit.ArgumentError, match="has no argument 'm'"):
        f(x, 1, m=3)
    assert x.item() == 0


def test_files_that_are_no_archives(tmp_path):
    with pytest.raises(jit.ArchiveError, match="there is no file"):
        jit.load(tmp_path / "missing.pt")
    foreign = tmp_path / "foreign.pt"
    foreign.write_text("not an archive")
    with pytest.raises(jit.ArchiveError, match="is not a zip file"):
        jit.load(foreign)
    checkpoint = tmp_path / "checkpoint.pt"
    torch.save({"weight": torch.ones(2)}, checkpoint)
    with pytest.raises(jit.ArchiveError, match=r"read it with torch\.load"):
        jit.load(checkpoint)
    with pytest.raises(jit.ArchiveError):
        jit.load(io.BytesIO(b"PK\x03\x04 truncated"))


def test_what_cannot_be_compiled_at_all():
    with pytest.raises(jit.Error, match="'int' objects cannot be compiled"):
        jit.script(3)
    with pytest.raises(jit.Error, match="compile an instance of it"):
        jit.script(nn.Linear)


class Branching(nn.Module):
    def __init__(self, use_bias):
        super().__init__()
        self.use_bias = use_bias
        self.linear = nn.Linear(2, 2)

    def forward(self, x):
        if self.use_bias:
            return self.linear(x) + self.missing
        return self.linear(x)


def test_nothing_stays_behind_after_a_failed_compilation():
    module = Branching(True)
    with pytest.raises(jit.CompileError, match="has no attribute 'missing'"):
        jit.script(module)
    module.use_bias = False
    scripted = jit.script(module)
    x = torch.rand(1, 2)
    assert torch.equal(scripted(x), module(x))
    with pytest.raises(jit.Error, match="'use_bias' of Branching was compiled in as the constant False"):
        scripted.use_bias = True


def test_copies_and_pickles_run():
    module = Branching(False)
    scripted = jit.script(module)
    x = torch.rand(1, 2)
    for other in (copy.deepcopy(scripted), pickle.loads(pickle.dumps(scripted))):
        assert torch.equal(other(x), module(x))
        assert other.linear.weight is not module.linear.weight


def test_hooks_registered_after_compiling_run_once():
    scripted = jit.script(Branching(False))
    seen = []
    scripted.linear.register_forward_hook(lambda module, args, output: seen.append(output))
    scripted(torch.rand(1, 2))
    assert len(seen) == 1

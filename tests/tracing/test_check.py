"""Automatic checking: the trace is repeated, and the graphs and results are compared."""

import itertools
import re
import warnings

import pytest
import torch
from torch import nn

import torchscript as jit


def loop_in_traced_fn(x):
    result = x[0]
    for i in range(x.size(0)):
        result = result * x[i]
    return result


@pytest.mark.filterwarnings("ignore::torchscript.TracerWarning")
def test_graphs_that_differ_are_shown():
    inputs = (torch.rand(3, 4, 5),)
    with pytest.raises(jit.TracingCheckError) as raised:
        jit.trace(loop_in_traced_fn, inputs, check_inputs=[(torch.rand(4, 5, 6),)])

    text = str(raised.value)
    assert text.startswith("Tracing failed sanity checks!\nERROR: Graphs differed across invocations!\n")
    assert "Graph diff:" in text
    assert re.search(r"^\t\t\+ .*aten::select", text, re.M)
    assert "First diverging operator:" in text
    assert "result = result * x[i]" in text


def test_source_lines_of_both_are_shown():
    numbers = itertools.count()

    def f(x):
        return x * next(numbers)

    with pytest.warns(jit.TracerWarning, match="Output nr 1"), pytest.raises(jit.TracingCheckError) as raised:
        jit.trace(f, torch.rand(2))

    assert "Trace source location:" in str(raised.value)
    assert str(raised.value).count("return x * next(numbers)") == 2


def test_constants_that_differ_are_shown():
    numbers = itertools.count()

    def f(x):
        return x + torch.tensor([float(next(numbers)), 2.0, 3.0])

    with pytest.warns(jit.TracerWarning, match="Output nr 1"), pytest.raises(jit.TracingCheckError) as raised:
        jit.trace(f, torch.rand(3))

    assert "Tensor-valued Constant nodes differed in value" in str(raised.value)


def test_results_that_differ_are_warned_of():
    calls = []

    def f(x):
        calls.append(1)
        return x, x * 2 if len(calls) < 3 else x * 2.0000001 + 1

    with pytest.warns(
        jit.TracerWarning, match="Output nr 2. of the traced function does not match"
    ) as caught:
        jit.trace(f, torch.rand(3))
    assert caught[0].filename == __file__


def test_dropout_that_was_left_on_is_named():
    with pytest.warns(jit.TracerWarning, match=r"(?s)nondeterministic nodes.*aten::dropout"):
        jit.trace(nn.Sequential(nn.Dropout()), torch.rand(3))


@pytest.mark.filterwarnings("error::torchscript.TracerWarning")
def test_right_traces_are_quiet():
    jit.trace(
        nn.Sequential(nn.Linear(3, 3), nn.Dropout()).eval(),
        torch.rand(2, 3),
        check_inputs=[(torch.rand(4, 3),)],
    )
    jit.trace(lambda x: x.flatten(), torch.rand(2, 3), check_inputs=[torch.rand(4), torch.rand(2, 2, 2)])


@pytest.mark.filterwarnings("ignore::torchscript.TracerWarning")
def test_a_trace_that_cannot_take_an_input_says_so():
    def f(x):
        return x.view(2, 3) if x.numel() == 6 else x

    with pytest.raises(
        jit.TracingCheckError, match="encountered an exception while running the trace"
    ) as raised:
        jit.trace(f, torch.rand(6), check_inputs=[(torch.rand(7),)])
    assert "ERROR: Graphs differed" in str(raised.value)


def test_checking_leaves_the_random_state_alone():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(3)
        jit.trace(lambda x: x + torch.rand(3), torch.rand(3))
        after_checking = torch.rand(1)
        torch.manual_seed(3)
        jit.trace(lambda x: x + torch.rand(3), torch.rand(3), check_trace=False)
    assert torch.equal(torch.rand(1), after_checking)

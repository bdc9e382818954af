"""Automatic checking: the trace is repeated, and the graphs and results are compared."""

import copy
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


_masks = {}


def mask_of(n):
    if n not in _masks:
        _masks[n] = torch.ones(n, n).tril()
    return _masks[n]


class Caches(nn.Module):
    def __init__(self):
        super().__init__()
        self.scales = {}

    def forward(self, x):
        n = x.size(0)
        if n not in self.scales:
            self.scales[n] = torch.arange(n)
        return x * mask_of(n) * self.scales[n]


@pytest.mark.filterwarnings("error:Output nr")
def test_what_a_trace_leaves_in_caches_is_not_another_path(assert_same_run):
    _masks.clear()
    module = Caches()
    with pytest.warns(jit.TracerWarning, match="The global '_masks' was changed"):
        traced = jit.trace(module, torch.rand(3, 3))

    assert [*_masks, *module.scales] == [3, 3]  # as after any call
    for size in (3, 5):
        assert_same_run(traced, module, torch.rand(size, size))


_doubled = {}


def doubled(n, key):
    if key not in _doubled:
        _doubled[key] = n * 2
    return _doubled[key]


class TwoMethods(nn.Module):
    def forward(self, x):
        return x + doubled(x.size(0), "forward")

    def other(self, x):
        return x * doubled(x.size(0), "other")


@pytest.mark.filterwarnings("ignore::torchscript.TracerWarning")
def test_caches_are_as_before_the_first_of_several_methods():
    _doubled.clear()
    traced = jit.trace_module(TwoMethods(), {"forward": torch.rand(3), "other": torch.rand(3)})

    assert list(_doubled) == ["forward", "other"]
    x = torch.rand(5)
    torch.testing.assert_close((traced(x), traced.other(x)), (x + 10, x * 10))


class Smooths(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.GRUCell(4, 4)
        self.state = torch.zeros(2, 4)
        self.sum = torch.zeros(4)

    def forward(self, x):
        self.state = self.cell(x, self.state).detach()
        self.sum += x.sum(0).detach()
        return self.state + self.sum


@pytest.mark.filterwarnings("error::torchscript.TracerWarning")
def test_tensors_in_plain_attributes_are_left_alone_by_checks(assert_same):
    module = Smooths()
    traced = jit.trace(module, torch.rand(2, 4), check_inputs=[torch.rand(2, 4)] * 2)
    eager = copy.deepcopy(module)
    for _ in range(2):
        x = torch.rand(2, 4)
        assert_same(traced(x), eager(x))

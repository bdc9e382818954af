"""`branches=`: what is done where a tensor or a size decides what Python does next."""

import io
import threading

import pytest
import torch
from torch import nn

import torchscript as jit


def choose(x, k):
    if x.sum() > 0:
        return x * k
    return x - k


def product(x):
    result = x[0]
    for i in range(x.size(0)):
        result = result * x[i]
    return result


def pads_to_even(x):
    if x.size(0) % 2 == 1:
        x = torch.cat([x, x[:1]])
    return x


def total_of_rows(x):
    total = torch.zeros(x.size(1))
    for row in x:
        total = total + row
    return total


def halve(x):
    while x.max() > 1:
        x = x / 2
    return x


def calls_choose(x):
    return choose(x, 3) + choose(-x, 2.0)


def calls_a_closure(x):
    scale = 2

    def inner(y):
        return y if y.sum() > 0 else y * scale

    return inner(x) + inner(-x)


FUNCTIONS = {
    product: "prim::Loop",
    pads_to_even: "prim::If",
    total_of_rows: "prim::Loop",
    halve: "prim::Loop",
    calls_choose: "prim::If",
    calls_a_closure: "prim::If",
}


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_what_takes_decisions_is_compiled(function, assert_same_run, check_graph):
    with pytest.warns(
        jit.TracerWarning, match=r"The function '\w+' is compiled with `script` and called"
    ) as caught:
        traced = jit.trace(
            function, torch.rand(3, 4), branches="script", check_inputs=[torch.rand(4, 2), -torch.rand(2, 5)]
        )

    assert len(caught) == 1 and caught[0].filename == __file__
    assert FUNCTIONS[function] in str(traced.inlined_graph)
    check_graph(traced.graph)
    for x in (torch.rand(2, 3) * 9, -torch.rand(5, 2), torch.rand(1, 1)):
        assert_same_run(traced, function, x)
        assert_same_run(torch.jit.load(io.BytesIO(traced.save_to_buffer())), function, x)


class Chooses(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.linear = nn.Linear(size, size)

    def forward(self, x, flag, *, times=2):
        y = self.by_sign(self.linear(x))
        for _ in range(times):
            y = y + 1
        return y if flag else x

    def by_sign(self, x):
        if x.sum() > 0:
            return x + 1
        return x * 2


class Parent(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.rest = Chooses(3), nn.ModuleList([Chooses(3), nn.Linear(3, 3)])
        self.scale = {"cannot be compiled": object()}

    def forward(self, x):
        x = self.first(x, True, times=len(self.scale))
        return self.rest[1](self.rest[0](x, False))


@pytest.mark.filterwarnings("ignore::torchscript.TracerWarning")
def test_modules_that_take_decisions_are_compiled(assert_same):
    module = Parent()

    traced = jit.trace(module, torch.rand(2, 3), branches="script")

    assert "prim::If" in str(traced.first.inlined_graph)
    assert "prim::CallMethod" in str(traced.graph) and "prim::If" not in str(traced.graph)
    assert traced.first.linear.weight is module.first.linear.weight
    assert type(module.first) is Chooses and type(module.rest[0]) is Chooses
    for loaded in (traced, torch.jit.load(io.BytesIO(traced.save_to_buffer()))):
        for x in (torch.rand(2, 3), -9 * torch.rand(4, 3)):
            assert_same(loaded(x), module(x))


@pytest.mark.filterwarnings("ignore::torchscript.TracerWarning")
def test_the_traced_module_may_take_decisions_itself(assert_same):
    module = Chooses(3)

    traced = jit.trace(module, (torch.rand(2, 3), torch.tensor(True)), branches="script")

    for flag in (True, False):
        x = torch.rand(4, 3)
        assert_same(traced(x, torch.tensor(flag)), module(x, flag))


def cannot_be_compiled(x):
    kind = type("Kind", (), {})
    return x if x.sum() > 0 else kind


def test_what_cannot_be_compiled_is_recorded_and_says_why(assert_same):
    with pytest.warns(jit.TracerWarning, match=r"(?s)boolean.*recorded all the same.*type") as caught:
        traced = jit.trace(cannot_be_compiled, torch.rand(3), branches="script")
    assert len(caught) == 1 and "Use isinstance." in str(caught[0].message)
    assert_same(traced(torch.ones(2)), torch.ones(2))


def test_what_a_run_that_was_given_up_changed_is_put_back(assert_same):
    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(3)
            self.chooses = Chooses(3)

        def forward(self, x):
            x.mul_(2)
            return self.chooses(self.norm(x) + torch.rand(3), True)

    module, twin = Counts(), Counts()
    twin.load_state_dict(module.state_dict())
    x = torch.rand(4, 3)
    ours, theirs = x.clone(), x.clone()

    with pytest.warns(jit.TracerWarning):
        jit.trace(module, ours, branches="script", check_trace=False)
    drawn = torch.rand(1)
    torch.manual_seed(0)
    Counts(), Counts(), torch.rand(4, 3)
    twin(theirs)

    assert_same(drawn, torch.rand(1))
    assert_same(ours, theirs)
    assert_same(dict(module.state_dict()), dict(twin.state_dict()))


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_decisions_can_be_errors(function):
    with pytest.raises(jit.TracingError, match='branches="error"') as raised:
        jit.trace(function, torch.rand(3, 4), branches="error")
    assert f'File "{__file__}", line ' in str(raised.value)
    assert set(str(raised.value).splitlines()[-1].strip()) == {"^"}


def test_an_error_that_the_program_catches_is_raised_all_the_same():
    def catches(x):
        try:
            return x if x.sum() > 0 else -x
        except Exception:
            return x + 1

    with pytest.raises(jit.TracingError, match='branches="error"'):
        jit.trace(catches, torch.rand(3), branches="error")


def test_programs_without_decisions_are_recorded_as_always():
    for mode in ("warn", "error", "script"):
        traced = jit.trace(
            lambda x: x.flatten(1) if x.dim() > 2 else x + x.size(0), torch.rand(2, 3), branches=mode
        )
        assert "Call" not in str(traced.graph)


def test_other_words_are_refused():
    with pytest.raises(jit.TracingError, match="branches= is one of 'warn', 'error', 'script'"):
        jit.trace(lambda x: x, torch.rand(2), branches="ignore")


@pytest.mark.filterwarnings("ignore::torchscript.TracerWarning")
def test_functions_are_themselves_again_and_other_threads_never_notice():
    before = choose.__code__
    stop = threading.Event()
    seen = []

    def bystander():
        while not stop.is_set():
            seen.append(bool((choose(torch.ones(2), k=3) == 3).all()))

    thread = threading.Thread(target=bystander)
    thread.start()
    for _ in range(5):
        jit.trace(calls_choose, torch.rand(3), branches="script")
        with pytest.raises(TypeError):
            jit.trace(lambda x: choose(x, 3) + choose(x), torch.rand(3), branches="script")
    stop.set()
    thread.join()

    assert all(seen) and seen
    assert choose.__code__ is before and not hasattr(choose, "__signature__")

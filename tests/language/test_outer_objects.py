"""What was there before compiling: compiled code never changes a copy of it instead, without a word."""

import io
import warnings

import pytest
import torch
from torch import nn

import torchscript as ts
from torchscript.frontend.python_calls import UncompiledWarning

LOG, NAMES, CACHE, SEEN = [], ["a"], {}, set()
X = torch.ones(2, 3)


class Config:
    def __init__(self):
        self.steps = 1
        self.sizes = [1, 2]


CONFIG = Config()


def appends(x):
    LOG.append(x)
    return x


def sets_an_item(x):
    CACHE["a"] = x
    return x


def through_a_variable(x):
    names = NAMES
    names += ["b"]
    return x


def adds_to_a_set(x):
    SEEN.add(1)
    return x


def deletes(x):
    del NAMES[0]
    return x


def sets_an_attribute(x):
    CONFIG.steps = 5
    return x


def changes_what_an_object_holds(x):
    CONFIG.sizes[0] += 4
    return x


CHANGES = [
    appends,
    sets_an_item,
    through_a_variable,
    adds_to_a_set,
    deletes,
    sets_an_attribute,
    changes_what_an_object_holds,
]


@pytest.mark.parametrize("function", CHANGES)
def test_a_function_that_changes_it_is_refused(function):
    with pytest.raises(ts.CompileError, match="This changes"):
        ts.script(function)
    assert (LOG, NAMES, CACHE, SEEN, CONFIG.steps, CONFIG.sizes) == ([], ["a"], {}, set(), 1, [1, 2])


def test_a_helper_that_changes_it_stays_python():
    def calls(x):
        return appends(x) + 1

    with pytest.warns(UncompiledWarning, match="'appends' stays a Python call: This changes a list"):
        compiled = ts.script(calls)
    torch.testing.assert_close(compiled(X), X + 1)
    assert len(LOG) == 1
    LOG.clear()
    with pytest.raises(ts.Error, match="appends"):
        compiled.save(io.BytesIO())


def copies(x):
    names = list(NAMES)
    names.append("b")
    more = NAMES[:]
    more += ["c"]
    sizes = dict(CACHE)
    sizes["n"] = x
    seen = set(SEEN)
    seen.add(3)
    return len(names) + len(more) + len(sizes) + len(seen)


def test_copies_may_be_changed():
    assert ts.script(copies)(X) == copies(X) == 6


def test_append_returns_none():
    def function(x):
        items = [1]
        return x if items.append(2) is None else x + len(items)

    torch.testing.assert_close(ts.script(function)(X), X)


# -- hooks -----------------------------------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, x):
        return self.b(self.a(x))


class Features:
    def __init__(self):
        self.of = {}

    def hook(self, name):
        def hook(module, given, output):
            self.of[name] = output.detach()

        return hook


def with_a_list(net):
    seen = []
    net.a.register_forward_hook(lambda module, given, output: seen.append(output))
    return lambda: len(seen)


def with_an_object(net):
    features = Features()
    net.a.register_forward_hook(features.hook(len(features.of)))
    net.b.register_forward_hook(lambda module, given, output: features.of.setdefault("b", output))
    return lambda: len(features.of)


def with_a_counter(net):
    count = [0]

    def hook(module, given, output):
        count[0] += 1
        return output * 2

    net.a.register_forward_hook(hook)
    return lambda: count[0]


def with_shapes(net):
    shapes = []

    def hook(module, given):
        shapes.append(given[0].shape)

    net.a.register_forward_pre_hook(hook)
    net.a.register_forward_hook(lambda module, given, output: output + 1)
    return lambda: len(shapes)


@pytest.mark.parametrize("register", [with_a_list, with_a_counter, with_shapes])
def test_a_hook_that_collects_runs_as_python(register):
    net = Net()
    collected = register(net)
    with pytest.warns(UncompiledWarning):
        compiled = ts.script(net)
    assert collected() == 0  # compiling collects nothing
    got = compiled(X)
    assert collected() == 1
    torch.testing.assert_close(got, net(X))
    with pytest.warns(UserWarning, match="will not have these forward hooks"):
        compiled.save(io.BytesIO())


def test_hooks_that_collect_in_an_object():
    net = Net()
    collected = with_an_object(net)
    with pytest.warns(UncompiledWarning):
        compiled = ts.script(net)
    assert collected() == 0
    compiled(X)
    assert collected() == 2


def test_a_hook_of_a_nested_module_that_counts_by_nonlocal():
    count = 0

    def hook(module, given, output):
        nonlocal count
        count += 1

    net = nn.Sequential(Net(), Net())
    net[0].a.register_forward_hook(hook)
    with pytest.warns(UncompiledWarning):
        compiled = ts.script(net)
    torch.testing.assert_close(compiled(X), net(X))
    assert count == 2


def test_fallback_false_refuses_such_hooks():
    net = Net()
    with_a_list(net)
    with pytest.raises(ts.CompileError, match="This changes a list"):
        ts.script(net, fallback=False)

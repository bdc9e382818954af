"""Programs as users of torch.jit reported them: decorated and replaced `forward`s, orders of tuples, `filter`."""

import collections
import functools
from typing import Dict, List, Tuple

import pytest
import torch
from torch import nn

import torchscript as ts

X = torch.arange(6.0).reshape(2, 3)


def adds_one(function):
    @functools.wraps(function)
    def inner(self, x):
        return function(self, x) + 1

    return inner


def adds_two(function):
    def inner(self, x):
        return function(self, x) + 2

    return inner


def passes_on(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        return function(*args, **kwargs) * 3

    return inner


class Wrapped(nn.Module):
    @adds_one
    def forward(self, x):
        return x * 2


class WrappedWithoutName(nn.Module):
    @adds_two
    def forward(self, x):
        return x * 2


class WrappedAsArguments(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.full((3,), 2.0))

    @passes_on
    def forward(self, x, y):
        return x * self.weight - y


class AssignedInTheClass(nn.Module):
    def call(self, x):
        return x * 3

    forward = call


class AssignedToTheInstance(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)
        self.forward = self.other

    def other(self, x):
        return self.layer(x)

    def forward(self, x):
        return x


def times_five(x):
    return x * 5


class AFunctionAsForward(nn.Module):
    def __init__(self):
        super().__init__()
        self.forward = times_five


class Contains(nn.Module):
    def __init__(self):
        super().__init__()
        self.parts = nn.ModuleList([Wrapped(), AssignedInTheClass(), AssignedToTheInstance()])

    def forward(self, x):
        for part in self.parts:
            x = part(x)
        return x


Size = collections.namedtuple("Size", "height width name")


class Holds(nn.Module):
    def __init__(self):
        super().__init__()
        self.size = Size(2, 3.5, "small")
        self.weights = nn.ParameterDict({"a": nn.Parameter(torch.ones(3)), "b": nn.Parameter(torch.zeros(3))})

    def forward(self, x):
        for key in self.weights.keys():  # as people write it
            x = x * self.weights[key] + len(key)
        for key, weight in self.weights.items():
            x = x + weight if key == "a" else x - weight
        return x * self.size.height + self.size.width + len(self.size.name)


MODULES = [
    Wrapped,
    WrappedWithoutName,
    AssignedInTheClass,
    AssignedToTheInstance,
    AFunctionAsForward,
    Contains,
    Holds,
]


@pytest.mark.parametrize("cls", MODULES)
def test_modules(cls, assert_everywhere):
    assert_everywhere(cls(), X)


def test_a_decorator_that_passes_on_what_it_gets(assert_everywhere):
    assert_everywhere(WrappedAsArguments(), X, torch.ones(3))


def orders_of_tuples(xs: List[Tuple[int, str]], limit: Tuple[int, str]):
    below = [x for x in xs if x < limit]
    return min(xs), max(xs), sorted(xs), below, xs[0] <= xs[-1], xs[0] >= limit, (1, 2) < (1, 2, 0)


def filters(xs: List[int]):
    return (
        list(filter(lambda v: v > 1, xs)),
        list(filter(None, xs)),
        [v * 2 for v in filter(lambda v: v % 2, xs)],
    )


def equal_dicts(a: Dict[str, int], b: Dict[str, int]):
    c = {k: v for k, v in b.items()}
    return a == b, a != b, b == c, a == {"a": 1}


def ordered(n: int):
    d = collections.OrderedDict()
    d["x"] = n
    d["y"] = n + 1
    return list(d.items())


def of_complex(c: complex):
    return c.real, c.imag, c.real + 1


def total(*values, **named):
    return sum(values) + named.get("z", 0)


def spreads(x, n: int):
    named = {"z": n}
    return total(n, n, **named), x.permute(*range(x.dim())), x.permute(*reversed(range(x.dim())))


CASES = [
    (orders_of_tuples, [(2, "b"), (1, "z"), (2, "a")], (2, "a")),
    (filters, [0, 1, 2, 3]),
    (equal_dicts, {"a": 1}, {"a": 1, "b": 2}),
    (equal_dicts, {"a": 1, "b": 2}, {"b": 2, "a": 1}),
    (ordered, 3),
    (of_complex, 1 - 2j),
    (spreads, X, 4),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: c[0].__name__)
def test_functions(case, assert_everywhere):
    assert_everywhere(*case)


def pieces(x):
    a = x.split(1)
    return a, torch.chunk(x, 3, dim=1), [x.unbind(0)], {"s": torch.split(x, [1, 1])}, list(x.unbind(1))


def test_functions_that_return_tuples_of_tensors_do():
    want, got = pieces(X), ts.script(pieces)(X)
    assert str(got) == str(want)


WRONG = {
    "len": (lambda xs: len(xs, xs), "'len' cannot be called with"),
    "max": (lambda xs: max(xs, key_=None), "'max' cannot be called with"),
    "tuple": (lambda xs: tuple(xs, xs), "'tuple' cannot be called with"),
    "range": (lambda xs: [i for i in range()], "'range' cannot be called with no arguments"),
    "super": (lambda xs: super["a"], "cannot be subscripted"),
    "add": (lambda xs: {1, 2}.add(), "'add' cannot be called with no arguments"),
    "sum": (lambda xs: sum(*xs), "is not known while compiling"),
    "deque": (lambda xs: collections.deque(xs), "A deque cannot be returned"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_calls_are_refused(name):
    function, message = WRONG[name]
    with pytest.raises(ts.CompileError) as raised:
        ts.script(function, example_inputs=[([1, 2],)])
    assert message in raised.value.message  # the whole text quotes the line, and with it what is expected

"""What a trace cannot hold is warned of: once, at the user's line, with its text and what to do."""

import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import torchscript as jit


def warnings_of(function, *inputs):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        jit.trace(function, inputs, check_trace=False)
    return [w for w in caught if issubclass(w.category, jit.TracerWarning)]


def the_warning_of(function, *inputs):
    """The only warning, which names this file and shows the line marked with `# here`."""
    (warning,) = warnings_of(function, *inputs)
    assert warning.filename == __file__
    with open(__file__) as file:
        line = file.read().splitlines()[warning.lineno - 1]
    assert "# here" in line
    assert line.strip() in str(warning.message) or "\n" in str(warning.message)
    return str(warning.message)


def branches(x):
    if x.sum() > 0:  # here
        return x + 1
    return x


def branches_on_a_size(x):
    if x.size(0) == 3:  # here
        return x + 1
    return x


def is_true_of_a_size(x):
    return x + 1 if x.shape[0] else x  # here


def makes_an_int(x):
    return x * int(x.sum())  # here


def makes_a_float(x):
    return x * float(x.sum())  # here


def repeats_a_list(x):
    return x * torch.tensor([[0.5]] * x.size(0))  # here


def makes_a_list(x):
    return x + len(x.tolist())  # here


def makes_an_array(x):
    return torch.from_numpy(x.numpy() + 1)  # here


def indexes_a_list(x):
    return x * [1, 2, 3, 4][x.max().long().item()]  # here


def indexes_a_list_with_a_tensor(x):
    return x * [1, 2, 3, 4][x.max().long()]  # here


def makes_a_tensor_of_tensors(x):
    return x + torch.tensor([x.sum(), 2.0, 3.0, 4.0])  # here


def iterates(x):
    return torch.stack([row * 2 for row in x])  # here


def loops_over_a_range(x):
    total = x[0]
    for i in range(x.size(0)):  # here
        total = total + x[i]
    return total


def loops_over_a_variable(x):
    count = len(x)
    return torch.stack([x[i] for i in range(count)])  # here


def loops_while(x):
    while x.sum() < 100:  # here
        x = x * 2
    return x


def compares_values(x):
    return x if torch.equal(x, x + 1) else x + 1  # here


EXPECTED = {
    branches: "Converting a tensor to a Python boolean.*True.*`script`",
    branches_on_a_size: "A size of a tensor, compared here.*decides",
    is_true_of_a_size: "A size of a tensor",
    makes_an_int: "Converting a tensor to a Python integer",
    makes_a_float: "Converting a tensor to a Python float",
    repeats_a_list: "A number that the trace follows.*is the length of a Python sequence.*this run .3.",
    makes_a_list: "Converting a tensor to a Python list",
    makes_an_array: "Converting a tensor to a NumPy array",
    indexes_a_list: "A number that the trace follows.*is the index of a Python sequence.*this run .1.",
    indexes_a_list_with_a_tensor: "Converting a tensor to a Python index",
    makes_a_tensor_of_tensors: "torch.tensor results are registered as constants",
    iterates: "Iterating over a tensor.*3 iterations",
    loops_over_a_range: "This loop runs as often as a size of an input says",
    loops_over_a_variable: "This loop runs as often as a size of an input says",
    loops_while: "Converting a tensor to a Python boolean",
    compares_values: "Converting a tensor to a Python boolean",
}


@pytest.mark.parametrize("function", EXPECTED, ids=lambda f: f.__name__)
def test_warnings(function):
    import re

    x = torch.ones(3, 1) if function is makes_an_array else torch.ones(3, 4)
    assert re.search(EXPECTED[function], the_warning_of(function, x))


def asserts_a_shape(x):
    assert x.size(1) == 4
    assert x.dim() == 2
    return x


def refuses_a_shape(x):
    if x.size(1) != 4:
        raise ValueError("wants four columns")
    return x


def branches_on_dimensions(x):
    return x.flatten(1) if x.dim() > 2 else x


def keeps_numbers_traced(x):
    return x * x.sum().item() + x.size(0) / 2


def loops_over_a_constant(x):
    for i in range(3):
        x = x + i
    return x


@pytest.mark.parametrize(
    "function",
    [asserts_a_shape, refuses_a_shape, branches_on_dimensions, keeps_numbers_traced, loops_over_a_constant],
)
def test_nothing_to_warn_of(function):
    assert not warnings_of(function, torch.ones(3, 4))


def test_the_library_itself_is_quiet():
    x = torch.rand(2, 3, 8)
    modules = [nn.LSTM(8, 4), nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), nn.Conv1d(3, 4, 2)]
    for module in modules:
        assert not warnings_of(module.eval(), x)
    assert not warnings_of(lambda x: F.interpolate(x, scale_factor=2), x)

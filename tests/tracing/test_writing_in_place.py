"""Operators in place, views and indexing are recorded with their meaning."""

import copy
import io

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import torchscript as jit


def fill_row(x):
    x[0] = torch.rand(*x.shape[1:2])
    return x


def add_to_columns(x):
    x[:, 1:].add_(1)
    return x


def write_through_indices(x):
    x = x.clone()
    x[x > 0.5] = 0.0
    x[0, 1:3] = x[1, :2]
    x[:, 0] += 1
    x[[0, 1], [1, 2]] = 5
    x[1] = x[None, 2]
    x[torch.tensor(2)] = 7
    x[..., -1] = x.size(0)
    return x


def write_to_views(x):
    y = x.view(-1)
    row = x[1]
    row.mul_(2)
    y[:3].zero_()
    return x, y, row


def in_place_and_out(x):
    out = torch.empty_like(x)
    torch.add(x, 1, out=out)
    values, indices = torch.empty(0), torch.empty(0, dtype=torch.long)
    torch.max(x, 1, out=(values, indices))
    return out.relu_().mul_(2), F.relu(x, inplace=True), values, indices


def read_through_indices(x):
    mask, rows = x > 0.5, torch.tensor([0, 2])
    return (
        x[mask], x[rows], x[:, [0, 2]], x[None, rows], x[..., 0], x[-1, -1], x[1:, None], x[0, 1:3],
        x[True], x[rows, :2], x[rows, torch.tensor([1, 1])], x[::2], x[...], x[torch.tensor(1)], x[range(2)],
    )  # fmt: skip


def new_tensors_are_new_each_time(x):
    total = torch.tensor([0.0, 0.0])
    total += x.sum()
    return total


@pytest.mark.parametrize(
    "function",
    [
        fill_row,
        add_to_columns,
        write_through_indices,
        write_to_views,
        in_place_and_out,
        read_through_indices,
        new_tensors_are_new_each_time,
    ],
)
@pytest.mark.filterwarnings("ignore:Trace had nondeterministic:torchscript.TracerWarning")
@pytest.mark.filterwarnings("ignore:An output with one or more elements was resized")
def test_functions(function, assert_same_run, check_graph):
    traced = jit.trace(function, torch.rand(3, 4))

    check_graph(traced.graph)
    for shape in [(3, 4), (3, 4), (4, 5)]:
        assert_same_run(traced, function, torch.rand(*shape))


def test_batch_norm_in_training_updates_its_statistics(assert_same):
    module, twin = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    traced = jit.trace(module, torch.rand(4, 3))
    twin.load_state_dict(module.state_dict())
    x = torch.rand(5, 3)

    assert_same(traced(x), twin(x))
    assert_same(dict(traced.state_dict()), dict(twin.state_dict()))


def test_attributes_that_forward_replaces(assert_same):
    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("calls", torch.zeros(()))
            self.last = torch.zeros(2)

        def forward(self, x):
            before = self.last
            self.calls = self.calls + 1
            self.last = x * 2
            return x + self.calls + before

    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = Counts()

        def forward(self, x):
            y = self.inner(self.inner(x))
            self.inner.calls = self.inner.calls * 10
            return y + self.inner.calls + self.inner.last

    module = Twice()
    traced = jit.trace(module, torch.rand(2), check_trace=False)
    twin = Twice()
    twin.inner.calls.fill_(float(module.inner.calls))
    twin.inner.last = module.inner.last.clone()

    for _ in range(3):
        x = torch.rand(2)
        assert_same(traced(x), twin(x))


def test_no_grad_regions_stop_gradients():
    def f(x, w):
        with torch.no_grad():
            y = x * w
        return y * w

    x = torch.rand(3)
    traced = jit.trace(f, (x, torch.rand(3, requires_grad=True)))

    one, other = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
    f(x, one).sum().backward()
    traced(x, other).sum().backward()
    assert torch.equal(one.grad, other.grad)


def test_data_of_parameters_that_forward_writes(assert_same):
    class Masked(nn.Linear):
        def __init__(self):
            super().__init__(3, 3)
            self.register_buffer("mask", torch.tensor([1.0, 0.0, 1.0]))

        def forward(self, x):
            self.weight.data *= self.mask
            self.bias.data = self.bias.data + 1
            self.bias.data[0] = 7
            return super().forward(x)

    module = Masked()
    traced = jit.trace(module, torch.rand(2, 3), check_trace=False)
    loaded = torch.jit.load(io.BytesIO(traced.save_to_buffer()))
    for _ in range(2):
        x = torch.rand(4, 3)
        wanted = copy.deepcopy(module)(x)
        assert_same(loaded(x), wanted)
        assert_same(traced(x), wanted)


def writes_to_all_kinds(x):
    own = (x * 2).add_(1).relu_()
    seen = x * 3
    view = seen[0]
    seen.mul_(2)
    x.sub_(1)
    return own, seen, view, x


def test_force_outplace_leaves_what_others_see_in_place(assert_same_run, operators_of):
    traced = jit.trace(writes_to_all_kinds, torch.rand(2, 3), _force_outplace=True)

    operators = operators_of(traced.graph)
    assert operators["aten::add"] == operators["aten::relu"] == 1
    assert operators["aten::mul_"] == operators["aten::sub_"] == 1
    assert_same_run(traced, writes_to_all_kinds, torch.rand(4, 2))

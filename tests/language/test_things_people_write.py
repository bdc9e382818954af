"""Small natural things: what eager mode does with them, compiled code and its archive do."""

import functools
import io

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import torchscript as jit


def check(module: nn.Module, *calls: tuple) -> None:
    compiled = jit.script(module)
    runs = [compiled]
    for loader in (jit, torch.jit):
        buffer = io.BytesIO()
        jit.save(compiled, buffer)
        buffer.seek(0)
        runs.append(loader.load(buffer))
    for args in calls:
        wanted = module(*args)
        for run in runs:
            torch.testing.assert_close(run(*args), wanted)


IMAGE = torch.randn(2, 3, 5, 6)


class MadeOfRunTimeValues(nn.Module):
    """Modules that `forward` makes of sizes and tensors."""

    def windows(self, x, sizes, strides):
        return nn.Unfold(kernel_size=sizes, stride=strides)(x)

    def forward(self, x):
        h, w = x.shape[2:]
        padded = nn.ReplicationPad2d((0, int(np.ceil(w / 8) * 8 - w), 0, h % 4))(x)
        padded = nn.ZeroPad2d(h % 3)(padded)
        pooled = nn.AdaptiveAvgPool2d((h // 2, 1))(nn.AvgPool2d(h // 2)(padded))
        loss = nn.BCEWithLogitsLoss(reduction="mean", pos_weight=x.mean().abs())(x, torch.ones_like(x))
        return padded, pooled, loss, self.windows(x, [h - 1, w], [1, 1])


def test_modules_made_of_run_time_values():
    check(MadeOfRunTimeValues(), (IMAGE,), (torch.randn(1, 2, 7, 4),))


def test_a_module_that_computes_with_a_run_time_value_is_refused():
    class Scaled(nn.Module):
        def forward(self, x):
            return nn.Upsample(size=x.shape[2], scale_factor=None)(nn.LocalResponseNorm(x.shape[1] + 1)(x))

    check(Scaled(), (IMAGE[:, :, :5, :5],))

    class Own(nn.Module):
        def __init__(self, n):
            super().__init__()
            self.n = n + 1

        def forward(self, x):
            return x + self.n

    class Made(nn.Module):
        def forward(self, x):
            return Own(x.shape[0])(x)

    with pytest.raises(jit.NotSupportedError, match="Own' is created with a value that is known only at run"):
        jit.script(Made())

    class Convolves(nn.Module):
        def forward(self, x):
            return nn.Conv2d(x.shape[1], 2, 1)(x)

    with pytest.raises(jit.NotSupportedError, match="'Conv2d' is created with a value that is known only at"):
        jit.script(Convolves())


class Partials(nn.Module):
    def __init__(self):
        super().__init__()
        self.pool = functools.partial(F.adaptive_avg_pool2d, output_size=(1, 1))
        self.conv = functools.partial(torch.conv2d, padding=1)
        self.nested = functools.partial(functools.partial(torch.add, alpha=2), IMAGE)
        self.register_buffer("weight", torch.randn(2, 3, 3, 3))

    def forward(self, x):
        return self.pool(x), self.conv(x, self.weight), self.nested(other=x)


def test_partials_of_functions_are_called():
    check(Partials(), (IMAGE,))


class Ranges(nn.Module):
    def forward(self, x):
        n = x.size(0)
        rows = x[torch.LongTensor(range(n)), torch.LongTensor(range(n))]
        return rows, torch.tensor(range(1, n + 3, 2)), torch.FloatTensor(range(3))


def test_ranges_become_tensors():
    check(Ranges(), (IMAGE,))


class Weights(nn.Module):
    """`weights` is a dict by its use; `norm` is called, so it can only be None in an archive."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(6, 2)

    def forward(self, x, weights=None, norm=None, scale=None):
        if weights is None:
            x = self.linear(x)
        else:
            x = F.linear(x, weights["linear.weight"], weights["linear.bias"])
        if norm is not None:
            x = norm(x)
        if scale is not None:
            x = norm(x) * scale
        return x


def test_a_default_none_with_named_items_is_a_dict_and_one_that_is_called_is_none():
    module = Weights()
    state = {k: v.detach() * 2 for k, v in module.state_dict().items()}
    check(module, (IMAGE,), (IMAGE, state), (IMAGE, None, None))
    with pytest.raises((jit.Error, TypeError), match="None cannot be called"):
        jit.script(module)(IMAGE, None, None, 2.0 * IMAGE[0, 0, 0, :2])


class Odds(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(6, 4, batch_first=True)

    def forward(self, x, device: torch.device | None = None):
        device = device or x.device
        self.gru.flatten_parameters()
        channels = int(np.prod(np.array(x.size()[1])))
        pooled = F.avg_pool2d(x, x.size(2), stride=None, padding=0)
        return self.gru(x[:, 0])[0].to(device), pooled, torch.zeros(channels), torch.max_pool2d(x, 2, None)


def test_odds_and_ends():
    check(Odds(), (IMAGE,), (IMAGE, torch.device("cpu")))


class NamesOfMethods(nn.Module):
    """Attributes that are called as methods of modules or of dicts are."""

    def __init__(self):
        super().__init__()
        self.keys = nn.Sequential(nn.Linear(6, 4))
        self.values = nn.Linear(6, 4)
        self.items = [1, 2]
        self.modules = [nn.ReLU()]
        self.add_module("block1", nn.Linear(4, 2))

    def forward(self, x):
        for module in self.modules:
            x = module(x)
        x = self.keys(x) + self.values(x) * self.items[1]
        for i in range(1, 2):
            x = self.__getattr__(f"block{i}")(x)
        return x, x.shape.numel(), torch.Size(x.shape[2:]).numel()


def test_attributes_named_like_methods():
    check(NamesOfMethods(), (IMAGE,))


class MakesAttributes(nn.Module):
    """Attributes that are None, or missing, until `forward` assigns them."""

    def __init__(self):
        super().__init__()
        self.size = 0
        self.shape = None
        self.flag = None

    def make(self, n):
        self.size = n
        self.grid = torch.arange(n).float()
        self.count = n + 1

    def forward(self, x):
        n = x.size(3)
        if self.shape is None or self.shape[0] != n:
            self.shape = (n, x.size(1))
        if self.flag is None:
            self.flag = True
        if n != self.size or self.grid.is_cuda:
            self.make(n)
        return x + self.grid * self.count, self.shape, self.flag


def test_attributes_that_forward_makes():
    check(MakesAttributes(), (IMAGE,), (IMAGE,), (IMAGE[..., :3],))


def test_an_attribute_that_is_read_before_it_is_made_raises():
    class Early(MakesAttributes):
        def forward(self, x):
            y = x + self.grid
            self.make(x.size(3))
            return y

    with pytest.raises(AttributeError):
        Early()(IMAGE)
    with pytest.raises((jit.Error, ValueError)):
        jit.script(Early())(IMAGE)


class States(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(6, 4, batch_first=True)
        self.cell = nn.LSTMCell(6, 4)

    def forward(self, x, hidden=None, state=None):
        y, hidden = self.lstm(x[:, 0], hidden)
        h, c = self.cell(x[:, 0, 0], state)
        return y, hidden, h, c


def test_the_state_of_an_lstm_is_a_pair():
    check(States(), (IMAGE,), (IMAGE, (torch.ones(1, 2, 4),) * 2), (IMAGE, None, (torch.ones(2, 4),) * 2))

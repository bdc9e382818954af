"""Quicker forms of PyTorch's operators for small tensors, against eager mode; and the memory that kernels write."""

import subprocess
import sys
import threading
from typing import List

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import torchscript
from torchscript.native.api import native_program


def products(x: Tensor, weight: Tensor, bias: Tensor, start: Tensor, square: Tensor) -> List[Tensor]:
    out: List[Tensor] = []
    out.append(F.linear(x, weight, bias))
    out.append(F.linear(x, weight))
    out.append(F.linear(x, weight, bias) + start)
    out.append(start + F.linear(x, weight))
    out.append(F.linear(x, weight, bias) + F.linear(x, weight))
    out.append(x.matmul(weight.t()))
    h = x
    for _ in range(4):  # packed from the third product on
        h = torch.tanh(F.linear(h, square) + h)
        out.append(F.linear(h, weight, bias))
        out.append(F.linear(h, weight, bias) + start)
    return out


def cells(
    x: Tensor, h: Tensor, c: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor
) -> List[Tensor]:
    hidden, cell = torch.lstm_cell(x, [h, c], w_ih, w_hh, b_ih, b_hh)
    bare, _ = torch.lstm_cell(x, [h, c], w_ih, w_hh)
    n = 3 * h.size(1)
    gru = torch.gru_cell(x, h, w_ih[:n], w_hh[:n], b_ih[:n], b_hh[:n])
    out = [hidden, cell, bare, gru]
    for _ in range(4):  # prepared from the third on
        hidden, cell = torch.lstm_cell(x, [hidden, cell], w_ih, w_hh, b_ih, b_hh)
        gru = torch.gru_cell(x, gru, w_ih[:n], w_hh[:n])
        out.append(hidden)
        out.append(gru)
    w, v, a, b = w_ih[:n], w_hh[:n], b_ih[:n], b_hh[:n]
    for _ in range(4):
        gru = torch.gru_cell(x, gru, w, v, a, b)
        out.append(gru)
    return out


def written_weights(x: Tensor, weight: Tensor, steps: int) -> Tensor:
    row = weight[0]
    for _ in range(steps):
        x = F.linear(x, weight)
        row.mul_(0.5)
    return x


def written_results(x: Tensor, weight: Tensor, steps: int) -> Tensor:
    for i in range(steps):
        marks = torch.zeros(20)
        marks[i] = 1.0
        x = F.linear(x, weight) + marks
    return x


def convolutions(x: Tensor, weight: Tensor, bias: Tensor) -> List[Tensor]:
    return [
        F.conv1d(x, weight, bias),
        F.conv1d(x, weight, None, stride=2, padding=1),
        F.conv1d(x, weight, bias, padding=2, dilation=2),
        F.conv1d(x, weight, bias, stride=3),
        torch.relu(x),
        torch.relu(F.conv1d(x, weight, bias, stride=4, padding=1)),
    ]


def rows(x: Tensor, places: Tensor, mask: Tensor, count: int) -> List[Tensor]:
    values, order = x.topk(count)
    least, first = x.topk(count, largest=False)
    out = [
        x[places],
        x[mask],
        x[places[0]].contiguous(),
        x[places.view(-1, 1)],
        x[mask][:, 1:],
        values,
        order,
        least,
        first,
    ]
    out.append(F.embedding(places.clamp(min=0), x))
    out.append(F.embedding(places.clamp(min=0).view(1, -1), x))
    out.append(torch.cat([x, x + 1], 1))
    out.append(torch.cat([x[:1], x, x[:0]]))
    out.append(x.argmax(1))
    out.append(x.argmax(-1, keepdim=True))
    out.append(x.argmax(0))
    out.append(F.log_softmax(x, 1))
    out.append(torch.log_softmax(x, 0))
    out.append(places[1:].unsqueeze(0) + places[0].unsqueeze(0))
    return out


def pointwise(x: Tensor) -> Tensor:
    return torch.sigmoid(x) * x + 1.0


@pytest.fixture(scope="module")
def native():
    return {
        f: torchscript.compile(torchscript.script(f))
        for f in (products, cells, convolutions, rows, pointwise, written_weights, written_results)
    }


def check(native, function, *inputs):
    expected, got = function(*inputs), native[function](*inputs)
    assert len(expected) == len(got)
    for i, (want, have) in enumerate(zip(expected, got)):
        assert (have.dtype, have.shape, have.requires_grad) == (want.dtype, want.shape, want.requires_grad), i
        assert have.stride() == want.stride() or min(have.shape) <= 1, i
        torch.testing.assert_close(
            have, want, rtol=1e-4, atol=1e-4, equal_nan=True, msg=lambda m, i=i: f"{i}: {m}"
        )


def operands(rows: int, k: int, n: int, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    torch.manual_seed(rows + k + n)
    shapes = [(rows, k), (n, k), (n,), (rows, n), (k, k)]
    return [torch.randn(shape, dtype=dtype) for shape in shapes]


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 4, 5, 7, 64, 1000])
@pytest.mark.parametrize("k, n", [(1, 1), (5, 3), (16, 6), (40, 33)])
def test_products(native, rows, k, n):
    check(native, products, *operands(rows, k, n))


@pytest.mark.parametrize("rows", [1, 4, 9])
def test_products_in_any_layout(native, rows):
    x, weight, bias, start, square = operands(rows, 20, 12)
    wide = torch.randn(rows, 50)
    for given in (
        wide[:, 3:23],
        torch.randn(20, rows).t(),
        torch.randn(rows, 40)[:, ::2],
        x.expand(rows, 20),
    ):
        check(native, products, given, weight, bias, start, square)
    check(native, products, x[:1].expand(rows, 20), weight, bias, start, square)  # rows that are one row
    check(native, products, x, torch.randn(20, 12).t(), bias, start, square.t())
    check(native, products, x, torch.randn(12, 60)[:, 5:25], bias, start, square)
    check(native, products, x, weight[:1].expand(12, 20), bias, start, square)
    check(native, products, x, weight, torch.randn(24)[::2], start, square)
    check(native, products, x, weight, bias[:1].expand(12), start, square)
    check(native, products, x, weight, bias, torch.randn(12, rows).t(), square)
    check(native, products, x, weight, bias, torch.randn(12), square)  # start is broadcast
    check(native, products, x, weight, bias, torch.randn(2, rows, 12), square)


def test_products_of_other_tensors(native):
    check(native, products, *operands(6, 20, 12, torch.float64))
    x, weight, bias, start, square = operands(6, 20, 12)
    check(native, products, x, weight, bias, start.double(), square)
    check(native, products, x.requires_grad_(), weight, bias, start, square)
    check(native, products, x.detach(), weight.requires_grad_(), bias, start, square)
    for special in (float("nan"), float("inf"), -float("inf")):
        for rows in (2, 6):
            x, weight, bias, start, square = operands(rows, 20, 12)
            x[1, 3] = special
            weight[2, 19] = 0.0
            check(native, products, x, weight, bias, start, square)
            start[0, 1] = special
            check(native, products, x, weight, bias, start, square)


def test_what_does_not_fit_is_an_error(native):
    x, weight, bias, start, square = operands(6, 20, 12)
    for wrong in ((x[:, :19], weight, bias, start, square), (x, weight, bias[:11], start, square),
                  (x, weight, bias, start[:, :5], square)):  # fmt: skip
        with pytest.raises(RuntimeError):
            products(*wrong)
        with pytest.raises(RuntimeError):
            native[products](*wrong)


@pytest.mark.parametrize("rows, features, hidden", [(1, 7, 5), (1, 16, 16), (3, 20, 17), (9, 8, 24)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_cells(native, rows, features, hidden, dtype):
    torch.manual_seed(0)
    shapes = [(rows, features), (rows, hidden), (rows, hidden), (4 * hidden, features), (4 * hidden, hidden)]
    inputs = [torch.randn(s, dtype=dtype) for s in [*shapes, (4 * hidden,), (4 * hidden,)]]
    check(native, cells, *inputs)
    inputs[1] = torch.randn(hidden, rows, dtype=dtype).t()
    inputs[2] = torch.randn(rows, 2 * hidden, dtype=dtype)[:, hidden:]
    check(native, cells, *inputs)
    inputs[2] = inputs[2].clone().fill_(float("inf"))
    check(native, cells, *inputs)


@pytest.mark.parametrize("rows", [1, 3, 6])
def test_layers_in_loops_that_write(native, rows):
    x, weight = torch.randn(rows, 20), torch.randn(20, 20)
    for function in (written_weights, written_results):
        torch.testing.assert_close(
            native[function](x, weight.clone(), 5), function(x, weight.clone(), 5), rtol=1e-4, atol=1e-4
        )
    texts = [native_program(torchscript.script(f))[0].text for f in (written_weights, written_results)]
    assert ["ts::fast::Layer" in t for t in texts] == [False, True]


@pytest.mark.parametrize("batch, channels, length", [(1, 1, 9), (1, 6, 7), (2, 3, 12), (1, 4, 100)])
def test_convolutions(native, batch, channels, length):
    torch.manual_seed(0)
    x, weight, bias = torch.randn(batch, channels, length), torch.randn(10, channels, 4), torch.randn(10)
    check(native, convolutions, x, weight, bias)
    check(native, convolutions, x.double(), weight.double(), bias.double())
    check(native, convolutions, torch.randn(channels, length), weight, bias)
    check(native, convolutions, torch.randn(batch, length, channels).transpose(1, 2), weight, bias)
    check(native, convolutions, torch.randn(batch, channels, 2 * length)[:, :, ::2], weight, bias)
    check(native, convolutions, x, torch.randn(10, 4, channels).transpose(1, 2), bias)
    check(native, convolutions, x, weight, torch.randn(20)[::2])
    check(native, convolutions, x, weight, bias.requires_grad_())
    x[0, 0, 3] = float("nan")
    check(native, convolutions, x, weight, bias.detach())


def test_rows(native):
    torch.manual_seed(0)
    for n, k in ((1, 1), (5, 3), (40, 33), (600, 70)):
        x, mask = torch.randn(n, k), torch.rand(n) < 0.5
        places = torch.randint(-n, n, (7,))
        check(native, rows, x, places, mask, min(k, 3))
        check(native, rows, x.double(), places, mask, k)
        check(native, rows, x.round(), places, mask, k)  # of equal numbers, PyTorch's choice
        check(native, rows, torch.randn(n, 2 * k)[:, :k], places, mask, k)
        check(native, rows, torch.randn(k, n).t(), places, mask, k)
        check(native, rows, x, torch.randint(0, n, (14,))[::2], torch.rand(2 * n)[::2] < 0.5, k)
        check(native, rows, x, places, torch.zeros(n, dtype=torch.bool), k)
        check(native, rows, x.clone().requires_grad_(), places, mask, k)
        for special in (float("nan"), float("inf"), -float("inf")):
            x[n // 2, k // 2] = special
            check(native, rows, x, places, mask, k)
            x[n // 2] = special
            check(native, rows, x, places, mask, k)


def test_rows_that_are_not_there_are_an_error(native):
    x, mask = torch.randn(5, 3), torch.ones(5, dtype=torch.bool)
    for wrong in (
        (x, torch.tensor([0, 5]), mask, 1),
        (x, torch.tensor([-6]), mask, 1),
        (x, torch.tensor([0]), mask[:4], 1),
        (x, torch.tensor([0]), mask, 4),
        (x[:0], torch.tensor([0]), mask[:0], 1),
    ):
        with pytest.raises((RuntimeError, IndexError)) as expected:
            rows(*wrong)
        with pytest.raises((RuntimeError, IndexError)) as got:
            native[rows](*wrong)
        assert str(expected.value).splitlines()[0] in str(got.value)


@pytest.mark.parametrize("count", [1, 16, 1000, 9000, 1 << 18, 3 << 18, (1 << 20) + 77, 20_000_000])
def test_results_keep_their_memory(native, count):
    """Memory that is used again holds no result that is still there, whoever frees it and whatever is done to it."""
    function = native[pointwise]
    first = torch.randn(count)
    kept = function(first)
    for _ in range(3):
        second = torch.randn(count)
        function(second)  # freed at once, so its memory comes again
        got = function(second)
        torch.testing.assert_close(got, pointwise(second))
        torch.testing.assert_close(kept, pointwise(first))
    assert kept.data_ptr() % 64 == 0
    kept.resize_(count + 1000)
    torch.testing.assert_close(kept[:count], pointwise(first))
    shared = function(first).numpy()
    function(second)
    torch.testing.assert_close(torch.from_numpy(shared), pointwise(first))


def test_results_are_freed_by_other_threads(native):
    function, failures = native[pointwise], []

    def work(seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        for count in (100, 3000, 400_000, 100, 400_000) * 4:
            x = torch.randn(count, generator=generator)
            mine = function(x)
            results.append(mine)
            if len(results) > 6:
                results.pop(0)  # perhaps another thread's
            if not torch.allclose(mine, pointwise(x)):
                failures.append((seed, count))

    results: list[Tensor] = []
    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


AFTER_FORK = """
import os, threading, torch, torchscript
def f(x: torch.Tensor) -> torch.Tensor:
    return torch.sigmoid(x) * x + 1.0
native, x = torchscript.compile(torchscript.script(f)), torch.randn(400_000)
torch.set_num_threads(1)
def again():
    while not done: native(x)
done, threads = False, []
for _ in range(3):
    threads.append(threading.Thread(target=again)); threads[-1].start()
for _ in range(30):
    child = os.fork()
    if child == 0:
        for _ in range(5): assert torch.allclose(native(x), f(x))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
done = True
for thread in threads: thread.join()
kept = native(x), native(x[:10])  # that the process ends with
del native
assert torch.allclose(kept[0], f(x))
"""


def test_results_after_a_fork_and_at_the_end_of_a_process(tmp_path):
    program = tmp_path / "forks.py"  # a file, since its source is compiled
    program.write_text(AFTER_FORK)
    subprocess.run([sys.executable, str(program)], check=True, timeout=120)

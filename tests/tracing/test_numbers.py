"""Arithmetic on sizes stays dynamic in whatever functions of Python it goes through; where it cannot, that is said."""

import functools
import io
import itertools
import math
import operator
import threading
import warnings
from math import ceil, sqrt

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import torchscript as jit

HALF = 0.5


def helper(n, scale):
    return int(n * scale)


class Scaled(nn.Module):
    scale = 0.5

    def __init__(self):
        super().__init__()
        self.factor = 1.5

    def side(self, n):
        return round(self.factor * n)

    @property
    def twice(self):
        return 2 * self.factor

    @staticmethod
    def half(n):
        return int(HALF * n)

    def forward(self, x):
        sides = [self.side(n) for n in x.shape]
        sides[0] += self.half(x.size(0))
        return x.new_zeros(sides) + self.twice * x.size(0) + float(x.size(1)) * self.scale


def in_place(x):
    total = 1.5
    total *= x.size(0)
    total -= x.size(1) / 2
    rows = 1
    rows += x.size(0)
    return x.new_zeros(rows) + total


def nested(x):
    def inner(n):
        return [int(n * scale) for scale in (0.5, 1.5)]

    return x.new_zeros(inner(x.size(0)))


def padded(x, *, multiple=4):
    missing = (multiple - x.size(-1) % multiple) % multiple
    return F.pad(x, (0, max(0, missing)))


FUNCTIONS = {
    "int": lambda x: x.new_zeros(int(x.size(0) / 2), int(x.size(1) ** 0.5), int(x.size(0))),
    "float": lambda x: x * (float(x.size(0)) / float(x.size(1))) ** -0.5,
    "a float on the left": lambda x: x * (0.5 * x.size(0) + 1.5) / 3 + HALF * x.size(1) - math.pi * x.size(0),
    "math": lambda x: x * math.sqrt(x.size(0)) + math.log(x.size(1)) - math.exp(-x.size(0)) + math.pow(x.size(1), 0.5),
    "more of math": lambda x: x * math.log2(x.size(0)) + math.hypot(*x.shape) + math.atan2(*x.shape),
    "integers of math": lambda x: x.new_zeros(math.isqrt(x.size(0)), math.gcd(*x.shape), math.prod(x.shape)),
    "imported from math": lambda x: x.new_zeros(ceil(sqrt(x.size(0))), ceil(x.size(1) / 4)),
    "rounded": lambda x: x.new_zeros(round(x.size(0) * 0.5), math.floor(x.size(1) * 0.7), math.trunc(x.size(0) / 3)),
    "max and min": lambda x: x.new_zeros(max(x.shape), min(x.size(0), 5), max(1, x.size(0) // 4), min(*x.shape, 7)),
    "max of floats": lambda x: x * max(x.size(0) / 2, 1.5) * min([x.size(1) * 0.5, 4.0]),
    "divmod": lambda x: x.new_zeros(sum(divmod(x.size(0), 3)), -(-x.size(0) // 8) * 8),
    "bits": lambda x: x.new_zeros((x.size(0) >> 1) + (x.size(0) & 3) + (x.size(0) | 1) + (x.size(0) ^ 1)),
    "shapes": lambda x: x.new_zeros(x.shape[::-1]) + x.new_zeros(tuple(reversed(x.shape[-2:]))),
    "comprehensions": lambda x: x.new_zeros([s if i == 0 else int(s * 0.5) for i, s in enumerate(x.shape)]),
    "map and reduce": lambda x: x.new_zeros((*map(int, x.shape), functools.reduce(operator.mul, x.shape))),
    "reduced by max": lambda x: x.new_zeros(functools.reduce(max, x.shape)),
    "accumulated": lambda x: x.new_zeros([*itertools.accumulate(x.shape)]),
    "interpolate": lambda x: F.interpolate(x[None, None], size=[int(s * 0.5) for s in x.shape], mode="bilinear"),
    "a scale of sizes": lambda x: F.interpolate(x[None, None], scale_factor=2.0 * x.size(0) / x.size(0)),
    "adaptive pooling": lambda x: F.adaptive_avg_pool2d(x[None, None], (int(x.size(0) / 2), x.size(1) // 2)),
    "pooling": lambda x: F.avg_pool2d(x[None, None], kernel_size=x.shape[-2:]),
    "masks": lambda x: torch.triu(torch.full((x.size(0), x.size(1)), float("-inf")), diagonal=x.size(0) // 2),
    "grids": lambda x: torch.stack(torch.meshgrid(torch.arange(x.size(0)), torch.arange(x.size(1)), indexing="ij")),
    "linspace": lambda x: torch.linspace(0, x.size(0) - 1, steps=x.size(1)),
    "topk": lambda x: x.topk(max(1, int(x.size(1) * 0.5)), 1)[0],
    "slices": lambda x: x[: int(x.size(0) * 0.5), int(math.sqrt(x.size(1))) :],
    "numpy": lambda x: x.new_zeros(int(np.prod(x.shape))) / np.sqrt(x.size(1)) + np.log(x.size(0)),
    "rounded by numpy": lambda x: x.new_zeros(int(np.ceil(x.size(0) / 3)), int(np.floor(x.size(1) / 3))),
    "divided by one": lambda x: x.new_zeros(int((x.size(0) + 2) / 1 + 1)) + x.size(1) / 1.0,
    "numbers of NumPy": lambda x: (
        x.new_zeros(np.ceil(np.log(x.size(0))).astype("int").item(), int(np.rint(np.log2(x.size(1)))))
        + np.power(x.size(0), 2) + np.round(x.size(1) / 4)
    ),
    "a number of tensors": lambda x: x.new_zeros(int(torch.tensor(x.size(0)).sqrt().item())),
    "tensors of numbers": lambda x: torch.tensor([float(x.size(0)), 0.5 * x.size(1)]) + torch.full((2,), x.size(0)),
    "symbolic": lambda x: x.new_zeros(torch.sym_max(x.size(0), 3)) + torch.sym_float(x.size(0)),
    "quiet": lambda x: x.flatten(x.dim() - 1) * [1.0, 2.0, 3.0][x.ndim] * ([0.5] * x.dim())[0],
    "helper": lambda x: x.new_zeros(helper(x.size(0), 0.5), helper(x.size(1), scale=1.5)),
    "in place": in_place,
    "nested": nested,
    "padded": padded,
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.filterwarnings("error::torchscript.TracerWarning")
def test_numbers_stay_dynamic(name, assert_same_run, check_graph):
    function = FUNCTIONS[name]

    traced = jit.trace(function, torch.rand(4, 6))

    check_graph(traced.graph)
    buffer = io.BytesIO()
    jit.save(traced, buffer)
    stock = torch.jit.load(io.BytesIO(buffer.getvalue()))
    for shape in [(4, 6), (9, 4), (16, 10), (6, 5), (2, 8)]:
        assert_same_run(traced, function, torch.rand(*shape))
        x = torch.rand(*shape)
        torch.testing.assert_close(stock(x), function(x))


@pytest.mark.filterwarnings("error::torchscript.TracerWarning")
def test_methods_that_forward_calls(assert_same_run):
    module = Scaled()

    traced = jit.trace(module, torch.rand(4, 6))

    for shape in [(4, 6), (9, 4), (16, 10)]:
        assert_same_run(traced, module, torch.rand(*shape))


LOST = {
    "as an index": lambda x: x * [1, 2, 3, 4, 5][x.size(0)],
    "as the length of a list": lambda x: torch.tensor([1.0] * x.size(0)),
    "as a bound": lambda x: torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0][: x.size(0)]),
    "of a list": lambda x: torch.tensor(list(range(x.size(0)))),
    "complex": lambda x: x * (x.size(0) * 1j),
    "complex on the left": lambda x: x * (1j * x.size(0)),
    "in arrays": lambda x: torch.from_numpy(np.tril(np.ones((x.size(0), x.size(0))))),
    "beside an array": lambda x: torch.from_numpy(np.ones(2) * x.size(0)),
    "rounded to digits": lambda x: x * round(x.size(0) / 3, 2),
    "in bits": lambda x: x * x.size(0).bit_length(),
    "is whole": lambda x: x * (2 if (x.size(0) / 2).is_integer() else 3),
    "sorted": lambda x: x.new_zeros(sorted(x.shape)),
    "max of other types": lambda x: x * max(x.size(0), 0.5),
    "as a key": lambda x: x * {4: 1.0}[x.size(0)],
    "in": lambda x: x * (2 if x.size(0) in (4, 5) else 3),
    "in a text": lambda x: x * {"n4": 1.0}[f"n{x.size(0)}"],
    "in a text of old": lambda x: x * {"n4": 1.0}["n%d" % x.size(0)],
    "as a text": lambda x: x * float(str(x.size(0))),
    "a shape as a text": lambda x: x * len(str(x.shape)),
}


@pytest.mark.parametrize("name", LOST)
def test_what_cannot_be_followed_is_warned_of(name):
    with pytest.warns(jit.TracerWarning, match=r"this run|might cause the trace to be incorrect"):
        jit.trace(LOST[name], torch.rand(4, 6), check_trace=False)


def test_functions_get_their_code_back():
    codes = [f.__code__ for f in (helper, in_place, Scaled.side, Scaled.half, Scaled.twice.fget)]
    seen = []

    def fails(x):
        seen.append(helper.__code__)
        raise ValueError(helper(x.size(0), 0.5))

    with pytest.raises(ValueError, match="2"):
        jit.trace(fails, torch.rand(4))
    jit.trace(Scaled(), torch.rand(2, 3), check_trace=False)

    assert seen[0] is not codes[0]  # while it is traced
    assert codes == [f.__code__ for f in (helper, in_place, Scaled.side, Scaled.half, Scaled.twice.fget)]
    assert not any(
        name.startswith("<") for name in vars(__builtins__ if hasattr(__builtins__, "int") else int)
    )


def test_other_threads_call_the_same_functions_meanwhile():
    inside, done, found = threading.Event(), threading.Event(), []

    def other():
        inside.wait(10)
        found.append((helper(7, 0.5), type(helper(7, 0.5)), in_place(torch.zeros(3, 2)), np.prod((2, 3))))
        done.set()

    def waits(x):
        inside.set()
        done.wait(10)
        return x.new_zeros(helper(x.size(0), 0.5))

    thread = threading.Thread(target=other)
    thread.start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = jit.trace(waits, torch.rand(4), check_trace=False)
    thread.join()

    assert found[0][:2] == (3, int) and found[0][3] == 6
    assert torch.equal(found[0][2], in_place(torch.zeros(3, 2)))
    assert traced(torch.rand(8)).shape == (4,)


def test_a_function_whose_text_is_another_by_now_is_left_alone(tmp_path):
    import importlib.util

    path = tmp_path / "changing.py"
    path.write_text("def f(x):\n    return x.new_zeros(int(x.size(0) * 0.5))\n")
    spec = importlib.util.spec_from_file_location("changing", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    path.write_text("def f(x):\n    return x.new_zeros(int(x.size(0) * 1.5))\n")

    with pytest.warns(jit.TracerWarning, match="Python integer"):
        traced = jit.trace(module.f, torch.rand(4), check_trace=False)

    assert traced(torch.rand(4)).shape == (2,)


@functools.lru_cache
def remembered(rows, columns):
    return torch.ones(int(rows * 0.5), columns).tril()


@functools.cache
def remembered_sizes(shape):
    return [n * 2 for n in shape]


def test_what_functions_remember_is_neither_read_nor_left_behind():
    remembered(4, 6), remembered_sizes(torch.Size((4, 6)))

    def f(x):
        return (
            x.new_zeros(remembered_sizes(x.shape))
            + remembered(2 * x.size(0), 1)[0, 0]
            + remembered(*x.shape).sum()
        )

    before = remembered.cache_info(), remembered_sizes.cache_info()
    traced = jit.trace(f, torch.rand(4, 6), check_trace=False)

    assert (remembered.cache_info(), remembered_sizes.cache_info()) == before
    for shape in ((4, 6), (8, 3)):
        x = torch.rand(*shape)
        assert torch.equal(traced(x), f(x))


def test_numpy_that_a_function_imports_itself_is_followed():
    def f(x):
        from math import sqrt as root

        import numpy

        return x.reshape(int(numpy.prod(x.shape))) * root(x.size(0))

    traced = jit.trace(f, torch.rand(4, 6))
    x = torch.rand(2, 3)
    assert torch.equal(traced(x), f(x))


@pytest.mark.filterwarnings("error::torchscript.TracerWarning")
def test_texts_for_people_and_questions_that_have_one_answer_are_not_warned_of(capsys):
    def f(x):
        print(f"{x.size(0)} rows", x.shape, "%d columns" % x.size(1))
        message = f"{x.size(0)} rows"
        message += f" of {x.size(1)}"
        if x.dim() > 5:
            raise ValueError(message)
        assert x.size(0) > 1, message
        return x if -1 in x.shape or x.numel() < -5 else x * 2

    traced = jit.trace(f, torch.rand(4, 6), check_trace=False)

    assert capsys.readouterr().out == "4 rows torch.Size([4, 6]) 6 columns\n"
    assert torch.equal(traced(torch.ones(2)), torch.full((2,), 2.0))


def test_a_size_of_an_earlier_trace_is_warned_of():
    kept = []

    def f(x):
        if not kept:
            kept.append(x.size(0))
        return x * kept[0]

    with pytest.warns(jit.TracerWarning, match="'kept' of an enclosing function was changed"):
        jit.trace(f, torch.rand(4), check_trace=False)
    with pytest.warns(jit.TracerWarning, match="comes from another trace .* the value of this run \\(4\\)"):
        jit.trace(f, torch.rand(4), check_trace=False)

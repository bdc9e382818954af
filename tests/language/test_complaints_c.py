"""More that users of torch.jit asked for: partials, modules by a condition, powers in archives, and clear answers."""

import functools
import io
from typing import Callable, Dict, List

import pytest
import torch
from torch import Tensor, nn

import torchscript as ts


def summed(x: Tensor, dim: int = 0, *, scale: float = 1.0) -> Tensor:
    return x.sum(dim) * scale


@pytest.mark.parametrize(
    "partial, given, named",
    [
        (functools.partial(summed, dim=-1), (torch.rand(2, 3),), {}),
        (functools.partial(lambda x, factor: x * factor, factor=3), (torch.rand(2, 3),), {}),
        (functools.partial(summed, dim=-1), (torch.rand(2, 3),), {"dim": 0}),
        (functools.partial(summed, torch.rand(2, 3)), (1,), {"scale": 2.0}),
    ],
)
def test_partials_are_compiled(partial, given, named):
    want, scripted = partial(*given, **named), ts.script(partial)
    assert torch.equal(scripted(*given, **named), want)
    buffer = io.BytesIO()
    ts.save(scripted, buffer)
    buffer.seek(0)
    assert torch.equal(ts.load(buffer)(*given, **named), want)


def test_a_partial_of_what_has_no_signature():
    with pytest.raises(ts.Error, match="What 'flatten' takes is not known"):
        ts.script(functools.partial(torch.flatten, start_dim=1))


class ListsInARow(nn.Module):
    def forward(self, xs: List[Tensor]) -> List[Tensor]:
        return [x + 1 for x in xs]


def test_a_sequential_takes_what_its_first_module_takes(assert_everywhere):
    assert_everywhere(nn.Sequential(ListsInARow(), ListsInARow()), [torch.rand(2)])
    assert_everywhere(nn.Sequential(nn.Sequential(ListsInARow()), nn.Sequential()), [torch.rand(2)])


class ByCondition(nn.Module):
    def __init__(self):
        super().__init__()
        self.narrow = nn.Linear(2, 2)
        self.wide = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 2))
        self.all = nn.ModuleList([nn.Identity()])

    def forward(self, x, flag: bool):
        chosen = self.narrow if flag else self.wide
        return chosen(x) + (self.all[0] if not flag else self.narrow)(x)


@pytest.mark.parametrize("flag", [True, False])
def test_a_module_by_a_condition(assert_everywhere, flag):
    assert_everywhere(ByCondition(), torch.rand(1, 2), flag)


def power(a: int, b: int):
    return a**b, 2**b, (a + 1) ** 2


def test_powers_of_ints(assert_everywhere):
    assert_everywhere(power, 3, 4)
    assert_everywhere(power, -2, 0)


@pytest.mark.parametrize("base, exception", [(0, ZeroDivisionError), (2, ValueError)])
def test_a_negative_exponent_is_no_silent_zero_in_an_archive(base, exception):
    scripted, buffer = ts.script(power), io.BytesIO()
    ts.save(scripted, buffer)
    buffer.seek(0)
    for compiled in (scripted, ts.load(buffer)):
        with pytest.raises(exception, match="negative"):
            compiled(base, -2)
    buffer.seek(0)
    with pytest.raises(torch.jit.Error, match="negative"):
        torch.jit.load(buffer)(base, -2)


def power_or(a: int, b: int) -> int:
    try:
        return a**b
    except ZeroDivisionError:
        return -1


def with_hook(x: Tensor):
    x.register_hook(lambda gradient: gradient * 3)
    return x


def with_callable(x: Tensor, f: Callable[[Tensor], Tensor]):
    return f(x)


@pytest.mark.parametrize(
    "program, line, message, advice",
    [
        (with_hook, "x.register_hook", "A hook of a tensor's gradient", "Register it outside"),
        (with_callable, "f(x)", "A Tensor cannot be called", "A function cannot be an argument"),
    ],
)
def test_clear_answers(assert_refused, program, line, message, advice):
    assert advice in assert_refused(program, line, match=message)


class Registers(nn.Module):
    def forward(self, x):
        self.register_buffer("seen", x)
        return self.seen


def test_what_a_module_holds_is_settled():
    with pytest.raises(ts.Error, match="cannot be registered in compiled code") as raised:
        ts.script(Registers())
    assert "Register it in __init__" in str(raised.value)


def collected(xs: List[Tensor]) -> List[float]:
    out = []
    for x in xs:
        out.append(x.item())
    return out


def test_numbers_of_items_say_what_they_are(assert_refused):
    assert "float(x.item())" in assert_refused(collected, "return out", match=r"must be a List\[float\]")


def grown(d: Dict[str, int], how: int) -> int:
    total = 0
    for key in d:
        if how == 1:
            d[f"{d[key]}"] = 1
        if how == 2:
            d.pop("b")
        d[key] = d[key] * 2
        total += d[key]
    for key, value in d.items():
        if how == 3 and value > 1:
            d["z"] = 1
            break
    return total


def test_dicts_that_stay_as_large_are_iterated(assert_everywhere):
    assert_everywhere(grown, {"a": 1, "b": 2}, 0)
    assert_everywhere(grown, {"a": 1, "b": 2}, 3)
    assert_everywhere(grown, {}, 1)


@pytest.mark.parametrize("how", [1, 2])
def test_dicts_that_change_size_while_they_are_iterated(how):
    for compiled in (grown, ts.script(grown)):
        with pytest.raises(RuntimeError, match="dictionary changed size during iteration"):
            compiled({"a": 1, "b": 2}, how)

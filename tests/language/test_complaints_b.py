"""Constructs that users of torch.jit asked for: lookups in `try`, refinement by `or`, caches, classes and containers."""

import collections
import functools
import numbers
from typing import Any, Dict, List, Optional, Union

import pytest
import torch
from torch import Tensor, nn

import torchscript as ts


def size_or_length(x: Tensor, i: int) -> int:
    try:
        return x.size(i)
    except IndexError:
        return -x.size(0)


def row_or_sum(x: Tensor, i: int) -> Tensor:
    try:
        y = x[i]
    except Exception:
        y = x.sum(0)
    return y


def number_in(d: Dict[str, str], key: str) -> int:
    try:
        return int(d[key])
    except (KeyError, ValueError):
        return -1


def raised_again(x: Tensor, n: int) -> Tensor:
    try:
        if n < 0:
            raise ValueError(f"negative: {n}")
        return x[n]
    except ValueError:
        raise
    except IndexError as error:
        raise KeyError("no such row") from error


def place_of(xs: List[int], x: int) -> int:
    for i, other in enumerate(xs):
        if other == x:
            place = i
            break
    else:
        place = -1
    for _ in xs:
        if x < 0:
            break
        place = 7
    else:
        place += 100
    return place


def a_number(x: Union[int, float, str], y: Optional[int]) -> float:
    if isinstance(x, int) or isinstance(x, float):
        x = x + 1
        return float(x)
    if not (isinstance(x, str) and y is not None):
        return 0.5
    return float(len(x) + y)


def kinds(n: int, x: Tensor, f: float):
    return (
        isinstance(n, numbers.Number),
        isinstance(f, numbers.Integral),
        isinstance(n, (numbers.Real, str)),
        isinstance(x, numbers.Number),
    )


def from_any(batch: Dict[str, Any]) -> int:
    names: List[str] = batch["names"]
    n: int = batch["n"]
    return len(names[0]) + n


class Cell:
    def __init__(self, n: int):
        self.n = n
        self.label: Optional[str] = None

    @staticmethod
    def both(x: Tensor, h: Tensor):
        return torch.tanh(x + h), h

    @classmethod
    def of(cls, n: int) -> "Cell":
        return cls(n)


def by_instance(x: Tensor):
    cell = Cell(1)
    cell.label = "a"
    return cell.both(x, x)[0] + Cell.both(x, x)[0] + cell.of(2).n, cell.label


def pair_of(x: Tensor):
    Pair = collections.namedtuple("Pair", ["a", "b"])
    Other = collections.namedtuple("Other", "c d")
    pair = Pair(x, b=x + 1)
    return pair.a * pair.b + Other(x, x).d


def updated(d: Dict[str, int]) -> Dict[str, int]:
    d.update({"a": 1}, b=2)
    d.update(c=3, a=4)
    return d


def with_gradient(x: Tensor, w: Tensor):
    y = (x * w).sum()
    gradient = torch.autograd.grad(y, w, create_graph=True)
    (other,) = torch.autograd.grad(outputs=y * 2, inputs=w)
    return w - gradient[0] + other


class Choices(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleDict({"conv": nn.Conv1d(2, 2, 1), "same": nn.Identity()})
        self.scales = nn.ParameterDict({"a": nn.Parameter(torch.rand(1))})

    @functools.lru_cache
    def size(self) -> int:
        return 3

    def forward(self, x, k: str):
        if k in self.layers:
            x = self.layers[k](x)
        if k not in self.scales:
            x = x + self.size()
        return x


@pytest.mark.parametrize(
    "program, given",
    [
        (size_or_length, (torch.rand(2, 3), 1)),
        (size_or_length, (torch.rand(2, 3), -3)),
        (size_or_length, (torch.rand(2, 3), 2)),
        (row_or_sum, (torch.rand(2, 3), -2)),
        (row_or_sum, (torch.rand(2, 3), 2)),
        (number_in, ({"a": "3"}, "a")),
        (number_in, ({"a": "x"}, "a")),
        (number_in, ({"a": "3"}, "b")),
        (raised_again, (torch.arange(3), 2)),
        (place_of, ([3, 4, 5], 4)),
        (place_of, ([3, 4, 5], 9)),
        (place_of, ([], -1)),
        (a_number, (1, None)),
        (a_number, (1.5, None)),
        (a_number, ("abc", 2)),
        (a_number, ("abc", None)),
        (kinds, (1, torch.rand(1), 1.5)),
        (from_any, ({"names": ["abc"], "n": 4},)),
        (by_instance, (torch.rand(2),)),
        (pair_of, (torch.rand(2),)),
        (updated, ({"z": 0},)),
        (Choices(), (torch.rand(1, 2, 3), "conv")),
        (Choices(), (torch.rand(1, 2, 3), "a")),
    ],
)
def test_agrees(assert_everywhere, program, given):
    assert_everywhere(program, *given)


@pytest.mark.parametrize("n, exception", [(-1, ValueError), (7, KeyError)])
def test_exceptions_that_handlers_let_pass(n, exception):
    with pytest.raises(exception):
        ts.script(raised_again)(torch.arange(3), n)


def test_a_value_that_is_not_what_its_annotation_says():
    with pytest.raises(TypeError, match=r"no List\[str\]"):
        ts.script(from_any)({"names": [1], "n": 4})


def test_a_tensor_stands_for_a_list_of_gradients():
    x, w = torch.rand(3), torch.rand(3, requires_grad=True)
    assert torch.equal(ts.script(with_gradient)(x, w), with_gradient(x, w))


class WithExtraState(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(1))
        self.step = 3

    def get_extra_state(self) -> Any:
        return {"step": self.step}

    def set_extra_state(self, state: Any) -> None:
        self.step = state["step"]

    def forward(self, x):
        return x * self.w * self.step


def test_extra_state_is_part_of_the_state():
    module = WithExtraState()
    scripted = ts.script(module)
    assert list(scripted.state_dict()) == list(module.state_dict()) == ["w", "_extra_state"]
    scripted.load_state_dict({"w": torch.ones(1), "_extra_state": {"step": 5}})
    assert scripted(torch.ones(1)).item() == 5

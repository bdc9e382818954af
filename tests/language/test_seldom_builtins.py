"""Functions of Python that few programs call, and Tensors where numbers are annotated; compared with Python everywhere."""

import dataclasses
import math
from typing import Any, Optional

import pytest
import torch
from torch import Tensor, nn

import torchscript as jit


def in_base(s: str, b: int):
    return int(s, b), int("11", 2), int("0x1_f", base=0) + int("zz", 36)


def ascii_text(s: str, n: int, x: float):
    return ascii(s), ascii(n), ascii([x]), ascii("é")


def complex_parts(a: float):
    return (
        complex(1, 2) == 1 + 2j,
        complex(1, 2).imag,
        complex(a, 2) == 1 + 2j,
        complex(2.0) == 2,
        complex(imag=a),
        complex(1, imag=2),
    )


@dataclasses.dataclass
class Point:
    x: int
    y: float = 2.0
    tags: list[str] = dataclasses.field(default_factory=list)

    def total(self) -> float:
        return self.x + self.y


def replaced(n: int):
    p = Point(n, tags=["a"])
    q = dataclasses.replace(p, x=n + 1)
    q.tags.append("b")
    return q.total(), p.total(), p.tags, str(q), f"{p}", q.__class__.__name__


def summed(rows: list[list[float]], n: int):
    return sum(rows, []), sum(rows, [1.0]), list(range(n)[::-1]), [i for i in range(n)[1:]]  # noqa: RUF017


def kind_of(v: Any):
    if isinstance(v, list):
        return 1
    if isinstance(v, (tuple, str)):
        return 2
    return 3


def of_ints(n: int, m: int):
    several = math.gcd(n, m, 6), math.gcd(n), math.lcm(n, m, 4), math.lcm()
    return (
        math.comb(n, 2),
        math.comb(2, n),
        math.perm(n, 2),
        math.perm(n),
        math.isqrt(n * m),
        math.comb(5, 2),
        several,
    )


def in_a_tensor(x: Tensor, n: int):
    return n in x, n not in x, 2.0 in x, x[0, 0] in x, [i for i in range(n) if i in x]


def looked_up(n: int):
    try:
        r = [1, 2][n]
    except IndexError:
        r = -1
    return r


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        (in_base, ("ff", 16)),
        (in_base, (" -0b1_01 ", 0)),
        (ascii_text, ("naïve\n", 3, 0.5)),
        (complex_parts, (1.0,)),
        (replaced, (3,)),
        (summed, ([[1.0], [2.0, 3.0]], 4)),
        *((kind_of, (v,)) for v in ([1], ["a"], [], (1, 2), "a", 2)),
        (of_ints, (6, 15)),
        (of_ints, (1, 2**52)),
        (in_a_tensor, (torch.arange(6.0).reshape(2, 3) + 1, 3)),
        (looked_up, (1,)),
        (looked_up, (2,)),
    ],
    ids=lambda v: getattr(v, "__name__", None),
)
def test_agrees_with_python(program, arguments, assert_everywhere):
    # PyTorch has bytes for strings, its own digits of floats, and takes no empty list for a value of any type
    stock = program not in (ascii_text, replaced) and arguments != ([],)
    assert_everywhere(program, *arguments, stock=stock)


@pytest.mark.parametrize(
    ("text", "base"), [("12", 2), ("0x", 16), ("012", 0), ("1__0", 10), ("", 3), ("1", 37)]
)
def test_what_is_no_number(text, base):
    def read(s: str, b: int):
        return int(s, b)

    with pytest.raises(ValueError) as eager:
        read(text, base)
    with pytest.raises(ValueError) as compiled:
        jit.script(read)(text, base)
    assert str(compiled.value) == str(eager.value)


def times(n: int, x: Tensor):
    return x * n


def chosen(flag: bool, x: Tensor):
    return x if flag else -x


def picked(n: int, xs: list[int]):
    return xs[n], "a" * n


def shifted(by: Optional[int], x: Tensor):
    return x if by is None else x + by


def tensors_as_numbers(x: Tensor):
    def inner(k: int):
        return x + k

    some = (
        times(x.sum(), x),
        times(torch.tensor(3), x),
        times(2, x),
        chosen((x > 0).any(), x),
        inner(x.argmax()),
    )
    return some, picked(x.argmax() - 3, [1, 2, 3]), shifted(x.argmax(), x), shifted(None, x), shifted(3, x)


def on_a_stream(x: Tensor, stream: torch.Stream):
    return x + 1


def test_a_stream_is_no_tensor():
    assert "Stream stream" in str(jit.script(on_a_stream).schema)


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))

    def scale(self, x, by: float):
        return x * by

    def forward(self, x):
        return self.scale(x, self.weight), self.scale(x, 0.5)


def test_tensors_where_numbers_are_annotated(assert_everywhere):
    x = torch.arange(6.0).reshape(2, 3)
    assert_everywhere(tensors_as_numbers, x)
    module = Scaled()
    assert_everywhere(module, x)
    jit.script(module)(x)[0].sum().backward()  # the Tensor stays one, with its gradient
    assert module.weight.grad == x.sum()


def test_what_has_no_meaning_is_refused():
    def address(n: int):
        return id(n)

    def a_dict(v: Any):
        return isinstance(v, dict)

    def no_flag(x):
        with torch.set_grad_enabled():
            return x + 1

    for program, message in (
        (address, "Compare the values themselves"),
        (a_dict, "Say what it contains"),
        (no_flag, "called without 'mode'"),
    ):
        with pytest.raises(jit.Error, match=message):
            jit.script(program)


def named(sizes, name, flag):
    return name + str(flag), name + f"{sizes[0]}"


def test_text_made_of_an_argument():
    assert jit.script(named)([3, 2], "n", True) == named([3, 2], "n", True)

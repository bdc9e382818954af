"""More sentences of PyTorch's reference pages, and of Python's: what a name is after `*`, slices, enums, magic methods."""

import enum
import io
import warnings
from typing import Dict, List, Tuple

import numpy as np
import pytest
import torch
from torch import nn

import torchscript as jit


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Word(str, enum.Enum):
    A = "aa"
    B = "bb"


class Color(enum.Enum):
    RED = "r"
    GREEN = "g"


class Vector:
    def __init__(self, x: int):
        self.x = x

    def __hash__(self) -> int:
        return self.x * 7

    def __abs__(self) -> int:
        return abs(self.x)


def starred_of_tuples(t: Tuple[int, int, int]):
    a, *b = t
    *c, d = t
    b.append(a)
    e, *f = (1, "x", 2.0)
    return a, b, c, d, e, f[0], len(f)


def repeated_in_place(xs: List[int], n: int):
    ys = xs
    ys *= n
    return xs, ys


def shifted(x: torch.Tensor):
    return 1 << x, 8 >> x, x << 1


def methods_of_python(n: int):
    return hash(Vector(n)), abs(Vector(-n))


def steps(xs: List[int], a: int):
    ys = list(xs)
    xs[::2] = [0] * len(xs[::2])
    xs[a::-2] = xs[a::-2]
    del ys[::a]
    del ys[-1:0:-2]
    return xs, ys


def slice_objects(xs: List[int], x: torch.Tensor, n: int):
    s = slice(1, n)
    xs[slice(0, 1)] = [5, 6]
    ys = list(range(9))
    del ys[slice(None, None, 2)]
    return xs[s], x[s], x[:, s], "abcdef"[slice(None, None, 2)], (1, 2, 3)[s if False else slice(2)], ys


class HoldsSlices(nn.Module):
    def __init__(self):
        super().__init__()
        self.part = slice(0, 2)
        self.parts = [slice(0, 1), slice(1, 3)]

    def forward(self, x):
        y = x.clone()
        y[:, self.part] = 0
        return x[self.part], torch.cat([x[s] for s in self.parts]), y


def powers(c: complex, n: int):
    return c / 2, 2.0 / c, c.conjugate(), pow(3, n, 7), pow(-3, n, 7)


def added(a, b):
    return a + b


def stars_of_displays(x: torch.Tensor, t: Tuple[int, int]):
    a, *rest = (x, x * 2, x * 3)
    pair = [x, a]
    total = added(*pair) + added(*rest)
    if x.sum() > 0:
        total = total + added(*pair)
    n, *sizes = t
    return total, torch.zeros(n, *sizes), len(rest), rest[0]


def formats(n: int, x: float):
    return format(n, "05d"), format(x, ".2f"), format(n)


def numbers_that_are_members(level: Level, word: Word):
    return level + 1, level.value, level.name, level == Level.HIGH, word.value, word.name, word + "!"


def zipped(xs: List[int], ys: List[int]):
    return [a * b for a, b in zip(xs, ys, strict=True)]


@pytest.mark.parametrize(
    "program, given",
    [
        (starred_of_tuples, ((1, 2, 3),)),
        (repeated_in_place, ([1, 2], 3)),
        (repeated_in_place, ([1, 2], 0)),
        (shifted, (torch.tensor([1, 2, 3]),)),
        (methods_of_python, (3,)),
        (steps, (list(range(7)), 3)),
        (steps, (list(range(2)), 5)),
        (slice_objects, (list(range(5)), torch.rand(4, 4), 3)),
        (HoldsSlices(), (torch.rand(4, 4),)),
        (powers, (1 + 2j, 5)),
        (stars_of_displays, (torch.rand(2), (2, 3))),
        (formats, (42, 2.555)),
        (numbers_that_are_members, (Level.HIGH, Word.B)),
        (zipped, ([1, 2], [3, 4])),
    ],
    ids=lambda v: getattr(v, "__name__", None),
)
def test_as_in_python(assert_everywhere, program, given):
    assert_everywhere(program, *given)


@pytest.mark.parametrize(
    "program, given",
    [(zipped, ([1, 2], [3])), (zipped, ([1], [3, 4])), (steps, ([], 0))],
)
def test_raises_as_python_does(program, given):
    with pytest.raises(ValueError) as expected:
        program(*given)
    with pytest.raises(ValueError, match=r"zip|slice step") as raised:
        jit.script(program)(*given)
    assert str(expected.value) in str(raised.value)


def complex_powers(c: complex):
    return c**2, 2**c


def test_powers_of_complex_numbers(assert_agrees):
    assert "complex" in str(assert_agrees(complex_powers, 1 + 2j).schema)


def prints(xs: List[int], d: Dict[str, int]):
    print("a", xs, 2.5, None, (1, "x"), sep="")
    print(xs, d, sep=", ", end=".\n")
    print(sep="-")
    print("x", end="\n")


def test_separators_are_printed(capsys):
    prints([1], {"k": 1})
    expected = capsys.readouterr().out
    jit.script(prints)([1], {"k": 1})
    assert capsys.readouterr().out == expected


def test_stars_of_lists_that_may_have_changed(assert_refused):
    def grown(x: torch.Tensor, n: int):
        pair = [x]
        for _ in range(n):
            pair.append(x)
        return added(*pair)

    def aliased(x: torch.Tensor):
        pair = [x]
        both = (pair, 1)
        both[0].append(x)
        return added(*pair)

    for program in (grown, aliased):
        assert_refused(program, "return added(*pair)", match="How many arguments")


def test_what_print_cannot_do_is_told():
    def progress(n: int):
        print(n, end="")

    with pytest.warns(jit.errors.CompileWarning, match="ends its line all the same"):
        jit.script(progress)


def same_color(a: Color, b: Color):
    return a if a == b else Color.GREEN


def other_color():
    class Color(enum.Enum):
        RED = "r"
        GREEN = "g"

    return Color


def test_members_are_those_of_the_program_in_a_loaded_archive():
    archive = io.BytesIO()
    jit.save(jit.script(same_color), archive)
    archive.seek(0)
    loaded = jit.load(archive)
    assert loaded(Color.RED, Color.RED) is Color.RED
    assert loaded(Color.RED, Color.GREEN) is Color.GREEN
    assert loaded(other_color().RED, other_color().RED) is Color.RED  # of a program that has its own copy


def test_members_of_an_enum_that_is_another_now(define):
    f = define(
        "import enum\nclass Mode(enum.Enum):\n    A = 1\n    B = 2\ndef f(m: Mode) -> Mode:\n    return m"
    )
    archive = io.BytesIO()
    jit.save(jit.script(f), archive)
    archive.seek(0)
    mode = f.__globals__["Mode"]
    f.__globals__["Mode"] = enum.Enum("Mode", {"A": 1, "B": 3})
    loaded = jit.load(archive)
    assert (loaded(mode.A).name, loaded(mode.B).value) == ("A", 2)
    with pytest.raises(jit.Error, match="expects a value of type"):
        loaded(f.__globals__["Mode"].B)


def scalars(n: int, x: float, b: bool, s: str):
    return n + 1, x * 2, not b, s + "!"


def test_numbers_of_numpy_and_members_are_numbers(assert_same):
    compiled = jit.script(scalars)
    given = (np.int64(3), np.float32(1.5), np.bool_(True), np.str_("a"))
    assert_same(compiled(*given), scalars(3, 1.5, True, "a"))
    assert_same(compiled(Level.LOW, 1, True, Word.A), scalars(1, 1.0, True, "aa"))
    for wrong in ((1.5, 1.0, True, ""), (1, "a", True, ""), (1, 1.0, 2, ""), (1, 1.0, True, b"")):
        with pytest.raises(jit.Error, match="expects a value of type"):
            compiled(*wrong)


def test_a_script_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        jit.script(prints)

"""Functions of every part of the language, compiled to one native library, against the same functions in Python."""

import enum
import math
from typing import Dict, List, NamedTuple, Optional, Tuple, Union

import pytest
import torch
from torch import Tensor

import torchscript


class Color(enum.Enum):
    RED = 1
    GREEN = 2


class Point(NamedTuple):
    x: Tensor
    n: int


class Counter:
    def __init__(self, start: int):
        self.count = start
        self.names: List[str] = []

    def add(self, name: str) -> int:
        self.count += len(name)
        self.names.append(name)
        return self.count


def arithmetic(a: int, b: int, x: float) -> Tuple[int, int, float, float, bool]:
    return a // b, a % b, a / b + x**2, -x % 1.5, a < b or x > 1.0


def loops(n: int) -> List[int]:
    out: List[int] = []
    for i in range(n):
        if i % 2 == 0:
            continue
        if i > 20:
            break
        j = i
        while j > 0:
            out.append(i * j)
            j -= 3
    return out


def strings(s: str, n: int) -> str:
    parts = [p.upper() for p in s.split(",")]
    return "|".join(parts) + f" {n} {len(s)}" + s[1:-1] + s[::2].replace("a", "b")


def dictionaries(words: List[str]) -> Dict[str, int]:
    counts: Dict[str, int] = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    if "x" in counts:
        del counts["x"]  # noqa: RUF051
    return counts


def optional(x: Optional[Tensor], y: Optional[int]) -> Tensor:
    if x is None:
        return torch.zeros(2) if y is None else torch.full((2,), float(y))
    return x if y is None else x + y


def union(x: Union[int, str, List[int]]) -> str:
    if isinstance(x, int):
        return "int " + str(x + 1)
    elif isinstance(x, str):
        return "str " + x
    else:
        return "list " + str(len(x))


def named(p: Point) -> Point:
    return Point(p.x * 2, p.n + 1)


def enums(c: Color, n: int) -> Tuple[bool, str, int, Color]:
    return c == Color.RED, c.name, c.value + n, Color.GREEN if n > 0 else c


def objects(words: List[str]) -> Tuple[int, List[str]]:
    counter = Counter(10)
    for word in words:
        counter.add(word)
    return counter.count, counter.names


def changes_arguments(xs: List[int], d: Dict[str, Tensor]) -> int:
    xs.append(7)
    xs[0] = -1
    d["new"] = torch.ones(1)
    return len(xs)


def aliases(n: int) -> List[List[int]]:
    row = [0, 0]
    rows = [row, row]
    rows[0][0] = n
    rows.append([n])
    return rows


def tensors(x: Tensor, n: int) -> Tuple[Tensor, Tensor, int]:
    y = x.view(-1, 2)[:, 1:]
    y = torch.cat([y, y * n], 1).t()
    x = x.clone()
    x[0] = 5.0
    x[1:3] += 1
    return y, x, y.size(0) * y.dim()


def dtypes(x: Tensor, d: torch.dtype) -> Tuple[Tensor, torch.dtype, torch.device]:
    y = x.to(d)
    return y, y.dtype, y.device


def formatting(x: float, n: int, b: bool) -> str:
    return "{} {} {}".format(x, n, b) + " %d" % n + str(x) + str([1, 2]) + repr("q")


def mathematics(x: float) -> Tuple[float, int, bool]:
    return math.sqrt(x) + math.sin(x) + math.exp(-x), math.floor(x) + math.ceil(x), math.isnan(x)


def while_data(x: Tensor) -> Tuple[Tensor, int]:
    count = 0
    while bool((x.sum() < 100).item()):
        x = x * 2
        count += 1
    return x, count


def comprehension(xs: List[float]) -> List[float]:
    return [x * 2 for x in xs if x > 0]


def zipped(xs: List[int], ys: List[str]) -> List[Tuple[int, str]]:
    out: List[Tuple[int, str]] = []
    for i, (x, y) in enumerate(zip(xs, ys)):
        out.append((x + i, y))
    return out


def work(x: Tensor, n: int) -> Tensor:
    for _ in range(n):
        x = x * 1.5 - 0.1
    return x


def forked(x: Tensor) -> Tensor:
    a = torchscript.fork(work, x, 3)
    b = torchscript.fork(work, x + 1, 4)
    return torchscript.wait(a) + torchscript.wait(b)


def borrowed(n: int) -> List[List[int]]:
    rows = [[0] * n for _ in range(n)]
    for i in range(n):
        for j in range(n):
            rows[i][j] = rows[i - 1][j - 1] + i * j
    last = rows[-1]
    rows.append(last)
    last.append(n)
    return rows


class Deeper:
    def __init__(self, n: int):
        self.n = n

    def __enter__(self) -> int:
        self.n += 1
        return self.n

    def __exit__(self, kind, value, trace):
        self.n -= 1


def with_blocks(x: Tensor, n: int) -> Tuple[bool, bool, int, int]:
    deeper = Deeper(n)
    with torch.no_grad():
        y = x * 2
        with deeper as m:
            inside = m + deeper.n
    z = x * 2
    return y.requires_grad, z.requires_grad, inside, deeper.n


def left_by_exception(x: Tensor) -> Tensor:
    with torch.no_grad():
        if x.numel() == 1:
            raise ValueError("one")
    return x


def names(int64_t: int, Tensor: int, C_Deeper: int) -> int:
    f_names, std, ts, auto, v = int64_t, Tensor, C_Deeper, 1, 2
    lang = f_names + std + ts
    template, List_, at, class_, drop = lang, auto, v, 3, 4
    for register in range(class_):
        template += register * drop + at + List_
    return template


CASES = [
    (names, (1, 2, 3)),
    (with_blocks, (torch.ones(2, requires_grad=True), 3)),
    (left_by_exception, (torch.ones(2),)),
    (forked, (torch.ones(3),)),
    (borrowed, (4,)),
    (arithmetic, (-7, 2, 0.75)),
    (arithmetic, (7, -2, -2.5)),
    (loops, (30,)),
    (strings, ("anna,bert,cäsar", 3)),
    (dictionaries, (["a", "b", "a", "x"],)),
    (optional, (None, None)),
    (optional, (None, 3)),
    (optional, (torch.ones(2), 3)),
    (union, (3,)),
    (union, ("s",)),
    (union, ([1, 2],)),
    (named, (Point(torch.ones(2), 3),)),
    (enums, (Color.RED, 1)),
    (enums, (Color.GREEN, 0)),
    (objects, (["ab", "c"],)),
    (changes_arguments, ([1, 2], {"a": torch.zeros(1)})),
    (aliases, (4,)),
    (tensors, (torch.arange(8.0), 3)),
    (dtypes, (torch.arange(3), torch.float64)),
    (formatting, (0.1, 3, True)),
    (mathematics, (2.5,)),
    (while_data, (torch.ones(3),)),
    (comprehension, ([1.0, -2.0, 3.5],)),
    (zipped, ([1, 2, 3], ["a", "b"])),
]


@pytest.fixture(scope="module")
def native():
    """All functions in one library, as methods of one module would be: one run of the compiler."""
    from torchscript.native.api import compile_functions

    functions = list(dict.fromkeys(f for f, _ in CASES))
    return dict(zip(functions, compile_functions([torchscript.script(f) for f in functions])))


def copied(value):
    if isinstance(value, list):
        return [copied(v) for v in value]
    if isinstance(value, dict):
        return {k: copied(v) for k, v in value.items()}
    return value


def same(a, b):
    assert type(a) is type(b) or isinstance(a, tuple), (a, b)
    if isinstance(a, Tensor):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b):
            same(x, y)
    elif isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            same(a[key], b[key])
    else:
        assert a == b or a != a


@pytest.mark.parametrize("function, arguments", CASES, ids=lambda v: getattr(v, "__name__", "")[:24])
def test_as_in_python(native, function, arguments):
    expected_arguments, given = copied(list(arguments)), copied(list(arguments))
    expected = function(*expected_arguments)
    same(native[function](*given), expected)
    same(given, expected_arguments)


def test_exceptions_leave_with_blocks(native):
    assert torch.is_grad_enabled()
    with pytest.raises(ValueError) as caught:
        native[left_by_exception](torch.ones(1))
    assert str(caught.value) == "one"
    assert torch.is_grad_enabled()
    assert "test_programs.py" in caught.value.torchscript_traceback


def test_reports_what_has_no_native_form():
    def with_python(x: Tensor) -> Tensor:
        return helper(x) + 1

    with pytest.raises(torchscript.NativeError, match="helper"):
        torchscript.compile(torchscript.script(with_python))


@torchscript.ignore
def helper(x: Tensor) -> Tensor:
    return x

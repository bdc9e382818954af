"""Exceptions of native code beside those of the Python back end: class, arguments, and the user's line."""

import copy
import json
import math
import re
import traceback
from typing import Dict, List, Tuple

import pytest
import torch
from torch import Tensor

import torchscript
from torchscript.native.api import compile_functions


class OwnError(ValueError):
    pass


class TwoArguments(Exception):
    def __init__(self, code, more):
        super().__init__(code, more)


def key_int(d: Dict[int, int]) -> int:
    return d[3]


def key_str(d: Dict[str, int]) -> int:
    return d["a'b"]


def key_float(d: Dict[float, int], x: float) -> int:
    return d[x]


def key_bool(n: int) -> int:
    d = {True: 2}
    return d[n > 100]


def key_popped(d: Dict[int, int]) -> int:
    return d.pop(4)


def key_deleted(d: Dict[int, int]) -> int:
    del d[5]
    return 0


def popped_item(n: int) -> Tuple[int, int]:
    d: Dict[int, int] = {}
    return d.popitem()


def value_error(n: int) -> int:
    if n > 0:
        raise ValueError("bad", n)
    return 1


def no_message(n: int) -> int:
    if n > 0:
        raise NotImplementedError
    return 1


def own_error(n: int) -> int:
    if n > 0:
        raise OwnError(f"mine {n}")
    return 1


def stop(n: int) -> int:
    if n > 0:
        raise StopIteration("done")
    return 1


def strange_characters(n: int) -> int:
    if n > 0:
        raise ValueError("a\0b\x1ec\x1fd\x1e0 é 漢")
    return 1


def asserted(n: int) -> int:
    assert n < 0, f"not {n}"
    return 1


def asserted_bare(n: int) -> int:
    assert n < 0
    return 1


def called(n: int) -> int:
    return own_error(n) + 1


def singular(x: Tensor) -> Tensor:
    return torch.linalg.inv(x)


def shapes(x: Tensor) -> Tensor:
    return x @ torch.ones(7)


def dimension(x: Tensor) -> Tensor:
    return x.sum(5)


def not_implemented(x: Tensor) -> Tensor:
    return torch.bitwise_and(x, x)


def list_index(n: int) -> int:
    xs = [1]
    return xs[n]


def division(n: int) -> int:
    return 1 // (n - n)


def true_division(n: int) -> float:
    return 1 / (n - n)


def modulo(n: int) -> int:
    return 1 % (n - n)


def int_of(s: str) -> int:
    return int(s)


def removed(n: int) -> List[int]:
    xs = [1]
    xs.remove(n)
    return xs


def index_of(n: int) -> int:
    return [1].index(n)


def root(x: float) -> float:
    return math.sqrt(x)


def overflow(x: float) -> float:
    return math.exp(x)


def character(n: int) -> str:
    return chr(n - 10)


def item(x: Tensor) -> float:
    return x.item()


def unpacked(xs: List[int]) -> int:
    a, _b = xs
    return a


def whole(x: float) -> int:
    return int(x)


def largest(xs: List[int]) -> int:
    return max(xs)


zeros = torch.zeros(2, 2)
CASES = [
    (key_int, {1: 1}), (key_str, {"a": 1}), (key_float, {1.0: 1}, 2.5), (key_float, {1.0: 1}, math.nan),
    (key_float, {1.0: 1}, -math.inf), (key_bool, 1), (key_popped, {1: 1}), (key_deleted, {1: 1}), (popped_item, 1),
    (value_error, 1), (no_message, 1), (own_error, 1), (stop, 1), (strange_characters, 1), (asserted, 1),
    (asserted_bare, 1), (called, 1), (singular, zeros), (shapes, zeros), (dimension, zeros), (not_implemented, zeros),
    (list_index, 1), (division, 1), (true_division, 1), (modulo, 1), (int_of, "x1"), (removed, 3), (index_of, 3),
    (root, -1.0), (overflow, 1e4), (character, 1), (item, zeros), (unpacked, [1, 2, 3]), (unpacked, [1]),
    (whole, math.inf), (whole, math.nan), (largest, []),
]  # fmt: skip


def two_arguments(n: int) -> int:
    if n > 0:
        raise TwoArguments("a", "b")
    return 1


FUNCTIONS = [*dict.fromkeys(f for f, *_ in CASES), two_arguments]


@pytest.fixture(scope="module")
def compiled():
    scripted = [torchscript.script(f) for f in FUNCTIONS]
    return dict(zip(FUNCTIONS, zip(scripted, compile_functions(scripted), strict=True), strict=True))


def lines_of(error):
    """The lines of this file that an exception passed."""
    native = getattr(error, "torchscript_traceback", None)
    if native is not None:
        return [int(n) for n in re.findall(r'test_exceptions.py", line (\d+),', native)]
    frames = traceback.extract_tb(error.__traceback__)
    return [f.lineno for f in frames if f.filename == __file__ and f.name != "raised_by"]


def raised_by(function, arguments):
    with pytest.raises(BaseException) as caught:
        function(*copy.deepcopy(arguments))
    return caught.value


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0].__name__)
def test_as_the_python_back_end(compiled, case):
    function, *arguments = case
    python, native = (raised_by(run, arguments) for run in compiled[function])
    assert type(native) is type(python)
    assert repr(native.args) == repr(python.args)
    assert lines_of(native) == lines_of(python)


def test_a_class_that_cannot_be_made_from_a_message_is_named(compiled):
    native = raised_by(compiled[two_arguments][1], [1])
    assert type(native) is RuntimeError and str(native) == f"{__name__}.TwoArguments: ('a', 'b')"


def test_an_exception_of_an_operator_in_python_goes_through():
    """It is the object that was raised: with its class, its attributes, its traceback."""
    library = torch.library.Library("test_exceptions", "DEF")
    library.define("fails(Tensor x) -> Tensor")

    def fails(x):
        json.loads("{")

    library.impl("fails", fails, "CPU")

    def calls(x: Tensor) -> Tensor:
        return torch.ops.test_exceptions.fails(x) + 1

    error = raised_by(torchscript.compile(calls), [torch.ones(1)])
    assert type(error) is json.JSONDecodeError and error.doc == "{"
    assert "fails" in [frame.name for frame in traceback.extract_tb(error.__traceback__)]

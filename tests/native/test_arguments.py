"""Arguments that compiled code changes or returns: the caller in Python sees what it would see in eager mode."""

from typing import Dict, List, Optional, Tuple

import pytest
import torch
from torch import Tensor, nn

import torchscript
from torchscript.errors import CompileWarning


class Inner:
    def __init__(self, n: int):
        self.n = n


class Point:
    def __init__(self, n: int):
        self.n = n
        self.xs = [n]
        self.inner = Inner(n)


def in_a_list(xs: List[List[int]]) -> int:
    xs[0].append(5)
    return len(xs)


def in_a_tuple(t: Tuple[List[int], int]) -> int:
    t[0].append(t[1])
    return 1


def in_a_dict(d: Dict[str, List[int]]) -> int:
    d["a"].append(5)
    return 1


def dict_in_a_list(xs: List[Dict[str, int]]) -> int:
    xs[0]["z"] = 5
    return 1


def of_an_object(p: Point) -> int:
    p.n += 1
    return p.n


def below_an_object(p: Point) -> int:
    p.inner.n += 1
    p.xs.append(3)
    return p.inner.n


def optional(xs: Optional[List[int]]) -> int:
    if xs is not None:
        xs.append(5)
    return 1


def two_names(xs: List[int], ys: List[int]) -> int:
    xs.append(1)
    ys.append(2)
    return len(xs)


def changed_and_returned(xs: List[int]) -> List[int]:
    xs.append(1)
    return xs


def returned(xs: List[Tensor]) -> List[Tensor]:
    return xs


def returned_object(p: Point) -> Point:
    return p


def table_of_its_own(xs: List[List[int]], n: int) -> int:
    table = [[0, 0] for _ in range(n)]
    table[0][1] = xs[0][0]
    return table[0][1]


class OwnProblem(ValueError):
    pass


def raises_its_own(xs: List[int], n: int) -> int:
    xs.append(n)
    xs[0] = 9
    if n > 0:
        raise OwnProblem(f"no {n}")
    return n


def raises_an_index(d: Dict[str, float], xs: List[int]) -> int:
    d["k"] = 2.5
    d.pop("a")
    xs.clear()
    return xs[7]


def raises_in_pytorch(xs: List[Tensor]) -> Tensor:
    xs.append(xs[0] + 1)
    return xs[0] @ torch.ones(7)


def raises_an_argument(names: Optional[List[str]]) -> Dict[int, int]:
    assert names is not None
    names.insert(0, "first")
    return {1: {2: 3}[5]}


def shared():
    xs = [1, 2]
    return xs, xs


CHANGE_INSIDE = {in_a_list, in_a_tuple, in_a_dict, dict_in_a_list, of_an_object, below_an_object}
CASES = {
    in_a_list: lambda: ([[1], [2]],),
    in_a_tuple: lambda: (([1], 2),),
    in_a_dict: lambda: ({"a": [1]},),
    dict_in_a_list: lambda: ([{"a": 1}],),
    of_an_object: lambda: (Point(1),),
    below_an_object: lambda: (Point(1),),
    optional: lambda: ([1],),
    two_names: shared,
    changed_and_returned: lambda: ([1],),
    returned: lambda: ([torch.zeros(1)],),
    returned_object: lambda: (Point(1),),
    table_of_its_own: lambda: ([[1]], 2),
    raises_its_own: lambda: ([1, 2], 3),
    raises_an_index: lambda: ({"a": 1.0}, [1]),
    raises_in_pytorch: lambda: ([torch.zeros(2)],),
    raises_an_argument: lambda: (["second"],),
}


@pytest.fixture(scope="module")
def native():
    from torchscript.native.api import compile_functions

    with pytest.warns(CompileWarning) as warned:
        compiled = compile_functions([torchscript.script(f) for f in CASES])
    messages = [str(w.message) for w in warned if "inside its argument" in str(w.message)]
    assert sorted(m.split("'")[1] for m in messages) == sorted(f.__name__ for f in CHANGE_INSIDE)
    return dict(zip(CASES, compiled, strict=True))


def parts(value):
    """Every object that the caller may hold, and what is in it."""
    if isinstance(value, Point | Inner):
        return parts(list(vars(value).values()))
    if isinstance(value, list | tuple | dict):
        items = list(value.values()) if isinstance(value, dict) else value
        return [value, *(p for item in items for p in parts(item))]
    return []


def shown(value):
    if isinstance(value, Point | Inner):
        return {name: shown(each) for name, each in vars(value).items()}
    if isinstance(value, dict):
        return {key: shown(each) for key, each in value.items()}
    return [shown(each) for each in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
def test_the_caller_sees_what_changed(native, function):
    seen = []
    for call in (function, native[function]):
        arguments = CASES[function]()
        held = parts(arguments)
        try:
            result = call(*arguments)
        except Exception as error:
            result = type(error), error.args
        seen.append((shown(result), shown(held), [result is each for each in arguments]))
    assert repr(seen[0]) == repr(seen[1])


def test_an_exception_has_its_lines_though_arguments_were_changed(native):
    with pytest.raises(OwnProblem) as caught:
        native[raises_its_own]([1], 2)
    assert "in raises_its_own\n    raise OwnProblem" in caught.value.torchscript_traceback
    assert native[raises_its_own]([1], 0) == 0


def test_a_method(native):
    class Adds(nn.Module):
        def forward(self, xs: List[Tensor], rows: Dict[str, List[Tensor]]) -> List[Tensor]:
            rows["a"].append(xs[0])
            return xs

    xs, row = [torch.ones(1)], []
    with pytest.warns(CompileWarning, match="inside its argument 'rows'"):
        module = torchscript.compile(torchscript.script(Adds()))
    assert module(xs, {"a": row}) is xs
    assert row[0] is xs[0]

"""What random programs found, each as the shortest program that showed it."""

from typing import Dict, List, Optional

import pytest
import torch
from torch import Tensor

import torchscript as jit
from torchscript.ir import verify


def test_bits_of_ints(assert_agrees):
    def f(n: int, b: bool):
        return ~n, ~n & 7, ~b

    assert_agrees(f, 5, True)


def test_text_in_text(assert_agrees):
    def f(text: str, part: str):
        return part in text, part not in text, "" in text

    scripted = assert_agrees(f, "abc", "bc")
    assert scripted("abc", "x") == f("abc", "x")


@pytest.mark.parametrize("n", [0, 1, 3, -1, 9])
def test_slices_of_lists_assigned_and_deleted(assert_agrees, n):
    def f(xs: List[int], ys: List[int], n: int):
        same = xs
        xs[1:2] = ys
        ys[:n] = xs
        xs[3:1] = [9, 9]
        xs[:] = xs
        del ys[1:3]
        return xs, ys, same

    assert_agrees(f, [1, 2, 3], [4, 5], n)


def test_a_step_in_an_assigned_slice(assert_agrees):
    def f(xs: List[int]):
        xs[::2] = [1]

    compiled = assert_agrees(f, [5, 6])
    with pytest.raises(ValueError, match="attempt to assign sequence of size 1 to extended slice of size 2"):
        compiled([5, 6, 7])


def test_elements_that_are_never_made_have_a_type(assert_agrees):
    def f(n: int):
        for i, j in zip(list(range(0)), [n]):
            print(i == j)
        return [n for _ in "ab" if False], [n, 1] != [n for _ in range(0)]

    assert_agrees(f, 1)


def test_a_function_that_always_raises_has_its_declared_type(assert_refused):
    def fails(n: int) -> List[int]:
        assert False, "always"
        return [n]

    def f(n: int) -> List[int]:
        return fails(n)

    with pytest.raises(AssertionError, match="always"):
        jit.script(f)(1)


@pytest.mark.parametrize(
    "arguments", [({}, 1, torch.ones(2, 2)), ({"x": 1}, 0, torch.ones(2, 2)), ({"x": 1}, 1, torch.ones(2))]
)
def test_errors_stay_where_nobody_reads_the_value(arguments):
    def f(d: Dict[str, int], n: int, t: Tensor):
        a = d["x"]
        b = 3 // n
        _h, _w = t.shape
        return n

    with pytest.raises(Exception) as expected:
        f(*arguments)
    with pytest.raises(type(expected.value)):
        jit.script(f)(*arguments)


@pytest.mark.parametrize("values", [[], [1.5]])
def test_sum_begins_at_its_start(assert_agrees, values):
    def f(xs: List[float], ts: List[Tensor], t: Tensor, start: float):
        return sum(xs, 0.0), sum(xs, start), sum([x for x in xs], start=start), sum(ts, t), sum(ts, 1)

    assert_agrees(f, values, [torch.ones(2)], torch.rand(2), 0.5)


def test_a_parameter_keeps_the_type_of_its_elements(assert_agrees):
    def f(p: List[Optional[int]], n: int):
        p = [n] if n > 2 else [None]
        p.insert(0, None)
        return p

    assert_agrees(f, [], 3)


class Pair:
    def __init__(self, a: Tensor, b: float):
        self.a = a
        self.b = b


def test_attributes_of_an_object_that_was_made_elsewhere(assert_agrees):
    def f(p: Pair):
        return p.a * p.b

    assert torch.equal(jit.script(f)(Pair(torch.ones(2), 2.0)), torch.full((2,), 2.0))


def test_a_loop_that_ends_after_one_iteration_tests_its_condition(assert_agrees):
    def f(n: int, xs: List[int]):
        while n > 0 and all([x > 0 for x in xs]):
            n -= 1
            break
        return n

    scripted = assert_agrees(f, 3, [-1])
    assert scripted(3, [1]) == f(3, [1])


def test_a_condition_whose_last_part_is_known(assert_agrees, check_graph):
    def f(n: int):
        while n > 0 and (any([n > i for i in [1, 2]]) and "a" in "b"):
            n -= 1
        return n

    check_graph(assert_agrees(f, 3).graph)
    verify(jit.script(f).graph)


def test_a_literal_has_the_element_type_of_the_list_that_takes_it(assert_agrees):
    def f(n: int, p: List[Optional[int]]):
        p.extend([n])
        p += [n, n]
        p[1:] = [None]
        p += [None]
        return p

    assert_agrees(f, 3, [])


def test_a_variable_that_a_path_which_breaks_lacks(assert_agrees):
    def f(xs: List[int]):
        total = 0
        for x in xs:
            if x > 1:
                if x == 5:
                    break
                if x == 7:
                    continue
                w = x * 2
            else:
                w = 3
            w = w
            total += w
        for k in (1, "s"):
            if len(xs) > 1:
                if xs[0] == 5:
                    break
                v = 2
            else:
                v = 3
            total += v
        return total

    for xs in ([1, 2, 3], [5, 1], [7]):
        assert_agrees(f, xs)


def test_what_a_break_comes_before_has_no_value_after_the_loop(assert_refused):
    def f(xs: List[int]):
        while True:
            if len(xs) > 1:
                if xs[0] == 5:
                    break
                w = 2
            else:
                w = 3
            xs.pop()
        return w

    assert_refused(f, "return w", "w is not defined on every path")


def holes(p: List[Optional[int]]) -> int:
    p.append(3)
    return len(p)


def test_lists_of_none_in_a_choice(assert_agrees):
    def f(n: int, v: List[Optional[int]]):
        v = [None if False else 2, v.pop(), v[0]] if n > 2 else [3, 1]
        v.append(None)
        w = [n] if n > 2 else [n, n]
        deep = holes([1] if n > 2 else ([n, None] if n > 0 else [None]))
        return holes([None, None] if n > 2 else [None]), holes([n] if n > 2 else [n, 1]), deep, v, w

    assert_agrees(f, 3, [1, None])
    assert_agrees(f, 1, [1, None])

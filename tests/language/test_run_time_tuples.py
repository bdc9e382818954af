"""Tuples whose length only a run tells: lists inside, tuples for Python."""

import copy
from typing import Dict, List, Optional, Tuple

import pytest
import torch

import torchscript as jit
from torchscript.frontend import returned as looking


def returned(xs: List[int]):
    return tuple(xs)


def annotated(xs: List[int]) -> Tuple[int, ...]:
    return tuple(xs)


def of_a_generator(xs: List[int]):
    return tuple(x + 1 for x in xs)


def of_a_shape(x):
    return tuple(x.shape)


def among_others(xs: List[int]):
    t = tuple(xs)
    xs.append(9)  # t is another object
    return len(t), t[0], t, xs


def from_a_helper(xs: List[int]):
    t = returned(xs)
    return t, [t[0]]


def on_both_paths(xs: List[int]):
    t = tuple(xs)
    if len(xs) > 1:
        t = tuple([1, *xs])
    return t


class Several(torch.nn.Module):
    def forward(self, xs: List[torch.Tensor]) -> Tuple[torch.Tensor, ...]:
        return tuple([x + 1 for x in xs])


class Calls(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.several = Several()

    def forward(self, xs: List[torch.Tensor]):
        return self.several(xs)


def in_containers(xs: List[int]):
    built = []
    for i in range(2):
        built.append(tuple(xs[i:]))
    return [tuple(xs), tuple(xs[1:])], {"a": tuple(xs)}, (1, [tuple(x + 1 for x in xs)]), built, built[0]


def of_tuples(xs: List[int]):
    return tuple(tuple(range(x)) for x in xs), [tuple([x]) for x in xs]


def annotated_containers(xs: List[int]) -> Tuple[List[Tuple[int, ...]], Dict[str, Tuple[int, ...]]]:
    named: Dict[str, Tuple[int, ...]] = {}
    named["k"] = tuple(xs)
    return [tuple(xs)], named


def perhaps(xs: List[int]):
    t: Optional[Tuple[int, ...]] = None
    if len(xs) > 1:
        t = tuple(xs)
    return t


def computed_with(xs: List[int]):
    t = tuple(xs)
    first, *rest = t
    return t + (1,), t * 2, t[1:], t + t, first, rest


def of_its_own_items(xs: List[int]):
    rows = [tuple(xs)]
    rows.append(rows[0])
    lists = [xs]
    lists.append(lists[0])
    return rows, lists


CASES = [
    (returned, [1, 2]), (annotated, [1, 2]), (of_a_generator, [1, 2]), (of_a_shape, torch.ones(2, 3)),
    (among_others, [1, 2]), (from_a_helper, [1, 2]), (on_both_paths, [1, 2]), (on_both_paths, [1]),
    (in_containers, [1, 2, 3]), (of_tuples, [1, 2]), (of_tuples, []), (annotated_containers, [1]), (perhaps, [1, 2]),
    (perhaps, [1]), (computed_with, [1, 2, 3]), (of_its_own_items, [1, 2]),
    (Several(), [torch.ones(1)]), (Calls(), [torch.ones(1)]),
]  # fmt: skip


@pytest.mark.parametrize("program, argument", CASES, ids=lambda c: getattr(c, "__name__", ""))
def test_tuples_come_back(program, argument):
    assert repr(jit.script(program)(copy.deepcopy(argument))) == repr(program(copy.deepcopy(argument)))


def test_a_list_on_the_other_path_is_refused(assert_refused):
    def either(xs: List[int]):
        if len(xs) > 1:
            return tuple(xs)
        return xs

    assert "leave out tuple()" in assert_refused(either, "def either")


def test_every_value_is_looked_at_once(monkeypatch):
    def longer(xs: List[int], n: int):
        xs = xs + [1] if n > 1 else xs
        xs = xs + [2] if n > 2 else xs
        xs = xs + [3] if n > 3 else xs
        xs = xs + [4] if n > 4 else xs
        xs = xs + [5] if n > 5 else xs
        xs = xs + [6] if n > 6 else xs
        xs = xs + [7] if n > 7 else xs
        xs = xs + [8] if n > 8 else xs
        return xs

    looks = []
    look = looking._looked_up
    monkeypatch.setattr(
        looking, "_looked_up", lambda e, value, search: looks.append(value) or look(e, value, search)
    )
    assert jit.script(longer)([0], 5) == [0, 1, 2, 3, 4]
    assert 8 < len(looks) < 80  # there are 2**8 paths


def shown_if_there(x, y: Optional[torch.Tensor]):
    return f"{tuple(y.shape) if y is not None else None}, {tuple(x.shape)}"


def test_text_of_a_tuple_or_none(assert_everywhere):
    for y in (None, torch.rand(3), torch.rand(2, 2), torch.tensor(1)):
        assert_everywhere(shown_if_there, torch.rand(2), y)

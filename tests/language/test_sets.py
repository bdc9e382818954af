"""Sets, compared with eager mode, and through archives, which hold them as dicts."""

import copy
import io
from typing import Dict, List, Optional, Set, Tuple

import pytest
import torch

import torchscript as jit


def literal(xs: list[int]):
    s = {1, 2}
    n = 0
    for v in xs:
        if v in s:
            n += 1
    return n, len(s), 3 in s, 3 not in s


def of_list(xs: list[int]):
    s = set(xs)
    return len(s), 2 in s, 9 in s, sorted(s), max(s), sum(s)


def operators(xs: list[int]):
    s = set(xs)
    s.add(7)
    s.discard(1)
    s.discard(100)
    t = {7, 8}
    u = s.copy()
    u |= t
    w = set(xs)
    w -= t
    w &= {2, 3}
    return sorted(s | t), sorted(s & t), sorted(s - t), sorted(s ^ t), sorted(u), sorted(w), sorted(s)


def relations(xs: list[int]):
    s, t = set(xs), {1, 2, 3, 4}
    return (
        s <= t, s < t, t >= s, t > s, s == t, s != t, s == set(xs), s.issubset(t), s.issuperset(t), s.isdisjoint(t),
        sorted(s.union(t)), sorted(s.intersection([1, 9])), sorted(s.difference(t)),
    )  # fmt: skip


def comprehension(xs: list[int]):
    s = {v * 2 for v in xs if v > 1}
    return sorted(s), len(s), len({v % 2 for v in range(5)})


def first_of_each(words: list[str]):
    seen = set()
    out: list[str] = []
    for w in words:
        if w not in seen:
            seen.add(w)
            out.append(w)
    return out, len(seen)


def iterated(xs: list[int]):
    total = 0
    for v in {1, 2, 3}:
        total += v
    for v in set(xs):
        total += v
    unique = set(xs)
    unique.update([5, 6])
    unique.remove(5)
    last = unique.copy()
    while len(last) > 1:
        last.pop()
    return total, sorted(unique), len(last)


MODES = {"nearest", "area"}


def constants(mode: str):
    return mode in MODES, mode in {"area", "linear"}, sorted({mode} | MODES)


CASES = [
    (literal, [1, 2, 2, 3]), (of_list, [1, 2, 2, 3]), (operators, [1, 2, 2, 3]), (relations, [1, 2, 2, 3]),
    (comprehension, [1, 2, 2, 3]), (first_of_each, ["a", "b", "a"]), (iterated, [3, 1, 3]), (constants, "area"),
]  # fmt: skip


@pytest.mark.parametrize("function, argument", CASES, ids=lambda c: getattr(c, "__name__", ""))
def test_agrees(function, argument, assert_everywhere):
    assert_everywhere(function, argument)


def test_a_missing_element_cannot_be_removed():
    def remove(x: int):
        s = {1}
        s.remove(x)
        return len(s)

    assert jit.script(remove)(1) == 0
    with pytest.raises(KeyError):
        jit.script(remove)(2)


def test_elements_that_cannot_be_keys_are_refused(assert_refused):
    def pairs(x: int):
        s = {(x, 1)}
        return len(s)

    assert "use a list" in assert_refused(pairs, "s = {(x, 1)}")


# -- at the border with Python ---------------------------------------------------------------------------------


def given_back(s: Set[int], n: int) -> Set[int]:
    s.add(n)
    return s


def united(s: Set[int], t: Set[int]) -> Set[int]:
    return s | t


def unannotated(s, n: int):
    return n in s, s


def helper(xs: List[int]):
    return {x + 1 for x in xs}


def calls_a_helper(xs: List[int]):
    s = helper(xs)
    s.add(100)
    return s | {5}, len(s)


def nested(xs: List[Set[int]], d: Optional[Set[str]] = None) -> Tuple[List[Set[int]], Dict[str, Set[int]]]:
    xs.append({9})
    if d is not None:
        d.add("k")
    return xs, {"a": xs[0]}


def maybe(x: Optional[Set[int]]) -> Optional[Set[int]]:
    if x is None:
        return None
    return x - {1}


def chosen(xs: List[int], s: Set[int]) -> Set[int]:
    a = s
    if len(xs) > 1:
        a = set(xs)
    a.add(77)
    return a


@torch.jit.ignore
def in_python(s: Set[int]) -> Set[int]:
    s.add(5)
    return {len(s)} | s


def calls_python(s: Set[int]):
    r = in_python(s)
    r.add(6)
    return r, s


class Keeps(torch.nn.Module):
    def forward(self, x, keep: Set[int]) -> Tuple[int, Set[int]]:
        keep.add(x.size(0))
        return 7, keep


class CallsKeeps(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Keeps()

    def forward(self, x, keep: Set[int]):
        n, kept = self.inner(x, keep)
        return kept | {n}, kept


BORDER = [
    (given_back, {1, 2}, 3), (united, {1}, {2}), (unannotated, {1, 2}, 2), (unannotated, set(), 2),
    (calls_a_helper, [1, 2]), (nested, [{1}], {"z"}), (nested, [{1}]), (maybe, {1, 2}), (maybe, None),
    (chosen, [1, 2], {3}), (chosen, [1], {3}), (Keeps(), torch.ones(2), {9}), (CallsKeeps(), torch.ones(2), {9}),
]  # fmt: skip


@pytest.mark.parametrize(
    "program, inputs", [(c[0], c[1:]) for c in BORDER], ids=lambda c: getattr(c, "__name__", "")
)
def test_sets_come_and_go(program, inputs):
    given, wanted = copy.deepcopy(inputs), copy.deepcopy(inputs)
    assert jit.script(program)(*given) == program(*wanted)
    assert repr(given) == repr(wanted)  # what was done to the arguments


def test_python_calls_get_sets():
    with pytest.warns(UserWarning, match="in_python"):
        scripted = jit.script(calls_python)
    assert scripted({1}) == calls_python({1})


def test_a_hook_registered_later_keeps_sets():
    scripted = jit.script(CallsKeeps())
    seen = []
    scripted.inner.register_forward_hook(lambda module, given, result: seen.append(result[1]))
    assert scripted(torch.ones(2), {9}) == ({9, 2, 7}, {9, 2})
    assert seen == [{9, 2}]


def test_the_same_set_comes_back():
    s = {1}
    assert jit.script(given_back)(s, 2) is s


def test_arguments_that_are_no_sets_are_refused():
    for wrong in ([1], {1: True}, {"a"}):
        with pytest.raises(jit.ArgumentError, match="Set\\[int\\]"):
            jit.script(given_back)(wrong, 1)


def test_archives_have_dicts():
    archive = io.BytesIO()
    jit.save(jit.script(CallsKeeps()), archive)
    for load in (jit.load, torch.jit.load):
        archive.seek(0)
        union, kept = load(archive)(torch.ones(2), {9: True})
        assert union == {9: True, 2: True, 7: True} and kept == {9: True, 2: True}

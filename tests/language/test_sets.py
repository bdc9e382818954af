"""Sets, compared with eager mode, and through archives, which hold them as dicts."""

import pytest

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

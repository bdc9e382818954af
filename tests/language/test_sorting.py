"""`sorted`, `.sort`, `min` and `max` with keys and defaults: order, stability and errors are Python's."""

import pytest
import torch
from torch import Tensor

import torchscript as jit


def keys(xs: list[int]):
    return (
        sorted(xs, key=lambda v: -v), sorted(xs, key=abs), sorted(xs, reverse=True),
        sorted(xs, key=lambda v: v % 2, reverse=True), sorted(xs, key=None),
    )  # fmt: skip


def pairs(xs: list[tuple[int, str]]):
    return sorted(xs), sorted(xs, key=lambda p: p[1]), sorted(xs, key=lambda p: (-p[0], p[1]))


def in_place(xs: list[int]):
    ys = xs
    xs.sort(key=lambda v: -v)
    return ys


def longest(words: list[str]):
    return (
        max(words, key=lambda w: len(w)), min(words, key=len), max(words), min(words),
        max("a", words[0], key=len), min([w for w in words if len(w) > 9], default="none"),
    )  # fmt: skip


def of_dict(d: dict[str, int]):
    best = max(d, key=lambda k: d[k])
    return best, sorted(d.items(), key=lambda kv: kv[1]), sorted(d, reverse=True), max(d.values())


def defaults(xs: list[int]):
    return (
        max(xs, default=0),
        min([v for v in xs if v > 5], default=-1),
        max([v for v in xs if v < 0], default=7),
    )


def by_size(xs: list[Tensor]):
    return sorted(xs, key=lambda t: t.size(0)), max(xs, key=lambda t: t.sum())


CASES = [
    (keys, [3, -1, 2, 1]), (pairs, [(1, "b"), (0, "c"), (1, "a")]), (in_place, [3, 1, 2]), (longest, ["bb", "a", "ccc"]),
    (of_dict, {"a": 3, "b": 5, "c": 4}), (defaults, [3, 1]), (by_size, [torch.ones(2), torch.ones(1) * 5]),
]  # fmt: skip


@pytest.mark.parametrize("function, argument", CASES, ids=lambda c: getattr(c, "__name__", ""))
def test_agrees(function, argument, assert_everywhere):
    assert_everywhere(function, argument)


def test_nothing_has_no_greatest():
    def greatest(xs: list[int]):
        return max(xs, key=lambda v: -v)

    with pytest.raises(ValueError, match="empty"):
        jit.script(greatest)([])

"""defaultdict, Counter, OrderedDict and dict.fromkeys: plain dicts in archives."""

from collections import Counter, OrderedDict, defaultdict

import pytest
import torch
from torch import Tensor


def counts(words: list[str]):
    d = defaultdict(int)
    for w in words:
        d[w] += 1
    return d["a"], d["c"], len(d), dict(d), sorted(d.items()), d.get("zz", 5), "zz" in d


def lists(words: list[str]):
    d = defaultdict(list)
    for i, w in enumerate(words):
        d[w].append(i)
    return [len(v) for v in d.values()], "zz" in d, d["a"]


def by_lambda(words: list[str]):
    d = defaultdict(lambda: 1.5)
    for w in words:
        d[w] *= 2.0
    return list(d.values())


def nested(words: list[str]):
    d = defaultdict(lambda: defaultdict(int))
    for i, w in enumerate(words):
        d[w][i % 2] += 1
    return d["a"][0], len(d["b"])


def declared(words: list[str]):
    d: defaultdict[str, list[int]] = defaultdict(list)
    for i, w in enumerate(words):
        d[w if w != "b" else "none"].append(i)
    e: dict[str, Tensor] = defaultdict(lambda: torch.zeros(2))
    e["k"] += 1
    return d["a"], e["k"], e["z"]


def of_sets(words: list[str]):
    d = defaultdict(set)
    for i, w in enumerate(words):
        d[w].add(i % 2)
    return len(d["a"]), 0 in d["a"]


def total(d: dict[str, int]) -> int:
    return sum(d.values())


def passed(words: list[str]):
    d = defaultdict(int)
    for w in words:
        d[w] += 1
    return total(d)


def counter(words: list[str]):
    c = Counter(words)
    pair = c.most_common(1)[0]
    return c["a"], c["zz"], pair[0], c.most_common(), sum(c.values()), len(c), "zz" in c


def counter_of_letters(s: str):
    c = Counter(s)
    c.update("lo")
    c["q"] += 2
    d = Counter()
    d.update(["x"])
    return c.most_common(2), c.total(), list(c.elements()), (c + c)["l"], d["x"]


def ordered(x: Tensor):
    d: OrderedDict[str, Tensor] = OrderedDict()
    d["a"] = x
    d["b"] = x + 1
    d["c"] = x + 2
    d.move_to_end("a")
    d.move_to_end("c", last=False)
    k, v = d.popitem(last=False)
    return list(d.keys()), k, v


def from_keys(keys: list[str]):
    d = dict.fromkeys(keys, 0)
    d["a"] += 1
    return d, list(dict.fromkeys(keys))


class ByShape(torch.nn.Module):
    def forward(self, xs: list[Tensor]):
        by = defaultdict(list)
        for x in xs:
            by[x.dim()].append(x)
        return [torch.stack(v).sum() for v in by.values()]


WORDS = ["a", "b", "a"]
CASES = [
    *((f, WORDS) for f in (counts, lists, by_lambda, nested, declared, of_sets, passed, counter, from_keys)),
    (counter_of_letters, "hello"), (ordered, torch.ones(2)),
    (ByShape(), [torch.ones(2), torch.ones(2, 2), torch.zeros(2)]),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda c: getattr(c[0], "__name__", "module"))
def test_agrees(case, assert_everywhere):
    assert_everywhere(*case)


def test_what_is_not_there_raises_in_an_ordered_dict(assert_everywhere):
    def first(d: dict[str, int]):
        return OrderedDict(d).popitem(last=False)

    assert_everywhere(first, {"b": 1, "a": 2})

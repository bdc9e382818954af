"""More kinds of complaints about torch.jit: empty lists as values of dicts, ParameterDict, tuples of affixes."""

import collections
import math
from typing import Dict, List

import pytest
import torch
from torch import nn


def lists_in_dicts(d: Dict[str, List[int]], xs: List[List[int]]):
    d["z"] = []
    d["z"].append(3)
    d.setdefault("b", []).append(3)
    d.setdefault("a", [5]).append(4)
    xs[0] = []
    xs[0].append(5)
    copied = d.copy()
    copied["q"] = []
    return d, xs, copied, d.get("none", []), d.pop("b"), d.pop("none", [])


def grouped(xs: List[int]):
    groups: Dict[int, List[int]] = {}
    for x in xs:
        if x not in groups:
            groups[x] = []
        groups[x].append(x)
        groups.setdefault(x % 2, []).append(x)
    return groups


class ByKey(nn.Module):
    def __init__(self):
        super().__init__()
        self.scales = nn.ParameterDict({"k": nn.Parameter(torch.rand(4)), "jj": nn.Parameter(torch.rand(4))})

    def forward(self, x):
        for key in self.scales:
            x = x + self.scales[key] * len(key)
        for _, scale in self.scales.items():
            x = x * scale
        return x, len(self.scales)


def affixes(s: str, t: str):
    return s.endswith(("b", t)), s.startswith(("x", "y")), s.startswith("a"), s.endswith(t)


def truncated(x: float):
    return math.trunc(x), math.trunc(3.9)


@pytest.mark.parametrize(
    "program, given",
    [
        (lists_in_dicts, ({"a": [1]}, [[1], [2]])),
        (grouped, ([3, 1, 3],)),
        (ByKey(), (torch.rand(4),)),
        (affixes, ("abc", "c")),
        (affixes, ("xyz", "c")),
        (truncated, (-2.7,)),
    ],
)
def test_agrees(assert_everywhere, program, given):
    assert_everywhere(program, *given)


class Output(collections.OrderedDict):
    def first(self):
        return next(iter(self.values()))


def makes_a_dict(x: torch.Tensor):
    return Output(a=x)["a"]


def transformed(x: torch.Tensor):
    return torch.distributions.ExpTransform()(x)


@pytest.mark.parametrize(
    "program, advice",
    [(makes_a_dict, "Use a dict, or a NamedTuple"), (transformed, "Transform the samples")],
)
def test_classes_of_python_are_refused_with_advice(assert_refused, program, advice):
    line = "Output(a=x)" if program is makes_a_dict else "torch.distributions.ExpTransform()"
    assert advice in assert_refused(program, line, match="cannot be used in compiled code")


def dtypes_in_containers(x: torch.Tensor):
    both = [x.dtype, torch.bool]
    named = {"a": x.dtype, "b": torch.int32}
    same = both[0] == x.dtype, both[1] == torch.bool, both[0] == torch.float32, x.dtype in both
    return same, named["a"] == both[0], named["b"] == torch.int32, torch.zeros(2, dtype=both[0])


def test_dtypes_compare_in_a_loaded_archive(assert_everywhere):
    assert_everywhere(dtypes_in_containers, torch.rand(2))
    assert_everywhere(dtypes_in_containers, torch.rand(2).double())

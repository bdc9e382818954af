"""A failed compilation leaves nothing behind: the same objects, mended, compile; others are not touched."""

import threading
from typing import List

import pytest
import torch
from torch import nn

import torchscript as jit


class Layer(nn.Module):
    def __init__(self, scale):
        super().__init__()
        self.scale = scale
        self.linear = nn.Linear(2, 2)

    def forward(self, x):
        return self.linear(x) * self.scale


class Stack(nn.Module):
    def __init__(self, scales):
        super().__init__()
        self.layers = nn.ModuleList([Layer(s) for s in scales])

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


def test_an_attribute_deep_in_a_module_is_mended():
    module = Stack([2.0, "two", 3.0])
    before = {name: value.clone() for name, value in module.state_dict().items()}
    for _ in range(2):
        with pytest.raises(jit.CompileError, match="'\\*' does not take a Tensor and"):
            jit.script(module)
    assert all(torch.equal(before[k], v) for k, v in module.state_dict().items())
    module.layers[1].scale = 2.0
    x = torch.rand(1, 2)
    assert torch.equal(jit.script(module)(x), module(x))
    assert type(module) is Stack and type(module.layers[1]) is Layer


def test_a_class_is_mended():
    class Counter:
        def __init__(self, start: int):
            self.count = start

        def add(self, n: int):
            self.count += "n"

    def count(n: int):
        counter = Counter(n)
        counter.add(n)
        return counter.count

    with pytest.raises(jit.CompileError):
        jit.script(count)

    def add(self, n: int):
        self.count += n

    Counter.add = add
    assert jit.script(count)(3) == 6


def test_an_annotation_is_mended():
    def scale(x, by: List[int]):
        return x * by

    def use(x, by: float):
        return scale(x, by)

    with pytest.raises(jit.CompileError, match="must be a List\\[int\\]"):
        jit.script(use)

    def scale(x, by: float):
        return x * by

    assert torch.equal(jit.script(use)(torch.ones(2), 2.5), torch.full((2,), 2.5))


def test_a_helper_that_fails_in_one_caller_serves_another():
    def first(xs: List[int]):
        return xs[0]

    def good(xs: List[int]):
        return first(xs) + 1

    def bad(name: str):
        return first(name)

    with pytest.raises(jit.CompileError):
        jit.script(bad)
    assert jit.script(good)([4]) == 5
    with pytest.raises(jit.CompileError):
        jit.script(bad)


def test_failures_and_successes_in_threads():
    problems = []

    def work(scale, fails):
        for _ in range(5):
            module = Stack([1.0, scale])
            try:
                scripted = jit.script(module)
            except jit.CompileError:
                if not fails:
                    problems.append("failed")
            else:
                x = torch.ones(1, 2)
                if fails or not torch.equal(scripted(x), module(x)):
                    problems.append("compiled")

    threads = [
        threading.Thread(target=work, args=a) for a in ((2.0, False), ("x", True), (3, False), (None, True))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []

"""Reads of modules' attributes move in front of loops that cannot assign any."""

import torch

import torchscript as jit
from torchscript.ir import verify


class Reader(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Linear(2, 2)
        self.scale = torch.nn.Parameter(torch.tensor(0.5))

    def forward(self, x, n: int):
        for _ in range(n):
            for _ in range(2):
                x = x @ self.inner.weight * self.scale
        return x


class Writer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("state", torch.zeros(2))

    def forward(self, x, n: int):
        for _ in range(n):
            self.state = self.state + x
        return self.state


def kinds_in_loops(graph):
    return {
        n.kind for loop in graph.all_nodes() if loop.kind == "prim::Loop" for n in loop.blocks[0].all_nodes()
    }


def test_reads_leave_nested_loops():
    module = Reader()
    scripted = jit.script(module)
    verify(scripted.graph)
    assert "prim::GetAttr" not in kinds_in_loops(scripted.graph)
    x = torch.rand(3, 2)
    for n in (0, 1, 3):
        assert torch.equal(scripted(x, n), module(x, n))


def test_reads_of_what_the_loop_assigns_stay():
    module = Writer()
    scripted = jit.script(Writer())
    assert "prim::GetAttr" in kinds_in_loops(scripted.graph)
    x = torch.rand(2)
    assert torch.equal(scripted(x, 3), module(x, 3))
    assert torch.equal(scripted.state, module.state)

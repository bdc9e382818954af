"""Programs that torch.jit.trace refuses or gets wrong, and that are right here.

"Right" is what eager PyTorch does: the same results for the example and for other inputs, call after call, and the
same gradients. Each is tried with both tracers, so that the list says what is true of the installed PyTorch.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._pytree import tree_flatten

import torchscript as jit


@dataclass
class Output:
    loss: torch.Tensor
    logits: torch.Tensor


class Counts(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls = self.calls + 1
        return x + self.calls


class Remembers(nn.Module):
    def __init__(self):
        super().__init__()
        self.last = torch.zeros(2)

    def forward(self, x):
        before, self.last = self.last, x.sum(0)[:2] * 1
        return x.sum() + before


def grows(x):
    total = torch.tensor([0.0, 0.0])
    total += x.sum()
    return total


def grows_of_old(x):
    total = torch.FloatTensor([0.0, 0.0])
    total += x.sum()
    return total


def stops_gradients(x):
    with torch.no_grad():
        scale = x * 2
    return scale * x


def stops_gradients_of_a_part(x):
    torch.set_grad_enabled(False)
    scale = x.exp()
    torch.set_grad_enabled(True)
    return x * scale


def rows(*shapes):
    return [(torch.rand(*shape),) for shape in shapes]


SHAPES = rows((4, 6), (2, 8), (6, 4))
SAME_SHAPE = rows((4, 6), (4, 6))

# A function (or a maker of a module), and inputs; the trace is made with the first.
PROGRAMS: dict[str, tuple[Callable[..., Any], list[tuple[Any, ...]]]] = {
    "len": (lambda x: x.reshape(len(x) * 2, -1), SHAPES),
    "numel of a shape": (lambda x: torch.zeros(x.shape.numel()), SHAPES),
    "ceil": (lambda x: torch.zeros(math.ceil(x.size(1) / 3)), SHAPES),
    "floor": (lambda x: torch.zeros(math.floor(x.size(1) / 3)), SHAPES),
    "round": (lambda x: torch.zeros(round(x.size(1) / 3)), SHAPES),
    "divmod": (lambda x: torch.zeros(divmod(x.size(1), 4)), SHAPES),
    "square root of a size": (lambda x: x / math.ceil(x.size(1) ** 0.5), SHAPES),
    "stride": (lambda x: x * x.stride(0), SHAPES),
    "item": (lambda x: x * x.max().item(), SHAPES),
    "item as length": (lambda x: torch.arange(x.sum().long().item()), SHAPES),
    "tensor of sizes": (lambda x: torch.tensor([x.size(0), 2]) + 1, SHAPES),
    "constructor of a shape": (lambda x: torch.FloatTensor(x.shape).zero_() + x, SHAPES),
    "constructor of sizes": (lambda x: torch.Tensor(x.size(0), 2).zero_() + x[:, :2], SHAPES),
    "a new tensor is written to": (grows, SHAPES),
    "a new tensor of old is written to": (grows_of_old, SHAPES),
    "grad": (lambda x: torch.func.grad(lambda y: (y**2).sum())(x), SAME_SHAPE),
    "jacobian": (lambda x: torch.func.jacrev(lambda y: (y**2).sum(0))(x[:2, :2]), SHAPES),
    "no_grad": (stops_gradients, SHAPES),
    "set_grad_enabled": (stops_gradients_of_a_part, SHAPES),
    "numbers as inputs": (
        lambda x, n, scale: x.view(n, -1) * scale,
        [(torch.rand(4), 2, 0.5), (torch.rand(6), 3, 2.0)],
    ),
    "None as output": (lambda x: (x * 2, None), SHAPES),
    "a number as output": (lambda x: (x * 2, x.size(0), 3), SHAPES),
    "a dataclass as output": (lambda x: Output(x.sum(), x), SHAPES),
    "a buffer that is replaced": (Counts, SHAPES),
    "a tensor that is kept": (Remembers, SHAPES),
    "deepcopy": (lambda x: copy.deepcopy(x).add_(1) + x, SHAPES),
}


def assert_right(trace, program, inputs):
    make = program if isinstance(program, type) else lambda: program
    torch.manual_seed(0)
    traced = trace(make(), clones(inputs[0], program), check_trace=False, strict=False)
    eager = make()
    if isinstance(program, type):
        eager(*clones(inputs[0], program))
    for given in [*inputs, *inputs]:
        ours, theirs = clones(given, program), clones(given, program)
        actual, expected = leaves(traced(*ours)), leaves(eager(*theirs))
        torch.testing.assert_close(actual, expected, equal_nan=True)
        gradients = []
        for outputs, leaf in ((actual, ours[0]), (expected, theirs[0])):
            outputs = [o for o in outputs if isinstance(o, torch.Tensor) and o.requires_grad]
            if outputs and leaf.requires_grad:
                gradients += torch.autograd.grad(sum(o.sum() for o in outputs), leaf)
            else:
                gradients.append(None)
        torch.testing.assert_close(gradients[0], gradients[1])


def leaves(result):
    if isinstance(result, Output):
        result = {"loss": result.loss, "logits": result.logits}
    return tree_flatten(result)[0]


def clones(inputs, program):
    needs_gradients = program in (stops_gradients, stops_gradients_of_a_part)
    return tuple(
        i.clone().requires_grad_(needs_gradients) if isinstance(i, torch.Tensor) else i for i in inputs
    )


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.filterwarnings("ignore")
def test_programs(name):
    program, inputs = PROGRAMS[name]

    assert_right(jit.trace, program, inputs)

    with pytest.raises((AssertionError, RuntimeError, TypeError, AttributeError, ValueError)):
        assert_right(torch.jit.trace, program, inputs)


def test_there_are_twenty():
    assert len(PROGRAMS) >= 20

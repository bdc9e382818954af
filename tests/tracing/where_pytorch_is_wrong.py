"""Programs that torch.jit.trace refuses or gets wrong, and that are right here, as a table.

    python -m tests.tracing.where_pytorch_is_wrong

"Right" is what eager PyTorch does: the same results for the example and for other inputs, call after call, and the
same gradients. Each is tried with both tracers, so that the list says what is true of the installed PyTorch.
"""

import copy
import functools
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.utils._pytree import tree_flatten, tree_map
from torch.utils.checkpoint import checkpoint

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


class Pair(NamedTuple):
    left: torch.Tensor
    right: torch.Tensor


class Centers(nn.Module):
    """As it is written before there was a no_grad."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, x):
        self.mean.data = 0.9 * self.mean.data + 0.1 * x.mean().data
        return x - self.mean


class Spectral(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.utils.parametrizations.spectral_norm(nn.Linear(6, 6))

    def forward(self, x):
        return self.linear(x)


class Checkpointed(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.other = nn.Linear(6, 6), nn.Linear(6, 6)

    def forward(self, x):
        x = checkpoint(self.one, x, use_reentrant=False)
        return checkpoint(self.other, x, use_reentrant=True)


class Queues(nn.Module):
    """The queue of keys of momentum contrast."""

    def __init__(self):
        super().__init__()
        self.register_buffer("queue", torch.zeros(6, 12))
        self.register_buffer("at", torch.zeros(1, dtype=torch.long))

    def forward(self, x):
        at = self.at.item()
        self.queue[:, at : at + len(x)] = x.T
        self.at[0] = (at + len(x)) % 12
        return self.queue * 1


@torch.jit.script_if_tracing
def adds_up(x, n: int):
    for i in range(n):
        x = x + i
    return x


def writes_to_data(x):
    y = x * 1
    y.data = y.data * 2
    return y


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
    "half of a size": (lambda x: torch.zeros(int(x.size(0) / 2)), SHAPES),
    "logarithm of a size": (lambda x: x * math.log2(x.size(0)), SHAPES),
    "roll by a size": (lambda x: x.roll(x.size(0) // 2, 0), SHAPES),
    "split by a size": (lambda x: torch.cat(x.split(x.size(1) // 2, 1)), SHAPES),
    "as_strided by strides": (lambda x: x.as_strided((x.size(0), 2), x.stride()), SHAPES),
    "a product by NumPy": (lambda x: x.reshape(int(np.prod(x.shape))), SHAPES),
    "scripted when traced": (lambda x: adds_up(x, x.size(0)), SHAPES),
    "named tuple as input": (
        lambda pair: pair.left - pair.right,
        [(Pair(torch.rand(n), torch.rand(n)),) for n in (2, 3)],
    ),
    "None as input": (lambda x, y: x if y is None else x + y, [(torch.rand(n), None) for n in (2, 3)]),
    "partial": (functools.partial(torch.add, alpha=2), [(torch.rand(n), torch.rand(n)) for n in (2, 3)]),
    "a method of C": (torch.Tensor.relu, SHAPES),
    "data is written to": (writes_to_data, SHAPES),
    "data of a buffer": (Centers, SHAPES),
    "spectral norm in training": (Spectral, SAME_SHAPE),
    "checkpoints": (Checkpointed, SAME_SHAPE),
    "a queue in buffers": (Queues, SAME_SHAPE),
    "Hessian": (lambda x: torch.func.hessian(lambda y: y.sin().sum())(x), SAME_SHAPE),
    "vjp": (lambda x: torch.func.vjp(torch.sin, x)[1](x)[0], SHAPES),
    "copy": (lambda x: copy.copy(x * 2), SHAPES),
    "deepcopy": (lambda x: copy.deepcopy(x).add_(1) + x, SHAPES),
}


def problem(trace, name):
    """What is wrong with the trace of a program; None if nothing is."""
    program, inputs = PROGRAMS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            assert_right(trace, program, inputs)
        except (AssertionError, RuntimeError, TypeError, AttributeError, ValueError, KeyError) as error:
            return f"{type(error).__name__}: {' '.join(str(error).split())[:70]}"
    return None


def assert_right(trace, program, inputs):
    make = program if isinstance(program, type) else lambda: program
    torch.manual_seed(0)
    traced = trace(make(), clones(inputs[0], program), check_trace=False, strict=False)
    torch.manual_seed(0)
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
            if outputs and isinstance(leaf, torch.Tensor) and leaf.requires_grad:
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
    return tree_map(
        lambda i: i.clone().requires_grad_(needs_gradients) if isinstance(i, torch.Tensor) else i, inputs
    )


def main():
    right = wrong = 0
    print(f"{'':36}{'torchscript':14}torch.jit.trace")
    for name in PROGRAMS:
        ours, theirs = problem(jit.trace, name), problem(torch.jit.trace, name)
        right += ours is None
        wrong += ours is None and theirs is not None
        print(f"{name:36}{ours or 'right':14}{theirs or 'right'}")
    print(f"right here: {right} of {len(PROGRAMS)}; of these torch.jit.trace refuses or gets wrong: {wrong}")


if __name__ == "__main__":
    main()

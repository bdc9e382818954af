"""What `split`, `unbind` and `chunk` return, for inputs that fall into another number of pieces."""

import io

import pytest
import torch
import torch.utils.checkpoint
from torch.utils import _pytree as pytree

import torchscript as jit

THREE, SEVEN = torch.arange(12.0).reshape(3, 4), torch.randn(7, 4)


def in_place(x):
    pieces = x.clone().split(2)
    first = pieces[0]
    first.mul_(3)
    pieces[0].add_(1)
    return torch.cat(pieces), first.sum() + pieces[0].sum()


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.split(2)[0],
        lambda x: x.split(2)[-1] + 1,
        lambda x: torch.split(x, 2)[1].sum(),
        lambda x: x.unbind(0)[2],
        lambda x: x.chunk(2)[1],
        lambda x: torch.cat(x.split(2)),
        lambda x: torch.stack(x.unbind()) * 2,
        lambda x: x * len(x.split(2)),
        in_place,
    ],
)
def test_another_number_of_pieces(function, assert_same_run):
    traced = jit.trace(function, THREE)
    buffer = io.BytesIO()
    jit.save(traced, buffer)
    for run in (traced, jit.load(buffer.getvalue()), torch.jit.load(io.BytesIO(buffer.getvalue()))):
        for x in (THREE, SEVEN):
            torch.testing.assert_close(run(x), function(x))


def test_gradients_go_through_pieces():
    traced = jit.trace(lambda x: x.split(2)[0].square().sum(), THREE)
    x = SEVEN.clone().requires_grad_()
    traced(x).backward()
    assert torch.equal(x.grad, torch.cat([2 * SEVEN[:2], torch.zeros(5, 4)]))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: sum(part.sum() for part in x.split(2)),
        lambda x: torch.cat([part * 2 for part in x.split(2)]),
        lambda x: (lambda first, second: first.sum() + second.sum())(*x.split(2)),
    ],
)
def test_what_takes_all_pieces_one_by_one_raises_for_another_number(function):
    traced = jit.trace(function, THREE)
    torch.testing.assert_close(traced(THREE + 1), function(THREE + 1))
    with pytest.raises(ValueError, match="to unpack"):
        traced(SEVEN)


class Inner(torch.nn.Module):
    def forward(self, pieces):
        return pieces[0] + len(pieces)


class Outer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Inner()

    def forward(self, x):
        return self.inner(x.split(2))


def test_pieces_are_tuples_wherever_they_go(assert_same_run):
    assert_same_run(jit.trace(Outer(), THREE), Outer(), SEVEN[:4])
    assert_same_run(jit.trace(lambda x: x.split(2), THREE), lambda x: x.split(2), SEVEN[:4])
    seen = []

    def function(x):
        pieces = x.split(2)
        seen.append(pieces)
        mapped = pytree.tree_map(lambda part: part * 2, pieces)
        kept = torch.utils.checkpoint.checkpoint(lambda parts: parts[1].relu(), pieces, use_reentrant=False)
        return torch.cat(mapped + pieces[:1] + (kept,))

    with pytest.warns(jit.TracerWarning, match="'seen'"):
        assert_same_run(jit.trace(function, THREE), function, SEVEN[:4])
    assert isinstance(seen[0], tuple) and torch.equal(seen[0][0], THREE[:2]) and len(seen[0]) == 2

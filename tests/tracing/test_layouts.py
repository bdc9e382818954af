"""Sparse, compressed and nested tensors in traced programs: compared and put back like dense ones."""

import pytest
import torch

import torchscript as jit

pytestmark = pytest.mark.filterwarnings(
    "ignore:Sparse CSR tensor support", "ignore:The PyTorch API of nested"
)

X = torch.arange(12.0).reshape(3, 4) - 5


def test_operators_on_sparse_tensors_under_autocast(assert_same_run):
    def function(x):
        with torch.autocast("cpu", torch.bfloat16):
            return torch.sparse.mm(x.to_sparse(), x.t())

    assert_same_run(jit.trace(function, X), function, torch.ones(5, 4))


class Counts(torch.nn.Module):
    def __init__(self, layout):
        super().__init__()
        self.register_buffer("matrix", torch.eye(4).to_sparse(layout=layout))

    def forward(self, x):
        self.matrix.mul_(2)
        return torch.mm(self.matrix, x.t())


@pytest.mark.filterwarnings("error::torchscript.TracerWarning")
@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr], ids=str)
def test_checks_leave_sparse_buffers_as_they_were(layout):
    module, eager = Counts(layout), Counts(layout)
    traced = jit.trace(module, X)
    eager(X)  # to be recorded is one call
    torch.testing.assert_close(module.matrix, eager.matrix)
    torch.testing.assert_close(traced(X), eager(X))


def test_a_run_that_is_given_up_for_scripting_had_sparse_inputs(assert_same_run):
    def function(x, matrix):
        if x.sum() > 0:
            return torch.sparse.mm(matrix, x.t())
        return x.t() - 1

    matrix = torch.eye(4).to_sparse()
    with pytest.warns(jit.TracerWarning, match="compiled with `script`"):
        traced = jit.trace(function, (X, matrix), branches="script")
    assert_same_run(traced, function, X.abs(), matrix)


def test_results_that_are_nested_are_checked():
    nested = torch.nested.nested_tensor([torch.ones(2, 3), torch.ones(1, 3)])
    traced = jit.trace(lambda x: x * 2, nested)
    assert all(torch.equal(part, torch.full_like(part, 2)) for part in traced(nested).unbind())

"""Code written for older versions of the operators does what it did.

Nobody here has the PyTorch that wrote them: the archives are made by hand, from what its operators did.
"""

from typing import Any

import pytest
import torch

import torchscript as jit
from torchscript.archive.early_operators import PYTORCH_1_5
from torchscript.archive.reader import read_archive
from torchscript.archive.upgraders import CURRENT_VERSION, _upgrades
from torchscript.ir import verify

from .conftest import module

ints, floats = torch.tensor([7, -7]), torch.tensor([7.0, -7.0])
DIV = "def forward(x: Tensor, y: Tensor) -> Tensor:\n  return torch.div(x, y)\n"
DIV_NUMBER = "def forward(x: Tensor, y: number) -> Tensor:\n  return torch.div(x, y)\n"
DIV_INT = "def forward(x: Tensor, y: int) -> Tensor:\n  return torch.div(x, y)\n"
DIV_IN_PLACE = "def forward(x: Tensor, y: Tensor) -> Tensor:\n  return torch.div_(x, y)\n"
DIV_MODE = 'def forward(x: Tensor, y: Tensor) -> Tensor:\n  return torch.div(x, y, rounding_mode="floor")\n'
DIV_MODE_NONE = "def forward(x: Tensor, y: Tensor) -> Tensor:\n  return torch.div(x, y, rounding_mode=None)\n"
DIV_OUT = "def forward(x: Tensor, y: Tensor, z: Tensor) -> Tensor:\n  return torch.div(x, y, out=z)\n"
FULL = (
    "def forward(n: number) -> Tensor:\n  return torch.full([2], n, dtype=None, layout=None, device=None)\n"
)
FULL_DTYPE = "def forward(n: number) -> Tensor:\n  return torch.full([2], n, dtype=3)\n"
LINSPACE = "def forward(a: number, b: number) -> Tensor:\n  return torch.linspace(a, b)\n"
LINSPACE_STEPS = "def forward(a: number, b: number) -> Tensor:\n  return torch.linspace(a, b, 5, dtype=7)\n"
LOGSPACE = "def forward(a: number, b: number) -> Tensor:\n  return torch.logspace(a, b, None, 2.)\n"
GELU = "def forward(x: Tensor) -> Tensor:\n  return torch.gelu(x)\n"

two = torch.tensor([2, 2])
CASES: list[tuple[str, int, tuple[Any, ...], torch.Tensor]] = [
    (DIV, 3, (ints, two), torch.tensor([3, -3])),
    (DIV, 3, (floats, two), torch.tensor([3.5, -3.5])),
    (DIV, 3, (ints, two.float()), torch.tensor([3.5, -3.5])),
    (DIV, 4, (ints, two), torch.tensor([3.5, -3.5])),
    (DIV_NUMBER, 3, (ints, 2), torch.tensor([3, -3])),
    (DIV_NUMBER, 3, (ints, 2.0), torch.tensor([3.5, -3.5])),
    (DIV_INT, 1, (ints, 2), torch.tensor([3, -3])),
    (DIV_INT, 3, (floats, 2), torch.tensor([3.5, -3.5])),
    (DIV_INT, 4, (ints, 2), torch.tensor([3.5, -3.5])),
    (DIV_IN_PLACE, 3, (ints, two), torch.tensor([3, -3])),
    (DIV_MODE, 3, (ints, two), torch.tensor([3, -4])),
    (DIV_MODE_NONE, 3, (ints, two), torch.tensor([3.5, -3.5])),
    (DIV_OUT, 3, (ints, two, torch.zeros(2, dtype=torch.int64)), torch.tensor([3, -3])),
    (FULL, 4, (3,), torch.tensor([3.0, 3.0])),
    (FULL, 5, (3,), torch.tensor([3, 3])),
    (FULL_DTYPE, 4, (3,), torch.tensor([3, 3], dtype=torch.int32)),
    (LINSPACE, 7, (0, 1), torch.linspace(0, 1, 100)),
    (LINSPACE_STEPS, 7, (0, 1), torch.linspace(0, 1, 5, dtype=torch.float64)),
    (LINSPACE_STEPS, 8, (0, 1), torch.linspace(0, 1, 5, dtype=torch.float64)),
    (LOGSPACE, 8, (0, 1), torch.logspace(0, 1, 100, 2.0)),
    (GELU, 9, (floats,), torch.nn.functional.gelu(floats)),
]


@pytest.mark.parametrize("method, version, inputs, expected", CASES, ids=range(len(CASES)))
def test_old_meanings(method: str, version: int, inputs: tuple[Any, ...], expected: torch.Tensor) -> None:
    loaded = jit.load(module(method, version=version))
    inputs = tuple(x.clone() if isinstance(x, torch.Tensor) else x for x in inputs)
    torch.testing.assert_close(loaded.forward(*inputs), expected)


def test_new_code_is_left_alone() -> None:
    graph = read_archive(module(DIV, version=CURRENT_VERSION)).root_class.methods["forward"].graph
    assert [n.kind for n in graph.all_nodes()] == ["aten::div"]


def test_every_upgrade_compiles() -> None:
    for upgrades in _upgrades().values():
        for upgrade in upgrades:
            verify(upgrade.function.graph)
            assert len(upgrade.function.schema.arguments) == len(upgrade.schema.arguments)


def test_all_upgraders_of_pytorch_have_one_here() -> None:
    theirs = {
        (key, entry.bumped_at_version - 1)
        for key, entries in torch._C._get_operator_version_map().items()
        for entry in entries
    }
    ours = {(upgrade.schema.key, upgrade.until) for upgrades in _upgrades().values() for upgrade in upgrades}
    # PyTorch has none for what was before, nor for what was packed for XNNPACK, which it cannot load
    ours = {(k, until) for k, until in ours if until > PYTORCH_1_5 and not k.startswith("prepacked::")}
    # those of div with a mode only keep its meaning, which it has today
    same = {(key, 3) for key, _ in theirs if key.startswith("aten::div") and key.endswith("_mode")}
    assert theirs == ours | same and len(same) == 5
    assert torch._C._get_max_operator_version() == CURRENT_VERSION

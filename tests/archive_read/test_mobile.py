"""Archives for PyTorch's mobile interpreter (.ptl), and frozen ones."""

from __future__ import annotations

import io
import warnings
import zipfile
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import pytest
import torch
import torch.jit.mobile
from torch import Tensor, nn

import torchscript as jit

from .mobile_archives import without_source

pytestmark = pytest.mark.filterwarnings("ignore")


def module() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU6(), nn.Flatten(), nn.Linear(36, 2)
    ).eval()


X = torch.rand(2, 3, 5, 5)
X2 = torch.rand(2, 3)


@pytest.fixture(scope="module")
def lite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lite") / "module.ptl"
    torch.jit.script(module())._save_for_lite_interpreter(str(path))
    return path


def test_a_lite_archive_with_its_source(lite: Path) -> None:
    loaded = jit.load(lite)
    torch.testing.assert_close(loaded(X), module()(X))
    torch.testing.assert_close(torch.jit.load(io.BytesIO(loaded.save_to_buffer()))(X), module()(X))


@pytest.mark.parametrize("version", [4, 5, 6, 7])
def test_older_versions_of_lite_archives(lite: Path, version: int) -> None:
    data = torch.jit.mobile._backport_for_mobile_to_buffer(str(lite), version)
    torch.testing.assert_close(jit.load(bytes(data))(X), module()(X))


class Flow(nn.Module):
    """Branches, loops and values that byte code knows only as places on a stack."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.rand(3))
        self.inner = nn.Linear(3, 2)
        self.calls = 0

    def forward(self, x: Tensor, n: int = 2, extra: Optional[Dict[str, Tensor]] = None):
        parts: List[Tensor] = []
        i = 0
        while i < n:
            if i % 2 == 0 and x.dim() == 2:
                x = x + 1
            elif i == 7:
                raise ValueError("seven")
            else:
                x = x.relu()
            parts.append(x * self.scale)
            i += 1
        for j in range(3):
            if j == 2:
                break
            parts.append(x * j)
        if extra is not None:
            x = x + extra["k"]
            for key, value in extra.items():
                x = x + value * len(key)
        self.calls += 1
        values, indices = x.max(1)
        pair = (values, (indices, 3))
        return self.inner(x), torch.cat(parts), f"{n} of {i}", pair[1][0], [1, 2, n], x.device

    @torch.jit.export
    def count(self) -> int:
        return self.calls


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, nn.Module]:
    path = tmp_path_factory.mktemp("flow") / "flow.ptl"
    module = Flow()
    torch.jit.script(module)._save_for_lite_interpreter(str(path))
    return path, module


EXTRA = {"k": torch.rand(1), "long": torch.rand(3)}


@pytest.mark.parametrize("version", [4, 5, 6, 7, 8])
def test_byte_code_without_source(flow: tuple[Path, nn.Module], version: int) -> None:
    path, module = flow
    data = path.read_bytes()
    if version < 8:
        data = bytes(torch.jit.mobile._backport_for_mobile_to_buffer(str(path), version))
    loaded = jit.load(without_source(data))
    again = torch.jit.load(io.BytesIO(loaded.save_to_buffer()))
    before = loaded.count()
    for arguments in (
        ((X2,), (X2, 3, EXTRA), (X2, 0, None)) if version > 5 else ((X2, 3, EXTRA), (X2, 2, None))
    ):
        expected = module(*arguments)
        for result in (loaded(*arguments), again(*arguments)):
            for one, other in zip(result, expected, strict=True):
                torch.testing.assert_close(one, other) if isinstance(other, Tensor) else None
                assert isinstance(other, Tensor) or one == other
    assert loaded.count() > before
    assert {name for name, _ in loaded.named_parameters()} == {"scale", "inner.weight", "inner.bias"}
    with pytest.raises(ValueError, match="seven"):
        loaded(X2, 9, None)


def test_byte_code_has_readable_source(flow: tuple[Path, nn.Module]) -> None:
    code = jit.load(without_source(flow[0].read_bytes())).code
    for line in (
        "def forward(self",
        "while ",
        "for ",
        "annotate(List[Tensor], [])",
        "torch.max(",
        "RaiseException(",
    ):
        assert line in code


@pytest.mark.parametrize(
    "record, change, problem",
    [
        (
            "bytecode.pkl",
            lambda data: data.replace(b"STOREN", b"STOLEN"),
            "STOLEN, which cannot be read back",
        ),
        ("bytecode.pkl", lambda data: data.replace(b"JF", b"JX"), "the instruction JX"),
        ("bytecode.pkl", lambda data: data.replace(b"GET_ATTR", b"TUPLE_SL"), "the instruction TUPLE_SL"),
        (
            "bytecode.pkl",
            lambda data: data.replace(b"aten::max", b"aten::mex"),
            "'aten::mex.dim', which this PyTorch",
        ),
        (
            "bytecode.pkl",
            lambda data: data.replace(b"instructions", b"construction"),
            "does not hold byte code",
        ),
        ("bytecode.pkl", lambda data: b"\x80\x02).", "holds no methods"),
    ],
)
def test_damaged_byte_code(flow: tuple[Path, nn.Module], record: str, change: Any, problem: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(without_source(flow[0].read_bytes()))) as old:
        with zipfile.ZipFile(buffer, "w") as new:
            for name in old.namelist():
                data = old.read(name)
                new.writestr(name, change(data) if name.endswith(record) else data)
    with pytest.raises(jit.ArchiveError, match=problem):
        jit.load(buffer.getvalue())(X2, 2, None)


@pytest.mark.parametrize("make", [torch.jit.script, lambda m: torch.jit.trace(m, X)], ids=["script", "trace"])
def test_a_frozen_module(make) -> None:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.freeze(make(module())), buffer)
    loaded = jit.load(buffer.getvalue())
    torch.testing.assert_close(loaded(X), module()(X))
    again = torch.jit.load(io.BytesIO(loaded.save_to_buffer()))
    torch.testing.assert_close(again(X), module()(X))

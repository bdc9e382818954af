"""Archives for PyTorch's mobile interpreter (.ptl), and frozen ones."""

from __future__ import annotations

import io
import warnings
import zipfile
from pathlib import Path

import pytest
import torch
import torch.jit.mobile
from torch import nn

import torchscript as jit

pytestmark = pytest.mark.filterwarnings("ignore")


def module() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU6(), nn.Flatten(), nn.Linear(36, 2)
    ).eval()


X = torch.rand(2, 3, 5, 5)


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


def test_byte_code_without_source_is_named(lite: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(lite) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            if "/code/" not in name:
                new.writestr(name, old.read(name))
    expected = (
        r"is for PyTorch's mobile interpreter, and holds byte code without source; "
        r"PyTorch 1\.\d+ or later wrote it \(version \d\): forward, __len__; save it again from"
    )
    with pytest.raises(jit.ArchiveError, match=expected):
        jit.load(buffer.getvalue())


def test_a_flatbuffer_is_named(tmp_path: Path) -> None:
    path = tmp_path / "module.ptl"
    torch.jit.script(module())._save_for_lite_interpreter(str(path), _use_flatbuffer=True)
    with pytest.raises(jit.ArchiveError, match=r"mobile interpreter, written since 1\.12 as a flatbuffer"):
        jit.load(path)


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

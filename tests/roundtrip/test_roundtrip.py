"""Archives go round: torch.jit → here, here → here, here → torch.jit, here → C++. `make roundtrip` for all."""

import copy
import io
import shutil
from pathlib import Path

import pytest
import torch

import torchscript as jit

from .catalogue import TRIPS
from .cpp_host import Host
from .ways import check, load_here, own_archive, quietly, round_trip, stock_archive

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="there is no g++")
QUICK = [name for name, trip in TRIPS.items() if trip.quick]
OTHERS = [name for name, trip in TRIPS.items() if not trip.quick]


def test_there_are_enough() -> None:
    modules = {name.partition(" ")[2] for name in TRIPS}
    assert len(modules) > 150 and len(TRIPS) > 200


@needs_compiler
@pytest.mark.parametrize("name", QUICK)
def test_quick(name: str, host: Host) -> None:
    if "vision" in name:
        pytest.importorskip("torchvision")
    round_trip(TRIPS[name], host)


@needs_compiler
@pytest.mark.roundtrip
@pytest.mark.parametrize("name", OTHERS)
def test_others(name: str, host: Host) -> None:
    if "vision" in name:
        pytest.importorskip("torchvision")
    round_trip(TRIPS[name], host)


@needs_compiler
def test_errors_come_back_from_cpp(host: Host) -> None:
    archive = own_archive(torch.nn.Linear(2, 2), "script", ())
    with pytest.raises(AssertionError, match="mat1 and mat2"):
        host.run(archive, (torch.ones(3, 3),))
    with pytest.raises(AssertionError, match="error"):
        host.run(archive[:-50], (torch.ones(3, 2),))
    check(host.run(archive, (torch.zeros(1, 2),)), load_here(archive)(torch.zeros(1, 2)).detach())


def fine_tuned(model: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor) -> list[float]:
    """The losses of three steps."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    losses = []
    for _ in range(3):
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("written_by", ["torch.jit", "torchscript"])
def test_a_loaded_resnet_is_fine_tuned_as_the_original(written_by: str) -> None:
    models = pytest.importorskip("torchvision").models
    original = models.resnet18(num_classes=5).train()
    write = stock_archive if written_by == "torch.jit" else own_archive
    loaded = load_here(write(original, "script", ()))
    assert loaded.training
    images, labels = torch.randn(4, 3, 32, 32), torch.arange(4)
    expected = fine_tuned(original, images, labels)
    assert fine_tuned(loaded, images, labels) == expected
    assert expected[0] > expected[2]
    ours, theirs = loaded.state_dict(), original.state_dict()
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        torch.testing.assert_close(ours[key], value, rtol=0, atol=0, msg=key)


def test_a_loaded_module_is_traced_scripted_and_saved_again(tmp_path: Path) -> None:
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU())
    loaded = load_here(stock_archive(module, "script", ()))

    class Larger(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.part = loaded

        def forward(self, x):
            return self.part(x) * 2

    x = torch.randn(2, 3)
    for compiled in (jit.script(Larger()), quietly(jit.trace, Larger(), (x,))):
        compiled.save(tmp_path / "larger.pt")
        for again in (jit.load(tmp_path / "larger.pt"), quietly(torch.jit.load, str(tmp_path / "larger.pt"))):
            check(again(x), module(x) * 2)
    deep = copy.deepcopy(loaded)
    buffer = io.BytesIO()
    jit.save(deep, buffer)
    check(quietly(torch.jit.load, io.BytesIO(buffer.getvalue()))(x), module(x))

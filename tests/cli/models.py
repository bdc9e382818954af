"""Modules whose archives the commands are tried on; written by stock PyTorch, as most archives are."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import torch
from torch import nn


class Gate(nn.Module):
    """Control flow, a shared weight, a buffer, a constant, an exported method."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 4)
        self.again = self.inner
        self.register_buffer("scale", torch.full((4,), 2.0))
        self.limit = 0.5

    def forward(self, x, steps: int = 2):
        for i in range(steps):
            if bool(x.sum() > self.limit):
                x = x - 1
        return self.again(self.inner(x)) * self.scale

    @torch.jit.export
    def halve(self, x: torch.Tensor):
        return x / 2


class Picture(nn.Module):
    """Straight code, as exporters like it."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.body(x).flatten(1))


class ReadsFile(nn.Module):
    def forward(self, x):
        return torch.from_file("data.bin", size=3, dtype=torch.uint8)


class Structured(nn.Module):
    """Arguments and results of many types."""

    def forward(
        self,
        items: list[torch.Tensor],
        flags: dict[str, int],
        name: str,
        pair: tuple[int, float],
        x: torch.Tensor | None = None,
    ):
        total = items[0]
        for item in items[1:]:
            total = total + item
        if x is not None:
            total = total + x
        return {"total": total * flags["scale"], "pair": total + pair[0] * pair[1]}, name


def write(folder: Path) -> None:
    """All archives of the tests, by stock PyTorch."""
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    gate = Gate()
    torch.jit.save(torch.jit.script(gate), folder / "gate.pt", _extra_files={"notes.txt": b"hello"})
    with torch.no_grad():
        gate.inner.weight.add_(1e-3)
    torch.jit.save(torch.jit.script(gate), folder / "other.pt", _extra_files={"notes.txt": b"hello"})
    picture = Picture().eval()
    torch.jit.save(torch.jit.script(picture), folder / "picture.pt")
    torch.jit.save(torch.jit.trace(picture, torch.randn(2, 3, 8, 8)), folder / "traced.pt")
    torch.jit.save(torch.jit.script(ReadsFile()), folder / "reads_file.pt")
    torch.jit.save(torch.jit.script(Structured()), folder / "structured.pt")


if __name__ == "__main__":
    write(Path(sys.argv[1]))

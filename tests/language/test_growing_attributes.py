"""Lists and dicts of a module that compiled code grows: what is read of them is what they hold then."""

from typing import Dict, List, Tuple

import torch
from torch import Tensor, nn

import torchscript


class Log(nn.Module):
    entries: List[int]
    names: Dict[str, int]

    def __init__(self):
        super().__init__()
        self.entries = [1]
        self.names = {"a": 1}

    def note(self, n: int) -> None:
        self.entries.append(n)

    def forward(self, x: Tensor) -> Tuple[int, int, int, int]:
        self.note(x.size(0))
        self.names["a"] += 5
        self.names.update({"b": 2})
        total = 0
        for entry in self.entries:
            total += entry
        return len(self.entries), self.entries[-1], total, len(self.names)


def test_lengths_and_loops_see_what_was_added():
    eager, scripted = Log(), torchscript.script(Log())
    for n in (3, 5):
        assert scripted(torch.ones(n)) == eager(torch.ones(n))
    assert scripted.entries == eager.entries == [1, 3, 5]

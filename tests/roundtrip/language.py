"""Modules that between them use the language: control flow, containers, classes, what is optional, and text."""

import enum
import math
from typing import Dict, List, NamedTuple, Optional, Tuple, Union  # as users write them

import torch
import torch.nn.functional as F
from archive_read.programs import PROGRAMS
from torch import Tensor, nn, rand, randn

from .torch_nn import Entry


class Gate(nn.Module):
    def __init__(self, size: int):
        super().__init__()
        self.linear = nn.Linear(size, size)

    def forward(self, x: Tensor, threshold: float = 0.0) -> Tensor:
        if x.sum() > threshold:
            return self.linear(x)
        return x


class Repeated(nn.Module):
    """A loop whose number of rounds depends on the data."""

    def __init__(self):
        super().__init__()
        self.gates = nn.ModuleList([Gate(4) for _ in range(3)])

    def forward(self, x: Tensor, limit: int) -> Tuple[Tensor, int]:
        rounds = 0
        while rounds < limit and bool(x.norm() > 0.01):
            for gate in self.gates:
                x = gate(x) * 0.5
            rounds += 1
            if rounds == 4:
                break
        return x, rounds


class BeamSearch(nn.Module):
    """What decoders do: lists that grow, sorting, early exits."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(11, 6)
        self.cell = nn.GRUCell(6, 6)
        self.out = nn.Linear(6, 11)

    def forward(self, state: Tensor, width: int) -> Tuple[List[int], float]:
        beams: List[Tuple[List[int], float]] = [([0], 0.0)]
        for step in range(4):
            grown: List[Tuple[List[int], float]] = []
            for words, score in beams:
                hidden = self.cell(self.embed(torch.tensor([words[-1]])), state)
                logits = F.log_softmax(self.out(hidden), 1)[0]
                values, indices = torch.topk(logits, width)
                for i in range(width):
                    grown.append((words + [int(indices[i])], score + float(values[i])))
            best: List[Tuple[List[int], float]] = []
            for candidate in grown:
                place = 0
                while place < len(best) and best[place][1] > candidate[1]:
                    place += 1
                best.insert(place, candidate)
            beams = best[:width]
            if len(beams[0][0]) > 4:
                break
        return beams[0]


class Tokenizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.vocabulary: Dict[str, int] = {"<unk>": 0, "the": 1, "cat": 2, "sät": 3}
        self.suffixes = ["s", "ing"]

    def forward(self, text: str) -> Tuple[List[int], str, Dict[str, int]]:
        ids: List[int] = []
        counts: Dict[str, int] = {}
        for word in text.lower().strip().split(" "):
            for suffix in self.suffixes:
                if word.endswith(suffix):
                    word = word[: len(word) - len(suffix)]
            counts[word] = counts.get(word, 0) + 1
            if word in self.vocabulary:
                ids.append(self.vocabulary[word])
            else:
                ids.append(0)
        return ids, "-".join([str(i) for i in ids]), counts


class Mode(enum.Enum):
    SUM = "sum"
    MEAN = "mean"


class Reduced(nn.Module):
    def __init__(self, mode: Mode):
        super().__init__()
        self.mode = mode

    def forward(self, x: Tensor) -> Tensor:
        if self.mode == Mode.SUM:
            return x.sum(0)
        return x.mean(0)


class Boxes(NamedTuple):
    corners: Tensor
    scores: Tensor
    label: Optional[str] = None


class Detector(nn.Module):
    def forward(self, x: Tensor, threshold: float) -> Tuple[Boxes, int]:
        scores = torch.sigmoid(x[:, 4])
        kept = scores > threshold
        boxes = Boxes(x[kept, :4], scores[kept], "box")
        label = boxes.label
        return boxes, len(label) if label is not None else 0


@torch.jit.script
class Running:
    def __init__(self, decay: float):
        self.decay = decay
        self.value = 0.0
        self.history: List[float] = []

    def update(self, x: float) -> float:
        self.value = self.value * self.decay + x * (1 - self.decay)
        self.history.append(self.value)
        return self.value


class UsesObject(nn.Module):
    def forward(self, x: Tensor) -> Tuple[float, List[float]]:
        running = Running(0.9)
        for i in range(x.size(0)):
            running.update(float(x[i]))
        return running.value, running.history


class Buffered(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(4))
        self.register_buffer("step", torch.tensor(0))
        self.scale = nn.Parameter(torch.ones(4))
        self.shared = self.scale

    def forward(self, x: Tensor) -> Tensor:
        self.mean.mul_(0.9).add_(x.mean(0), alpha=0.1)
        self.step += 1
        return (x - self.mean) * self.scale + self.shared * int(self.step)


class Optionals(nn.Module):
    def forward(self, x: Tensor, mask: Optional[Tensor], scale: Union[int, float]) -> Tensor:
        if mask is not None:
            x = x.masked_fill(mask, 0.0)
        if isinstance(scale, int):
            return x * scale
        return x / scale


class Comprehensions(nn.Module):
    def forward(self, xs: List[Tensor], names: List[str]) -> Tuple[Dict[str, Tensor], List[int]]:
        table = {name: x * i for i, (name, x) in enumerate(zip(names, xs))}
        sizes = [x.numel() for x in xs if x.numel() > 1]
        return table, sorted(sizes, reverse=True)


class Mathematics(nn.Module):
    def forward(self, x: Tensor, n: int) -> Tuple[float, int, float, bool, Tensor]:
        a = math.sqrt(n) + math.log(n) * math.pi - math.floor(2.5) + n**2 % 7
        b = (n // 3) << 2 | 5 & n
        return a, b, float(x.max()) / n, (n > 2) != (n < 5), x.pow(2).clamp(min=0.1, max=n) @ x.t()


class Slices(nn.Module):
    def forward(self, x: Tensor) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
        y = x.clone()
        y[0] = 1.0
        y[:, 1:3] += 2
        y[..., -1] = x[..., 0]
        y[y > 1.5] = 0.25
        return y, x[::2, None], x[[0, 2]], x[1:, [1]]


class Forked(nn.Module):
    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        future = torch.jit.fork(self.left, x)
        return self.right(x) + torch.jit.wait(future)


class Attention(nn.Module):
    def __init__(self, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(8, 24)
        self.tables = nn.ModuleDict({"a": nn.Linear(8, 8), "b": nn.Identity()})

    def forward(self, x: Tensor, causal: bool = True) -> Tensor:
        b, t, c = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        weights = q @ k.transpose(-2, -1) / math.sqrt(c / self.heads)
        if causal:
            weights = weights.masked_fill(torch.ones(t, t, dtype=torch.bool).tril().logical_not(), -1e9)
        out = (weights.softmax(-1) @ v).transpose(1, 2).reshape(b, t, c)
        for name, table in self.tables.items():
            out = table(out)
        return out


class Exports(nn.Module):
    @torch.jit.export
    def doubled(self, x: Tensor) -> Tensor:
        return x * 2

    @torch.jit.export
    def choose(self, x: Tensor, which: str) -> Tensor:
        return self.doubled(x) if which == "double" else x

    def forward(self, x: Tensor) -> Tensor:
        return self.choose(x, "double") + self.choose(x, "")


class Randoms(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x, 0.5, True) + torch.rand(3) + torch.randn_like(x)


class Dtypes(nn.Module):
    def forward(self, x: Tensor) -> Tuple[Tensor, Tensor, Tensor, bool]:
        y = x.to(torch.bfloat16).float()
        z = torch.zeros([2, 2], dtype=torch.int32, device=x.device)
        w = torch.full([2], 1.5).to(torch.complex64) * 1j
        return y, z, torch.view_as_real(w), x.dtype == torch.float32


MODULES: dict[str, Entry] = {
    "Repeated": (Repeated, lambda: (rand(2, 4), 7)),
    "BeamSearch": (BeamSearch, lambda: (rand(1, 6), 3)),
    "Tokenizer": (Tokenizer, lambda: ("The cats sät on cating dogs",)),
    "Reduced, sum": (lambda: Reduced(Mode.SUM), lambda: (rand(3, 2),)),
    "Reduced, mean": (lambda: Reduced(Mode.MEAN), lambda: (rand(3, 2),)),
    "Detector": (Detector, lambda: (randn(5, 5), 0.5)),
    "UsesObject": (UsesObject, lambda: (rand(5),)),
    "Buffered": (Buffered, lambda: (rand(3, 4),)),
    "Optionals": (Optionals, lambda: (rand(2, 2), rand(2, 2) > 0.5, 2)),
    "Optionals, None": (Optionals, lambda: (rand(2, 2), None, 2.5)),
    "Comprehensions": (Comprehensions, lambda: ([rand(2), rand(1), rand(3)], ["a", "b", "c"])),
    "Mathematics": (Mathematics, lambda: (rand(3, 2), 5)),
    "Slices": (Slices, lambda: (rand(3, 4),)),
    "Forked": (Forked, lambda: (rand(2, 4),)),
    "Attention": (lambda: Attention(2), lambda: (rand(2, 3, 8),)),
    "Attention, whole": (lambda: Attention(4), lambda: (rand(2, 3, 8), False)),
    "Exports": (Exports, lambda: (rand(3),)),
    "Randoms": (Randoms, lambda: (rand(3),)),
    "Dtypes": (Dtypes, lambda: (rand(3),)),
    **{
        f"read: {name}": (make, lambda inputs=inputs: inputs)
        for name, (make, inputs) in PROGRAMS.items()
        if name
        not in ("attributes", "state")  # they say with torch.jit.Attribute what eager Python does not have
    },
}
TRACEABLE = ("Attention", "Slices")
NOT_IN_STOCK = ("Comprehensions",)  # a comprehension with an `if`

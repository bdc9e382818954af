"""Modules whose archives the tests read: between them they use what torch.jit's printer can print."""

import enum
from typing import Any, Dict, Final, List, NamedTuple, Optional, Tuple, Union

import torch
from torch import Tensor, nn


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Point(NamedTuple):
    x: Tensor
    y: int
    z: Optional[str] = None


@torch.jit.interface
class Shift(nn.Module):
    def shift(self, x: Tensor, by: int) -> Tensor:
        pass


class Add(nn.Module):
    def shift(self, x: Tensor, by: int) -> Tensor:
        return x + by

    def forward(self, x: Tensor) -> Tensor:
        return x


class UsesInterface(nn.Module):
    part: Shift

    def __init__(self):
        super().__init__()
        self.part = Add()

    def forward(self, x: Tensor) -> Tensor:
        return self.part.shift(x, 2)


@torch.jit.script
class Account:
    def __init__(self, n: int):
        self.n = n
        self.items: List[Tensor] = []

    def put(self, x: Tensor) -> Tensor:
        self.items.append(x)
        self.n += 1
        return x * self.n

    def __len__(self) -> int:
        return self.n


def helper(x: Tensor, y: Optional[Tensor], n: int = 3) -> Tensor:
    if y is not None:
        return x + y
    return x * n


def doubled(x: Tensor) -> Tensor:
    return x * 2


class ControlFlow(nn.Module):
    def forward(self, x: Tensor, n: int, flag: bool) -> Tuple[Tensor, int, float]:
        total = 0.0
        i = 0
        last = 0
        while i < n:
            if i % 2 == 0 and flag:
                x = x + i
            elif i == 3 and n > 20:
                raise ValueError("three of %d" % n)
            else:
                x = x * 0.5
                if i == 5:
                    break
            i += 1
            total += i / 2 - 1 // 2
        for k in range(0, 10, 3):
            if k > 4:
                last = k
                continue
            for j in range(k):
                x[0] += j
        return x, last, total


class Containers(nn.Module):
    def forward(
        self, x: Tensor, names: List[str]
    ) -> Tuple[List[int], Dict[str, Tensor], List[str], Tuple[int, str]]:
        b = [1, 2, 3]
        doubled = [v * 2 for v in b]
        out: Dict[str, Tensor] = {}
        for i, name in enumerate(names):
            out[name] = x[i]
        for key, value in out.items():
            out[key] = value + 1
        doubled[0] = 7
        del doubled[1]
        doubled.extend(b[1:])
        text = "a-b".split("-")
        text.append("é{}".format(b[-1]))
        pair = (1, "x", x)
        nested: List[List[int]] = [[1], [2, 3]]
        if "a" in out and 3 in b:
            doubled.append(len(nested))
        u, (v, w) = 1, (2, "ü\n\"'\\")
        return doubled, out, sorted(text), (pair[0] + u + v, pair[1] + w)


class Optionals(nn.Module):
    def forward(
        self, x: Tensor, y: Optional[Tensor], z: Union[int, str, Tensor]
    ) -> Tuple[Tensor, Any, Optional[int]]:
        x = helper(x, y)
        kept: Optional[int] = None
        for i in range(4):
            if x.sum() > i:
                kept = i
        if isinstance(z, int):
            return x, z + 1, kept
        elif isinstance(z, str):
            return x, z + "!", kept
        return x, z, kept


class Indexing(nn.Module):
    def forward(self, x: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
        x = x.clone()
        x[0, 1:2] += 1
        x[..., None][1:, ::2] = 5
        picked = x[:, None, torch.tensor([0, 1])]
        return x[0][1:3, None], picked, x[x > 0.5]


class Numbers(nn.Module):
    def forward(self, x: Tensor) -> Tuple[float, float, complex, int, bool, str, int]:
        inf = -float("inf")
        tiny, huge, big = 1e-5, 1e300, 3000000000000
        z = 3 + 2j
        n = int(x.sum()) + (7 // 2) - x.size(0) % 3 + 2 * 3
        return inf, tiny * huge + float(n), z * 2, big - n, bool(x.sum() > 0), f"{n} {tiny}", ord("a")


class Dtypes(nn.Module):
    def forward(self, x: Tensor) -> Tuple[Tensor, Tensor, bool, bool]:
        y = x.to(torch.float64).to(x.dtype)
        z = torch.zeros(2, 3, dtype=torch.float16, device=x.device)
        return y, z, x.dtype == torch.float32, x.dtype in [torch.int32, torch.int64]


class Classes(nn.Module):
    def forward(self, x: Tensor) -> Tuple[Tensor, int, Tensor, str, int]:
        account = Account(3)
        y = account.put(x)
        p = Point(y, len(account), "é\x00")
        color = Color.BLUE
        if color == Color.RED:
            x = x + 1
        with torch.no_grad():
            y = y * 2
        future = torch.jit.fork(doubled, y)
        return torch.jit.wait(future), p.y, p.x, color.name, color.value


class Attributes(nn.Module):
    scale: Final[float]

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.tied = self.linear.weight
        self.parts = nn.ModuleList([nn.Linear(4, 4), nn.Tanh()])
        self.named = nn.ModuleDict({"a": nn.Linear(4, 4)})
        self.scale = 2.5
        self.register_buffer("row", torch.arange(4.0))
        self.register_buffer("part", self.row[1:3])
        self.counts = torch.jit.Attribute({"a": 1}, Dict[str, int])
        self.list = torch.jit.Attribute([torch.ones(1)], List[Tensor])
        self.integers = [1, 2]
        self.mixed = (1, "a", 2.0)
        self.color = Color.RED
        self.missing = torch.jit.Attribute(None, Optional[Tensor])
        self.text = 'héllo\n"q"'
        self.infinite = float("inf")
        self.z = 1 + 2j
        self.device = torch.device("cpu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.linear(x) @ self.tied
        for part in self.parts:
            x = part(x)
        x = self.named["a"](x) * self.scale + self.row
        self.counts["b"] = 3
        if self.missing is None:
            x = x + self.counts["a"] + len(self.text) + self.integers[1] + self.mixed[2]
        return x


class State(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = torch.ones(2)
        self.n = 3

    def forward(self, x: Tensor) -> Tensor:
        return self.w * x * self.n

    @torch.jit.export
    def __getstate__(self) -> Tuple[Tensor, int, bool]:
        return (self.w, self.n + 1, self.training)

    @torch.jit.export
    def __setstate__(self, state: Tuple[Tensor, int, bool]):
        self.w = state[0]
        self.n = state[1]
        self.training = state[2]


class LSTMLoop(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.LSTMCell(3, 4)

    def forward(self, xs: Tensor) -> Tuple[Tensor, Tensor]:
        h = torch.zeros(xs.size(1), 4)
        c = torch.zeros(xs.size(1), 4)
        outputs: List[Tensor] = []
        for t in range(xs.size(0)):
            h, c = self.cell(xs[t], (h, c))
            outputs.append(h)
        return torch.stack(outputs), c


class Traceable(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.conv = nn.Linear(4, 4), nn.Linear(4, 4), nn.Conv2d(1, 2, 3)

    def forward(self, x: Tensor, y: Tensor) -> Tuple[Tensor, Tensor, Tensor, Tuple[Tensor, Tensor]]:
        a = self.first(x)
        b = self.second(a)
        c = self.conv(b.view(1, 1, -1, 4))
        b[0] = 1
        left, right = a.chunk(2, 1)
        n = torch.arange(x.shape[0], dtype=torch.int32) + torch.tensor([1, 2.0, 3, 4])
        return left + right, c.to(torch.float64), n, torch.stack([a, b * y]).split(1)


PROGRAMS: dict[str, tuple[type[nn.Module], tuple[Any, ...]]] = {
    "control flow": (ControlFlow, (torch.rand(3, 4), 9, False)),
    "control flow, other branch": (ControlFlow, (torch.rand(3, 4), 5, True)),
    "containers": (Containers, (torch.rand(3, 2), ["a", "b"])),
    "optionals, int": (Optionals, (torch.rand(3), torch.rand(3), 3)),
    "optionals, str": (Optionals, (torch.rand(3), None, "s")),
    "indexing": (Indexing, (torch.rand(3, 4, 5)[0],)),
    "numbers": (Numbers, (torch.rand(5),)),
    "dtypes": (Dtypes, (torch.rand(2),)),
    "classes": (Classes, (torch.rand(2),)),
    "attributes": (Attributes, (torch.rand(2, 4),)),
    "interface": (UsesInterface, (torch.rand(2),)),
    "state": (State, (torch.rand(2),)),
    "lstm loop": (LSTMLoop, (torch.rand(5, 2, 3),)),
}

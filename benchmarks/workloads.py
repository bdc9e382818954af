"""The programs of the native benchmark: loops over tensors, decoding, scalar code, pointwise chains, reductions, models.

`WORKLOADS` names each, with what it is called with. Programs that stop by their data get ten inputs per call, so that
nobody can specialise on one.
"""

import importlib.util
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, List

import torch
from torch import Tensor, nn


class LSTMCellLoop(nn.Module):
    def __init__(self, features: int):
        super().__init__()
        self.x = nn.Linear(features, 4 * features)
        self.h = nn.Linear(features, 4 * features)

    def forward(self, sequence: Tensor, hidden: Tensor, cell: Tensor) -> Tensor:
        for step in range(sequence.size(0)):
            gates = self.x(sequence[step]) + self.h(hidden)
            i, f, g, o = gates.chunk(4, 1)
            cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
            hidden = torch.sigmoid(o) * torch.tanh(cell)
        return hidden


class GRULoop(nn.Module):
    def __init__(self, features: int):
        super().__init__()
        self.x = nn.Linear(features, 3 * features)
        self.h = nn.Linear(features, 3 * features)

    def forward(self, sequence: Tensor, hidden: Tensor) -> Tensor:
        for step in range(sequence.size(0)):
            xr, xz, xn = self.x(sequence[step]).chunk(3, 1)
            hr, hz, hn = self.h(hidden).chunk(3, 1)
            r = torch.sigmoid(xr + hr)
            z = torch.sigmoid(xz + hz)
            n = torch.tanh(xn + r * hn)
            hidden = (1 - z) * n + z * hidden
        return hidden


class MultiplicativeLSTM(nn.Module):
    def __init__(self, features: int):
        super().__init__()
        self.mx = nn.Linear(features, features, bias=False)
        self.mh = nn.Linear(features, features, bias=False)
        self.x = nn.Linear(features, 4 * features)
        self.m = nn.Linear(features, 4 * features)

    def forward(self, sequence: Tensor, hidden: Tensor, cell: Tensor) -> Tensor:
        for step in range(sequence.size(0)):
            x = sequence[step]
            m = self.mx(x) * self.mh(hidden)
            i, f, o, u = (self.x(x) + self.m(m)).chunk(4, 1)
            cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(u)
            hidden = torch.sigmoid(o) * torch.tanh(cell)
        return hidden


class Greedy(nn.Module):
    """Decodes until the end symbol, which the data decides."""

    def __init__(self, symbols: int, features: int):
        super().__init__()
        self.embedding = nn.Embedding(symbols, features)
        self.cell = nn.GRUCell(features, features)
        self.out = nn.Linear(features, symbols)

    def forward(self, states: Tensor, longest: int) -> List[int]:
        words: List[int] = []
        for k in range(states.size(0)):
            state = states[k : k + 1]
            word = torch.zeros(1, dtype=torch.long)
            count = 0
            while count < longest:
                state = self.cell(self.embedding(word), state)
                word = self.out(state).argmax(1)
                symbol = int(word.item())
                if symbol == 1:
                    break
                words.append(symbol)
                count += 1
        return words


class Beam(nn.Module):
    def __init__(self, symbols: int, features: int):
        super().__init__()
        self.symbols = symbols
        self.embedding = nn.Embedding(symbols, features)
        self.cell = nn.GRUCell(features, features)
        self.out = nn.Linear(features, symbols)

    def forward(self, states: Tensor, width: int, longest: int) -> List[Tensor]:
        best: List[Tensor] = []
        for k in range(states.size(0)):
            state = states[k : k + 1].expand(width, -1)
            scores = torch.full((width,), -1e9)
            scores[0] = 0.0
            words = torch.zeros(width, 1, dtype=torch.long)
            for _ in range(longest):
                state = self.cell(self.embedding(words[:, -1]), state)
                logits = torch.log_softmax(self.out(state), 1)
                total = (scores.unsqueeze(1) + logits).view(-1)
                scores, places = total.topk(width)
                beams = places // self.symbols
                symbols = places % self.symbols
                words = torch.cat([words[beams], symbols.unsqueeze(1)], 1)
                state = state[beams]
                if bool((symbols[0] == 1).item()):
                    break
            best.append(words[0])
        return best


def nms_tensors(boxes: List[Tensor], scores: List[Tensor], threshold: float) -> List[Tensor]:
    kept_all: List[Tensor] = []
    for b in range(len(boxes)):
        box = boxes[b]
        order = scores[b].argsort(descending=True)
        area = (box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1])
        kept: List[Tensor] = []
        while order.numel() > 0:
            first = order[0]
            kept.append(first)
            rest = order[1:]
            left_top = torch.maximum(box[first, :2], box[rest][:, :2])
            right_bottom = torch.minimum(box[first, 2:], box[rest][:, 2:])
            size = (right_bottom - left_top).clamp(min=0)
            inter = size[:, 0] * size[:, 1]
            iou = inter / (area[first] + area[rest] - inter)
            order = rest[iou <= threshold]
        kept_all.append(torch.stack(kept))
    return kept_all


def nms_scalars(boxes: List[List[float]], order: List[int], threshold: float) -> List[int]:
    n = len(order)
    gone = [False] * n
    kept: List[int] = []
    for a in range(n):
        i = order[a]
        if gone[i]:
            continue
        kept.append(i)
        p = boxes[i]
        area = (p[2] - p[0]) * (p[3] - p[1])
        for b in range(a + 1, n):
            j = order[b]
            if gone[j]:
                continue
            q = boxes[j]
            w = min(p[2], q[2]) - max(p[0], q[0])
            h = min(p[3], q[3]) - max(p[1], q[1])
            if w > 0.0 and h > 0.0:
                inter = w * h
                if inter / (area + (q[2] - q[0]) * (q[3] - q[1]) - inter) > threshold:
                    gone[j] = True
    return kept


def collatz(limit: int) -> int:
    longest = 0
    for start in range(1, limit):
        n = start
        steps = 0
        while n != 1:
            if n % 2 == 0:
                n = n // 2
            else:
                n = 3 * n + 1
            steps += 1
        if steps > longest:
            longest = steps
    return longest


def sieve(n: int) -> int:
    flags = [1] * (n + 1)
    flags[0] = 0
    flags[1] = 0
    i = 2
    while i * i <= n:
        if flags[i] == 1:
            for j in range(i * i, n + 1, i):
                flags[j] = 0
        i += 1
    count = 0
    for flag in flags:
        count += flag
    return count


def edit_nested(a: List[int], b: List[int]) -> int:
    rows: List[List[int]] = []
    for i in range(len(a) + 1):
        rows.append([0] * (len(b) + 1))
        rows[i][0] = i
    for j in range(len(b) + 1):
        rows[0][j] = j
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            cost = 0 if a[i - 1] == b[j - 1] else 1
            rows[i][j] = min(min(rows[i - 1][j] + 1, rows[i][j - 1] + 1), rows[i - 1][j - 1] + cost)
    return rows[len(a)][len(b)]


def edit_flat(a: List[int], b: List[int]) -> int:
    above = list(range(len(b) + 1))
    for i in range(1, len(a) + 1):
        row = [i] * (len(b) + 1)
        for j in range(1, len(b) + 1):
            cost = 0 if a[i - 1] == b[j - 1] else 1
            row[j] = min(min(above[j] + 1, row[j - 1] + 1), above[j - 1] + cost)
        above = row
    return above[len(b)]


def gelu(x: Tensor) -> Tensor:
    return 0.5 * x * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)))


def swiglu(a: Tensor, b: Tensor) -> Tensor:
    return a * torch.sigmoid(a) * b


def chain(x: Tensor, y: Tensor) -> Tensor:
    z = x + y
    z = z * x
    z = z - 0.5
    z = torch.abs(z)
    z = z + 1.0
    z = torch.sqrt(z)
    z = z * y
    z = torch.maximum(z, x)
    z = z / (1.0 + torch.abs(y))
    z = torch.where(z > 0.25, z, x)
    z = z * z
    z = z + x
    z = torch.clamp(z, -3.0, 3.0)
    z = z * 0.125
    z = torch.exp(z)
    z = z - y
    z = torch.minimum(z, x + 2.0)
    return z * z + y


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    mean = x.mean(-1, keepdim=True)
    off = x - mean
    variance = (off * off).mean(-1, keepdim=True)
    return off * torch.rsqrt(variance + 1e-5) * weight + bias


def softmax(x: Tensor) -> Tensor:
    e = torch.exp(x - x.amax(-1, keepdim=True))
    return e / e.sum(-1, keepdim=True)


def rms_norm(x: Tensor, weight: Tensor) -> Tensor:
    return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6) * weight


class TextClassifier(nn.Module):
    def __init__(self, words: int, features: int, classes: int):
        super().__init__()
        self.embedding = nn.Embedding(words, features)
        self.x = nn.Linear(features, features)
        self.h = nn.Linear(features, features)
        self.out = nn.Linear(features, classes)

    def forward(self, text: Tensor) -> Tensor:
        e = self.embedding(text)
        state = torch.zeros(text.size(1), e.size(2))
        for step in range(text.size(0)):
            state = torch.tanh(self.x(e[step]) + self.h(state))
        return self.out(state)


@dataclass
class Workload:
    """One row: the program, its arguments, and the ratio to torch.jit that native code is to reach.

    `calls` run in one measurement, so that it is the steady state that counts, not what other programs left in the
    caches. `traced`: by its inputs. `archive` is the path of a program that exists as an archive only; `drive` makes a
    function of the inputs from what was loaded. `onnx` is a file that comes with it, and `stream` makes a function of the
    inputs from one that takes the feeds of a session.
    """

    name: str
    program: Callable[..., Any]
    inputs: tuple[Any, ...]
    goal: float
    calls: int = 1
    traced: bool = False
    is_scalar: bool = False
    training: bool = False
    archive: str | None = None
    drive: Callable[[Any], Callable[..., Any]] | None = None
    onnx: str | None = None
    stream: Callable[[Callable[[dict[str, Any]], list[Any]]], Callable[..., Any]] | None = None


def workloads() -> list[Workload]:
    torch.manual_seed(0)

    def loop(
        module: nn.Module, batch: int, features: int, states: int, goal: float, name: str, calls: int = 1
    ) -> Workload:
        inputs = (torch.randn(100, batch, features), *(torch.randn(batch, features) for _ in range(states)))
        return Workload(f"{name} B={batch} H={features}", module.eval(), inputs, goal, calls)

    boxes = []
    for _ in range(10):
        corner = torch.rand(60, 2) * 50
        boxes.append(torch.cat([corner, corner + 5 + torch.rand(60, 2) * 20], 1))
    scores = [torch.rand(60) for _ in range(10)]
    corner = torch.rand(600, 2) * 100
    many = torch.cat([corner, corner + 2 + torch.rand(600, 2) * 10], 1).tolist()
    order = torch.randperm(600).tolist()
    a, b = torch.randint(0, 20, (300,)).tolist(), torch.randint(0, 20, (300,)).tolist()
    layer = nn.TransformerEncoderLayer(256, 4, 512, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False).eval()
    return [
        loop(LSTMCellLoop(64), 1, 64, 2, 0.30, "LSTM loop", 5),
        loop(LSTMCellLoop(64), 64, 64, 2, 0.65, "LSTM loop", 5),
        loop(LSTMCellLoop(512), 64, 512, 2, 0.85, "LSTM loop"),
        loop(GRULoop(64), 1, 64, 1, 0.35, "GRU loop", 5),
        loop(MultiplicativeLSTM(64), 64, 64, 2, 0.6, "multiplicative LSTM", 5),
        Workload("greedy decoding", Greedy(200, 64).eval(), (torch.randn(10, 64), 50), 0.35),
        Workload("beam search", Beam(200, 64).eval(), (torch.randn(10, 64), 4, 20), 0.35),
        Workload("nms, tensors", nms_tensors, (boxes, scores, 0.5), 0.5),
        Workload("nms, scalars", nms_scalars, (many, order, 0.5), 0.1, is_scalar=True),
        Workload("Collatz", collatz, (20_000,), 0.015, is_scalar=True),
        Workload("sieve", sieve, (100_000,), 0.015, 5, is_scalar=True),
        Workload("edit distance, nested", edit_nested, (a, b), 0.015, 5, is_scalar=True),
        Workload("edit distance, flat", edit_flat, (a, b), 0.015, 5, is_scalar=True),
        Workload("gelu 1e3", gelu, (torch.randn(1_000),), 0.4, 100),
        Workload("gelu 1e5", gelu, (torch.randn(100_000),), 0.25, 10),
        Workload("gelu 4e6", gelu, (torch.randn(4_000_000),), 0.12, 5),
        Workload("swiglu 1e5", swiglu, (torch.randn(100_000), torch.randn(100_000)), 0.7, 10),
        Workload("swiglu 4e6", swiglu, (torch.randn(4_000_000), torch.randn(4_000_000)), 0.35, 5),
        Workload("chain of 20, 1e5", chain, (torch.randn(100_000), torch.randn(100_000)), 0.15, 10),
        Workload("chain of 20, 4e6", chain, (torch.randn(4_000_000), torch.randn(4_000_000)), 0.08, 5),
        Workload(
            "layer_norm 16×256",
            layer_norm,
            (torch.randn(16, 256), torch.randn(256), torch.randn(256)),
            0.5,
            100,
        ),
        Workload(
            "layer_norm 2048×1024",
            layer_norm,
            (torch.randn(2048, 1024), torch.randn(1024), torch.randn(1024)),
            0.14,
            5,
        ),
        Workload("softmax 2048×1024", softmax, (torch.randn(2048, 1024),), 0.15, 5),
        Workload("rms_norm 2048×1024", rms_norm, (torch.randn(2048, 1024), torch.randn(1024)), 0.28, 5),
        *_classifiers(),
        Workload("transformer encoder, traced", encoder, (torch.randn(1, 64, 256),), 0.85, 5, traced=True),
        Workload(
            "text classifier", TextClassifier(1000, 64, 4).eval(), (torch.randint(0, 1000, (100, 1)),), 0.5, 5
        ),
        *_voice_activity(),
        Workload("training step, LSTM loop B=1", *_training(1), 1.0, training=True),
        Workload("training step, LSTM loop B=64", *_training(64), 1.0, training=True),
        Workload(
            "training step, gelu 1e5", gelu, (torch.randn(100_000, requires_grad=True),), 1.0, training=True
        ),
    ]


def _training(batch: int) -> tuple[nn.Module, tuple[Tensor, ...]]:
    inputs = (torch.randn(100, batch, 64), torch.randn(batch, 64), torch.randn(batch, 64))
    return LSTMCellLoop(64), inputs


def _classifiers() -> list[Workload]:
    """torchvision's, with the statistics of a batch in their batch norms, so that activations neither vanish nor explode."""
    from bench_compile import models

    made = []
    goals = {("resnet18", 1): 0.75, ("resnet18", 8): 1.0, ("mobilenet_v2", 1): 0.8, ("mobilenet_v2", 8): 0.8}
    for (name, batch), goal in goals.items():
        try:
            model = models(name)()
        except ImportError:
            return []
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 1.0
        with torch.no_grad():
            model(torch.randn(8, 3, 224, 224))
        made.append(Workload(f"{name} b{batch}", model.eval(), (torch.randn(batch, 3, 224, 224),), goal))
    return made


def _voice_activity() -> list[Workload]:
    """The archive of the package silero-vad: 31 chunks of 32 ms, one after another, with their state."""
    package = importlib.util.find_spec("silero_vad")
    if package is None or package.origin is None:
        return []
    data = Path(package.origin).parent / "data"
    chunks = torch.randn(31, 1, 512) * 0.1

    def drive(model: Any) -> Callable[[Tensor], Tensor]:
        def run(chunks: Tensor) -> Tensor:
            model.reset_states()
            return torch.cat([model(chunk, 16000) for chunk in chunks])

        return run

    def stream(infer: Callable[[dict[str, Any]], list[Any]]) -> Callable[[Tensor], Tensor]:
        rate = torch.tensor(16000).numpy()

        def run(chunks: Tensor) -> Tensor:
            state, context, out = torch.zeros(2, 1, 128).numpy(), torch.zeros(1, 64), []
            for chunk in chunks:
                given = torch.cat([context, chunk], 1)
                result, state, *_ = infer({"input": given.numpy(), "state": state, "sr": rate})
                out.append(torch.tensor(result))
                context = chunk[:, -64:]
            return torch.cat(out)

        return run

    return [
        Workload(
            "silero_vad.jit, 31 chunks",
            _no_program,
            (chunks,),
            0.45,
            archive=str(data / "silero_vad.jit"),
            drive=drive,
            onnx=str(data / "silero_vad.onnx"),
            stream=stream,
        )
    ]


def _no_program(chunks: Tensor) -> Tensor:
    raise NotImplementedError("this program exists as an archive only")

"""Write archives with whichever PyTorch runs this, and what its modules gave. Runs with PyTorch 1.0 and later.

    python write_archives.py OUT

makes OUT/<case>.pt (or .ptl, .ff) and OUT/<case>.json: the calls made after saving, each with inputs and outputs.
"""

import enum
import json
import os
import sys
import warnings
from typing import Dict, List, NamedTuple, Optional, Tuple

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

warnings.simplefilter("ignore")
VERSION = tuple(int(p) for p in torch.__version__.split("+")[0].split(".")[:2])
CASES = []
_ANNOTATIONS_ = (Dict, List, NamedTuple, Optional, Tensor, Tuple)  # which comments name


def case(since=(1, 0), until=(99, 0), name=None):
    def add(make):
        if since <= VERSION < until:
            CASES.append((name or make.__name__, make))
        return make

    return add


Script = torch.jit.ScriptModule
script_method = torch.jit.script_method


def scripted(module):
    return torch.jit.script(module)


# ---- modules declared by script_method, which every version has ----


class Net(Script):
    __constants__ = ["steps"]

    def __init__(self):
        super(Net, self).__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.bn = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, 5)
        self.steps = 3
        self.register_buffer("scale", torch.rand(5))

    @script_method
    def forward(self, x):
        x = F.relu(self.bn(self.conv(x)))
        x = F.adaptive_avg_pool2d(x, (1, 1))
        x = x.view(x.size(0), -1)
        for i in range(self.steps):
            x = x * 1.5 + float(i)
        return F.log_softmax(self.fc(x) * self.scale, 1)


@case()
def script_net():
    m = Net()
    m(torch.rand(2, 3, 8, 8))
    m.eval()
    return m, [("forward", (torch.rand(2, 3, 6, 6),))]


@case()
def script_net_training():
    m = Net()
    return m, [("forward", (torch.rand(4, 3, 6, 6),)), ("forward", (torch.rand(4, 3, 6, 6),))]


class Flow(Script):
    @script_method
    def forward(self, x, n, flag):
        # type: (Tensor, int, bool) -> Tuple[Tensor, List[int], float]
        sizes = [1]
        total = 0.0
        while n > 0:
            if n % 2 == 0 and flag:
                x = x + 1
                sizes.append(n)
            elif n == 3:
                x = -x
            else:
                x = x * 2
            total = total + float(n) * 0.5
            n -= 1
        for i in range(2):
            x = x.t() if x.size(0) == 3 else x.t() + i
        return x, sizes, total


@case()
def script_flow():
    x = torch.rand(2, 3)
    return Flow(), [("forward", (x, 5, True)), ("forward", (x, 4, False)), ("forward", (x, 0, True))]


class Numbers(Script):
    @script_method
    def forward(self, a, b, x):
        # type: (int, int, float) -> Tuple[float, int, int, int, float, bool, bool]
        return a / b, a // b, a % b, -a // b, a * x, a < b or x > 1.0, not (a == b)


@case()
def script_numbers():
    return Numbers(), [("forward", (7, 2, 1.5)), ("forward", (-7, 2, 0.5))]


class IntegerDivision(Script):
    @script_method
    def forward(self, x, y):
        return x / y, x / 2, x / 2.0, x.div(y), x.div(3)


@case()
def div_of_ints():
    x, y = torch.tensor([7, -7, 9]), torch.tensor([2, 2, -4])
    f = x.float()
    return IntegerDivision(), [("forward", (x, y)), ("forward", (f, y)), ("forward", (f, f))]


class InPlaceDivision(Script):
    @script_method
    def forward(self, x, y):
        x = x.clone()
        x /= y
        z = x.clone()
        z.div_(y)
        return x, z


@case()
def div_in_place():
    x, y = torch.tensor([7, -7, 9]), torch.tensor([2, 2, -4])
    f = x.float()
    calls = [("forward", (f, y.float()))]
    if VERSION < (1, 5):
        calls.append(("forward", (x, y)))
    return InPlaceDivision(), calls


class Division15(Script):
    @script_method
    def forward(self, x, y):
        return x // y, x // 2, torch.floor_divide(x, 2) if True else x


@case(since=(1, 4))
def floor_division():
    x, y = torch.tensor([7, -7, 9]), torch.tensor([2, 2, -4])
    return Division15(), [("forward", (x, y)), ("forward", (x.float(), y.float()))]


OPERANDS = [
    torch.tensor([7, -7, 3]),
    torch.tensor([1.5, 2.5, -0.5]),
    torch.tensor([1, 2, 1], dtype=torch.uint8),
    torch.tensor(3),
    torch.tensor(2.5),
]
METHODS = (
    [(name, "torch.%s(x, y)" % name) for name in "add sub mul div rsub lt le gt ge eq ne".split()]
    + [
        ("two_" + name, "torch.%s(x, 2.5), torch.%s(x, 2)" % (name, name))
        for name in "add sub mul div rsub pow remainder fmod lt le gt ge eq ne".split()
    ]
    + [
        ("in_place_" + name, "x.clone().%s_(2.5)" % name)
        for name in "add sub mul div pow remainder fmod".split()
    ]
    + [("in_place_of_tensors_" + name, "x.clone().%s_(y)" % name) for name in "add sub mul div".split()]
    + [
        ("mask_fill", "x.masked_fill(x > 1, 4), x.clone().masked_fill_(x > 1, 5)"),
        ("mask_bytes", "x.masked_fill((x > 1).to(torch.uint8), 4), x[(x > 1).to(torch.uint8)]"),
        ("mask_where", "torch.where(x > 1, x, x * 2), (x > 1) + (x > 0), x[x > 1]"),
        ("mask_minus", "1 - (x > 1)"),
        ("mask_sums", "(x > 1).sum(), (x > 1).all(), (x > 1) & (x > 0), (x == x).float().mean()"),
        (
            "ranges",
            "torch.arange(4), torch.arange(1, 4), torch.arange(0, 4, 2), torch.arange(4, dtype=torch.float64)",
        ),
        ("randoms", "torch.randint(5, [3]) * 0, torch.randperm(3) * 0, torch.rand([2]) * 0"),
        (
            "randoms_between",
            "torch.randint(1, 5, [3]) * 0, torch.randint(1, 5, [3], dtype=torch.float64) * 0",
        ),
        ("factories", "torch.zeros([2]), torch.eye(2), torch.empty([0]), torch.ones([2])"),
        ("tensors_of_ints", "torch.tensor(3), torch.tensor([1, 2]), torch.tensor([[1], [2]])"),
        ("tensor_of_a_float", "torch.tensor(2.5)"),
        ("tensors_of_floats", "torch.tensor([1.5, 2.0]), torch.tensor([1.5], dtype=torch.float32)"),
        ("tensors_of_lists", "torch.tensor([[1.5], [2.0]])"),
        ("tensors_of_bools", "torch.tensor(True), torch.tensor([True, False])"),
        ("tensors_selected", "x.float()[None].masked_select(x.float()[None] > 1)"),
        (
            "reduce",
            "x.sum(), x.prod(), x.max(), x.float().mean(), x.cumsum(0), x.float().std(), x.float().norm()",
        ),
    ]
)


@case()
def meanings_of_operators():
    m = torch.jit.ScriptModule()
    calls = []
    for name, expression in METHODS:
        takes_two = ", y" in expression or "_(y)" in expression
        source = "def %s(self, x%s):\n  return %s\n" % (name, ", y" if takes_two else "", expression)
        if "uint8" in expression and VERSION < (1, 1):
            source = source.replace("torch.uint8", "0")
        try:
            scratch = type("Scratch_" + name, (torch.jit.ScriptModule,), {})()
            scratch.define(source)
            torch.jit.save(scratch, os.devnull)
            m.define(source)
        except Exception as error:
            print("  no", name, str(error).strip().split("\n")[0][:100])
            continue
        for x in OPERANDS:
            for y in OPERANDS if takes_two else [None]:
                calls.append((name, (x, y) if takes_two else (x,)))
    return m, calls


class Fills(Script):
    @script_method
    def forward(self, x):
        a = torch.full([2, 2], 3.0)
        b = torch.full([2], 7.0, dtype=torch.float64)
        c = torch.zeros([2, 3], dtype=torch.int64)
        d = torch.ones_like(x)
        e = torch.arange(5)
        f = torch.full_like(x, 2.5)
        return a, b, c, d, e, f


@case()
def fills():
    return Fills(), [("forward", (torch.rand(3),))]


class IntFull(Script):
    @script_method
    def forward(self, n):
        # type: (int) -> Tensor
        return torch.full([2], n)


@case()
def full_of_int():
    return IntFull(), [("forward", (3,))]


class Spaces(Script):
    @script_method
    def forward(self):
        return (
            torch.linspace(0, 1),
            torch.logspace(0, 1),
            torch.linspace(0.0, 2.0, 5),
            torch.logspace(0.0, 2.0, 5),
        )


@case(until=(1, 11))
def spaces_without_steps():
    return Spaces(), [("forward", ())]


class Gelu(Script):
    @script_method
    def forward(self, x):
        return F.gelu(x), torch.nn.functional.gelu(x * 2)


@case(since=(1, 2))
def gelu():
    return Gelu(), [("forward", (torch.linspace(-3, 3, 7),))]


class Upsample(Script):
    @script_method
    def forward(self, x):
        a = F.interpolate(x, scale_factor=2.0, mode="nearest")
        b = F.interpolate(x, size=[7, 5], mode="bilinear", align_corners=True)
        return a, b


@case(since=(1, 0))
def upsample():
    return Upsample(), [("forward", (torch.rand(1, 2, 3, 4),))]


class Indexing(nn.Module):
    def forward(self, x, i):
        y = x.clone()
        y[0] = 1.0
        y[1:, 0] = x[1:, 1]
        y[i] += 2.0
        return y, x[:, 1], x[0, 1:], x[..., -1], x[i], x[x > 0.5], x[None], x[::2]


@case(since=(1, 3))
def indexing():
    return scripted(Indexing()), [("forward", (torch.rand(4, 3), torch.tensor([0, 2])))]


class Lists(Script):
    @script_method
    def forward(self, xs):
        # type: (List[Tensor]) -> Tuple[Tensor, List[Tensor], int]
        out = torch.jit.annotate(List[Tensor], [])
        for i in range(len(xs)):
            out.append(xs[i] * i)
        return torch.cat(out), out[1:], len(xs)


@case()
def lists():
    return Lists(), [("forward", ([torch.rand(2), torch.rand(3), torch.rand(1)],))]


class Dicts(nn.Module):
    def forward(self, d, k):
        # type: (Dict[str, Tensor], str) -> Tuple[Tensor, Dict[str, int], List[str]]
        lengths = {"a": 1}
        lengths[k] = len(d)
        x = d["x"]
        if k in d:
            x = x + d[k]
        return x, lengths, list(lengths.keys())


@case(since=(1, 2))
def dicts():
    return scripted(Dicts()), [("forward", ({"x": torch.rand(2), "y": torch.rand(2)}, "y"))]


class Optionals(nn.Module):
    def forward(self, x, y=None, s="plus"):
        # type: (Tensor, Optional[Tensor], str) -> Optional[Tensor]
        r = x
        if y is not None:
            r = x + y
        if s == "none":
            return None
        return r


@case(since=(1, 2))
def optionals():
    x = torch.rand(2)
    return scripted(Optionals()), [("forward", (x,)), ("forward", (x, x)), ("forward", (x, None, "none"))]


class Strings(nn.Module):
    def forward(self, a, n):
        # type: (str, int) -> Tuple[str, str, int, List[str]]
        return a + "x\n\"q'" + a, "{} and {}".format(a, n), len(a), a.split("b")


@case(since=(1, 2))
def strings():
    return scripted(Strings()), [("forward", ("abc", 3))]


def tied():
    a, b = nn.Linear(3, 3), nn.Linear(3, 3)
    b.weight = a.weight
    return [a, b]


class Submodules(Script):
    __constants__ = ["layers"]

    def __init__(self):
        super(Submodules, self).__init__()
        self.layers = nn.ModuleList(tied())
        self.seq = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3))
        pass

    @script_method
    def forward(self, x):
        for layer in self.layers:
            x = torch.sigmoid(layer(x))
        return self.seq(x)

    @script_method
    def once(self, x):
        return self.seq(x)


@case()
def submodules_with_a_tied_weight():
    x = torch.rand(2, 3)
    return Submodules(), [("forward", (x,)), ("once", (x,))]


class Counter(Script):
    def __init__(self):
        super(Counter, self).__init__()
        self.count = torch.jit.Attribute(0, int)
        self.seen = torch.jit.Attribute([1], List[int])
        self.table = torch.jit.Attribute({"a": torch.ones(2)}, Dict[str, torch.Tensor])
        self.name = torch.jit.Attribute("counter", str)
        self.pair = torch.jit.Attribute((1, 2.5), Tuple[int, float])

    @script_method
    def forward(self, x):
        self.count = self.count + 1
        self.seen.append(self.count)
        return x + self.count, self.seen, self.table["a"] * self.pair[1], self.name


@case(since=(1, 1))
def attributes():
    x = torch.rand(2)
    return Counter(), [("forward", (x,)), ("forward", (x,))]


class Lstm(nn.Module):
    def __init__(self):
        super(Lstm, self).__init__()
        self.rnn = nn.LSTM(3, 4, 2, bidirectional=True)
        self.gru = nn.GRU(8, 2)

    def forward(self, x):
        y, (h, c) = self.rnn(x)
        z, g = self.gru(y)
        return z, h, c, g


@case()
def trace_lstm():
    m = Lstm().eval()
    x = torch.rand(5, 2, 3)
    return torch.jit.trace(m, (x,), check_trace=False), [("forward", (x,))]


@case(since=(1, 2))
def script_lstm():
    return scripted(Lstm().eval()), [("forward", (torch.rand(4, 1, 3),))]


class Cnn(nn.Module):
    def __init__(self):
        super(Cnn, self).__init__()
        self.a = nn.Sequential(
            nn.Conv2d(1, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2)
        )
        self.b = nn.ConvTranspose2d(4, 2, 2, groups=2)
        self.n = nn.GroupNorm(2, 4)
        self.d = nn.Dropout(0.0)

    def forward(self, x):
        x = self.d(self.n(self.a(x)))
        x = F.softmax(self.b(x), dim=1)
        return x.mean(3), F.pad(x, (1, 1)), torch.cat([x, x], 1)[:, 1:3], x.max(1)[1]


@case()
def trace_cnn():
    m = Cnn()
    x = torch.rand(2, 1, 13, 13)
    m(x)
    m.eval()
    return torch.jit.trace(m, x, check_trace=False), [("forward", (x,))]


@case(since=(1, 2))
def script_cnn():
    m = Cnn()
    x = torch.rand(2, 1, 13, 13)
    m(x)
    m.eval()
    return scripted(m), [("forward", (x,)), ("forward", (torch.rand(1, 1, 15, 15),))]


class Embeds(nn.Module):
    def __init__(self):
        super(Embeds, self).__init__()
        self.e = nn.Embedding(10, 4, padding_idx=0)
        self.bag = nn.EmbeddingBag(10, 4, mode="sum")
        self.n = nn.LayerNorm(4)

    def forward(self, x):
        return self.n(self.e(x)), self.bag(x), self.e(x).matmul(self.bag(x).t())


@case()
def trace_embeddings():
    x = torch.tensor([[1, 2, 0], [4, 5, 9]])
    return torch.jit.trace(Embeds().eval(), x, check_trace=False), [("forward", (x,))]


class Attention(nn.Module):
    def __init__(self):
        super(Attention, self).__init__()
        self.q = nn.Linear(6, 6)
        self.k = nn.Linear(6, 6, bias=False)

    def forward(self, x):
        b, t, c = x.shape
        q = self.q(x).view(b, t, 2, c // 2).transpose(1, 2)
        k = self.k(x).reshape(b, t, 2, c // 2).permute(0, 2, 1, 3)
        w = torch.einsum("bhic,bhjc->bhij", q, k) / (c // 2) ** 0.5
        w = w.masked_fill(
            torch.ones(t, t).triu(1).to(torch.uint8 if VERSION < (1, 2) else torch.bool), float("-inf")
        )
        return torch.softmax(w, -1).contiguous().unsqueeze(0).squeeze(0), torch.where(w > 0, w, -w).chunk(
            2, 1
        )


@case()
def trace_attention():
    x = torch.rand(2, 4, 6)
    return torch.jit.trace(Attention(), x, check_trace=False), [("forward", (x,))]


@torch.jit.script
def helper(x):
    y = x
    for _ in range(2):
        if bool(y.sum() > 10):
            y = y / 2
        else:
            y = y * 3
    return y


class Mixed(nn.Module):
    def __init__(self):
        super(Mixed, self).__init__()
        self.fc = nn.Linear(2, 2)

    def forward(self, x):
        return helper(self.fc(x))


@case()
def trace_that_calls_a_script():
    x = torch.rand(3, 2)
    return torch.jit.trace(Mixed(), x, check_trace=False), [("forward", (x,)), ("forward", (x * 100,))]


@case()
def double_and_half():
    m = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)).double()
    x = torch.rand(3, 2).double()
    return torch.jit.trace(m, x, check_trace=False), [("forward", (x,))]


class Views(nn.Module):
    def __init__(self):
        super(Views, self).__init__()
        big = torch.arange(24.0)
        self.register_buffer("a", big[4:10].view(2, 3))
        self.register_buffer("b", big.view(4, 6).t())
        self.register_buffer("i", torch.arange(4, dtype=torch.int32))
        self.register_buffer("u", torch.arange(4).to(torch.uint8))
        self.register_buffer("h", torch.arange(4.0).half())
        self.register_buffer("e", torch.tensor([]))

    def forward(self, x):
        return self.a + x, self.b * x, self.i + 1, self.u + 1, self.h.float(), self.e


@case()
def buffers_of_many_dtypes_and_views():
    x = torch.rand(1)
    return torch.jit.trace(Views(), x, check_trace=False), [("forward", (x,))]


# ---- torch.jit.script of ordinary modules: since 1.2 ----


class Pair(NamedTuple):
    left: torch.Tensor
    right: int


class Tuples(nn.Module):
    def forward(self, x):
        p = Pair(x + 1, 3)
        return p, p.left * p.right, (x, (x, 2))


@case(since=(1, 2))
def named_tuples():
    return scripted(Tuples()), [("forward", (torch.rand(2),))]


EXPORT = getattr(torch.jit, "export", lambda f: f)


class Exporting(nn.Module):
    def __init__(self):
        super(Exporting, self).__init__()
        self.fc = nn.Linear(2, 2)
        self.rate = 0.5
        self.on = True
        self.dims = [1, 2]

    def helper(self, x, times: int = 2):
        return self.fc(x) * times

    @EXPORT
    def other(self, x, k: float = 1.5):
        return self.helper(x, 3) * k

    def forward(self, x):
        assert x.dim() == 2, "two dimensions"
        if self.on:
            x = self.helper(x) * self.rate
        for d in self.dims:
            x = x + d
        return x


@case(since=(1, 2))
def exported_methods():
    x = torch.rand(2, 2)
    return scripted(Exporting()), [("forward", (x,)), ("other", (x,)), ("other", (x, 2.0))]


if VERSION >= (1, 2):

    @torch.jit.script
    class Accumulator(object):
        def __init__(self, start):
            # type: (int) -> None
            self.total = start

        def add(self, n):
            # type: (int) -> int
            self.total = self.total + n
            return self.total

    class UsesClass(nn.Module):
        def forward(self, x, n: int):
            a = Accumulator(n)
            a.add(2)
            return x + a.total, a.add(3)

    @case(since=(1, 2))
    def classes():
        return scripted(UsesClass()), [("forward", (torch.rand(2), 4))]


if VERSION >= (1, 4):

    @torch.jit.interface
    class Step(nn.Module if VERSION >= (1, 4) else object):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            pass

    class Impl(nn.Module):
        def __init__(self, k):
            super().__init__()
            self.k = nn.Parameter(torch.full((1,), float(k)))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.k

    class UsesInterface(nn.Module):
        step: Step

        def __init__(self):
            super().__init__()
            self.step = Impl(3)

        def forward(self, x):
            return self.step.forward(x)

    @case(since=(1, 4))
    def interfaces():
        return scripted(UsesInterface()), [("forward", (torch.rand(2),))]


class Forks(nn.Module):
    def forward(self, x):
        a = torch.jit._fork(helper, x)
        return torch.jit._wait(a) + x


@case(since=(1, 2))
def forks():
    return scripted(Forks()), [("forward", (torch.rand(2, 2),))]


class EarlyReturns(nn.Module):
    def forward(self, x, n: int):
        for i in range(n):
            if i == 3:
                return x + i
            if i == 1:
                continue
            x = x * 2
        while True:
            n += 1
            if n > 5:
                break
        return x - n


@case(since=(1, 2))
def early_returns():
    x = torch.rand(2)
    return scripted(EarlyReturns()), [("forward", (x, 2)), ("forward", (x, 9))]


class Comprehensions(nn.Module):
    def forward(self, xs: List[torch.Tensor]):
        ys = [x.sum() for x in xs]
        total = 0
        for i, x in enumerate(xs):
            total += i * x.size(0)
        for a, b in zip(xs, ys):
            total += a.dim() + b.dim()
        return torch.stack(ys), total, sorted([3, 1, total])


@case(since=(1, 4))
def comprehensions():
    return scripted(Comprehensions()), [("forward", ([torch.rand(2), torch.rand(3, 1)],))]


class Transformer(nn.Module):
    def __init__(self):
        super(Transformer, self).__init__()
        self.m = nn.TransformerEncoderLayer(8, 2, 16)

    def forward(self, x):
        return self.m(x)


@case(since=(1, 4))
def trace_transformer():
    x = torch.rand(4, 2, 8)
    return torch.jit.trace(Transformer().eval(), x, check_trace=False), [("forward", (x,))]


@case(since=(1, 5))
def script_transformer():
    return scripted(Transformer().eval()), [("forward", (torch.rand(4, 2, 8),))]


@case(since=(1, 5))
def frozen():
    m = Cnn().eval()
    freeze = getattr(torch.jit, "freeze", None)
    s = scripted(m)
    if freeze is not None:
        s = freeze(s)
    else:
        s = torch.jit._recursive.wrap_cpp_module(torch._C._freeze_module(s._c))
    return s, [("forward", (torch.rand(2, 1, 13, 13),))]


@case(since=(1, 9))
def optimised_for_inference():
    return torch.jit.optimize_for_inference(scripted(nn.Sequential(nn.Linear(3, 3), nn.ReLU()).eval())), [
        ("forward", (torch.rand(2, 3),))
    ]


class Quant(nn.Module):
    def __init__(self):
        super(Quant, self).__init__()
        q = torch.quantization
        self.quant = q.QuantStub()
        self.conv = nn.Conv2d(1, 2, 3)
        self.relu = nn.ReLU()
        self.fc = nn.Linear(18, 3)
        self.dequant = q.DeQuantStub()

    def forward(self, x):
        x = self.relu(self.conv(self.quant(x)))
        x = x.reshape(x.size(0), -1)
        return self.dequant(self.fc(x))


def quantised_module():
    q = torch.quantization
    m = Quant().eval()
    torch.backends.quantized.engine = "fbgemm"
    m.qconfig = q.get_default_qconfig("fbgemm")
    q.prepare(m, inplace=True)
    m(torch.rand(8, 1, 5, 5))
    q.convert(m, inplace=True)
    return m


@case(since=(1, 3))
def quantised_script():
    return scripted(quantised_module()), [("forward", (torch.rand(2, 1, 5, 5),))]


@case(since=(1, 3))
def quantised_trace():
    x = torch.rand(2, 1, 5, 5)
    return torch.jit.trace(quantised_module(), x, check_trace=False), [("forward", (x,))]


@case(since=(1, 3))
def quantised_dynamically():
    m = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)).eval()
    m = torch.quantization.quantize_dynamic(m, {nn.Linear}, dtype=torch.qint8)
    return scripted(m), [("forward", (torch.rand(2, 4),))]


@case(since=(1, 3))
def quantised_lstm():
    m = torch.quantization.quantize_dynamic(nn.Sequential(nn.LSTM(4, 4)).eval(), {nn.LSTM}, dtype=torch.qint8)
    return scripted(m), [("forward", (torch.rand(3, 2, 4),))]


@case(since=(1, 8))
def hooked():
    m = Hooked()

    def pre(self, inputs: Tuple[torch.Tensor]) -> Tuple[torch.Tensor]:
        return (inputs[0] * 2,)

    def post(self, inputs: Tuple[torch.Tensor], out: torch.Tensor) -> torch.Tensor:
        return out + inputs[0].sum()

    m.inner.register_forward_pre_hook(pre)
    m.inner.register_forward_hook(post)
    return scripted(m), [("forward", (torch.rand(2, 2),))]


class Inner(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 1


class Hooked(nn.Module):
    def __init__(self):
        super(Hooked, self).__init__()
        self.inner = Inner()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x)


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Enums(nn.Module):
    def forward(self, x, c: Colour):
        if c == Colour.RED:
            x = x + 1
        return x * c.value, c == Colour.BLUE, Colour.RED.name


@case(since=(1, 7))
def enums():
    s = scripted(Enums())
    return s, []


class Formats(nn.Module):
    def forward(self, x: torch.Tensor, k: int):
        print(x.size(0), "rows")
        return f"{k} of {x.dim()}", x.sum(), min(k, 3), max([k, 2]), abs(-k), round(2.5), k**2


@case(since=(1, 6))
def formats():
    return scripted(Formats()), [("forward", (torch.rand(2), 4))]


class ComplexNumbers(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("c", torch.tensor([1 + 2j, 3 - 1j]) if VERSION >= (1, 6) else torch.zeros(1))

    def forward(self, x):
        y = torch.fft.fft(x)
        return torch.view_as_real(y), torch.view_as_real(self.c * 2), self.c.abs()


@case(since=(1, 8))
def complex_numbers():
    return scripted(ComplexNumbers()), [("forward", (torch.rand(4),))]


def inner_module(make):
    return make


class Mobile(nn.Module):
    def __init__(self):
        super(Mobile, self).__init__()
        self.a = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU6())
        self.fc = nn.Linear(36, 2)

    def forward(self, x, n: int = 2):
        y = self.a(x).flatten(1)
        for i in range(n):
            if i % 2 == 0:
                y = y + i
            else:
                y = y * 2
        z = (y.sum() / 2, [y, y][1])
        return self.fc(y), z[0]


@case(since=(1, 6), name="mobile_ptl")
def mobile():
    m = scripted(Mobile().eval())
    m._ending = ".ptl"
    return m, [("forward", (torch.rand(2, 3, 5, 5),))]


class ForMobile(nn.Module):
    def __init__(self):
        super(ForMobile, self).__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.bn = nn.BatchNorm2d(4)
        self.up = nn.ConvTranspose2d(4, 4, 3, stride=2)
        self.grouped = nn.Conv2d(4, 4, 1, groups=2, bias=False)
        self.fc = nn.Linear(4, 5)
        self.out = nn.Linear(5, 2)

    def forward(self, x):
        x = F.relu(self.bn(self.conv(x)))
        x = F.hardtanh(self.up(x), -1.0, 0.5)
        x = F.adaptive_avg_pool2d(self.grouped(x), (1, 1)).flatten(1)
        return self.out(F.relu6(self.fc(x)))


def optimised_for_mobile(ending):
    from torch.utils.mobile_optimizer import optimize_for_mobile

    m = optimize_for_mobile(scripted(ForMobile().eval()))
    m._ending = ending
    return m, [("forward", (torch.rand(2, 3, 5, 5),))]


# Later releases for servers are without XNNPACK, which this needs.
@case(since=(1, 6), until=(1, 13))
def for_mobile():
    return optimised_for_mobile(".pt")


@case(since=(1, 6), until=(1, 13), name="for_mobile_ptl")
def for_mobile_lite():
    return optimised_for_mobile(".ptl")


@case(since=(1, 12), until=(1, 13), name="for_mobile_ff")
def for_mobile_flatbuffer():
    return optimised_for_mobile(".ff")


@case(since=(1, 12), name="mobile_ff")
def mobile_flatbuffer():
    m, calls = mobile()
    m._ending = ".ff"
    return m, calls


def encode(v):
    if isinstance(v, torch.Tensor):
        v = v.detach()
        dtype = str(v.dtype)[6:]
        if v.dtype in (torch.float16,) or dtype == "bfloat16":
            flat = v.float()
        else:
            flat = v
        return {"tensor": dtype, "shape": list(v.shape), "data": flat.contiguous().view(-1).tolist()}
    if isinstance(v, bool) or v is None or isinstance(v, (int, float, str)):
        return {"value": v}
    if isinstance(v, tuple):
        return {"tuple": [encode(i) for i in v]}
    if isinstance(v, list):
        return {"list": [encode(i) for i in v]}
    if isinstance(v, dict):
        return {"dict": [[encode(k), encode(i)] for k, i in v.items()]}
    return {"other": str(type(v))}


def main(out):
    os.makedirs(out, exist_ok=True)
    for name, make in CASES:
        torch.manual_seed(len(name))
        try:
            module, calls = make()
            ending = getattr(module, "_ending", ".pt")
            path = os.path.join(out, name.replace("_ptl", "").replace("_ff", "") + ending)
            if ending == ".ptl":
                module._save_for_lite_interpreter(path)
            elif ending == ".ff":
                torch.jit.save_jit_module_to_flatbuffer(module, path)
            else:
                torch.jit.save(module, path)
            if ending != ".ff":
                module = torch.jit.load(path)
            state = {k: list(v.shape) for k, v in module.state_dict().items() if isinstance(v, torch.Tensor)}
            modes = {k: bool(v.training) for k, v in module.named_modules() if hasattr(v, "training")}
            results = []
            for method, args in calls:
                torch.manual_seed(0)
                before = encode(tuple(args))
                try:
                    with torch.no_grad():
                        result = getattr(module, method)(*args)
                except Exception as error:
                    results.append(
                        {
                            "method": method,
                            "inputs": before,
                            "raises": str(error).strip().split("\n")[-1][:200],
                        }
                    )
                    continue
                results.append({"method": method, "inputs": before, "output": encode(result)})
        except Exception as error:
            print("SKIP", name, type(error).__name__, str(error).strip().replace("\n", " | ")[:200])
            for ending in (".pt", ".ptl", ".ff"):
                if os.path.exists(os.path.join(out, name + ending)):
                    os.remove(os.path.join(out, name + ending))
            continue
        with open(path + ".json", "w") as f:
            json.dump({"torch": torch.__version__, "calls": results, "state": state, "modes": modes}, f)
    print(torch.__version__, len(os.listdir(out)) // 2, "cases")


if __name__ == "__main__":
    main(sys.argv[1])

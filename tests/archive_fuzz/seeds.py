"""The whole archives that damage is done to: small, and between them everything that an archive can hold."""

from __future__ import annotations

import functools
import io
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch
from archive_read.conftest import Call, Name, Object, archive, floats, module, saved, scripted, traced
from archive_read.programs import PROGRAMS, Traceable
from archive_read.test_flatbuffers import flatbuffer_of
from archive_read.test_legacy import written_by_1_0, written_by_1_2

import torchscript as jit
from torchscript.archive.mobile import is_flatbuffer
from torchscript.archive.writer import save_to_buffer

RELEASES = Path(__file__).parents[1] / "archive_releases" / "archives.tar.xz"


class Remembers(torch.nn.Module):
    """Has its own pickling, which is code that runs while an archive is loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.words = ["a", "b"]
        self.table = {"a": 1}

    @torch.jit.export
    def __getstate__(self):
        return (self.words, [len(w) for w in self.words], self.training)

    @torch.jit.export
    def __setstate__(self, state: tuple[list[str], list[int], bool]):
        words, counts, training = state
        self.words = words
        self.table = {word: count for word, count in zip(words, counts)}
        self.training = training

    def forward(self, x):
        return x * self.table["a"]


def quantised() -> bytes:
    torch.backends.quantized.engine = "fbgemm"
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), torch.nn.Linear(2, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dynamic = torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)
    return saved(scripted(dynamic))


def odd_tensors() -> bytes:
    """Views of one storage, sparse, quantised, complex, half, and empty tensors."""

    class Holder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            base = torch.arange(12.0)
            self.view, self.turned = base[2:8].view(2, 3), base.view(3, 4).t()
            self.sparse = torch.eye(2).to_sparse()
            self.quantised = torch.quantize_per_tensor(torch.rand(3), 0.1, 2, torch.quint8)
            self.channels = torch.quantize_per_channel(
                torch.rand(2, 2), torch.tensor([0.1, 0.2]), torch.tensor([0, 1]), 0, torch.qint8
            )
            self.conjugate = torch.tensor([1 + 2j]).conj()
            self.half, self.none = torch.ones(2, dtype=torch.bfloat16), torch.empty(0, 3)

        def forward(self, x):
            return x + self.view + self.half.sum()

    return saved(scripted(Holder()))


def handmade() -> bytes:
    """The forms of old archives: free functions, constants, views, augmented assignment, all stored."""
    code = """
class M(Module):
  __parameters__ = ["weight", ]
  weight : Tensor
  training : bool
  def forward(self: __torch__.M, x: Tensor) -> Tensor:
    y = torch.add(torch.mul(x, CONSTANTS.c0), self.weight)
    y += 1
    n = 0
    while torch.lt(n, 3):
      n = torch.add(n, 1)
    return __torch__.helper(y, n)
def helper(x: Tensor, n: int=2) -> Tensor:
  return torch.div(x, n)
"""
    root = Object("__torch__.M", {"weight": floats("0", (2,), (1,)), "training": True})
    constant = floats("0", (2, 2), (2, 1))
    data = bytes(range(16))
    return archive(
        code,
        root,
        version=2,
        constants=(constant, 3, "text"),
        records={"data/0": data, "constants/0": data},
        compression=zipfile.ZIP_STORED,
    )


def old_layout() -> bytes:
    """An archive of ours, whose layout is ours."""
    return save_to_buffer(jit.script(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU())))


def shared_and_typed() -> bytes:
    names = Call(Name("torch.jit._pickle", "build_intlist"), ([1, 2],))
    tagged = Call(Name("torch.jit._pickle", "restore_type_tag"), ({"a": [1]}, "Dict[str, List[int]]"))
    state = {"numbers": names, "table": tagged, "pair": ("x", 1.5), "training": True}
    attributes = "  numbers : List[int]\n  table : Dict[str, List[int]]\n  pair : Tuple[str, float]\n"
    return module(
        "def forward(x: Tensor) -> Tensor:\n  return torch.mul(x, (self.numbers)[0])\n",
        attributes=attributes,
        root=Object("__torch__.M", state),
    )


def legacy(proto: int) -> Callable[[], bytes]:
    """An archive of PyTorch 1.0 (1) or 1.2 (5)."""
    return written_by_1_0 if proto == 1 else lambda: written_by_1_2(proto)[0]


def byte_code(name: str) -> Callable[[], bytes]:
    """A module for the mobile interpreter, without the source that PyTorch writes beside its byte code."""

    def make() -> bytes:
        lite = bytes(scripted(PROGRAMS[name][0]())._save_to_buffer_for_lite_interpreter())
        return without_records(lite, lambda record: "/code/" in record)

    return make


def flatbuffer(name: str, *, source: bool) -> Callable[[], bytes]:
    """A module in the other format of the mobile interpreter, with its source or as byte code alone."""

    def make() -> bytes:
        script = scripted(PROGRAMS[name][0]() if name in PROGRAMS else Remembers())
        return flatbuffer_of(script, source=source)

    return make


def released(name: str) -> Callable[[], bytes]:
    """An archive that an old PyTorch wrote: "1.4.0/script_net.pt"."""

    def make() -> bytes:
        with tarfile.open(RELEASES) as tar:
            member = tar.extractfile(f"./{name}")
            assert member is not None
            return member.read()

    return make


SEEDS: dict[str, Callable[[], bytes]] = {
    **{f"program: {name}": lambda make=make: saved(scripted(make())) for name, (make, _) in PROGRAMS.items()},
    "traced": lambda: saved(traced(Traceable(), torch.rand(4, 4), torch.rand(4, 4))),
    "own pickling": lambda: saved(scripted(Remembers())),
    "quantised": quantised,
    "odd tensors": odd_tensors,
    "by hand": handmade,
    "typed values": shared_and_typed,
    "written by us": old_layout,
    "PyTorch 1.0": legacy(1),
    "PyTorch 1.2": legacy(5),
    **{f"byte code: {name}": byte_code(name) for name in ("control flow", "containers", "lstm loop")},
    **{f"flatbuffer: {name}": flatbuffer(name, source=True) for name in ("control flow", "containers")},
    **{
        f"flatbuffer without source: {name}": flatbuffer(name, source=False)
        for name in ("control flow", "lstm loop", "own pickling")
    },
    **{
        name: released(name)
        for name in (
            "1.0.1/script_flow.pt",
            "1.1.0/script_flow.pt",
            "1.2.0/classes.pt",
            "1.3.1/quantised_script.pt",
            "1.4.0/classes.pt",
            "1.4.0/quantised_lstm.pt",
            "1.5.1/early_returns.pt",
            "1.12.1/for_mobile.pt",
        )
    },
}


@functools.cache
def seeds() -> dict[str, bytes]:
    """Every seed, without its debug records, which nothing that is tested here reads."""
    torch.manual_seed(0)
    made = {name: make() for name, make in SEEDS.items()}
    return {name: data if is_flatbuffer(data) else without_debug_records(data) for name, data in made.items()}


def without_debug_records(data: bytes) -> bytes:
    return without_records(data, lambda record: record.endswith(".debug_pkl"))


def without_records(data: bytes, drops: Callable[[str], bool]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for entry in old.infolist():
            if not drops(entry.filename):
                new.writestr(entry.filename, old.read(entry), entry.compress_type)
    return buffer.getvalue()

"""Modules for PyTorch's mobile interpreter in files of the FlatBuffer format, and what only byte code leaves out.

Expected results are those of the module before it was saved; `write_archives.py` has the modules.
"""

import copy
import enum
import io
import struct
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import pytest
import torch
from torch import Tensor, nn

import torchscript as jit

from .mobile_archives import without_source

sys.path.insert(0, str(Path(__file__).parents[1] / "archive_releases"))
import write_archives

pytestmark = pytest.mark.filterwarnings("ignore")

# What PyTorch itself cannot write for its mobile interpreter: the cases, and a part of what it says.
UNWRITABLE = {
    "flatbuffer": {"named_tuples": "not supported", "classes": "not supported", "forks": "FORK is not"},
    "byte code": {"classes": "not supported", "forks": "FORK is not"},
}


def flatbuffer_of(script: Any, *, source: bool = True, extra: dict[str, str] | None = None) -> bytes:
    """The file that PyTorch writes. Without source, it is byte code that goes through its mobile interpreter."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/module.ff"
        torch.jit.save_jit_module_to_flatbuffer(script, path, _extra_files=extra)
        if not source:
            mobile = torch._C._load_mobile_module_from_file(path)
            torch._C._save_mobile_module(mobile, path, extra or {})
        return Path(path).read_bytes()


def byte_code_of(script: Any) -> bytes:
    return without_source(bytes(script._save_to_buffer_for_lite_interpreter()))


WAYS = {
    "flatbuffer": flatbuffer_of,
    "flatbuffer without source": lambda script: flatbuffer_of(script, source=False),
    "byte code": byte_code_of,
}


def assert_same(actual: Any, expected: Any, of: str = "") -> None:
    if isinstance(expected, tuple | list):
        assert len(actual) == len(expected), of
        for one, other in zip(actual, expected):
            assert_same(one, other, of)
    elif isinstance(expected, Tensor):
        torch.testing.assert_close(actual, expected, equal_nan=True, msg=lambda message: f"{of}: {message}")
    else:
        assert actual == expected, of


RAISES = "raises"


def outcome_of(module: Any, method: str, arguments: Any) -> Any:
    torch.manual_seed(0)
    try:
        with torch.no_grad():
            return getattr(module, method)(*copy.deepcopy(arguments))
    except Exception:
        return RAISES


@pytest.fixture(scope="module")
def modules() -> list[tuple[str, Any, Any]]:
    """Names, modules and calls. torch.jit compiles some of them only once in a process."""
    made = []
    for name, make in write_archives.CASES:
        torch.manual_seed(0)
        made.append((name, *make()))
    return made


@pytest.mark.parametrize("way", WAYS)
def test_modules_of_all_kinds(modules: list[tuple[str, Any, Any]], way: str) -> None:
    refused: dict[str, str] = {}
    compared = 0
    for name, module, calls in modules:
        buffer = io.BytesIO()
        torch.jit.save(module, buffer)
        try:
            data = WAYS[way](module)
        except RuntimeError as error:
            refused[name] = str(error)
            continue
        loaded = jit.load(data)
        whole = torch.jit.load(io.BytesIO(buffer.getvalue()))
        for method, arguments in calls:
            expected = outcome_of(whole, method, arguments)
            if expected is not RAISES:
                assert_same(outcome_of(loaded, method, arguments), expected, f"{name}.{method}")
                compared += 1
    known = UNWRITABLE[way.removesuffix(" without source")]
    if way == "flatbuffer without source":
        known = known | {"enums": "Enum with type"}  # which it writes, and does not read again
    assert refused.keys() == known.keys()
    assert all(known[name] in refused[name] for name in known)
    assert compared > 60


class Flow(nn.Module):
    numbers: List[int]
    names: Dict[str, List[int]]
    seen: Optional[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 4)
        self.tied = self.fc.weight
        self.numbers, self.names, self.seen = [], {}, None

    def forward(self, x: Tensor, n: int = 2) -> Tuple[Tensor, List[int], Dict[str, List[int]]]:
        y = self.fc(x)
        seen = self.seen
        if seen is not None:
            y = y + seen
        for i in range(n):
            y = nn.functional.gelu(y) * 2 if y.sum() > 0 else y.div(3)
        self.seen = y.detach()
        self.numbers.append(n)
        self.names["k"] = [n, len(self.numbers)]
        return y, self.numbers, self.names


@pytest.mark.parametrize("way", WAYS)
def test_attributes_that_are_empty_when_saved(way: str) -> None:
    """Empty lists and dicts keep their types, and None becomes a tensor where a method assigns one."""
    module, x = Flow(), torch.rand(2, 3)
    data = WAYS[way](torch.jit.script(module))
    loaded = jit.load(data)
    for _ in range(2):
        assert_same(loaded(x), module(x))
    again = torch.jit.load(io.BytesIO(jit.load(data).save_to_buffer()))
    assert_same(again(x)[1:], ([2], {"k": [2, 1]}))
    assert loaded.tied is loaded.fc.weight


@pytest.mark.parametrize("source", [True, False], ids=["source", "byte code"])
def test_extra_files_devices_and_training(source: bool, tmp_path: Path) -> None:
    path = tmp_path / "module.ff"
    data = flatbuffer_of(torch.jit.script(nn.Linear(3, 2)), source=source, extra={"note.txt": "hello"})
    path.write_bytes(data)
    extra = {"note.txt": "", "other": None}
    loaded = jit.load(path, map_location=torch.device("cpu"), _extra_files=extra)
    assert extra == {"note.txt": b"hello", "other": b""}
    optimizer = torch.optim.SGD(loaded.parameters(), 0.1)
    before = loaded.weight.detach().clone()
    loaded(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    torch.testing.assert_close(loaded.weight.detach(), before - 0.1)
    assert path.read_bytes() == data and jit.load(path).weight.equal(before)
    assert jit.load(path, map_location="meta").weight.is_meta


class Shade(enum.Enum):
    LIGHT = 1
    DARK = 2


class Shades(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.shade = Shade.DARK

    def forward(self, x: Tensor) -> Tensor:
        if self.shade == Shade.LIGHT:
            return x
        return x * self.shade.value


class Named(Shades):
    def forward(self, x: Tensor) -> str:
        return self.shade.name


def test_enums_of_byte_code() -> None:
    """Their members are known by value alone, so a member is named after its place."""
    x = torch.ones(2)
    loaded = jit.load(byte_code_of(torch.jit.script(Shades())))
    torch.testing.assert_close(loaded(x), x * 2)
    assert loaded.shade.value == 2
    torch.testing.assert_close(torch.jit.load(io.BytesIO(loaded.save_to_buffer()))(x), x * 2)
    with pytest.raises(jit.ArchiveError, match="the name of an enum's member, which byte code does not hold"):
        jit.load(byte_code_of(torch.jit.script(Named())))


class Counts(nn.Module):
    """An object that its `__setstate__` makes, of attributes that byte code knows by number."""

    def __init__(self) -> None:
        super().__init__()
        self.words = ["a", "b"]
        self.total = torch.ones(2)
        self.scale = 1.5

    @torch.jit.export
    def __getstate__(self) -> Tuple[List[str], Tensor, float, bool]:
        return self.words, self.total, self.scale, self.training

    @torch.jit.export
    def __setstate__(self, state: Tuple[List[str], Tensor, float, bool]) -> None:
        self.words = state[0]
        self.scale = state[2] if len(state[0]) > 5 else state[2] * 2
        self.total = state[1] * self.scale
        self.training = state[3]

    def forward(self, x: Tensor) -> Tensor:
        return x * len(self.words) + self.total * self.scale


@pytest.mark.parametrize("way", WAYS)
def test_objects_that_setstate_makes(way: str) -> None:
    x = torch.ones(2)
    loaded = jit.load(WAYS[way](torch.jit.script(nn.Sequential(Counts(), nn.ReLU()))))
    # a flatbuffer without source went through another load and save, each of which calls __setstate__
    scale, total = (6.0, 18.0) if way == "flatbuffer without source" else (3.0, 3.0)
    torch.testing.assert_close(loaded(x), x * 2 + total * scale)
    buffer = loaded.save_to_buffer()
    torch.testing.assert_close(torch.jit.load(io.BytesIO(buffer))(x), jit.load(buffer)(x))


def test_the_info_of_a_flatbuffer() -> None:
    from torchscript.archive.reader import read_archive

    archive = read_archive(flatbuffer_of(torch.jit.script(nn.Linear(3, 2))))
    assert archive.producer == "PyTorch 1.12 or later, for its mobile interpreter"
    assert all(archive.container.check(name) for name in archive.container.names())


# -- damage --------------------------------------------------------------------------------------------------


def field_of_root(data: bytes, field: int) -> int:
    """Where a field of the top table is in the file."""
    (root,) = struct.unpack_from("<I", data, 0)
    (back,) = struct.unpack_from("<i", data, root)
    (offset,) = struct.unpack_from("<H", data, root - back + 4 + 2 * field)
    return root + offset


def with_word(data: bytes, at: int, word: int) -> bytes:
    return data[:at] + struct.pack("<I", word) + data[at + 4 :]


@pytest.fixture(scope="module")
def bare() -> bytes:
    return flatbuffer_of(torch.jit.script(nn.Sequential(nn.Linear(3, 2), nn.ReLU())), source=False)


@pytest.mark.parametrize(
    "change, problem",
    [
        (lambda data: data[:10], "is damaged: points to byte"),
        (lambda data: with_word(data, 0, 0xFFFFFFF0), "is damaged: points to byte 4294967280 of"),
        (lambda data: with_word(data, field_of_root(data, 3), 0), "its top value is no object"),
        (lambda data: with_word(data, field_of_root(data, 3), 9999), "names value 9999, where"),
        (lambda data: with_word(data, field_of_root(data, 4), 0x7FFFFFFF), "points to byte"),
        (lambda data: with_word(data, field_of_root(data, 6), 0x7FFFFFFF), "is damaged: points to byte"),
        (
            lambda data: data.replace(b"aten::linear", b"aten::lineal"),
            "'aten::lineal', which this PyTorch does not have",
        ),
        (lambda data: data.replace(b"__torch__.torch.nn", b"__porch__.torch.nn"), "is no name of a class"),
    ],
)
def test_damaged_flatbuffers(bare: bytes, change: Any, problem: str) -> None:
    with pytest.raises(jit.ArchiveError, match=problem):
        jit.load(change(bare))


def test_every_word_may_be_wrong(bare: bytes) -> None:
    outcomes = set()
    for at in range(0, len(bare) - 4, 12):
        for word in (0, 0xFFFFFFFF, 0x10):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    jit.load(with_word(bare, at, word))
                outcomes.add("loaded")
            except jit.ArchiveError:
                outcomes.add("refused")
    assert outcomes == {"loaded", "refused"}

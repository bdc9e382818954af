"""Opening archives: where they come from, and what else people try to open."""

import io
import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from torchscript.archive import container as container_module
from torchscript.archive.container import open_container
from torchscript.archive.reader import read_archive
from torchscript.errors import ArchiveError

from .conftest import archive, module, pickled, saved, scripted, zipped

SIMPLE = module("def forward(x: Tensor) -> Tensor:\n  return torch.relu(x)\n")


def test_path_bytes_and_file_objects(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    path.write_bytes(SIMPLE)
    buffer = io.BytesIO(b"before" + SIMPLE)
    buffer.seek(6)
    with path.open("rb") as file:
        for source in (path, str(path), SIMPLE, buffer, file):
            assert read_archive(source).root_class.qualified_name == "__torch__.M"


def test_large_files_are_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container_module, "MAPPING_THRESHOLD", 0)
    path = tmp_path / "m.pt"
    linear = torch.nn.Linear(3, 4)
    path.write_bytes(saved(scripted(linear)))
    before = path.read_bytes()
    read = read_archive(path)
    assert not isinstance(read.container.buffer, bytearray)
    weight = read.root.state["weight"]
    assert torch.equal(weight, linear.weight)
    with torch.no_grad():
        weight.zero_()  # in memory, and not in the file
    assert path.read_bytes() == before


def test_extra_files() -> None:
    data = saved(scripted(torch.nn.Linear(1, 1)), _extra_files={"notes/a.txt": "hé"})
    wanted: dict[str, Any] = {"notes/a.txt": "", "other": "not there"}
    theirs = dict(wanted)
    read = read_archive(data, extra_files=wanted)
    torch.jit.load(io.BytesIO(data), _extra_files=theirs)
    assert wanted == theirs == {"notes/a.txt": "hé".encode(), "other": b""}
    assert read.extra_files() == {"notes/a.txt": "hé".encode()}


def test_a_missing_file_is_both_errors(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"no file .*nothing.pt") as raised:
        read_archive(tmp_path / "nothing.pt")
    assert isinstance(raised.value, FileNotFoundError)
    with pytest.raises(ArchiveError, match="is a directory"):
        read_archive(tmp_path)


def checkpoint(**options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save({"w": torch.ones(1)}, buffer, **options)
    return buffer.getvalue()


def exported() -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(torch.export.export(torch.nn.Linear(1, 1), (torch.ones(1, 1),)), buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data, message",
    [
        pytest.param(lambda: b"", "is empty", id="empty"),
        pytest.param(lambda: b"hello", "not a zip file", id="text"),
        pytest.param(lambda: pickle.dumps(1), "is a pickle", id="pickle"),
        pytest.param(checkpoint, "torch.load", id="checkpoint"),
        pytest.param(
            lambda: checkpoint(_use_new_zipfile_serialization=False), "torch.load", id="old checkpoint"
        ),
        pytest.param(exported, "torch.export.load", id="exported program"),
        pytest.param(lambda: zipped({"a": b""}), "without the record 'data.pkl'", id="other zip"),
        pytest.param(lambda: archive("", version=11), "newer PyTorch", id="newer version"),
        pytest.param(lambda: archive("", records={"version": b"x"}), "no version", id="no version"),
        pytest.param(
            lambda: zipped(
                {"data.pkl": b"\x80\x02c__torch__\nM\n)\x81}b.", "bytecode.pkl": b"", "version": b"3"}
            ),
            "record 'bytecode.pkl': is cut off",
            id="mobile",
        ),
        pytest.param(lambda: SIMPLE[:-30], "cut off|damaged", id="cut off"),
        pytest.param(lambda: SIMPLE[: len(SIMPLE) // 2], "cut off", id="cut in half"),
    ],
)
def test_other_files_are_refused_by_what_they_are(data: Any, message: str) -> None:
    with pytest.raises(ArchiveError, match=message):
        read_archive(data())


def test_damaged_records_are_named() -> None:
    data = bytearray(archive("", compression=zipfile.ZIP_STORED, records={"extra/x": b"12345678"}))
    data[data.index(b"12345678")] ^= 1
    with pytest.raises(ArchiveError, match=r"record 'extra/x': is damaged"):
        read_archive(bytes(data)).extra_files()


def test_zip_bombs_are_refused() -> None:
    container = open_container(zipped({"a": b"\0" * 100_000, "b": bytes(range(250)) * 4}))
    container.records["a"].size = 1 << 40
    with pytest.raises(ArchiveError, match="claims to inflate"):
        container.read("a")
    container.records["b"].size -= 1
    with pytest.raises(ArchiveError, match="another size"):
        container.read("b")


def test_names_stay_inside_the_archive() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("archive/data.pkl", pickled(1))
        file.writestr("../evil", b"")
    with pytest.raises(ArchiveError, match="not in the folder"):
        read_archive(buffer.getvalue())


def test_two_records_of_one_name() -> None:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as file:
        warnings.simplefilter("ignore")
        file.writestr("archive/data.pkl", b"1")
        file.writestr("archive/data.pkl", b"2")
    with pytest.raises(ArchiveError, match=r"two records 'data.pkl'"):
        read_archive(buffer.getvalue())

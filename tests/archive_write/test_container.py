"""The file: its layout, that the same module gives the same bytes, and that nothing half-written is left."""

import io
import os
import stat
import struct
import sys
import zipfile
from pathlib import Path

import pytest
import torch

import torchscript as jit
from torchscript import types as T
from torchscript.archive import container_writer, progress
from torchscript.archive.container import open_container
from torchscript.archive.container_writer import ContainerWriter
from torchscript.archive.writer import save, save_to_buffer

from .support import holder, records, stock_load


def module():
    weights = {f"w{i}": (torch.arange(float(i * 7 + 1)), T.TENSOR) for i in range(5)}
    return holder(**weights, note=("n", T.STRING))


def data_offsets(data):
    """Where the data of every record begin, by its name."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            name, extra = struct.unpack_from("<2H", data, info.header_offset + 26)
            yield info.filename, info.header_offset + 30 + name + extra


def test_records_are_stored_and_aligned():
    data = save_to_buffer(module(), extra_files={"notes/a.txt": "x"})
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert {i.compress_type for i in archive.infolist()} == {zipfile.ZIP_STORED}
        assert {i.date_time for i in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert [name for name, offset in data_offsets(data) if offset % 64] == []
    names = set(records(data))
    assert {"data.pkl", "constants.pkl", "version", "byteorder", "data/0", "extra/notes/a.txt"} <= names
    assert records(data)["byteorder"] == sys.byteorder.encode()


def test_the_same_module_gives_the_same_bytes(tmp_path):
    save(module(), tmp_path / "any name.pt")
    assert (tmp_path / "any name.pt").read_bytes() == save_to_buffer(module()) == save_to_buffer(module())


def test_the_same_bytes_in_another_process(run_program, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import hashlib, torch, torchscript as jit\n"
        "from torchscript.archive.writer import save_to_buffer\n"
        "def f(x, n: int):\n"
        "    words = {'a': 1, 'b': 2}\n"
        "    for i in range(n):\n"
        "        x = x + words['a'] if i else x\n"
        "    return x\n"
        "print(hashlib.sha256(save_to_buffer(jit.script(f))).hexdigest())\n"
    )
    runs = [run_program(program, PYTHONHASHSEED=seed) for seed in ("1", "2")]
    assert [run.returncode for run in runs] == [0, 0], runs[0].stderr
    assert runs[0].stdout == runs[1].stdout


class Unseekable(io.RawIOBase):
    """A pipe: takes a few bytes at a time."""

    def __init__(self):
        self.data = bytearray()

    def writable(self):
        return True

    def write(self, data):
        piece = bytes(data[:1000])
        self.data += piece
        return len(piece)


class Minimal:
    def __init__(self):
        self.data = bytearray()

    def write(self, data):
        self.data += data


@pytest.mark.parametrize("kind", [Unseekable, Minimal])
def test_file_objects(kind):
    file = kind()
    save(module(), file)
    assert bytes(file.data) == save_to_buffer(module())


@pytest.mark.parametrize("kind", [str, Path])
def test_paths(tmp_path, kind):
    path = tmp_path / "my model.v1.pt"
    save(module(), kind(path))
    with zipfile.ZipFile(path) as archive:
        assert "archive/data.pkl" in archive.namelist()  # whatever the file is called
    assert torch.jit.load(str(path)).get_note() == "n"


def test_extra_files_are_read_by_stock(tmp_path):
    path = tmp_path / "a.pt"
    save(module(), path, extra_files={"labels": "a\nb", "blob": b"\0\1"})
    extra = {"labels": "", "blob": ""}
    torch.jit.load(str(path), _extra_files=extra)
    assert extra == {"labels": b"a\nb", "blob": b"\0\1"}


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../up", "a/../../b", 3])
def test_names_of_extra_files(name):
    with pytest.raises(jit.ArchiveError, match="no name for an extra file"):
        save_to_buffer(module(), extra_files={name: "x"})


def test_the_debug_information_of_stock_is_there():
    assert "code/__torch__/holding.py.debug_pkl" in records(save_to_buffer(module()))


# --- Failing -----------------------------------------------------------------------------------------


class DiskFull(Exception):
    pass


@pytest.fixture
def disk_full(monkeypatch):
    """Storages cannot be written."""

    def fail(self, record, storage):
        raise DiskFull

    monkeypatch.setattr(ContainerWriter, "add_storage", fail)


def test_a_failure_leaves_the_old_file_whole(tmp_path, disk_full):
    path = tmp_path / "m.pt"
    path.write_bytes(b"old")
    with pytest.raises(DiskFull):
        save(module(), path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["m.pt"]


def test_a_failure_leaves_no_new_file(tmp_path, disk_full):
    with pytest.raises(DiskFull):
        save(module(), tmp_path / "m.pt")
    assert os.listdir(tmp_path) == []


def test_a_full_disk_is_an_archive_error(tmp_path, monkeypatch):
    def fail(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(container_writer.os, "fsync", fail)
    with pytest.raises(jit.ArchiveError, match="No space left"):
        save(module(), tmp_path / "m.pt")
    assert os.listdir(tmp_path) == []


def test_no_directory(tmp_path):
    with pytest.raises(jit.ArchiveError, match="there is no directory"):
        save(module(), tmp_path / "missing" / "m.pt")


def test_a_directory(tmp_path):
    with pytest.raises(jit.ArchiveError, match="it is a directory"):
        save(module(), tmp_path)


def test_no_file_object():
    with pytest.raises(jit.ArchiveError, match="give a path or a binary file object"):
        save(module(), 3)
    with pytest.raises(jit.ArchiveError, match="takes text: open it as 'wb'"):
        save(module(), io.StringIO())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_is_write_protected(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(jit.ArchiveError, match="Permission denied"):
        save(module(), tmp_path / "m.pt")


def test_a_link_is_followed_and_permissions_stay(tmp_path):
    target, link = tmp_path / "target.pt", tmp_path / "link.pt"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link.symlink_to(target)
    save(module(), link)
    assert link.is_symlink() and stat.S_IMODE(target.stat().st_mode) == 0o640
    assert torch.jit.load(str(link)).get_note() == "n"


def test_a_new_file_has_the_usual_permissions(tmp_path):
    (tmp_path / "plain").touch()
    save(module(), tmp_path / "m.pt")
    assert (tmp_path / "m.pt").stat().st_mode == (tmp_path / "plain").stat().st_mode


# --- Size --------------------------------------------------------------------------------------------


class Counting:
    """Keeps the ends of what it is given, and counts the rest."""

    def __init__(self):
        self.size = 0

    def write(self, data):
        self.size += len(data)
        return len(data)


def test_weights_are_not_copied():
    import resource

    tensor = torch.empty(300 << 20, dtype=torch.uint8)
    tensor.fill_(1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    file = Counting()
    save(holder(w=(tensor, T.TENSOR)), file)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert file.size > 300 << 20
    assert after - before < 100 << 10  # KiB


def test_records_beyond_4_gib(monkeypatch, tmp_path):
    monkeypatch.setattr(container_writer, "_WIDE", 100)  # nobody writes 4 GB in a test
    path = tmp_path / "m.pt"
    save(module(), path)
    data = path.read_bytes()
    assert [name for name, offset in data_offsets(data) if offset % 64] == []
    monkeypatch.undo()
    loaded = stock_load(data)
    assert torch.equal(loaded.get_w4(), torch.arange(29.0))
    assert jit.load(io.BytesIO(data)).w4.tolist() == loaded.get_w4().tolist()


def test_sizes_and_offsets_of_more_than_32_bits(monkeypatch):
    monkeypatch.setattr(container_writer, "_WIDE", 100)  # nobody writes 4 GB in a test
    buffer = io.BytesIO()
    writer = container_writer.ContainerWriter(buffer, "wide")
    records = {"a": b"x" * 50, "b/ü": bytes(range(200)), "empty": b"", "c": b"z" * 100}
    for name, data in records.items():
        writer.add(name, data)
    writer.close()
    with zipfile.ZipFile(buffer) as archive:
        assert {name: archive.read(f"wide/{name}") for name in records} == records
    container = open_container(buffer.getvalue())
    assert {name: container.read(name) for name in records} == records


def test_more_records_than_16_bits_count():
    buffer = io.BytesIO()
    writer = container_writer.ContainerWriter(buffer, "many")
    for number in range(66_000):
        writer.add(str(number), b"%d" % number)
    writer.close()
    container = open_container(buffer.getvalue())
    assert container.read("65999") == b"65999"
    assert len(zipfile.ZipFile(buffer).namelist()) == len(list(container.names())) == 66_001


def test_archives_say_who_wrote_them_and_differ_by_their_serialization_id(tmp_path):
    def records(weight):
        module = torch.nn.Linear(2, 2)
        torch.nn.init.constant_(module.weight, weight)
        torch.nn.init.zeros_(module.bias)
        reader = torch._C.PyTorchFileReader(io.BytesIO(jit.script(module).save_to_buffer()))
        return reader.get_record(".data/producer"), reader.get_record(".data/serialization_id")

    (producer, one), (_, same), (_, other) = records(1.0), records(1.0), records(2.0)
    assert producer.startswith(b"torchscript")
    assert one == same != other and len(one) == 40 and one.isdigit()


def test_a_bar_is_drawn_only_for_large_modules_on_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    def drawn(total, stream):
        monkeypatch.setattr("sys.stderr", stream)
        with progress.progress("saving big", total) as written:
            for _ in range(4):
                written(total // 4)
        return stream.getvalue()

    assert "saving big" in drawn(progress.THRESHOLD, Terminal())
    assert drawn(progress.THRESHOLD - 1, Terminal()) == ""
    assert drawn(progress.THRESHOLD, io.StringIO()) == ""

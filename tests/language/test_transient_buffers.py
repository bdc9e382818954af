"""Buffers with `persistent=False` are in no `state_dict`: compiled, copied, pickled, saved and loaded."""

import copy
import io
import pickle

import pytest
import torch
from torch import nn

import torchscript as jit


class Rope(nn.Module):
    def __init__(self, persistent=False):
        super().__init__()
        self.register_buffer("freqs", torch.rand(2), persistent=persistent)
        self.register_buffer("scale", torch.rand(2))

    def forward(self, x):
        return x * self.freqs + self.scale


class Both(nn.Module):
    """Two modules of one class that differ in nothing but that."""

    def __init__(self):
        super().__init__()
        self.kept = Rope(persistent=True)
        self.left_out = Rope()
        self.weight = nn.Parameter(torch.rand(2))

    def forward(self, x):
        return self.kept(x) + self.left_out(x) * self.weight


def through_archive(module):
    archive = io.BytesIO()
    jit.save(module, archive)
    archive.seek(0)
    return jit.load(archive)


def through_torch_save(module):
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize(
    "way",
    [
        lambda m: m,
        copy.deepcopy,
        lambda m: pickle.loads(pickle.dumps(m)),
        through_torch_save,
        through_archive,
        lambda m: through_archive(through_archive(m)),
        lambda m: through_archive(jit.trace(Both(), torch.rand(2))),
    ],
    ids=["compiled", "copied", "pickled", "torch.save", "archive", "archive of an archive", "traced"],
)
def test_state_dict(way):
    module = Both()
    found = way(jit.script(module))
    assert list(found.state_dict()) == list(module.state_dict())
    assert [n for n, _ in found.named_buffers()] == [n for n, _ in module.named_buffers()]
    found.load_state_dict(module.state_dict())


def test_stock_reads_all_of_them(assert_everywhere):
    module = Both()
    archive = io.BytesIO()
    jit.save(assert_everywhere(module, torch.rand(2)), archive)
    archive.seek(0)
    assert [n for n, _ in torch.jit.load(archive).named_buffers()] == [n for n, _ in module.named_buffers()]


def test_an_archive_whose_record_is_nonsense_is_read():
    import zipfile

    archive, changed = io.BytesIO(), io.BytesIO()
    jit.save(jit.script(Both()), archive)
    with zipfile.ZipFile(archive) as before, zipfile.ZipFile(changed, "w") as after:
        for record in before.namelist():
            data = before.read(record)
            after.writestr(record, b"one two three\nfour\n" if record.endswith("transient_buffers") else data)
    changed.seek(0)
    assert "left_out.freqs" in jit.load(changed).state_dict()

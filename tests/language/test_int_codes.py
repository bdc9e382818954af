"""Attributes that are dtypes, layouts and memory formats stay what they are in a loaded archive."""

import io
import zipfile

import pytest
import torch
from torch import nn

import torchscript as ts


class Zeros(nn.Module):
    def __init__(self):
        super().__init__()
        self.dtype = torch.float64
        self.layout = torch.strided
        self.format = torch.contiguous_format
        self.count = 2

    def forward(self, x):
        if self.dtype == torch.float32:
            x = x * 2
        same = self.dtype in (torch.float64, torch.int8), x.dtype == self.dtype, self.dtype.is_floating_point
        made = (
            torch.zeros(self.count, dtype=self.dtype),
            x.to(self.dtype).contiguous(memory_format=self.format),
        )
        return made, self.dtype, self.layout, self.format, str(self.dtype), same


def archived(module) -> bytes:
    buffer = io.BytesIO()
    ts.save(module, buffer)
    return buffer.getvalue()


def test_they_keep_their_identity():
    module, x = Zeros(), torch.ones(1)
    loaded = ts.load(io.BytesIO(archived(ts.script(module))))
    again = ts.load(io.BytesIO(archived(loaded)))
    for other in (loaded, again):
        assert str(other(x)) == str(module(x))
        assert (other.dtype, other.layout, other.format) == (
            torch.float64,
            torch.strided,
            torch.contiguous_format,
        )
    loaded.dtype = torch.float32
    assert ts.load(io.BytesIO(archived(loaded)))(x)[1] is torch.float32


def test_pytorch_reads_them_as_ints():
    module = torch.jit.load(io.BytesIO(archived(ts.script(Zeros()))))
    assert module(torch.ones(1))[0][0].dtype == torch.float64 and module.dtype == 7


def changed(record: bytes) -> io.BytesIO:
    result = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(archived(ts.script(Zeros())))) as before,
        zipfile.ZipFile(result, "w") as after,
    ):
        for name in before.namelist():
            after.writestr(name, record if name.endswith("int_codes") else before.read(name))
    result.seek(0)
    return result


def test_a_record_that_is_nonsense_means_nothing():
    assert ts.load(changed(b"one two\nthree four five\n__torch__.Zeros dtype nothing\n")).dtype == 7


def test_an_int_that_stands_for_nothing():
    class_name = ts.script(Zeros())._ts_class.qualified_name
    with pytest.raises(ts.Error, match="the number of no"):
        ts.load(changed(f"{class_name} dtype memory_format\n".encode()))

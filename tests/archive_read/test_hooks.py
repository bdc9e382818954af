"""Hooks that are part of an archive, and operators that it may not call."""

from __future__ import annotations

import copy
import io
import pickle
from pathlib import Path

import pytest
import torch
from torch import nn

import torchscript as jit
from torchscript.archive.importer.policy import reaches_outside
from torchscript.operators.dispatcher import operator_names, schemas_of

pytestmark = pytest.mark.filterwarnings("ignore")


class Inner(nn.Module):
    def forward(self, x: torch.Tensor):
        return x * 3


class Outer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Inner()

    def forward(self, x: torch.Tensor):
        return self.inner(x) + 1


def tenfold(self, input: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
    return (input[0] * 10,)


def without_input(self, input: tuple[torch.Tensor], output: torch.Tensor) -> torch.Tensor:
    return output - input[0]


def add_hundred(self, input: tuple[torch.Tensor], output: torch.Tensor) -> torch.Tensor:
    return output + 100


def hooked() -> nn.Module:
    module = Outer()
    module.register_forward_pre_hook(tenfold)
    module.register_forward_hook(without_input)
    module.inner.register_forward_hook(add_hundred)
    return module


def archived() -> bytes:
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(hooked()), buffer)
    return buffer.getvalue()


X = torch.tensor([1.0, 2.0])
COPIES = {
    "loaded": lambda m: m,
    "deep copy": copy.deepcopy,
    "pickled": lambda m: pickle.loads(pickle.dumps(m)),
    "saved": lambda m: jit.load(m.save_to_buffer()),
    "saved, for stock": lambda m: torch.jit.load(io.BytesIO(m.save_to_buffer())),
}


@pytest.mark.parametrize("name", COPIES)
def test_hooks_run_when_called_from_outside_and_once_when_called_from_inside(name: str) -> None:
    module, expected = COPIES[name](jit.load(archived())), hooked()
    torch.testing.assert_close(module(X), expected(X))
    torch.testing.assert_close(module.inner(X), expected.inner(X))
    torch.testing.assert_close(module.forward(X), expected.forward(X))


def test_hooks_can_be_added_and_removed_after_loading() -> None:
    module, expected = jit.load(archived()), hooked()
    handles = [
        m.inner.register_forward_hook(lambda module, args, output: output * 2) for m in (module, expected)
    ]
    torch.testing.assert_close(module.inner(X), expected.inner(X))
    for handle in handles:
        handle.remove()
    torch.testing.assert_close(module(X), expected(X))


def compiled_here() -> nn.Module:
    return jit.load(jit.script(hooked()).save_to_buffer())


class Twice(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor):
        return self.inner(x) * 2


@pytest.mark.parametrize("name", COPIES)
def test_hooks_of_a_module_compiled_here_are_archived(name: str) -> None:
    module, expected = COPIES[name](compiled_here()), hooked()
    torch.testing.assert_close(module(X), expected(X))
    torch.testing.assert_close(module.inner(X), expected.inner(X))
    torch.testing.assert_close(module.forward(X), expected.forward(X))


@pytest.mark.parametrize(
    "made",
    [compiled_here, lambda: jit.load(archived()), lambda: jit.script(hooked())],
    ids=["compiled", "loaded", "scripted"],
)
def test_hooks_run_within_a_larger_module(made) -> None:
    larger, expected = jit.script(Twice(made())), Twice(hooked())
    torch.testing.assert_close(larger(X), expected(X))
    data = larger.save_to_buffer()
    for loaded in (jit.load(data), torch.jit.load(io.BytesIO(data))):
        torch.testing.assert_close(loaded(X), expected(X))
        torch.testing.assert_close(loaded.inner(X), expected.inner(X))


class Scale:
    def __init__(self, factor: float) -> None:
        self.factor = factor

    def __call__(self, module, input, output):
        return output / self.factor


def test_hooks_need_no_annotation_and_can_be_lambdas_and_objects() -> None:
    expected = Outer()
    expected.register_forward_pre_hook(lambda module, input: input[0] - 1)
    expected.register_forward_hook(lambda module, input, output: (output, input[0]))
    expected.register_forward_hook(lambda module, input, output: output[0] * output[1])
    expected.register_forward_hook(Scale(4.0))
    module = jit.script(expected)
    data = module.save_to_buffer()
    assert data == module.save_to_buffer()
    assert b"__forward_hooks__" not in jit.script(Outer()).save_to_buffer()
    for loaded in (jit.load(data), jit.load(jit.load(data).save_to_buffer())):
        torch.testing.assert_close(loaded(X), expected(X))


# -- operators that reach outside --------------------------------------------------------------------------------


class Reads(nn.Module):
    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def forward(self, x: torch.Tensor):
        return torch.from_file(self.path, size=3, dtype=torch.uint8)

    @torch.jit.export
    def harmless(self, x: torch.Tensor):
        return x + 1


def test_an_operator_that_reads_files_is_refused_where_it_is_compiled(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"\1\2\3")
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(Reads(str(tmp_path / "data"))), buffer)
    module = jit.load(buffer.getvalue())
    assert module.harmless(X).tolist() == [2.0, 3.0]
    with pytest.raises(jit.ArchiveError, match=r"'aten::from_file' reads or writes a file.*allow_io=True"):
        module(X)
    assert jit.load(buffer.getvalue(), allow_io=True)(X).tolist() == [1, 2, 3]


def test_operators_of_other_libraries_are_judged_by_their_schemas() -> None:
    library = torch.library.Library("hooks_test", "DEF")
    schemas = {
        "read_image(str filename) -> Tensor": True,
        "write(Tensor x, str? out_path) -> ()": True,
        "load_all(str[] files) -> Tensor": True,
        "label(Tensor x, str name) -> Tensor": False,
        "profile(int file) -> Tensor": False,
    }
    for text in schemas:
        library.define(text)
    try:
        for text, outside in schemas.items():
            (schema,) = schemas_of(f"hooks_test::{text.partition('(')[0]}")
            assert (reaches_outside(schema) is not None) is outside, text
    finally:
        library._destroy()


def test_what_pytorch_has_that_reaches_outside() -> None:
    names = {
        name
        for name in operator_names()
        if name.startswith(("aten::", "prims::", "quantized::"))
        and any(reaches_outside(schema) for schema in schemas_of(name))
    }
    assert names == {"aten::from_file"}

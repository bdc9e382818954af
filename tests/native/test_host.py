"""A compiled module in a process without Python: built as a user would, run by many threads, and looked at."""

import dataclasses
import errno
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Optional

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import torchscript
from torchscript.native.compiler import INCLUDE, find_compiler, instructions_of, torch_root

EXAMPLE = Path(__file__).parents[2] / "examples/native"


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(6, 32)
        self.out = nn.Linear(32, 3)
        self.register_buffer("shift", torch.arange(3.0))
        self.steps = 4

    def forward(self, x: Tensor) -> Tensor:
        y = self.hidden(x)
        for _ in range(self.steps):
            y = torch.sigmoid(y) * torch.tanh(y) + 0.5
        if bool((x[0, 0] > 6.5).item()):
            y = -y
        return self.out(y) + self.shift

    @torchscript.export
    def fill(self, xs: List[int], n: int, seen: Optional[Dict[str, int]]) -> int:
        if n < 0:
            raise ValueError(f"{n} is negative")
        for i in range(n):
            xs.append(i)
            if seen is not None:
                seen[f"step {i}"] = i
        if n > 90:
            raise KeyError(n)
        return len(xs)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    torch.manual_seed(0)
    module = Net().eval()
    directory = tmp_path_factory.mktemp("package") / "net"
    torchscript.compile(torchscript.script(module), output=directory)
    return module, directory


def built(source, binary):
    """A host, compiled with the flags that find_package(torchscript) gives (test_cmake builds it that way)."""
    root = torch_root()
    command = [
        *find_compiler().command, "-std=c++20", "-O1", f"-I{INCLUDE}", f"-isystem{root / 'include'}",
        f"-D_GLIBCXX_USE_CXX11_ABI={int(torch._C._GLIBCXX_USE_CXX11_ABI)}", str(source),
        f"-L{root / 'lib'}", "-ltorch_cpu", "-lc10", f"-Wl,-rpath,{root / 'lib'}", "-Wl,--allow-shlib-undefined",
        "-ldl", "-lpthread", "-o", str(binary),
    ]  # fmt: skip
    subprocess.run(command, check=True)
    return binary


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    return built(EXAMPLE / "serve.cpp", tmp_path_factory.mktemp("host") / "serve")


@pytest.fixture(scope="module")
def caller(tmp_path_factory):
    return built(Path(__file__).parent / "host_calls.cpp", tmp_path_factory.mktemp("caller") / "calls")


def serve(host, *arguments):
    return subprocess.run([str(host), *map(str, arguments)], capture_output=True, text=True, timeout=120)


def test_many_threads_give_the_answers_of_eager_mode(package, host):
    module, directory = package
    with torch.no_grad():
        answers = [module(torch.full((5, 6), 1.0 + k)).sum().item() for k in range(7)]
    expected = sum(answers[k % 7] for k in range(400))
    result = serve(host, directory, 8, 400, 5, 6)
    assert result.returncode == 0, result.stderr
    assert float(result.stdout.split()[1]) == pytest.approx(expected, rel=1e-5)


def test_errors_have_the_users_lines(package, host):
    result = serve(host, package[1], 2, 4, 5, 7)
    assert result.returncode == 1
    assert "test_host.py" in result.stderr and "in forward" in result.stderr
    assert "mat1 and mat2 shapes cannot be multiplied" in result.stderr


def test_a_missing_package_is_named(host, tmp_path):
    result = serve(host, tmp_path / "nowhere", 1, 1, 1)
    assert result.returncode == 1 and "nowhere" in result.stderr


def test_another_archive_is_refused(package, host, tmp_path):
    for file in package[1].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.pt").write_bytes(b"short")
    result = serve(host, tmp_path, 1, 1, 5, 6)
    assert result.returncode == 1 and "not the archive" in result.stderr


def changed_copy(package, tmp_path, **files):
    """A copy of the package with other contents of some files (None: without it)."""
    for file in package[1].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    for name, content in files.items():
        path = tmp_path / f"model.{name}"
        path.unlink() if content is None else path.write_bytes(content)
    return tmp_path


def test_weights_of_another_module_of_the_same_class_are_refused(package, caller, tmp_path):
    torch.manual_seed(1)
    other = tmp_path / "other"
    torchscript.compile(torchscript.script(Net().eval()), output=other)
    assert serve(caller, other).stdout == "load: done\n"
    (tmp_path / "mixed").mkdir()
    mixed = changed_copy(package, tmp_path / "mixed", pt=(other / "model.pt").read_bytes())
    assert "model.pt: is not the archive that the library was compiled with" in serve(caller, mixed).stdout


def test_a_list_of_tensors_that_was_changed_is_refused(package, caller, tmp_path):
    head, *lines = (package[1] / "model.tensors").read_text().splitlines(keepends=True)
    target, lines = lines[:2], lines[2:]
    damages = {
        "has 1 of 5 lines": [head, *target, lines[0]],
        "a line is broken": [head, *target, lines[0][:12]],
        "model.so: is not the library": [head, *target, lines[0].replace("slot 0", "slot 99"), *lines[1:]],
        "a line is broken: slot 0 77": [head, *target, lines[0].replace("slot 0 6", "slot 0 77"), *lines[1:]],
        "was written by another version": [head.replace("tensors 3", "tensors 1"), *target, *lines],
        "is no list of tensors": [],
        "cannot be opened": None,
    }
    for i, (message, text) in enumerate(damages.items()):
        (tmp_path / str(i)).mkdir()
        tensors = None if text is None else "".join(text).encode()
        assert message in serve(caller, changed_copy(package, tmp_path / str(i), tensors=tensors)).stdout


@pytest.mark.parametrize("line, message", [
    ("torch 2.1.7", f"model.so: was compiled for PyTorch 2.1.7, but this program for {torch.__version__[:4]}"),
    ("processor sse2 avx2048 amx9", "compiled for a processor with avx2048 amx9, which this one does not have"),
])  # fmt: skip
def test_a_package_for_another_pytorch_or_processor_is_refused_before_it_is_loaded(
    package, caller, tmp_path, line, message
):
    if line.startswith("processor") and platform.machine() != "x86_64":
        pytest.skip("names of this processor")
    text = (package[1] / "model.tensors").read_text()
    kind = line.split()[0]
    assert f"\n{kind} " in text and "avx2048" not in text
    changed = "".join(f"{line}\n" if each.startswith(f"{kind} ") else each for each in text.splitlines(True))
    directory = changed_copy(package, tmp_path, tensors=changed.encode(), so=b"what would crash")
    assert message in serve(caller, directory).stdout


def test_a_package_that_cannot_be_written_is_a_clear_error_and_leaves_nothing(package, monkeypatch, tmp_path):
    scripted = torchscript.script(package[0])
    (tmp_path / "file").touch()
    with pytest.raises(
        torchscript.BackendError, match=r"The package .*file cannot be written \(File exists\)"
    ):
        torchscript.compile(scripted, output=tmp_path / "file")

    def full(source, target):
        raise OSError(errno.ENOSPC, "No space left on device", str(source))

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(
        torchscript.BackendError, match=r"The package .*net cannot be written \(No space left"
    ):
        torchscript.compile(scripted, output=tmp_path / "net")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_a_library_uses_of_the_processor():
    compiler = find_compiler()
    plain = dataclasses.replace(compiler, flags=("-march=x86-64",))
    if platform.machine() != "x86_64":
        pytest.skip("flags of another processor")
    assert set(instructions_of(plain)) == {"sse", "sse2"}
    assert set(instructions_of(compiler)) >= {"sse", "sse2", "sse4_2", "popcnt"}
    assert not set(instructions_of(compiler)) & {"fpu", "rtm", "amx_tile"}


def test_what_a_host_does_wrong_is_an_exception_that_says_what(package, caller):
    result = serve(caller, package[1], "calls")
    assert result.stdout.splitlines() == [
        "load: done",
        "a number for a tensor: [] 'forward' cannot take (Int): Expected Tensor but got Int",
        "another shape: [RuntimeError] RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x7 and 6x32)",
        "a fraction for an int: [] 'fill' cannot take (GenericList, Double, None): expected int",
        "text for a list: [] 'fill' cannot take (String, Int, None): Expected GenericList but got String",
        "a negative count: [ValueError] ValueError: -1 is negative",
        "an attribute of another type: [] 'steps' cannot be (String): expected int",
        "length 3, list 3, seen 3",  # lists and dicts change for the caller
        "fill: done",
        "too many: [KeyError] KeyError: 91",
        "list 94, seen 92",  # and are so when it throws
    ]


def test_neither_python_nor_the_interpreter_is_used(package, host):
    for file in (package[1] / "model.so", host):
        needed = subprocess.run(["ldd", str(file)], capture_output=True, text=True, check=True).stdout
        assert "libpython" not in needed and "libtorch_python" not in needed, needed
        symbols = subprocess.run(
            ["nm", "-D", "-C", "--undefined-only", str(file)], capture_output=True, text=True
        ).stdout
        assert not [line for line in symbols.splitlines() if "torch::jit" in line or " Py" in line]


def test_cmake_finds_the_package(tmp_path):
    """Only configures: that find_package works and knows the headers and libraries."""
    pytest.importorskip("cmake")
    ninja = pytest.importorskip("ninja")
    prefix = subprocess.run(
        [sys.executable, "-c", "from torchscript_cli import run; run()", "cmake-prefix"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    environment = {**os.environ, "PATH": f"{ninja.BIN_DIR}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(
        [sys.executable, "-m", "cmake", "-G", "Ninja", "-S", EXAMPLE, "-B", tmp_path / "build",
         f"-DCMAKE_PREFIX_PATH={prefix}"],
        check=True, capture_output=True, env=environment,
    )  # fmt: skip
    assert (tmp_path / "build" / "build.ninja").exists()


class Convolutions(nn.Module):
    """Some that have kernels of their own, some that oneDNN computes: groups of several channels, many taps; a large
    linear."""

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 64, 3, 2, 1), nn.BatchNorm2d(64), nn.ReLU())
        self.wide = nn.Sequential(nn.Conv2d(64, 64, 7, 1, 3), nn.BatchNorm2d(64))
        self.grouped = nn.Sequential(nn.Conv2d(64, 64, 3, 1, 1, groups=4), nn.BatchNorm2d(64), nn.ReLU6())
        self.single = nn.Sequential(nn.Conv2d(64, 16, 1), nn.BatchNorm2d(16))
        self.large = nn.Linear(64, 1 << 13)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        large = F.silu(self.large(x.flatten(2).transpose(1, 2))).mean()
        return self.single(self.grouped(torch.relu(self.wide(x) + x))).mean((2, 3)) + large


def test_a_module_that_is_optimised_for_inference_runs_in_a_host(host, tmp_path):
    torch.manual_seed(0)
    module = Convolutions().eval()
    optimized = torchscript.optimize_for_inference(torchscript.script(module))
    torchscript.compile(optimized, output=tmp_path / "net")
    assert "mkldnn::_linear_pointwise" in str(optimized.graph)
    assert (tmp_path / "net/model.pt").stat().st_size < 2 * sum(4 * p.numel() for p in module.parameters())
    with torch.no_grad():
        answers = [module(torch.full((2, 3, 16, 16), 1.0 + k)).sum().item() for k in range(7)]
    result = serve(host, tmp_path / "net", 2, 14, 2, 3, 16, 16)
    assert result.returncode == 0, result.stderr
    assert float(result.stdout.split()[1]) == pytest.approx(2 * sum(answers), rel=1e-4)

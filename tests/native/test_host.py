"""A compiled module in a process without Python: built as a user would, run by many threads, and looked at."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import torchscript
from torchscript.native.compiler import INCLUDE, find_compiler, torch_root

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


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    torch.manual_seed(0)
    module = Net().eval()
    directory = tmp_path_factory.mktemp("package") / "net"
    torchscript.compile(torchscript.script(module), output=directory)
    return module, directory


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """The example, compiled with the flags that find_package(torchscript) gives (test_cmake builds it that way)."""
    binary = tmp_path_factory.mktemp("host") / "serve"
    root = torch_root()
    command = [
        find_compiler().path, "-std=c++20", "-O1", f"-I{INCLUDE}", f"-isystem{root / 'include'}",
        f"-D_GLIBCXX_USE_CXX11_ABI={int(torch._C._GLIBCXX_USE_CXX11_ABI)}", str(EXAMPLE / "serve.cpp"),
        f"-L{root / 'lib'}", "-ltorch_cpu", "-lc10", f"-Wl,-rpath,{root / 'lib'}", "-Wl,--allow-shlib-undefined",
        "-ldl", "-lpthread", "-o", str(binary),
    ]  # fmt: skip
    subprocess.run(command, check=True)
    return binary


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

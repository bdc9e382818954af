"""The C++ program that runs archives: built once against the libtorch of the installed torch, then asked."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import torch

SOURCE = Path(__file__).parent / "host.cpp"
BUILD = Path(__file__).parents[2] / "build" / "roundtrip"


def build() -> Path:
    """The program. It is built again when its source or torch has changed."""
    key = hashlib.sha256(SOURCE.read_bytes() + torch.__version__.encode()).hexdigest()[:16]
    program = BUILD / f"host-{key}"
    BUILD.mkdir(parents=True, exist_ok=True)
    with open(BUILD / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the first of several processes builds for all
        if not program.exists():
            _compile(program)
    return program


def _compile(program: Path) -> None:
    root = Path(torch.__file__).parent
    include = root / "include"
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        unfinished = Path(folder) / "host"
        command = [
            os.environ.get("CXX", "g++"), "-std=c++20", "-O0", "-w", f"-I{include}",
            f"-I{include}/torch/csrc/api/include", str(SOURCE), "-o", str(unfinished), f"-L{root}/lib",
            "-ltorch_cpu", "-lc10", f"-Wl,-rpath,{root}/lib", "-Wl,--allow-shlib-undefined",
            f"-D_GLIBCXX_USE_CXX11_ABI={int(torch.compiled_with_cxx11_abi())}",
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, text=True)
        unfinished.replace(program)


class Host:
    """The running program."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.jobs = 0
        self.process = subprocess.Popen([build()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, archive: bytes, inputs: tuple[Any, ...]) -> Any:
        """What `forward` returns in C++; AssertionError with its message if it fails there."""
        self.jobs += 1
        paths = [self.folder / f"{self.jobs}.{kind}" for kind in ("archive", "arguments", "result")]
        paths[0].write_bytes(archive)
        torch.save(inputs, paths[1])
        assert self.process.stdin is not None and self.process.stdout is not None
        print(*paths, sep="\t", file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline().strip()
        assert answer == "ok", answer or f"the C++ host died ({self.process.wait()})"
        result = torch.load(paths[2], weights_only=False)
        for path in paths:
            path.unlink()
        return result

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(30)

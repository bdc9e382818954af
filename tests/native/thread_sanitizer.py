"""A compiled module and the server of examples/native under ThreadSanitizer: `make sanitize`.

    python -m tests.native.thread_sanitizer [--threads 8] [--requests 400]

Builds the runtime, a module and the server with -fsanitize=thread (some minutes, once), and lets threads call the module
at once. The module goes through what threads share in the runtime: blocks of memory that are kept, packed weights,
constants, cells, kernels, containers and an exception that is caught. PyTorch's own libraries are not
instrumented, so ThreadSanitizer does not see their locks: what it reports of accesses made by them is
suppressed, what it reports of ours is not. The exit status is 1 where there is a report or a wrong answer.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EXAMPLE = Path(__file__).parents[2] / "examples/native"
FLAGS = "-fsanitize=thread -g -O1"
SUPPRESSIONS = """
called_from_lib:libtorch_cpu.so
called_from_lib:libc10.so
called_from_lib:libgomp
race_top:libtorch_cpu.so
race_top:libc10.so
"""
SIZE = 6


class Served(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(SIZE, 32)
        self.cell = nn.LSTMCell(32, 32)
        self.conv = nn.Conv1d(1, 4, 3, padding=1)
        self.out = nn.Linear(32, 3)
        self.register_buffer("shift", torch.arange(3.0))

    def forward(self, x: Tensor) -> Tensor:
        h = torch.zeros(x.size(0), 32)
        c = torch.zeros(x.size(0), 32)
        steps: list[Tensor] = []
        counts: dict[str, int] = {}
        for i in range(4):
            y = self.hidden(x + i)
            y = torch.sigmoid(y) * torch.tanh(y) + 0.5
            h, c = self.cell(y, (h, c))
            steps.append(h)
            name = f"step {i % 2}"
            counts[name] = counts.get(name, 0) + 1
        try:
            raise ValueError(f"{len(steps)} steps")
        except ValueError:
            counts["caught"] = 1
        y = torch.stack(steps).mean(0)
        z = self.conv(y.unsqueeze(1)).amax(1)
        return F.softmax(self.out(z) + self.shift, -1) * len(counts) + z[:, :3]


def build(directory: Path) -> Path:
    """The package and the server; the server."""
    import torchscript
    from torchscript.native.api import native_program
    from torchscript.native.build import built_program
    from torchscript.native.compiler import INCLUDE, find_compiler, torch_root
    from torchscript.native.package import write_package

    module = torchscript.script(Served().eval())
    program, name = native_program(module)
    print("building with", FLAGS, flush=True)
    with built_program(program.files, name=name) as library:
        write_package(module, program, library, directory / "net")
    root = torch_root()
    command = [
        *find_compiler().command, "-std=c++20", *FLAGS.split(), f"-I{INCLUDE}", f"-isystem{root / 'include'}",
        f"-D_GLIBCXX_USE_CXX11_ABI={int(torch._C._GLIBCXX_USE_CXX11_ABI)}", str(EXAMPLE / "serve.cpp"),
        f"-L{root / 'lib'}", "-ltorch_cpu", "-lc10", f"-Wl,-rpath,{root / 'lib'}", "-Wl,--allow-shlib-undefined",
        "-ldl", "-lpthread", "-o", str(directory / "serve"),
    ]  # fmt: skip
    subprocess.run(command, check=True)
    return directory / "serve"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--requests", type=int, default=400)
    options = parser.parse_args()
    os.environ["TORCHSCRIPT_CXXFLAGS"] = FLAGS
    torch.manual_seed(0)
    with torch.no_grad(), tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        server = build(directory)
        torch.manual_seed(0)
        module = Served().eval()
        answers = [float(module(torch.full((5, SIZE), 1.0 + k)).double().sum()) for k in range(7)]
        expected = sum(answers[k % 7] for k in range(options.requests))
        suppressions = directory / "suppressions"
        suppressions.write_text(SUPPRESSIONS)
        result = subprocess.run(
            [server, directory / "net", str(options.threads), str(options.requests), "5", str(SIZE)],
            capture_output=True,
            text=True,
            env={
                **os.environ,
                "TSAN_OPTIONS": f"suppressions={suppressions} exitcode=66",
                "OMP_NUM_THREADS": "1",
            },
        )
    print(result.stdout + result.stderr[-8000:])
    reports = result.stderr.count("WARNING: ThreadSanitizer")
    print(
        f"{options.threads} threads, {options.requests} requests: {reports} reports, exit status {result.returncode}"
    )
    if result.returncode != 0 or reports:
        return 1
    found = float(result.stdout.split()[1])
    print(f"the answers add up to {found:.6g}, in eager mode to {expected:.6g}")
    return int(abs(found - expected) > 1e-5 * abs(expected))


if __name__ == "__main__":
    sys.exit(main())

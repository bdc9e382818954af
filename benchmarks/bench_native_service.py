"""What a server sees of native code: the first call, many shapes, two threads, memory.

    python benchmarks/bench_native_service.py [--rounds 5]

- first call: of a module just loaded from the cache of libraries, as a multiple of the steady state. Goal: at most 2.
- 50 shapes: compilations that 50 different input shapes cause. Goal: none.
- two threads on one module: throughput as a multiple of one thread's, beside torch.jit and eager Python. Goal: at
  least 1.9. Needs two idle cores.
- memory: the process's high-water mark over ten calls, beside eager mode, in fresh processes.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import torch
from common import machine, prepare
from torch import nn
from workloads import LSTMCellLoop

import torchscript


class ConvNet(nn.Module):
    """Convolutions in the manner of a small ResNet."""

    def __init__(self, channels: int, depth: int):
        super().__init__()
        self.stem = nn.Conv2d(3, channels, 3, padding=1)
        self.blocks = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(depth))
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for _ in range(depth))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for block, norm in zip(self.blocks, self.norms):
            x = torch.relu(norm(block(x)) + x)
        return x.mean((2, 3))


def lstm() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    torch.manual_seed(0)
    return LSTMCellLoop(64).eval(), (torch.randn(100, 1, 64), torch.randn(1, 64), torch.randn(1, 64))


def convnet() -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    torch.manual_seed(0)
    return ConvNet(32, 8).eval(), (torch.randn(1, 3, 64, 64),)


PROGRAMS: dict[str, Callable[[], tuple[nn.Module, tuple[torch.Tensor, ...]]]] = {
    "LSTM loop": lstm,
    "ConvNet": convnet,
}


def timed(function: Any, inputs: tuple[torch.Tensor, ...]) -> float:
    start = time.process_time()
    with torch.inference_mode():
        function(*inputs)
    return time.process_time() - start


def first_call(name: str) -> float:
    module, inputs = PROGRAMS[name]()
    native = torchscript.compile(torchscript.script(module))
    with torch.inference_mode():
        module(*inputs)  # PyTorch itself is warm
    first = timed(native, inputs)
    return first / statistics.median(timed(native, inputs) for _ in range(20))


def shapes() -> int:
    from torchscript.native.cache import cached_entries

    module, _ = convnet()
    native = torchscript.compile(torchscript.script(module))
    before = len(cached_entries())
    with torch.inference_mode():
        for i in range(50):
            native(torch.randn(1 + i % 3, 3, 8 + i, 9 + i))
    return len(cached_entries()) - before


def throughput(function: Any, inputs: tuple[torch.Tensor, ...], threads: int, seconds: float = 1.0) -> float:
    """Calls a second of `threads` threads together."""
    counts = [0] * threads
    stop = threading.Event()

    def work(k: int) -> None:
        with torch.inference_mode():
            while not stop.is_set():
                function(*inputs)
                counts[k] += 1

    workers = [threading.Thread(target=work, args=(k,)) for k in range(threads)]
    start = time.perf_counter()
    for worker in workers:
        worker.start()
    time.sleep(seconds)
    stop.set()
    for worker in workers:
        worker.join()
    return sum(counts) / (time.perf_counter() - start)


def scaling(function: Any, inputs: tuple[torch.Tensor, ...], rounds: int) -> str:
    with torch.inference_mode():
        for _ in range(20):
            function(*inputs)
    found = sorted(throughput(function, inputs, 2) / throughput(function, inputs, 1) for _ in range(rounds))
    return f"{statistics.median(found):.2f} [{found[0]:.2f}, {found[-1]:.2f}]"


def memory(name: str, kind: str) -> int:
    """In a process of its own: megabytes that ten calls add to the high-water mark."""
    result = subprocess.run(
        [sys.executable, __file__, "--memory", name, kind], capture_output=True, text=True, check=True
    )
    return int(result.stdout.split()[-1])


def measure_memory(name: str, kind: str) -> None:
    module, inputs = PROGRAMS[name]()
    function: Any = module if kind == "eager" else torchscript.compile(torchscript.script(module))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with torch.inference_mode():
        for _ in range(10):
            function(*inputs)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="of the measurements with threads (default: 5)")
    parser.add_argument("--memory", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    prepare()
    if options.memory:
        measure_memory(*options.memory)
        return
    print(machine())
    for name in PROGRAMS:
        print(f"{name}: first call {first_call(name):.2f} × the steady state (goal ≤ 2)")
    print(f"50 shapes: {shapes()} compilations (goal 0)")
    if (os.cpu_count() or 1) > 1:
        for name, make in PROGRAMS.items():
            module, inputs = make()
            contenders = {
                "native": torchscript.compile(torchscript.script(module)),
                "torch.jit": torch.jit.script(module),
                "eager": module,
            }
            for kind, function in contenders.items():
                goal = " (goal ≥ 1.9)" if kind == "native" else ""
                print(
                    f"{name}: two threads give {scaling(function, inputs, options.rounds)} × one's, {kind}{goal}"
                )
    for name in PROGRAMS:
        print(f"{name}: ten calls add {memory(name, 'native')} MB at most, eager {memory(name, 'eager')} MB")


if __name__ == "__main__":
    main()

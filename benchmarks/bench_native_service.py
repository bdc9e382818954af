"""What a server sees of native code: the first call, many shapes, two threads, memory.

    python benchmarks/bench_native_service.py [--rounds 5]

- first call: of a module just loaded from the cache of libraries, as a multiple of the steady state, in fresh processes.
  Goal: at most 2. Beside it a later call, when 16 MB of other memory were read before: what the caches alone cost.
- 50 shapes: compilations that 50 different input shapes cause. Goal: none.
- two threads on one module: throughput as a multiple of one thread's, beside torch.jit and eager Python. Goal: at
  least 1.9. Needs two idle cores. Beside it two processes, which share nothing but the machine.
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


def in_process(kind: str, name: str) -> list[str]:
    """The words that this file prints in a process of its own."""
    command = [sys.executable, __file__, f"--{kind}", name]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def measure_first_call(name: str) -> None:
    """The first call, and one that finds nothing in the caches, as multiples of the steady state."""
    module, inputs = PROGRAMS[name]()
    native = torchscript.compile(torchscript.script(module))
    with torch.inference_mode():
        module(*inputs)  # PyTorch itself is warm
    first = timed(native, inputs)
    steady = statistics.median(timed(native, inputs) for _ in range(20))
    other, cold = torch.randn(1 << 22), []
    for _ in range(5):
        other.sum()
        cold.append(timed(native, inputs))
        timed(native, inputs)
    print(first / steady, statistics.median(cold) / steady)


def first_call(name: str, rounds: int) -> str:
    pairs = [in_process("first", name) for _ in range(rounds)]
    first, cold = ([float(pair[i]) for pair in pairs] for i in range(2))
    return f"first call {spread(first)} × the steady state (goal ≤ 2); with cold caches later {spread(cold)}"


def spread(found: list[float]) -> str:
    return f"{statistics.median(found):.2f} [{min(found):.2f}, {max(found):.2f}]"


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
    return spread([throughput(function, inputs, 2) / throughput(function, inputs, 1) for _ in range(rounds)])


def serve(name: str) -> None:
    """Print calls a second for each line that comes."""
    module, inputs = PROGRAMS[name]()
    native = torchscript.compile(torchscript.script(module))
    throughput(native, inputs, 1, 0.2)
    print(flush=True)
    for _ in sys.stdin:
        print(throughput(native, inputs, 1), flush=True)


def scaling_of_processes(name: str, rounds: int) -> str:
    command = [sys.executable, __file__, "--serve", name]
    servers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    for server in servers:
        server.stdout.readline()

    def together(some: list[Any]) -> float:
        for server in some:
            server.stdin.write("\n")
            server.stdin.flush()
        return sum(float(server.stdout.readline()) for server in some)

    found = [together(servers) / together(servers[:1]) for _ in range(rounds)]
    for server in servers:
        server.stdin.close()
        server.wait()
    return spread(found)


def memory(name: str, kind: str) -> int:
    """Megabytes that ten calls add to the high-water mark."""
    return int(in_process(f"memory-{kind}", name)[-1])


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
    parser.add_argument("--rounds", type=int, default=5, help="of first calls, and with threads (default: 5)")
    own: dict[str, Callable[[str], None]] = {
        "first": measure_first_call,
        "serve": serve,
        "memory-native": lambda name: measure_memory(name, "native"),
        "memory-eager": lambda name: measure_memory(name, "eager"),
    }
    for kind in own:
        parser.add_argument(f"--{kind}", dest="name_of_" + kind, help=argparse.SUPPRESS)
    options = parser.parse_args()
    prepare()
    for kind, run in own.items():
        if name := getattr(options, "name_of_" + kind):
            run(name)
            return
    print(machine())
    for name in PROGRAMS:
        print(f"{name}: {first_call(name, options.rounds)}")
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
            print(f"{name}: two processes give {scaling_of_processes(name, options.rounds)} × one's, native")
    for name in PROGRAMS:
        print(f"{name}: ten calls add {memory(name, 'native')} MB at most, eager {memory(name, 'eager')} MB")


if __name__ == "__main__":
    main()

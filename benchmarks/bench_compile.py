"""Time of `script` for torchvision's resnet18 and densenet121 (random weights), beside torch.jit.script.

    python benchmarks/bench_compile.py [--repetitions 7] [--cold 3] [--only resnet18]

Three measurements of each model:

- script: `script(model)`, in one process, interleaved, after one uncounted call of each. Both compilers keep
  what they learnt in earlier calls (torch.jit keeps the compiled methods of types that it has seen).
- script and first call: the same, and the first run of the result on one small image, which is where a
  compiler that puts work off has to do it.
- cold: the first `script` of a fresh process in which everything is imported, a process for each call.

Goals, judged by processor time: script(resnet18) within 1.5 × torch.jit's time, script(densenet121) in less
than half of it. Shown for the warm and for the cold calls.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import torch
from common import Goal, clock, interleave, prepare, rows, table

import torchscript

GOALS = {
    "resnet18": Goal("torchscript", "torch.jit", 1.5),
    "densenet121": Goal("torchscript", "torch.jit", 0.5, strict=True),
}
COMPILERS: dict[str, Callable[[Any], Any]] = {
    "torchscript": torchscript.script,
    "torch.jit": torch.jit.script,
}
PEER = "torch.jit"
HELP = argparse.RawDescriptionHelpFormatter
IMAGE = (1, 3, 64, 64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HELP)
    parser.add_argument("--repetitions", type=int, default=7, help="rounds in one process (default: 7)")
    parser.add_argument(
        "--cold", type=int, default=3, help="rounds of fresh processes, 0 for none (default: 3)"
    )
    parser.add_argument("--only", choices=GOALS, help="one model instead of both")
    parser.add_argument("--in-this-process", nargs=2, metavar=("MODEL", "COMPILER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    prepare()
    if arguments.in_this_process:
        name, compiler = arguments.in_this_process
        model = models(name)()
        print(*clock(lambda: COMPILERS[compiler](model)))
        return
    names = [arguments.only] if arguments.only else list(GOALS)
    if arguments.cold:
        print(table("Time of the first script of a process", PEER, cold(names, arguments.cold)), flush=True)
    print(table("Time of script", PEER, warm(names, arguments.repetitions)), flush=True)


def warm(names: list[str], repetitions: int) -> list[list[str]]:
    lines = []
    for name in names:
        model = models(name)().eval()
        image = torch.randn(IMAGE)
        check(name, model, image)  # the warm-up
        alone = {compiler: lambda script=script: script(model) for compiler, script in COMPILERS.items()}
        lines += rows(f"script({name})", interleave(alone, repetitions, warm_up=0), PEER, GOALS[name])
        with torch.inference_mode():
            called = {
                compiler: lambda script=script: script(model)(image) for compiler, script in COMPILERS.items()
            }
            lines += rows(f"script({name}) and first call", interleave(called, repetitions, warm_up=0), PEER)
    return lines


def cold(names: list[str], repetitions: int) -> list[list[str]]:
    lines = []
    for name in names:
        calls = {
            compiler: lambda name=name, compiler=compiler: fresh_process(name, compiler)
            for compiler in COMPILERS
        }
        seconds = interleave(calls, repetitions, warm_up=0, measure=lambda call: call())
        lines += rows(f"script({name}), cold", seconds, PEER, GOALS[name])
    return lines


def fresh_process(name: str, compiler: str) -> tuple[float, float]:
    command = [sys.executable, os.path.abspath(__file__), "--in-this-process", name, compiler]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    wall, cpu = printed.split()[-2:]
    return float(wall), float(cpu)


def check(name: str, model: torch.nn.Module, image: torch.Tensor) -> None:
    """Compile once with each, and see that the result computes what the model does."""
    with torch.inference_mode():
        expected = model(image)
        for compiler, script in COMPILERS.items():
            torch.testing.assert_close(
                script(model)(image), expected, msg=f"{compiler} of {name} differs from eager"
            )


# Keeps the operators below defined.
LIBRARY: list[torch.library.Library] = []


def models(name: str) -> Callable[[], torch.nn.Module]:
    """torchvision's function of this name. Beside a CPU build of torch, its operators must exist first."""
    if not LIBRARY and "torchvision" not in sys.modules:
        LIBRARY.append(torch.library.Library("torchvision", "FRAGMENT"))
        for operator in ("nms", "qnms"):
            LIBRARY[0].define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision

    return getattr(torchvision.models, name)


if __name__ == "__main__":
    main()

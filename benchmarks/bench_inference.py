"""Time of image classifiers that were optimised for inference: by us, by torch.jit, and as they are.

    python benchmarks/bench_inference.py [--repetitions 15] [--only resnet18]

torchvision's resnet18 and mobilenet_v2 (random weights) on images of 224 × 224, one and eight at a time, in inference
mode. `frozen` is `freeze` alone; `eager, channels_last` is the module and its input in the memory format that
a careful user picks. Goals (processor time, relative to torch.jit frozen and optimised): resnet18 0.75 and 1.0,
mobilenet_v2 0.8 and 0.8.

What limits, by the profiler at one image: oneDNN's convolutions, 97 % of resnet18's time and 89 % of mobilenet_v2's.
"""

import argparse
import copy
import warnings
from collections.abc import Callable

import torch
from bench_compile import models
from common import Goal, interleave, prepare, rows, table
from torch import Tensor, nn

import torchscript

HELP = argparse.RawDescriptionHelpFormatter
GOALS = {("resnet18", 1): 0.75, ("resnet18", 8): 1.0, ("mobilenet_v2", 1): 0.8, ("mobilenet_v2", 8): 0.8}
WARM_UP = 4


def model(name: str) -> nn.Module:
    """With the statistics of a batch in its batch norms, so that activations neither vanish nor explode."""
    made = models(name)()
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        made(torch.randn(8, 3, 224, 224))
    return made.eval()


def contenders(module: nn.Module, images: Tensor) -> dict[str, Callable[[], Tensor]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = torch.jit.optimize_for_inference(torch.jit.script(module))
    scripted = torchscript.script(module)
    frozen = torchscript.freeze(scripted)
    ours = torchscript.optimize_for_inference(scripted)
    wanted = module(images)
    for one in (theirs, frozen, ours):
        assert (one(images) - wanted).abs().max() < 1e-4 * wanted.abs().max()
    last = copy.deepcopy(module).to(memory_format=torch.channels_last)
    images_last = images.to(memory_format=torch.channels_last)
    return {
        "torchscript": lambda: ours(images),
        "torchscript, frozen": lambda: frozen(images),
        "torch.jit": lambda: theirs(images),
        "eager": lambda: module(images),
        "eager, channels_last": lambda: last(images_last),
    }


def measure(name: str, batch: int, repetitions: int) -> list[list[str]]:
    torch.manual_seed(0)
    module = model(name)
    with torch.inference_mode():
        samples = interleave(contenders(module, torch.randn(batch, 3, 224, 224)), repetitions, WARM_UP)
    return rows(
        f"{name} b{batch}", samples, "torch.jit", Goal("torchscript", "torch.jit", GOALS[name, batch])
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HELP)
    parser.add_argument("--repetitions", type=int, default=15, help="rounds of each (default: 15)")
    parser.add_argument("--only", choices=["resnet18", "mobilenet_v2"])
    given = parser.parse_args()
    prepare()
    for name, batch in GOALS:
        if given.only in (None, name):
            lines = measure(name, batch, given.repetitions)
            print(table(f"{name}, {batch} × 3 × 224 × 224", "torch.jit", lines), flush=True)


if __name__ == "__main__":
    main()

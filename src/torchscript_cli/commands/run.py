"""`torchscript run`: call a method of an archive."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..archives import AllowIO, Archive, Method, method_of, open_archive
from ..output import Json, print_json


def run(
    archive: Archive,
    inputs: Annotated[list[str] | None, typer.Argument(metavar="INPUT", help="See above.")] = None,
    method: Method = "forward",
    repeat: Annotated[int, typer.Option("--repeat", "-r", min=1, help="Run this often, and time it.")] = 1,
    warmup: Annotated[int, typer.Option(min=0, help="Runs before the timed ones.")] = 1,
    save: Annotated[
        Path | None, typer.Option("--save", "-o", help="Write the result: .pt, .npy, .npz or .json.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of random inputs, and of the module's random numbers.")] = 0,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads that PyTorch may use.")] = None,
    grad: Annotated[bool, typer.Option("--grad", help="Record gradients while running.")] = False,
    train: Annotated[bool, typer.Option("--train/--eval", help="Training mode; as saved otherwise.")] = False,
    native: Annotated[bool, typer.Option("--native", help="Compile to native code first.")] = False,
    allow_io: AllowIO = False,
    json: Json = False,
) -> None:
    """Call a method with inputs from files, from the command line, or random ones, and show the result.

    An INPUT is a shape for a random tensor (1x3x224x224, 8x128:int64), a file (.npy, .pt, .json), or a value
    in JSON (3, 0.5, "text", [1, 2]); name=INPUT gives it to the argument of that name. Without inputs, a
    traced method runs with random ones of the shapes that it was traced with.

    torchscript run resnet.pt 1x3x224x224 --repeat 20

    torchscript run model.pt x=input.npy steps=10 -o result.npy
    """
    import torch

    from torchscript.errors import Error
    from torchscript.runtime.loading import module_of

    from .. import results
    from ..exporting import archived_line
    from ..inputs import arguments_of

    if save is not None and save.suffix.lower() not in (".pt", ".pth", ".npy", ".npz", ".json"):
        raise typer.BadParameter(f"'{save}' does not end in {results.FORMATS}", param_hint="--save")
    if threads is not None:
        torch.set_num_threads(threads)
    torch.manual_seed(seed)
    found = open_archive(archive, allow_io)
    arguments = arguments_of(found, archive, method, inputs or [])
    module = module_of(found)
    if train:
        module.train()
    if native:
        from torchscript.native.api import compile

        if "." in method:
            raise Error("--native compiles the methods of the top module; name one of those")
        module = compile(module)
    call = method_of(module, method)
    try:
        with torch.set_grad_enabled(grad):
            result, seconds = _timed(call, arguments, warmup if repeat > 1 else 0, repeat)
    except Error:
        raise
    except Exception as error:
        place = archived_line(error)
        message = f"{type(error).__name__}: {(str(error).strip() or 'no message').splitlines()[0]}"
        raise Error(f"{message} ({place})" if place else message) from error
    if save is not None:
        results.save(result, save)
    if json:
        shown = {path: results.described(item) for path, item in results.tensors_in(result)}
        print_json({"result": shown, "runs": repeat, **_statistics(seconds)})
        return
    for line in results.show(result):
        print(line)
    if save is not None:
        print(f"wrote {save}")
    numbers = _statistics(seconds)
    if repeat == 1:
        print(f"in {numbers['median_ms']:.3f} ms, the first run, which compiles")
    else:
        text = ", ".join(f"{key.removesuffix('_ms')} {value:.3f} ms" for key, value in numbers.items())
        print(f"{repeat} runs: {text}")


def _timed(call: Any, arguments: dict[str, Any], warmup: int, repeat: int) -> tuple[Any, list[float]]:
    """The first result, and the seconds that each timed run took."""
    import time

    result: Any = None
    seconds: list[float] = []
    for i in range(warmup + repeat):
        start = time.perf_counter()
        made = call(**arguments)
        elapsed = time.perf_counter() - start
        if i == 0:
            result = made
        if i >= warmup:
            seconds.append(elapsed)
    return result, seconds


def _statistics(seconds: list[float]) -> dict[str, float]:
    import statistics

    return {
        "median_ms": statistics.median(seconds) * 1e3,
        "min_ms": min(seconds) * 1e3,
        "max_ms": max(seconds) * 1e3,
    }

"""From Python source to a process without Python, on scikit-learn's handwritten digits.

Trains a CNN and an MLP, scripts the first and traces the second, saves both, loads both again, and runs both
in a C++ process on the test images. Fails where eager, scripted, loaded and C++ do not agree.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from models import MLP, ConfidentCNN
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

import torchscript as jit

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "demo"
CPP_SOURCE = ROOT / "examples" / "cpp"

TOLERANCE = 1e-5
THREADS = 1
REPEAT = 10  # of which the fastest run counts
THRESHOLD, VIEWS = 0.95, 8  # of predict_confident


class DemoFailed(Exception):
    """What the demo shows is not so; the message says what."""


@dataclass
class Row:
    """One way to run one method: what came out, and how long it took."""

    title: str
    runner: str
    outputs: list[torch.Tensor]
    seconds: float


def main() -> int:
    torch.set_num_threads(THREADS)
    BUILD.mkdir(parents=True, exist_ok=True)
    times: dict[str, float] = {}

    heading("Training")
    train_images, test_images, train_labels, test_labels = read_digits()
    with timed(times, "train"):
        cnn = train("CNN", ConfidentCNN(), train_images, train_labels, epochs=12)
        mlp = train("MLP", MLP(), train_images, train_labels, epochs=24)

    heading("Compiling")
    with timed(times, "script"):
        scripted = jit.script(cnn)
    print("  scripted the CNN: forward and predict_confident")
    with timed(times, "trace"):
        traced = jit.trace(mlp, test_images[:1])
    print("  traced the MLP with a batch of one image")

    cnn_file, mlp_file, images_file = BUILD / "cnn.pt", BUILD / "mlp.pt", BUILD / "images.pt"
    with timed(times, "save"):
        jit.save(scripted, str(cnn_file))
        jit.save(traced, str(mlp_file))
    with timed(times, "load"):
        loaded_cnn, loaded_mlp = jit.load(str(cnn_file)), jit.load(str(mlp_file))
    print("  saved both and loaded them again")
    torch.save(test_images, images_file)

    heading("Building the C++ program")
    with timed(times, "C++ build"):
        program = build_cpp()
    show_libraries(program)

    heading(f"Running on {len(test_images)} test images")
    looking_again = (THRESHOLD, VIEWS)
    rows: list[Row] = []
    for title, made, method, extra, modules, archive in [
        ("CNN.forward", "scripted", "forward", (), (cnn, scripted, loaded_cnn), cnn_file),
        (
            "CNN.predict_confident", "scripted", "predict_confident", looking_again,
            (cnn, scripted, loaded_cnn), cnn_file,
        ),
        ("MLP.forward", "traced", "forward", (), (mlp, traced, loaded_mlp), mlp_file),
    ]:  # fmt: skip
        for runner, module in zip(("eager", made, "loaded"), modules):
            rows.append(run_python(title, runner, getattr(module, method), (test_images, *extra)))
        rows.append(run_cpp(title, program, archive, method, images_file, extra))

    print_table(rows, test_labels)
    views = next(row for row in rows if row.title == "CNN.predict_confident").outputs[1]
    print(
        f"\n  predict_confident looked again at {int((views > 1).sum())} images whose best class was below"
        f" {THRESHOLD:.0%},\n  at {int(views.max())} views of one image at most."
    )
    print("\n  " + " | ".join(f"{name} {seconds:.2f} s" for name, seconds in times.items()))
    print(
        "  "
        + " | ".join(f"{file.name} {file.stat().st_size / 1024:.0f} KiB" for file in (cnn_file, mlp_file))
    )

    check(rows, test_labels)
    print(f"\nEager, scripted or traced, loaded and C++ agree within {TOLERANCE:.0e}.")
    return 0


# Training


def read_digits() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Images [n, 1, 8, 8] in 0..1 and labels [n]: for training, for testing, in scikit-learn's order."""
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    labels = torch.tensor(digits.target)
    parts = train_test_split(images, labels, test_size=500, random_state=0, stratify=labels)
    train_images, test_images, train_labels, test_labels = parts
    return train_images, test_images, train_labels, test_labels


def train(name: str, model: nn.Module, images: torch.Tensor, labels: torch.Tensor, epochs: int) -> Any:
    """`model` trained on images shifted by up to a pixel, in eval mode."""
    torch.manual_seed(0)
    for module in model.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(epochs):
        losses = []
        for batch in torch.randperm(len(images)).split(64):
            shifts = torch.randint(-1, 2, (len(batch), 2)).tolist()
            views = torch.stack([torch.roll(images[i], shift, (1, 2)) for i, shift in zip(batch, shifts)])
            loss = nn.functional.cross_entropy(model(views), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        line = f"  {name}: epoch {epoch + 1} of {epochs}, loss {sum(losses) / len(losses):.3f}"
        progress(line, every=1)
    end_progress(line)
    return model.eval()


# The C++ process


def build_cpp() -> Path:
    """Builds examples/cpp with the cmake and ninja of this environment, or of the system."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = {**os.environ, "PATH": path}
    for tool in ("cmake", "ninja", "c++"):
        if shutil.which(tool, path=path) is None:
            raise DemoFailed(f"{tool} was not found; it is needed to build {CPP_SOURCE.relative_to(ROOT)}")
    build = BUILD / "cpp"
    configure = ["cmake", "-G", "Ninja", "-S", str(CPP_SOURCE), "-B", str(build)]
    configure.append(f"-DCMAKE_PREFIX_PATH={torch.utils.cmake_prefix_path}")
    run_build("configuring", [shutil.which("cmake", path=path), *configure[1:]], environment)
    run_build("compiling", [shutil.which("cmake", path=path), "--build", str(build)], environment)
    return build / "run_archive"


def run_build(title: str, command: list[Any], environment: dict[str, str]) -> None:
    """Runs a command that takes a while, with a clock to look at; prints its output if it fails."""
    log = BUILD / f"{title}.log"
    start = time.perf_counter()
    with log.open("w") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            while process.poll() is None:
                progress(f"  {title} ... {time.perf_counter() - start:.0f} s", every=5)
                time.sleep(0.1)
        finally:
            if process.poll() is None:
                process.kill()
    end_progress(f"  {title}: {time.perf_counter() - start:.1f} s")
    if process.returncode != 0:
        print(log.read_text(), file=sys.stderr)
        raise DemoFailed(f"{title} the C++ program failed; its output is above")


def show_libraries(program: Path) -> None:
    """Prints what the program is linked with, and insists that Python is not among it."""
    if shutil.which("ldd") is None:
        raise DemoFailed("ldd was not found, so nothing shows that the C++ program is free of Python")
    libraries = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True).stdout
    print(f"  $ ldd {program.relative_to(ROOT)}")
    for line in libraries.splitlines():
        print(f"    {line.strip()}")
    if re.search(r"libpython|libtorch_python", libraries):
        raise DemoFailed("the C++ program is linked with Python, see above")
    print("  no libpython in there")


def run_cpp(
    title: str, program: Path, archive: Path, method: str, images: Path, extra: tuple[Any, ...]
) -> Row:
    output = BUILD / f"{archive.stem}.{method}.out.pt"
    output.unlink(missing_ok=True)
    scalars = [f"{type(value).__name__}:{value}" for value in extra]
    command = [program, archive, method, images, *scalars, "--output", output]
    command += ["--repeat", str(REPEAT), "--threads", str(THREADS)]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    seconds = re.search(r"^run (\S+) s$", done.stdout, re.MULTILINE)
    if done.returncode != 0 or seconds is None:
        raise DemoFailed(f"{title} failed in C++:\n{done.stdout}{done.stderr}")
    return Row(title, "C++", as_tensors(torch.load(output)), float(seconds[1]))


# Running and comparing


def run_python(title: str, runner: str, method: Callable[..., Any], arguments: tuple[Any, ...]) -> Row:
    fastest = float("inf")
    with torch.no_grad():
        for _ in range(REPEAT):
            start = time.perf_counter()
            result = method(*arguments)
            fastest = min(fastest, time.perf_counter() - start)
    return Row(title, runner, as_tensors(result), fastest)


def as_tensors(result: Any) -> list[torch.Tensor]:
    return [result] if isinstance(result, torch.Tensor) else list(result)


def accuracy(row: Row, labels: torch.Tensor) -> float:
    """The share of images whose best class, in the first output, is the label."""
    return (row.outputs[0].argmax(dim=1) == labels).double().mean().item()


def difference(row: Row, eager: Row) -> float:
    """The largest difference of any element of any output; infinite where shapes or types differ."""
    if [(x.shape, x.dtype) for x in row.outputs] != [(x.shape, x.dtype) for x in eager.outputs]:
        return float("inf")
    largest = 0.0
    for ours, theirs in zip(row.outputs, eager.outputs):
        apart = (ours.double() - theirs.double()).abs().max().item()
        largest = max(largest, apart if apart == apart else float("inf"))
    return largest


def eager_row(rows: list[Row], title: str) -> Row:
    return next(row for row in rows if row.title == title and row.runner == "eager")


def print_table(rows: list[Row], labels: torch.Tensor) -> None:
    lines = [("", "run", "accuracy", "largest difference", "per image")]
    for row in rows:
        eager = eager_row(rows, row.title)
        lines.append(
            (
                row.title if row is eager else "",
                row.runner,
                f"{accuracy(row, labels):.1%}",
                "" if row is eager else f"{difference(row, eager):.1e}",
                f"{row.seconds / len(labels) * 1e6:.1f} µs",
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    for number, line in enumerate(lines):
        if line[0] or number == 0:
            print()
        left = "  ".join(cell.ljust(width) for cell, width in zip(line[:2], widths[:2]))
        right = "  ".join(cell.rjust(width) for cell, width in zip(line[2:], widths[2:]))
        print(f"  {left}  {right}")


def check(rows: list[Row], labels: torch.Tensor) -> None:
    """Raises DemoFailed with every row that differs from eager."""
    wrong = []
    for row in rows:
        eager = eager_row(rows, row.title)
        apart = difference(row, eager)
        if not apart <= TOLERANCE:
            wrong.append(f"{row.title}, {row.runner}: differs from eager by {apart:.1e}")
        if accuracy(row, labels) != accuracy(eager, labels):
            wrong.append(f"{row.title}, {row.runner}: another accuracy than eager")
    if wrong:
        raise DemoFailed("\n".join(wrong))


# What is seen meanwhile


class timed:
    """Adds the seconds that the body took to `times`."""

    def __init__(self, times: dict[str, float], name: str) -> None:
        self.times = times
        self.name = name

    def __enter__(self) -> None:
        self.start = time.perf_counter()

    def __exit__(self, *exception: object) -> None:
        self.times[self.name] = time.perf_counter() - self.start


def heading(text: str) -> None:
    print(f"\n{text}", flush=True)


_last_progress = time.monotonic()


def progress(line: str, every: float) -> None:
    """Shows `line` in place of the one before; where that is not a terminal, below it, and only once in
    `every` seconds."""
    global _last_progress
    if sys.stdout.isatty():
        print(f"\r\x1b[K{line}", end="", flush=True)
    elif time.monotonic() - _last_progress >= every:
        _last_progress = time.monotonic()
        print(line, flush=True)


def end_progress(line: str) -> None:
    """Shows the last line of what `progress` showed, and leaves it standing."""
    global _last_progress
    _last_progress = time.monotonic()
    print(f"\r\x1b[K{line}" if sys.stdout.isatty() else line, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except DemoFailed as error:
        print(f"\nThe demo failed:\n{error}", file=sys.stderr)
        sys.exit(1)

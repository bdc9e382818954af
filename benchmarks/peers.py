"""Other ways to run the programs of workloads.py, each as a careful user would, and what it takes to have them.

A peer makes a callable of a workload, or raises `Cannot` with a word for the table. onnxruntime and openvino run an
ONNX file of the program, one thread, full precision; loops are unrolled by the trace unless the exporter keeps
them. torch.compile may need a minute: `within` tries it in a process of its own first, which can be ended.
"""

import contextlib
import functools
import importlib.util
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from workloads import Workload

Run = Callable[..., Any]


class Cannot(Exception):
    """The peer does not run this program; the word for the table."""


MISSING = {
    "onnxruntime": ("onnxruntime", "onnxscript"),
    "openvino": ("openvino", "onnxscript"),
    "torch.compile": (),
}
"""The packages that a peer needs: all in the optional extra `bench`."""

HOW_TO_INSTALL = (
    "pip install --constraint constraints.txt 'torchscript[bench]' installs the peers that are missing: {}"
)


def missing(peer: str) -> list[str]:
    return [name for name in MISSING.get(peer, ()) if importlib.util.find_spec(name) is None]


# --- ONNX -------------------------------------------------------------------------------------------------------


class AsModule(nn.Module):
    def __init__(self, function: Run) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Any:
        return self.function(*inputs)


@functools.cache
def _directory() -> tempfile.TemporaryDirectory:  # type: ignore[type-arg]
    return tempfile.TemporaryDirectory()


def onnx_file(workload: Workload) -> str:
    """The program as an ONNX file. Raises Cannot where it has no tensors to export, or data decides how it goes."""
    if workload.onnx is not None:
        return workload.onnx
    if workload.training or workload.is_scalar:
        raise Cannot("–")
    if not all(isinstance(x, Tensor) for x in workload.inputs):
        raise Cannot("cannot")
    path = str(Path(_directory().name) / f"{abs(hash(workload.name))}.onnx")
    if Path(path).exists():
        return path
    program = workload.program if isinstance(workload.program, nn.Module) else AsModule(workload.program)
    names = [f"x{i}" for i in range(len(workload.inputs))]
    with warnings.catch_warnings(), _silence():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            program.eval(), workload.inputs, path, dynamo=False, input_names=names, opset_version=17
        )
    return path


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


def with_onnxruntime(workload: Workload) -> Run:
    path = onnx_file(workload)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    if workload.stream is not None:
        return workload.stream(lambda feeds: session.run(None, feeds))

    def run(*inputs: Tensor) -> Any:
        out = session.run(None, {name: x.numpy() for name, x in zip(names, inputs, strict=True)})
        return torch.from_numpy(out[0])

    return run


def with_openvino(workload: Workload) -> Run:
    path = onnx_file(workload)
    import openvino

    core = openvino.Core()
    settings = {
        "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32",
    }  # fmt: skip
    compiled = core.compile_model(path, "CPU", settings)
    request = compiled.create_infer_request()
    names = [i.any_name for i in compiled.inputs]
    if workload.stream is not None:
        return workload.stream(
            lambda feeds: list(request.infer(feeds, share_inputs=True, share_outputs=True).values())
        )

    def run(*inputs: Tensor) -> Any:
        feeds = {name: x.numpy() for name, x in zip(names, inputs, strict=True)}
        out = request.infer(feeds, share_inputs=True, share_outputs=True)
        return torch.from_numpy(out[0])

    return run


# --- torch.compile ----------------------------------------------------------------------------------------------


def with_torch_compile(workload: Workload) -> Run:
    if workload.archive is not None:
        raise Cannot("–")  # an archive has no Python code to compile
    torch._dynamo.reset()
    return torch.compile(workload.program)  # type: ignore[no-any-return]


def within(seconds: float, script: str, workload: str) -> float:
    """Compile a workload with torch.compile in another process; how long until its first answer.

    Its results are in the cache that the environment names, so that this process need not wait as long. Raises Cannot
    where it takes longer, or fails.
    """
    command = [sys.executable, script, "--probe", workload]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise Cannot(f"> {seconds:.0f} s") from None
    if process.returncode != 0:
        raise Cannot((err.strip().splitlines() or ["failed"])[-1].partition(":")[0])
    return float(json.loads(out.strip().splitlines()[-1])["seconds"])


def probe(workload: Workload, run: Callable[[Run, Workload], Callable[[], object]]) -> None:
    """What the other process does: compile, answer once, say how long it took."""
    start = time.perf_counter()
    run(with_torch_compile(workload), workload)()
    print(json.dumps({"seconds": time.perf_counter() - start}))

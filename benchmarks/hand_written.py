"""What there is to reach: programs of workloads.py in C++ by hand (hand_written.cpp), and PyTorch's own fused operators."""

import array
import ctypes
import functools
import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from workloads import LSTMCellLoop, Workload

_FLAGS = ["-std=c++20", "-O3", "-march=native", "-ffast-math", "-fopenmp-simd", "-fPIC", "-shared"]


@functools.cache
def _library() -> ctypes.CDLL:
    source = Path(__file__).with_name("hand_written.cpp")
    with tempfile.TemporaryDirectory() as directory:
        path = str(Path(directory) / "hand_written.so")
        subprocess.run(
            [os.environ.get("CXX", "g++"), *_FLAGS, str(source), "-o", path, "-lmvec", "-lm"], check=True
        )
        return ctypes.CDLL(path)


def _pointer(x: Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(x.data_ptr())


def _elementwise(name: str) -> Callable[..., Tensor]:
    function = getattr(_library(), name)

    def run(*inputs: Tensor) -> Tensor:
        out = torch.empty_like(inputs[0])
        function(*map(_pointer, inputs), _pointer(out), ctypes.c_int64(out.numel()))
        return out

    return run


def _integer(name: str) -> Callable[[int], int]:
    function = getattr(_library(), name)
    function.restype = ctypes.c_int64
    return lambda n: int(function(ctypes.c_int64(n)))


def _edit_distance() -> Callable[[list[int], list[int]], int]:
    function = _library().edit_distance
    function.restype = ctypes.c_int64

    def run(a: list[int], b: list[int]) -> int:
        x, y = array.array("q", a), array.array("q", b)
        addresses = [ctypes.c_void_p(v.buffer_info()[0]) for v in (x, y)]
        return int(function(addresses[0], ctypes.c_int64(len(x)), addresses[1], ctypes.c_int64(len(y))))

    return run


def _lstm_by_hand(module: LSTMCellLoop) -> Callable[..., Tensor]:
    function = _library().lstm

    def run(sequence: Tensor, hidden: Tensor, cell: Tensor) -> Tensor:
        hidden, cell = hidden.clone(), cell.clone()
        weights = (module.x.weight, module.x.bias, module.h.weight, module.h.bias)
        sizes = ctypes.c_int64(sequence.size(0)), ctypes.c_int64(hidden.numel())
        function(_pointer(sequence), *sizes, *map(_pointer, weights), _pointer(hidden), _pointer(cell))
        return hidden

    return run


def _nn_lstm(module: LSTMCellLoop) -> Callable[..., Tensor]:
    n = module.h.in_features
    lstm = nn.LSTM(n, n)
    with torch.no_grad():
        lstm.weight_ih_l0.copy_(module.x.weight)
        lstm.weight_hh_l0.copy_(module.h.weight)
        lstm.bias_ih_l0.copy_(module.x.bias)
        lstm.bias_hh_l0.copy_(module.h.bias)

    def run(sequence: Tensor, hidden: Tensor, cell: Tensor) -> Tensor:
        return lstm(sequence, (hidden.unsqueeze(0), cell.unsqueeze(0)))[1][0].squeeze(0)  # type: ignore[no-any-return]

    return run


_BY_NAME: dict[str, Callable[[Workload], Any]] = {
    "LSTM loop B=1": lambda w: _lstm_by_hand(w.program),  # type: ignore[arg-type]
    "LSTM loop B=64": lambda w: _nn_lstm(w.program),  # type: ignore[arg-type]
    "Collatz": lambda w: _integer("collatz"),
    "sieve": lambda w: _integer("sieve"),
    "edit distance": lambda w: _edit_distance(),
    "gelu": lambda w: _elementwise("gelu"),
    "swiglu": lambda w: _elementwise("swiglu"),
    "chain": lambda w: _elementwise("chain"),
    "layer_norm": lambda w: lambda x, weight, bias: F.layer_norm(x, weight.shape, weight, bias, 1e-5),
    "softmax": lambda w: lambda x: torch.softmax(x, -1),
    "rms_norm": lambda w: lambda x, weight: F.rms_norm(x, weight.shape, weight, 1e-6),
}


_MOVES_MEMORY = ("gelu", "swiglu", "chain", "layer_norm", "softmax", "rms_norm")
"""Programs that read a tensor and write one as large."""


def a_copy(workload: Workload) -> Any:
    """What there is to read and to write, without the program; None where that is the least of it."""
    if workload.training or not workload.name.startswith(_MOVES_MEMORY):
        return None
    return lambda *inputs: inputs[0].clone()


def by_hand(workload: Workload) -> Any:
    """The program in other hands; None where there is none."""
    if workload.training:
        return None
    found = next((make for name, make in _BY_NAME.items() if workload.name.startswith(name)), None)
    return None if found is None else found(workload)

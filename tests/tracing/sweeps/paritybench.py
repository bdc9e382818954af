"""ParityBench's modules, traced instead of scripted: an implementation for the tool that scores implementations.

    PYTHONPATH=src:. python ../shared/tools/parity.py --checkout DIR --impl tests.tracing.sweeps.paritybench --part open \\
        --out traced.jsonl

The tool calls `script(module)` and then the result. Here the first call traces the module with its inputs, saves the trace,
has stock torch.jit load it, and runs what was loaded: whatever of it fails is a `run_error` in the tool's lines. State of
random numbers is as the tool set it when the traced module runs, and again when the archive does.
"""

from __future__ import annotations

import copy
import io
import random
from typing import Any

import numpy
import torch

import torchscript


class Traced:
    """A module that is traced by its first inputs."""

    def __init__(self, module: torch.nn.Module) -> None:
        self.module = module

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        state = torch.get_rng_state(), random.getstate(), numpy.random.get_state()
        given, named = copy.deepcopy((args, kwargs))
        traced = torchscript.trace(
            self.module, given, example_kwarg_inputs=named or None, strict=False, check_trace=False
        )
        archive = io.BytesIO()
        torchscript.save(traced, archive)
        archive.seek(0)
        loaded = torch.jit.load(archive)
        torch.set_rng_state(state[0])
        random.setstate(state[1])
        numpy.random.set_state(state[2])
        return loaded(*args, **kwargs)


script = Traced

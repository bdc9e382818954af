"""Record what a call does below PyTorch's API, where no operator takes the call as it is written.

The dispatcher sees the same work as operators with exact schemas (`linear` as `addmm`, casts of autocast as
`_to_copy`): less of what the user wrote, and always right.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ..schema import parse_schema
from . import structures
from .aliases import is_same
from .calls import record_call
from .recorder import Recorder


class _Dispatch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Writes a node for every operator that the dispatcher runs."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.recorder = recorder
        self.made: list[torch.Tensor] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        for tensor in structures.tensors_in((args, kwargs)):
            _recognise(self.recorder, tensor)
        schema = parse_schema(str(func._schema))
        result = record_call(
            self.recorder, schema.name, (schema,), args, kwargs, lambda: func(*args, **kwargs)
        )
        self.made += structures.tensors_in(result)
        return result


def record_below(recorder: Recorder, run: Callable[[], Any], kept: list[torch.Tensor] | None = None) -> Any:
    """Run a call, and record it operator by operator. Its results stand for what the last of them made.

    What any of them made is added to `kept`: as long as Python holds it, the recording knows it.
    """
    mode = _Dispatch(recorder)
    recorder.below += 1
    try:
        with mode:
            result = run()
    finally:
        recorder.below -= 1
        if kept is not None:
            kept += mode.made
    for tensor in structures.tensors_in(result):
        if recorder.known(tensor) is None and not recorder.is_attribute(tensor):
            # Autograd returns views under another identity than the dispatcher has seen.
            for made in reversed(mode.made):
                if is_same(made, tensor):
                    value = recorder.known(made)
                    if value is not None:
                        recorder.bind(tensor, value)
                    break
    return result


def _recognise(recorder: Recorder, tensor: torch.Tensor) -> None:
    """Let a tensor that transforms took out of their wrappers stand for the one that they wrapped."""
    if recorder.known(tensor) is not None or recorder.is_attribute(tensor):
        return
    for attribute in recorder.tree.tensors.values():
        if is_same(attribute.tensor, tensor):
            recorder.bind(tensor, recorder.value_of(attribute.tensor))
            return

"""Ways forward for an archive: an ONNX model, or a program of torch.export.

Both come from `torch.export`, which runs the module once with symbolic sizes. Sizes that the program does not
depend on stay open; sizes of 0 and 1 in the examples become fixed.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torchscript.errors import Error


@dataclass
class Exported:
    """What was written: the shapes of inputs (`s0` is any size), and how far results are from the module's."""

    inputs: dict[str, list[str]]
    largest_difference: float | None = None
    notes: list[str] = field(default_factory=list)


def to_torch_export(module: Any, arguments: dict[str, Any], path: Path, dynamic: bool) -> Exported:
    """Write a `.pt2`, and compare what it computes with what the module does."""
    import torch

    module, arguments, notes = _without_state(module, arguments)
    program = _program(module, arguments, dynamic)
    with _quiet():
        torch.export.save(program, path)
        again = torch.export.load(path).module()
    made = Exported(_shapes(program), notes=notes)
    made.largest_difference = _difference(module(**arguments), again(**arguments))
    return made


def to_onnx(module: Any, arguments: dict[str, Any], path: Path, dynamic: bool, opset: int | None) -> Exported:
    """Write an ONNX model; compare it by onnxruntime, where that is installed."""
    import torch

    if importlib.util.find_spec("onnxscript") is None:
        raise Error("exporting to ONNX needs the package onnxscript: pip install onnxscript")
    module, arguments, notes = _without_state(module, arguments)
    program = _program(module, arguments, dynamic)
    with _quiet():
        try:
            program = program.run_decompositions(_simpler())
            made = torch.onnx.export(program, dynamo=True, opset_version=opset, verbose=False)
        except Exception as error:
            raise Error(f"torch.onnx.export cannot translate the program: {_reason(error)}") from error
        assert made is not None
        made.save(path)
    exported = Exported(_shapes(program), notes=notes)
    if importlib.util.find_spec("onnxruntime") is None:
        exported.notes.append("not compared with the module: onnxruntime is not installed")
    else:
        exported.largest_difference = _difference(module(**arguments), _run_onnx(path, arguments))
    return exported


def _without_state(module: Any, arguments: dict[str, Any]) -> tuple[Any, dict[str, Any], list[str]]:
    """The module or, if it keeps tensors between calls, a function of them; its arguments; what to say of it."""
    from .stateful import StatefulModule

    module.eval()
    stateful = StatefulModule(module, arguments)
    if not stateful.state:
        return module, arguments, []
    shown = ", ".join(f"{name} {list(value.shape)}" for name, value in stateful.state.items())
    notes = [f"the module keeps state from call to call, which became inputs and outputs: {shown}"]
    if stateful.fixed:
        notes.append(f"fixed at what they are after the first call: {', '.join(stateful.fixed)}")
    return stateful, arguments | stateful.state, notes


def _simpler() -> dict[Any, Any]:
    """Operators that traces of PyTorch hold, in terms of those that ONNX's exporter knows."""
    import torch

    def convolution(*args: Any) -> Any:
        return torch.ops.aten.convolution.default(*args[:9])  # without cuDNN's flags

    return {
        torch.ops.aten._convolution.default: convolution,
        torch.ops.aten._convolution.deprecated: convolution,
    }


def _program(module: Any, arguments: dict[str, Any], dynamic: bool) -> Any:
    import torch
    from torch.utils import _pytree as pytree

    def sizes(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return dict.fromkeys(range(value.dim()), torch.export.Dim.AUTO)
        return None

    shapes = pytree.tree_map(sizes, arguments) if dynamic else None
    module.eval()
    with _quiet():
        try:
            with torch.no_grad():
                return torch.export.export(module, (), arguments, dynamic_shapes=shapes, strict=False)
        except Exception as error:
            raise Error(f"torch.export cannot follow the program: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    """The line of a long report that says what is wrong, and the line of the archive where it happened."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    text = f"{type(cause).__name__}: {lines[0] if lines else ''}".rstrip(": ")
    if type(cause).__name__ == "GuardOnDataDependentSymNode":
        text = "an if or a loop depends on the values of tensors, which torch.export does not allow"
    place = archived_line(cause) or archived_line(error)
    return f"{text} ({place})" if place else text


def archived_line(error: BaseException) -> str | None:
    """The innermost line of archived code in an error's traceback: `model.pt:code/__torch__.py:12`."""
    found = None
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if ":code/" in name:
            found = f"{name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found


def _shapes(program: Any) -> dict[str, list[str]]:
    """The inputs' sizes: a number, or a name where any size may stand."""
    import torch

    wanted = set(program.graph_signature.user_inputs)
    return {
        node.name: [str(size) for size in node.meta["val"].shape]
        for node in program.graph.nodes
        if node.op == "placeholder" and node.name in wanted and isinstance(node.meta.get("val"), torch.Tensor)
    }


def _run_onnx(path: Path, arguments: dict[str, Any]) -> list[Any]:
    import onnxruntime
    import torch
    from torch.utils import _pytree as pytree

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    tensors = [v for v in pytree.tree_leaves(arguments) if isinstance(v, torch.Tensor)]
    names = [given.name for given in session.get_inputs()]
    feeds = {name: tensor.detach().numpy() for name, tensor in zip(names, tensors)}
    return [torch.from_numpy(value) for value in session.run(None, feeds)]


def _difference(one: Any, other: Any) -> float | None:
    """The largest difference of any element; None where results cannot be compared."""
    import torch
    from torch.utils import _pytree as pytree

    def tensors(value: Any) -> list[Any]:
        return [v for v in pytree.tree_leaves(value) if isinstance(v, torch.Tensor)]

    ours, theirs = tensors(one), tensors(other)
    if len(ours) != len(theirs):
        return None
    largest = 0.0
    for a, b in zip(ours, theirs):
        if a.shape != b.shape:
            return float("inf")
        if a.numel():
            gap = (a.detach().to(torch.float64) - b.detach().to(torch.float64)).abs()
            largest = max(
                largest, float(gap.nan_to_num(nan=float("inf")).max()) if not a.isnan().any() else 0.0
            )
    return largest


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporters print progress and warnings; what matters is reported by this command."""
    disabled = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), _nothing_printed():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


@contextlib.contextmanager
def _nothing_printed() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield

"""Ways forward for an archive: an ONNX model, or a program of torch.export.

Both come from `torch.export`, which runs the module once with symbolic sizes. Sizes that the program does not
depend on stay open; sizes of 0 and 1 in the examples become fixed.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torchscript.errors import Error

from .comparing import gaps


@dataclass
class Exported:
    """What was written: the shapes of inputs (`s0` is any size), and how far results are from the module's."""

    inputs: dict[str, list[str]]
    largest_difference: float | None = None
    notes: list[str] = field(default_factory=list)


def to_torch_export(module: Any, arguments: dict[str, Any], path: Path, dynamic: bool) -> Exported:
    """Write a `.pt2`, and compare what it computes with what the module does, also at other sizes."""
    import torch

    module, arguments, notes = _without_state(module, arguments)
    program = _program(module, arguments, dynamic)
    with _written(path) as file, _quiet():
        try:
            torch.export.save(program, file)
            again = torch.export.load(file).module()
        except Exception as error:
            raise Error(
                f"torch.export cannot save the program and read it again: {_reason(error)}"
            ) from error
    made = Exported(_shapes(program), notes=notes + _fixed(program, arguments, dynamic))
    _compare(made, program, module, arguments, lambda given: again(**given))
    return made


def to_onnx(module: Any, arguments: dict[str, Any], path: Path, dynamic: bool, opset: int | None) -> Exported:
    """Write an ONNX model; compare it by onnxruntime, where that is installed, also at other sizes."""
    import torch

    if importlib.util.find_spec("onnxscript") is None:
        raise Error("exporting to ONNX needs the package onnxscript: pip install onnxscript")
    module, arguments, notes = _without_state(module, arguments)
    program = _program(module, arguments, dynamic)
    with _quiet():
        try:
            with _recurrent_loops() if dynamic else contextlib.nullcontext():
                simpler = program.run_decompositions(_simpler())
                made = torch.onnx.export(simpler, dynamo=True, opset_version=opset, verbose=False)
        except Exception as error:
            if not _has_tensors(program):
                raise Error(
                    "the method neither takes nor returns tensors: ONNX has nothing to compute"
                ) from error
            raise Error(f"torch.onnx.export cannot translate the program: {_reason(error)}") from error
        assert made is not None
        written = made.model.opset_imports.get("")
        if opset is not None and written != opset:
            raise Error(f"PyTorch writes the program with opset {written}, and cannot convert it to {opset}")
        with _written(path) as file:
            made.save(file)
    exported = Exported(_shapes(program), notes=notes + _fixed(program, arguments, dynamic))
    if importlib.util.find_spec("onnxruntime") is None:
        exported.notes.append("not compared with the module: onnxruntime is not installed")
    else:
        _compare(exported, program, module, arguments, _onnx_runner(path))
    return exported


@contextlib.contextmanager
def _written(path: Path) -> Iterator[Path]:
    """A file of the same name in a directory beside it, which takes its place when it is complete."""
    if not path.parent.is_dir():
        raise Error(f"there is no directory '{path.parent}' to write '{path.name}' to")
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        yield Path(folder) / path.name
        for file in Path(folder).iterdir():  # ONNX has weights above 2 GB in a second one
            os.replace(file, path.parent / file.name)


def _without_state(module: Any, arguments: dict[str, Any]) -> tuple[Any, dict[str, Any], list[str]]:
    """The module or, if it keeps tensors between calls, a function of them; its arguments; what to say of it."""
    from .stateful import StatefulModule

    module.eval()
    try:
        stateful = StatefulModule(module, arguments)
    except Error:
        raise
    except Exception as error:
        place = archived_line(error)
        text = f"the module does not run with these inputs: {_reason(error)}"
        raise Error(text if place is None or place in text else f"{text} ({place})") from error
    if not stateful.state:
        return module, arguments, []
    shown = ", ".join(f"{name} {list(value.shape)}" for name, value in stateful.state.items())
    notes = [f"the module keeps state from call to call, which became inputs and outputs: {shown}"]
    if stateful.begins_with_zeros:
        notes.append("zeros are the state to begin with: they give what the module's first call gives")
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
    failure: Exception | None = None
    # loops of LSTMs and GRUs first, which work for any length; then unrolled, where they cannot be exported
    for loops in (_recurrent_loops, contextlib.nullcontext) if dynamic else (contextlib.nullcontext,):
        with _quiet(), torch.no_grad():
            try:
                with loops():
                    return torch.export.export(module, (), arguments, dynamic_shapes=shapes, strict=False)
            except Exception as error:
                failure = error
    raise Error(f"torch.export cannot follow the program: {_reason(failure)}") from failure


@contextlib.contextmanager
def _recurrent_loops() -> Iterator[None]:
    """Let torch.export keep the loop of an LSTM or GRU, where PyTorch is new enough for it."""
    with contextlib.ExitStack() as stack:
        try:
            from torch.export import _patches
        except ImportError:
            yield
            return
        for kind in ("lstm", "gru"):
            register = getattr(_patches, f"register_{kind}_while_loop_decomposition", None)
            if register is not None:
                stack.enter_context(register())
        yield


def _reason(error: BaseException | None) -> str:
    """The line of a long report that says what is wrong, and the line of the archive where it happened."""
    assert error is not None
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    text = f"{type(cause).__name__}: {lines[0] if lines else ''}".rstrip(": ")
    if type(cause).__name__ == "GuardOnDataDependentSymNode":
        text = "an if or a loop depends on the values of tensors, which torch.export does not allow"
    if "'__obj_flatten__'" in text:
        kind = text.partition("torch.classes.")[2].partition(" ")[0] or "a C++ class"
        return (
            f"it holds objects of {kind}, a class in C++ (packed quantised weights are), which it cannot read; export the "
            "module as it was before it was quantised, or go on running the archive, which works here and in C++"
        )
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


def _placeholders(program: Any, arguments: dict[str, Any]) -> list[tuple[Any, str | None, Any]]:
    """For each value in the arguments: the value, its input's name, and what is known of that (a fake tensor)."""
    from torch.utils import _pytree as pytree

    known = {node.name: node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"}
    leaves = pytree.tree_leaves(arguments)
    names = list(program.graph_signature.user_inputs)
    if len(leaves) != len(names):
        return [(leaf, None, None) for leaf in leaves]
    return [
        (leaf, name, known.get(name)) if isinstance(name, str) and name in known else (leaf, None, None)
        for leaf, name in zip(leaves, names)
    ]


def _shapes(program: Any) -> dict[str, list[str]]:
    """The inputs' sizes: a number, or a name where any size may stand."""
    import torch

    wanted = {name for name in program.graph_signature.user_inputs if isinstance(name, str)}
    return {
        node.name: [str(size) for size in node.meta["val"].shape]
        for node in program.graph.nodes
        if node.op == "placeholder" and node.name in wanted and isinstance(node.meta.get("val"), torch.Tensor)
    }


def _has_tensors(program: Any) -> bool:
    import torch

    return any(isinstance(node.meta.get("val"), torch.Tensor) for node in program.graph.nodes)


def _fixed(program: Any, arguments: dict[str, Any], dynamic: bool) -> list[str]:
    """What of the inputs is fixed in the result: values that are no tensors, and sizes that were to be open."""
    import torch
    from torch.utils import _pytree as pytree

    notes = []
    values = [
        f"{name} = {value!r}"
        for name, value in arguments.items()
        if not any(isinstance(leaf, torch.Tensor) for leaf in pytree.tree_leaves(value))
    ]
    if values:
        notes.append(f"no inputs, but fixed in the result: {', '.join(values)}")
    sizes = [
        f"{name}[{i}] = {size}"
        for leaf, name, fake in _placeholders(program, arguments)
        if dynamic and isinstance(leaf, torch.Tensor) and fake is not None
        for i, size in enumerate(fake.shape)
        if isinstance(size, int) and size < 2
    ]
    if sizes:
        notes.append(f"sizes of 0 and 1 are fixed; give examples of 2 to leave them open: {', '.join(sizes)}")
    return notes


def _other_sizes(
    program: Any, arguments: dict[str, Any], change: Callable[[int], int]
) -> dict[str, Any] | None:
    """Random arguments with other numbers in the place of open sizes; None if no size is open."""
    import torch
    from torch.utils import _pytree as pytree

    leaves, spec = pytree.tree_flatten(arguments)
    known = _placeholders(program, arguments)
    values: dict[Any, int] = {}
    for leaf, _, fake in known:
        if isinstance(leaf, torch.Tensor) and fake is not None:
            for size, symbolic in zip(leaf.shape, fake.shape):
                if isinstance(symbolic, torch.SymInt) and symbolic.node.expr.is_symbol:
                    values.setdefault(symbolic.node.expr, change(size))
    if not values:
        return None
    for i, (leaf, _, fake) in enumerate(known):
        if isinstance(leaf, torch.Tensor) and fake is not None:
            shape = [
                int(s.node.expr.subs(values)) if isinstance(s, torch.SymInt) else int(s) for s in fake.shape
            ]
            leaves[i] = _random_like(leaf, shape)
    changed: dict[str, Any] = pytree.tree_unflatten(leaves, spec)
    return changed


def _random_like(tensor: Any, shape: list[int]) -> Any:
    """Values as in a tensor: integers from its range, so that indices stay indices."""
    import torch

    if tensor.is_floating_point() or tensor.is_complex():
        return torch.randn(shape).to(tensor.dtype)
    if not tensor.numel():
        return tensor.new_zeros(shape)
    low, high = int(tensor.min()), int(tensor.max())
    return torch.randint(low, high + 1, shape).to(tensor.dtype)


def _compare(
    made: Exported,
    program: Any,
    module: Any,
    arguments: dict[str, Any],
    run: Callable[[dict[str, Any]], Any],
) -> None:
    """Compare results, at the sizes of the example and at others where they are open."""
    import torch

    with torch.no_grad():
        made.largest_difference = _difference(module(**_copied(arguments)), run(_copied(arguments)))
        for change in (lambda n: n + 1, lambda n: 2 * n):
            others = _other_sizes(program, arguments, change)
            if others is None:
                return
            try:
                expected = module(**_copied(others))
            except Exception:  # sizes that the module does not take: no reason to expect it of the result
                continue
            try:
                with _quiet():
                    found = run(_copied(others))
            except Exception as error:
                made.notes.append(f"does not take every size that the module takes: {_reason(error)}")
                return
            gap = _difference(expected, found)
            if gap is not None and made.largest_difference is not None:
                made.largest_difference = max(made.largest_difference, gap)
            return
    made.notes.append(
        "not compared at other sizes than those of the example: the module takes none that were tried"
    )


def _copied(arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments that a module may write to."""
    import torch
    from torch.utils import _pytree as pytree

    copied: dict[str, Any] = pytree.tree_map(
        lambda value: value.clone() if isinstance(value, torch.Tensor) else value, arguments
    )
    return copied


def _onnx_runner(path: Path) -> Callable[[dict[str, Any]], list[Any]]:
    import onnxruntime
    import torch
    from torch.utils import _pytree as pytree

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]

    def run(arguments: dict[str, Any]) -> list[Any]:
        tensors = [v for v in pytree.tree_leaves(arguments) if isinstance(v, torch.Tensor)]
        feeds = {name: tensor.detach().numpy() for name, tensor in zip(names, tensors)}
        return [torch.from_numpy(value) for value in session.run(None, feeds)]

    return run


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
            largest = max(largest, float(gaps(a, b).max()))
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

"""Trace every operator of PyTorch's own test database, beside torch.jit.trace, and say what does not work.

    python -m tests.tracing.sweeps.op_db                  all operators: some minutes
    python -m tests.tracing.sweeps.op_db add nn.functional.linear
    python -m tests.tracing.sweeps.op_db --every 20       a part of them, as the test suite does

For each operator, with float32 and int64 samples: it is traced on a sample, and the trace is run on that sample
and on a second one of the same structure with other values. What it returns, and the gradients of
what it returns where the operator has any, are to be those of eager PyTorch. Both tracers get the same samples.
"""

import argparse
import copy
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

import torchscript

DTYPES = (torch.float32, torch.int64)
SAMPLES = 3
TRACERS: dict[str, Any] = {"torchscript": torchscript.trace, "torch.jit": torch.jit.trace}


@dataclass
class Case:
    """A function of tensors only, and the tensors of two samples."""

    function: Callable[..., Any]
    first: tuple[torch.Tensor, ...]
    second: tuple[torch.Tensor, ...] | None


def name_of(op: Any) -> str:
    return f"{op.name}.{op.variant_test_name}" if op.variant_test_name else op.name


def cases_of(op: Any, dtype: torch.dtype) -> Iterator[Case]:
    differentiable = dtype.is_floating_point and op.supports_autograd
    torch.manual_seed(0)
    samples = list(op.sample_inputs("cpu", dtype, requires_grad=differentiable))
    torch.manual_seed(1)
    others = list(op.sample_inputs("cpu", dtype, requires_grad=differentiable))
    count = 0
    for sample, other in zip(samples, others):
        parts, spec = tree_flatten((sample.input, sample.args, sample.kwargs))
        other_parts, other_spec = tree_flatten((other.input, other.args, other.kwargs))
        tensors = tuple(p for p in parts if isinstance(p, torch.Tensor))
        if not tensors:
            continue

        def function(*given: Any, parts: Any = parts, spec: Any = spec) -> Any:
            queue = list(given)
            filled = [queue.pop(0) if isinstance(p, torch.Tensor) else p for p in parts]
            input, args, kwargs = tree_unflatten(filled, spec)
            return outputs_of(op(input, *args, **kwargs))

        same = spec == other_spec and all(
            isinstance(b, torch.Tensor) if isinstance(a, torch.Tensor) else repr(a) == repr(b)
            for a, b in zip(parts, other_parts)
        )
        second = tuple(p for p in other_parts if isinstance(p, torch.Tensor)) if same else None
        try:
            if not run(function, tensors)[0]:
                continue  # no tensor comes out
            if second is not None:
                run(function, second)
        except Exception:
            continue  # not for eager mode either
        yield Case(function, tensors, second)
        count += 1
        if count == SAMPLES:
            return


def outputs_of(result: Any) -> Any:
    if isinstance(result, torch.Tensor):
        return result
    return tuple(t for t in tree_flatten(result)[0] if isinstance(t, torch.Tensor))


def clones(tensors: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return tuple(t.detach().clone().requires_grad_(t.requires_grad) for t in tensors)


def run(function: Callable[..., Any], inputs: tuple[torch.Tensor, ...]) -> tuple[list[Any], list[Any]]:
    """What a function returns, and the gradients of its inputs."""
    given = clones(inputs)
    torch.manual_seed(42)  # which op_db itself sets within random operators, unseen by a trace
    outputs = [t for t in tree_flatten(function(*given))[0] if isinstance(t, torch.Tensor)]
    leaves = [t for t in given if t.requires_grad]
    differentiable = [o for o in outputs if o.requires_grad]
    gradients: list[Any] = []
    if leaves and differentiable:
        total = sum(o.abs().sum() if not o.is_sparse else o.to_dense().abs().sum() for o in differentiable)
        gradients = list(torch.autograd.grad(total, leaves, allow_unused=True))
    return [o.detach() for o in outputs], gradients


def problem(trace: Any, case: Case) -> str | None:
    """What is wrong with a trace of the case; None if nothing is."""
    try:
        traced = trace(case.function, clones(case.first), check_trace=False)
    except Exception as error:
        return f"cannot be traced: {short(error)}"
    for which, inputs in (("its sample", case.first), ("a second sample", case.second)):
        if inputs is None:
            continue
        expected, gradients = run(case.function, inputs)
        try:
            actual, actual_gradients = run(traced, inputs)
        except Exception as error:
            return f"fails on {which}: {short(error)}"
        try:
            torch.testing.assert_close(actual, expected, equal_nan=True)
        except AssertionError as error:
            return f"differs on {which}: {short(error)}"
        try:
            torch.testing.assert_close(
                [g for g in actual_gradients if g is not None],
                [g for g in gradients if g is not None],
                equal_nan=True,
            )
        except AssertionError as error:
            return f"has other gradients on {which}: {short(error)}"
    return None


def short(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:160]}"


def sweep(names: list[str], every: int = 1) -> dict[str, dict[str, str | None]]:
    """By operator and dtype, by tracer: the first problem, or None."""
    from torch.testing._internal.common_methods_invocations import op_db

    found: dict[str, dict[str, str | None]] = {}
    chosen = [op for op in op_db if name_of(op) in names] if names else op_db[::every]
    for op in chosen:
        for dtype in DTYPES:
            if dtype not in op.dtypes:
                continue
            try:
                cases = list(cases_of(op, dtype))
            except Exception as error:
                print(f"{name_of(op)}: no samples: {short(error)}", file=sys.stderr)
                continue
            if cases:
                found[f"{name_of(op)} {str(dtype).removeprefix('torch.')}"] = {
                    tracer: next(filter(None, (problem(trace, case) for case in cases)), None)
                    for tracer, trace in TRACERS.items()
                }
    return found


def report(found: dict[str, dict[str, str | None]]) -> str:
    theirs = [name for name, by in found.items() if by["torch.jit"] is None]
    kept = [name for name in theirs if found[name]["torchscript"] is None]
    right = {name: by["torch.jit"] for name, by in found.items() if not by["torchscript"] and by["torch.jit"]}
    lines = ["What torchscript does not trace right:", ""]
    for name, by in found.items():
        if by["torchscript"]:
            beside = f"torch.jit: {by['torch.jit']}" if by["torch.jit"] else "torch.jit is right"
            lines.append(f"  {name}: {by['torchscript']} [{beside}]")
    lines += ["", "What torch.jit.trace does not, and torchscript does:", ""]
    lines += [f"  {name}: {reason}" for name, reason in right.items()]
    ours = sum(by["torchscript"] is None for by in found.values())
    lines += [
        "",
        f"torchscript: {ours} of {len(found)} right; torch.jit: {len(theirs)} of {len(found)}",
        f"of what torch.jit.trace manages: {len(kept)} of {len(theirs)} = {len(kept) / max(1, len(theirs)):.1%}",
        f"right where torch.jit.trace is not: {len(right)}",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="operators, by their names in op_db (default: all)")
    parser.add_argument("--every", type=int, default=1, help="only every n-th operator")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    print(report(sweep(arguments.names, arguments.every)))


if __name__ == "__main__":
    main()

"""Is the trace right? Record again, compare the graphs; run both, compare what they return.

ERROR: Graphs differed across invocations!     the Python code took another path with these inputs
Output nr 1. of the traced function …          the trace computes something else
Trace had nondeterministic nodes               dropout was left on
"""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import torch
from torch import nn

from .. import types as T
from ..errors import TracingCheckError
from ..ir import Function, Graph, Node
from ..ir.printer import print_node
from . import structures
from .branches import Branches
from .diagnostics import Diagnostics
from .finishing import is_random
from .python_state import as_before
from .recording import Recording, record, record_methods
from .snapshots import unchanged

_LONG = 2000  # lines of a graph beyond which a diff shows changed parts only
Inputs = tuple[tuple[Any, ...], dict[str, Any]]


def check_trace(
    func: Any,
    traced: Callable[..., Any],
    recording: Recording,
    check_inputs: Sequence[Inputs],
    tolerance: float,
    *,
    strict: bool = True,
    force_outplace: bool = False,
    branches: Branches | None = None,
    method: str = "forward",
    examples: Mapping[str, Inputs] | None = None,
    entry: str | None = None,
) -> None:
    """Record `func` once more on each of the inputs, and run `traced` and `func` side by side.

    Random numbers are drawn from the same state by both. For a module, `method` is the one that is checked,
    and `examples` are the inputs of all that were recorded. Raises TracingCheckError where graphs differ or
    a run fails, and warns where results differ.
    """
    options: dict[str, Any] = {
        "strict": strict, "silent": True, "force_outplace": force_outplace, "branches": branches,
    }  # fmt: skip
    diagnostics = Diagnostics()
    if isinstance(func, nn.Module):
        run: Callable[..., Any] = func if method == "forward" else getattr(func, method)
    else:
        run = func
    for args, kwargs in check_inputs:

        def record_again(args: Any = args, kwargs: Any = kwargs) -> Recording:
            if isinstance(func, nn.Module):
                inputs = {**(examples or {}), method: (args, kwargs)}
                return record_methods(func, clone(inputs), **options, entry=entry)
            return record(func, clone(args), clone(kwargs), **options)

        _check_once(run, traced, recording, record_again, args, kwargs, tolerance, diagnostics)


def _check_once(
    run: Callable[..., Any],
    traced: Callable[..., Any],
    recording: Recording,
    record_again: Callable[[], Recording],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    tolerance: float,
    diagnostics: Diagnostics,
) -> None:
    state = torch.get_rng_state()
    modules = [m for m in (_owner(run), _owner(traced)) if m is not None]
    try:
        with unchanged(*modules), as_before(recording.caches):
            difference = compare_recordings(recording, record_again())
        results = []
        for what, callable in (("trace", traced), ("Python function", run)):
            torch.set_rng_state(state)
            try:
                with unchanged(*modules):
                    result = callable(*clone(args), **clone(kwargs))
                    results.append([t.clone() for t in structures.tensors_in(_plain(result))])
            except Exception as error:
                message = f"encountered an exception while running the {what} with test inputs.\nException:\n"
                message += textwrap.indent(str(error), "\t")
                raise TracingCheckError(_failed(difference, message)) from error
    finally:
        torch.set_rng_state(state)
    random = random_nodes(recording)
    if random:
        nodes = "".join(f"\n\t{print_node(node).strip()}" for node in random[:20])
        diagnostics.warn(
            "random",
            f"Trace had nondeterministic nodes. Did you forget to call .eval() on your model? Nodes:{nodes}\n"
            "This may cause errors in trace checking. "
            "To disable trace checking, pass check_trace=False to trace()",
        )
    _compare_outputs(results[0], results[1], tolerance, diagnostics)
    if difference is not None:
        raise TracingCheckError(_failed(difference))


def _owner(callable: Any) -> nn.Module | None:
    """The module that a call may change."""
    owner = getattr(callable, "__self__", callable)
    return owner if isinstance(owner, nn.Module) else None


def _plain(result: Any) -> Any:
    return structures.from_fields(result)


def clone(obj: Any) -> Any:
    """A copy of inputs that a run may change."""
    if isinstance(obj, torch.Tensor):
        copy = obj.detach().clone()
        return copy.requires_grad_(obj.requires_grad) if obj.requires_grad else copy
    if isinstance(obj, tuple):
        parts = [clone(e) for e in obj]
        return type(obj)(*parts) if structures.is_named_tuple(obj) else tuple(parts)
    if isinstance(obj, list):
        return [clone(e) for e in obj]
    if isinstance(obj, Mapping):
        return {k: clone(v) for k, v in obj.items()}
    return obj


# --- Outputs --------------------------------------------------------------------------------------------


def _compare_outputs(
    ours: list[torch.Tensor], theirs: list[torch.Tensor], tolerance: float, diagnostics: Diagnostics
) -> None:
    for number, (actual, expected) in enumerate(zip(ours, theirs, strict=False), 1):
        pair = [actual.detach(), expected.detach()]
        found, wanted = [list(t.unbind()) if t.is_nested else t for t in pair]
        try:
            torch.testing.assert_close(found, wanted, rtol=tolerance, atol=tolerance, equal_nan=True)
        except AssertionError as error:
            diagnostics.warn(
                f"output {number}",
                f"Output nr {number}. of the traced function does not match the corresponding output of the "
                f"Python function. Detailed error:\n{error}",
            )
    if len(ours) != len(theirs):
        diagnostics.warn(
            "outputs",
            f"The traced function returns {len(ours)} tensors, and the Python function {len(theirs)}.",
        )


# --- Random numbers -------------------------------------------------------------------------------------

_SWITCHES = {"train", "training"}
_PROBABILITIES = {"p", "dropout_p", "dropout"}


def _arguments(node: Node) -> Iterator[tuple[str, Any]]:
    """The arguments of a node that are constants."""
    assert node.schema is not None
    for argument, value in zip(node.schema.arguments, node.inputs, strict=False):
        if value.node is not None and value.node.kind == "prim::Constant":
            yield argument.name, value.node.attributes.get("value")


def random_nodes(recording: Recording) -> list[Node]:
    """The nodes that draw random numbers (dropout that is off draws none)."""
    found = []
    for function in recording.functions().values():
        for node in function.graph.all_nodes():
            if is_random(node):
                off = any(
                    (name in _SWITCHES and value is False) or (name in _PROBABILITIES and value == 0)
                    for name, value in _arguments(node)
                )
                if not off:
                    found.append(node)
    return found


# --- Graphs ---------------------------------------------------------------------------------------------


@dataclass
class Difference:
    """How two recordings of the same code differ: texts for the error's paragraphs."""

    graphs: str | None
    constants: str | None


def compare_recordings(one: Recording, other: Recording) -> Difference | None:
    """The first difference between the graphs of two recordings, or None."""
    ours, theirs = one.functions(), other.functions()
    for name in (*ours, *(n for n in theirs if n not in ours)):
        difference = _compare_functions(name, ours.get(name), theirs.get(name))
        if difference is not None:
            return difference
    return None


def _compare_functions(name: str, one: Function | None, other: Function | None) -> Difference | None:
    if one is None or other is None:
        where = "the trace" if other is None else "the repeated trace"
        return Difference(f"{name} is called in {where} only.", None)
    ours, theirs = _untyped(one.graph), _untyped(other.graph)
    text, other_text = ours.str(False), theirs.str(False)
    constants = _compare_constants(ours, theirs)
    if text == other_text:
        return Difference(None, constants) if constants is not None else None
    shown = "Graph diff:\n" + textwrap.indent(_diff(text, other_text), "\t")
    nodes = _first_difference(ours, theirs)
    if nodes is not None:
        shown += "\n" + nodes
    return Difference(shown, constants)


def _untyped(graph: Graph) -> Graph:
    """A copy without the sizes that a run saw, which may differ."""
    graph = graph.copy()
    values = list(graph.inputs)
    for node in graph.all_nodes():
        values += node.outputs
    for value in values:
        value.type = _without_sizes(value.type)
    return graph


def _without_sizes(type: T.Type) -> T.Type:
    if isinstance(type, T.TensorType):
        return T.TENSOR
    if type.contained and not isinstance(type, T.ClassType):
        return type.with_contained(tuple(map(_without_sizes, type.contained)))
    return type


def _diff(one: str, other: str) -> str:
    a, b = one.strip().splitlines(keepends=True), other.strip().splitlines(keepends=True)
    if max(len(a), len(b)) > _LONG:
        lines = difflib.unified_diff(a, b, "trace", "repeated trace", n=3)
    else:
        lines = difflib.ndiff(a, b)
    return "".join(line if line.endswith("\n") else line + "\n" for line in lines).rstrip("\n")


def _first_difference(one: Graph, other: Graph) -> str | None:
    for ours, theirs in zip_longest(one.block.nodes, other.block.nodes):
        text = print_node(ours).partition(" # ")[0].strip() if ours is not None else ""
        other_text = print_node(theirs).partition(" # ")[0].strip() if theirs is not None else ""
        if text != other_text:
            parts = [
                "First diverging operator:",
                "Node diff:",
                textwrap.indent(_diff(text, other_text), "\t"),
            ]
            for title, node in (("Trace source location:", ours), ("Check source location:", theirs)):
                if node is not None and node.source is not None:
                    parts += [title, textwrap.indent(node.source.show(), "\t")]
            return "\n".join(parts)
    return None


def _compare_constants(one: Graph, other: Graph) -> str | None:
    for ours, theirs in zip(one.all_nodes(), other.all_nodes(), strict=False):
        a, b = ours.attributes.get("value"), theirs.attributes.get("value")
        if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
            try:
                torch.testing.assert_close(b, a, equal_nan=True)
            except AssertionError as error:
                parts = [
                    "Tensor-valued Constant nodes differed in value across invocations. This often "
                    "indicates that "
                    "the tracer has encountered untraceable code.",
                    f"Node:\n\t{print_node(ours).strip()}",
                ]
                if ours.source is not None:
                    parts.append("Source Location:\n" + textwrap.indent(ours.source.show(), "\t"))
                parts.append("Comparison exception:\n" + textwrap.indent(str(error), "\t"))
                return "\n".join(parts)
    return None


def _failed(difference: Difference | None, message: str | None = None) -> str:
    parts = ["Tracing failed sanity checks!"]
    if difference is not None and difference.graphs is not None:
        parts.append("ERROR: Graphs differed across invocations!")
        parts.append(textwrap.indent(difference.graphs, "\t"))
    if difference is not None and difference.constants is not None:
        title, _, rest = difference.constants.partition("\n")
        parts += [f"ERROR: {title}", textwrap.indent(rest, "\t")]
    if message is not None:
        parts.append(message)
    return "\n".join(parts)

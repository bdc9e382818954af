"""How a fusion group is recorded for autograd: as one node, by `ts::record` of the runtime.

bool _group0_recorded(const Tensor& a0, int64_t a1, Tensor& o0) {
  static const ts::Gradient gradient{…};
  return ts::record(gradient, {&a0}, {&o0}, <forward kernel>, <backward kernel>, <the operators one by one>);
}
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ... import types as T
from ...ir.graph import Node
from .kernels import Gradient


def group_parameters(node: Node, inputs: Sequence[str], outputs: Sequence[str]) -> str:
    """The parameters of a function that stands for a group: inputs, and where its results go."""
    given = [
        f"{_spelled(value.type)} {name}"
        for value, name in zip(node.blocks[0].parameters, inputs, strict=True)
    ]
    return ", ".join(given + [f"Tensor& {name}" for name in outputs])


def _spelled(type: T.Type) -> str:
    return next(
        spelling
        for kind, spelling in (
            (T.TensorType, "const Tensor&"), (T.IntType, "int64_t"), (T.FloatType, "double"), (T.BoolType, "bool"),
        )
        if isinstance(type, kind)
    )  # fmt: skip


def record_function(node: Node, group: str, kernel: str, gradient: Gradient) -> str:
    """The function that runs a group's kernel where gradients are wanted; false if it could not."""
    forward, backward = gradient.forward, gradient.backward
    inputs = [f"a{i}" for i in range(len(node.inputs))]
    outputs = [f"o{k}" for k in range(len(node.outputs))]
    numbers = [f"static_cast<double>({inputs[i]})" for i in forward.numbers]
    saved = [f"saved[{i}]" for i in backward.saved]
    given = [f"gradients[{k}]" for k in backward.gradients]
    results = [f"results[{i}]" for i in range(len(backward.kernel.outputs))]
    run = f"{gradient.name}({', '.join([*saved, *given, *numbers, *results])})" if gradient.name else "true"
    place = {index: i for i, index in enumerate(forward.tensors)}
    again = [f"inputs[{place[i]}]" if i in place else name for i, name in enumerate(inputs)]
    again += [f"outputs[{k}]" for k in range(len(outputs))]
    shapes = ["0" if not o.is_reduced else "'k'" if o.keeps else "'f'" for o in forward.outputs]
    facts = [
        _braced(map(str, backward.sources)),
        _braced(f"{bits}ull" for bits in backward.reads),
        _braced(f"{bits}ull" for bits in backward.origins),
        _braced(shapes),
        str(len(results)),
    ]
    return "\n".join([
        f"bool {group}_recorded({group_parameters(node, inputs, outputs)}) {{",
        f"  static const ts::Gradient gradient{_braced(facts)};",
        f"  const Tensor* tensors[] = {_braced('&' + inputs[i] for i in forward.tensors)};",
        f"  Tensor* made[] = {_braced('&' + name for name in outputs)};",
        "  return ts::record(gradient, tensors, made,",
        f"    [&] {{ return {kernel}({', '.join(inputs + outputs)}); }},",
        "    [=](const Tensor* saved, const Tensor* gradients, Tensor* results) {",
        f"      (void)saved; (void)gradients; (void)results; return {run};",
        "    },",
        f"    [=](const Tensor* inputs, Tensor* outputs) {{ int at = 0; {group}({', '.join(['at', *again])}); }});",
        "}",
    ])  # fmt: skip


def _braced(parts: Iterable[str]) -> str:
    return "{" + ", ".join(parts) + "}"

"""The kernel of a fusion group as a C++ function, vectorised and, above a grain size, parallel.

    template <class T, class S, bool DENSE> void _kernel0_run(const ts::Plan& plan) {
      ts::kernel::each(plan, [&](int64_t row, int64_t from, int64_t to) {
        …
        auto step = [&](int64_t i, int64_t count) { const V v1 = mul(i0.load(i, count), c0); o0.store(i, v1, count); };

A group of rows has one such loop for each level: what the first reductions need, what needs their results, and so on.
What a later loop reads again is kept in a buffer of one row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ...ir.graph import Node
from .gradients import Backward, backward_of
from .kernel_program import Item, Kernel, NoKernel, read_group
from .unit import Unit

_EXACT_NAMES = """
copy detach neg abs sign floor ceil trunc round relu maximum minimum fmax fmin clamp clamp_min clamp_max hardtanh
where masked_fill fill fill_zero fill_one amax amin number
"""

_EXACT = frozenset(_EXACT_NAMES.split())
"""Functions that give numbers of the dtype that they take, with nothing to round."""

_FLOAT_NUMBERS = frozenset({"mul", "div", "leaky_relu", "elu", "softplus", "threshold", "over_length_less"})
"""Functions that take numbers in float where tensors are bfloat16 or half; others round them first, as PyTorch does."""

_PLACEHOLDER = "@kernel"  # until it is known whether another group has the same kernel

_REDUCERS = {"sum": "Sum<T>", "mean": "Sum<T>", "amax": "Extremum<T, true>", "amin": "Extremum<T, false>"}
_DTYPES = {torch.float32: "at::kFloat", torch.float64: "at::kDouble"}

_FLOATING = [("at::kFloat", "float", "float"), ("at::kDouble", "double", "double")]
_LOW = [("at::kBFloat16", "float", "at::BFloat16"), ("at::kHalf", "float", "at::Half")]
_INTEGERS = [("at::kInt", "int32_t", "int32_t"), ("at::kLong", "int64_t", "int64_t")]
_VARIANTS = {
    (low, integers): _FLOATING + _LOW * low + _INTEGERS * integers
    for low in (False, True)
    for integers in (False, True)
}
"""Dtype of the tensors, what the kernel computes in, what it reads and writes."""


def make_kernel(unit: Unit, group: Node, records: bool) -> tuple[str, Gradient | None] | None:
    """Write the kernel of a group into the unit, and (`records`) that of its gradients; None where it has none."""
    try:
        kernel = read_group(group)
    except NoKernel:
        return None
    name = _write(unit, kernel)
    if not records:
        return name, None
    try:
        backward = backward_of(kernel)
    except NoKernel:
        return name, None
    has_kernel = bool(backward.kernel.outputs)
    return name, Gradient(backward, kernel, _write(unit, backward.kernel) if has_kernel else None)


@dataclass(slots=True)
class Gradient:
    """The derivative of a group's kernel, and the C++ function that computes it where there is something to compute."""

    backward: Backward
    forward: Kernel
    name: str | None


def _write(unit: Unit, kernel: Kernel) -> str:
    made = _Writer(kernel, _PLACEHOLDER).write()
    name = unit.kernel_names.get(made)
    if name is None:
        name = unit.kernel_names[made] = unit.kernel_name()
        unit.kernels.append(made.named(name))
    return name


@dataclass(frozen=True, slots=True)
class KernelText:
    """A kernel in C++: `run` walks over a plan and knows no tensors, `entry` makes the plan; each with its declaration.

    `cost` grows with the time that `run` takes to compile.
    """

    run: str
    run_declaration: str
    entry: str
    cost: int

    @property
    def entry_declaration(self) -> str:
        return self.entry.partition(" {\n")[0] + ";"

    def named(self, name: str) -> KernelText:
        texts = [text.replace(_PLACEHOLDER, name) for text in (self.run, self.run_declaration, self.entry)]
        return KernelText(texts[0], texts[1], texts[2], self.cost)


class _Writer:
    def __init__(self, kernel: Kernel, name: str) -> None:
        self.kernel = kernel
        self.name = name
        self.number_type = "int64_t" if kernel.takes_integers else "double"
        self.numbers = ", ".join(f"{self.number_type} n{i}" for i in range(len(kernel.numbers)))
        self.buffers: dict[Item, int] = {}

    def write(self) -> KernelText:
        self._name_items()
        body = self._rows() if self.kernel.is_row else self._points()
        variants = self._variants()
        declaration = f"bool {self.name}_run({self._parameters()})"
        run = "\n".join([
            "template <class T, class S, bool DENSE>",
            f"static void {self.name}_loop({self._parameters()}) {{",
            "  using V = ts::kernel::Vec<T>;",
            *body,
            "}",
            f"{declaration} {{",
            "  switch (plan.dtype) {",
            *variants,
            "    default: return false;",
            "  }",
            "}",
        ])  # fmt: skip
        cost = sum(map(len, body)) * sum(line.count("_loop<") for line in variants)
        return KernelText(run, declaration + ";", self._entry(), cost)

    def _parameters(self) -> str:
        return ", ".join(["const ts::Plan& plan", self.numbers] if self.numbers else ["const ts::Plan& plan"])

    def _variants(self) -> list[str]:
        """The loop for each dtype of the tensors."""
        kernel = self.kernel
        given = ", ".join(["plan", *(f"n{i}" for i in range(len(kernel.numbers)))])
        wanted = {_DTYPES[dtype] for dtype in kernel.dtypes}
        lines = []
        for code, computed, stored in _VARIANTS[kernel.takes_low, kernel.takes_integers]:
            if wanted and wanted != {code}:
                continue
            both = stored == computed and not kernel.is_backward and "int" not in computed
            made = f"{self.name}_loop<{computed}, {stored}"
            call = f"{made}, false>({given});"  # one loop for all strides, to compile less
            if both:
                call = f"plan.is_dense ? {made}, true>({given}) : {call}"
            lines.append(f"    case {code}: {call} return true;")
        return lines

    # -- names -----------------------------------------------------------------------------------------------

    def _name_items(self) -> None:
        for i, item in enumerate(self.kernel.items):
            item.name = f"v{i}"

    def _constants(self) -> list[str]:
        return [f"const V {i.name}{{T({i.text})}};" for i in self.kernel.items if i.is_number]

    def _inputs(self) -> list[str]:
        lines = []
        for i, is_mask in enumerate(self.kernel.masks):
            kind = "InMask<T>" if is_mask else "In<T, S, DENSE>"
            lines.append(f"const ts::kernel::{kind} i{i}(plan, {i}, row);")
        for i, item in enumerate(self.kernel.outputs):
            kind = "OutMask<T>" if item.is_mask else "Out<T, S>"
            lines.append(f"const ts::kernel::{kind} o{i}(plan, {i}, row);")
        return lines

    def _call(self, item: Item) -> str:
        names = [self._argument(item, a) for a in item.arguments]
        if item.function in ("copy", "detach"):
            return names[0]
        if item.function == "over_length_less":
            text = f"{names[0]} / V(T(plan.length) - T({item.arguments[1].text}))"
        elif item.function == "logical_not":
            text = f"ts::kernel::invert({names[0]})"
        else:
            text = f"ts::kernel::{item.function}({', '.join(names)})"
        return self._rounded(item, text)

    def _argument(self, item: Item, argument: Item) -> str:
        rounds = argument.is_number and self.kernel.takes_low and item.function not in _FLOAT_NUMBERS
        return f"ts::kernel::rounded<S>({argument.name})" if rounds else argument.name

    def _rounded(self, item: Item, text: str) -> str:
        rounds = item.rounds and self.kernel.takes_low and item.function not in _EXACT
        return f"ts::kernel::rounded<S>({text})" if rounds else text

    # -- element by element ----------------------------------------------------------------------------------

    def _points(self) -> list[str]:
        step = []
        for item in self.kernel.items:
            if item.function == "input":
                step.append(f"const V {item.name} = i{item.text}.load(i, count);")
            elif item.arguments:
                step.append(f"const V {item.name} = {self._call(item)};")
        step += [f"o{i}.store(i, {item.name}, count);" for i, item in enumerate(self.kernel.outputs)]
        return _indented([
            *self._constants(),
            "ts::kernel::each(plan, [&](int64_t row, int64_t from, int64_t to) {",
            *_indented([*self._inputs(), *_loop(step, "from", "to")]),
            "});",
        ])  # fmt: skip

    # -- row by row ------------------------------------------------------------------------------------------

    def _rows(self) -> list[str]:
        items = [i for i in self.kernel.items if i.arguments or i.function == "input"]
        levels = max(i.level for i in items) + 1
        self._find_buffers(items)
        lines = self._inputs()
        if self.buffers:
            lines.append("const int64_t pad = (plan.length + V::size() - 1) / V::size() * V::size();")
            lines.append(f"T* buffer = ts::kernel::scratch<T>(pad * {len(self.buffers)});")
        for level in range(levels):
            lines += self._level(items, level)
        for i, item in enumerate(self.kernel.outputs):
            if item.is_reduced:
                lines.append(f"o{i}.store(0, {item.name}, 1);")
        return _indented([
            *self._constants(),
            "ts::kernel::each_row(plan, [&](int64_t row) {",
            *_indented(lines),
            "});",
        ])  # fmt: skip

    def _find_buffers(self, items: Sequence[Item]) -> None:
        """Rows that a later loop reads again, but for inputs, which are read again themselves."""
        for item in items:
            for argument in item.arguments:
                if argument.is_reduced or argument.function == "input" or argument.is_number:
                    continue
                if _loop_of(item) > argument.level:
                    self.buffers.setdefault(argument, len(self.buffers))

    def _level(self, items: Sequence[Item], level: int) -> list[str]:
        lines: list[str] = []
        for item in items:  # numbers of whole rows, which the reductions before have made possible
            if item.is_reduced and item.level == level and item.function not in _REDUCERS:
                lines.append(f"const V {item.name} = {self._call(item)};")
        reductions = [i for i in items if i.function in _REDUCERS and i.is_reduced and i.level == level + 1]
        stored = [(i, o) for i, o in enumerate(self.kernel.outputs) if o.level == level and not o.is_reduced]
        wanted = self._needed(items, level, reductions, [o for _, o in stored])
        if not reductions and not stored and not any(i in self.buffers for i in wanted):
            return lines
        step: list[str] = []
        for item in items:
            if item not in wanted:
                continue
            if item.function == "input":
                step.append(f"const V {item.name} = i{item.text}.load(i, count);")
            elif item.level < level:
                step.append(f"const V {item.name} = V::loadu(buffer + pad * {self.buffers[item]} + i);")
            else:
                step.append(f"const V {item.name} = {self._call(item)};")
                if item in self.buffers:
                    step.append(f"{item.name}.store(buffer + pad * {self.buffers[item]} + i);")
        ways = _ways(step) if reductions else 1
        ahead: list[str] = []
        if (
            reductions and level
        ):  # its row is near already: meanwhile, the memory that the next loops will wait for
            for i, is_mask in enumerate(self.kernel.masks):
                if not is_mask:
                    ahead.append(f"const S* next{i} = ts::kernel::In<T, S, DENSE>::next(plan, {i}, row);")
                    step.append(f"if (DENSE) __builtin_prefetch(next{i} + i);")
            for i, item in enumerate(self.kernel.outputs):
                if not item.is_mask and not item.is_reduced:
                    step.append(f"__builtin_prefetch(o{i}.data + i, 1);")
        for item in reductions:
            lines.append(f"ts::kernel::{_REDUCERS[item.function]} r{item.name};")
            step.append(f"r{item.name}.add(part, {item.arguments[0].name}, count);")
        step += [f"o{i}.store(i, {item.name}, count);" for i, item in stored]
        lines += ["{", *_indented([*ahead, *_loop(step, "0", "plan.length", ways)]), "}"]
        for item in reductions:
            over = " / T(plan.length)" if item.function == "mean" else ""
            lines.append(
                f"const V {item.name} = {self._rounded(item, f'V(T(r{item.name}.result(){over}))')};"
            )
        return lines

    def _needed(
        self, items: Sequence[Item], level: int, reductions: list[Item], stored: list[Item]
    ) -> set[Item]:
        """The rows that the loop of a level computes or loads."""
        needed: set[Item] = set()
        pending = [r.arguments[0] for r in reductions] + stored
        pending += [i for i in self.buffers if i.level == level]
        while pending:
            item = pending.pop()
            if item in needed or item.is_reduced or item.is_number:
                continue
            needed.add(item)
            if item.level == level:
                pending += item.arguments
        return needed

    # -- the entry -------------------------------------------------------------------------------------------

    def _entry(self) -> str:
        kernel = self.kernel
        parameters, inputs, numbers = [], [], []
        for i in range(len(kernel.tensors) + len(kernel.numbers)):
            if i in kernel.tensors:
                parameters.append(f"const Tensor& a{i}")
                is_mask = kernel.masks[kernel.tensors.index(i)]
                inputs.append(f"{{&a{i}, {'true' if is_mask else 'false'}}}")
            else:
                parameters.append(f"{self.number_type} a{i}")
                numbers.append(f"a{i}")
        outputs = []
        for i, item in enumerate(kernel.outputs):
            parameters.append(f"Tensor& out{i}")
            flags = [
                str(item.is_mask).lower(),
                f"{item.reads}ull",
                str(item.is_reduced).lower(),
                str(item.keeps).lower(),
            ]
            outputs.append(f"{{&out{i}, {', '.join(flags)}}}")
        reduced = [
            f"{i.arguments[0].reads}ull" for i in kernel.items if i.function in _REDUCERS and i.is_reduced
        ]
        count = len(reduced)
        run = "".join(f", {n}" for n in numbers)
        lines = [
            f"bool {self.name}({', '.join(parameters)}) {{",
            f"  const ts::KernelInput inputs[] = {{{', '.join(inputs)}}};",
            f"  ts::KernelOutput outputs[] = {{{', '.join(outputs)}}};",
            f"  const uint64_t reduced[] = {{{', '.join(reduced) or '0'}}};",
            "  ts::Plan plan;",
            *(["  plan.takes_low = true;"] if kernel.takes_low else []),
            *(["  plan.takes_integers = true;"] if kernel.takes_integers else []),
            *(["  plan.keeps_strides = false;"] if kernel.is_backward else []),
            f"  if (!ts::make_plan(plan, {str(kernel.is_row).lower()}, inputs, {len(inputs)}, outputs, "
            f"{len(outputs)}, reduced, {count})) return false;",
        ]
        if kernel.takes_integers:
            lines += [
                f"  if (plan.dtype == at::kInt && {n} != static_cast<int32_t>({n})) return false;"
                for n in numbers
            ]
        lines += [f"  return {self.name}_run(plan{run});", "}"]
        return "\n".join(lines)


def _loop_of(item: Item) -> int:
    """The level of the loop that reads the item's arguments."""
    return item.level - 1 if item.function in _REDUCERS and item.is_reduced else item.level


def _ways(step: Sequence[str]) -> int:
    """How many vectors a loop with reductions takes at once: more where it does little else but wait for its sums."""
    return 4 if len(step) <= 6 else 2


def _loop(step: list[str], first: str, last: str, ways: int = 1) -> list[str]:
    return [
        "auto step = [&]([[maybe_unused]] auto part, int64_t i, int64_t count) __attribute__((always_inline)) {",
        *_indented(step),
        "};",
        f"ts::kernel::each_vector<T, {ways}>({first}, {last}, step);",
    ]


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"  {line}" for line in lines]

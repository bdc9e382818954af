"""What the machine allows in programs that are little more than products, or than memory.

    python benchmarks/bench_limits.py [--repetitions 15]

Loops of layers cannot take less time than their products do at the best rate that the matrix library reaches here, with
weights that lie as it wants them; a softmax no less than a copy of its tensor. Both are given as ratios to torch.jit's
time in the same rounds, like the goals of bench_native.py, with what native code takes.

Linear layers packed for oneDNN, with a relu in the kernel, beside PyTorch's two operators: why optimize_for_inference
leaves them alone.
"""

import argparse
import warnings
from collections.abc import Callable

import torch
from bench_native import call, native, with_jit
from common import Spread, interleave, machine, prepare, ratios, settled
from hand_written import a_copy
from workloads import workloads

# of a step: rows, inputs and outputs of each product
PRODUCTS = {
    "LSTM loop B=64 H=64": [(64, 64, 256)] * 2,
    "LSTM loop B=64 H=512": [(64, 512, 2048)] * 2,
    "multiplicative LSTM B=64 H=64": [(64, 64, 64)] * 2 + [(64, 64, 256)] * 2,
}
STEPS = 100
SHAPES = [(64, 64, 256), (64, 512, 2048), (256, 512, 2048), (2048, 512, 2048)]


def best_rate(repetitions: int) -> float:
    """Additions and multiplications a second, in units of 1e9: the fastest of some products."""
    runs: dict[str, Callable[[], object]] = {}
    work = {}
    for shape in SHAPES:
        rows, inner, columns = shape
        a, b, out = torch.randn(rows, inner), torch.randn(inner, columns), torch.empty(rows, columns)
        times = max(1, 1 << 28 >> (rows * inner * columns).bit_length())

        def run(
            a: torch.Tensor = a, b: torch.Tensor = b, out: torch.Tensor = out, times: int = times
        ) -> None:
            for _ in range(times):
                torch.mm(a, b, out=out)

        runs[str(shape)], work[str(shape)] = run, 2 * rows * inner * columns * times
    samples = interleave(runs, repetitions, warm_up=2, measure=settled)
    return max(work[name] / Spread.of(own.cpu).median for name, own in samples.items()) / 1e9


def packed_linears(repetitions: int) -> list[tuple[str, float]]:
    """Layers, and the time of each by oneDNN relative to PyTorch's linear and relu."""
    found = []
    for rows in (1, 4, 16, 64, 256):
        for inputs, outputs in ((64, 64), (64, 256), (512, 512), (512, 2048), (1280, 1280)):
            x, w, b = torch.randn(rows, inputs), torch.randn(outputs, inputs), torch.randn(outputs)
            packed = torch.ops.mkldnn._reorder_linear_weight(w, rows)
            times = max(1, 1 << 24 >> (rows * inputs * outputs).bit_length())

            def plain(
                x: torch.Tensor = x, w: torch.Tensor = w, b: torch.Tensor = b, times: int = times
            ) -> None:
                for _ in range(times):
                    torch.relu(torch.nn.functional.linear(x, w, b))

            def fused(
                x: torch.Tensor = x, w: torch.Tensor = packed, b: torch.Tensor = b, times: int = times
            ) -> None:
                for _ in range(times):
                    torch.ops.mkldnn._linear_pointwise(x, w, b, "relu", [], "")

            with torch.inference_mode():
                samples = interleave({"plain": plain, "fused": fused}, repetitions, 2, settled)
            ratio = Spread.of(ratios(samples["fused"].cpu, samples["plain"].cpu)).median
            found.append((f"{rows}×{inputs} → {outputs}", ratio))
    return sorted(found, key=lambda pair: pair[1])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=15, help="rounds of each (default: 15)")
    options = parser.parse_args()
    prepare()
    warnings.simplefilter("ignore")
    rate = best_rate(options.repetitions)
    print(machine())
    print(f"products reach {rate:.0f} GFLOP/s at best")
    linears = packed_linears(max(3, options.repetitions // 3))
    print(
        "linear layers and relu by oneDNN, relative to PyTorch's: "
        + ", ".join(f"{name} {ratio:.2f}" for name, ratio in linears)
    )
    for workload in workloads():
        copy = a_copy(workload) if workload.name.startswith("softmax") else None
        products = PRODUCTS.get(workload.name)
        if copy is None and products is None:
            continue
        runs = {
            "torch.jit": call(with_jit(workload), workload),
            "native": call(native(workload), workload),
        }
        if copy is not None:
            runs["copy"] = call(copy, workload)
        samples = interleave(runs, options.repetitions, warm_up=3, measure=settled)
        base = samples["torch.jit"].cpu
        own = Spread.of(ratios(samples["native"].cpu, base)).median
        if products is None:
            least = Spread.of(ratios(samples["copy"].cpu, base)).median
            more = ""
        else:
            work = STEPS * workload.calls * sum(2 * a * b * c for a, b, c in products) / 1e9
            least = work / rate / Spread.of(base).median
            more = f", {work / Spread.of(samples['native'].cpu).median:.0f} GFLOP/s with all that it does"
        print(
            f"{workload.name}: native {own:.2f} of torch.jit{more}; at least {least:.2f}, goal {workload.goal}"
        )


if __name__ == "__main__":
    main()

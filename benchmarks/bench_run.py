"""Time that compiled code takes to run: eager Python, torchscript and torch.jit, all warmed up.

    python benchmarks/bench_run.py [--repetitions 25]

- scalar loop: 100 000 steps over integers with if, else and %, where nothing but the language itself counts.
  Goal: at most 0.5 × torch.jit's time.
- LSTM loop: a cell written with matmul, chunk, sigmoid and tanh, in a Python loop over 100 steps of a
  sequence (batch 1, 64 features), in inference mode. Goal: no slower than eager Python.

Goals are judged by processor time.
"""

import argparse
from collections.abc import Callable

import torch
from common import Goal, interleave, prepare, rows, table
from torch import Tensor, nn

import torchscript

HELP = argparse.RawDescriptionHelpFormatter
STEPS = 100_000
LENGTH, BATCH, FEATURES = 100, 1, 64
# Calls before the clock starts: torch.jit watches the first runs and specialises after them.
WARM_UP = 5


def scalar_loop(n: int) -> int:
    total = 0
    for i in range(n):
        if i % 3 == 0:
            total += i
        else:
            total -= i % 7
    return total


class LSTM(nn.Module):
    def __init__(self, features: int):
        super().__init__()
        self.input_weight = nn.Parameter(torch.randn(features, 4 * features) / features**0.5)
        self.hidden_weight = nn.Parameter(torch.randn(features, 4 * features) / features**0.5)
        self.bias = nn.Parameter(torch.zeros(4 * features))

    def forward(self, sequence: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        for step in range(sequence.size(0)):
            gates = (
                torch.matmul(sequence[step], self.input_weight)
                + torch.matmul(hidden, self.hidden_weight)
                + self.bias
            )
            input_gate, forget_gate, cell_gate, output_gate = gates.chunk(4, 1)
            cell = torch.sigmoid(forget_gate) * cell + torch.sigmoid(input_gate) * torch.tanh(cell_gate)
            hidden = torch.sigmoid(output_gate) * torch.tanh(cell)
        return hidden, cell


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HELP)
    parser.add_argument("--repetitions", type=int, default=25, help="rounds of each (default: 25)")
    repetitions = parser.parse_args().repetitions
    prepare()
    torch.manual_seed(0)
    print(table("Scalar loop, 100 000 steps", "torch.jit", measure_scalar_loop(repetitions)), flush=True)
    print(table("LSTM loop, 100 steps, B=1, H=64", "eager", measure_lstm_loop(repetitions)), flush=True)


def measure_scalar_loop(repetitions: int) -> list[list[str]]:
    functions: dict[str, Callable[[int], int]] = {
        "eager": scalar_loop,
        "torchscript": torchscript.script(scalar_loop),
        "torch.jit": torch.jit.script(scalar_loop),
    }
    for name, function in functions.items():
        assert function(STEPS) == scalar_loop(STEPS), name
    calls = {name: lambda function=function: function(STEPS) for name, function in functions.items()}
    samples = interleave(calls, repetitions, WARM_UP)
    return rows("scalar loop", samples, "torch.jit", Goal("torchscript", "torch.jit", 0.5))


def measure_lstm_loop(repetitions: int) -> list[list[str]]:
    model = LSTM(FEATURES).eval()
    sequence = torch.randn(LENGTH, BATCH, FEATURES)
    state = torch.zeros(BATCH, FEATURES), torch.zeros(BATCH, FEATURES)
    modules = {"eager": model, "torchscript": torchscript.script(model), "torch.jit": torch.jit.script(model)}
    with torch.inference_mode():
        for module in modules.values():
            torch.testing.assert_close(module(sequence, *state), model(sequence, *state))
        calls = {name: lambda module=module: module(sequence, *state) for name, module in modules.items()}
        samples = interleave(calls, repetitions, WARM_UP)
    return rows("LSTM loop", samples, "eager", Goal("torchscript", "eager", 1.0))


if __name__ == "__main__":
    main()

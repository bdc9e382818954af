"""Passes change graphs and not what graphs mean: run before and after each pass, and in Python."""

import copy
import itertools
from typing import Dict, List, Optional, Tuple

import pytest
import torch
import torch.nn.functional as F
from interpreter import run

from torchscript.ir import parse_graph, verify
from torchscript.passes import PASSES, optimize


def branches(x: torch.Tensor, n: int):
    y = x * 2
    if n > 2:
        z = y + 1
        w = x * 2
    elif n > 0:
        z = y - 1
        w = z
    else:
        z = x
        w = x.clone()
    return z, w, y


def loops(x: torch.Tensor, n: int):
    total = x.new_zeros([2])
    count = 0
    unused = 1
    for i in range(n):
        for j in range(3):
            total = total + x * j
            unused = unused * 2
        if i == 5:
            continue
        count += i
        if count > 20:
            break
    while count > 3:
        count -= 2
    return total, count


def in_place(x: torch.Tensor, n: int):
    y = x.relu()
    a = y.sum()
    view = y[0]
    view.add_(n)
    b = y.sum()
    z = x.relu()
    z.mul_(2)
    return a, b, x.relu(), z, y


def lists(x: torch.Tensor, n: int):
    items = [1, n, 3]
    size = len(items)
    first = items[0] + items[1]
    more: List[int] = []
    for i in range(n):
        more.append(i)
        if len(more) > 3:
            more[0] = first
    items.append(size)
    table: Dict[str, List[int]] = {"a": items}
    table["a"].append(7)
    return items, len(items), more, table, size


def tuples(x: torch.Tensor, n: int):
    state = (x, n)
    for i in range(n):
        h, c = state
        if c > 3:
            state = (h * 2, c - 1)
        else:
            state = (h + c, c + 1)
    (a, b), c2 = (state, n)
    return a, b, c2


def early_return(x: torch.Tensor, n: int) -> Tuple[torch.Tensor, int]:
    for i in range(n):
        if i == 3:
            return x * i, i
        x = x + 1
    if n > 2:
        return x, n
    return x * 0, -1


def optionals(x: torch.Tensor, n: int):
    y: Optional[torch.Tensor] = None
    if n > 1:
        y = x
    if y is not None:
        z = y + 1
    else:
        z = x
    if x is None:
        z = z * 100
    return z, y


def constants(x: torch.Tensor, n: int):
    k = 3 * 4 + 1
    flag = k > 5 and not False
    text = "a" + "b"
    if flag:
        x = x + k / 2
    for _ in range(0):
        x = x * 100
    q, r = divmod(17, 5)
    return x, text, q, r, float(k), -7 // 2, -7 % 3


def numbers(x: torch.Tensor, n: int):
    a = int(n) + 0
    b = (n * 1 - 0) // 1
    c = float(float(n)) + 0.0
    d = bool(n > 2) == True
    return a, b, c, d, x + n + 0


def random(x: torch.Tensor, n: int):
    noise = torch.rand_like(x)
    again = torch.rand_like(x)
    return F.dropout(x, 0.5, True) + noise + again, x.bernoulli(0.5)


def network(x: torch.Tensor, n: int):
    w = x.new_ones([2, 2])
    for _ in range(3):
        x = F.relu(F.linear(x, w)) - F.layer_norm(x, [2])
        x = torch.cat([x, x], dim=0)
        x, _ = x.chunk(2, 0)
    return x, F.softmax(x, dim=-1), x.size(0), x.shape


PROGRAMS = [
    branches,
    loops,
    in_place,
    lists,
    tuples,
    early_return,
    optionals,
    constants,
    numbers,
    random,
    network,
]
INPUTS = [(torch.arange(4.0).reshape(2, 2) - 1, n) for n in (0, 1, 2, 3, 4, 9)]


def outcome(function, inputs):
    inputs = copy.deepcopy(inputs)
    torch.manual_seed(0)
    return function(*inputs), inputs, torch.rand(1)


def check(graph, program, assert_same):
    for inputs in INPUTS:
        assert_same(outcome(lambda *given: run(graph, *given), inputs), outcome(program, inputs))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", ["nothing", *PASSES, "optimize"])
def test_meaning_stays(program, name, assert_same):
    graph = parse_graph(str(torch.jit.script(program).inlined_graph))
    if name == "optimize":
        optimize(graph)
    elif name != "nothing":
        PASSES[name](graph)
    verify(graph)
    check(graph, program, assert_same)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_meaning_stays_in_any_order(program, assert_same):
    text = str(torch.jit.script(program).inlined_graph)
    names = [n for n in PASSES if n != "inline"]
    for first, second, third in itertools.islice(itertools.permutations(names, 3), 0, None, 13):
        graph = parse_graph(text)
        for name in (first, second, third):
            PASSES[name](graph)
            verify(graph)
        inputs = INPUTS[-1]
        assert_same(outcome(lambda *given: run(graph, *given), inputs), outcome(program, inputs))

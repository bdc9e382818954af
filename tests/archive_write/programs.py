"""Programs that stock PyTorch compiles, with arguments to run them on."""

import math
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import torch


class Pair(NamedTuple):
    first: torch.Tensor
    second: int = 3


def loops(x, n: int):
    for i in range(n):
        if i % 2 == 0:
            continue
        for j in range(i):
            if j > 3:
                break
            x = x + j
        if i > 8:
            return x * 2, i
    k = 0
    while k < n and bool(x.sum() < 100):
        k += 1
        x = x - 1 if k % 2 else x
    return x, k


def loops_args():
    return [(torch.ones(2), n) for n in (0, 1, 5, 20)]


def fibonacci(n: int):
    a, b = 0, 1
    while b < n:
        a, b = b, a + b
    for _ in range(3):
        a, b = b, a
    return a, b


def optionals(x, y: Optional[torch.Tensor], n: int):
    found: Optional[int] = None
    last: Optional[int] = 3
    for i in range(n):
        if i == 2:
            last = None
            found = i
        else:
            last = i
    if y is not None:
        x = x + y
    pair = (1, None) if bool(x.sum() > 0) else (2, 3)
    return x, found, last, [pair, (1, 2)]


def containers(x, t: Tuple[int, str, float]):
    a, b, c = t
    empty: Dict[str, Tuple[int, int]] = {}
    numbers = {"a": 1, "b": 2}
    numbers["c"] = len(b)
    del numbers["a"]
    squares = [i * i for i in range(4)]
    table: Dict[int, str] = {}
    for i in squares:
        table[i] = str(i)
    maybe: List[Optional[int]] = [1, None]
    first, second = squares[1:3]
    pair = Pair(x, second=first)
    for letter in "abc":
        print(letter)
    for i, square in enumerate(squares):
        print(i, square)
    return (
        t[0:2],
        empty,
        numbers,
        squares,
        table,
        maybe,
        pair.second + second,
        c,
        a in squares,
        max(squares),
        b,
    )


def scalars(x, a: int, f: float):
    number = x.sum().item()
    return (
        a // 3, a / 2, a % 4, -a, float(a) ** 2, f * 1e-5, float("-inf"), 1e20, 0.1, 2.0, 3.5e-300, not (a >
        3), abs(-f), math.sqrt(f), int(f), float(a), str(a), f"{a} and {f}", "%s %d" % ("a", a), int(x.sum()),
        number, bool(x.sum()), complex(1, 2), 1j, 9223372036854775807, min(a, 2), "tab\t'\"\\\n",
    )  # fmt: skip


def tensors(x):
    x = x.clone()
    x[0] = 3
    x[1:2, ...] += 2
    biggest, where = torch.max(x, 1)
    both = torch.max(x, 1)
    chosen = x[x > 0]
    picked = x[:, None, [0, 1]]
    zeros = torch.zeros(2, 3, dtype=torch.float64, device=x.device)
    y = torch.add(x, zeros, alpha=2).to(torch.float16).float()
    y += 1
    y = torch.where(x > 0, x, y).relu_()
    parts = x.unbind(0)
    first, second = parts
    return (
        x, biggest, where, both, chosen, picked, zeros, y, first - second, x.shape, x.dtype == torch.float32,
        x.permute(1, 0), x.view(-1), x.sum(dim=[0], keepdim=True), torch.full((2, 2), 1.5),
        torch.tensor([1, 2]), torch.stack([x, y]), x.std(dim=0, unbiased=False), torch.linspace(0, 1, 3),
        x.div(2, rounding_mode="floor"),
    )  # fmt: skip


def unions(x, y: Any):
    if isinstance(y, int):
        r = x + y
    elif isinstance(y, str):
        r = x
    else:
        r = x * 2
    return r


def chain(n: int):
    if n == 1:
        s = "one"
    elif n == 2:
        s = "two"
    elif n == 3:
        s = "three"
    else:
        s = "many"
    return s


def raises(n: int):
    assert n != 1, "not one"
    if n == 2:
        raise ValueError(f"not {n}")
    return n


def forks(x):
    def_ = torch.jit.fork(torch.relu, x)
    other = torch.jit.fork(fibonacci, 10)
    return torch.jit.wait(def_), torch.jit.wait(other)


CASES = [
    (loops, loops_args()),
    (fibonacci, [(1,), (50,)]),
    (optionals, [(torch.ones(2), None, 3), (-torch.ones(2), torch.zeros(2), 5)]),
    (containers, [(torch.ones(2), (1, "b", 2.5))]),
    (scalars, [(torch.ones(2), 7, 2.25)]),
    (tensors, [(torch.arange(6.0).view(2, 3),)]),
    (unions, [(torch.ones(2), 5), (torch.ones(2), "a"), (torch.ones(2), 5.0)]),
    (chain, [(1,), (2,), (3,), (4,)]),
    (raises, [(0,), (1,), (2,)]),
]

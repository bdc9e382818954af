"""deque, `zip(*rows)`, sort keys that are methods, Counter of what is not text, and other small things of Python."""

import math
from collections import Counter, deque
from typing import Dict, List, Optional, Tuple

import pytest
import torch
from torch import nn

import torchscript as jit

# -- deque -----------------------------------------------------------------------------------------------------


def breadth_first(edges: Dict[int, List[int]], start: int):
    queue = deque()
    seen = {start}
    order: List[int] = []
    queue.append(start)
    while queue:
        node = queue.popleft()
        order.append(node)
        for other in edges[node]:
            if other not in seen:
                seen.add(other)
                queue.append(other)
    return order


def window(n: int):
    last = deque([0] * 3, maxlen=3)
    total = 0
    for i in range(n):
        last.append(i)
        total += sum(last)
        last.rotate(1)
    last.appendleft(100)
    return total, list(last), last[0], len(last), max(last), 100 in last, [v for v in last]


def push(queue, value):
    queue.append(value)


def both_ends(n: int):
    a = deque(maxlen=2)
    push(a, 1)
    push(a, 2)
    push(a, n)
    b = deque(a, maxlen=1)
    b.extend([7, 8])
    a.extendleft([9, 10, 11])
    a += [12]
    return list(a), list(b), list(reversed(a)), a == [11, 12], bool(deque([n])), a.pop()


def history(x: torch.Tensor, k: int):
    states = deque(maxlen=k)
    for i in range(5):
        states.append(x * i)
    return torch.stack(list(states)), torch.stack(tuple(states)).sum()


@pytest.mark.parametrize(
    ("program", "given"),
    [
        (breadth_first, ({0: [1, 2], 1: [3], 2: [3], 3: []}, 0)),
        (window, (5,)),
        (both_ends, (3,)),
        (history, (torch.ones(2), 3)),
    ],
)
def test_deques(assert_everywhere, program, given):
    assert_everywhere(program, *given)


def test_a_deque_stays_inside(assert_refused):
    def returned(n: int):
        return deque([n])

    def shown(n: int):
        return str(deque([n]))

    def sliced(n: int):
        return deque([n])[0:1]

    assert "A deque cannot be returned" in assert_refused(returned, "def returned(n: int):")
    assert "A deque cannot be shown" in assert_refused(shown, "return str(deque([n]))")
    assert "list(q)[a:b]" in assert_refused(sliced, "return deque([n])[0:1]")


# -- columns ---------------------------------------------------------------------------------------------------


def two_columns(pairs: List[Tuple[int, float]]):
    a, b = zip(*pairs)
    return a, b, sum(a), str(a), [len(c) for c in zip(*pairs)]


def square(rows: List[List[int]]):
    a, b = zip(*rows)
    return a, b, list(zip(*rows)), [sum(c) for c in zip(*rows)]


def columns_of_pairs(a: List[int], b: List[int]):
    c, d = zip(*zip(a, b))
    keys, values = zip(*{"x": a[0], "y": b[0]}.items())
    return c, d, keys, values


def tensors_and_labels(rows: List[Tuple[torch.Tensor, int]]):
    xs, ys = zip(*rows)
    more, labels = map(list, zip(*rows))
    return torch.stack(xs), torch.tensor(ys), torch.stack(more), labels


@pytest.mark.parametrize(
    ("program", "given"),
    [
        (two_columns, ([(1, 2.0), (3, 4.0)],)),
        (square, ([[1, 2], [3, 4], [5, 6]],)),
        (columns_of_pairs, ([1, 2], [3, 4])),
        (tensors_and_labels, ([(torch.ones(2), 1), (torch.zeros(2), 2)],)),
    ],
)
def test_columns(assert_agrees, program, given):
    assert_agrees(program, *given)


def test_no_columns():
    scripted = jit.script(two_columns)
    with pytest.raises(ValueError, match="not enough values to unpack"):
        two_columns([])
    with pytest.raises(ValueError, match="not enough values to unpack"):
        scripted([])


# -- keys, classes, counts -------------------------------------------------------------------------------------


class Version:
    def __init__(self, number: int):
        self.number = number

    def __lt__(self, other: "Version") -> bool:
        return self.number < other.number


def by_method(words: List[str], counts: Dict[str, int]):
    return max(counts, key=counts.get), sorted(words, key=counts.get), min(words, key=counts.__getitem__)


def newest(a: int, b: int):
    return max(Version(a), Version(b), Version(3)).number, min(Version(a), Version(b)).number


def counted(xs: List[int]):
    counts = Counter(xs)
    more = Counter()
    more.update(xs)
    table = {}
    for x in xs:
        table[x] = table.get(x, 0) + 1
    return counts.most_common(1), counts[counts.most_common(1)[0][0]], more[2], table


def classes(a: int, x: torch.Tensor, s: str):
    return type(a) == int, type(x) is torch.Tensor, type(s)(a), type(a).__name__  # noqa: E721


def chosen(a: bool, n: int):
    return (a and n) or 7


def present(x: Optional[torch.Tensor], y: torch.Tensor):
    return (x is not None and x.numel() > 1 and x) or y


@pytest.mark.parametrize(
    ("program", "given"),
    [
        (by_method, (["a", "bb"], {"a": 2, "bb": 1})),
        (newest, (1, 5)),
        (counted, ([1, 1, 2],)),
        (classes, (1, torch.ones(1), "3")),
        (chosen, (True, 3)),
        (chosen, (True, 0)),
        (chosen, (False, 3)),
        (present, (None, torch.ones(1))),
    ],
)
def test_small_things(assert_agrees, program, given):
    assert_agrees(program, *given)


def test_hypot_to_the_last_digit():
    def hypot(a: float, b: float):
        return math.hypot(a, b)

    assert jit.script(hypot)(3.3, 4.4) == pytest.approx(math.hypot(3.3, 4.4), rel=3e-16)


def test_keys_of_dicts(assert_refused):
    def by_list(xs: List[int]):
        counts = Counter(xs)
        return counts[counts.most_common(1)]

    assert "cannot be a key" in assert_refused(by_list, "return counts[counts.most_common(1)]")


def test_either_a_list_or_its_element(assert_refused):
    def first(xs: List[int]):
        return xs and xs[0]

    assert "xs[0] if xs else 0" in assert_refused(first, "return xs and xs[0]")


class AnnotatedInInit(nn.Module):
    def __init__(self):
        super().__init__()
        self.seen: Dict[str, torch.Tensor] = {}
        self.sizes: List[int] = []
        self.last: Optional[torch.Tensor] = None

    def forward(self, x):
        last = self.last
        self.seen["x"] = x
        self.sizes.append(x.size(0))
        self.last = x
        return self.seen["x"] + len(self.sizes) + (last if last is not None else x)


def test_annotations_in_init(assert_same):
    module = AnnotatedInInit()
    scripted = jit.script(AnnotatedInInit())
    for _ in range(2):
        assert_same(scripted(torch.ones(2)), module(torch.ones(2)))


def test_a_tensor_that_is_no_number_is_caught(assert_agrees):
    def number(x: torch.Tensor):
        try:
            return int(x)
        except ValueError:
            return -1

    scripted = assert_agrees(number, torch.ones(2))
    assert scripted(torch.ones(1)) == 1


def nothing_to_count(n: int):
    return [i for i, _ in enumerate()]


def counts_by_a_class(n: int):
    return [i for i in range(range)]


def steps_of_nothing(n: int):
    return [i for i in range(1, n, 0)]


def appends_nothing(n: int):
    deque().append()
    return n


def counts_nothing(n: int):
    Counter("a").update()
    return n


@pytest.mark.parametrize(
    "program", [nothing_to_count, counts_by_a_class, steps_of_nothing, appends_nothing, counts_nothing]
)
def test_wrong_arguments_are_told(program):
    with pytest.raises(jit.CompileError) as raised:
        jit.script(program)
    assert "mistake in the compiler" not in str(raised.value)

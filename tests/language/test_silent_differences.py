"""What a compiled program could do otherwise than Python without saying so: it does the same, or is refused."""

from typing import Dict, List

import pytest
import torch
from torch import nn

import torchscript as jit

# -- tuples whose length only a run tells ----------------------------------------------------------------------


def tuple_as_text(xs: List[int]):
    t = tuple(xs)
    return str(t), repr(t), f"{t}", "{}".format(t), "%s" % (t,), str(xs)


def shown(values):
    return f"<{values}>"


def tuple_in_a_helper(xs: List[int]):
    return shown(tuple(xs)), shown(xs)


def grown_in_a_loop(xs: List[int]):
    t = tuple(xs)
    for i in range(3):
        t = t + (i,)
    return str(t)


def tuple_is_not_changed(xs: List[int]):
    t = tuple(xs)
    u = t
    t += (9,)
    return len(t), len(u)


def shape_is_not_changed(x: torch.Tensor):
    s = x.shape
    t = s
    s += (1,)
    return len(s), len(t)


def is_a_tuple(xs: List[int]):
    t = tuple(xs)
    return isinstance(t, tuple), isinstance(t, list), isinstance(xs, list), isinstance(xs, tuple)


def equals_no_list(xs: List[int]):
    t = tuple(xs)
    return t == [1, 2], t == (1, 2), t != [1, 2], [1, 2] == t, t == tuple(xs)


def are_equal(a, b):
    return a == b


def compared_in_a_helper(xs: List[int]):
    t = tuple(xs)
    return are_equal(t, tuple(xs)), are_equal(t, xs), are_equal(xs, t), are_equal(xs, xs)


def shape_is_a_tuple(x: torch.Tensor):
    return isinstance(x.shape, tuple), isinstance(x.shape, list), x.shape == [2, 3], x.shape == (2, 3)


@pytest.mark.parametrize(
    ("program", "given"),
    [
        (tuple_as_text, [1, 2]),
        (tuple_as_text, [1]),
        (tuple_as_text, []),
        (tuple_in_a_helper, [1]),
        (grown_in_a_loop, [5]),
        (tuple_is_not_changed, [5]),
        (shape_is_not_changed, torch.ones(2, 3)),
        (is_a_tuple, [5]),
        (equals_no_list, [1, 2]),
        (compared_in_a_helper, [1, 2]),
        (shape_is_a_tuple, torch.ones(2, 3)),
    ],
)
def test_tuples_of_unknown_length(assert_everywhere, program, given):
    assert_everywhere(program, given)


def test_a_literal_on_the_other_path(assert_agrees):
    def either(xs: List[int], c: bool):
        t = (1, 2)
        if c:
            t = tuple(xs)
        return t, str(t), tuple(xs) if c else (3, 4)

    scripted = assert_agrees(either, [7], True)
    assert scripted([7], False) == either([7], False)


def test_a_tuple_is_not_assigned_to(assert_refused):
    def changed(xs: List[int]):
        t = tuple(xs)
        t[0] = 5
        return t

    assert "A tuple cannot be changed" in assert_refused(changed, "t[0] = 5")


def test_text_of_tuples_in_a_list(assert_refused):
    def nested(xs: List[int]):
        return str([tuple(xs)])

    assert "Show them one by one" in assert_refused(nested, "return str([tuple(xs)])")


# -- lists of ints and floats ----------------------------------------------------------------------------------


def parts_keep_their_type(n: int):
    xs = [n, 2.5]
    return xs[0], str(xs[0]), sum([1, 2.5, n]), n in [1, 2.0], [str(x) for x in [1, 2.0]]


def loop_over_both(n: int):
    texts: List[str] = []
    for x in [0.5, n, 2]:
        texts.append(str(x * 2))
    return texts


def as_tensors(n: int, x: float):
    return torch.tensor([n, x, 3]), torch.tensor([[n, 2.0], [3, x]]), torch.as_tensor([1, x])


def of_tensors(x: torch.Tensor):
    return torch.tensor([x.sum(), 1]), torch.tensor([x[0], x[1]]), torch.tensor([[x.sum(), 1], [2, 3]])


@pytest.mark.parametrize("program", [parts_keep_their_type, loop_over_both])
def test_ints_among_floats(assert_agrees, program):
    assert_agrees(program, 1)


def test_ints_among_floats_as_tensors(assert_everywhere):
    assert_everywhere(as_tensors, 1, 2.5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64, torch.int32])
def test_tensors_of_tensors_have_their_dtype(assert_everywhere, dtype):
    assert_everywhere(of_tensors, torch.ones(3, dtype=dtype))


def test_a_list_of_both_is_no_value(assert_refused):
    def both(n: int):
        return [n, 2.0]

    assert "Write the ints as floats" in assert_refused(both, "return [n, 2.0]")


# -- dicts whose values have different types -------------------------------------------------------------------


def changed_once(n: int):
    options = {"mode": "nearest", "size": 2}
    options["size"] = n
    options["size"] += 1
    options.update({"scale": 1.5})
    del options["mode"]
    return options["size"], options["scale"], len(options), options.pop("size"), "size" in options


def test_a_mixed_dict_is_changed(assert_agrees):
    assert_agrees(changed_once, 3)


def test_a_mixed_dict_is_not_changed_where_a_run_decides(assert_refused):
    def under_condition(c: bool):
        options = {"mode": "nearest", "size": 2}
        if c:
            options["size"] = 3
        return options["size"]

    def in_loop(n: int):
        options = {"mode": "nearest", "size": 2}
        for i in range(n):
            options["size"] = i
        return options["size"]

    advice = "Change it outside the condition or loop"
    assert advice in assert_refused(under_condition, 'options["size"] = 3')
    assert advice in assert_refused(in_loop, 'options["size"] = i')


# -- sets, exceptions, formats ---------------------------------------------------------------------------------


def text_of_sets(xs: List[int]):
    s = set(xs)
    return str(s), f"{s}", str({1, 2}), str(s - s)


def symmetric(xs: List[int]):
    s = set(xs)
    same = s
    s ^= {2, 5}
    return sorted(same)


def text_of_an_exception(n: int):
    try:
        raise ValueError("the size is", n)
    except ValueError as error:
        return str(error)


def nested_specification(x: float):
    width = 9
    return f"{x:{width:+d}.{2}f}", f"{x:{8}.3f}"


@pytest.mark.parametrize(
    ("program", "given"),
    [(text_of_sets, [1, 2]), (symmetric, [1, 2]), (text_of_an_exception, 3), (nested_specification, 1.25)],
)
def test_texts(assert_agrees, program, given):
    assert_agrees(program, given)


def test_text_of_a_counter(assert_refused):
    from collections import defaultdict

    def counted(xs: List[int]):
        counts: Dict[int, int] = defaultdict(int)
        counts[xs[0]] += 1
        return str(counts)

    assert "Show dict(…) of it" in assert_refused(counted, "return str(counts)")


def test_specification_inside_a_specification(assert_refused):
    def padded(x: float, n: int):
        return f"{x:{n:+d}}"

    assert "make the text in two steps" in assert_refused(padded, 'f"{x:{n:+d}}"')


# -- what raises though nobody uses its result -----------------------------------------------------------------


def truth_of_many(x: torch.Tensor):
    if x:
        pass
    return 1


def number_of_many(x: torch.Tensor):
    int(x)
    return 1


@pytest.mark.parametrize("program", [truth_of_many, number_of_many])
def test_a_tensor_with_several_elements_is_no_condition(program):
    scripted = jit.script(program)
    assert scripted(torch.ones(1)) == 1
    with pytest.raises((RuntimeError, ValueError)):
        program(torch.ones(2))
    with pytest.raises((RuntimeError, ValueError)):
        scripted(torch.ones(2))


# -- hooks -----------------------------------------------------------------------------------------------------


@jit.interface
class OneToOne(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pass


class AddsOne(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 1


class CallsBoth(nn.Module):
    inner: OneToOne

    def __init__(self):
        super().__init__()
        self.inner = AddsOne()
        self.other = AddsOne()

    def forward(self, x: torch.Tensor):
        return self.inner(x), self.inner.forward(x), self.other(x), self.other.forward(x)


def hook(module: nn.Module):
    for inner in (module.inner, module.other):
        inner.register_forward_hook(lambda module, given, output: output * 10)


@pytest.mark.parametrize("when", ["before", "after"])
def test_forward_itself_runs_no_hooks(assert_same, when):
    module = CallsBoth()
    if when == "before":
        hook(module)
    scripted = jit.script(module)
    if when == "after":
        hook(scripted)
        hook(module)
    assert_same(scripted(torch.ones(2)), module(torch.ones(2)))


# -- functions inside functions --------------------------------------------------------------------------------


def seen_in_a_branch(n: int, c: bool):
    a = 1

    def now():
        return a

    if c:
        a = 2
        r = now()
    else:
        r = now() * 10
    a = n
    return r, now()


def seen_in_a_loop(n: int, c: bool):
    a = 1
    now = lambda: a
    total = 0
    for i in range(n):
        a = i * 10
        total += now()
    while a < 100:
        a += 30
        if now() > 50 and c:
            return now(), total
    return total, now()


def defaults_of_then(n: int, c: bool):
    a = n

    def of_then(b=a, *, d=a * 2):
        return b, d

    a = 7
    if c:
        return of_then()
    return of_then(a, d=a)


def passed_on(n: int, c: bool):
    def twice(f, v):
        a = 50
        return f(v) + f(a) if c else f(v)

    a = 3

    def scaled(v):
        return v * a

    total = twice(scaled, n)
    for i in range(n):
        a += 1
        total += twice(scaled, i)
    return total, [scaled(a) for a in range(n)]


@pytest.mark.parametrize("program", [seen_in_a_branch, seen_in_a_loop, defaults_of_then, passed_on])
@pytest.mark.parametrize("given", [(3, True), (3, False), (0, True)])
def test_inner_functions_see_what_is_there_now(assert_agrees, program, given):
    assert_agrees(program, *given)


# -- lists that grow while a loop runs over them ---------------------------------------------------------------


def push(queue: List[int], value: int):
    queue.append(value)


def breadth_first(xs: List[int]):
    queue = [xs[0]]
    for v in queue:
        if v < 5:
            push(queue, v + 1)
        if v == 3:
            continue
        if v == 4:
            break
    return queue


def counted_while_growing(xs: List[int]):
    total = 0
    for i, v in enumerate(xs, 10):
        total += i * v
        if len(xs) < 6:
            xs += [i]
    return total, xs


def counted_from_a_keyword(xs: List[int]):
    total = 0
    for i, v in enumerate(xs, start=len(xs)):
        total += i * v
        if len(xs) < 6:
            xs.append(i)
    for i, v in enumerate(start=1, iterable=xs):
        if len(xs) < 9:
            push(value=i * v, queue=xs)
    return total, xs


def removed_meanwhile(xs: List[int]):
    for v in xs:
        xs.remove(v)
    return xs


def returned_meanwhile(xs: List[int]):
    for v in xs:
        if v > 7:
            return v
        xs.append(v + 3)
    return -1


@pytest.mark.parametrize(
    "program",
    [breadth_first, counted_while_growing, counted_from_a_keyword, removed_meanwhile, returned_meanwhile],
)
def test_lists_that_change_in_a_loop_over_them(assert_everywhere, program):
    assert_everywhere(program, [1, 2, 3, 4])


# -- the mode of gradients, set by a statement ----------------------------------------------------------------------


def gradients_off(x: torch.Tensor, flag: bool):
    torch.set_grad_enabled(False)
    a = x * 2
    torch.set_grad_enabled(flag)
    b = x * 2
    for _ in range(2):
        c = x * 2
        torch.set_grad_enabled(True)
    torch.no_grad()  # switches nothing by itself
    d = x * 2
    with torch.set_grad_enabled(False):
        e = x * 2
    return a.requires_grad, b.requires_grad, c.requires_grad, d.requires_grad, e.requires_grad


@pytest.mark.parametrize("flag", [False, True])
def test_gradients_are_switched_by_a_statement(assert_everywhere, flag):
    with torch.enable_grad():
        # the interpreter of PyTorch says that no tensor requires gradients here
        assert_everywhere(gradients_off, torch.randn(3, requires_grad=True), flag, stock=False)


def test_the_mode_stays_as_a_function_leaves_it():
    def off(x: torch.Tensor):
        torch.set_grad_enabled(False)
        return x

    compiled = jit.script(off)
    for function in (off, compiled, jit.compile(compiled)):
        try:
            function(torch.ones(1))
            assert not torch.is_grad_enabled()
        finally:
            torch.set_grad_enabled(True)

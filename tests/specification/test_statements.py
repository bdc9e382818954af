"""Section "Statements" of the language reference."""

from typing import List, Tuple

import pytest
import torch
import torch.nn as nn
from torch import Tensor

import torchscript as jit


@pytest.fixture
def assert_prints_the_same(assert_agrees, capfd):
    """`assert_agrees`, and what is printed on the way is the same too."""

    def check(function, *inputs):
        scripted = assert_agrees(function, *inputs)
        capfd.readouterr()
        torch.manual_seed(0)
        function(*inputs)
        wanted = capfd.readouterr().out
        torch.manual_seed(0)
        scripted(*inputs)
        assert capfd.readouterr().out == wanted

    return check


# --- Simple assignments ------------------------------------------------------------------------------

OPERANDS = [
    ("int", 5, 3),
    ("float", 5.0, 3.0),
    ("Tensor", torch.tensor([5.0, 1.0]), torch.tensor([3.0, 4.0])),
]


@pytest.mark.parametrize("type, a, b", OPERANDS)
@pytest.mark.parametrize("statement", ["a = b", "a += b", "a -= b", "a *= b", "b = a = a + b"])
def test_simple_assignment(define, assert_agrees, statement, type, a, b):
    # "a += b: short-hand for a = a + b, does not operate in-place on a": for tensors it does since PyTorch 1.0,
    # as in Python, and assert_agrees looks at the inputs afterwards
    f = define(f"def f(a: {type}, b: {type}):\n    {statement}\n    return a, b")
    assert_agrees(f, a, b)


def test_assignment_with_an_annotation(assert_agrees):
    def f(x: int):
        xs: List[int] = []
        xs.append(x)
        y: float = 2.5
        return xs, y

    assert_agrees(f, 3)


# --- Pattern matching assignments --------------------------------------------------------------------


def test_pattern_matching_assignment_of_a_tuple(assert_agrees):
    def f(a_tuple: Tuple[int, Tensor]):
        a, b = a_tuple
        return b + a

    assert_agrees(f, (3, torch.rand(2)))


def test_pattern_matching_assignment_of_a_list(assert_agrees):
    def f(a_list: List[Tensor]):
        a, b = a_list
        return a - b

    scripted = assert_agrees(f, [torch.rand(2), torch.rand(2)])
    with pytest.raises(Exception, match="2"):
        scripted([torch.rand(2)])


def test_pattern_matching_assignment_with_a_starred_name(assert_same, check_graph):
    def f(a_tuple: Tuple[int, float, Tensor, str]):
        a, b, *c = a_tuple
        return a, b, c

    scripted = jit.script(f)
    # in Python c is a list; here it is a tuple, because its members have types of their own
    x = torch.rand(2)
    assert_same(scripted((1, 2.5, x, "text")), (1, 2.5, (x, "text")))
    check_graph(scripted.graph)


def test_pattern_matching_assignment_in_a_pattern(assert_agrees):
    def f(t: Tuple[int, Tuple[int, int]]):
        a, (b, c) = t
        b, a = a, b
        return a, b, c

    assert_agrees(f, (1, (2, 3)))


def test_a_pattern_of_another_length_is_refused(assert_refused):
    def f(t: Tuple[int, int, int]):
        a, b = t
        return a

    assert_refused(f, line="a, b = t", match="3")


# --- Print statements --------------------------------------------------------------------------------


def test_print_of_numbers(assert_prints_the_same):
    def f(a: int, b: int):
        print("the result of an add:", a + b)
        print(a, 2.5, True, None, "text", (a, b))
        print()

    assert_prints_the_same(f, 3, 4)


def test_print_of_tensors(assert_prints_the_same):
    def f(a, b):
        print("the result of an add:", a + b)

    assert_prints_the_same(f, torch.rand(3), torch.rand(3))


# --- If statements -----------------------------------------------------------------------------------


@pytest.mark.parametrize("type, values", [("int", [2, 3, 5]), ("float", [2.5, 3.5, 5.0])])
def test_if_statement(define, assert_agrees, assert_same_run, operators_of, type, values):
    f = define(f"""
        def f(a: {type}):
            if a < 4:
                r = -a
            elif a < 3:
                r = a + a
            else:
                r = 3 * a
            return r
    """)
    scripted = assert_agrees(f, values[0])
    for value in values:
        assert_same_run(scripted, f, value)
    assert operators_of(scripted.graph)["prim::If"] == 2


def test_if_statement_on_tensors(assert_agrees, assert_same_run):
    def f(a):
        if a < 3:
            r = -a
        elif a < 4:
            r = a + a
        else:
            r = 3 * a
        return r

    scripted = assert_agrees(f, torch.tensor(2.0))
    assert_same_run(scripted, f, torch.tensor([3.5]))
    assert_same_run(scripted, f, torch.tensor(5))


def test_if_statement_without_else(assert_agrees, assert_same_run):
    def f(a: int):
        r = a
        if a < 4:
            r = -a
        return r

    scripted = assert_agrees(f, 3)
    assert_same_run(scripted, f, 4)


# --- While loops -------------------------------------------------------------------------------------


def test_while_loop(assert_prints_the_same):
    def f():
        a = 0
        while a < 4:
            print(a)
            a += 1
        return a

    assert_prints_the_same(f)


def test_while_loop_on_a_tensor(assert_agrees, assert_same_run):
    def f(a):
        while a < 4:
            a = a + 1
        return a

    scripted = assert_agrees(f, torch.tensor(0))
    assert_same_run(scripted, f, torch.tensor([5.5]))


# Later forms
def test_break_and_continue(assert_agrees, assert_same_run):
    def f(n: int):
        total = 0
        a = 0
        while True:
            a += 1
            if a == 3:
                continue
            if a > n:
                break
            total += a
        return total

    scripted = assert_agrees(f, 5)
    assert_same_run(scripted, f, 0)


# --- For loops with range ----------------------------------------------------------------------------


def test_for_loop_with_range(assert_agrees):
    def f():
        x = 0
        for i in range(10):
            x *= i
        return x

    assert_agrees(f)


def test_for_loop_with_a_range_of_a_variable(assert_agrees, assert_same_run):
    def f(n: int, x):
        for i in range(n):
            x = x * i + 1
        return x

    scripted = assert_agrees(f, 3, torch.rand(2))
    assert_same_run(scripted, f, 0, torch.rand(2))
    assert_same_run(scripted, f, -1, torch.rand(2))


# "Script currently does not support start or increment parameters to range. These will be added in a future
# version."
@pytest.mark.parametrize(
    "range",
    ["range(2, 5)", "range(2, n)", "range(1, 10, 3)", "range(n, 0, -2)", "range(0, n, step)", "range(5, 2)"],
)
def test_for_loop_with_start_and_step(define, assert_agrees, assert_same_run, range):
    f = define(f"""
        def f(n: int, step: int):
            seen: List[int] = []
            for i in {range}:
                seen.append(i)
            return seen
    """)
    scripted = assert_agrees(f, 7, 2)
    assert_same_run(scripted, f, -7, -2)


def test_the_loop_variable_keeps_its_last_value(assert_agrees):
    def f():
        i = 0
        for i in range(5):
            i = i * 2
        return i

    assert_agrees(f)


# "Script currently does not support iterating over generic iterable objects like lists or tensors."
def test_for_loop_over_a_list(assert_agrees, assert_same_run):
    def f(xs: List[int]):
        total = 0
        for x in xs:
            total = total * 10 + x
        return total

    scripted = assert_agrees(f, [1, 2, 3])
    assert_same_run(scripted, f, [])


def test_for_loop_over_a_list_of_tensors(assert_agrees):
    def f(xs: List[Tensor]):
        total = torch.zeros(2)
        for x in xs:
            total = total + x
        return total

    assert_agrees(f, [torch.rand(2), torch.rand(2)])


def test_for_loop_over_a_tensor(assert_agrees, assert_same_run):
    def f(t):
        total = torch.zeros(3)
        for row in t:
            total = total * 2 + row
        return total

    scripted = assert_agrees(f, torch.rand(4, 3))
    assert_same_run(scripted, f, torch.rand(2, 3))


# --- For loops over tuples ---------------------------------------------------------------------------


def test_for_loop_over_a_tuple(assert_prints_the_same):
    def f():
        tup = (3, torch.rand(4))
        for x in tup:
            print(x)

    assert_prints_the_same(f)


def test_for_loop_over_a_tuple_is_unrolled(assert_agrees, operators_of):
    def f(tup: Tuple[int, float, Tensor]):
        r = torch.zeros(2)
        for x in tup:
            r = r + x
        return r

    scripted = assert_agrees(f, (1, 2.5, torch.rand(2)))
    assert "prim::Loop" not in operators_of(scripted.graph)
    assert operators_of(scripted.graph)["aten::add"] == 3


def test_the_body_must_type_check_for_each_member(assert_refused):
    def f(tup: Tuple[Tensor, str]):
        r = torch.zeros(2)
        for x in tup:
            r = torch.add(r, x)
        return r

    assert_refused(f, line="r = torch.add(r, x)", match="str")


# --- For loops over constant torch.nn.ModuleList -----------------------------------------------------


def test_for_loop_over_a_module_list(assert_same, check_graph, operators_of):
    class SubModule(jit.ScriptModule):
        def __init__(self):
            super(SubModule, self).__init__()  # the document names a class Sub
            self.weight = nn.Parameter(torch.randn(2))

        @jit.script_method
        def forward(self, input):
            return self.weight + input

    class MyModule(jit.ScriptModule):
        __constants__ = ["mods"]

        def __init__(self):
            super(MyModule, self).__init__()
            self.mods = torch.nn.ModuleList([SubModule() for i in range(10)])

        @jit.script_method
        def forward(self, v):
            for module in self.mods:
                v = module(v)  # the document calls m
            return v

    module = MyModule()
    v = torch.rand(2)
    wanted = v
    for submodule in module.mods:
        wanted = submodule.weight + wanted
    assert_same(module(v), wanted)
    assert len(list(module.parameters())) == 10
    # "will unroll the body of the loop at compile time"
    assert operators_of(module.inlined_graph)["aten::add"] == 10
    assert "prim::Loop" not in str(module.graph)
    check_graph(module.graph)
    check_graph(module.inlined_graph)


# --- Return ------------------------------------------------------------------------------------------


def test_return_of_several_values(assert_agrees):
    def f(a: int, b):
        return a, b

    scripted = assert_agrees(f, 3, torch.rand(2))
    assert str(scripted.schema) == "f(int a, Tensor b) -> ((int, Tensor))"


def test_return_of_nothing(assert_agrees):
    def f(x):
        x + 1
        return

    def g(x):
        x + 1

    assert_agrees(f, torch.rand(2))
    assert_agrees(g, torch.rand(2))


# "Return statements cannot appear anywhere else in the function. This restriction will be removed in the future."
def test_early_return(assert_agrees, assert_same_run):
    def f(x: int):
        if x < 0:
            return -1
        if x == 0:
            return 0
        else:
            x += 1
        return x * 2

    scripted = assert_agrees(f, 3)
    for x in [-5, 0, 1]:
        assert_same_run(scripted, f, x)


def test_early_return_from_loops(assert_agrees, assert_same_run):
    def f(xs: List[int], wanted: int):
        for i in range(len(xs)):
            j = 0
            while j <= i:
                if xs[i] + xs[j] == wanted:
                    return i, j
                j += 1
        return -1, -1

    scripted = assert_agrees(f, [1, 2, 4], 6)
    assert_same_run(scripted, f, [1, 2, 4], 8)
    assert_same_run(scripted, f, [1, 2, 4], 9)


def test_returns_of_different_types_are_refused(assert_refused):
    def f(x: int):
        if x > 0:
            return "text"
        return x

    assert_refused(f, line="return", match=r"\bstr\b(.|\n)*\bint\b|\bint\b(.|\n)*\bstr\b")


# --- Everything else ---------------------------------------------------------------------------------

OUTSIDE_THE_LANGUAGE = {
    "y = x.view(3)": "try:\n        y = x.view(3)\n    except RuntimeError:\n        y = x",
    "yield x": "yield x",
    "global y": "global y\n    y = x",
    "class C": "class C:\n        pass",
}


@pytest.mark.parametrize("line", OUTSIDE_THE_LANGUAGE)
def test_any_other_feature_of_python_is_refused(define, assert_refused, line):
    """ "Any features of Python not mentioned in this reference are not part of Torch Script." """
    f = define(f"def f(x):\n    {OUTSIDE_THE_LANGUAGE[line]}\n    return x")
    assert_refused(f, line=line, kind=jit.frontend.NotSupportedError)

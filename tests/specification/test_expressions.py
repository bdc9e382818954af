"""Section "Expressions" of the language reference: every form that is listed, compared with running it in Python."""

import itertools
from typing import List, Tuple

import pytest
import torch
import torchvision

import torchscript as jit

# --- Literals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "literal", ["True", "False", "None", "'string literals'", '"string literals"', "3", "3.4", "0", "1e-3"]
)
def test_literal(define, assert_agrees, literal):
    assert_agrees(define(f"def f():\n    return {literal}"))


# --- Variables ---------------------------------------------------------------------------------------


def test_variable(assert_agrees):
    def f(a):
        return a

    assert_agrees(f, torch.rand(2))


# --- Tuple construction ------------------------------------------------------------------------------


@pytest.mark.parametrize("construction", ["(3, 4)", "(3,)", "3, 4", "(3, (4.5, x))", "()"])
def test_tuple_construction(define, assert_agrees, construction):
    assert_agrees(define(f"def f(x):\n    return {construction}"), torch.rand(2))


# --- List construction -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "construction",
    [
        "[3, 4]",
        "[]",
        "[torch.rand(3), torch.rand(4)]",
        "[1.5]",
        "[True, False]",
        "[(1, 2.0)]",
        "[[1], [2, 3]]",
    ],
)
def test_list_construction(define, assert_agrees, construction):
    assert_agrees(define(f"def f():\n    return {construction}"))


def test_an_empty_list_is_a_list_of_tensors(assert_agrees):
    def f(x):
        xs = []
        xs.append(x)
        return xs

    scripted = assert_agrees(f, torch.rand(2))
    assert str(scripted.schema) == "f(Tensor x) -> Tensor[]"


def test_an_empty_list_holds_what_is_put_into_it_first(assert_agrees):
    """Beyond the specification, where it is a `List[Tensor]` whatever follows."""

    def f(x: int):
        xs = []
        xs.append(x)
        return xs

    assert_agrees(f, 3)


def test_an_empty_list_holds_one_type(assert_refused):
    def f(x: int):
        xs = []
        xs.append(x)
        xs.append("text")
        return xs

    assert_refused(f, line='xs.append("text")', match="str")


# --- Arithmetic and comparison operators -------------------------------------------------------------

MATRIX = torch.tensor([[1.5, -2.0], [0.5, 4.0]])
WHOLE = torch.tensor([[6, 5], [3, 4]])

OPERANDS = {
    "int, int": (7, 3),
    "int, int (negative)": (-7, 3),
    "float, float": (7.5, -2.0),
    "int, float": (7, 2.5),
    "float, int": (2.5, 7),
    "Tensor, Tensor": (MATRIX, MATRIX.t() + 5),
    "Tensor, Tensor (broadcast)": (MATRIX, torch.tensor([2.0, 3.0])),
    "Tensor, int": (MATRIX, 3),
    "Tensor, float": (MATRIX, 2.5),
    "int, Tensor": (3, MATRIX),
    "float, Tensor": (2.5, MATRIX),
}


def types_of(operands):
    return operands.split(" (")[0].split(", ")


def binary(define, operator, operands):
    left, right = types_of(operands)
    return define(f"def f(a: {left}, b: {right}):\n    return a {operator} b")


@pytest.mark.parametrize("operands", OPERANDS)
@pytest.mark.parametrize("operator", ["+", "-", "*", "/"])
def test_arithmetic_operator(define, assert_agrees, operator, operands):
    assert_agrees(binary(define, operator, operands), *OPERANDS[operands])


@pytest.mark.parametrize(
    "operands, values",
    [
        ("int, int", (6, 3)),
        ("Tensor, Tensor", (WHOLE, WHOLE.t())),
        ("Tensor, int", (WHOLE, 3)),
        ("Tensor, Tensor", (WHOLE > 4, WHOLE < 6)),
    ],
)
def test_exclusive_or(define, assert_agrees, operands, values):
    assert_agrees(binary(define, "^", operands), *values)


@pytest.mark.parametrize(
    "values",
    [
        (MATRIX, MATRIX + 1),
        (MATRIX, MATRIX[0]),
        (MATRIX[0], MATRIX[1]),
        (torch.rand(3, 2, 4), torch.rand(3, 4, 1)),
    ],
)
def test_matrix_multiplication(define, assert_agrees, values):
    assert_agrees(binary(define, "@", "Tensor, Tensor"), *values)


def test_division_by_zero_raises_as_in_python(define):
    f = binary(define, "/", "int, int")
    with pytest.raises(ZeroDivisionError):
        f(1, 0)
    # torch.jit returns inf
    with pytest.raises(Exception, match="division by zero|ZeroDivisionError"):
        jit.script(f)(1, 0)


@pytest.mark.parametrize("operands", OPERANDS)
@pytest.mark.parametrize("operator", ["==", "!=", "<", ">", "<=", ">="])
def test_comparison_operator(define, assert_agrees, assert_same_run, operator, operands):
    f = binary(define, operator, operands)
    scripted = assert_agrees(f, *OPERANDS[operands])
    if types_of(operands)[0] == types_of(operands)[1]:
        assert_same_run(scripted, f, OPERANDS[operands][0], OPERANDS[operands][0])


@pytest.mark.parametrize("operator", ["==", "!=", "<", ">"])
def test_comparison_of_strings(define, assert_agrees, assert_same_run, operator):
    f = binary(define, operator, "str, str")
    scripted = assert_agrees(f, "a", "b")
    assert_same_run(scripted, f, "b", "b")


@pytest.mark.parametrize("operator", ["==", "!="])
def test_comparison_of_lists(define, assert_agrees, assert_same_run, operator):
    f = define(f"def f(a: List[int], b: List[int]):\n    return a {operator} b")
    scripted = assert_agrees(f, [1, 2], [1, 2])
    assert_same_run(scripted, f, [1, 2], [1, 2, 3])


def test_precedence(define, assert_agrees):
    f = define(
        "def f(a: int, b: int, c: int):\n    return a + b * c - (a - b) * -c, a < b == (b < c), -a + b"
    )
    for numbers in itertools.permutations([2, 3, 5]):
        assert_agrees(f, *numbers)


def test_operands_without_an_operator_are_refused(assert_refused):
    def f(a: str, b: int):
        return a - b

    assert_refused(f, line="return a - b")


# --- Logical operators -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "expression", ["a and b", "a or b", "not b", "a and not b or b and not a", "not (a or b)"]
)
def test_logical_operator(define, assert_agrees, assert_same_run, expression):
    f = define(f"def f(a: bool, b: bool):\n    return {expression}")
    scripted = assert_agrees(f, True, True)
    for a, b in itertools.product([True, False], repeat=2):
        assert_same_run(scripted, f, a, b)


def test_logical_operators_look_no_further_than_needed(assert_agrees, assert_same_run):
    def f(xs: List[int]):
        return len(xs) > 0 and xs[0] > 1, len(xs) == 0 or xs[0] == 1

    scripted = assert_agrees(f, [])
    assert_same_run(scripted, f, [1])
    assert_same_run(scripted, f, [2])


def test_logical_operators_in_a_condition_take_tensors(assert_agrees, assert_same_run):
    def f(x, y):
        r = 0
        if x.sum() > 0 and y.sum() > 0:
            r += 1
        if x.sum() > 0 or y.sum() > 0:
            r += 2
        if not x.sum() > 0:
            r += 4
        return r

    scripted = assert_agrees(f, torch.ones(2), torch.ones(2))
    for x, y in itertools.product([torch.ones(2), -torch.ones(2)], repeat=2):
        assert_same_run(scripted, f, x, y)


# --- Subscripts --------------------------------------------------------------------------------------

SUBSCRIPTS = [
    "t[0]",
    "t[-1]",
    "t[0:2]",
    "t[1:]",
    "t[:1]",
    "t[:]",
    "t[0, 1]",
    "t[0, 1:2]",
    "t[0, :1]",
    "t[-1, 1:, 0]",
    "t[1:, -1, 0]",
    "t[i:j, i]",
]


@pytest.mark.parametrize("subscript", SUBSCRIPTS)
def test_subscript_of_a_tensor(define, assert_agrees, assert_same_run, subscript):
    f = define(f"def f(t, i: int, j: int):\n    return {subscript}")
    scripted = assert_agrees(f, torch.rand(4, 3, 2), 1, 3)
    assert_same_run(scripted, f, torch.rand(3, 5, 2), -2, -1)


@pytest.mark.parametrize("subscript", [*SUBSCRIPTS[:6], "t[i]", "t[i:j]"])
def test_subscript_of_a_list(define, assert_agrees, subscript):
    f = define(f"def f(t: List[int], i: int, j: int):\n    return {subscript}")
    assert_agrees(f, [3, 4, 5, 6], 1, 3)


@pytest.mark.parametrize("subscript", SUBSCRIPTS[:6])
def test_subscript_of_a_tuple(define, assert_agrees, subscript):
    f = define(f"def f(t: Tuple[int, Tensor, float]):\n    return {subscript}")
    assert_agrees(f, (3, torch.rand(2), 5.0))


@pytest.mark.parametrize("subscript", SUBSCRIPTS[:6])
def test_subscript_of_a_string(define, assert_agrees, subscript):
    assert_agrees(define(f"def f(t: str):\n    return {subscript}"), "text")


def test_a_subscript_out_of_range_raises(define):
    f = jit.script(define("def f(t: List[int], i: int):\n    return t[i]"))
    with pytest.raises(Exception, match="out of range"):
        f([1, 2], 2)


# "Torch Script currently does not support mutating tensors in place": PyTorch has since 1.0.
@pytest.mark.parametrize("subscript", [*SUBSCRIPTS, "t[i]", "t[i, j]", "t[:, 0]"])
@pytest.mark.parametrize("value", ["1.5", "t.sum()", "t[0, 0, 0] * 2"])
def test_assignment_to_a_subscript_of_a_tensor(define, assert_agrees, subscript, value):
    f = define(f"def f(t, i: int, j: int):\n    {subscript} = {value}\n    return t")
    assert_agrees(f, torch.rand(4, 3, 2), 1, 2)


@pytest.mark.parametrize("operator", ["+=", "-=", "*=", "/="])
@pytest.mark.parametrize("subscript", SUBSCRIPTS)
def test_augmented_assignment_to_a_subscript_of_a_tensor(define, assert_agrees, subscript, operator):
    f = define(f"def f(t, i: int, j: int):\n    {subscript} {operator} 3.0\n    return t")
    assert_agrees(f, torch.rand(4, 3, 2), 1, 3)


def test_assignment_to_a_subscript_shows_in_views(assert_agrees):
    def f(t):
        row = t[0]
        t[0] = torch.ones(2)
        row += 1
        return t, row

    assert_agrees(f, torch.rand(3, 2))


def test_assignment_to_a_subscript_of_a_list(assert_agrees):
    # the caller sees it, which torch.jit does not manage: it copies lists at the border
    def f(t: List[int]):
        t[0] = 5
        t[-1] += 1
        return t

    assert_agrees(f, [1, 2, 3])


# --- Function calls ----------------------------------------------------------------------------------


def test_call_of_a_builtin_function(assert_agrees):
    # the document has dtype=torch.int, which torch.rand does not take
    def f():
        return torch.rand(3, dtype=torch.double)

    assert_agrees(f)


def test_call_of_a_builtin_function_that_fails():
    def f():
        return torch.rand(3, dtype=torch.int)

    with pytest.raises(RuntimeError) as wanted:
        f()
    scripted = jit.script(f)
    with pytest.raises(RuntimeError) as got:
        scripted()
    assert str(wanted.value).splitlines()[0] in str(got.value)


def test_call_of_another_script_function(assert_same_run, check_graph):
    @jit.script
    def foo(x):
        return x + 1

    @jit.script
    def bar(x):
        return foo(x)

    assert_same_run(bar, lambda x: x + 1, torch.rand(3))
    assert_same_run(foo, lambda x: x + 1, torch.rand(3))
    check_graph(foo.graph)
    check_graph(bar.graph)
    check_graph(bar.inlined_graph)


def test_a_builtin_function_gets_its_arguments_checked(assert_refused):
    def f(x):
        return torch.mm(x, "text")

    message = assert_refused(f, line='return torch.mm(x, "text")', match="mm")
    assert "'mm'" in message


# --- Method calls ------------------------------------------------------------------------------------


def test_call_of_a_tensor_method(assert_agrees):
    def f(x, y):
        return x.mm(y)

    assert_agrees(f, torch.rand(2, 3), torch.rand(3, 4))


def test_an_unknown_method_is_refused(assert_refused):
    def f(x):
        return x.no_such_method()

    assert_refused(f, line="return x.no_such_method()", match="no_such_method")


def test_call_of_methods_and_submodules(assert_same_run, check_graph):
    # the document does not import torchvision
    class MyScriptModule(jit.ScriptModule):
        def __init__(self):
            super(MyScriptModule, self).__init__()
            self.means = torch.nn.Parameter(
                torch.tensor([103.939, 116.779, 123.68]).resize_(1, 3, 1, 1),
            )
            self.resnet = jit.trace(torchvision.models.resnet18(), torch.rand(1, 3, 224, 224))

        @jit.script_method
        def helper(self, input):
            return self.resnet(input - self.means)

        @jit.script_method
        def forward(self, input):
            return self.helper(input)

    torch.manual_seed(0)
    module = MyScriptModule()
    torch.manual_seed(0)
    resnet = torchvision.models.resnet18()

    def wanted(input):
        return resnet(input - module.means)

    assert_same_run(module, wanted, torch.rand(2, 3, 64, 64))
    assert_same_run(module.helper, wanted, torch.rand(2, 3, 64, 64))
    check_graph(module.graph)
    check_graph(module.helper.graph)


def test_a_submodule_is_called_directly_or_through_forward(assert_same, check_graph):
    """ "Calling a submodule directly (e.g. self.resnet(input)) is equivalent to calling its forward method." """

    class Inner(jit.ScriptModule):
        @jit.script_method
        def forward(self, input):
            return input * 2

        @jit.script_method
        def other(self, input, by: int):
            return input * by

    class Outer(jit.ScriptModule):
        def __init__(self):
            super(Outer, self).__init__()
            self.inner = Inner()

        @jit.script_method
        def forward(self, input):
            return self.inner(input), self.inner.forward(input), self.inner.other(input, by=3)

    module = Outer()
    x = torch.rand(2)
    assert_same(module(x), (x * 2, x * 2, x * 3))
    check_graph(module.graph)
    check_graph(module.inlined_graph)


# --- If expressions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "type, low, high", [("int", 1, 2), ("float", 1.5, 2.5), ("Tensor", *torch.rand(2).sort()[0])]
)
def test_if_expression(define, assert_agrees, assert_same_run, type, low, high):
    f = define(f"def f(x: {type}, y: {type}):\n    return x if x > y else y")
    scripted = assert_agrees(f, low, high)
    assert_same_run(scripted, f, high, low)


def test_an_if_expression_evaluates_one_side(assert_agrees, assert_same_run):
    def f(xs: List[int]):
        return xs[0] if len(xs) > 0 else -1

    scripted = assert_agrees(f, [])
    assert_same_run(scripted, f, [4])


def test_sides_of_an_if_expression_have_one_type(assert_refused):
    def f(x: int):
        y = x if x > 0 else [x]
        return y + 1

    assert_refused(f, line="y")


# --- Casts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ten", ["torch.tensor(10)", "torch.tensor([10.75])", "torch.tensor(-0.5)", "torch.tensor(0)"]
)
@pytest.mark.parametrize("cast", ["float", "int", "bool"])
def test_cast_of_a_tensor(define, assert_agrees, cast, ten):
    f = define(f"def f(ten):\n    return {cast}(ten)")
    assert_agrees(f, eval(ten))


@pytest.mark.parametrize(
    "cast",
    ["int(3.5)", "int(-3.5)", "float(3)", "bool(3)", "bool(0.0)", "int(True)", "float(False)", "int('12')"],
)
def test_cast_of_a_number(define, assert_agrees, cast):
    assert_agrees(define(f"def f():\n    return {cast}"))
    argument = cast[cast.index("(") + 1 : -1]
    name = type(eval(argument)).__name__
    f = define(f"def f(x: {name}):\n    return {cast.split('(')[0]}(x)")
    assert_agrees(f, eval(argument))


# --- Accessing module parameters ---------------------------------------------------------------------


def test_accessing_module_parameters(assert_same, check_graph):
    class Submodule(jit.ScriptModule):
        def __init__(self):
            super(Submodule, self).__init__()
            self.my_parameter = torch.nn.Parameter(torch.rand(2))

    class MyModule(jit.ScriptModule):
        def __init__(self):
            super(MyModule, self).__init__()
            self.my_parameter = torch.nn.Parameter(torch.rand(2))
            self.my_submodule = Submodule()

        @jit.script_method
        def forward(self, input):
            return self.my_parameter + self.my_submodule.my_parameter * input

    module = MyModule()
    input = torch.rand(2)
    assert_same(module(input), module.my_parameter + module.my_submodule.my_parameter * input)
    check_graph(module.graph)

    # parameters are looked up when the module runs
    with torch.no_grad():
        module.my_submodule.my_parameter.zero_()
    assert_same(module(input), module.my_parameter + 0 * input)


def test_an_unknown_attribute_is_refused():
    class MyModule(jit.ScriptModule):
        def __init__(self):
            super(MyModule, self).__init__()
            self.my_parameter = torch.nn.Parameter(torch.rand(2))

        @jit.script_method
        def forward(self, input):
            return self.my_paramter + input

    with pytest.raises(jit.CompileError, match="my_paramter") as refused:
        MyModule()
    assert "return self.my_paramter + input" in str(refused.value)


def test_a_tuple_keeps_the_types_of_its_members(assert_agrees):
    def f(t: Tuple[int, Tuple[float, str]]):
        return t[1][1], t[1][0] * t[0]

    assert_agrees(f, (2, (1.5, "text")))

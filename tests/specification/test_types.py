"""Section "Types" of the language reference."""

from typing import List, Tuple

import pytest
import torch
from torch import Tensor

import torchscript as jit

# --- The types ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dtype", [torch.float, torch.double, torch.half, torch.int, torch.bool, torch.cfloat]
)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 1, 3)])
def test_a_tensor_has_any_dtype_and_dimension(assert_agrees, dtype, shape):
    def f(x):
        return x

    assert_agrees(f, torch.ones(shape, dtype=dtype))


VALUES = {
    "Tensor": torch.ones(2),
    "Tuple[Tensor, Tensor]": (torch.ones(2), torch.zeros(3)),
    "Tuple[int, float]": (1, 2.5),
    "Tuple[int, Tuple[Tensor, float]]": (1, (torch.ones(1), 2.5)),
    "int": 3,
    "float": 2.5,
    "List[int]": [1, 2, 3],
    "List[float]": [1.0, 2.0],
    "List[Tensor]": [torch.ones(2), torch.zeros(1)],
    "List[Tuple[int, Tensor]]": [(1, torch.ones(2))],
    "List[List[int]]": [[1], [], [2, 3]],
    # later forms
    "bool": True,
    "str": "text",
    "Optional[int]": None,
    "Dict[str, int]": {"a": 1},
    "tuple[int, float]": (1, 2.5),
    "list[int]": [1, 2],
    "dict[str, Tensor]": {"a": torch.ones(1)},
}


@pytest.mark.parametrize("type", VALUES)
def test_type_comment(define, assert_agrees, type):
    f = define(f"""
        def f(x):
            # type: ({type}) -> {type}
            y = x
            return y
    """)
    assert_agrees(f, VALUES[type])


@pytest.mark.parametrize("type", VALUES)
def test_annotation(define, assert_agrees, type):
    f = define(f"""
        def f(x: {type}) -> {type}:
            y = x
            return y
    """)
    assert_agrees(f, VALUES[type])


# --- Each variable has a single static type ----------------------------------------------------------


def test_type_mismatch_between_branches(assert_refused):
    def an_error(x):
        if x:
            r = torch.rand(1)
        else:
            r = 4
        return r  # Type mismatch: r is set to type Tensor in the true branch
        # and type int in the false branch

    message = assert_refused(
        an_error,
        line="return r  # Type mismatch",
        match="r is set to type Tensor in the true branch and type int in the false branch",
    )
    assert "Type mismatch" in message


def test_type_mismatch_where_the_decorator_stands():
    with pytest.raises(jit.CompileError, match="Type mismatch"):

        @jit.script
        def an_error(x):
            if x:
                r = torch.rand(1)
            else:
                r = 4
            return r


def test_types_may_differ_between_branches_if_nobody_looks(assert_agrees):
    """ "If a variable has a different type on different sides of an if statement, it is an error to use it after the
    end of the if statement" (Variable Resolution)."""

    def f(x):
        if x:
            r = torch.zeros(1)
            x = x + r
        else:
            r = 4
            x = x - r
        return x

    scripted = assert_agrees(f, torch.ones(1))
    assert torch.equal(scripted(torch.zeros(1)), f(torch.zeros(1)))


def test_a_variable_keeps_its_type_inside_of_an_if(assert_refused):
    def f(x):
        r = 4
        if bool(x.sum() > 0):
            r = [x]
        return r

    assert_refused(f, line="return r", match=r"\br\b(.|\n)*\bList\[Tensor\](.|\n)*\bint\b")


def test_a_variable_keeps_its_type_through_a_loop(assert_refused):
    def f(x, n: int):
        r = 4
        for i in range(n):
            r = [x]
        return r

    assert_refused(f, line="return r", match=r"\br\b(.|\n)*\bint\b(.|\n)*\bList\[Tensor\]")


def test_straight_line_code_may_give_a_name_to_something_else(assert_agrees):
    """ "Each variable in Torch Script function must have a single static type": since PyTorch 1.2, only where paths
    meet."""

    def f(x):
        r = 4
        r = [x, x + r]
        return r

    assert_agrees(f, torch.rand(2))


# --- Parameters --------------------------------------------------------------------------------------


def test_parameters_are_tensors_unless_annotated():
    @jit.script
    def f(x, y):
        return x

    assert str(f.schema) == "f(Tensor x, Tensor y) -> Tensor"


def test_mypy_style_annotation(capfd, assert_same, check_graph):
    @jit.script
    def foo(x, tup):
        # type: (int, Tuple[Tensor, Tensor]) -> Tensor
        t0, t1 = tup
        return t0 + t1 + x

    torch.manual_seed(0)
    print(foo(3, (torch.rand(3), torch.rand(3))))

    torch.manual_seed(0)
    wanted = torch.rand(3) + torch.rand(3) + 3
    assert capfd.readouterr().out == f"{wanted}\n"
    assert str(foo.schema) == "foo(int x, (Tensor, Tensor) tup) -> Tensor"
    check_graph(foo.graph)


def test_python_3_annotation(assert_agrees):
    """ "It is also possible to annotate types with Python 3 type annotations." """

    def foo(x: int, tup: Tuple[Tensor, Tensor]) -> Tensor:
        t0, t1 = tup
        return t0 + t1 + x

    scripted = assert_agrees(foo, 3, (torch.rand(3), torch.rand(3)))
    assert str(scripted.schema) == "foo(int x, (Tensor, Tensor) tup) -> Tensor"


def test_annotation_of_a_list(assert_agrees):
    def total(xs: List[int]) -> int:
        return xs[0] + xs[1]

    assert_agrees(total, [3, 4])


@pytest.mark.parametrize(
    "argument, given, wanted",
    [("x", (3.5, torch.ones(2)), "int"), ("y", (3, 4), "Tensor")],
)
def test_a_wrong_argument_is_named_before_anything_runs(capfd, argument, given, wanted):
    @jit.script
    def f(x: int, y: Tensor):
        print("runs")
        return y + x

    with pytest.raises(jit.Error, match=rf"\b{argument}\b") as refused:
        f(*given)
    assert wanted in str(refused.value)
    assert "runs" not in capfd.readouterr().out


def test_a_wrong_return_type_is_refused(assert_refused):
    def f(x) -> str:
        return x + 1

    assert_refused(f, line="return x + 1", match=r"\bstr\b(.|\n)*\bTensor\b")

"""Section "Variable Resolution" of the language reference."""

import pytest
import torch

import torchscript as jit


def test_a_variable_defined_along_some_paths_only(assert_refused):
    def foo(x):
        if x < 0:
            y = 4
        print(y)  # Error: undefined value y

    assert_refused(foo, line="print(y)", match="undefined value y|y is not defined")


def test_a_variable_defined_along_some_paths_only_where_the_decorator_stands():
    with pytest.raises(jit.CompileError, match="undefined value y|y is not defined"):

        @jit.script
        def foo(x):
            if x < 0:
                y = 4
            print(y)


def test_a_variable_defined_along_all_paths(assert_agrees, assert_same_run):
    def foo(x):
        if x < 0:
            y = 4
        else:
            y = 5
        return y

    scripted = assert_agrees(foo, torch.tensor(-1))
    assert_same_run(scripted, foo, torch.tensor(1))


def test_a_variable_defined_in_the_body_of_a_loop_only(assert_refused):
    def f(n: int):
        for i in range(n):
            y = i
        return y

    assert_refused(f, line="return y", match="undefined value y|y is not defined")


def test_a_variable_of_different_types_on_different_paths(assert_refused):
    def f(x):
        if x < 0:
            y = 4
        else:
            y = "four"
        print(y)

    assert_refused(f, line="print(y)", match=r"\by\b(.|\n)*\bint\b(.|\n)*\bstr\b")


def test_a_variable_that_is_not_defined_at_all(assert_refused):
    def f(x):
        return x + no_such_name

    assert_refused(f, line="return x + no_such_name", match="no_such_name")


def test_a_variable_used_before_its_definition(assert_refused):
    def f(x):
        z = later + x
        later = 1
        return z

    assert_refused(f, line="z = later + x", match="later")


def test_the_error_names_the_line(assert_refused):
    def f(x):
        y = x + 1
        return y + no_such_name

    message = assert_refused(f, line="return y + no_such_name")
    assert str(f.__code__.co_firstlineno + 2) in message


def test_non_local_variables_are_resolved_when_the_function_is_defined(assert_same):
    def callee(x):
        return x + 1

    @jit.script
    def f(x):
        return callee(x)

    def callee(x):
        return x + 2

    assert_same(f(torch.zeros(2)), torch.ones(2))


def test_a_local_variable_hides_a_non_local_one(assert_agrees):
    def f(x):
        torch = x + 1
        return torch * 2

    assert_agrees(f, torch.rand(2))


def test_a_failed_compilation_leaves_nothing_behind():
    def compile(wrong):
        if wrong:

            @jit.script
            def f(x):
                return x + no_such_name

        else:

            @jit.script
            def f(x):
                return x + 1

        return f

    for _ in range(2):
        with pytest.raises(jit.CompileError):
            compile(wrong=True)
        assert torch.equal(compile(wrong=False)(torch.zeros(1)), torch.ones(1))

"""What goes into traced code and comes out of it."""

from dataclasses import dataclass
from typing import NamedTuple

import pytest
import torch
from torch import nn

import torchscript as jit


class Pair(NamedTuple):
    first: torch.Tensor
    second: torch.Tensor


def test_structures_of_tensors(assert_same_run, check_graph):
    def f(pair, mapping, several):
        (a, b), c, (d, e) = pair, mapping["c"], several
        return (a + b, (c, d)), e

    x = torch.rand(2)
    traced = jit.trace(f, ((x, x), {"c": x}, [x, x]))

    check_graph(traced.graph)
    y = torch.rand(3)
    assert_same_run(traced, f, (y, y * 2), {"c": y * 3}, [y * 4, y * 5])


def test_a_tensor_given_twice_is_two_inputs(assert_same_run):
    def f(x, y):
        return x - y

    x = torch.rand(2)
    assert_same_run(jit.trace(f, (x, x)), f, torch.rand(2), torch.rand(2))


def test_keyword_inputs(assert_same):
    def f(x, y=None, *, z):
        return x - (y if y is not None else 0) + z

    x = torch.rand(2)
    traced = jit.trace(f, example_inputs=(x,), example_kwarg_inputs={"z": x})
    assert_same(traced(x, z=x * 2), f(x, z=x * 2))

    traced = jit.trace(f, example_kwarg_inputs={"x": x, "y": x, "z": x})
    assert_same(traced(x, y=x * 2, z=x), f(x, y=x * 2, z=x))


def test_the_names_of_parameters_are_kept():
    def f(left, *others):
        return left + others[0] + others[1]

    x = torch.rand(2)
    schema = jit.trace(f, (x, x, x)).schema
    assert [a.name for a in schema.arguments] == ["left", "others_0", "others_1"]


def test_named_tuples(assert_same):
    def f(pair):
        return Pair(pair.second, pair.first)

    x, y = torch.rand(2), torch.rand(2)
    traced = jit.trace(f, (Pair(x, y),))

    out = traced(Pair(x, y))
    assert_same(out.first, y)
    assert_same(out.second, x)


def test_lists_warn_and_dicts_are_refused_unless_strict_is_off(assert_same):
    x = torch.rand(2)
    with pytest.warns(jit.TracerWarning, match="Encountering a list at the output"):
        assert_same(jit.trace(lambda x: [x, x + 1], x)(x), [x, x + 1])
    with pytest.raises(jit.TracingError, match="Encountering a dict at the output"):
        jit.trace(lambda x: {"a": x}, x)
    assert_same(jit.trace(lambda x: {"a": x}, x, strict=False)(x), {"a": x})


def test_outputs_like_those_of_model_libraries(assert_same):
    @dataclass
    class Output:
        loss: object
        logits: object
        states: object = None

    x = torch.rand(3)
    for strict in (True, False):  # its fields are fixed
        traced = jit.trace(lambda x: Output(x.sum(), x * 2), torch.rand(2), strict=strict)
        assert_same(traced(x), {"loss": x.sum(), "logits": x * 2})


def test_outputs_whose_parts_have_different_types(assert_same):
    @dataclass
    class Output:
        logits: object
        states: object

    traced = jit.trace(lambda x: Output(x * 2, (x, x + 1)), torch.rand(2), strict=False)

    x = torch.rand(3)
    assert_same(traced(x).logits, x * 2)
    assert_same(traced(x).states, (x, x + 1))


def test_numbers_and_none_can_be_returned(assert_same):
    x = torch.rand(2, 3)
    traced = jit.trace(lambda x: (x, x.size(0), None, 3), x)
    assert_same(traced(torch.ones(4)), (torch.ones(4), 4, None, 3))


def test_a_function_that_returns_nothing_does_nothing():
    with pytest.raises(jit.TracingError, match="didn't return any values"):
        jit.trace(lambda x: None, torch.rand(2))


def test_a_function_that_only_writes_is_recorded():
    def f(x):
        x.add_(1)

    traced = jit.trace(f, torch.zeros(2), check_trace=False)
    x = torch.zeros(3)
    traced(x)
    assert torch.equal(x, torch.ones(3))


def test_other_inputs_are_constants_of_the_trace(assert_same):
    def f(x, flag, mode):
        return x * 2 if flag and mode == "double" else x

    x = torch.rand(2)
    with pytest.warns(jit.TracerWarning, match="The input 'mode'"):
        traced = jit.trace(f, (x, True, "double"))
    assert_same(traced(x, True, "double"), x * 2)
    with pytest.warns(jit.TracerWarning, match="The input 'scale' is a complex"):
        assert_same(jit.trace(lambda x, scale: x * scale, (x, 2j))(x, 2j), x * 2j)
    with pytest.warns(jit.TracerWarning, match="The input 'options' holds a bool"):
        jit.trace(lambda x, options: x * options[1] if options[0] else x, (x, (True, 2)))


def test_what_cannot_be_an_input_or_output():
    with pytest.raises(jit.TracingError, match="The input 'x' is a value of type object"):
        jit.trace(lambda x: x, (object(),))
    with pytest.raises(jit.TracingError, match="returned a value of type object"):
        jit.trace(lambda x: object(), torch.rand(2))
    with pytest.raises(jit.TracingError, match="example_inputs"):
        jit.trace(lambda x: x)


def test_tensors_of_the_outside_are_copied(assert_same):
    outside = torch.ones(2)
    traced = jit.trace(lambda x: x + outside, torch.rand(2))

    outside.zero_()

    assert_same(traced(torch.zeros(2)), torch.ones(2))


def test_parameters_of_the_outside_are_refused():
    linear = nn.Linear(2, 2)
    with pytest.raises(jit.TracingError, match="requires grad as a constant"):
        jit.trace(lambda x: linear(x), torch.rand(2))


def test_what_is_compiled_is_returned_as_it_is():
    traced = jit.trace(lambda x: x, torch.rand(2))
    with pytest.warns(UserWarning, match="no-op"):
        assert jit.trace(traced, torch.rand(2)) is traced

"""Generated code does what a plain interpreter of the graph does, effects and their order included."""

from hypothesis import given, settings
from hypothesis import strategies as st

from torchscript.codegen.python import compile_function
from torchscript.ir import Function, verify

from . import random_graphs
from .interpreter import Raised, run


def outcome(call, *arguments):
    log = []
    try:
        result = call(*arguments, log)
    except (Raised, RuntimeError):
        result = "raised"
    return result, log


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32), st.integers(3, 80), st.integers(-2, 4), st.integers(-2, 4), st.integers(0, 3))
def test_random_graphs(seed, size, a, b, n):
    graph = random_graphs.random_graph(seed, size, calls=True)
    verify(graph)
    compiled = compile_function(Function("f", graph, None))
    assert outcome(compiled, a, b, n) == outcome(lambda *args: run(graph, *args), a, b, n)

"""Random programs, random passes in random order: what the graph means stays, and it stays well formed.

Two generators: that of `tests/fuzz`, for the whole language, and one below for what the passes on tensors have to
get right: writes, views of what is written, lists that hold it, loops and conditionals that carry it.
"""

import copy
import linecache
import types

import pytest
import torch
from fuzz.programs import programs
from fuzz.running import Passes, Script, check
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import torchscript
from torchscript.codegen.python import compile_function
from torchscript.ir import parse_graph, print_graph, verify
from torchscript.ir.graph import Function
from torchscript.passes import PASSES, fuse_operators

LIMITS = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
NAMES = [name for name in PASSES if name != "inline"]
SEQUENCES = st.lists(st.sampled_from(NAMES), min_size=1, max_size=6)


@settings(LIMITS, max_examples=40)
@given(programs(size=8), st.lists(SEQUENCES, min_size=2, max_size=2))
def test_programs_of_the_language(program, sequences):
    try:
        check(program, [Script()])
    except AssertionError:
        return  # it is the compiler that is wrong: tests/fuzz finds that
    check(program, [Passes(*names) for names in sequences])


# --- Programs of tensors ----------------------------------------------------------------------------------------

TENSORS = st.sampled_from(["a", "b", "c", "d"])
NUMBERS = st.sampled_from(["n", "2", "0.5", "-1", "s"])
OPERANDS = st.one_of(TENSORS, TENSORS, NUMBERS)
STATEMENTS = st.one_of(
    st.builds("{} = {} {} {}".format, TENSORS, TENSORS, st.sampled_from("+-*"), OPERANDS),
    st.builds(
        "{} = {}.{}()".format, TENSORS, TENSORS, st.sampled_from(["tanh", "sigmoid", "relu", "abs", "clone"])
    ),
    st.builds("{} = {}.{}()".format, TENSORS, TENSORS, st.sampled_from(["float", "double"])),
    st.builds("{} = {}.type_as({})".format, TENSORS, TENSORS, TENSORS),
    st.builds("{} = torch.where({} > 0, {}, {})".format, TENSORS, TENSORS, TENSORS, TENSORS),
    st.builds("{} = {}.softmax(-1)".format, TENSORS, TENSORS),
    st.builds("{0} = ({1} - {1}.amax(-1, keepdim=True)).exp()".format, TENSORS, TENSORS),
    st.builds("{0} = {1} / ({1}.abs().sum(-1, keepdim=True) + 1)".format, TENSORS, TENSORS),
    st.builds("{0} = {1} * {1}.pow(2).mean(-1).unsqueeze(-1)".format, TENSORS, TENSORS),
    st.builds("{} {}= {}".format, TENSORS, st.sampled_from("+-*"), OPERANDS),
    st.builds("{}.{}_({})".format, TENSORS, st.sampled_from(["add", "mul", "sub"]), OPERANDS),
    st.builds("{}.{}_()".format, TENSORS, st.sampled_from(["tanh", "relu", "zero"])),
    st.builds("{} = {}".format, TENSORS, TENSORS),
    st.builds("{} = {}.view(2, 3)".format, TENSORS, TENSORS),
    st.builds("{} = {}[:]".format, TENSORS, TENSORS),
    st.builds("{} = F.dropout({}, 0.5, n > 8)".format, TENSORS, TENSORS),
    st.builds("{0} = torch.einsum('ij->ij', {1})".format, TENSORS, TENSORS),
    st.builds("{0} = torch.broadcast_tensors({1}, {2})[0]".format, TENSORS, TENSORS, TENSORS),
    st.builds("{0} = F.batch_norm({1}.float(), mean, var, training=n != 1)".format, TENSORS, TENSORS),
    st.builds("{0} = {1} + mean".format, TENSORS, TENSORS),
    st.builds("{}[{}] = {}".format, TENSORS, st.sampled_from("01"), NUMBERS),
    st.builds("{}.{}({})".format, st.sampled_from(["xs", "ys"]), st.just("append"), TENSORS),
    st.builds("{} = {}[{}]".format, TENSORS, st.sampled_from(["xs", "ys"]), st.sampled_from(["0", "-1"])),
    st.builds("{} = torch.stack(xs).sum(0)".format, TENSORS),
    st.builds("{0} = {1} @ {2}.t() @ {2}".format, TENSORS, TENSORS, TENSORS),
    st.builds("n = n + len({}) - 1".format, st.sampled_from(["xs", "ys"])),
    st.just("print(n)"),
    st.builds("if n > {}:\n    raise ValueError('stop')".format, st.sampled_from("357")),
)


def indented(body):
    return "\n".join("    " + line for part in body for line in part.splitlines())


def compound(inner):
    bodies = st.lists(inner, min_size=1, max_size=4).map(indented)
    return st.one_of(
        st.builds("for _ in range({}):\n{}".format, st.sampled_from(["n", "2", "0", "3"]), bodies),
        st.builds("if bool({}.sum() > 0):\n{}".format, TENSORS, bodies),
        st.builds("if n > 1:\n{}\nelse:\n{}".format, bodies, bodies),
    )


BODIES = st.lists(
    st.one_of(STATEMENTS, STATEMENTS, compound(st.one_of(STATEMENTS, compound(STATEMENTS)))), min_size=4
)
HEAD = """\
import torch
import torch.nn.functional as F
from typing import List
from torch import Tensor

def main(a: Tensor, b: Tensor, n: int, s: float, ys: List[Tensor], mean: Tensor, var: Tensor):
    c = a + 1
    d = b.tanh()
    xs = [c, d]
"""
RESULTS = st.sampled_from(["a, b, c, d, xs", "c, d, n", "d", "c + d, len(xs), ys"])


def define(text):
    """A function whose source can be read, as that of a file."""
    module = types.ModuleType("random_program")
    filename = f"<random {hash(text)}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    exec(compile(text, filename, "exec"), module.__dict__)
    return module.main


def outcome(function, inputs):
    """What the call returns and what has become of its arguments; or that it raised."""
    inputs = copy.deepcopy(inputs)
    try:
        return function(*inputs), inputs
    except Exception:
        return "raised"


@pytest.fixture(scope="module")
def inputs():
    torch.manual_seed(3)
    return [
        (*torch.randn(2, 2, 3), n, 0.25, [torch.randn(2, 3), torch.ones(2, 3)], torch.zeros(3), torch.ones(3))
        for n in (0, 1, 3)
    ]


@settings(LIMITS, max_examples=120)
@given(BODIES, RESULTS, SEQUENCES)
def test_programs_of_tensors(inputs, assert_same, body, results, names):
    text = f"{HEAD}{indented(body)}\n    return {results}\n"
    function = define(text)
    expected = [outcome(function, given) for given in inputs]
    if expected == ["raised"] * len(inputs):
        return
    try:
        scripted = torchscript.script(function)
    except torchscript.CompileError:
        return  # a variable of two types
    graph = scripted.graph.copy()
    for name in [*names, "fuse"]:
        PASSES[name](graph)
        verify(graph)
    printed = print_graph(graph)
    assert print_graph(parse_graph(printed)) == printed
    changed = compile_function(Function("__torch__.main", graph, scripted._ts_function.schema))
    for given_, wanted in zip(inputs, expected, strict=True):
        found = outcome(changed, given_)
        if wanted == "raised":  # an optimised program may lose what raises and has no result that is used
            continue
        assert found != "raised", (text, names)
        try:
            assert_same(found, wanted)
        except AssertionError as error:
            raise AssertionError(f"after {names}:\n{text}") from error


def test_the_programs_reach_the_passes(inputs):
    """Of the programs above, some are changed by each pass that they are for."""
    changed = dict.fromkeys(("inplace", "lists", "licm", "fuse", "forward", "raises", "unroll", "casts"), 0)

    @settings(LIMITS, max_examples=80)
    @given(BODIES, RESULTS)
    def count(body, results):
        try:
            graph = torchscript.script(define(f"{HEAD}{indented(body)}\n    return {results}\n")).graph
        except torchscript.CompileError:
            return
        PASSES["pool"](graph)
        PASSES["cse"](graph)
        for name in changed:
            changed[name] += PASSES[name](graph.copy())

    count()
    assert all(changed.values()), changed
    assert fuse_operators(parse_graph("graph(%x : Tensor): return (%x)")) is False

"""Section "Debugging" of the language reference."""

import re
import textwrap
import warnings

import pytest
import torch

import torchscript as jit

# --- Disable JIT for debugging -----------------------------------------------------------------------

DISABLE_JIT_EXAMPLE = """
import torch
import torchscript as jit


@jit.script
def scripted_fn(x : torch.Tensor):
    for i in range(12):
        x = x + x
    return x

def fn(x):
    x = torch.neg(x)
    import pdb; pdb.set_trace()
    return scripted_fn(x)

traced_fn = jit.trace(fn, (torch.rand(4, 5),))

traced_fn(torch.rand(3, 4))
"""


@pytest.fixture
def disable_jit_example(tmp_path):
    path = tmp_path / "disable_jit_example.py"
    path.write_text(
        DISABLE_JIT_EXAMPLE
        + textwrap.dedent("""
            import types
            print("scripted_fn is plain:", isinstance(scripted_fn, types.FunctionType))
            print("traced_fn is fn:", traced_fn is fn)
            print("scripted_fn is a ScriptFunction:", isinstance(scripted_fn, jit.ScriptFunction))
            print("result:", scripted_fn(torch.ones(2)).tolist())
        """)
    )
    return path


def test_without_the_variable_functions_are_compiled(disable_jit_example, run_program):
    run = run_program(disable_jit_example, answers="continue\n" * 20)

    assert run.returncode == 0, run.stderr
    assert "scripted_fn is a ScriptFunction: True" in run.stdout
    assert "traced_fn is fn: False" in run.stdout
    assert "result: [4096.0, 4096.0]" in run.stdout


def test_pytorch_jit_0_makes_everything_plain_python(disable_jit_example, run_program):
    run = run_program(disable_jit_example, answers="continue\n" * 20, PYTORCH_JIT="0")

    assert run.returncode == 0, run.stderr
    assert "scripted_fn is plain: True" in run.stdout
    assert "traced_fn is fn: True" in run.stdout
    assert "scripted_fn is a ScriptFunction: False" in run.stdout
    assert "result: [4096.0, 4096.0]" in run.stdout


def test_pytorch_jit_0_lets_pdb_step_into_a_script_function(disable_jit_example, run_program):
    """ "We will be able to step into the @script function as a normal Python function." """
    answers = ["step", "step", "next", "next", "next", "print('the loop is at', i)", "continue"]
    run = run_program(disable_jit_example, answers="\n".join(answers) + "\n", PYTORCH_JIT="0")

    assert run.returncode == 0, run.stderr
    stepped = run.stdout.split("the loop is at")
    assert len(stepped) == 2, run.stdout
    assert "-> return scripted_fn(x)" in stepped[0]
    assert "scripted_fn()" in stepped[0]
    assert "-> for i in range(12):" in stepped[0]
    assert "-> x = x + x" in stepped[0]


def test_pytorch_jit_0_makes_modules_plain(tmp_path, run_program):
    path = tmp_path / "disable_jit_modules.py"
    path.write_text(
        textwrap.dedent("""
            import types
            import torch
            import torchscript as jit

            class MyModule(jit.ScriptModule):
                __constants__ = ["n"]

                def __init__(self):
                    super(MyModule, self).__init__()
                    self.n = 3
                    self.weight = torch.nn.Parameter(torch.ones(2))

                @jit.script_method
                def forward(self, input):
                    try:  # outside the language
                        return self.weight * input * self.n
                    finally:
                        pass

            class Plain(torch.nn.Module):
                def forward(self, input):
                    return input

            module, plain = MyModule(), Plain()
            assert isinstance(module, torch.nn.Module)
            assert isinstance(module.forward, types.MethodType)
            assert module(torch.ones(2)).tolist() == [3.0, 3.0]
            assert list(module.state_dict()) == ["weight"]
            assert jit.script(plain) is plain
            assert jit.trace(plain, torch.ones(2)) is plain
            print("all plain")
        """)
    )
    run = run_program(path, PYTORCH_JIT="0")

    assert run.returncode == 0, run.stderr
    assert "all plain" in run.stdout


# --- Interpreting graphs -----------------------------------------------------------------------------


def graph_example(len):
    # type: (int) -> torch.Tensor
    rv = torch.zeros(3, 4)
    for i in range(len):
        if i < 10:
            rv = rv - 1.0
        else:
            rv = rv + 1.0
    return rv


def test_interpreting_graphs(capfd, assert_same_run, check_graph, operators_of):
    @jit.script
    def foo(len):
        # type: (int) -> torch.Tensor
        rv = torch.zeros(3, 4)
        for i in range(len):
            if i < 10:
                rv = rv - 1.0
            else:
                rv = rv + 1.0
        return rv

    print(foo.graph)

    printed = capfd.readouterr().out
    check_graph(foo.graph)
    torch._C.parse_ir(printed)
    # the form of PyTorch 2: Tensor for Dynamic, a colon where a block opens, no braces
    assert re.match(r"graph\(%len[.\d]* : int\):\n", printed)
    assert re.search(r"%rv\S* : Tensor = aten::zeros\(%\S+, %\S+", printed)
    assert re.search(r"%rv\S* : Tensor = prim::Loop\(%len", printed)
    assert re.search(r"block0\(%i\S* : int, %\S+ : Tensor\):\n", printed)
    assert re.search(r"%\S+ : bool = aten::lt\(%i", printed)
    assert re.search(r"%rv\S* : Tensor = prim::If\(%\S+\)", printed)
    assert re.search(r"block0\(\):\n.*aten::sub(.|\n)*block1\(\):\n.*aten::add", printed)
    assert re.search(r"-> \(%\S+, %rv", printed)
    assert re.search(r"  return \(%rv\S*\)\n", printed)
    assert "Dynamic" not in printed

    for length in (0, 1, 15):
        assert_same_run(foo, graph_example, length)


def test_a_graph_has_the_operators_of_torch(operators_of):
    """The same operators as in the graph that PyTorch makes of the same function."""
    ours, theirs = jit.script(graph_example).graph, torch.jit.script(graph_example).graph
    assert operators_of(ours) == operators_of(theirs)


def test_a_graph_says_where_its_nodes_come_from():
    graph = str(jit.script(graph_example).graph)
    line = graph_example.__code__.co_firstlineno + 5
    assert re.search(rf"aten::sub\(.*\) # .*test_debugging\.py:{line}:\d+\n", graph)


def test_each_method_of_a_module_has_a_graph(check_graph):
    """ "We can inspect the graph of a method named bar on a ScriptModule by accessing .bar.graph." """

    class TwoMethods(jit.ScriptModule):
        @jit.script_method
        def forward(self, input):
            return self.bar(input) + 1

        @jit.script_method
        def bar(self, input):
            return torch.tanh(input)

    module = TwoMethods()
    assert "aten::tanh" in str(module.bar.graph)
    assert "aten::tanh" not in str(module.graph)
    assert "aten::tanh" in str(module.inlined_graph)
    check_graph(module.bar.graph)
    check_graph(module.forward.graph)
    check_graph(module.graph)


# --- Automatic trace checking ------------------------------------------------------------------------


def test_automatic_trace_checking():
    def loop_in_traced_fn(x):
        result = x[0]
        for i in range(x.size(0)):
            result = result * x[i]
        return result

    inputs = (torch.rand(3, 4, 5),)
    check_inputs = [(torch.rand(4, 5, 6),), (torch.rand(2, 3, 4),)]

    with pytest.raises(jit.TracingCheckError, match="Graphs differed across invocations!") as refused:
        traced = jit.trace(loop_in_traced_fn, inputs, check_inputs=check_inputs)

    message = str(refused.value)
    assert "Graph diff:" in message
    # the fourth row of the first check input
    assert re.search(r"^\s*\+ .*aten::select\(%", message, re.M)
    assert re.search(r"^\s*\+ .*aten::mul\(%", message, re.M)
    # what both runs did is there without a mark
    assert re.search(r"^\s+graph\(%", message, re.M)
    assert re.search(r"^\s+%\S+ : \S+ = aten::select\(%", message, re.M)


def test_trace_checking_accepts_what_does_not_differ(assert_same_run):
    def f(x):
        return x[0] * x[-1] + x.size(0)

    inputs = (torch.rand(3, 4, 5),)
    check_inputs = [(torch.rand(4, 5, 6),), (torch.rand(2, 3, 4),)]

    with warnings.catch_warnings():
        warnings.simplefilter("error", jit.TracerWarning)
        traced = jit.trace(f, inputs, check_inputs=check_inputs)

    for input_tuple in [inputs] + check_inputs:
        assert_same_run(traced, f, *input_tuple)


def test_data_dependent_control_flow_can_be_captured_using_script(capfd, check_graph, operators_of):
    def fn(x):
        result = x[0]
        for i in range(x.size(0)):
            result = result * x[i]
        return result

    inputs = (torch.rand(3, 4, 5),)
    check_inputs = [(torch.rand(4, 5, 6),), (torch.rand(2, 3, 4),)]

    scripted_fn = jit.script(fn)
    print(scripted_fn.graph)

    for input_tuple in [inputs] + check_inputs:
        # torch.testing.assert_allclose of the document is gone
        torch.testing.assert_close(fn(*input_tuple), scripted_fn(*input_tuple))

    printed = capfd.readouterr().out
    torch._C.parse_ir(printed)
    check_graph(scripted_fn.graph)
    assert operators_of(printed) == {"aten::select": 2, "aten::size": 1, "prim::Loop": 1, "aten::mul": 1}
    assert re.match(r"graph\(%x[.\d]* : Tensor\):\n", printed)


# --- Tracer warnings ---------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [4, 7])
@pytest.mark.filterwarnings("ignore::torchscript.TracerWarning")
def test_trace_of_an_assignment_to_a_slice(capfd, assert_same_run, check_graph, columns):
    """The document shows that the assignment is lost. It is kept since PyTorch 1.0.1."""

    def fill_row_zero(x):
        x[0] = torch.rand(*x.shape[1:2])
        return x

    traced = jit.trace(fill_row_zero, (torch.rand(3, 4),))
    print(traced.graph)

    assert "aten::rand" in capfd.readouterr().out
    check_graph(traced.graph)
    # from the same seed; the input is changed too
    assert_same_run(traced, fill_row_zero, torch.rand(3, columns))


@pytest.mark.parametrize("columns", [4, 7])
@pytest.mark.filterwarnings("ignore::torchscript.TracerWarning")
def test_trace_of_an_out_of_place_update(capfd, assert_same_run, check_graph, columns):
    def fill_row_zero(x):
        x = torch.cat((torch.rand(1, *x.shape[1:2]), x[1:2]), dim=0)
        return x

    traced = jit.trace(fill_row_zero, (torch.rand(3, 4),))
    print(traced.graph)

    assert "aten::cat" in capfd.readouterr().out
    check_graph(traced.graph)
    assert_same_run(traced, fill_row_zero, torch.rand(3, columns))


def test_the_tracer_warns_of_values_that_leave_the_trace():
    def f(x):
        if x[0] > 0:
            return x * float(x[1])
        return x

    with pytest.warns(jit.TracerWarning) as caught:
        jit.trace(f, torch.ones(2), check_trace=False)

    where = [warning for warning in caught if issubclass(warning.category, jit.TracerWarning)]
    assert {warning.lineno - f.__code__.co_firstlineno for warning in where} >= {1, 2}
    assert all(warning.filename == __file__ for warning in where)


def test_a_trace_that_is_nondeterministic_is_warned_of():
    def f(x):
        return x + torch.rand(3)

    with pytest.warns(jit.TracerWarning, match=r"aten::rand|nondeterministic|does not match"):
        jit.trace(f, torch.ones(3))

"""Section "Creating Torch Script Code": the two ways in, tracing and scripting."""

import itertools

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F
import torchvision

import torchscript as jit
from torchscript import ScriptModule, script_method, trace

# --- Tracing -----------------------------------------------------------------------------------------


def test_trace_of_a_function(assert_same_run, check_graph):
    def foo(x, y):
        return 2 * x + y

    traced_foo = jit.trace(foo, (torch.rand(3), torch.rand(3)))

    assert_same_run(traced_foo, foo, torch.rand(3), torch.rand(3))
    assert_same_run(traced_foo, foo, torch.rand(5, 4), torch.rand(4))
    check_graph(traced_foo.graph)
    # "Tracing a function will produce a ScriptModule": a ScriptFunction since PyTorch 1.2
    assert isinstance(traced_foo, jit.ScriptFunction)


def test_trace_of_resnet18(assert_same_run, check_graph):
    net = torchvision.models.resnet18()
    traced_net = jit.trace(net, torch.rand(1, 3, 224, 224))

    assert isinstance(traced_net, jit.ScriptModule)
    check_graph(traced_net.graph)
    check_graph(traced_net.inlined_graph)
    assert_same_run(traced_net, net, torch.rand(1, 3, 64, 64))
    # another batch size than that of the example
    assert_same_run(traced_net, net, torch.rand(3, 3, 64, 64))


def test_traced_module_holds_the_parameters_of_the_module():
    net = torchvision.models.resnet18()
    traced_net = jit.trace(net, torch.rand(2, 3, 32, 32), check_trace=False)

    assert [name for name, _ in traced_net.named_modules()] == [name for name, _ in net.named_modules()]
    assert list(traced_net.state_dict()) == list(net.state_dict())
    assert [name for name, _ in traced_net.named_parameters()] == [name for name, _ in net.named_parameters()]
    with torch.no_grad():
        net.fc.bias.fill_(100.0)
    assert traced_net.fc.bias.eq(100.0).all()


def test_traced_module_trains(assert_same):
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    traced = jit.trace(module, torch.rand(2, 3))
    x = torch.rand(5, 3)

    module(x).sum().backward()
    wanted = [parameter.grad.clone() for parameter in module.parameters()]
    module.zero_grad()
    traced(x).sum().backward()

    assert_same([parameter.grad for parameter in traced.parameters()], wanted)


def test_trace_does_not_record_control_flow():
    """ "The returned ScriptModule will always run the same traced graph on any input." """

    def f(x):
        if x.sum() > 0:
            return x + 1
        return x - 1

    with pytest.warns(jit.TracerWarning):
        traced = jit.trace(f, torch.ones(2))

    assert torch.equal(traced(-torch.ones(2)), torch.zeros(2))
    assert "prim::If" not in str(traced.graph)


def test_trace_unrolls_loops(operators_of):
    def f(x):
        for _ in range(3):
            x = x * x
        return x

    assert operators_of(jit.trace(f, torch.rand(2)).graph) == {"aten::mul": 3}


def test_traced_module_stays_in_the_mode_it_was_traced_in():
    """ "Operations that have different behaviors in training and eval modes will always behave as if it is in the
    mode it was in during tracing, no matter which mode the ScriptModule is in." """
    x = torch.ones(100)

    in_eval = jit.trace(nn.Sequential(nn.Dropout(0.5)).eval(), x)
    in_eval.train()
    assert torch.equal(in_eval(x), x)

    in_training = jit.trace(nn.Sequential(nn.Dropout(0.5)).train(), x, check_trace=False)
    in_training.eval()
    assert in_training(x).eq(0).any()


# --- jit.trace(func, example_inputs, optimize=True, check_trace=True, check_inputs=None, check_tolerance=1e-05,
#     _force_outplace=False)


def test_example_inputs_may_be_a_single_tensor(assert_same_run):
    def f(x):
        return x * 2

    traced_f = jit.trace(f, torch.rand(1))

    assert_same_run(traced_f, f, torch.rand(1))


def test_parameters_and_results_may_be_nested_tuples_of_tensors(assert_same_run, check_graph):
    def f(x, pair):
        y, (z,) = pair
        return x + y, (z * 2, (x,))

    traced = jit.trace(f, (torch.rand(2), (torch.rand(2), (torch.rand(2),))))

    assert_same_run(traced, f, torch.rand(4), (torch.rand(4), (torch.rand(4),)))
    check_graph(traced.graph)


@pytest.mark.filterwarnings("ignore:`optimize` is deprecated")
def test_trace_takes_the_keywords_of_the_specification(assert_same_run):
    def f(x):
        return x.relu() * 2

    traced = jit.trace(
        func=f,
        example_inputs=(torch.rand(3),),
        optimize=True,
        check_trace=True,
        check_inputs=[(torch.rand(3),), (torch.rand(5),)],
        check_tolerance=1e-05,
        _force_outplace=False,
    )

    assert_same_run(traced, f, torch.randn(4))


def test_check_trace_compares_with_a_second_run():
    counter = itertools.count(1)

    def depends_on_what_is_outside(x):
        return x * next(counter)

    with pytest.raises(jit.TracingCheckError):
        jit.trace(depends_on_what_is_outside, torch.rand(3))

    assert jit.trace(depends_on_what_is_outside, torch.rand(3), check_trace=False)


def test_check_tolerance_loosens_the_check(recwarn):
    def drifts(x):
        return x * 2 if jit.is_tracing() else x * 2 + 1e-3

    def warnings_of_checking(tolerance):
        recwarn.clear()
        jit.trace(drifts, torch.ones(2), check_tolerance=tolerance)
        return [w for w in recwarn if "does not match the corresponding output" in str(w.message)]

    assert warnings_of_checking(1e-5)
    assert not warnings_of_checking(0.1)


# --- Scripting ---------------------------------------------------------------------------------------


def test_script_of_a_function(assert_same, check_graph, operators_of):
    @jit.script
    def foo(x, y):
        if x.max() > y.max():
            r = x
        else:
            r = y
        return r

    small, large = torch.rand(3), torch.rand(3) + 1
    assert_same(foo(small, large), large)
    assert_same(foo(large, small), large)
    check_graph(foo.graph)
    assert operators_of(foo.graph) == {"aten::max": 2, "aten::gt": 1, "aten::Bool": 1, "prim::If": 1}


def test_script_of_a_function_gives_a_script_function():
    """ "A script function annotation will construct a ScriptModule": a ScriptFunction since PyTorch 1.2."""

    @jit.script
    def foo(x, y):
        return x + y

    assert isinstance(foo, jit.ScriptFunction)
    assert foo.name == "foo"
    assert str(foo.schema) == "foo(Tensor x, Tensor y) -> Tensor"


def test_script_module(assert_same, check_graph):
    class MyModule(jit.ScriptModule):
        def __init__(self, N, M):
            super(MyModule, self).__init__()
            self.weight = torch.nn.Parameter(torch.rand(N, M))

        @jit.script_method
        def forward(self, input):
            return self.weight.mv(input)

    module = MyModule(2, 3)
    input = torch.rand(3)

    assert_same(module(input), module.weight.mv(input))
    assert [name for name, _ in module.named_parameters()] == ["weight"]
    check_graph(module.graph)
    module(input).sum().backward()
    assert_same(module.weight.grad, input.expand(2, 3))


def test_script_module_is_a_module():
    """ "Like normal modules, each individual module in a ScriptModule can have submodules, parameters, and
    methods." """

    class Inner(jit.ScriptModule):
        def __init__(self):
            super(Inner, self).__init__()
            self.weight = nn.Parameter(torch.rand(2))
            self.register_buffer("mean", torch.zeros(2))

        @jit.script_method
        def forward(self, input):
            return (input - self.mean) * self.weight

    class Outer(jit.ScriptModule):
        def __init__(self):
            super(Outer, self).__init__()
            self.inner = Inner()

        @jit.script_method
        def forward(self, input):
            return self.inner(input)

    module = Outer()
    assert isinstance(module, nn.Module)
    assert list(module.state_dict()) == ["inner.weight", "inner.mean"]
    assert module.double()(torch.rand(2, dtype=torch.double)).dtype == torch.double
    assert not module.eval().inner.training


@pytest.mark.parametrize("arguments", [{}, {"optimize": True}, {"optimize": False}])
def test_script_module_takes_optimize(arguments):
    class MyModule(jit.ScriptModule):
        def __init__(self):
            super(MyModule, self).__init__(**arguments)
            self.weight = nn.Parameter(torch.ones(2))

        @jit.script_method
        def forward(self, input):
            return self.weight + input

    assert torch.equal(MyModule()(torch.ones(2)), torch.full((2,), 2.0))


def test_script_module_of_traced_submodules(assert_same, check_graph):
    class MyScriptModule(ScriptModule):
        def __init__(self):
            super(MyScriptModule, self).__init__()
            # trace produces a ScriptModule's conv1 and conv2
            self.conv1 = trace(nn.Conv2d(1, 20, 5), torch.rand(1, 1, 16, 16))
            self.conv2 = trace(nn.Conv2d(20, 20, 5), torch.rand(1, 20, 16, 16))

        @script_method
        def forward(self, input):
            input = F.relu(self.conv1(input))
            input = F.relu(self.conv2(input))
            return input

    module = MyScriptModule()
    assert isinstance(module.conv1, ScriptModule)
    check_graph(module.graph)
    input = torch.rand(2, 1, 12, 20)
    hidden = F.relu(F.conv2d(input, module.conv1.weight, module.conv1.bias))
    assert_same(module(input), F.relu(F.conv2d(hidden, module.conv2.weight, module.conv2.bias)))

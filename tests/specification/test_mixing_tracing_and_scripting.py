"""Section "Mixing Tracing and Scripting"."""

import torch
import torchvision

import torchscript as jit


def test_a_script_function_calls_a_traced_function(assert_same_run, check_graph):
    def foo(x, y):
        return 2 * x + y

    traced_foo = jit.trace(foo, (torch.rand(3), torch.rand(3)))

    @jit.script
    def bar(x):
        return traced_foo(x, x)

    assert_same_run(bar, lambda x: foo(x, x), torch.rand(3))
    assert_same_run(bar, lambda x: foo(x, x), torch.rand(2, 5))
    check_graph(bar.graph)
    check_graph(bar.inlined_graph)


def test_a_traced_function_calls_a_script_function(assert_same_run, check_graph):
    @jit.script
    def foo(x, y):
        if x.max() > y.max():
            r = x
        else:
            r = y
        return r

    def bar(x, y, z):
        return foo(x, y) + z

    # the document leaves out the last parenthesis
    traced_bar = jit.trace(bar, (torch.rand(3), torch.rand(3), torch.rand(3)))

    # "Control-flow inside of a script function called by a traced function is preserved correctly."
    def wanted(x, y, z):
        return (x if x.max() > y.max() else y) + z

    small, large = torch.rand(3), torch.rand(3) + 1
    assert_same_run(traced_bar, wanted, small, large, torch.rand(3))
    assert_same_run(traced_bar, wanted, large, small, torch.rand(3))
    assert "prim::If" in str(traced_bar.inlined_graph)
    check_graph(traced_bar.graph)
    check_graph(traced_bar.inlined_graph)


def test_a_script_module_holds_a_traced_submodule(assert_same_run, check_graph):
    class MyScriptModule(jit.ScriptModule):
        def __init__(self):
            super(MyScriptModule, self).__init__()
            self.means = torch.nn.Parameter(
                torch.tensor([103.939, 116.779, 123.68]).resize_(1, 3, 1, 1),
            )
            self.resnet = jit.trace(torchvision.models.resnet18(), torch.rand(1, 3, 224, 224))

        @jit.script_method
        def forward(self, input):
            return self.resnet(input - self.means)

    torch.manual_seed(0)
    module = MyScriptModule()
    torch.manual_seed(0)
    resnet = torchvision.models.resnet18()

    assert_same_run(module, lambda input: resnet(input - module.means), torch.rand(2, 3, 64, 64))
    assert list(module.state_dict()) == ["means", *(f"resnet.{name}" for name in resnet.state_dict())]
    check_graph(module.graph)
    check_graph(module.inlined_graph)


def test_a_traced_module_calls_a_script_module(assert_same_run, check_graph):
    """ "This also applies to modules." """

    class Gate(jit.ScriptModule):
        def __init__(self):
            super(Gate, self).__init__()
            self.weight = torch.nn.Parameter(torch.rand(3))

        @jit.script_method
        def forward(self, input):
            if bool(input.sum() > 0):
                input = input * self.weight
            else:
                input = input - self.weight
            return input

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.gate = Gate()

        def forward(self, input):
            return self.gate(input * 2) + 1

    net = Net()
    traced = jit.trace(net, torch.ones(3))

    assert_same_run(traced, net, torch.ones(3))
    assert_same_run(traced, net, -torch.ones(3))
    check_graph(traced.graph)
    check_graph(traced.inlined_graph)

"""Large linear layers of optimised modules: oneDNN's for many rows, the same numbers, NaN and errors as in eager mode."""

import copy
import io

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

import torchscript as ts
from torchscript.ir import verify
from torchscript.passes import use_onednn_linears

OPERATOR = "mkldnn::_linear_pointwise"


class Calls(TorchDispatchMode):
    """How often oneDNN's operator runs."""

    number = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.number += func._schema.name == OPERATOR
        return func(*args, **(kwargs or {}))


def calls(function, *inputs):
    """How often oneDNN's operator runs in a call, and the result."""
    with Calls() as counter:
        result = function(*inputs)
    return counter.number, result


def count(graph, kind=OPERATOR):
    return sum(node.kind == kind for node in graph.all_nodes())


class Layers(nn.Module):
    """A transformer's: a residual branch with an activation between two linears, and a linear without a bias."""

    def __init__(self, activation=nn.GELU):
        super().__init__()
        self.up, self.down = nn.Linear(512, 1024), nn.Linear(1024, 512)
        self.last = nn.Linear(512, 1024, bias=False)
        self.activation = activation()

    def forward(self, x):
        x = x + self.down(self.activation(self.up(x)))
        return self.last(x)


@pytest.fixture(scope="module")
def layers():
    torch.manual_seed(0)
    module = Layers().eval()
    made = ts.optimize_for_inference(ts.script(module))
    verify(made.graph)
    return module, made


def inputs():
    torch.manual_seed(1)
    return {
        "one row": torch.randn(512),
        "few rows": torch.randn(3, 5, 512),
        "16": torch.randn(16, 512),
        "64": torch.randn(64, 512),
        "three dimensions": torch.randn(2, 33, 512),
        "channels_last": torch.randn(2, 512, 5, 6)
        .contiguous(memory_format=torch.channels_last)
        .permute(0, 2, 3, 1),
        "transposed": torch.randn(512, 40).t(),
        "steps": torch.randn(40, 1200)[::2, 1:1025:2],
        "expanded": torch.randn(1, 512).expand(20, 512),
        "no rows": torch.randn(0, 512),
    }


@pytest.mark.parametrize("name", inputs())
def test_layers_agree(layers, name):
    module, made = layers
    x = inputs()[name]
    with torch.inference_mode():
        number, found = calls(made, x)
        expected = module(x)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert found.stride() == expected.stride()
    assert number == (3 if x.numel() >= 16 * 512 else 0)


def test_gradients_and_other_dtypes_are_the_frozen_modules(layers):
    module, made = layers
    x = torch.randn(64, 512)
    one, other = x.clone().requires_grad_(), x.clone().requires_grad_()
    module(one).sum().backward()
    made(other).sum().backward()
    torch.testing.assert_close(other.grad, one.grad, rtol=1e-4, atol=1e-4)
    forward = [torch.func.jvp(f, (x,), (x.flip(0),))[1] for f in (made, module)]
    torch.testing.assert_close(*forward, rtol=1e-4, atol=1e-4)
    alone = ts.optimize_for_inference(ts.script(nn.Linear(768, 768).eval()))
    y = torch.randn(64, 768)
    torch.testing.assert_close(alone(y.to_sparse()), alone(y), rtol=1e-4, atol=1e-4)
    for wrong in (x.double(), x.bfloat16(), x.long(), x[:, 1:]):
        with pytest.raises(RuntimeError) as wanted:
            module(wrong)
        with pytest.raises(RuntimeError) as found:
            made(wrong)
        assert str(wanted.value).splitlines()[0] in str(found.value)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(made(x), module(x))


class Learning(nn.Module):
    """Gradients that begin inside, where nobody can ask the arguments."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.randn(768))
        self.layer = nn.Linear(768, 768)

    def forward(self, x):
        return self.layer(x * self.scale)


def test_gradients_of_parameters_that_were_kept():
    module = Learning().eval()
    frozen = ts.freeze(ts.script(module), preserved_attrs=["scale"])
    made = ts.optimize_for_inference(frozen)
    assert count(made.graph) == 1
    x = torch.randn(32, 768)
    made(x).sum().backward()
    module(x).sum().backward()
    torch.testing.assert_close(dict(made.named_parameters())["scale"].grad, module.scale.grad)
    with torch.inference_mode():
        torch.testing.assert_close(made(x), module(x), rtol=1e-4, atol=1e-4)


ACTIVATIONS = {
    "relu": nn.ReLU, "relu6": nn.ReLU6, "hardtanh": nn.Hardtanh, "hardsigmoid": nn.Hardsigmoid, "silu": nn.SiLU,
    "leaky_relu": nn.LeakyReLU, "no_slope": lambda: nn.LeakyReLU(0.0), "sigmoid": nn.Sigmoid, "tanh": nn.Tanh,
    "hardswish": nn.Hardswish, "gelu": nn.GELU, "gelu_tanh": lambda: nn.GELU("tanh"), "softplus": nn.Softplus,
}  # fmt: skip


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_activations_give_nan_and_infinity_where_eager_has_them(name, number):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(768, 768), ACTIVATIONS[name]()).eval()
    made = ts.optimize_for_inference(ts.script(module))
    (node,) = [n for n in made.graph.all_nodes() if n.kind == OPERATOR]
    in_kernel = node.inputs[3].node.attributes["value"] != "none"
    assert in_kernel == (name in ("silu", "leaky_relu", "sigmoid", "tanh", "hardswish", "gelu", "gelu_tanh"))
    x = torch.randn(64, 768)
    x[3, 5] = x[9, 0] = number
    with torch.inference_mode():
        number_of_calls, found = calls(made, x)
        torch.testing.assert_close(found, module(x), rtol=1e-4, atol=1e-4, equal_nan=True)
    assert number_of_calls == 1


def test_what_is_optimised_is_saved_copied_and_compiled_again(layers):
    module, made = layers
    x = torch.randn(64, 512)
    data = made.save_to_buffer()
    assert OPERATOR not in str(ts.load(io.BytesIO(data)).graph)
    others = [
        ts.load(io.BytesIO(data)),
        torch.jit.load(io.BytesIO(data)),
        copy.copy(made),
        copy.deepcopy(made),
    ]
    others += [ts.optimize_for_inference(made), ts.freeze(made)]
    with torch.inference_mode():
        expected = module(x)
        for other in others:
            torch.testing.assert_close(other(x), expected, rtol=1e-4, atol=1e-4)
        called = torch.func.functional_call(made, {}, (x,))
        torch.testing.assert_close(called, expected, rtol=1e-4, atol=1e-4)


class Others(nn.Module):
    """What stays as it is."""

    def __init__(self):
        super().__init__()
        self.small, self.large = nn.Linear(700, 700), nn.Linear(768, 768)
        self.wide = nn.Linear(768, 768).double()

    def forward(self, x):
        x = F.pad(self.small(x[:, :700]), (0, 68))
        for _ in range(int(x.size(0)) - 30):
            x = self.large(x)
        with torch.autocast("cpu", torch.bfloat16):
            x = self.large(x)
        return self.wide(x.double())


def test_small_layers_loops_autocast_and_other_weights_stay():
    module = Others().eval()
    made = ts.optimize_for_inference(ts.script(module))
    assert count(made.graph) == 0 and count(made.graph, "aten::linear") == 4
    x = torch.randn(32, 768)
    with torch.no_grad():
        torch.testing.assert_close(made(x), module(x))


class Branches(nn.Module):
    """One weight twice, and results that are read, written or asked for more than that."""

    def __init__(self):
        super().__init__()
        self.one = nn.Linear(768, 768)

    def forward(self, x, y):
        if x.size(0) > 40:
            a = self.one(x)
            a += 1
            return F.gelu(a) * a.size(0)
        a = self.one(x)
        b = self.one(x)
        c = F.silu(b) * F.silu(a)  # one kernel for both
        x += 1
        y += 2
        return self.one(x) + y[:1] + c


@pytest.mark.parametrize("rows", [3, 20, 64])
def test_branches_agree(rows):
    torch.manual_seed(0)
    module = Branches().eval()
    made = ts.optimize_for_inference(ts.script(module))
    verify(made.graph)
    packed = {id(n.inputs[1].node.attributes["value"]) for n in made.graph.all_nodes() if n.kind == OPERATOR}
    assert len(packed) == 1
    x, y = torch.randn(rows, 768), torch.randn(2, 768)
    with torch.inference_mode():
        found, expected = made(x.clone(), y.clone()), module(x.clone(), y.clone())
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_a_sum_that_broadcasts_and_one_that_comes_from_later():
    class Sums(nn.Module):
        def __init__(self):
            super().__init__()
            self.one = nn.Linear(768, 768)

        def forward(self, x, y):
            a = self.one(x)
            b = self.one(y) + 1.0
            return a + b.view(2, -1, 768)

    module = Sums().eval()
    made = ts.optimize_for_inference(ts.script(module))
    verify(made.graph)
    x, y = torch.randn(17, 768), torch.randn(34, 768)
    with torch.inference_mode():
        number, found = calls(made, x, y)
        torch.testing.assert_close(found, module(x, y), rtol=1e-4, atol=1e-4)
    assert number == 2


def test_the_operator_takes_a_weight_that_is_not_packed(layers):
    """As a package has it, since what is packed knows one machine."""
    x, linear = torch.randn(64, 512), layers[0].up
    with torch.inference_mode():
        found = torch.ops.mkldnn._linear_pointwise(x, linear.weight, linear.bias, "gelu", [], "none")
        torch.testing.assert_close(found, F.gelu(linear(x)), rtol=1e-4, atol=1e-4)


def test_other_graphs_are_left_alone():
    graph = ts.script(Layers()).inlined_graph
    assert not use_onednn_linears(graph)  # its weights are attributes
    verify(graph)


def test_two_threads(layers):
    module, made = layers
    x, before = torch.randn(197, 512), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with torch.inference_mode():
            torch.testing.assert_close(made(x), module(x), rtol=1e-4, atol=1e-4)
    finally:
        torch.set_num_threads(before)

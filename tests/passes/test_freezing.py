"""`freeze`, `run_frozen_optimizations`, `optimize_for_inference`: the same results, fewer attributes, archives that
everyone reads."""

import copy
import io
from typing import List, Optional, Tuple

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F

import torchscript as ts
from torchscript.ir import verify
from torchscript.passes import fold_batch_norms, optimize_frozen, use_onednn


def attributes(module):
    return sorted(type(module)._ts_class.attributes)


def kinds(graph):
    return [node.kind for node in graph.all_nodes()]


def frozen_agrees(module, *inputs, **options):
    """The frozen module, checked: it computes what the module does, here, loaded, and in stock PyTorch."""
    module = module.eval()
    frozen = ts.freeze(ts.script(module), **options)
    verify(frozen.graph)
    expected = module(*copy.deepcopy(inputs))
    torch.testing.assert_close(frozen(*copy.deepcopy(inputs)), expected)
    data = frozen.save_to_buffer()
    for load in (ts.load, torch.jit.load):
        torch.testing.assert_close(load(io.BytesIO(data))(*copy.deepcopy(inputs)), expected)
    return frozen


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 4))
        self.linear = nn.Linear(4, 5)
        self.names = ["a", "b"]
        self.scale: Optional[float] = 0.5
        self.sizes = {"x": 2}
        self.version = 1
        self.unused = nn.Linear(2, 2)

    def forward(self, x):
        y = self.linear(x.mm(self.weight)) * len(self.names) + self.sizes["x"]
        scale = self.scale
        return y if scale is None else y * scale

    @torch.jit.export
    def describe(self):
        return self.version + len(self.names)


def test_attributes_become_constants():
    frozen = frozen_agrees(Plain(), torch.randn(2, 3))
    assert attributes(frozen) == []
    assert list(frozen.parameters()) == [] and list(frozen.children()) == []
    assert "prim::GetAttr" not in kinds(frozen.graph)
    with pytest.raises(AttributeError):
        frozen.describe()


def test_what_is_named_is_preserved():
    frozen = frozen_agrees(
        Plain(), torch.randn(2, 3), preserved_attrs=["version", "describe", "linear.weight"]
    )
    assert attributes(frozen) == ["linear", "version"]
    assert [name for name, _ in frozen.named_parameters()] == ["linear.weight"]
    assert frozen.describe() == 3
    frozen.version = 5
    assert frozen.describe() == 7
    with torch.no_grad():
        frozen.linear.weight.zero_()
    x = torch.randn(2, 3)
    bias = (frozen(torch.zeros(2, 3)) - 1).detach()
    torch.testing.assert_close(frozen(x), bias + 1)


def test_a_whole_submodule_is_preserved():
    frozen = frozen_agrees(Plain(), torch.randn(2, 3), preserved_attrs=["unused"])
    assert sorted(n for n, _ in frozen.named_parameters()) == ["unused.bias", "unused.weight"]
    assert frozen.unused(torch.zeros(1, 2)).shape == (1, 2)


class Counter(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("total", torch.zeros(2))
        self.register_buffer("same", self.total)
        self.calls = 0
        self.weight = nn.Parameter(torch.ones(2))

    def forward(self, x):
        self.calls += 1
        self.total += x * self.weight
        return self.same * self.calls


class Outer(nn.Module):
    log: List[int]

    def __init__(self):
        super().__init__()
        self.first = Counter()
        self.again = self.first
        self.log = []

    def forward(self, x):
        self.log.append(1)
        return self.first(x) + self.again(x)


def test_what_methods_change_stays():
    module = Outer().eval()
    frozen = ts.freeze(ts.script(copy.deepcopy(module)))
    verify(frozen.graph)
    for _ in range(3):
        x = torch.randn(2)
        torch.testing.assert_close(frozen(x), module(x))
    assert frozen.log == module.log
    assert "weight" not in [name for name, _ in frozen.named_parameters()]
    found = {name.rpartition(".")[2] for name, _ in frozen.named_buffers(remove_duplicate=False)}
    assert found == {"total", "same"}  # they are one tensor, and it is written


@ts.interface
class Shape(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pass


class Rectified(nn.Module):
    def forward(self, x):
        return x.relu()


class Through(nn.Module):
    shape: Shape

    def __init__(self):
        super().__init__()
        self.shape = Rectified()
        self.layers = nn.ModuleList([nn.Linear(3, 3), nn.Linear(3, 3)])

    def forward(self, x):
        for layer in self.layers:
            x = self.shape(layer(x))
        return x


def test_calls_through_an_interface_are_inlined():
    frozen = frozen_agrees(Through(), torch.randn(2, 3))
    assert "prim::CallMethod" not in kinds(frozen.graph)


def test_gradients_of_inputs_pass_and_parameters_have_none():
    module = nn.Linear(3, 3).eval()
    frozen = ts.freeze(ts.script(module))
    x = torch.randn(2, 3, requires_grad=True)
    frozen(x).sum().backward()
    torch.testing.assert_close(x.grad, module.weight.sum(0).expand(2, 3))
    assert module.weight.grad is None


def test_what_cannot_be_frozen_is_refused():
    with pytest.raises(RuntimeError, match="expects a ScriptModule as input"):
        ts.freeze(nn.Linear(2, 2))
    with pytest.raises(RuntimeError, match="modules in eval mode"):
        ts.freeze(ts.script(nn.Linear(2, 2)))
    with pytest.raises(RuntimeError, match="Unknown name: nothing"):
        ts.freeze(ts.script(nn.Linear(2, 2).eval()), preserved_attrs=["nothing"])
    with pytest.raises(RuntimeError, match="expects a ScriptModule as input"):
        ts.optimize_for_inference(nn.Linear(2, 2))


def test_a_trace_freezes():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()).eval()
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    x = torch.randn(1, 3, 6, 6)
    frozen = ts.freeze(ts.trace(module, x))
    assert "aten::batch_norm" not in kinds(frozen.graph)
    torch.testing.assert_close(frozen(x), module(x), atol=1e-4, rtol=1e-4)


def normed(*layers):
    module = nn.Sequential(*layers)
    for one in module:
        if hasattr(one, "running_var"):
            one.running_mean.normal_()
            one.running_var.uniform_(0.5, 2)
            if one.affine:
                nn.init.normal_(one.weight)
                nn.init.normal_(one.bias)
    return module


FOLDED = {
    "conv1d": (normed(nn.Conv1d(3, 4, 3), nn.BatchNorm1d(4)), (2, 3, 8)),
    "conv2d without bias": (
        normed(nn.Conv2d(4, 6, 3, bias=False, groups=2), nn.BatchNorm2d(6)),
        (2, 4, 8, 8),
    ),
    "conv2d same padding": (
        normed(nn.Conv2d(3, 4, 3, padding="same"), nn.BatchNorm2d(4, affine=False)),
        (2, 3, 8, 8),
    ),
    "conv3d": (normed(nn.Conv3d(3, 4, 3), nn.BatchNorm3d(4)), (2, 3, 5, 5, 5)),
    "transposed": (normed(nn.ConvTranspose2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()), (2, 3, 5, 5)),
}


@pytest.mark.parametrize(("module", "shape"), FOLDED.values(), ids=FOLDED)
def test_batch_norms_fold(module, shape):
    frozen = frozen_agrees(module, torch.randn(shape))
    assert "aten::batch_norm" not in kinds(frozen.graph)
    exact = ts.freeze(ts.script(module.eval()), optimize_numerics=False)
    assert "aten::batch_norm" in kinds(exact.graph)
    x = torch.randn(shape)
    assert torch.equal(exact(x), module(x))
    ts.run_frozen_optimizations(exact)
    assert "aten::batch_norm" not in kinds(exact.graph)
    torch.testing.assert_close(exact(x), module(x))


def test_folded_weights_keep_their_memory_format():
    module = nn.Sequential(nn.Conv2d(4, 8, 3), nn.BatchNorm2d(8)).eval().to(memory_format=torch.channels_last)
    x = torch.randn(2, 4, 9, 9)
    assert frozen_agrees(module, x)(x).stride() == module(x).stride()


def test_batch_norm_of_a_linear_looks_at_the_dimensions():
    module = normed(nn.Linear(3, 5), nn.BatchNorm1d(5))
    frozen = frozen_agrees(module, torch.randn(4, 3))
    x = torch.randn(4, 5, 3)  # the channels are the second dimension, not what the linear made
    torch.testing.assert_close(frozen(x), module(x))


class Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)
        self.norm.running_mean.normal_()

    def forward(self, x):
        y = self.conv(x)
        return self.norm(y) + y


def test_a_convolution_that_others_read_keeps_its_weights():
    frozen = frozen_agrees(Shared(), torch.randn(2, 3, 6, 6))
    assert "aten::batch_norm" in kinds(frozen.graph)


class Dropouts(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Dropout(0.5), nn.Dropout2d(0.5, inplace=True)

    def forward(self, x):
        return F.alpha_dropout(self.two(self.one(x) * 2), 0.3, self.training)


def test_dropout_goes():
    frozen = frozen_agrees(Dropouts(), torch.randn(2, 3, 4, 4))
    assert not any("dropout" in kind for kind in kinds(frozen.graph))


class Constants(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 3))

    def forward(self, x):
        return x @ (self.weight.t() * 2).exp()


def test_tensors_of_constants_are_computed_once():
    frozen = frozen_agrees(Constants(), torch.randn(2, 3))
    computed = [k for k in kinds(frozen.graph) if k.startswith("aten::")]
    assert computed == ["aten::matmul"]


# --- For this machine -------------------------------------------------------------------------------------------


class Residual(nn.Module):
    """Blocks as those of a ResNet, one of them with another shape beside it."""

    def __init__(self, activation=F.relu, inplace=False):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.stem_norm = nn.BatchNorm2d(8)
        self.conv1 = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(8)
        self.down = nn.Conv2d(8, 16, 1, stride=2)
        self.down_norm = nn.BatchNorm2d(16)
        self.wide = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.wide_norm = nn.BatchNorm2d(16)
        self.act = nn.ReLU(inplace=inplace)
        self.head = nn.Linear(16, 5)

    def forward(self, x):
        x = F.max_pool2d(self.act(self.stem_norm(self.stem(x))), 3, 2, 1)
        y = self.act(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        y += x
        y = self.act(y)
        y = self.wide_norm(self.wide(y)) + self.down_norm(self.down(y))
        return self.head(torch.flatten(F.adaptive_avg_pool2d(F.relu(y), (1, 1)), 1))


def tuned(module, *inputs):
    """The optimised module, checked against the module itself."""
    module = module.eval()
    made = ts.optimize_for_inference(ts.script(module))
    verify(made.graph)
    with torch.inference_mode():
        for given in inputs:
            wanted = module(given.clone())
            found = made(given.clone())
            torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)
            assert found.is_contiguous() == wanted.is_contiguous()
    return made


@pytest.mark.parametrize("inplace", [False, True])
def test_residual_blocks_become_convolutions_alone(inplace):
    made = tuned(Residual(inplace=inplace), torch.randn(1, 3, 32, 32), torch.randn(3, 3, 17, 23))
    found = kinds(made.graph)
    assert found.count("mkldnn::_convolution_pointwise") == 4
    assert found.count("mkldnn::_convolution_pointwise_") == 1  # into what the other convolution made
    assert not {"aten::conv2d", "aten::add", "aten::add_", "aten::relu", "aten::relu_"} & set(found)
    with pytest.raises(Exception, match="expected 4D input"):
        made(torch.randn(3, 32, 32))


def test_what_is_optimised_saves_as_what_is_frozen():
    module = Residual()
    made = tuned(module)
    x = torch.randn(1, 3, 32, 32)
    data = made.save_to_buffer()
    assert b"mkldnn" not in data
    with torch.no_grad():
        for load in (ts.load, torch.jit.load):
            torch.testing.assert_close(load(io.BytesIO(data))(x), module(x), atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(copy.deepcopy(made)(x), made(x))
        again = ts.optimize_for_inference(ts.load(data))
        torch.testing.assert_close(again(x), made(x))


ACTIVATIONS = [
    nn.ReLU(), nn.ReLU6(), nn.Hardtanh(-0.5, 0.5), nn.LeakyReLU(0.2), nn.Sigmoid(), nn.Tanh(), nn.SiLU(),
    nn.Hardswish(), nn.Hardsigmoid(), nn.GELU(), nn.GELU(approximate="tanh"),
]  # fmt: skip


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_activations_join_the_convolution(activation):
    module = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=2, dilation=2), nn.BatchNorm2d(4), activation)
    made = tuned(module, torch.randn(2, 3, 9, 9))
    assert [k for k in kinds(made.graph) if k.startswith(("aten::", "mkldnn::")) and k != "aten::format"] == [
        "aten::dim", "aten::ne", "mkldnn::_convolution_pointwise", "aten::contiguous",
    ]  # fmt: skip


class Views(nn.Module):
    """Looks at the memory of what convolutions make."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)

    def forward(self, x):
        y = torch.tanh(self.norm(self.conv(x)) * 2)
        return y.view(y.size(0), -1), y.stride(), y


def test_who_looks_at_memory_gets_it_as_before():
    module = Views().eval()
    made = ts.optimize_for_inference(ts.script(module))
    x = torch.randn(2, 3, 5, 5)
    with torch.no_grad():
        for one, other in zip(made(x), module(x), strict=True):
            if isinstance(one, torch.Tensor):
                torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
                assert one.stride() == other.stride()
            else:
                assert list(one) == list(other)


class Broadcast(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.register_buffer("bias", torch.randn(1, 4, 1, 1))

    def forward(self, x, y):
        return self.norm(self.conv(x)) + self.bias, self.norm(self.conv(x)) + y


def test_what_broadcasts_is_no_residual():
    module = Broadcast().eval()
    made = ts.optimize_for_inference(ts.script(module))
    assert kinds(made.graph).count("aten::add") == 2
    x, y = torch.randn(2, 3, 6, 6), torch.randn(4, 1)
    with torch.no_grad():
        for one, other in zip(made(x, y), module(x, y), strict=True):
            torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_a_convolution_of_anything_stays():
    """Nothing says that the input has four dimensions, and conv2d takes three as well."""
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    made = tuned(module, torch.randn(1, 3, 6, 6), torch.randn(3, 6, 6))
    assert "aten::conv2d" in kinds(made.graph)


def test_double_precision_stays():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).double()
    made = tuned(module, torch.randn(1, 3, 6, 6, dtype=torch.float64))
    assert "aten::conv2d" in kinds(made.graph)


def test_methods_and_attributes_of_what_is_optimised():
    made = ts.optimize_for_inference(ts.script(Plain().eval()), other_methods=["describe"])
    assert made.describe() == 3
    assert not made.training


def test_passes_alone_leave_other_graphs_alone():
    graph = ts.script(Plain()).inlined_graph
    assert not fold_batch_norms(graph) and not use_onednn(graph)
    optimize_frozen(graph)
    verify(graph)


class Kept(nn.Module):
    """What could take the sum is read again."""

    def __init__(self):
        super().__init__()
        self.one, self.norm = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)
        self.two, self.norm2 = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)

    def forward(self, x):
        y = self.norm(self.one(x))
        view = y[0]
        z = torch.relu(self.norm2(self.two(x)) + y)
        return z, y, view + 1


def test_a_residual_that_is_needed_later_is_not_written():
    module = Kept().eval()
    made = ts.optimize_for_inference(ts.script(module))
    assert "mkldnn::_convolution_pointwise_" not in kinds(made.graph)
    x = torch.randn(2, 3, 5, 5)
    with torch.no_grad():
        for one, other in zip(made(x), module(x), strict=True):
            torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


class AddsItsInput(nn.Module):
    def __init__(self, size: int, groups: int):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32))
        self.conv = nn.Conv2d(32, 32, size, padding=size // 2, groups=groups)
        self.norm = nn.BatchNorm2d(32)

    def forward(self, x):
        x = self.first(x)
        return torch.relu(self.norm(self.conv(x)) + x)


@pytest.mark.parametrize(("size", "groups"), [(1, 1), (3, 1), (3, 32), (3, 4), (7, 1)])
def test_what_a_convolution_reads_is_not_written_as_its_residual(size, groups):
    torch.manual_seed(0)
    module = AddsItsInput(size, groups).eval()
    made = ts.optimize_for_inference(ts.script(module))
    assert "mkldnn::_convolution_pointwise_" not in kinds(made.graph)
    x = torch.randn(2, 3, 9, 8)
    with torch.no_grad():
        for run in (made, ts.compile(made)):
            torch.testing.assert_close(run(x), module(x), atol=1e-5, rtol=1e-5)


class ChangesInput(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)

    def forward(self, x, y):
        c = self.norm(self.conv(x))
        x.add_(1)
        d = self.norm(self.conv(c)) + y
        y.mul_(2)
        return torch.relu(c), torch.relu(d)


def test_a_convolution_reads_what_there_was_before_somebody_changed_it():
    torch.manual_seed(0)
    module = ChangesInput().eval()
    made = ts.optimize_for_inference(ts.script(module))
    x, y = torch.randn(2, 1, 3, 6, 6)
    with torch.no_grad():
        wanted = module(x.clone(), y.clone())
        for run in (made, ts.compile(made)):
            for got, want in zip(run(x.clone(), y.clone()), wanted, strict=True):
                torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-5)


def double_input(module, input: Tuple[torch.Tensor]):
    return (input[0] * 2,)


def add_scale(module, input: Tuple[torch.Tensor], output: torch.Tensor):
    return output + input[0].sum() * module.scale


def same_output(module, input: Tuple[torch.Tensor], output: torch.Tensor):
    assert output.dim() == 2


class Hooked(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.scale = 3

    def forward(self, x):
        return self.linear(x).relu()


@pytest.mark.parametrize("loaded", [False, True], ids=["scripted", "loaded"])
def test_hooks_of_the_top_module_become_part_of_forward(loaded):
    module = nn.Sequential(Hooked())[0].eval()
    module.register_forward_pre_hook(double_input)
    module.register_forward_hook(add_scale)
    module.register_forward_hook(same_output)
    module.linear.register_forward_pre_hook(double_input)
    x = torch.rand(1, 2)
    expected = module(x)
    compiled = ts.script(module)
    if loaded:
        compiled = ts.load(compiled.save_to_buffer())
    frozen = ts.freeze(compiled)
    assert attributes(frozen) == [] and not frozen._forward_hooks
    for made in (frozen, ts.optimize_for_inference(compiled)):
        torch.testing.assert_close(made(x), expected)
        for load in (ts.load, torch.jit.load):
            torch.testing.assert_close(load(io.BytesIO(made.save_to_buffer()))(x), expected)
    torch.testing.assert_close(compiled(x), expected)  # whose class is as it was


def test_a_hook_that_does_not_compile_is_named():
    seen = []

    def collect(module, input, output):
        seen.append(output)

    module = Hooked().eval()
    module.register_forward_hook(collect)
    with pytest.raises(ts.Error, match=r"hooks that do not compile: '.*collect' of the top module\. Remove"):
        ts.freeze(ts.script(module))


class Wrapper(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x) * 2


def test_under_autocast_what_is_tuned_gives_the_dtype_of_eager_mode():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()).eval()
    tuned = ts.optimize_for_inference(ts.script(module))
    assert "mkldnn::" in str(tuned.graph)
    x = torch.randn(2, 3, 6, 6)
    expected = module(x)
    for made, eager in ((tuned, module), (ts.script(Wrapper(tuned)), Wrapper(module))):
        torch.testing.assert_close(made(x), eager(x), rtol=1e-4, atol=1e-5)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            ours, wanted = made(x), eager(x)
        assert ours.dtype == wanted.dtype == torch.bfloat16
        assert torch.equal(ours, wanted)
    torch.testing.assert_close(tuned(x), expected, rtol=1e-4, atol=1e-5)  # off again


def test_where_the_tuning_does_not_hold_the_frozen_module_runs():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()).eval()
    tuned = ts.optimize_for_inference(ts.script(module))
    x = torch.randn(2, 3, 6, 6)
    for dtype in (torch.float64, torch.bfloat16):
        with pytest.raises(RuntimeError, match="should be the same"):
            module(x.to(dtype))
        with pytest.raises(RuntimeError, match="should be the same"):
            tuned(x.to(dtype))
    one, other = x.clone().requires_grad_(), x.clone().requires_grad_()
    module(one).sum().backward()
    tuned(other).sum().backward()
    torch.testing.assert_close(other.grad, one.grad, rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        torch.testing.assert_close(tuned(other), module(one), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("names", ["version", [3]])
def test_what_is_preserved_is_a_list_of_names(names):
    with pytest.raises(ts.Error, match="is a list of names"):
        ts.freeze(ts.script(nn.Linear(2, 2).eval()), preserved_attrs=names)


def test_a_method_that_was_not_preserved_cannot_be_optimised():
    class Two(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

        @ts.export
        def other(self, x: torch.Tensor) -> torch.Tensor:
            return x + 1

    scripted = ts.script(Two().eval())
    kept = ts.freeze(scripted, ["other"])
    assert ts.optimize_for_inference(kept, other_methods=["other"]).other(torch.ones(1)) == 2
    with pytest.raises(ts.Error, match="'Two' has no compiled method 'other'"):
        ts.optimize_for_inference(ts.freeze(scripted), other_methods=["other"])

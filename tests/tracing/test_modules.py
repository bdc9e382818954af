"""Each submodule keeps its own graph, and values find their way between them."""

import copy
import io

import pytest
import torch
from torch import nn

import torchscript as jit


def assert_traces(module, *inputs, others=(), **options):
    """Traces a copy of the module, and compares it with another on the inputs and on `others`."""
    twin = copy.deepcopy(module)
    traced = jit.trace(module, inputs, check_trace=False, **options)
    twin.load_state_dict(module.state_dict())
    for example in (inputs, *others):
        torch.testing.assert_close(traced(*copy.deepcopy(example)), twin(*copy.deepcopy(example)))
    return traced


def test_the_parent_calls_its_children(check_graph):
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Sequential(nn.Linear(4, 2)))

    traced = assert_traces(module, torch.rand(2, 3), others=[(torch.rand(5, 3),)])

    assert str(traced.graph).count("prim::CallMethod") == 3
    assert "aten::linear" in str(getattr(traced, "0").graph)
    assert "aten::linear" not in str(traced.graph)
    child = torch.rand(7, 3)
    torch.testing.assert_close(getattr(traced, "0")(child), module[0](child))
    check_graph(traced.graph)
    check_graph(traced.inlined_graph)


def test_parameters_and_buffers_are_the_modules_own():
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    traced = jit.trace(module, torch.rand(2, 3))

    assert {n: p.data_ptr() for n, p in traced.named_parameters()} == {
        n: p.data_ptr() for n, p in module.named_parameters()
    }
    assert list(traced.state_dict()) == list(module.state_dict())
    assert "aten::add_" in str(getattr(traced, "1").graph)


class Calls(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.GRUCell(3, 3)
        self.scale = nn.Linear(3, 3)

    def forward(self, x):
        h = torch.zeros_like(x)
        for _ in range(4):
            h = self.cell(x, h)
        return self.scale(self.scale(h)), self.scale(h.unsqueeze(0))


def test_calls_that_do_the_same_share_a_method():
    traced = assert_traces(Calls(), torch.rand(2, 3))

    assert str(traced.graph).count('prim::CallMethod[name="forward"](%cell') == 4
    assert "forward1" not in str(traced.graph)


def test_calls_that_do_something_else_have_methods_of_their_own():
    class Depends(nn.Module):
        def forward(self, x, flag):
            return x + 1 if flag else x * 2

    class Parent(nn.Module):
        def __init__(self):
            super().__init__()
            self.child = Depends()

        def forward(self, x):
            return self.child(x, True), self.child(x, False), self.child(x, True)

    traced = assert_traces(Parent(), torch.rand(2))

    assert "aten::add" in str(traced.child.graph)
    assert str(traced.graph).count('name="forward"') == 2
    assert str(traced.graph).count('name="forward1"') == 1


def class_of(module):
    return type(module)._ts_class


def test_modules_that_do_the_same_share_a_class(check_graph):
    class Block(nn.Module):
        def __init__(self, size, groups=1):
            super().__init__()
            self.conv = nn.Conv2d(size, size, 1, groups=groups)
            self.norm = nn.BatchNorm2d(size)
            self.table = torch.arange(2.0)

        def forward(self, x):
            return self.norm(self.conv(x)).relu() * (self.table.sum() + torch.tensor(2.0))

    module = nn.Sequential(Block(4), Block(4), Block(4, groups=2), nn.Conv2d(4, 6, 1), Block(6)).eval()

    traced = assert_traces(module, torch.rand(2, 4, 3, 3), others=[(torch.rand(1, 4, 5, 5),)])

    one, two, grouped, _, wide = traced
    assert class_of(one) is class_of(two) is class_of(wide) is not class_of(grouped)
    assert class_of(one.norm) is class_of(grouped.norm)
    assert "4, 3, 3" not in str(one.graph) and "4, 3, 3" in str(grouped.graph)
    names = {class_of(m).qualified_name for m in traced.modules()}
    assert len(names) == len({class_of(m) for m in traced.modules()})
    for each in traced.modules():
        check_graph(each.graph)
    loaded = torch.jit.load(io.BytesIO(traced.save_to_buffer()))
    x = torch.rand(2, 4, 3, 3)
    torch.testing.assert_close(loaded(x), module(x))


def test_constants_keep_classes_apart():
    class Shifts(nn.Module):
        def __init__(self, by):
            super().__init__()
            self.by = by

        def forward(self, x):
            return x + self.by

    shifts = [
        Shifts(1),
        Shifts(1.0),
        Shifts(True),
        Shifts(2),
        Shifts(1),
        Shifts([1.0, 2.0]),
        Shifts([1.0, 3.0]),
    ]
    for shift in shifts[5:]:
        shift.forward = lambda x, by=shift.by: x + torch.tensor(by)
    traced = assert_traces(nn.Sequential(*shifts), torch.rand(2))

    assert class_of(traced[0]) is class_of(traced[4])
    assert len({class_of(shift) for shift in traced}) == 6


def test_tied_weights_stay_tied():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(10, 4)
            self.head = nn.Linear(4, 10, bias=False)
            self.head.weight = self.embedding.weight

        def forward(self, x):
            return self.head(self.embedding(x)) @ self.embedding.weight

    traced = assert_traces(Tied(), torch.tensor([1, 2]), others=[(torch.tensor([[1, 2, 3]]),)])

    assert traced.head.weight is traced.embedding.weight


def test_a_module_in_two_places():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(2, 2)
            self.chain = nn.Sequential(self.linear, nn.ReLU())

        def forward(self, x):
            return self.chain(self.linear(x))

    assert_traces(Shared(), torch.rand(3, 2))


def test_values_cross_the_borders_of_modules_any_way_they_like():
    class Inner(nn.Module):
        def __init__(self, outside):
            super().__init__()
            self.outside = outside

        def forward(self, x):
            self.outside["made inside"] = x * 3
            return x + self.outside["made outside"] + self.outside["weight"]

    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.shared = {}
            self.weight = nn.Parameter(torch.rand(2))
            self.inner = Inner(self.shared)

        def forward(self, x):
            self.shared["made outside"] = x.sum()
            self.shared["weight"] = self.weight
            y = self.inner(x * 2)
            return y + self.shared["made inside"]

    module = Outer()
    traced = jit.trace(module, torch.rand(3, 2))

    x = torch.rand(4, 2)
    torch.testing.assert_close(traced(x), module(x))


def test_children_take_and_return_structures():
    class Child(nn.Module):
        def forward(self, pair, options, scale=2):
            (a, [b]), c = pair, options["c"]
            return {"sum": a + b, "rest": (c * scale, [a, None])}

    class Parent(nn.Module):
        def __init__(self):
            super().__init__()
            self.child = Child()

        def forward(self, x):
            made = self.child((x, [x * 2]), {"c": x + 1}, scale=3)
            return made["sum"] + made["rest"][0], made["rest"][1][0]

    assert_traces(Parent(), torch.rand(2), others=[(torch.rand(5),)])


def test_a_child_may_return_nothing_or_what_it_got():
    class Writes(nn.Module):
        def forward(self, x):
            x.mul_(2)

    class Parent(nn.Module):
        def __init__(self):
            super().__init__()
            self.writes, self.same = Writes(), nn.Identity()

        def forward(self, x):
            y = x + 1
            self.writes(y)
            return self.same(y) + y

    assert_traces(Parent(), torch.rand(2))


def test_lists_and_dicts_of_modules_and_parameters():
    class Holds(nn.Module):
        def __init__(self):
            super().__init__()
            self.modules_ = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
            self.by_name = nn.ModuleDict({"relu": nn.ReLU()})
            self.factors = nn.ParameterList([nn.Parameter(torch.rand(2)) for _ in range(2)])

        def forward(self, x):
            for module, factor in zip(self.modules_, self.factors):
                x = module(x) * factor
            return self.by_name["relu"](x)

    assert_traces(Holds(), torch.rand(3, 2))


def test_hooks_run_with_their_module():
    module = nn.Sequential(nn.Linear(3, 3))
    module[0].register_forward_pre_hook(lambda m, inputs: (inputs[0] + 1,))
    module[0].register_forward_hook(lambda m, inputs, output: output * 2)

    traced = jit.trace(module, torch.rand(2, 3))

    x = torch.rand(4, 3)
    torch.testing.assert_close(getattr(traced, "0")(x), module[0](x))
    torch.testing.assert_close(traced(x), module(x))


@pytest.mark.parametrize(
    "parametrize", [nn.utils.parametrizations.weight_norm, nn.utils.parametrizations.spectral_norm]
)
def test_parametrizations(parametrize):
    module = parametrize(nn.Linear(3, 3)).eval()

    traced = jit.trace(module, torch.rand(2, 3))

    x = torch.rand(4, 3)
    torch.testing.assert_close(traced(x), module(x))


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
def test_weight_norm_of_old():
    module = nn.utils.weight_norm(nn.Linear(3, 3))

    traced = jit.trace(module, torch.rand(2, 3))

    x = torch.rand(4, 3)
    with torch.no_grad():
        module.weight_g.mul_(2)
    torch.testing.assert_close(traced(x), module(x))
    assert "prim::SetAttr" not in str(traced.graph)


def test_several_methods(assert_same):
    class Coder(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 3)

        def forward(self, x):
            return self.decode(self.encode(x))

        def encode(self, x):
            return self.linear(x)

        def decode(self, code, scale=2):
            return self.linear(code * scale).relu()

    module = Coder()
    x = torch.rand(2, 3)

    traced = jit.trace_module(module, {"encode": (x,), "decode": (x,), "forward": x})

    assert_same(traced.encode(x), module.encode(x))
    assert_same(traced.decode(x), module.decode(x))
    assert_same(traced(x), module(x))

    only = jit.trace(module.encode, x)
    assert_same(only.encode(x), module.encode(x))
    assert_same(only(x), module.encode(x))
    decoder = jit.trace(module.decode, x, check_inputs=[torch.rand(1, 3)])
    for loaded in (jit.load, torch.jit.load):
        again = loaded(io.BytesIO(decoder.save_to_buffer()))
        assert_same(again(x), module.decode(x))
        assert_same(again.decode(x), module.decode(x))


@pytest.mark.filterwarnings("ignore::torchscript.TracerWarning")
def test_stock_pytorch_reads_what_is_saved(assert_same):
    for module, x in [
        (
            nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten()).eval(),
            torch.rand(2, 3, 6, 6),
        ),
        (nn.LSTM(4, 5, 2, batch_first=True), torch.rand(2, 3, 4)),
        (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval(), torch.rand(2, 3, 8)),
        (Calls(), torch.rand(2, 3)),
    ]:
        traced = jit.trace(module, x)
        buffer = io.BytesIO(traced.save_to_buffer())
        loaded = torch.jit.load(buffer)
        assert_same(loaded(x), module(x))


def test_lazy_modules_are_to_be_called_first():
    with pytest.raises(jit.TracingError, match="lazy"):
        jit.trace(nn.LazyLinear(3), torch.rand(2, 4))


def test_backward_hooks_are_refused():
    module = nn.Linear(3, 3)
    module.register_full_backward_hook(lambda *args: None)
    with pytest.raises(jit.TracingError, match="backward hooks"):
        jit.trace(module, torch.rand(2, 3))


def test_names_of_modules_methods_may_be_taken():
    class Shadows(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 3)
            self.modules = [self.linear]

        def forward(self, x):
            with torch.profiler.record_function("the only layer"):
                if not hasattr(self, "pad"):
                    self.pad = nn.ZeroPad2d((0, x.size(0), 0, 0))
            return self.pad(self.modules[0](x))

    traced = jit.trace(Shadows(), torch.rand(2, 3), check_trace=False)

    assert traced(torch.rand(4, 3)).shape == (4, 7)
    assert torch.jit.load(io.BytesIO(traced.save_to_buffer()))(torch.rand(4, 3)).shape == (4, 7)


def test_modules_that_forward_makes_are_refused():
    class Grows(nn.Module):
        def forward(self, x):
            if not hasattr(self, "linear"):
                self.linear = nn.Linear(x.size(-1), 2)
            return self.linear(x)

    module = Grows()
    with pytest.raises(
        jit.TracingError, match=r"'linear' was added to Grows while the traced code ran.*call the module once"
    ):
        jit.trace(module, torch.rand(2, 3))
    x = torch.rand(4, 3)
    torch.testing.assert_close(jit.trace(module, torch.rand(2, 3))(x), module(x))

"""Hooks of submodules run as in eager mode, whenever they were registered; without them, calls are native."""

import copy
import warnings

import pytest
import torch
from torch import Tensor, nn

import torchscript
from torchscript.errors import CompileWarning
from torchscript.native.module import NativeCall


class Inner(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.lin(x))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = Inner()
        self.b = Inner()
        self.register_module("nothing", None)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.a(x)) * 2


@pytest.fixture(scope="module")
def modules():
    torch.manual_seed(0)
    module = Net().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return module, torchscript.compile(module)


@pytest.fixture
def native_calls(monkeypatch):
    """What ran natively is counted."""
    calls = []
    run = NativeCall.__call__

    def counted(self, values, *instance):
        calls.append(values)
        return run(self, values, *instance)

    monkeypatch.setattr(NativeCall, "__call__", counted)
    return calls


HOOKS = {
    "forward": lambda m, h: m.a.lin.register_forward_hook(
        lambda mod, given, result: h("a.lin") or result + 1
    ),
    "forward pre": lambda m, h: m.b.register_forward_pre_hook(lambda mod, given: h("b") or (given[0] * 3,)),
    "backward": lambda m, h: m.a.register_full_backward_hook(
        lambda mod, inner, outer: h("a") or (inner[0] * 2,)
    ),
    "backward pre": lambda m, h: m.b.lin.register_full_backward_pre_hook(
        lambda mod, outer: h("b.lin") or (outer[0] * 3,)
    ),
}


def ran(module, register):
    """The result of a call with a hook, the gradient, and what the hook was called for."""
    seen, x = [], torch.ones(2, 3, requires_grad=True)
    handle = register(module, seen.append)
    y = module(x)
    (gradient,) = torch.autograd.grad(y.sum(), [x])
    handle.remove()
    return y, gradient, seen


@pytest.mark.parametrize("kind", HOOKS)
def test_hooks_that_are_registered_after_compiling_run(modules, native_calls, kind):
    eager, native = modules
    expected, gradient, seen = ran(eager, HOOKS[kind])
    result, given, heard = ran(native, HOOKS[kind])
    assert seen == heard and len(seen) == 1
    torch.testing.assert_close([result, given], [expected, gradient])
    assert native_calls == []
    x = torch.ones(2, 3)
    torch.testing.assert_close(native(x), eager(x))
    assert len(native_calls) == 1, "native again when the hook is removed"


def test_a_hook_of_the_module_itself_costs_no_native_call(modules, native_calls):
    eager, native = modules
    handle = native.register_forward_hook(lambda mod, given, result: result + 1)
    torch.testing.assert_close(native(torch.ones(1, 3)), eager(torch.ones(1, 3)) + 1)
    handle.remove()
    assert len(native_calls) == 1


def test_hooks_of_a_copy_are_its_own(modules, native_calls):
    eager, native = modules
    twin, x = copy.deepcopy(native), torch.ones(1, 3)
    twin.b.register_forward_hook(lambda mod, given, result: result + 1)
    torch.testing.assert_close(twin(x), eager(x) + 2)
    assert native_calls == []
    torch.testing.assert_close(native(x), eager(x))
    assert len(native_calls) == 1


def test_hooks_that_the_compiled_code_has_run_natively(native_calls):
    module = Net().eval()
    module.a.lin.register_forward_hook(lambda mod, given, result: result + 1)
    native, x = torchscript.compile(module), torch.ones(1, 3)
    torch.testing.assert_close(native(x), module(x))
    assert len(native_calls) == 1


def test_hooks_between_scripting_and_compiling_are_named(native_calls):
    scripted = torchscript.script(Net().eval())
    scripted.a.lin.register_forward_hook(lambda mod, given, result: result + 1)
    expected = scripted(torch.ones(1, 3))
    with pytest.warns(CompileWarning, match=r"'a\.lin' has hooks that are no part of"):
        native = torchscript.compile(scripted)
    torch.testing.assert_close(native(torch.ones(1, 3)), expected)
    assert native_calls == []

"""What users of torch.jit reported as silently different from Python, written anew and compared with eager mode."""

import copy
import io

import pytest
import torch
from torch import Tensor, nn

import torchscript as ts


def seen_as_other_dtypes(x: Tensor, dtype: torch.dtype):
    return x.view(-1), x.view(torch.int32), x.view(dtype=torch.uint8), x.view(dtype)


def test_a_dtype_is_no_shape(assert_everywhere):
    assert_everywhere(seen_as_other_dtypes, torch.rand(2, 2), torch.int16)


class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self._calls = 3

    @property
    def calls(self) -> int:
        return self._calls

    @calls.setter
    def calls(self, value: int):
        self._calls = value

    def forward(self, x):
        self.calls = self.calls + 1
        self.calls += 1
        return x + self.calls + self._calls


def test_setters_of_modules_are_called():
    eager, scripted, x = Counting(), ts.script(Counting()), torch.zeros(1)
    for _ in range(2):
        assert torch.equal(scripted(x), eager(x))
    assert scripted._calls == eager._calls == 7


class Fixed(Counting):
    @property
    def size(self) -> int:
        return 2

    def forward(self, x):
        self.size = 3
        return x


def test_a_property_without_a_setter():
    with pytest.raises(ts.Error, match="The property 'size' has no setter"):
        ts.script(Fixed())


def inference_for_a_part(x: Tensor, flag: bool):
    with torch.inference_mode(False):
        a = x * 2
    with torch.inference_mode(mode=flag):
        b = x * 3
    with torch.set_grad_enabled(mode=not flag):
        c = x * 5
    return a, b, c


@pytest.mark.parametrize("flag", [True, False])
def test_inference_mode_takes_a_flag(flag):
    x = torch.ones(2, requires_grad=True)
    for compiled in (ts.script(inference_for_a_part), reloaded(ts.script(inference_for_a_part))):
        got, want = compiled(x, flag), inference_for_a_part(x, flag)
        assert [t.requires_grad for t in got] == [t.requires_grad for t in want]
        (gradient,) = torch.autograd.grad(sum(got).sum(), x)
        assert torch.equal(gradient, torch.autograd.grad(sum(want).sum(), x)[0])


def reloaded(compiled):
    buffer = io.BytesIO()
    ts.save(compiled, buffer)
    buffer.seek(0)
    return ts.load(buffer)


class Doubled(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(2, 2)
        self.inner.register_forward_pre_hook(lambda module, given: (given[0] + 1,))
        self.inner.register_forward_hook(lambda module, given, output: output * 2)

    def forward(self, x):
        return self.inner(x)


def test_compiled_hooks_run_once_beside_later_ones():
    module = Doubled()
    scripted, x = ts.script(copy.deepcopy(module)), torch.ones(1, 2)
    seen = []
    handle = scripted.inner.register_forward_hook(lambda m, given, output: seen.append(output))
    assert torch.equal(scripted(x), module(x)) and len(seen) == 1
    seen.clear()
    assert torch.equal(scripted.inner(x), module.inner(x)) and len(seen) == 1
    assert torch.equal(ts.script(Around(scripted))(x), module(x))
    assert torch.equal(copy.deepcopy(scripted)(x), module(x))
    assert torch.equal(reloaded(scripted)(x), module(x))
    handle.remove()
    assert torch.equal(scripted(x), module(x))


class Around(nn.Module):
    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        return self.module(x)


@pytest.mark.parametrize("before", [True, False])
def test_backward_hooks_of_submodules_run(before):
    made, calls = nn.Sequential(nn.Linear(2, 2), nn.Tanh()), []
    scripted = None if before else ts.script(made)
    target = (made if before else scripted)[0]
    target.register_full_backward_hook(lambda module, inputs, outputs: calls.append(outputs[0]))
    target.register_full_backward_pre_hook(lambda module, outputs: (outputs[0] * 2,))
    scripted = ts.script(made) if before else scripted
    x = torch.rand(1, 2, requires_grad=True)
    scripted(x).sum().backward()
    assert len(calls) == 1
    if before:
        y = x.detach().requires_grad_()
        made(y).sum().backward()
        assert torch.equal(x.grad, y.grad) and torch.equal(calls[0], calls[1])


class ExportsWithKeywords(nn.Module):
    @torch.jit.export
    def size(self, *, n: int, name: str = "a") -> int:
        return n + len(name)

    def forward(self, x):
        return x * self.size(n=3, name="abc")


def test_defaults_of_exported_methods_that_are_called_inside():
    scripted = ts.script(ExportsWithKeywords())
    assert scripted.size(n=2) == 3 and reloaded(scripted).size(n=2) == 3


class StackOfModules(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(2, 2)

    def forward(self, x):
        stack = [self.inner]
        while len(stack) > 0:
            stack.pop()
            x = self.inner(x)
        return x


def test_lists_of_modules_do_not_change():
    with pytest.raises(ts.Error, match="'pop' changes a list of what is no data") as raised:
        ts.script(StackOfModules())
    assert "stack.pop()" in str(raised.value) and "Iterate over the list" in str(raised.value)

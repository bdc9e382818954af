"""Interfaces in native code: the class behind one is chosen when the program runs."""

import io
import warnings

import pytest
import torch
from torch import Tensor, nn

import torchscript
from torchscript.errors import BackendError

warnings.simplefilter("ignore")


@torch.jit.interface
class Unary(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        pass


class Adds(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + 1.0


class Scales(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.full((1,), 3.0))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


class Applies(nn.Module):
    inner: Unary

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return self.inner.forward(x)


class Both(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.other = Applies(Adds()), Applies(Scales())

    def forward(self, x: Tensor) -> Tensor:
        return self.other(self.one(x))


@torch.jit.interface
class Shape:
    def area(self) -> float:
        pass


@torch.jit.script
class Square:
    def __init__(self, side: float):
        self.side = side

    def area(self) -> float:
        return self.side * self.side


@torch.jit.script
class Circle:
    def __init__(self, radius: float):
        self.radius = radius

    def area(self) -> float:
        return self.radius * 3.0


def area_of(shape: Shape) -> float:
    return shape.area()


class Areas(nn.Module):
    def forward(self, n: int) -> float:
        total = 0.0
        for i in range(n):
            if i % 2 == 0:
                total += area_of(Square(float(i)))
            else:
                total += area_of(Circle(float(i)))
        return total


def loaded(module):
    """An archive that PyTorch wrote: what has interfaces comes from there."""
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(module), buffer)
    buffer.seek(0)
    return torchscript.load(buffer)


@pytest.mark.parametrize(
    "module, given", [(Both(), torch.arange(3.0)), (Areas(), 5)], ids=["modules", "classes"]
)
def test_the_class_behind_an_interface(module, given):
    archived = loaded(module)
    native = torchscript.compile(archived)
    wanted = module(given)
    assert_same = torch.testing.assert_close
    assert_same(archived(given), wanted)
    assert_same(native(given), wanted)


def test_parameters_behind_an_interface_are_shared():
    native = torchscript.compile(loaded(Both()))
    with torch.no_grad():
        native.other.inner.weight.fill_(5.0)
    torch.testing.assert_close(native(torch.ones(2)), torch.full((2,), 10.0))


def test_a_python_call_is_named_when_compiling():
    @torch.jit.ignore
    def helper(x: Tensor) -> Tensor:
        return x

    def calls(x: Tensor) -> Tensor:
        return helper(x) + 1

    with pytest.raises(BackendError, match=r"helper is called in Python.*\n.*line \d+"):
        torchscript.compile(calls)


class Hooked(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Scales()
        self.inner.register_forward_pre_hook(_before)
        self.inner.register_forward_hook(_after)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)


def _before(module, given):
    return (given[0] + 100.0,)


def _after(module, given, out: Tensor) -> Tensor:
    return out * 10.0


def test_hooks_of_a_submodule_that_was_inlined():
    module, x = Hooked(), torch.ones(2)
    torch.testing.assert_close(torchscript.compile(module)(x), module(x))
    frozen = torchscript.freeze(torchscript.script(module.eval()))
    torch.testing.assert_close(torchscript.compile(frozen)(x), module(x))

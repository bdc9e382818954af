"""Interfaces: submodules that can be replaced after compiling, and variables that hold one of several script classes."""

import io
from typing import Any, List, Union

import pytest
import torch
from torch import Tensor, nn

import torchscript as ts


@ts.interface
class Unary(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        pass


@torch.jit.interface  # the mark that programs written for torch.jit have
class Counted(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        pass

    def count(self, n: int = 2) -> int:
        pass


class Adds(nn.Module):
    def forward(self, x):  # no annotations: those of the interface hold
        return x + 1.0

    def count(self, n: int = 2) -> int:
        return n + 1


class Scales(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.full((1,), 3.0))
        self.register_buffer("shift", torch.full((1,), 0.5))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight + self.shift

    def count(self, n: int) -> int:
        return 10 * n


class TakesMore(nn.Module):
    def forward(self, x: Tensor, n: int) -> Tensor:
        return x + n


class Tanh(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.tanh()


class Applies(nn.Module):
    inner: Unary

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x) + self.inner.forward(x)


class Both(nn.Module):
    def __init__(self, one, other):
        super().__init__()
        self.one, self.other = Applies(one), Applies(other)

    def forward(self, x: Tensor) -> Tensor:
        return self.one(x) * self.other(x)


class Counts(nn.Module):
    part: "Counted"

    def __init__(self, part):
        super().__init__()
        self.part = part

    def forward(self, x: Tensor, n: int) -> Tensor:
        for _ in range(self.part.count(n)):
            x = self.part(x)
        return x + self.part.count(3)


def archived(module) -> io.BytesIO:
    buffer = io.BytesIO()
    ts.save(module, buffer)
    buffer.seek(0)
    return buffer


X = torch.arange(3.0)


def test_a_submodule_is_replaced():
    module = ts.script(Both(Adds(), Adds()))
    torch.testing.assert_close(module(X), Both(Adds(), Adds())(X))
    module.other.inner = ts.script(Scales())
    torch.testing.assert_close(module(X), Both(Adds(), Scales())(X))
    module.other.inner.weight.data.fill_(5.0)
    assert "other.inner.weight" in module.state_dict()
    eager = Both(Adds(), Scales())
    eager.load_state_dict(module.state_dict())
    torch.testing.assert_close(module(X), eager(X))


@pytest.mark.parametrize("load", [ts.load, torch.jit.load], ids=["ours", "stock"])
def test_what_is_replaced_is_saved_and_can_be_replaced_again(load):
    module = ts.script(Both(Adds(), Adds()))
    module.one.inner = ts.script(Scales())
    loaded = load(archived(module))
    torch.testing.assert_close(loaded(X), Both(Scales(), Adds())(X))
    script = ts.script if load is ts.load else torch.jit.script
    loaded.other.inner = script(Scales())
    torch.testing.assert_close(loaded(X), Both(Scales(), Scales())(X))
    if load is ts.load:
        again = torch.jit.load(archived(loaded))
        torch.testing.assert_close(again(X), Both(Scales(), Scales())(X))


@pytest.mark.parametrize("part", [Adds, Scales])
def test_methods_of_an_interface(part):
    eager = Counts(part())
    for module in (ts.script(eager), torch.jit.load(archived(ts.script(eager)))):
        torch.testing.assert_close(module(X, 2), eager(X, 2))


def test_gradients_pass_through():
    eager = Applies(Scales())
    module = ts.script(Applies(Adds()))
    module.inner = ts.script(eager.inner)
    x = X.clone().requires_grad_()
    module(x).sum().backward()
    want = X.clone().requires_grad_()
    eager(want).sum().backward()
    torch.testing.assert_close(x.grad, want.grad)
    assert module.inner.weight.grad is not None


def test_native_code_follows():
    module = ts.script(Both(Adds(), Scales()))
    native = ts.compile(module)
    torch.testing.assert_close(native(X), Both(Adds(), Scales())(X))
    module.one.inner = ts.script(Scales())
    torch.testing.assert_close(native(X), Both(Scales(), Scales())(X))
    torch.testing.assert_close(ts.compile(module)(X), Both(Scales(), Scales())(X))


def test_hooks_of_what_stands_behind_an_interface():
    inner = Scales()
    inner.register_forward_hook(lambda module, given, output: output - 7.0)
    eager = Counts(inner)
    torch.testing.assert_close(ts.script(eager)(X, 1), eager(X, 1))


@pytest.mark.parametrize(
    "value, message",
    [
        (Scales(), "which cannot call Scales. Compile the module that is to take its place first"),
        (None, "which cannot call None"),
        (
            ts.script(TakesMore()),
            "has the interface 'Unary', which TakesMore does not implement: its method is "
            r"'forward\(x: Tensor, n: int\) -> Tensor', that of the interface is 'forward\(x: Tensor\) -> Tensor'",
        ),
    ],
)
def test_what_cannot_be_called_is_refused(value, message):
    module = ts.script(Applies(Adds()))
    with pytest.raises(ts.Error, match=message):
        module.inner = value
    torch.testing.assert_close(module(X), Applies(Adds())(X))


def test_a_submodule_without_interface_keeps_its_class():
    module = ts.script(nn.Sequential(nn.Linear(3, 2), nn.ReLU()))
    with pytest.raises(ts.Error, match="annotate it with an interface"):
        setattr(module, "0", ts.script(nn.ReLU()))
    other = ts.script(nn.Sequential(nn.Linear(3, 2), nn.ReLU()))
    setattr(module, "0", module._modules["0"])  # what is there already
    torch.testing.assert_close(other.train()(X).shape, module(X).shape)


def test_a_module_that_lacks_a_method_does_not_compile():
    with pytest.raises(ts.CompileError, match="'ReLU' does not implement: its method is 'forward"):
        ts.script(Applies(nn.ReLU()))
    with pytest.raises(ts.CompileError, match="'Tanh' does not implement: it has no method 'count'"):
        ts.script(Counts(Tanh()))


def test_only_the_methods_of_the_interface_can_be_used():
    class Reads(Applies):
        def forward(self, x: Tensor) -> Tensor:
            return self.inner(x) + self.inner.weight

    with pytest.raises(ts.CompileError, match=r"The interface .*Unary' has no method 'weight'"):
        ts.script(Reads(Scales()))


def test_an_interface_says_what_its_methods_return():
    @ts.interface
    class Silent(nn.Module):
        def forward(self, x: Tensor):
            pass

    class Holds(nn.Module):
        inner: Silent

        def __init__(self):
            super().__init__()
            self.inner = Adds()

        def forward(self, x):
            return self.inner(x)

    Holds.__annotations__["inner"] = Silent
    with pytest.raises(ts.CompileError, match="does not say what it returns"):
        ts.script(Holds())


def test_a_module_chosen_by_a_variable_with_an_interface():
    class Chooses(nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = nn.ModuleList([Adds(), Scales()])

        def forward(self, x: Tensor, i: int) -> Tensor:
            part: Counted = self.parts[i]
            return part.forward(x) + part(x) + part.count(2)

    eager = Chooses()
    module = ts.script(eager)
    for i in (0, 1, -1):
        torch.testing.assert_close(module(X, i), eager(X, i))


# -- interfaces of script classes ----------------------------------------------------------------------------


@ts.interface
class Shape:
    def area(self) -> float: ...

    def grow(self, by: float) -> None: ...


class Square:
    def __init__(self, side: float):
        self.side = side

    def area(self) -> float:
        return self.side * self.side

    def grow(self, by: float) -> None:
        self.side += by


class Circle:
    def __init__(self, radius: float):
        self.radius = radius

    def area(self) -> float:
        return self.radius * 3.0

    def grow(self, by: float) -> None:
        self.radius += by


class Point:
    def __init__(self, x: float):
        self.x = x


def area_of(shape: Shape) -> float:
    return shape.area()


def in_a_list(n: int) -> float:
    shapes: List[Shape] = []
    for i in range(n):
        if i % 2 == 0:
            shape: Shape = Square(float(i))
        else:
            shape = Circle(float(i))
        shape.grow(1.0)
        shapes.append(shape)
    total = 0.0
    for shape in shapes:
        total += area_of(shape)
    return total


def through_a_loop(n: int) -> float:
    shape: Shape = Square(2.0)
    for i in range(n):
        if i % 2 == 0:
            shape = Circle(float(i))
        else:
            shape = Square(float(i))
    return shape.area()


def a_union_through_a_loop(n: int) -> Union[int, str]:
    found: Union[int, str] = 1
    for i in range(n):
        if i == 2:
            found = "two"
    return found


@pytest.mark.parametrize("function", [in_a_list, through_a_loop, a_union_through_a_loop])
def test_variables_with_an_interface(function):
    compiled = ts.script(function)
    loaded = ts.load(archived(compiled))
    stock = torch.jit.load(archived(compiled))
    for n in (0, 1, 4, 5):
        want: Any = function(n)
        assert compiled(n) == loaded(n) == stock(n) == want


def test_a_class_that_does_not_implement_the_interface():
    def wrong() -> float:
        return area_of(Point(1.0))

    with pytest.raises(ts.CompileError, match=r"must be a .*Shape, but it is a .*Point"):
        ts.script(wrong)

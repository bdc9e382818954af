"""What stands around a native call in Python: transforms of functorch, default devices, modes, parametrised weights."""

import warnings

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.overrides import TorchFunctionMode

import torchscript


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.layer(x)) * 2.0 + 1.0

    @torchscript.export
    def made(self, n: int) -> Tensor:
        return torch.ones(n) * 0.5 + torch.arange(n)


@pytest.fixture(scope="module")
def pair():
    torch.manual_seed(0)
    eager = Net().eval()
    native = torchscript.compile(torchscript.script(Net().eval()))
    native.load_state_dict(eager.state_dict())
    return eager, native


@pytest.mark.filterwarnings("error:There is a performance drop")
def test_transforms_of_functions(pair):
    eager, native = pair
    x = torch.randn(5, 2, 4)
    parameters = {k: v.detach() for k, v in eager.named_parameters()}

    def loss(module):
        return lambda p, x: torch.func.functional_call(module, p, (x,)).square().sum()

    torch.testing.assert_close(torch.vmap(native)(x), torch.vmap(eager)(x))
    per_sample = torch.vmap(torch.func.grad(loss(native)), (None, 0))(parameters, x)
    expected = torch.vmap(torch.func.grad(loss(eager)), (None, 0))(parameters, x)
    torch.testing.assert_close(per_sample, expected)
    torch.testing.assert_close(torch.func.jacfwd(native)(x[0]), torch.func.jacfwd(eager)(x[0]))
    torch.testing.assert_close(native(x), eager(x))  # with its own parameters, as before


def test_an_ensemble_of_weights(pair):
    eager, native = pair
    weights, buffers = torch.func.stack_module_state([Net() for _ in range(3)])
    x = torch.randn(2, 4)

    def ensemble(module):
        return torch.vmap(lambda p, b: torch.func.functional_call(module, (p, b), (x,)))(weights, buffers)

    torch.testing.assert_close(ensemble(native), ensemble(eager))


def test_the_default_device(pair):
    eager, native = pair
    with torch.device("meta"):
        assert native.made(3).device == eager.made(3).device == torch.device("meta")
    with torch.device("cpu"):
        torch.testing.assert_close(native.made(3), eager.made(3))
    torch.testing.assert_close(native.made(3), eager.made(3))


def test_a_mode_of_functions_sees_the_operators(pair):
    eager, native = pair

    class Halved(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            result = func(*args, **(kwargs or {}))
            return result * 0.5 if func is torch.tanh else result

    x = torch.randn(2, 4)
    with Halved():
        expected = eager(x)
        torch.testing.assert_close(native(x), expected)
    assert not torch.allclose(native(x), expected)


def test_a_weight_that_is_computed_from_others():
    class Symmetric(nn.Module):
        def forward(self, w: Tensor) -> Tensor:
            return w.triu() + w.triu(1).T

    eager = nn.Sequential(nn.Linear(4, 4))
    native = torchscript.compile(torchscript.script(nn.Sequential(nn.Linear(4, 4))))
    native.load_state_dict(eager.state_dict())
    x = torch.randn(2, 4)
    for module in (eager, native):
        parametrize.register_parametrization(module[0], "weight", Symmetric())
    for _ in range(2):
        torch.testing.assert_close(native(x), eager(x))
        native(x).sum().backward()
        eager(x).sum().backward()
        ours, theirs = (m[0].parametrizations.weight.original for m in (native, eager))
        torch.testing.assert_close(ours.grad, theirs.grad)
        with torch.no_grad():
            ours.mul_(2)
            theirs.mul_(2)


def careful(x: Tensor) -> Tensor:
    warnings.warn("careful")
    return x * 2


def test_warnings_are_those_of_python():
    native = torchscript.compile(torchscript.script(careful))
    with pytest.warns(UserWarning, match="careful") as warned:
        torch.testing.assert_close(native(torch.ones(2)), torch.full((2,), 2.0))
    assert warned[0].filename == __file__  # the line that called
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="careful"):
            native(torch.ones(2))

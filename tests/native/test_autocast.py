"""`with torch.autocast(…)` in native code, and what passes must not do across its border, against eager mode."""

import io
import zipfile

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import torchscript
from torchscript.native.api import compile_functions


def product(x: Tensor, w: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    a = x @ w
    with torch.autocast("cpu", dtype=torch.bfloat16):
        b = x @ w
    return a, b, x @ w


def nested(x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        a = x @ w
        with torch.autocast("cpu", enabled=False):
            b = a.float() @ w
    return a, b


def layers(x: Tensor, w: Tensor) -> Tensor:
    with torch.autocast("cpu"):
        return F.relu(F.linear(x, w)) * 2 + 1


def half(x: Tensor, w: Tensor) -> Tensor:
    with torch.autocast("cpu", dtype=torch.float16):
        return torch.softmax(x @ w, -1)


def loop(x: Tensor, w: Tensor) -> Tensor:
    y = x
    for _ in range(3):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = torch.tanh(F.linear(y, w)) * 0.5 + x
    return y


def cast_to_float(x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    """Pointwise operators that autocast computes in float, behind others that it does not."""
    a = (x @ w).to(torch.bfloat16) * 2
    with torch.autocast("cpu", dtype=torch.bfloat16):
        b = (a - 1).pow(2) * 3
    return a, b


def convolution(x: Tensor, w: Tensor) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return F.conv2d(x[None, None], w[None, None, :3, :3]) + 1


def by_device(x: Tensor, w: Tensor) -> Tensor:
    with torch.autocast(x.device.type, dtype=torch.bfloat16):
        return x @ w


def computed_twice(x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    x, w = x * 2.5, w + 1.5
    a = (x @ w).sum()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        b = (x @ w).sum()
    return a, b


def recorded_once(x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    x, w = x * 2.5, w + 1.5
    with torch.no_grad():
        b = torch.tanh(x * w) * 2
    return torch.tanh(x * w) + 1, b


def recorded_before(x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    x = x @ w
    a = x * x + 1
    with torch.no_grad():
        b = a * x + x
    return a, b


def recorded_after(x: Tensor, w: Tensor) -> Tensor:
    x = x @ w
    y = x
    for _ in range(3):
        with torch.no_grad():
            y = y + torch.tanh(x)
        y = y + torch.tanh(x)
    return y


FUNCTIONS = [
    product, nested, layers, half, loop, cast_to_float, convolution, by_device, computed_twice, recorded_once,
    recorded_before, recorded_after,
]  # fmt: skip


def leaves_by_raising(x: Tensor, on: bool) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=on):
        if x.dim() > 1:
            raise ValueError("inside")
        return torch.outer(x, x) @ x


@pytest.fixture(scope="module")
def native():
    functions = [*FUNCTIONS, leaves_by_raising]
    return dict(zip(functions, compile_functions([torchscript.script(f) for f in functions]), strict=True))


def agree(got, expected):
    for a, b in zip(*[r if isinstance(r, tuple) else (r,) for r in (got, expected)], strict=True):
        assert (a.dtype, a.requires_grad) == (b.dtype, b.requires_grad)
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("records", [False, True])
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_regions(native, function, records):
    leaves = [torch.randn(8, 8, requires_grad=records) for _ in range(2)]
    results = []
    for run in (function, torchscript.script(function), native[function]):
        found = run(*leaves)
        assert not torch.is_autocast_enabled("cpu")
        recorded = [r for r in (found if isinstance(found, tuple) else (found,)) if r.requires_grad]
        gradients = torch.autograd.grad(sum(r.float().sum() for r in recorded), leaves) if recorded else ()
        results.append(found)
        results.append(gradients)
    for i in range(2, len(results)):
        agree(results[i], results[i % 2])


@pytest.mark.parametrize("on", [False, True])
def test_a_region_that_is_left_by_an_exception(native, on):
    x = torch.randn(4)
    agree(native[leaves_by_raising](x, on), leaves_by_raising(x, on))
    with pytest.raises(ValueError, match="inside"):
        native[leaves_by_raising](torch.randn(2, 2), on)
    assert not torch.is_autocast_enabled("cpu")
    assert torch.autocast_increment_nesting() == 1 and torch.autocast_decrement_nesting() == 0


def test_kernels_leave_a_region_around_the_call_to_the_operators(native):
    x, w = torch.randn(2, 8, 8)
    for function in (product, cast_to_float, layers):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            agree(native[function](x, w), function(x, w))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.weight = nn.Parameter(torch.randn(4, 4))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = F.leaky_relu(self.norm(self.conv(x)), 0.1)
            y += 1.0
            square = self.weight @ self.weight  # of constants, when frozen
        return y, square


def test_frozen_modules():
    """Folding, and the convolutions of oneDNN, keep out of regions."""
    module = Net().eval()
    with torch.no_grad():
        x = torch.randn(2, 3, 8, 8)
        scripted = torchscript.script(module)
        for made in (torchscript.freeze(scripted), torchscript.optimize_for_inference(scripted)):
            agree(made(x), module(x))
            agree(torchscript.compile(made)(x), module(x))


def test_onednn_outside_of_a_region():
    """Numbers of its activations are a list that the dispatcher has to know the type of."""

    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

        def forward(self, x: Tensor) -> Tensor:
            return F.leaky_relu(self.norm(self.conv(x)), 0.1)

    module = Plain().eval()
    optimized = torchscript.optimize_for_inference(torchscript.script(module))
    assert "mkldnn::_convolution_pointwise" in str(optimized.graph)
    with torch.no_grad():
        x = torch.randn(2, 3, 8, 8)
        torch.testing.assert_close(torchscript.compile(optimized)(x), module(x))


def test_a_tuned_module_gives_the_dtype_of_eager_mode():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()).eval()
    native = torchscript.compile(torchscript.optimize_for_inference(torchscript.script(module)))
    x = torch.randn(2, 3, 6, 6)
    with torch.no_grad():
        torch.testing.assert_close(native(x), module(x), rtol=1e-4, atol=1e-5)
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(native(x), module(x))
            assert native(x).dtype == torch.bfloat16


def test_the_class_of_an_archive_that_pytorch_numbered():
    """The second class of one name is in a package of its own; programs that name the device have another name."""
    module, x = Net().eval(), torch.randn(2, 3, 8, 8)
    data = torchscript.script(module).save_to_buffer()
    for package in (b"torch.amp.autocast_mode.___torch_mangle_0.", b"torch.cpu.amp.autocast_mode."):
        renamed = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(renamed, "w") as new:
            for name in old.namelist():
                content = old.read(name)
                if name.endswith(".py"):
                    content = content.replace(b"torch.amp.autocast_mode.", package)
                    old_path = "torch/amp/autocast_mode.py"
                    name = name.replace(old_path, package.decode().rstrip(".").replace(".", "/") + ".py")
                if not name.endswith(".debug_pkl"):
                    new.writestr(name, content)
        loaded = torchscript.load(renamed.getvalue())
        with torch.no_grad():
            agree(loaded(x), module(x))
            agree(torchscript.compile(torchscript.freeze(loaded))(x), module(x))

"""What modules keep between calls: running statistics, counters, vectors of spectral_norm; and regions of autocast.

Each module is traced, and called here, from its archive, and by stock torch.jit, beside a module in the same state.
"""

import io

import pytest
import torch
from torch import nn

import torchscript as jit


class Normalizes(nn.Module):
    def __init__(self, momentum=0.1):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4, momentum=momentum)
        self.instance_norm = nn.InstanceNorm2d(4, affine=True, track_running_stats=True)
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))
        self.register_buffer("total", torch.zeros(4))

    def forward(self, x):
        self.calls += 1
        y = self.instance_norm(self.norm(self.conv(x)))
        self.total = self.total + y.detach().sum((0, 2, 3))
        return y * self.calls


def normalizes_cumulatively():
    return Normalizes(momentum=None)


def weight_norm_of_old():
    with pytest.warns(FutureWarning):
        return nn.Sequential(nn.utils.weight_norm(nn.Conv2d(3, 4, 3)))


def spectral_norm_of_old():
    return nn.Sequential(nn.utils.spectral_norm(nn.Conv2d(3, 4, 3)))


def parametrized(name):
    def make():
        return nn.Sequential(getattr(nn.utils.parametrizations, name)(nn.Conv2d(3, 4, 3)))

    return make


MODULES = {
    "norms": Normalizes,
    "norms with a cumulative average": normalizes_cumulatively,
    "weight_norm": parametrized("weight_norm"),
    "weight_norm of old": weight_norm_of_old,
    "spectral_norm": parametrized("spectral_norm"),
    "spectral_norm of old": spectral_norm_of_old,
}


def archived(traced):
    buffer = io.BytesIO()
    jit.save(traced, buffer)
    return [load(io.BytesIO(buffer.getvalue())) for load in (jit.load, torch.jit.load)]


@pytest.mark.parametrize("is_training", [True, False])
@pytest.mark.parametrize("make", MODULES.values(), ids=MODULES)
def test_calls_change_what_eager_calls_change(make, is_training, recwarn):
    module = make().train(is_training)
    twin, x = make().train(is_training), torch.rand(2, 3, 6, 6)
    twin.load_state_dict(module.state_dict())

    traced = jit.trace(module, x)

    twin(x)  # to be recorded is one call, to be checked is none
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    for name, tensor in twin.state_dict().items():
        torch.testing.assert_close(before[name], tensor)
    assert not [w for w in recwarn if issubclass(w.category, jit.TracerWarning)]
    for run in (*archived(traced), traced):
        eager = make().train(is_training)
        eager.load_state_dict(before)
        for x in (torch.rand(2, 3, 6, 6), torch.rand(4, 3, 7, 5)):
            torch.testing.assert_close(run(x), eager(x))
            found = run.state_dict()
            assert found.keys() == before.keys()
            for name, expected in eager.state_dict().items():
                torch.testing.assert_close(found[name], expected, msg=lambda m, name=name: f"{name}: {m}")
        run(x).sum().backward()
        eager(x).sum().backward()
        gradients = {name: p.grad for name, p in run.named_parameters()}
        for name, parameter in eager.named_parameters():
            torch.testing.assert_close(gradients[name], parameter.grad, rtol=1e-5, atol=1e-5)


def test_methods_share_what_they_keep():
    class Coder(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("calls", torch.zeros(1))

        def encode(self, x):
            self.calls += 1
            return x + self.calls

        def forward(self, x):
            return self.encode(x) * self.encode(x)

    traced = jit.trace_module(Coder(), {"forward": torch.rand(2), "encode": torch.rand(2)})
    assert torch.equal(traced.calls, torch.full((1,), 3.0))

    x = torch.rand(3)
    for run in (*archived(traced), traced):
        eager = Coder()
        eager.calls.fill_(3)
        for name in ("encode", "forward", "encode"):
            torch.testing.assert_close(getattr(run, name)(x), getattr(eager, name)(x))
        assert torch.equal(run.calls, eager.calls)


# --- autocast -------------------------------------------------------------------------------------------


class InBfloat16(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = self.inner(x)
            with torch.autocast("cpu", enabled=False):
                z = x @ x.mT
        return y, z, x @ x.mT


AUTOCAST = {
    "linear": lambda: nn.Linear(4, 4),
    "mlp": lambda: nn.Sequential(
        nn.Linear(4, 8), nn.GELU(), nn.LayerNorm(8), nn.Linear(8, 6), nn.Softmax(-1)
    ),
    "encoder": lambda: nn.TransformerEncoderLayer(4, 2, 16, batch_first=True, dropout=0.0),
    "convolutions": lambda: nn.Sequential(
        nn.Conv1d(3, 4, 1), nn.GroupNorm(2, 4), nn.SiLU(), nn.Conv1d(4, 2, 2)
    ),
    "lstm": lambda: nn.LSTM(4, 3),
}


@pytest.mark.parametrize("make", AUTOCAST.values(), ids=AUTOCAST)
def test_regions_of_autocast_have_the_very_dtypes_and_numbers_of_eager(make):
    module = InBfloat16(make())

    traced = jit.trace(module, torch.rand(2, 3, 4))

    for run in (traced, *archived(traced)):
        x = torch.rand(2, 3, 4)
        torch.testing.assert_close(run(x), module(x), rtol=0, atol=0)

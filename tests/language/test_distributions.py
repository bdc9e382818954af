"""torch.distributions in compiled code, compiled from its own source; objects that exist only while compiling."""

import io

import pytest
import torch
from torch import nn
from torch.distributions import (
    Bernoulli,
    Beta,
    Categorical,
    Dirichlet,
    Exponential,
    Gamma,
    Independent,
    Laplace,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    OneHotCategorical,
    TanhTransform,
    Uniform,
    kl_divergence,
)

import torchscript as jit


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean = nn.Linear(3, 2)
        self.log_std = nn.Parameter(torch.zeros(2))

    def dist(self, x):
        return Normal(self.mean(x), self.log_std.exp())

    def act(self, d, deterministic: bool):
        return d.mean if deterministic else d.rsample()

    def forward(self, x, deterministic: bool = False):
        d = self.dist(x)
        a = self.act(d, deterministic)
        prior = Normal(torch.zeros_like(d.loc), 1.0)
        divergence = kl_divergence(d, prior).sum(-1)
        return a, d.log_prob(a).sum(-1, keepdim=True), d.entropy(), d.cdf(a), divergence, d.stddev


class Discrete(nn.Module):
    def __init__(self):
        super().__init__()
        self.scores = nn.Linear(3, 4)

    def forward(self, x):
        scores = self.scores(x)
        c, b = Categorical(logits=scores), Bernoulli(logits=scores)
        again = Categorical(torch.softmax(scores, -1))
        one = OneHotCategorical(logits=scores)
        a, k = c.sample(), b.sample()
        found = a, c.log_prob(a), c.entropy(), c.probs, again.logits, kl_divergence(c, again)
        return found, (k, b.log_prob(k), b.probs, b.mean, b.entropy()), one.sample(), again.sample((2,)).shape


def continuous(x):
    positive = x.abs() + 1
    u, g, d = Uniform(x.abs() * 0, positive), Gamma(positive, torch.ones(3)), Dirichlet(positive)
    v, w, k = u.rsample(), g.rsample(), d.rsample()
    first = v, u.log_prob(v), u.entropy(), w, g.log_prob(w), k, d.log_prob(k), d.entropy()
    return first, Beta(positive, 2.0).mean, Laplace(x, 1.0).rsample(), Exponential(positive).rsample()


def several_dimensions(x):
    d = Independent(Normal(x, x.abs() + 0.5), 1)
    m = MultivariateNormal(x, scale_tril=torch.diag(torch.arange(1.0, 4.0)))
    mixed = MixtureSameFamily(Categorical(torch.ones(x.shape[0], 3)), Normal(x, 1.0))
    a, b = d.rsample(), m.rsample()
    return (
        a,
        d.log_prob(a),
        d.entropy(),
        b,
        m.log_prob(b),
        m.covariance_matrix,
        mixed.log_prob(x[:, 0]),
        mixed.sample(),
    )


def of_numbers(x, n: int):
    d = Normal(0.0, 1.0)
    wide = Normal(torch.zeros(3), torch.tensor([1.0, 2.0, 0.5]))
    drawn = []
    for i in range(n):
        if i != 1:
            drawn.append(wide.sample((2,)) * i)
        q = Normal(x[0], i + 1.0)
        drawn.append(q.log_prob(x[:2]))
    return (
        torch.stack(drawn),
        d.sample((3,)),
        wide.sample(torch.Size([2])).shape,
        wide.batch_shape,
        wide.event_shape,
    )


def chosen(x, wide: bool, n: int):
    if n > 3:
        raise ValueError("n")
    else:
        shifted = Normal(x, n * 1.0)
        rest = iter([n, n + 1])
    if wide:
        d = Normal(x, 3.0)
    else:
        d = Normal(x * 2, 1.0)
    return d.log_prob(x), d.sample(), shifted.log_prob(x + 1), next(rest), d.expand((2, 4, 3)).loc.shape


@pytest.mark.filterwarnings("ignore::torchscript.frontend.autograd_functions.GradientWarning")  # of Dirichlet
@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        (Policy(), (False,)),
        (Policy(), (True,)),
        (Discrete(), ()),
        (continuous, ()),
        (several_dimensions, ()),
        (of_numbers, (3,)),
        (chosen, (True, 2)),
        (chosen, (False, 2)),
    ],
    ids=lambda v: getattr(v, "__name__", type(v).__name__),
)
def test_agrees_with_eager(program, arguments, assert_same):
    scripted = jit.script(program)
    archive = io.BytesIO()
    jit.save(scripted, archive)
    programs = [program, scripted]
    for load in (jit.load, torch.jit.load):
        archive.seek(0)
        programs.append(load(archive))
    x = torch.randn(4, 3)
    results = []
    for run in programs:
        torch.manual_seed(3)
        results.append(run(x, *arguments))
    for result in results[1:]:
        assert_same(as_lists(result), as_lists(results[0]))


def as_lists(value):
    """With lists for sizes, as PyTorch has it."""
    if isinstance(value, torch.Size):
        return list(value)
    return tuple(map(as_lists, value)) if isinstance(value, tuple) else value


def test_gradients_and_checks(monkeypatch):
    monkeypatch.setattr(
        torch.distributions.Distribution, "_validate_args", True
    )  # torch.compile turns it off
    torch.manual_seed(0)
    module = Policy()
    x = torch.randn(4, 3)
    grads = []
    for program in (module, jit.script(module)):
        torch.manual_seed(1)
        module.zero_grad()
        a, log_prob, *_ = program(x)
        (a.sum() + log_prob.sum()).backward()
        grads.append([p.grad.clone() for p in module.parameters()])
    for eager, compiled in zip(*grads, strict=True):
        torch.testing.assert_close(compiled, eager)

    def spread(x, scale: float):
        return Normal(x, scale).log_prob(x)

    with pytest.raises(ValueError, match="Expected parameter scale"):
        jit.script(spread)(x, -1.0)
    with pytest.raises(ValueError, match=r"not broadcastable|must match"):
        jit.script(lambda x: Independent(Normal(x, 1.0), 1).log_prob(x[:, :2]))(x)


def test_objects_do_not_leave():
    def given_back(x):
        return Normal(x, 1.0)

    def transformed(x):
        return TanhTransform()(x)

    for program, message in (
        (given_back, "exists only while compiling"),
        (transformed, "Transform the samples"),
    ):
        with pytest.raises(jit.Error, match=message):
            jit.script(program)


def sizes(x):
    s = x.shape[:-1]
    s += (2,)
    t = x.size()
    for i in range(x.size(0)):
        t += (i,)
    made = x.new(torch.Size([2, 1])).shape, x.new(x.shape[1:]).shape, x.new([2, 1])
    return (
        s,
        t,
        x.shape,
        made,
        torch.Size([1, 2]) == x.shape,
        torch.broadcast_shapes(x.shape, (1, 3), (2, 1, 1)),
    )


def test_sizes_are_no_lists(assert_everywhere):
    assert_everywhere(sizes, torch.ones(4, 3), stock=False)  # PyTorch gives lists for sizes

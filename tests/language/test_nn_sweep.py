"""Every module of torch.nn and function of torch.nn.functional on PyTorch's own sample inputs, forward and backward.

The samples are those of `torch.testing._internal`: `module_db` and `op_db`. A few per module and function run here,
all of them in `make sweep` (SWEEP=1). What torch.jit does not script either is in the tables below, with its reason.
"""

import itertools
import linecache
import math
import os

import pytest
import torch
import torch.nn.functional as F
from torch import nn

pytest.importorskip("expecttest")  # torch.testing._internal imports it
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.common_modules import module_db

import torchscript as jit

SAMPLES = None if os.environ.get("SWEEP") else 3

MODULES_LEFT_OUT = {
    "FractionalMaxPool2d": "its samples have another dtype than its random numbers, and fail in eager mode",
    "FractionalMaxPool3d": "its samples have another dtype than its random numbers, and fail in eager mode",
}


def leaves(value):
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [t for part in value for t in leaves(part)] if isinstance(value, list | tuple) else []


def fresh(value):
    """A copy whose tensors are leaves of their own."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if isinstance(value, list | tuple):
        return (
            type(value)(*map(fresh, value)) if hasattr(value, "_fields") else type(value)(map(fresh, value))
        )
    return {k: fresh(v) for k, v in value.items()} if isinstance(value, dict) else value


def run(program, arguments, keywords, parameters=()):
    """The outputs, and the gradients of inputs and parameters."""
    arguments, keywords = fresh(arguments), fresh(keywords)
    torch.manual_seed(1)
    outputs = leaves(program(*arguments, **keywords))
    sources = [t for t in (*leaves(arguments), *leaves(keywords), *parameters) if t.requires_grad]
    targets = [o for o in outputs if o.requires_grad]
    if not sources or not targets:
        return outputs, []
    torch.manual_seed(2)
    return outputs, torch.autograd.grad(
        targets, sources, [torch.randn_like(t) for t in targets], allow_unused=True
    )


def assert_same(actual, expected):
    assert len(actual[0]) == len(expected[0])
    for one, other in zip(actual[0], expected[0], strict=True):
        torch.testing.assert_close(one, other, equal_nan=True)
        assert one.requires_grad == other.requires_grad
    for one, other in zip(actual[1], expected[1], strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            torch.testing.assert_close(one, other, equal_nan=True)


def build(info, sample, training):
    """The module of a sample, the same at each call."""
    torch.manual_seed(0)
    made = sample.constructor_input
    module = info.module_cls(*fresh(made.args), **fresh(made.kwargs)).train(training)
    if isinstance(module, torch.nn.modules.lazy.LazyModuleMixin):  # its first run gives its parameters shapes
        module(*fresh(sample.forward_input.args), **fresh(sample.forward_input.kwargs))
    return module


def module_samples(info):
    for training in (False, True) if info.train_and_eval_differ else (False,):
        torch.manual_seed(0)
        found = info.module_inputs_func(
            info, device="cpu", dtype=torch.float32, requires_grad=True, training=training
        )
        for sample in itertools.islice(found, SAMPLES):
            given = sample.forward_input
            # CTCLoss declares Tensor for lengths that some samples give as tuples.
            if given is not None and "intlists" not in sample.desc:
                yield sample, training


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("info", module_db, ids=lambda info: info.module_cls.__name__)
def test_module(info):
    name = info.module_cls.__name__
    if name in MODULES_LEFT_OUT:
        pytest.skip(MODULES_LEFT_OUT[name])
    samples = list(module_samples(info))
    assert samples
    for sample, training in samples:
        if sample.constructor_input.kwargs.get("options") is not None:
            continue  # LinearCrossEntropyLoss: neither does torch.jit script its options, as its documentation says
        given = sample.forward_input
        module, scripted = build(info, sample, training), jit.script(build(info, sample, training))
        expected = run(module, given.args, given.kwargs, list(module.parameters()))
        assert_same(run(scripted, given.args, given.kwargs, list(scripted.parameters())), expected)


X, LONG, IMAGE = torch.rand(2, 4, 6), torch.tensor([[0, 2], [3, 1]]), torch.rand(2, 4, 6, 6)


class LengthsAsTuples(nn.Module):
    def __init__(self):
        super().__init__()
        self.project, self.loss = nn.Linear(6, 5), nn.CTCLoss()

    def forward(self, x):
        targets = torch.tensor([[1, 2, 3], [2, 1, 4]])
        return self.loss(self.project(x).log_softmax(2), targets, (12, 10), (3, 2))


CLASSES = torch.tensor([0, 4, 8, 9, 2])
# Modules that module_db leaves out, or whose samples are. torch.jit does not script TripletMarginWithDistanceLoss (a
# function among its arguments).
WITHOUT_SAMPLES = {
    "AdaptiveLogSoftmaxWithLoss": (lambda: nn.AdaptiveLogSoftmaxWithLoss(8, 10, [3, 6]), (torch.rand(5, 8), CLASSES)),
    "LinearCrossEntropyLoss": (lambda: nn.LinearCrossEntropyLoss(8, 10), (torch.rand(5, 8), CLASSES)),
    "CTCLoss": (LengthsAsTuples, (torch.rand(12, 2, 6),)),
    "AlphaDropout": (lambda: nn.AlphaDropout(), (X,)), "FeatureAlphaDropout": (lambda: nn.FeatureAlphaDropout(), (X,)),
    "ChannelShuffle": (lambda: nn.ChannelShuffle(2), (IMAGE,)),
    "CosineSimilarity": (lambda: nn.CosineSimilarity(), (X, X + 1)),
    "Dropout": (lambda: nn.Dropout(), (X,)), "Dropout1d": (lambda: nn.Dropout1d(), (X,)),
    "Dropout2d": (lambda: nn.Dropout2d(), (IMAGE,)), "Dropout3d": (lambda: nn.Dropout3d(), (IMAGE[..., None],)),
    "EmbeddingBag": (lambda: nn.EmbeddingBag(4, 3), (LONG,)), "Flatten": (lambda: nn.Flatten(), (IMAGE,)),
    "Fold": (lambda: nn.Fold((4, 3), 2), (torch.rand(1, 12, 6),)), "Unfold": (lambda: nn.Unfold(2), (IMAGE,)),
    "Hardsigmoid": (lambda: nn.Hardsigmoid(), (X,)), "Identity": (lambda: nn.Identity(), (X,)),
    "LazyBatchNorm1d": (lambda: nn.LazyBatchNorm1d(), (X,)), "LazyLinear": (lambda: nn.LazyLinear(2), (X,)),
    "LazyInstanceNorm2d": (lambda: nn.LazyInstanceNorm2d(), (IMAGE,)),
    "MaxUnpool1d": (lambda: nn.MaxUnpool1d(2), F.max_pool1d(X, 2, return_indices=True)),
    "MaxUnpool2d": (lambda: nn.MaxUnpool2d(2), F.max_pool2d(IMAGE, 2, return_indices=True)),
    "PairwiseDistance": (lambda: nn.PairwiseDistance(), (X, X + 1)), "PixelShuffle": (lambda: nn.PixelShuffle(2), (IMAGE,)),
    "PixelUnshuffle": (lambda: nn.PixelUnshuffle(2), (IMAGE,)), "RReLU": (lambda: nn.RReLU(), (X - 0.5,)),
    "Sequential": (lambda: nn.Sequential(nn.Linear(6, 2), nn.ReLU()), (X,)),
    "Unflatten": (lambda: nn.Unflatten(1, (2, 2)), (X,)),
    "TransformerDecoder": (lambda: nn.TransformerDecoder(nn.TransformerDecoderLayer(6, 2), 2), (X, X)),
    "TripletMarginLoss": (lambda: nn.TripletMarginLoss(), (X, X + 1, X - 1)),
    "Upsample": (lambda: nn.Upsample(scale_factor=2), (IMAGE,)),
    "UpsamplingBilinear2d": (lambda: nn.UpsamplingBilinear2d((7, 8)), (IMAGE,)),
    "UpsamplingNearest2d": (lambda: nn.UpsamplingNearest2d(scale_factor=2), (IMAGE,)),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", WITHOUT_SAMPLES)
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_module_without_samples(name, training):
    make, given = WITHOUT_SAMPLES[name]
    modules = []
    for _ in range(2):
        torch.manual_seed(0)
        modules.append(make().train(training))
        if isinstance(modules[-1], torch.nn.modules.lazy.LazyModuleMixin):
            modules[-1](*given)
    scripted = jit.script(modules[1])
    expected = run(modules[0], given, {}, list(modules[0].parameters()))
    assert_same(run(scripted, given, {}, list(scripted.parameters())), expected)


CALLS = [  # functions that op_db leaves out
    "affine_grid(x[:1, :2, :3], [1, 1, 2, 2])", "celu_(x * 1)", "elu_(x * 1)", "relu_(x - 0.5)", "selu_(x - 0.5)",
    "rrelu_(x - 0.5)", "leaky_relu_(x - 0.5)", "hardtanh_(x * 3)", "threshold_(x * 1, 0.5, 0.0)", "dropout1d(x)",
    "fold(x.repeat(1, 3, 1), (4, 3), 2)", "gumbel_softmax(x, hard=True)", "lp_pool1d(x, 2.0, 2)",
    "lp_pool2d(x[None], 2.0, 2)", "lp_pool3d(x[None, None], 2.0, 2)", "upsample(x, scale_factor=2)",
    "max_pool2d_with_indices(x[None], 2)", 
    "adaptive_max_pool2d_with_indices(x, [2, 2])", "conv_tbc(x, torch.ones(1, 6, 3), torch.ones(3))",
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.partition("(")[0])
def test_function_without_samples(call):
    function = compiled_text(f"def f(x):\n    return torch.nn.functional.{call}\n")
    given = (X.clone().requires_grad_(),)
    assert_same(run(jit.script(function), given, {}), run(function, given, {}))


counter = itertools.count()


def compiled_text(text):
    """The function `f` of a program text, which linecache knows."""
    filename = f"<sample {next(counter)}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    names = {"torch": torch, "Tensor": torch.Tensor, "List": list}
    exec(compile(text, filename, "exec"), names)
    return names["f"]


class NotLiteralError(Exception):
    """A sample holds what no program can write down (a module, a dataclass)."""


def program_of(name, arguments, keywords):
    """`def f(a0: Tensor, …): return torch.nn.functional.name(a0, 3, mode="…")`, and its tensors."""
    parameters, tensors = [], []

    def written(value):
        many = isinstance(value, list | tuple) and value and all(isinstance(v, torch.Tensor) for v in value)
        if isinstance(value, torch.Tensor) or many:
            parameters.append(f"a{len(parameters)}: {'List[Tensor]' if many else 'Tensor'}")
            tensors.append(list(value) if many else value)
            return parameters[-1].partition(":")[0]
        if isinstance(value, list | tuple):
            parts = "".join(f"{written(v)}, " for v in value)
            return f"[{parts}]" if isinstance(value, list) else f"({parts})"
        if isinstance(value, float) and not math.isfinite(value):
            return f"float('{value}')"
        if value is None or isinstance(value, int | float | str | complex):
            return repr(value)
        if isinstance(value, torch.dtype | torch.memory_format | torch.layout):
            return str(value)
        raise NotLiteralError

    call = [*map(written, arguments), *(f"{k}={written(v)}" for k, v in keywords.items())]
    text = f"def f({', '.join(parameters)}):\n    return torch.nn.functional.{name}({', '.join(call)})\n"
    return compiled_text(text), tensors


FUNCTIONS = [op for op in op_db if op.name.startswith("nn.functional.") and op.dtypes]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("op", FUNCTIONS, ids=lambda op: op.full_name.removeprefix("nn.functional."))
def test_function(op):
    name = op.name.removeprefix("nn.functional.")
    dtype = torch.float32 if torch.float32 in op.dtypes else next(iter(op.dtypes))
    torch.manual_seed(0)
    samples = op.sample_inputs("cpu", dtype, requires_grad=dtype.is_floating_point and op.supports_autograd)
    ran = 0
    for sample in itertools.islice(samples, SAMPLES):
        try:
            function, tensors = program_of(name, (sample.input, *sample.args), sample.kwargs)
        except NotLiteralError:
            continue
        try:
            expected = run(function, tensors, {})
        except RuntimeError:  # embedding's samples are for a caller that swaps them
            continue
        assert_same(run(jit.script(function), tensors, {}), expected)
        ran += 1
    if not ran:
        pytest.skip("no sample can be written as a program")

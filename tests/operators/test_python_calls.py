"""The public callable of an operator runs the overload it stands for: PyTorch's profiler says which ran."""

import itertools

import pytest
import torch

from torchscript import types as T
from torchscript.operators import (
    CallStyle,
    is_operator,
    overload_of,
    python_callable_of,
    schema_of,
    schemas_of,
)
from torchscript.operators.dispatcher import operator_names

COMMON = """
add sub mul div matmul mm bmm addmm linear conv1d conv2d conv3d conv_transpose2d batch_norm layer_norm
group_norm relu gelu silu sigmoid tanh softmax log_softmax dropout embedding max_pool2d avg_pool2d
adaptive_avg_pool2d view reshape permute transpose flatten unsqueeze squeeze expand repeat cat stack split
chunk unbind index_select gather scatter masked_fill where clamp sum mean max min argmax std var norm all
any sort topk cumsum zeros ones full rand randn randint arange linspace eye zeros_like to type_as contiguous
clone detach size item numel dim add_ mul_ copy_ fill_ zero_ eq lt bitwise_and fft_fft linalg_norm
special_expit lstm gru scaled_dot_product_attention upsample_nearest2d upsample_bilinear2d pad one_hot
einsum
""".split()
CALLABLE = [
    schema
    for name in sorted(operator_names())
    if name.startswith("aten::")
    for schema in schemas_of(name)
    if python_callable_of(schema) is not None
]
CHOSEN = [s for s in CALLABLE if s.name.removeprefix("aten::") in COMMON]
CHOSEN += [s for s in itertools.islice(CALLABLE, 0, None, 6) if s not in CHOSEN and "cuda" not in s.name]

# The overload that runs instead, and means the same.
SAME = {
    # a number becomes a tensor that takes part in type promotion as a number
    *(
        (f"{op}{suffix}.Scalar{mode}", f"{op}{suffix}.Tensor{mode}")
        for op in (
            "aten::add",
            "aten::sub",
            "aten::mul",
            "aten::div",
            "aten::subtract",
            "aten::multiply",
            "aten::divide",
            "aten::true_divide",
            "aten::floor_divide",
        )
        for suffix in ("", "_")
        for mode in ("", "_mode")
    ),
    ("aten::floor_divide.Scalar", "aten::floor_divide"),
    ("aten::linalg_matrix_rank.atol_rtol_float", "aten::linalg_matrix_rank.atol_rtol_tensor"),
    ("aten::linalg_pinv.atol_rtol_float", "aten::linalg_pinv.atol_rtol_tensor"),
    # without the arguments that have defaults
    ("aten::all.dims", "aten::all"),
    ("aten::any.dims", "aten::any"),
    ("aten::arange.start_step", "aten::arange.start"),
    ("aten::clamp", "aten::clamp.Tensor"),
    ("aten::clamp_", "aten::clamp_.Tensor"),
    ("aten::clip", "aten::clip.Tensor"),
    ("aten::clip_", "aten::clip_.Tensor"),
    ("aten::conv1d.padding", "aten::conv1d"),
    ("aten::range", "aten::range.step"),
    ("aten::conv2d.padding", "aten::conv2d"),
    ("aten::conv3d.padding", "aten::conv3d"),
    ("aten::to.other", "aten::to.device"),
    *((f"aten::{op}", f"aten::{op}.correction") for op in ("std", "var", "std_mean", "var_mean")),
    *((f"aten::{op}.correction", f"aten::{op}.dim") for op in ("std", "var", "std_mean", "var_mean")),
}

SAMPLES = {
    T.TENSOR: lambda: torch.rand(2, 3),
    T.INT: lambda: 1,
    T.FLOAT: lambda: 0.5,
    T.BOOL: lambda: True,
    T.NUMBER: lambda: 2,
    T.STRING: lambda: "sum",
    T.DTYPE: lambda: torch.float32,
    T.LAYOUT: lambda: torch.strided,
    T.DEVICE: lambda: torch.device("cpu"),
    T.MEMORY_FORMAT: lambda: torch.contiguous_format,
    T.GENERATOR: lambda: torch.default_generator,
    T.COMPLEX: lambda: 1j,
}


def sample(argument):
    type = argument.type.element if isinstance(argument.type, T.OptionalType) else argument.type
    if isinstance(type, T.ListType):
        element = type.element.element if isinstance(type.element, T.OptionalType) else type.element
        return [SAMPLES[element]() for _ in range(argument.fixed_size or 1)]
    return SAMPLES[type]()


def overload_that_runs(schema, with_defaults: bool) -> str | None:
    """The first operator that the public callable runs; None for one that reads a field of the tensor."""
    call = python_callable_of(schema)
    given = [a for a in schema.arguments if not a.has_default or (with_defaults and not a.kwarg_only)]
    positional = [sample(a) for a in given if not call.is_keyword(a)]
    named = {a.name: sample(a) for a in given if call.is_keyword(a)}
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU],
        experimental_config=torch._C._profiler._ExperimentalConfig(capture_overload_names=True),
    ) as profile:
        try:
            call.callable(*positional, **named)
        except TypeError:
            raise
        except Exception:
            pass  # the samples suit the signature, and not always the operator, which has been chosen by then
    events = [e for e in profile.events() if e.cpu_parent is None and "::" in e.name]
    if not events:
        return None
    first = min(events, key=lambda e: e.time_range.start)
    return f"{first.name}.{first.overload_name}" if first.overload_name else first.name


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("schema", CHOSEN, ids=lambda s: s.key)
def test_the_public_callable_means_the_overload(schema):
    for with_defaults in (False, True):
        try:
            key = overload_that_runs(schema, with_defaults)
        except KeyError:
            pytest.skip("no sample of an argument's type")
        assert key in (schema.key, None) or (schema.key, key) in SAME


def test_styles():
    add = python_callable_of(schema_of("aten::add.Tensor"))
    assert (add.callable, add.name, add.style) == (torch.add, "torch.add", CallStyle.FUNCTION)
    assert add.keywords == {"alpha"}
    view = python_callable_of(schema_of("aten::view"))
    assert (view.name, view.style) == ("view", CallStyle.METHOD)
    gelu = python_callable_of(schema_of("aten::gelu"))
    assert gelu.callable is torch._C._nn.gelu and gelu.name == "torch._C._nn.gelu"
    assert python_callable_of(schema_of("aten::unbind.int")).returns_tuple
    assert "memory_format" in python_callable_of(schema_of("aten::to.dtype")).keywords


@pytest.mark.parametrize(
    "key",
    [
        "aten::add.out",
        "aten::add.int",
        "aten::stft",
        "aten::bernoulli.Tensor",
        "quantized::add",
        "aten::_to_copy",
    ],
)
def test_overloads_without_a_public_callable(key):
    assert python_callable_of(schema_of(key)) is None


def test_results_are_those_of_eager_code():
    call = python_callable_of(schema_of("aten::max.dim"))
    assert type(call.callable(torch.rand(2, 3), 1)) is torch.return_types.max
    assert is_operator("aten::max") and overload_of(schema_of("aten::max.dim")) is torch.ops.aten.max.dim

"""Gradients of fused kernels against eager mode: every rule, ties and NaN, broadcasting, and all that autograd promises."""

import gc
import random
import warnings
import weakref
from typing import List, Tuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck
from torch.nn import functional as F

import torchscript
from torchscript.codegen.cpp.gradients import _FLAT, rules
from torchscript.codegen.cpp.kernel_program import FUNCTIONS, MASKS, read_group
from torchscript.native.api import compile_functions, prepared_graph

# --- Programs: each is one fusion group, and all together have every rule ----------------------------------------------


def arithmetic(x: Tensor, y: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
    a = torch.add(x, y, alpha=2) * torch.sub(x, y, alpha=0.5) - (1.0 - x)
    b = x / (y * y + 1.0) - torch.rsub(x, y, alpha=2) + torch.addcmul(x, x, y, value=0.5)
    return a, b, torch.addcdiv(x, y, x * x + 1.0, value=2.0) + torch.lerp(x, y, 0.3) + torch.lerp(x, y, x)


def divisions(x: Tensor, y: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
    a = torch.remainder(x, y) * x + torch.fmod(x, y) * y
    return a, torch.div(x, y, rounding_mode="floor") * y, torch.div(x, y, rounding_mode="trunc") * x


def limits(x: Tensor, y: Tensor) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
    a = torch.maximum(x, y) + 2.0 * torch.minimum(x, y)
    b = torch.fmax(x, y) - 3.0 * torch.fmin(x, y)
    c = x.clamp(-1.0, 1.0) * y + y.clamp(min=0.0) + x.clamp(max=0.5)
    return a, b, c, torch.clamp(x, y - 1.0, y + 0.5) * x


def signs(x: Tensor, y: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
    a = -x + y.abs() + x.square() + torch.frac(x) * y
    b = x.sign() * y + torch.floor(x) * y + torch.ceil(x) + torch.trunc(y) * x + torch.round(y)
    return a, b, torch.copysign(x, y) * 2.0


def powers(x: Tensor, y: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
    a = torch.pow(x, y) * 0.5 + x**2 + x**3 + x**1.7 + 2.0**y
    return a, x.sqrt() + x.rsqrt() + torch.reciprocal(y), x**0.5 + y**-1.0


def logarithms(x: Tensor, y: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
    a = torch.exp(x) + torch.exp2(y) + torch.expm1(x) * y
    return a, torch.log(x) + torch.log2(y) * x, torch.log10(x) + torch.log1p(y) * 2.0


def angles(x: Tensor, y: Tensor) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
    a = torch.sin(x) * torch.cos(y) + torch.tan(x) + torch.atan(y) * x
    b = torch.asin(x) + torch.acos(y) + torch.atan2(x, y)
    c = torch.sinh(x) + torch.cosh(y) + torch.tanh(x) * y + torch.asinh(x)
    return a, b, c, torch.atanh(x) + torch.hypot(x, y)


def error_functions(x: Tensor, y: Tensor) -> Tuple[Tensor, Tensor]:
    return torch.erf(x) + torch.erfc(y) * x + torch.sigmoid(x), F.logsigmoid(x) * y + torch.acosh(
        y.abs() + 1.5
    )


def activations(x: Tensor, y: Tensor) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
    a = torch.relu(x) * y + F.relu6(x) + F.leaky_relu(y, 0.1)
    b = F.elu(x, 1.5) + F.silu(y) * x
    c = F.gelu(x) + F.gelu(y, approximate="tanh") + F.softplus(x, 2.0, 1.0)
    return a, b, c, F.hardtanh(x) * y + F.threshold(x, 0.1, 2.0)


def choices(x: Tensor, y: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
    mask = (x > y) & (x < 2.0)
    a = torch.where(mask, x * y, y) * 2.0
    b = x.masked_fill(y > 0.5, 1.0) + torch.where(x == 0.0, 1.0, y)
    return a, b, (x > 0.0).to(x.dtype) * y + torch.zeros_like(x)


def kinks(x: Tensor, y: Tensor) -> Tuple[Tensor, Tensor]:
    return F.hardsigmoid(x * 3.0) * y, F.hardswish(x * 3.0) + F.hardswish(y)


def stopped(x: Tensor, y: Tensor) -> Tensor:
    return x.detach() * y + x.clone()


def passed(x: Tensor, y: Tensor) -> Tensor:
    return (x + y) - 1.0


POINTWISE = [
    arithmetic, divisions, limits, signs, powers, logarithms, angles, error_functions, activations, choices, kinks,
    stopped, passed,
]  # fmt: skip


def softmax(x: Tensor, y: Tensor) -> Tensor:
    e = torch.exp(x - x.amax(-1, keepdim=True))
    return e / e.sum(-1, keepdim=True) * y


def layer_norm(x: Tensor, y: Tensor) -> Tensor:
    mean = x.mean(-1, keepdim=True)
    off = x - mean
    return off * torch.rsqrt((off * off).mean(-1, keepdim=True) + 1e-5) * y + 1.0


def rms_norm(x: Tensor, y: Tensor) -> Tuple[Tensor, Tensor]:
    square = (x * x).mean(-1, keepdim=True)
    return x * torch.rsqrt(square + 1e-6) * y, square * 2.0


def standardised(x: Tensor, y: Tensor) -> Tensor:
    return (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + 0.5) * y + x.var(-1, keepdim=True)


def reduced(x: Tensor, y: Tensor) -> Tensor:
    return (x * y).sum(-1) * 2.0 + 1.0


def extrema(x: Tensor, y: Tensor) -> Tuple[Tensor, Tensor]:
    low = (x * y).amin(-1, keepdim=True)
    return low * 2.0, (x - low) * x.amax(-1, keepdim=True)


ROWS = [softmax, layer_norm, rms_norm, standardised, reduced, extrema]


def loop(x: Tensor, y: Tensor, steps: int) -> Tensor:
    for _ in range(steps):
        x = torch.tanh(x * y + x) * 0.5
    return x


def two(x: Tensor, y: Tensor) -> Tuple[Tensor, Tensor]:
    z = x * y + 1.0
    return z, torch.tanh(z) - y


def with_number(x: Tensor, n: int, a: float) -> Tensor:
    return (x * n + a) * torch.sigmoid(x * a)


def written_after(x: Tensor, y: Tensor) -> Tensor:
    z = torch.cumsum(y, 0)
    out = torch.tanh(x * z) + 1.0
    z.zero_()
    return out


# --- Random chains --------------------------------------------------------------------------------------------------

_UNARY = ["torch.tanh({})", "torch.sigmoid({})", "torch.sin({})", "({} * {})", "({} - 0.25)", "(0.5 * {})", "{}.square()",
          "F.silu({})", "F.gelu({})", "torch.exp(-{}.abs())", "F.softplus({})", "torch.log1p({}.abs())"]  # fmt: skip
_BINARY = ["({0} + {1})", "({0} * {1})", "({0} - {1})", "({0} / ({1}.abs() + 1.0))", "torch.maximum({0}, {1})",
           "torch.where({0} > {1}, {0}, {1} * 2.0)", "torch.atan2({0}, {1} + 3.0)", "torch.lerp({0}, {1}, 0.3)"]  # fmt: skip
_ROW = [
    "({} - {}.mean(-1, keepdim=True))",
    "({} * {}.sum(-1, keepdim=True))",
    "({} + {}.amax(-1, keepdim=True))",
]


def random_program(seed: int) -> str:
    choose = random.Random(seed)
    names, lines = ["x", "y"], []
    for i in range(choose.randrange(3, 12)):
        a, b = choose.choice(names[-3:]), choose.choice(names)
        kind = choose.choice([_UNARY, _UNARY, _BINARY, _BINARY, _ROW])
        text = choose.choice(kind)
        lines.append(f"    v{i} = " + (text.format(a, b) if kind is _BINARY else text.format(a, a)))
        names.append(f"v{i}")
    results = names[-2:] if choose.random() < 0.5 else names[-1:]
    kind = "Tuple[Tensor, Tensor]" if len(results) == 2 else "Tensor"
    return "\n".join(
        [f"def chain(x: Tensor, y: Tensor) -> {kind}:", *lines, f"    return {', '.join(results)}", ""]
    )


def random_functions(directory, seeds):
    out = []
    for seed in seeds:
        path = directory / f"chain{seed}.py"
        path.write_text(
            "import torch\nfrom torch import Tensor\nfrom torch.nn import functional as F\nfrom typing import Tuple\n"
            + random_program(seed)
        )
        scope = {"__name__": f"chain{seed}"}
        exec(compile(path.read_text(), str(path), "exec"), scope)
        out.append(scope["chain"])
    return out


CHAINS = 4
OTHERS = [loop, two, with_number, written_after]


@pytest.fixture(scope="module")
def chains(tmp_path_factory):
    return random_functions(tmp_path_factory.mktemp("chains"), range(CHAINS))


@pytest.fixture(scope="module")
def native(chains):
    functions = [*POINTWISE, *ROWS, *OTHERS, *chains]
    return dict(zip(functions, compile_functions([torchscript.script(f) for f in functions])))


# --- Comparisons ----------------------------------------------------------------------------------------------------


def tensors_of(result):
    return list(result) if isinstance(result, tuple) else [result]


def gradients(function, inputs, weights=None):
    inputs = [x.detach().clone().requires_grad_(x.requires_grad) for x in inputs]
    results = [r for r in tensors_of(function(*inputs)) if r.requires_grad]
    weights = weights or [torch.cos(torch.arange(r.numel(), dtype=r.dtype)).reshape(r.shape) for r in results]
    wanted = [x for x in inputs if x.requires_grad]
    return torch.autograd.grad(results, wanted, weights, allow_unused=True)


def compare(function, native, *inputs, **tolerance):
    wanted, got = gradients(function, inputs), gradients(native, inputs)
    for a, b in zip(wanted, got, strict=True):
        torch.testing.assert_close(b, a, equal_nan=True, **tolerance)


def is_fused(result):
    return "Fused" in result.grad_fn.name()


def domain(function, x):
    """Where the function is smooth and finite."""
    if function in (powers, logarithms):
        return x.abs() + 0.5
    return x * 0.3 if function is angles else x


@pytest.mark.parametrize("function", POINTWISE, ids=lambda f: f.__name__)
def test_gradients_of_a_pointwise_group(function, native):
    torch.manual_seed(0)
    for dtype in (torch.float, torch.double):
        x = domain(function, torch.randn(40, dtype=dtype)).requires_grad_()
        y = domain(function, torch.randn(40, dtype=dtype)).requires_grad_()
        assert all(is_fused(r) for r in tensors_of(native[function](x, y)))
        compare(function, native[function], x, y, rtol=1e-4 if dtype == torch.float else 1e-7, atol=1e-5)


SPECIAL = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -0.5,
    0.1,
    6.0,
    3.0,
    -3.0,
    2.0,
    float("inf"),
    -float("inf"),
    float("nan"),
]
SMOOTH_AT_INFINITY = {  # where the formulas of the kernel are other expressions of the same limit: nothing is promised
    arithmetic, powers, angles, error_functions, activations, logarithms, divisions, signs,
    kinks,  # here PyTorch's own vector loop and what it does with the rest disagree about NaN
}  # fmt: skip


@pytest.mark.parametrize("function", POINTWISE, ids=lambda f: f.__name__)
def test_gradients_at_ties_edges_and_nan(function, native):
    values = torch.tensor(SPECIAL, dtype=torch.double)
    pairs = torch.cartesian_prod(values, values)
    if function in SMOOTH_AT_INFINITY:
        pairs = pairs[pairs.isfinite().all(1)]
    x, y = pairs[:, 0].contiguous().requires_grad_(), pairs[:, 1].contiguous().requires_grad_()
    compare(function, native[function], x, y)


@pytest.mark.parametrize("function", ROWS, ids=lambda f: f.__name__)
def test_gradients_of_rows(function, native):
    torch.manual_seed(0)
    for shapes in [((5, 33), (5, 33)), ((5, 33), (33,)), ((2, 3, 16), (3, 1)), ((33,), (33,))]:
        if function is reduced and shapes[0] == (33,):
            continue
        x, y = (torch.randn(s, dtype=torch.double, requires_grad=True) for s in shapes)
        compare(function, native[function], x, y)
    tied = torch.tensor([[1.0, 2.0, 2.0, 0.0], [3.0, 3.0, 3.0, 3.0]], dtype=torch.double)
    compare(function, native[function], tied.requires_grad_(), torch.ones(2, 4, dtype=torch.double))


NOT_SMOOTH = {kinks, stopped}  # no second derivative in PyTorch, and none that a difference would see


@pytest.mark.parametrize(
    "function", [f for f in [*POINTWISE, *ROWS] if f not in NOT_SMOOTH], ids=lambda f: f.__name__
)
def test_numerical_derivatives_first_and_second(function, native):
    torch.manual_seed(1)
    x = domain(function, torch.randn(2, 3, dtype=torch.double)).requires_grad_()
    y = domain(function, torch.randn(2, 3, dtype=torch.double)).requires_grad_()
    assert gradcheck(native[function], (x, y))
    assert gradgradcheck(native[function], (x, y))


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_random_chains(data, native, chains):
    function = data.draw(st.sampled_from(chains))
    rows, length = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 20))
    shapes = st.sampled_from([(rows, length), (length,), (rows, 1), (1,), ()])
    seed = data.draw(st.integers(0, 1000))
    torch.manual_seed(seed)
    x = torch.randn(rows, length, dtype=torch.double).requires_grad_(data.draw(st.booleans()))
    y = torch.randn(data.draw(shapes), dtype=torch.double).requires_grad_(
        not x.requires_grad or data.draw(st.booleans())
    )
    wanted, got = tensors_of(function(x, y)), tensors_of(native[function](x, y))
    assert [r.requires_grad for r in got] == [r.requires_grad for r in wanted]
    if any(r.requires_grad for r in wanted):
        compare(function, native[function], x, y)


def test_second_derivatives_of_random_chains(native, chains):
    for function in chains:
        x = torch.randn(2, 3, dtype=torch.double, requires_grad=True)
        y = torch.randn(2, 3, dtype=torch.double, requires_grad=True)
        assert gradgradcheck(native[function], (x, y))


# --- What autograd promises ------------------------------------------------------------------------------------------


def leaf(*sizes):
    torch.manual_seed(0)
    return torch.randn(*sizes, dtype=torch.double, requires_grad=True)


def test_one_node_stands_for_a_group(native):
    x, y = leaf(5), leaf(5)
    z, w = native[two](x, y)
    assert z.grad_fn is w.grad_fn
    assert z.grad_fn.name() == "TorchscriptFusedBackward"
    assert [n.name() for n, _ in z.grad_fn.next_functions] == ["torch::autograd::AccumulateGrad"] * 2


def test_only_what_is_asked_for(native):
    x, y = leaf(5), leaf(5)
    for result in (0, 1):
        for inputs in ([x], [y], [x, y]):
            wanted = torch.autograd.grad(two(x, y)[result].sum(), inputs)
            got = torch.autograd.grad(native[two](x, y)[result].sum(), inputs)
            torch.testing.assert_close(got, wanted)


def test_inputs_without_gradient(native):
    x, constant = leaf(3, 4), torch.randn(4, dtype=torch.double)
    compare(two, native[two], x, constant)
    compare(two, native[two], constant, x)
    assert not native[two](constant, constant)[0].requires_grad
    with torch.no_grad():
        assert native[two](x, x)[0].grad_fn is None
    with torch.inference_mode():
        assert native[two](x, x)[0].is_inference()


def test_gradients_add_up_through_a_loop(native):
    x, y = leaf(4, 5), leaf(5)
    torch.testing.assert_close(
        torch.autograd.grad(native[loop](x, y, 7).sum(), [x, y]),
        torch.autograd.grad(loop(x, y, 7).sum(), [x, y]),
    )


def test_numbers(native):
    x = leaf(6)
    torch.testing.assert_close(
        torch.autograd.grad(native[with_number](x, 3, 0.7).sum(), x),
        torch.autograd.grad(with_number(x, 3, 0.7).sum(), x),
    )


def test_one_input_made_from_the_other(native):
    x = leaf(5)
    y = x * 2.0
    (first,) = torch.autograd.grad(native[two](x, y)[1].sum(), x, create_graph=True)
    (wanted,) = torch.autograd.grad(two(x, y)[1].sum(), x, create_graph=True)
    torch.testing.assert_close(first, wanted)
    (second,) = torch.autograd.grad(first.sum(), x, retain_graph=True)
    torch.testing.assert_close(second, torch.autograd.grad(wanted.sum(), x)[0])


def test_the_same_input_twice(native):
    x = leaf(5)
    compare(lambda x: two(x, x), lambda x: native[two](x, x), x)


def test_backward_twice(native):
    x, y = leaf(5), leaf(5)
    z = native[two](x, y)[1].sum()
    z.backward(retain_graph=True)
    first = x.grad.clone()
    z.backward()
    torch.testing.assert_close(x.grad, 2 * first)
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        z.backward()


def test_hooks_of_tensors_and_nodes(native):
    x, y = leaf(5), leaf(5)
    seen = []
    x.register_hook(lambda g: g * 2)
    z, _ = native[two](x, y)
    z.register_hook(lambda g: seen.append(g.clone()))
    z.grad_fn.register_hook(lambda into, out: seen.append(len(into)))
    z.sum().backward()
    assert torch.equal(seen[0], torch.ones_like(z))
    assert seen[1] == 2
    torch.testing.assert_close(x.grad, 2 * y.detach())


def test_saved_tensors_go_through_hooks(native):
    x, y = leaf(5), leaf(5)
    packed = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: packed.append(t.shape) or t, lambda t: t * 1.0):
        z = native[two](x, y)[1].sum()
    assert packed
    compared = torch.autograd.grad(z, x)
    torch.testing.assert_close(compared, torch.autograd.grad(two(x, y)[1].sum(), x))


def test_an_input_that_was_written_before_the_backward_pass_is_noticed(native):
    x, y = leaf(5), leaf(5)
    base = x * 1.0
    z = native[two](base, y)[1].sum()
    base.add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward()


def test_inputs_that_the_gradient_does_not_need_may_be_written(native):
    x, y = leaf(5), leaf(5)
    base, other = x * 1.0, y * 1.0
    z = native[passed](base, other)
    base.zero_()
    other.zero_()
    z.sum().backward()
    assert torch.equal(x.grad, torch.ones_like(x))


def test_a_result_may_be_written(native):
    x, y = leaf(5), leaf(5)
    z, _ = native[two](x, y)
    z.mul_(3.0)
    wanted = two(x, y)[0] * 3.0
    torch.testing.assert_close(z, wanted)
    torch.testing.assert_close(torch.autograd.grad(z.sum(), x), torch.autograd.grad(wanted.sum(), x))


def test_a_group_whose_inputs_the_program_writes_is_not_fused(native):
    x, y = leaf(5), leaf(5)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        written_after(x, y).sum().backward()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        native[written_after](x, y).sum().backward()


def test_anomaly_mode_names_the_operator(native):
    x = torch.zeros(3, dtype=torch.double, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with (
            torch.autograd.detect_anomaly(),
            pytest.raises(RuntimeError, match=r"'[A-Za-z]+Backward0' returned nan"),
        ):
            (native[powers](x, x + 1.0)[1] * 0.0).sum().backward()


def test_forward_mode(native):
    x, y, t = leaf(5), leaf(5), torch.randn(5, dtype=torch.double)
    wanted = torch.func.jvp(two, (x, y), (t, t))
    torch.testing.assert_close(torch.func.jvp(native[two], (x, y), (t, t)), wanted)


def test_strides_of_gradients_do_not_matter(native):
    x, y = leaf(6, 4), leaf(6, 4)
    weight = torch.randn(4, 6, dtype=torch.double).t()
    for g in (weight, weight[:1, :].expand(6, 4), torch.ones((), dtype=torch.double).expand(6, 4)):
        wanted = torch.autograd.grad(two(x, y)[1], [x, y], g)
        torch.testing.assert_close(torch.autograd.grad(native[two](x, y)[1], [x, y], g), wanted)


def test_nothing_is_kept_after_the_backward_pass(native):
    x, y = leaf(5), leaf(5)
    base = x * 1.0
    kept = weakref.ref(base)
    z = native[two](base, y)[1].sum()
    del base
    gc.collect()
    z.backward()
    assert kept() is None


def test_half_of_the_inputs_in_another_dtype(native):
    x, y = leaf(5), torch.randn(5, requires_grad=True)
    compare(two, native[two], x, y)


# --- The table --------------------------------------------------------------------------------------------------------


def test_every_function_of_kernels_has_a_rule():
    named = {name for name, _ in rules()} | _FLAT | MASKS
    comparisons = {"eq", "ne", "lt", "le", "gt", "ge", "isnan", "isinf", "isfinite"}
    assert FUNCTIONS - named - comparisons == set()


def test_every_rule_is_in_a_program_above():
    used = set()
    for function in [*POINTWISE, *ROWS]:
        graph = prepared_graph(torchscript.script(function)._ts_function, True)
        groups = [n for n in graph.all_nodes() if n.kind == "prim::FusionGroup"]
        assert groups, function
        for group in groups:
            used |= {(i.function, len(i.arguments)) for i in read_group(group).items}
    assert {name for name, _ in rules()} - {name for name, _ in used} == set()


def test_losses_of_a_list_of_results(native):
    x, y = leaf(5), leaf(5)
    results: List[Tensor] = [native[f](x, y) for f in (passed, softmax)]
    wanted: List[Tensor] = [f(x, y) for f in (passed, softmax)]
    torch.testing.assert_close(
        torch.autograd.grad(sum(r.sum() for r in results), [x, y]),
        torch.autograd.grad(sum(r.sum() for r in wanted), [x, y]),
    )

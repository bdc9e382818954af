"""Modules that `torch.utils.mobile_optimizer.optimize_for_mobile` prepared for XNNPACK, without XNNPACK.

PyTorch for servers is built without it, so has neither these classes nor the operators. An object of such a class
is saved as what it was made of, and is that here; the operators are functions, which any PyTorch runs.

    xnnpack.Conv2dOpContext                       a tuple: weight, bias, stride, padding, dilation, groups, bounds
    ops.prepacked.conv2d_clamp_run(x, context)    conv2d, and clamp where there are bounds
"""

from __future__ import annotations

from .. import types as T

_PREFIX = "__torch__.torch.classes.xnnpack."

_OPTIONAL_TENSOR, _BOUND, _INTS = T.OptionalType(T.TENSOR), T.OptionalType(T.NUMBER), T.ListType(T.INT)

STATES: dict[str, T.TupleType] = {
    f"{_PREFIX}LinearOpContext": T.TupleType((T.TENSOR, _OPTIONAL_TENSOR, _BOUND, _BOUND)),
    f"{_PREFIX}Conv2dOpContext": T.TupleType(
        (T.TENSOR, _OPTIONAL_TENSOR, _INTS, _INTS, _INTS, T.INT, _BOUND, _BOUND)
    ),
    f"{_PREFIX}TransposeConv2dOpContext": T.TupleType(
        (T.TENSOR, _OPTIONAL_TENSOR, _INTS, _INTS, _INTS, _INTS, T.INT, _BOUND, _BOUND)
    ),
}
"""Classes → the types of what their objects are saved as, and are here."""

_LINEAR = "(Tensor, Tensor?, Scalar?, Scalar?)"
_CONVOLUTION = "(Tensor, Tensor?, int[], int[], int[], int, Scalar?, Scalar?)"
_TRANSPOSED = "(Tensor, Tensor?, int[], int[], int[], int[], int, Scalar?, Scalar?)"
_BOUNDS = "Scalar? output_min=None, Scalar? output_max=None"

OPERATORS: tuple[tuple[str, str], ...] = (
    (f"prepacked::linear_clamp_run(Tensor X, {_LINEAR} W_prepack) -> Tensor", "linear_clamp_run"),
    (f"prepacked::conv2d_clamp_run(Tensor X, {_CONVOLUTION} W_prepack) -> Tensor", "conv2d_clamp_run"),
    (
        f"prepacked::conv2d_transpose_clamp_run(Tensor X, {_TRANSPOSED} W_prepack) -> Tensor",
        "conv2d_transpose_clamp_run",
    ),
    (
        f"prepacked::linear_clamp_prepack(Tensor W, Tensor? B=None, {_BOUNDS}) -> {_LINEAR}",
        "linear_clamp_prepack",
    ),
    (
        "prepacked::conv2d_clamp_prepack(Tensor W, Tensor? B, int[2] stride, int[2] padding, int[2] dilation, "
        f"int groups, {_BOUNDS}) -> {_CONVOLUTION}",
        "conv2d_clamp_prepack",
    ),
    (
        "prepacked::conv2d_transpose_clamp_prepack(Tensor W, Tensor? B, int[2] stride, int[2] padding, "
        f"int[2] output_padding, int[2] dilation, int groups, {_BOUNDS}) -> {_TRANSPOSED}",
        "conv2d_transpose_clamp_prepack",
    ),
)
"""The operators, and the functions of `CODE` that stand in for them."""

_T_LINEAR, _T_CONVOLUTION, _T_TRANSPOSED = (state.annotation() for state in STATES.values())
_T_BOUNDS = "output_min: Optional[number], output_max: Optional[number]"

CODE = f"""
def clamped(y: Tensor, low: Optional[number], high: Optional[number]) -> Tensor:
  if torch.__isnot__(low, None):
    bounded = True
  else:
    bounded = torch.__isnot__(high, None)
  if bounded:
    result = torch.clamp(y, low, high)
  else:
    result = y
  return result
def linear_clamp_run(X: Tensor, W_prepack: {_T_LINEAR}) -> Tensor:
  weight, bias, low, high, = W_prepack
  return __torch__.torchscript_upgrades.clamped(torch.linear(X, weight, bias), low, high)
def conv2d_clamp_run(X: Tensor, W_prepack: {_T_CONVOLUTION}) -> Tensor:
  weight, bias, stride, padding, dilation, groups, low, high, = W_prepack
  y = torch.conv2d(X, weight, bias, stride, padding, dilation, groups)
  return __torch__.torchscript_upgrades.clamped(y, low, high)
def conv2d_transpose_clamp_run(X: Tensor, W_prepack: {_T_TRANSPOSED}) -> Tensor:
  weight, bias, stride, padding, output_padding, dilation, groups, low, high, = W_prepack
  y = torch.conv_transpose2d(X, weight, bias, stride, padding, output_padding, groups, dilation)
  return __torch__.torchscript_upgrades.clamped(y, low, high)
def linear_clamp_prepack(W: Tensor, B: Optional[Tensor], {_T_BOUNDS}) -> {_T_LINEAR}:
  return (W, B, output_min, output_max)
def conv2d_clamp_prepack(W: Tensor, B: Optional[Tensor], stride: List[int], padding: List[int],
    dilation: List[int], groups: int, {_T_BOUNDS}) -> {_T_CONVOLUTION}:
  return (W, B, stride, padding, dilation, groups, output_min, output_max)
def conv2d_transpose_clamp_prepack(W: Tensor, B: Optional[Tensor], stride: List[int], padding: List[int],
    output_padding: List[int], dilation: List[int], groups: int, {_T_BOUNDS}) -> {_T_TRANSPOSED}:
  return (W, B, stride, padding, output_padding, dilation, groups, output_min, output_max)
"""

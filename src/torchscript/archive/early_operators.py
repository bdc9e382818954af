"""What operators did in PyTorch 1.0 to 1.5, before an archive's version began to tell every change of an operator.

Archives of 1.5 are of version 2, those of 1.4 of version 1. Those of 1.3 and before say 0 or 1; the form of their
container tells them apart, and so they have numbers of their own here:

    until PyTorch 1.1   comparisons gave uint8
    until PyTorch 1.2   a float met a tensor of integers as an integer: x + 2.5 was x + 2
    until PyTorch 1.5   masks might be uint8, and `//` of tensors dropped the fraction

Every rule was measured with the releases themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..schema import parse_schema

PYTORCH_1_1, PYTORCH_1_2, PYTORCH_1_3, PYTORCH_1_4, PYTORCH_1_5 = -2, -1, 0, 1, 2
"""The version of the last archives of a release. Those below 1 are written in no archive."""

HELPERS = """
def as_other(self: Tensor, other: Tensor) -> Tensor:
  if torch.eq(torch.dim(self), 0):
    is_number = torch.ne(torch.dim(other), 0)
  else:
    is_number = False
  if is_number:
    result = torch.to(self, ops.prim.dtype(other), False, False)
  else:
    result = self
  return result
"""
"""`as_other` gives a tensor of no dimensions the dtype of one that has some."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What operators did until a version: their schema, and the body of the function that stands in for each.

    `{op}` is each name in `operators`. One that ends with `_` works in place, where `{T}` is `Tensor(a!)` and `{_}`
    is `_`. `{as_other}` is the name of the helper.
    """

    until: int
    operators: str
    schema: str
    body: str


_COMPARISONS = "eq ne lt le gt ge"
_WITH_ALPHA = "add add_ sub sub_ rsub"
_AS_OTHERS = "{as_other}(self, other, ), {as_other}(other, self, )"
_AS_BYTES = "torch.to({}, 0, False, False)"
_AS_MASK = "torch.to(mask, 11, False, False)"
_OPTIONS = "*, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None"


def _of_same_kind(arguments: str, number: str = "other", result: str = "result") -> str:
    """A call in which a number becomes an integer beside a tensor of integers."""
    integer_arguments = arguments.replace(f", {number}", f", int({number})")
    return f"""
if torch.is_floating_point(self):
  result = torch.{{op}}({arguments})
else:
  result = torch.{{op}}({integer_arguments})
return {result}"""


_DIVISION = """
one = {as_other}(self, other, )
two = {as_other}(other, self, )
if torch.is_floating_point(one):
  is_float = True
else:
  is_float = torch.is_floating_point(two)
if is_float:
  result = torch.{op}(one, two)
else:
  result = torch.{op}(one, two, rounding_mode="trunc")
return result"""

_DIVISION_BY_NUMBER = """
if torch.is_floating_point(self):
  result = torch.{op}(self, other)
else:
  result = torch.{op}(self, int(other), rounding_mode="trunc")
return result"""

_POWER = """
if torch.is_floating_point(self):
  result = torch.{op}(self, exponent)
elif isinstance(exponent, float):
  power = torch.pow(torch.to(self, 7, False, False), exponent)
  result = <cut>
else:
  result = torch.{op}(self, exponent)
return result"""
_CUT = "torch.to(power, ops.prim.dtype(self), False, False)"
_CUT_IN_PLACE = "torch.copy_(self, power, False)"

_OF_DTYPE = """
if torch.__is__(dtype, None):
  result = torch.{op}(<arguments>, dtype=<default>, <options>)
else:
  result = torch.{op}(<arguments>, dtype=dtype, <options>)
return result"""
_TENSOR_OPTIONS = "*, ScalarType? dtype=None, Device? device=None, bool requires_grad=False"
_BYTE, _FLOAT, _DOUBLE = 0, 6, 7


def _of_dtype(arguments: str, default: int, options: str = "layout device pin_memory") -> str:
    """A call that had a dtype of its own where none was asked for."""
    named = ", ".join(f"{option}={option}" for option in options.split())
    body = _OF_DTYPE.replace("<arguments>", arguments).replace("<options>", named)
    return body.replace("<default>", str(default))


LINEAR_PARAMETERS = "__torch__.torch.classes.quantized.LinearPackedParamsBase"

_QUANTIZED_LSTM = """
cells = annotate(List[__torch__.torch.classes.rnn.CellParamsBase], [])
for i in range(torch.floordiv(torch.len(params), 2)):
  input_weights = params[torch.mul(i, 2)]
  hidden_weights = params[torch.add(torch.mul(i, 2), 1)]
  _0, input_bias, = ops.quantized.linear_unpack(input_weights)
  _1, hidden_bias, = ops.quantized.linear_unpack(hidden_weights)
  _2 = unchecked_cast(Tensor, input_bias)
  _3 = unchecked_cast(Tensor, hidden_bias)
  cell = ops.quantized.make_quantized_cell_params_dynamic(input_weights, hidden_weights, _2, _3, False)
  _4 = torch.append(cells, cell)
x, h, c, = torch.quantized_lstm(<arguments>, dtype=dtype, use_dynamic=use_dynamic)
return (x, h, c)"""
_LSTM_OPTIONS = "bool has_biases, int num_layers, float dropout, bool train, bool bidirectional"
_LSTM_KEYWORDS = "*, ScalarType? dtype=None, bool use_dynamic=False) -> (Tensor, Tensor, Tensor)"
_LSTM_ARGUMENTS = "hx, cells, has_biases, num_layers, dropout, train, bidirectional"

# fmt: off
RULES: tuple[Rule, ...] = tuple(Rule(*row) for row in (
    # x < y gave uint8
    (PYTORCH_1_1, _COMPARISONS, "aten::{op}.Tensor(Tensor self, Tensor other) -> Tensor",
     f"return {_AS_BYTES.format('torch.{op}(' + _AS_OTHERS + ')')}"),
    (PYTORCH_1_1, _COMPARISONS, "aten::{op}.Scalar(Tensor self, Scalar other) -> Tensor",
     _of_same_kind("self, other", result=_AS_BYTES.format("result"))),
    # the dtype of a tensor that has dimensions won, whatever its kind
    (PYTORCH_1_2, _COMPARISONS, "aten::{op}.Tensor(Tensor self, Tensor other) -> Tensor",
     f"return torch.{{op}}({_AS_OTHERS})"),
    (PYTORCH_1_2, _COMPARISONS, "aten::{op}.Scalar(Tensor self, Scalar other) -> Tensor",
     _of_same_kind("self, other")),
    (PYTORCH_1_2, _WITH_ALPHA, "aten::{op}.Tensor({T} self, Tensor other, *, Scalar alpha=1) -> {T}",
     f"return torch.{{op}}({_AS_OTHERS}, alpha=alpha)"),
    (PYTORCH_1_2, _WITH_ALPHA, "aten::{op}.Scalar({T} self, Scalar other, Scalar alpha=1) -> {T}",
     _of_same_kind("self, other, alpha")),
    (PYTORCH_1_2, "mul mul_", "aten::{op}.Tensor({T} self, Tensor other) -> {T}",
     f"return torch.{{op}}({_AS_OTHERS})"),
    (PYTORCH_1_2, "mul mul_", "aten::{op}.Scalar({T} self, Scalar other) -> {T}",
     _of_same_kind("self, other")),
    (PYTORCH_1_2, "div div_", "aten::{op}.Tensor({T} self, Tensor other) -> {T}", _DIVISION),
    (PYTORCH_1_2, "div div_", "aten::{op}.Scalar({T} self, Scalar other) -> {T}", _DIVISION_BY_NUMBER),
    # an exponent was a number like any other; later the power was computed of floats, and cut
    (PYTORCH_1_2, "pow", "aten::{op}.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor",
     _of_same_kind("self, exponent", "exponent")),
    (PYTORCH_1_2, "pow_", "aten::{op}.Scalar({T} self, Scalar exponent) -> {T}",
     _of_same_kind("self, exponent", "exponent")),
    (PYTORCH_1_5, "pow", "aten::{op}.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor",
     _POWER.replace("<cut>", _CUT)),
    (PYTORCH_1_5, "pow_", "aten::{op}.Scalar({T} self, Scalar exponent) -> {T}",
     _POWER.replace("<cut>", _CUT_IN_PLACE)),
    (PYTORCH_1_5, "remainder remainder_ fmod fmod_", "aten::{op}.Scalar({T} self, Scalar other) -> {T}",
     _of_same_kind("self, other")),
    (PYTORCH_1_5, "floor_divide", "aten::{op}(Tensor self, Tensor other) -> Tensor",
     'return torch.div(self, other, rounding_mode="trunc")'),
    (PYTORCH_1_5, "floor_divide_", "aten::{op}.Tensor({T} self, Tensor other) -> {T}",
     'return torch.div_(self, other, rounding_mode="trunc")'),
    (PYTORCH_1_5, "floor_divide floor_divide_", "aten::{op}.Scalar({T} self, Scalar other) -> {T}",
     'return torch.div{_}(self, other, rounding_mode="trunc")'),
    # without a dtype, a script's arange was of floats
    (PYTORCH_1_3, "arange", f"aten::{{op}}(Scalar end, {_OPTIONS}) -> Tensor",
     _of_dtype("end", _FLOAT)),
    (PYTORCH_1_3, "arange", f"aten::{{op}}.start(Scalar start, Scalar end, {_OPTIONS}) -> Tensor",
     _of_dtype("start, end", _FLOAT)),
    (PYTORCH_1_3, "arange", f"aten::{{op}}.start_step(Scalar start, Scalar end, Scalar step=1, {_OPTIONS}) -> Tensor",
     _of_dtype("start, end, step", _FLOAT)),
    # and so were its random integers
    (PYTORCH_1_5, "randint", f"aten::{{op}}(int high, int[] size, {_OPTIONS}) -> Tensor",
     _of_dtype("high, size", _FLOAT)),
    (PYTORCH_1_5, "randint", f"aten::{{op}}.low(int low, int high, int[] size, {_OPTIONS}) -> Tensor",
     _of_dtype("low, high, size", _FLOAT)),
    (PYTORCH_1_5, "randperm", f"aten::{{op}}(int n, {_OPTIONS}) -> Tensor", _of_dtype("n", _FLOAT)),
    # its tensors of floats were of Python's precision
    *((PYTORCH_1_5, "tensor", f"aten::{{op}}.{overload}({kind} data, {_TENSOR_OPTIONS}) -> Tensor",
       _of_dtype("data", _DOUBLE, "device requires_grad"))
      for overload, kind in (("float", "float"), ("floats", "float[]"), ("lists_of_floats", "float[][]"))),
    *((PYTORCH_1_1, "tensor", f"aten::{{op}}.{overload}({kind} data, {_TENSOR_OPTIONS}) -> Tensor",
       _of_dtype("data", _BYTE, "device requires_grad"))
      for overload, kind in (("bool", "bool"), ("bools", "bool[]"))),
    # masks of uint8
    (PYTORCH_1_5, "masked_fill masked_fill_", "aten::{op}.Scalar({T} self, Tensor mask, Scalar value) -> {T}",
     f"return torch.{{op}}(self, {_AS_MASK}, value)"),
    (PYTORCH_1_5, "masked_fill masked_fill_", "aten::{op}.Tensor({T} self, Tensor mask, Tensor value) -> {T}",
     f"return torch.{{op}}(self, {_AS_MASK}, value)"),
    (PYTORCH_1_5, "masked_scatter masked_scatter_", "aten::{op}({T} self, Tensor mask, Tensor source) -> {T}",
     f"return torch.{{op}}(self, {_AS_MASK}, source)"),
    (PYTORCH_1_5, "masked_select", "aten::{op}(Tensor self, Tensor mask) -> Tensor",
     f"return torch.{{op}}(self, {_AS_MASK})"),
    # an LSTM took the packed weights of all its layers in one list
    (PYTORCH_1_5, "quantized_lstm",
     f"aten::{{op}}.packed(Tensor input, Tensor[] hx, {LINEAR_PARAMETERS}[] params, {_LSTM_OPTIONS},"
     f" bool batch_first, {_LSTM_KEYWORDS}",
     _QUANTIZED_LSTM.replace("<arguments>", f"input, {_LSTM_ARGUMENTS}, batch_first")),
    (PYTORCH_1_5, "quantized_lstm",
     f"aten::{{op}}.packed_data(Tensor data, Tensor batch_sizes, Tensor[] hx, {LINEAR_PARAMETERS}[] params,"
     f" {_LSTM_OPTIONS}, {_LSTM_KEYWORDS}",
     _QUANTIZED_LSTM.replace("<arguments>", f"data, batch_sizes, {_LSTM_ARGUMENTS}")),
    # what adaptive pooling did with None among its sizes, of which an int[] has none
    (PYTORCH_1_5, "list_with_default", "aten::{op}(int[] sizes, int[] defaults) -> int[]", "return sizes"),
))
# fmt: on


def early_version(version: int, records: Iterable[str]) -> int:
    """The version of an archive's operators: 1.3 wrote the code before the objects, and calls itself what 1.4 does."""
    if version == PYTORCH_1_4:
        for record in records:
            if record == "data.pkl":
                break
            if record.startswith("code/"):
                return PYTORCH_1_3
    return version


def early_changes(module: str) -> Iterator[tuple[int, str, str, str]]:
    """Every rule for every operator: the last version, the schema, a function's name, and its text."""
    for rule in RULES:
        for operator in rule.operators.split():
            in_place = operator.endswith("_")
            names = {
                "{op}": operator,
                "{T}": "Tensor(a!)" if in_place else "Tensor",
                "{_}": "_" if in_place else "",
                "{as_other}": f"{module}.as_other",
            }
            text, body = rule.schema, rule.body.strip()
            for name, meaning in names.items():
                text, body = text.replace(name, meaning), body.replace(name, meaning)
            schema = parse_schema(text)
            release = f"1_{rule.until - PYTORCH_1_1 + 1}"
            function = f"{operator}_{schema.overload or 'plain'}_of_{release}"
            parameters = ", ".join(f"{a.name}: {a.type.annotation()}" for a in schema.arguments)
            lines = "\n".join(f"  {line}" for line in body.split("\n"))
            code = f"def {function}({parameters}) -> {schema.return_type.annotation()}:\n{lines}\n"
            yield rule.until, text, function, code

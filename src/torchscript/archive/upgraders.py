"""What operators did in older versions of the archive format.

An archive says which version of the operators its code was written for. Where an operator has changed since,
a call of it becomes a call of a function that does what it did then:

    torch.div(x, y)   in version 3   →   __torch__.torchscript_upgrades.div_Tensor_3(x, y)

The functions are written below in the language of archives, and read by the same importer. `until` is the
last version in which the operator was as its schema here says (those of `prepacked` are no operators here in any
version). The list is that of PyTorch's own upgraders, and
before it what `early_operators` tells of PyTorch 1.0 to 1.5, for which PyTorch has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from ..ir.graph import Function
from ..schema import Schema, parse_schema
from . import prepacked
from .early_operators import HELPERS, early_changes

if TYPE_CHECKING:
    from .importer import Importer

CURRENT_VERSION = 10
"""The newest version of operators and container that this reader knows."""

_MODULE = "__torch__.torchscript_upgrades"


@dataclass(frozen=True, slots=True)
class Upgrade:
    """An operator as it was until a version, and the name of the function that stands in for it."""

    until: int
    schema: Schema
    function_name: str

    @property
    def function(self) -> Function:
        return _function(self.function_name)


_DTYPE_OPTIONS = "*, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None"

# Until version 3, division of integer tensors dropped the fraction.
# Until version 4, full took its dtype from the default dtype and not from the value.
# Until version 7 for linspace and 8 for logspace, there were 100 steps if none were asked for.
# Until version 9, gelu had no `approximate`.
_CHANGES: list[tuple[int, str, str]] = [
    (3, "aten::div.Tensor(Tensor self, Tensor other) -> Tensor", "div_Tensor"),
    (3, "aten::div.Scalar(Tensor self, Scalar other) -> Tensor", "div_Scalar"),
    (3, "aten::div.out(Tensor self, Tensor other, *, Tensor(a!) out) -> Tensor(a!)", "div_out"),
    (3, "aten::div_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)", "div__Tensor"),
    (3, "aten::div_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)", "div__Scalar"),
    (4, f"aten::full(int[] size, Scalar fill_value, {_DTYPE_OPTIONS}) -> Tensor", "full"),
    (4, "aten::full.out(int[] size, Scalar fill_value, *, Tensor(a!) out) -> Tensor(a!)", "full_out"),
    (7, f"aten::linspace(Scalar start, Scalar end, int? steps=None, {_DTYPE_OPTIONS}) -> Tensor", "linspace"),
    (
        7,
        "aten::linspace.out(Scalar start, Scalar end, int? steps=None, *, Tensor(a!) out) -> Tensor(a!)",
        "linspace_out",
    ),
    (
        8,
        f"aten::logspace(Scalar start, Scalar end, int? steps=None, float base=10.0, {_DTYPE_OPTIONS})"
        " -> Tensor",
        "logspace",
    ),
    (
        8,
        "aten::logspace.out(Scalar start, Scalar end, int? steps=None, float base=10.0, *, Tensor(a!) out)"
        " -> Tensor(a!)",
        "logspace_out",
    ),
    (9, "aten::gelu(Tensor self) -> Tensor", "gelu"),
    (9, "aten::gelu.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)", "gelu_out"),
]

_CODE = """
def div_Tensor(self: Tensor, other: Tensor) -> Tensor:
  if torch.is_floating_point(self):
    real = True
  else:
    real = torch.is_floating_point(other)
  if real:
    result = torch.true_divide(self, other)
  else:
    result = torch.div(self, other, rounding_mode="trunc")
  return result
def div_Scalar(self: Tensor, other: number) -> Tensor:
  if torch.is_floating_point(self):
    real = True
  else:
    real = isinstance(other, float)
  if real:
    result = torch.true_divide(self, other)
  else:
    result = torch.div(self, other, rounding_mode="trunc")
  return result
def div_out(self: Tensor, other: Tensor, out: Tensor) -> Tensor:
  if torch.is_floating_point(self):
    real = True
  elif torch.is_floating_point(other):
    real = True
  else:
    real = torch.is_floating_point(out)
  if real:
    result = torch.true_divide(self, other, out=out)
  else:
    result = torch.div(self, other, rounding_mode="trunc", out=out)
  return result
def div__Tensor(self: Tensor, other: Tensor) -> Tensor:
  if torch.is_floating_point(self):
    real = True
  else:
    real = torch.is_floating_point(other)
  if real:
    result = torch.true_divide_(self, other)
  else:
    result = torch.div_(self, other, rounding_mode="trunc")
  return result
def div__Scalar(self: Tensor, other: number) -> Tensor:
  if torch.is_floating_point(self):
    real = True
  else:
    real = isinstance(other, float)
  if real:
    result = torch.true_divide_(self, other)
  else:
    result = torch.div_(self, other, rounding_mode="trunc")
  return result
def full(size: List[int], fill_value: number, dtype: Optional[ScalarType], layout: Optional[Layout],
    device: Optional[Device], pin_memory: Optional[bool]) -> Tensor:
  if torch.__is__(dtype, None):
    value = float(fill_value)
    result = torch.full(size, value, dtype=None, layout=layout, device=device, pin_memory=pin_memory)
  else:
    result = torch.full(size, fill_value, dtype=dtype, layout=layout, device=device, pin_memory=pin_memory)
  return result
def full_out(size: List[int], fill_value: number, out: Tensor) -> Tensor:
  return torch.full(size, fill_value, out=out)
def linspace(start: number, end: number, steps: Optional[int], dtype: Optional[ScalarType],
    layout: Optional[Layout], device: Optional[Device], pin_memory: Optional[bool]) -> Tensor:
  if torch.__is__(steps, None):
    count = 100
  else:
    count = unchecked_cast(int, steps)
  return torch.linspace(start, end, count, dtype=dtype, layout=layout, device=device, pin_memory=pin_memory)
def linspace_out(start: number, end: number, steps: Optional[int], out: Tensor) -> Tensor:
  if torch.__is__(steps, None):
    count = 100
  else:
    count = unchecked_cast(int, steps)
  return torch.linspace(start, end, count, out=out)
def logspace(start: number, end: number, steps: Optional[int], base: float, dtype: Optional[ScalarType],
    layout: Optional[Layout], device: Optional[Device], pin_memory: Optional[bool]) -> Tensor:
  if torch.__is__(steps, None):
    count = 100
  else:
    count = unchecked_cast(int, steps)
  result = torch.logspace(start, end, count, base, dtype=dtype, layout=layout, device=device,
      pin_memory=pin_memory)
  return result
def logspace_out(start: number, end: number, steps: Optional[int], base: float, out: Tensor) -> Tensor:
  if torch.__is__(steps, None):
    count = 100
  else:
    count = unchecked_cast(int, steps)
  return torch.logspace(start, end, count, base, out=out)
def gelu(self: Tensor) -> Tensor:
  return torch.gelu(self, approximate="none")
def gelu_out(self: Tensor, out: Tensor) -> Tensor:
  return torch.gelu(self, approximate="none", out=out)
"""


@cache
def _upgrades() -> dict[str, list[Upgrade]]:
    """The upgrades of every operator, those of the oldest versions first."""
    by_name: dict[str, list[Upgrade]] = {}
    early = [(until, text, function) for until, text, function, _ in early_changes(_MODULE)]
    always = [(CURRENT_VERSION, text, function) for text, function in prepacked.OPERATORS]
    for until, text, function in sorted([*early, *_CHANGES, *always]):
        schema = parse_schema(text)
        by_name.setdefault(schema.name, []).append(Upgrade(until, schema, f"{_MODULE}.{function}"))
    return by_name


def upgrades_for(name: str, version: int) -> tuple[Upgrade, ...]:
    """The upgrades that calls of an operator need in code of a version; mostly none."""
    if version >= CURRENT_VERSION and not name.startswith("prepacked::"):
        return ()
    found: dict[str, Upgrade] = {}
    for upgrade in _upgrades().get(name, ()):
        if version <= upgrade.until:
            found.setdefault(upgrade.schema.key, upgrade)
    return tuple(found.values())


@cache
def _importer() -> Importer:
    from .importer.importer import upgrade_importer

    code = "".join(
        (_CODE, prepacked.CODE.lstrip(), HELPERS.lstrip(), *(code for *_, code in early_changes(_MODULE)))
    )
    return upgrade_importer(f"code/{_MODULE.replace('.', '/')}.py", code)


@cache
def _function(name: str) -> Function:
    function = _importer().function_named(name)
    assert function is not None
    return function

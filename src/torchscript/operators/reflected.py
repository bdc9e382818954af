"""Operators of Python with a number on the left and a tensor on the right: `1 - x`, `2 / x`, `0 < x`.

The dispatcher has no overload for most of them. Python asks the tensor (`x.__rsub__(1)`); here a table says what to
compute instead. Look here before matching overloads: the language's own `aten::sub.int(int a, int b)` would
take a tensor as well, by converting it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reflection:
    """`number OP tensor` is `operator(tensor, number)` if `swapped`, else `operator(number, tensor)`.

    With `after`, that operator is then applied: `after(result, number)`.
    """

    operator: str
    swapped: bool = True
    after: str | None = None


REFLECTED: dict[str, Reflection] = {
    "aten::add": Reflection("aten::add"),
    "aten::sub": Reflection("aten::rsub"),
    "aten::mul": Reflection("aten::mul"),
    "aten::eq": Reflection("aten::eq"),
    "aten::ne": Reflection("aten::ne"),
    "aten::lt": Reflection("aten::gt"),
    "aten::le": Reflection("aten::ge"),
    "aten::gt": Reflection("aten::lt"),
    "aten::ge": Reflection("aten::le"),
    "aten::__and__": Reflection("aten::__and__"),
    "aten::__or__": Reflection("aten::__or__"),
    "aten::__xor__": Reflection("aten::__xor__"),
    # These have overloads with the number first.
    "aten::pow": Reflection("aten::pow", swapped=False),
    "aten::remainder": Reflection("aten::remainder", swapped=False),
    "aten::__lshift__": Reflection("aten::bitwise_left_shift", swapped=False),
    "aten::__rshift__": Reflection("aten::bitwise_right_shift", swapped=False),
    # number / x is reciprocal(x) * number, as in Python
    "aten::div": Reflection("aten::reciprocal", after="aten::mul"),
    # number // x: both as tensors
    "aten::floordiv": Reflection("aten::floor_divide", swapped=False),
}
"""By the operator that `number OP number` is (`aten::floordiv` for `//`)."""

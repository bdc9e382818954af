"""What the Python of the language's own operators calls, where one expression of Python does not do."""

from __future__ import annotations

import builtins
import cmath
import math
import sys
import time
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

import torch
from torch import Tensor

# --- numbers -------------------------------------------------------------------------------------------


def truncated_division(a: int, b: int) -> int:
    """Division of ints that rounds towards zero.

    >>> truncated_division(-7, 2)
    -3
    """
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def int_power(base: int, exponent: int) -> int:
    """`base ** exponent`, which is an int only where the exponent is not negative."""
    if exponent < 0:
        raise ValueError(
            f"{base} ** {exponent} is a float, where compiled code needs an int: "
            f"write float({base}) ** {exponent}"
        )
    result: int = base**exponent
    return result


def math_function(name: str, x: complex) -> Any:
    """A function of `math`, or of `cmath` for a complex number."""
    return getattr(cmath if isinstance(x, complex) else math, name)(x)


def complex_of(real: Any, imaginary: Any) -> complex:
    """`complex(real, imaginary)` where either may be a tensor with one element.

    >>> complex_of(torch.tensor(1.5), 2)
    (1.5+2j)
    """
    return complex(*(x.item() if isinstance(x, Tensor) else x for x in (real, imaginary)))


# --- strings -------------------------------------------------------------------------------------------

_DEFAULT_WHITE_SPACE = " \n\t\f\v"


def stripped_characters(characters: str) -> str | None:
    """What `str.strip` has to strip: white space, for the default of the operator."""
    return None if characters == _DEFAULT_WHITE_SPACE else characters


def string_end(end: int) -> int:
    """The `end` of `str.find`: the end of the string for -1, which is the default of the operator."""
    return sys.maxsize if end == -1 else end


# --- tensors -------------------------------------------------------------------------------------------


def number_to_tensor(x: complex) -> Tensor:
    """A number as a tensor of the widest type of its kind: int64, float64, complex128, bool.

    >>> number_to_tensor(1.5).dtype
    torch.float64
    """
    if isinstance(x, float):
        return torch.tensor(x, dtype=torch.float64)
    if isinstance(x, complex):
        return torch.tensor(x, dtype=torch.complex128)
    return torch.tensor(x)


def data_of(x: Tensor) -> Tensor:
    """`x.data`, as exporters and compilers can follow it: they do not see that attribute being read.

    >>> data_of(torch.ones(2, requires_grad=True)).requires_grad
    False
    """
    return x.detach() if torch.compiler.is_compiling() else x.data


def gradients(
    outputs: Sequence[Tensor],
    inputs: Sequence[Tensor],
    grad_outputs: Sequence[Tensor | None] | None,
    retain_graph: bool | None,
    create_graph: bool,
    allow_unused: bool,
) -> list[Tensor | None]:
    """`torch.autograd.grad`, with a list as its result."""
    found = torch.autograd.grad(
        outputs, inputs, grad_outputs, retain_graph, create_graph, allow_unused=allow_unused
    )
    return list(found)


def generator(device: Any, seed: int | None) -> torch.Generator:
    """`torch.Generator(device)`, seeded where a seed is given."""
    made = torch.Generator() if device is None else torch.Generator(device)
    return made if seed is None else made.manual_seed(seed)


# --- environment ---------------------------------------------------------------------------------------


def warn(message: str, stacklevel: int) -> None:
    """`warnings.warn`, at the line of compiled code or of one of its callers."""
    warnings.warn(message, stacklevel=stacklevel + 1)


def unwrap_optional(value: Any) -> Any:
    """The value, where it is not None."""
    if value is None:
        raise ValueError("a value is None where it must not be")
    return value


def raise_exception(message: str, class_name: str | None) -> NoReturn:
    """Raise what a compiled `raise` names: a class by its qualified name, or RuntimeError."""
    raise exception_class(class_name)(message)


def exception_class(qualified_name: str | None) -> type[BaseException]:
    """The exception class `builtins.ValueError`, `package.module.Name`; RuntimeError where there is none.

    >>> exception_class("builtins.ValueError"), exception_class("gone.Error")
    (<class 'ValueError'>, <class 'RuntimeError'>)
    """
    if qualified_name:
        module_name, _, name = qualified_name.removeprefix("__torch__.").rpartition(".")
        if not module_name or module_name == "builtins":
            found = getattr(builtins, name, None)
        else:
            # Only what the program has imported: an archive does not make this process import anything.
            found = getattr(sys.modules.get(module_name), name, None)
        if isinstance(found, type) and issubclass(found, BaseException):
            return found
    return RuntimeError


NAMESPACE: dict[str, Any] = {
    "torch": torch,
    "math": math,
    "cmath": cmath,
    "time": time,
    "helpers": sys.modules[__name__],
}
"""The global names that the Python of the language's own operators uses."""

"""The static types of Python's own values and of PyTorch's, which every stage that meets a Python object asks for."""

from __future__ import annotations

from typing import Any

import torch

from .nominal import CustomClassType
from .structural import (
    BOOL,
    COMPLEX,
    DEVICE,
    DTYPE,
    FLOAT,
    GENERATOR,
    INT,
    LAYOUT,
    MEMORY_FORMAT,
    NONE,
    STRING,
    TENSOR,
    Type,
)

TYPE_OF_CLASS: dict[type, Type] = {
    torch.Tensor: TENSOR,
    torch.nn.Parameter: TENSOR,
    type(None): NONE,
    bool: BOOL,
    int: INT,
    float: FLOAT,
    complex: COMPLEX,
    str: STRING,
    torch.device: DEVICE,
    torch.dtype: DTYPE,
    torch.layout: LAYOUT,
    torch.memory_format: MEMORY_FORMAT,
    torch.Generator: GENERATOR,
}
"""Types of values that hold no other values, by their exact class."""

_BASES = (torch.Tensor, bool, int, float, complex, str)


def type_of_plain(value: Any) -> Type | None:
    """The type of a value that holds no other values, subclasses included; None for all else.

    >>> str(type_of_plain(True)), str(type_of_plain(torch.ones(1))), type_of_plain([1])
    ('bool', 'Tensor', None)
    """
    exact = TYPE_OF_CLASS.get(type(value))
    if exact is not None:
        return exact
    if isinstance(value, torch.ScriptObject):  # of a C++ class
        return CustomClassType(str(value._type()))
    return next((TYPE_OF_CLASS[base] for base in _BASES if isinstance(value, base)), None)

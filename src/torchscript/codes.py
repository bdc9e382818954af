"""The ints and names by which IR text and archives write dtypes, layouts, memory formats and tensors."""

from __future__ import annotations

import torch

from .schema.codes import DTYPES, LAYOUTS, MEMORY_FORMATS, code_of

__all__ = [
    "SCALAR_TYPES",
    "SCALAR_TYPE_NAMES",
    "code_of",
    "dtype_code",
    "dtype_of",
    "layout_of",
    "memory_format_of",
    "tensor_info",
]

_LONG_NAMES = {
    "uint8": "Byte",
    "int8": "Char",
    "int16": "Short",
    "int32": "Int",
    "int64": "Long",
    "float16": "Half",
    "float32": "Float",
    "float64": "Double",
    "complex32": "ComplexHalf",
    "complex64": "ComplexFloat",
    "complex128": "ComplexDouble",
    "bfloat16": "BFloat16",
    "qint8": "QInt8",
    "quint8": "QUInt8",
    "qint32": "QInt32",
    "quint4x2": "QUInt4x2",
    "quint2x4": "QUInt2x4",
    **{f"uint{bits}": f"UInt{bits}" for bits in (1, 2, 3, 4, 5, 6, 7, 16, 32, 64)},
}


def _scalar_type_name(dtype: torch.dtype) -> str:
    name = str(dtype).removeprefix("torch.")
    return _LONG_NAMES.get(name, name[0].upper() + name[1:])


SCALAR_TYPE_NAMES: dict[torch.dtype, str] = {dtype: _scalar_type_name(dtype) for dtype in DTYPES.values()}
"""dtype → the name that tensor types begin with: the Float of `Float(3, 4)`."""

SCALAR_TYPES: dict[str, torch.dtype] = {name: dtype for dtype, name in SCALAR_TYPE_NAMES.items()}


def dtype_code(dtype: torch.dtype) -> int:
    """The int that stands for a dtype.

    >>> dtype_code(torch.float32)
    6
    """
    return code_of(dtype)


def dtype_of(code: int) -> torch.dtype:
    """The dtype of a code; KeyError for a number that is none.

    >>> dtype_of(4)
    torch.int64
    """
    return DTYPES[code]


def layout_of(code: int) -> torch.layout:
    return LAYOUTS[code]


def memory_format_of(code: int) -> torch.memory_format:
    return MEMORY_FORMATS[code]


def tensor_info(tensor: torch.Tensor) -> str:
    """What a tensor's type says of it in IR text.

    >>> tensor_info(torch.ones(3, 4))
    'Float(3, 4, strides=[4, 1], requires_grad=0, device=cpu)'
    """
    parts = [str(size) for size in tensor.shape]
    if parts and tensor.layout == torch.strided:
        parts.append(f"strides=[{', '.join(map(str, tensor.stride()))}]")
    parts += [f"requires_grad={int(tensor.requires_grad)}", f"device={tensor.device}"]
    return f"{SCALAR_TYPE_NAMES[tensor.dtype]}({', '.join(parts)})"

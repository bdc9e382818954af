"""The numbers and names by which IR text and archives write dtypes, layouts, memory formats and tensors.

They are those of PyTorch's enums (`c10::ScalarType`, `c10::Layout`, `c10::MemoryFormat`) and never change.
"""

from __future__ import annotations

from typing import Any

import torch

# `torch.` name → code, name in tensor types (`Float(3, 4)`). A dtype that this PyTorch lacks is left out.
_SCALAR_TYPES = {
    "uint8": (0, "Byte"),
    "int8": (1, "Char"),
    "int16": (2, "Short"),
    "int32": (3, "Int"),
    "int64": (4, "Long"),
    "float16": (5, "Half"),
    "float32": (6, "Float"),
    "float64": (7, "Double"),
    "complex32": (8, "ComplexHalf"),
    "complex64": (9, "ComplexFloat"),
    "complex128": (10, "ComplexDouble"),
    "bool": (11, "Bool"),
    "qint8": (12, "QInt8"),
    "quint8": (13, "QUInt8"),
    "qint32": (14, "QInt32"),
    "bfloat16": (15, "BFloat16"),
    "quint4x2": (16, "QUInt4x2"),
    "quint2x4": (17, "QUInt2x4"),
    "bits1x8": (18, "Bits1x8"),
    "bits2x4": (19, "Bits2x4"),
    "bits4x2": (20, "Bits4x2"),
    "bits8": (21, "Bits8"),
    "bits16": (22, "Bits16"),
    "float8_e5m2": (23, "Float8_e5m2"),
    "float8_e4m3fn": (24, "Float8_e4m3fn"),
    "float8_e5m2fnuz": (25, "Float8_e5m2fnuz"),
    "float8_e4m3fnuz": (26, "Float8_e4m3fnuz"),
    "uint16": (27, "UInt16"),
    "uint32": (28, "UInt32"),
    "uint64": (29, "UInt64"),
    **{f"uint{bits}": (29 + bits, f"UInt{bits}") for bits in range(1, 8)},
    **{f"int{bits}": (36 + bits, f"Int{bits}") for bits in range(1, 8)},
    "float8_e8m0fnu": (44, "Float8_e8m0fnu"),
    "float4_e2m1fn_x2": (45, "Float4_e2m1fn_x2"),
}

_LAYOUTS = {
    "strided": 0,
    "sparse_coo": 1,
    "sparse_csr": 2,
    "_mkldnn": 3,
    "sparse_csc": 4,
    "sparse_bsr": 5,
    "sparse_bsc": 6,
    "jagged": 7,
}

_MEMORY_FORMATS = {"contiguous_format": 0, "preserve_format": 1, "channels_last": 2, "channels_last_3d": 3}


def _present(codes: dict[str, int]) -> dict[Any, int]:
    return {getattr(torch, name): code for name, code in codes.items() if hasattr(torch, name)}


DTYPE_CODES: dict[torch.dtype, int] = _present({name: code for name, (code, _) in _SCALAR_TYPES.items()})
LAYOUT_CODES: dict[torch.layout, int] = _present(_LAYOUTS)
MEMORY_FORMAT_CODES: dict[torch.memory_format, int] = _present(_MEMORY_FORMATS)

_DTYPES = {code: dtype for dtype, code in DTYPE_CODES.items()}
_LAYOUTS_BY_CODE = {code: layout for layout, code in LAYOUT_CODES.items()}
_MEMORY_FORMATS_BY_CODE = {code: memory_format for memory_format, code in MEMORY_FORMAT_CODES.items()}

SCALAR_TYPE_NAMES: dict[torch.dtype, str] = {
    getattr(torch, name): shown for name, (_, shown) in _SCALAR_TYPES.items() if hasattr(torch, name)
}
DTYPES_BY_SCALAR_TYPE_NAME = {shown: dtype for dtype, shown in SCALAR_TYPE_NAMES.items()}


def dtype_code(dtype: torch.dtype) -> int:
    """The int that stands for a dtype.

    >>> dtype_code(torch.float32)
    6
    """
    return DTYPE_CODES[dtype]


def dtype_of(code: int) -> torch.dtype:
    """The dtype of a code; KeyError for a number that is none.

    >>> dtype_of(4)
    torch.int64
    """
    return _DTYPES[code]


def layout_code(layout: torch.layout) -> int:
    return LAYOUT_CODES[layout]


def layout_of(code: int) -> torch.layout:
    return _LAYOUTS_BY_CODE[code]


def memory_format_code(memory_format: torch.memory_format) -> int:
    return MEMORY_FORMAT_CODES[memory_format]


def memory_format_of(code: int) -> torch.memory_format:
    return _MEMORY_FORMATS_BY_CODE[code]


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

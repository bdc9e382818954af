"""The int codes by which schemas, IR text and archives write dtypes, layouts and memory formats.

The codes are those of the C++ enums (`c10/core/ScalarType.h`, `Layout.h`, `MemoryFormat.h`), which archives
fix.
"""

from __future__ import annotations

import torch

_DTYPE_NAMES = [
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "float32",
    "float64",
    "complex32",
    "complex64",
    "complex128",
    "bool",
    "qint8",
    "quint8",
    "qint32",
    "bfloat16",
    "quint4x2",
    "quint2x4",
    "bits1x8",
    "bits2x4",
    "bits4x2",
    "bits8",
    "bits16",
    "float8_e5m2",
    "float8_e4m3fn",
    "float8_e5m2fnuz",
    "float8_e4m3fnuz",
    "uint16",
    "uint32",
    "uint64",
    "uint1",
    "uint2",
    "uint3",
    "uint4",
    "uint5",
    "uint6",
    "uint7",
    "int1",
    "int2",
    "int3",
    "int4",
    "int5",
    "int6",
    "int7",
    "float8_e8m0fnu",
    "float4_e2m1fn_x2",
]
_LAYOUT_NAMES = [
    "strided",
    "sparse_coo",
    "sparse_csr",
    "_mkldnn",
    "sparse_csc",
    "sparse_bsr",
    "sparse_bsc",
    "jagged",
]
_MEMORY_FORMAT_NAMES = ["contiguous_format", "preserve_format", "channels_last", "channels_last_3d"]


def _numbered(names: list[str]) -> dict[int, object]:
    return {code: getattr(torch, name) for code, name in enumerate(names) if hasattr(torch, name)}


DTYPES: dict[int, torch.dtype] = _numbered(_DTYPE_NAMES)  # type: ignore[assignment]
LAYOUTS: dict[int, torch.layout] = _numbered(_LAYOUT_NAMES)  # type: ignore[assignment]
MEMORY_FORMATS: dict[int, torch.memory_format] = _numbered(_MEMORY_FORMAT_NAMES)  # type: ignore[assignment]

_CODES: dict[object, int] = {
    value: code for table in (DTYPES, LAYOUTS, MEMORY_FORMATS) for code, value in table.items()
}


def code_of(value: torch.dtype | torch.layout | torch.memory_format) -> int:
    """The int that stands for a dtype, layout or memory format.

    >>> code_of(torch.float32), code_of(torch.strided), code_of(torch.channels_last)
    (6, 0, 2)
    """
    return _CODES[value]

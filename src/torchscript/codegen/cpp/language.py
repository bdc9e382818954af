"""The language's own operators in C++: `ts::lang::<name>_`, in the headers of native/include/torchscript/lang.

aten::append.t   →  append_        prim::max.self_int  →  max_       overloads of C++ are those of the schema
aten::pow.int_to_int  →  pow_int_to_int_                             but where two take the same and mean different
"""

from __future__ import annotations

from ...operators.language import BUILTINS

_MISSING = frozenset({
    "aten::dequantize.any",
    "aten::wait",
    "prim::ModuleContainerIndex.dict",
    "prim::ModuleContainerIndex.list",
    "prim::TupleIndex",
    "prim::Uninitialized",
})  # fmt: skip

NATIVE_OPERATORS: frozenset[str] = frozenset(BUILTINS) - _MISSING
"""The keys of the operators that have a C++ function. `prim::tolist` is a template of its result's type."""

_NAMES = {"aten::pow.int_to_int": "pow_int_to_int_"}


def function_of(key: str) -> str:
    """The C++ function of an operator, in the namespace `ts::lang`.

    >>> function_of("aten::append.t"), function_of("aten::__getitem__.Dict_str"), function_of("aten::pow.int_to_int")
    ('append_', '__getitem___', 'pow_int_to_int_')
    """
    return _NAMES.get(key) or BUILTINS[key].schema.name.partition("::")[2] + "_"

"""The public function or method of PyTorch that means exactly one overload, for generated Python.

Calling `torch.add(x, y)` costs about 0.6 of `torch.ops.aten.add.Tensor(x, y)`, gives what eager code gives
(`torch.max(x, 1)` is a `torch.return_types.max`), and reads better in a traceback.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from .. import types as T
from ..schema import Argument, Schema
from .dispatcher import overload_of


class CallStyle(enum.Enum):
    """How the arguments of a schema are written in a call."""

    FUNCTION = "function"  # torch.add(self, other, alpha=alpha)
    METHOD = "method"  # self.view(size)


@dataclass(frozen=True, slots=True)
class PythonCall:
    """A public callable that means one overload.

    Arguments are given by position and in the order of the schema, except those that `is_keyword`, which are
    given by name. Keywords, and arguments at the end, that have the value of the schema's default may be left
    out. For a METHOD, `name` is the method and the first argument the receiver; for a FUNCTION, `name` is its
    path from `torch`. `returns_tuple` says that Python makes a tuple of what the schema calls a list
    (`torch.unbind`).
    """

    callable: Callable[..., Any]
    name: str
    style: CallStyle
    keywords: frozenset[str]
    returns_tuple: bool = False

    def is_keyword(self, argument: Argument) -> bool:
        """Whether this argument of the schema is given by name."""
        return argument.name in self.keywords


_NAMESPACES: dict[str, Any] = {
    path: owner
    for path, owner in (
        ("torch", torch._C._VariableFunctions),
        ("torch._C._nn", torch._C._nn),
        ("torch._C._special", torch._C._special),  # type: ignore[attr-defined]
        ("torch._C._fft", torch._C._fft),  # type: ignore[attr-defined]
        ("torch._C._linalg", torch._C._linalg),  # type: ignore[attr-defined]
        ("torch._C._sparse", torch._C._sparse),  # type: ignore[attr-defined]
    )
}
"""Where PyTorch keeps its functions that are implemented in C++."""

# Overloads that the public callable of their name does not mean, or not for all arguments (the methods refuse
# None among the indices). Which overload a call runs was found by asking PyTorch's profiler, for all operators;
# tests/operators/test_python_calls.py does so again.
_NOT_MEANT = frozenset({"aten::bernoulli.Tensor", "aten::stft", "aten::index_put", "aten::index_put_"})

# Operators of one device or library, where nobody asked.
_NOT_ASKED = (
    "cudnn_",
    "fbgemm_",
    "fake_quantize",
    "from_file",
    "miopen_",
    "mkldnn_",
    "quantize",
    "sparse_",
    "nested_",
)

# Arguments that Python takes by keyword only, and the schema by position too.
_KEYWORDS: dict[str, frozenset[str]] = {
    "aten::to": frozenset({"memory_format"}),
    "aten::is_contiguous": frozenset({"memory_format"}),
}


@cache
def _public(name: str) -> tuple[Callable[..., Any], str, CallStyle] | None:
    for path, owner in _NAMESPACES.items():
        function = getattr(owner, name, None)
        if type(function) is type(len):
            return function, f"{path}.{name}", CallStyle.FUNCTION
    method = getattr(torch.Tensor, name, None)
    if type(method) is type(torch.Tensor.view):
        return method, name, CallStyle.METHOD
    return None


@cache
def python_callable_of(schema: Schema) -> PythonCall | None:
    """What to call in place of the overload object, or None where only that means this overload.

    >>> from torchscript.operators.dispatcher import schema_of
    >>> python_callable_of(schema_of("aten::add.Tensor")).name
    'torch.add'
    """
    namespace, _, name = schema.name.partition("::")
    if namespace != "aten" or name.startswith(("_", *_NOT_ASKED)) or schema.key in _NOT_MEANT:
        return None
    # Python has only some of the variants that write into `out`.
    if schema.is_out_variant or overload_of(schema) is None:
        return None
    found = _public(name)
    if found is None:
        return None
    function, path, style = found
    if style is CallStyle.METHOD and not (
        schema.arguments and isinstance(schema.arguments[0].type, T.TensorType)
    ):
        return None
    keywords = frozenset(a.name for a in schema.arguments if a.kwarg_only)
    returns_tuple = isinstance(schema.return_type, T.ListType)
    return PythonCall(
        function, path, style, keywords | _KEYWORDS.get(schema.name, frozenset()), returns_tuple
    )

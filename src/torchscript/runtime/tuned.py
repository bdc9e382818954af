"""Methods that are tuned for this machine, and what runs in their place where the tuning does not hold.

The operators of oneDNN that `optimize_for_inference` writes are called by their names. Autocast does not cast for them,
they take inputs of other dtypes than the weights but no sparse ones, and record no gradients. So a tuned method asks
first, and the frozen one runs in these cases.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.autograd import forward_ad

from ..ir.graph import Function
from ..tracing.structures import tensors_in
from .linking import LINKER


class TunedFunction(Function):
    """A function with operators for float32 on a CPU, without gradients; `plain` has no such operators."""

    __slots__ = ("plain",)

    def __init__(self, tuned: Function, plain: Function) -> None:
        super().__init__(
            tuned.qualified_name,
            tuned.graph,
            tuned.schema,
            python_function=tuned.python_function,
            source=tuned.source,
        )
        self.docstring = tuned.docstring
        self.plain = plain


def guarded(function: Function, code: Callable[..., Any]) -> Callable[..., Any]:
    """The code of a method, with the question first if the method is tuned."""
    if not isinstance(function, TunedFunction):
        return code
    plain = function.plain

    @functools.wraps(code)
    def run(*arguments: Any) -> Any:
        if is_out_of_tune(arguments):
            return LINKER.function(plain)(*arguments)
        return code(*arguments)

    return run


_OTHER_DTYPES = frozenset({torch.float64, torch.bfloat16, torch.float16, torch.complex64, torch.complex128})
_USUAL, _DENSE = torch.float32, torch.strided


def is_out_of_tune(arguments: Sequence[Any]) -> bool:
    """Whether a call with these arguments needs what tuned operators do not have."""
    if torch.is_autocast_enabled("cpu") or forward_ad._current_level >= 0:
        return True
    records = torch.is_grad_enabled()
    # one loop, and the usual dtype first: small modules wait for it
    for tensor in tensors_in(arguments):
        if tensor.dtype is not _USUAL and tensor.dtype in _OTHER_DTYPES:
            return True
        if not tensor.is_cpu or tensor.layout is not _DENSE or (records and tensor.requires_grad):
            return True
    return False


def calls_tuned(function: Function) -> bool:
    """Whether a function is tuned, or calls one that is."""
    from ..passes.inline import callee_of

    pending, seen = [function], {function}
    while pending:
        current = pending.pop()
        if isinstance(current, TunedFunction):
            return True
        for node in current.graph.all_nodes():
            callee = callee_of(node)
            if callee is not None and callee not in seen:
                seen.add(callee)
                pending.append(callee)
    return False

"""Marks that libraries and users put on functions (`ignore`, `unused`, `export`, …), read as data.

The attribute and its texts are those of PyTorch's own decorators, so that both spellings work.
"""

from __future__ import annotations

import functools
import inspect
import sys
import types
from typing import Any

MODIFIER = "_torchscript_modifier"
UNUSED = "unused (ignored and replaced with raising of an exception)"
IGNORE = "ignore (leave as a call to Python, cannot be torch.jit.save'd)"
EXPORT = "export (compile this function even if nothing calls it)"

INTERFACES = ("__torchscript_interface__", "__torch_script_interface__")
"""Attributes of classes that are marked as interfaces: ours, and that of PyTorch's decorator."""
MARKING_MODULES = ("torch.jit", "torch._jit_internal", "torch.jit._script", "torch.jit._async", "torch._C")
"""What `__module__` says of the functions by which programs mark their code (`annotate`, `is_scripting`, `fork`, …)."""


def modifier_of(function: Any) -> str | None:
    """'unused', 'ignore', 'export', 'drop', or None."""
    mark = getattr(function, MODIFIER, None)
    if mark is None:
        return None
    word = str(mark).partition(" ")[0].strip("_")
    return word if word in ("unused", "ignore", "export", "drop") else None


def modifier_of_method(cls: type, function: Any) -> str | None:
    """The same of a method. One that the class lists under `__overloads__`, as PyTorch's quantised LSTM does its
    `forward`, is marked for a compiler that does not see which of the methods it calls.
    """
    overloads = getattr(cls, "__overloads__", None)
    if isinstance(overloads, dict) and getattr(function, "__name__", None) in overloads:
        return None
    return modifier_of(function)


def unwrap(function: Any) -> Any:
    """The Python function below wrappers that do not change what it computes.

    A `functools.wraps` wrapper does change it (`@torch.no_grad()`), so only the wrappers that are known are taken off.
    """
    while True:
        original = getattr(function, "__original_fn", None) or (
            getattr(function, "__script_if_tracing_wrapper", None) and getattr(function, "__wrapped__", None)
        )
        inner = getattr(function, "_torchscript_original", None)
        if inner is None and type(function).__name__ == "ScriptFunction":  # PyTorch keeps what it compiled
            inner = getattr(function, "_torchdynamo_inline", None)
        if inner is not None:
            function = inner
        elif original is not None and callable(original):
            function = original
        else:
            return function


def boolean_dispatch_of(function: Any) -> dict[str, Any] | None:
    """The two functions that a `boolean_dispatch` of torch.nn.functional chooses between."""
    table = getattr(sys.modules.get("torch._jit_internal"), "boolean_dispatched", None)
    if table is None or not isinstance(function, types.FunctionType):
        return None
    found = table.get(function)
    return found if isinstance(found, dict) else None


@functools.lru_cache(maxsize=8192)
def _defining(code: types.CodeType, cls: type) -> type | None:
    for base in cls.__mro__:
        for value in vars(base).values():
            raw = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
            if (isinstance(raw, types.FunctionType) and inspect.unwrap(raw).__code__ is code) or getattr(
                raw, "__code__", None
            ) is code:
                return base
    return None


def defining_class(function: Any, cls: type | None) -> type | None:
    """The class whose body holds `function`, among `cls` and its bases."""
    if cls is None or not hasattr(function, "__code__"):
        return cls
    return _defining(function.__code__, cls) or cls


_OF_PYTORCH: dict[str, list[Any]] = {
    key: list(functions)
    for key, functions in getattr(sys.modules.get("torch._jit_internal"), "_overloaded_fns", {}).items()
    if key.startswith("__torch__.torch.")
}
"""Signatures that PyTorch declares for its own functions. torch.jit forgets them once it has compiled such a function."""


def is_overloaded(function: Any) -> bool:
    """Whether a library declared several signatures for a function or method (`_overload`); its own is one of them."""
    return bool(overloads_of(function))


def overloads_of(function: Any) -> list[Any]:
    """The functions whose signatures a library declared for `function` with `_overload`."""
    internal = sys.modules.get("torch._jit_internal")
    module, qualified = getattr(function, "__module__", ""), getattr(function, "__qualname__", "")
    owner, _, name = qualified.rpartition(".")
    key = f"__torch__.{module}.{name}"
    if not owner:
        found = getattr(internal, "_overloaded_fns", {}).get(key)
        return list(found if found is not None else _OF_PYTORCH.get(key, ()))
    return list(getattr(internal, "_overloaded_methods", {}).get(key, {}).get(owner, ()))

"""`install()`: `torch.jit` means this library, for programs whose imports cannot be changed."""

from __future__ import annotations

import sys
from types import ModuleType, TracebackType
from typing import Any

_NAMES = (
    "script", "script_method", "script_if_tracing", "trace", "trace_module", "ScriptModule", "ScriptFunction",
    "RecursiveScriptModule", "TopLevelTracedModule", "save", "load", "ignore", "unused", "export", "annotate",
    "isinstance", "Attribute", "Final", "interface", "fork", "wait", "is_scripting", "is_tracing", "Error",
    "TracerWarning", "TracingCheckError", "CompilationUnit", "freeze", "optimize_for_inference", "Future",
)  # fmt: skip
_REPLACED = {
    "torch.jit": _NAMES,
    "torch.jit._script": (
        "script",
        "ScriptModule",
        "RecursiveScriptModule",
    ),  # what programs import from there
}
"""Names in modules that torch has loaded. They are written, and never called."""

_MISSING: Any = object()


class Installation:
    """What `install()` returns: `uninstall()` undoes it, and so does leaving a `with` block."""

    def __init__(self) -> None:
        self._replaced: list[tuple[ModuleType, str, Any]] = []

    def _put(self, module: ModuleType, name: str, value: Any) -> None:
        self._replaced.append((module, name, module.__dict__.get(name, _MISSING)))
        module.__dict__[name] = value

    def install(self) -> Installation:
        import torchscript

        for path, names in _REPLACED.items():
            module = sys.modules.get(path)
            for name in names:
                if module is not None and hasattr(torchscript, name):
                    self._put(module, name, getattr(torchscript, name))
        return self

    def uninstall(self) -> None:
        """Give `torch.jit` its own functions back."""
        while self._replaced:
            module, name, value = self._replaced.pop()
            if value is _MISSING:
                del module.__dict__[name]
            else:
                module.__dict__[name] = value
        if _INSTALLED and _INSTALLED[-1] is self:
            _INSTALLED.pop()

    def __enter__(self) -> Installation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.uninstall()


_INSTALLED: list[Installation] = []


def install() -> Installation:
    """Make `torch.jit.script`, `trace`, `load`, … mean this library's, for programs whose imports cannot be changed.

    Call it before the program's modules are imported: `@torch.jit.script` on a function then compiles with this
    library. `uninstall()` undoes it; as a context manager, the end of the block does.

    >>> import torch, torchscript
    >>> with torchscript.install():
    ...     @torch.jit.script
    ...     def double(x: torch.Tensor) -> torch.Tensor:
    ...         return x * 2
    >>> type(double)
    <class 'torchscript.runtime.function.ScriptFunction'>
    """
    made = Installation().install()
    _INSTALLED.append(made)
    return made


def uninstall() -> None:
    """Undo every `install()`."""
    while _INSTALLED:
        _INSTALLED[-1].uninstall()

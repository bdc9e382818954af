"""Torch Script anew: compile PyTorch programs, save them, and run them with or without Python.

import torchscript as jit          # in place of: from torch import jit
"""

from typing import Final

from . import frontend, ir
from .codegen.cpp import NativeError
from .errors import (
    ArchiveError,
    ArgumentError,
    BackendError,
    CompileError,
    Error,
    IRError,
    NotSupportedError,
    SchemaMatchError,
    TracerWarning,
    TracingCheckError,
    TracingError,
)
from .native.api import compile
from .native.compiler import CompilerError
from .runtime.api import (
    Attribute,
    annotate,
    export,
    fork,
    ignore,
    interface,
    is_scripting,
    is_tracing,
    load,
    save,
    script,
    script_if_tracing,
    script_method,
    unused,
    wait,
)
from .runtime.api import isinstance_ as isinstance
from .runtime.freezing import freeze, optimize_for_inference, run_frozen_optimizations
from .runtime.function import ScriptFunction
from .runtime.installing import install, uninstall
from .runtime.module import RecursiveScriptModule, ScriptModule, TopLevelTracedModule
from .tracing.api import trace, trace_module

__all__ = [
    "ArchiveError", "ArgumentError", "Attribute", "BackendError", "CompileError", "CompilerError", "Error", "Final",
    "IRError", "NativeError",
    "NotSupportedError", "RecursiveScriptModule", "SchemaMatchError", "ScriptFunction", "ScriptModule",
    "TopLevelTracedModule", "TracerWarning", "TracingCheckError", "TracingError", "annotate", "compile", "export", "fork",
    "freeze", "frontend", "ignore", "install", "interface", "ir", "is_scripting", "is_tracing", "isinstance", "load",
    "optimize_for_inference",
    "run_frozen_optimizations", "save", "script",
    "script_if_tracing", "script_method", "trace", "trace_module", "uninstall", "unused", "wait",
]  # fmt: skip

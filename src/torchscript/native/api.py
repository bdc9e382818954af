"""`torchscript.compile`: functions, modules and loaded archives as native code."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..codegen.cpp import NativeProgram, generate
from ..codegen.cpp.kernels import make_kernel
from ..errors import CompileWarning, Error
from ..ir.graph import Function, Graph
from ..runtime.function import ScriptFunction
from ..runtime.hooks import has_late_hooks
from ..runtime.module import Entry, ScriptModule
from .library import Library
from .module import NativeFunction, native_module


def compile(obj: Any, *, output: str | Path | None = None, optimize: bool = True) -> Any:
    """Compile a function, a module or a loaded archive to native code; all its methods at once.

    `obj` is a Python function, an `nn.Module`, or what `script`, `trace` or `load` returned. What comes back is
    called like it, has the same parameters, buffers and `state_dict` (they are shared), and records gradients; it holds
    no Python lock while it runs. `output` names a directory that gets the library for hosts without
    Python. `optimize=False` leaves the graph as it is: no passes, no fused kernels. Where PYTORCH_JIT=0 turns compilation
    off, `obj` comes back as it is.

    A function that changes what is inside an argument (a list in a list, an attribute of an object) runs in Python when it
    is called from there, so that the caller sees the change; there is a warning that names it. So does a module while one
    of its submodules has hooks that were registered after it was compiled: they run as in eager mode. Hooks for
    all modules (`register_module_forward_hook`) run for the module that is called, as in all compiled code.

    Raises NativeError, which names every construct without native code, and CompilerError where there is no C++
    compiler.

    >>> import torchscript
    >>> def collatz(n: int) -> int:
    ...     steps = 0
    ...     while n != 1:
    ...         n = n // 2 if n % 2 == 0 else 3 * n + 1
    ...         steps += 1
    ...     return steps
    >>> torchscript.compile(collatz)(27)  # doctest: +SKIP
    111
    """
    from ..runtime.api import enabled, script
    from .build import built_program  # not before it is needed: there are systems without its locks

    if not isinstance(obj, ScriptFunction | ScriptModule):
        if output is None and not enabled():
            return obj
        obj = script(obj)
    if not isinstance(obj, ScriptFunction | ScriptModule):
        raise Error(f"{obj!r} has no code of its own to compile; functions, modules and loaded archives do.")
    program, name = native_program(obj, optimize=optimize)
    with built_program(program.files, name=name) as path:
        if output is not None:
            from .package import write_package

            write_package(obj, program, path, Path(output))
        library = Library(path, program)
    _warn_of_arguments(program)
    if isinstance(obj, ScriptModule):
        _warn_of_hooks(obj)
    if isinstance(obj, ScriptFunction):
        return NativeFunction(obj, library, program.methods[0])
    return native_module(obj, library, program)


def compile_functions(functions: Sequence[ScriptFunction], *, optimize: bool = True) -> list[NativeFunction]:
    """Compile several functions into one library, with one run of the C++ compiler."""
    from .build import built_program

    def prepare(function: Function) -> Graph:
        return prepared_graph(function, optimize)

    methods = [(f"f{i}", f._ts_function) for i, f in enumerate(functions)]
    program = generate(methods, prepare=prepare, make_kernel=make_kernel)
    with built_program(program.files, name=f"{len(functions)} functions") as path:
        library = Library(path, program)
    _warn_of_arguments(program)
    return [NativeFunction(f, library, m) for f, m in zip(functions, program.methods, strict=True)]


def _warn_of_arguments(program: NativeProgram) -> None:
    for method in program.methods:
        if method.changed_inside is not None:
            arguments = method.function.schema.arguments
            name = arguments[method.changed_inside + len(arguments) - method.arguments].name
            warnings.warn(
                f"'{method.function.name}' changes what is inside its argument '{name}'. Called from Python it runs in "
                "Python, so that the caller sees the change.",
                CompileWarning,
                stacklevel=3,
            )


def _warn_of_hooks(module: ScriptModule) -> None:
    hooked = [name for name, child in module.named_modules() if name and has_late_hooks(child)]
    if hooked:
        warnings.warn(
            f"'{hooked[0]}' has hooks that are no part of the compiled code of its callers. While it has them, calls from "
            "Python run in Python, so that they run.",
            CompileWarning,
            stacklevel=3,
        )


def native_program(obj: ScriptFunction | ScriptModule, *, optimize: bool = True) -> tuple[NativeProgram, str]:
    """The C++ of what `compile` would build, and a name for it."""

    def prepare(function: Function) -> Graph:
        return prepared_graph(function, optimize)

    if isinstance(obj, ScriptFunction):
        function = obj._ts_function
        return generate([(function.name, function)], prepare=prepare, make_kernel=make_kernel), function.name
    methods = [(n, e.function) for n, e in vars(type(obj)).items() if isinstance(e, Entry)]
    return generate(methods, obj, prepare=prepare, make_kernel=make_kernel), str(
        getattr(obj, "original_name", type(obj).__name__)
    )


def prepared_graph(function: Function, optimize: bool) -> Graph:
    """A copy of the function's graph as the native back end takes it."""
    from ..passes import hoist_attributes
    from ..passes import optimize as run_passes
    from ..passes.fusion import fuse_operators

    graph = function.graph.copy()
    if optimize:
        run_passes(graph)
        hoist_attributes(graph)
        fuse_operators(graph)
    return graph

"""A compiled function as users hold it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from typing import IO, Any

from ..errors import CompileError, Error
from ..ir.graph import Function, Graph
from ..ir.uncompiled import Uncompiled, uncompiled_in
from ..tracing import state
from .arguments import Signature
from .linking import LINKER


class Compiled:
    """What compiled functions and methods share: their graph, code and schema."""

    _ts_function: Function

    @property
    def graph(self) -> Graph:
        """The function's graph; calls of other functions are nodes in it."""
        return self._ts_function.graph

    @property
    def inlined_graph(self) -> Graph:
        """A copy of the graph with the graphs of the functions it calls in place of the calls."""
        from ..passes import inline_calls

        graph = self._ts_function.graph.copy()
        inline_calls(graph)
        return graph

    def graph_for(self, *args: Any, **kwargs: Any) -> Graph:
        """The graph that runs for these arguments: the inlined one."""
        return self.inlined_graph

    @property
    def schema(self) -> Any:
        """The signature: `str(f.schema)` is `f(Tensor x, int n=3) -> Tensor`."""
        return _Declaration(self._ts_function)

    @property
    def code(self) -> str:
        """The function as the source that an archive would hold."""
        return self.code_with_constants[0]

    @property
    def code_with_constants(self) -> tuple[str, Any]:
        """`code`, and the tensors that it refers to as `CONSTANTS.c0`, …"""
        from ..codegen.source import code_with_constants

        return code_with_constants(self._ts_function)

    @property
    def name(self) -> str:
        return self._ts_function.name

    @property
    def qualified_name(self) -> str:
        return self._ts_function.qualified_name


class _Declaration:
    """A schema that prints as PyTorch prints a function's: by its bare name."""

    def __init__(self, function: Function) -> None:
        self._schema = function.schema
        self.name = function.name

    @property
    def arguments(self) -> Any:
        return self._schema.arguments

    @property
    def returns(self) -> Any:
        return self._schema.returns

    def __str__(self) -> str:
        return str(self._schema).replace(self._schema.name, self.name, 1)

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


class ScriptFunction(Compiled):
    """A compiled function. Calling it checks the arguments, then runs the generated Python code."""

    def __init__(self, function: Function) -> None:
        self._ts_function = function
        self._unlink()
        original = function.python_function
        if original is not None and hasattr(original, "__name__"):
            functools.update_wrapper(self, original)
            self.__dict__.pop("__wrapped__", None)
        self._torchscript_original = original

    def _unlink(self) -> None:
        """Have the next call link the function."""
        self._signature: Signature | None = None
        self._call: Any = None
        self._exact: Any = None  # the classes of arguments that need no check

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not kwargs and tuple(map(type, args)) == self._exact and state.current() is None:
            return self._call(*args)
        return self._call_checked(args, kwargs)

    def _call_checked(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._call is None:
            self._signature = Signature(self._ts_function)
            self._call = LINKER.function(self._ts_function)
            self._exact = self._signature.exact
        assert self._signature is not None
        values = self._signature.bind(args, kwargs)
        recorder = state.current()
        call = self._call
        if recorder is not None:
            call = lambda *v: recorder.call_script_function(self._ts_function, self._call, v, {})
        return self._signature.run(call, values) if self._signature.has_sets else call(*values)

    @property
    def __signature__(self) -> inspect.Signature:
        return Signature(self._ts_function).for_python()

    def save(self, f: Any, _extra_files: Mapping[str, str | bytes] | None = None) -> None:
        """Write the function as an archive: a module with it as `forward`."""
        from ..archive.writer import save

        save(self, f, extra_files=_extra_files)

    def save_to_buffer(self, _extra_files: Mapping[str, str | bytes] | None = None) -> bytes:
        from ..archive.writer import save_to_buffer

        return save_to_buffer(self, extra_files=_extra_files)

    def uncompiled(self) -> list[Uncompiled]:
        """What stays a Python call in this function and what it calls, with the reasons."""
        return uncompiled_in(self._ts_function)

    def __repr__(self) -> str:
        return f"<torchscript.ScriptFunction {self._ts_function.name} at {hex(id(self))}>"

    def __reduce__(self) -> Any:
        return (_load_function, (self.save_to_buffer(), self._ts_function.name))

    def __deepcopy__(self, memo: Any) -> ScriptFunction:
        return self


def _load_function(data: bytes, name: str) -> ScriptFunction:
    """A pickled function, from its archive."""
    from ..archive.reader import read_archive

    archive = read_archive(data)
    cls = archive.root_class
    method = cls.method("forward")
    assert method is not None
    from ..ir.graph import Graph as _Graph
    from ..ir.graph import copy_block
    from ..schema import Schema

    graph = _Graph(name)
    copy_block(method.graph.block, graph.block, {})
    if graph.block.parameters and not graph.block.parameters[0].users:
        graph.block.remove_parameter(0)
    schema = method.schema
    own = Schema(f"__torch__.{name}", "", tuple(schema.arguments[1:]), schema.returns)
    return ScriptFunction(Function(f"__torch__.{name}", graph, own))


class PythonFunction(ScriptFunction):
    """A function that does not compile and stays Python, as `script(…, fallback=True)` returns it."""

    def __init__(self, function: Any, error: CompileError) -> None:
        functools.update_wrapper(self, function)
        self._torchscript_original = function
        self._error = error

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._torchscript_original(*args, **kwargs)

    def uncompiled(self) -> list[Uncompiled]:
        return [Uncompiled(self._torchscript_original.__name__, self._error.message, self._error.where)]

    def __getattr__(self, name: str) -> Any:
        if name in ("_ts_function", "_call", "_signature"):
            raise Error(
                f"'{self._torchscript_original.__name__}' was not compiled: {self._error}"
            ) from self._error
        raise AttributeError(name)

    def __reduce__(self) -> Any:
        return self._torchscript_original.__qualname__

    def __repr__(self) -> str:
        return f"<torchscript.PythonFunction {self._torchscript_original.__name__} at {hex(id(self))}>"


Buffer = IO[bytes]

"""What is done where data decides what Python does next: `trace(…, branches="warn" | "error" | "script")`.

With "script", the function that holds such a decision is compiled instead of recorded. The first run that
meets a decision is given up (`Decided`), and another one begins, in which

    a function      has other code (`trampolines.py`), which compiles it for the arguments of the call, and
                    calls what was compiled: prim::CallFunction in the graph
    a submodule     is replaced by its scripted self while the trace is made: prim::CallMethod
    the module      that is traced is compiled as a whole

until a run meets no decision that is not compiled. What the frontend cannot compile is recorded after all, with
a warning that says why.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, FrameType, FunctionType
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import nn

from ..errors import Error, TracerWarning, TracingError
from . import state, structures, trampolines
from .locations import is_library, line_of
from .rewriting import original_code
from .sizes import without_history
from .snapshots import put_back

if TYPE_CHECKING:
    from .recorder import Recorder

MODES = ("warn", "error", "script")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Decision:
    """Where data decided: the line, and what happened there, as the beginning of a sentence."""

    what: str
    filename: str
    line: int


class Decided(BaseException):
    """A recording that is given up, because a function or the modules of a class are to be compiled."""

    def __init__(self, unit: CodeType | type, decision: Decision, example: Any) -> None:
        super().__init__(decision.what)
        self.unit = unit
        self.decision = decision
        self.example = example


class Branches:
    """What one `trace` does about decisions, and what it has compiled so far."""

    def __init__(self, mode: str = "warn") -> None:
        if mode not in MODES:
            raise TracingError(f"branches= is one of {', '.join(map(repr, MODES))}, not {mode!r}.")
        self.mode = mode
        self.decisions: dict[CodeType | type, Decision] = {}
        self.refused: dict[CodeType | type, str] = {}
        self.root: nn.Module | None = None
        self._examples: dict[type, Any] = {}
        self._functions: dict[tuple[CodeType, str], Any] = {}
        self._modules: dict[int, tuple[nn.Module, Any]] = {}
        self._told: set[CodeType | type] = set()

    # --- While recording ------------------------------------------------------------------------------------

    def decide(self, recorder: Recorder, decision: Decision, frame: FrameType | None) -> str | None:
        """Raise Decided where the function of `frame` can be compiled; a text for the warning where not."""
        reason = None
        for unit, example in _units(recorder, frame):
            if unit in self.refused:
                reason = reason or self.refused[unit]
            elif unit not in self.decisions:
                raise Decided(unit, decision, example)
            # else it runs as Python although it was to be compiled: a function that is made in every call
        return reason

    def begin_again(self, decided: Decided) -> None:
        """Take note of what is to be compiled in the next run."""
        self.decisions[decided.unit] = decided.decision
        if isinstance(decided.unit, type):
            self._examples[decided.unit] = decided.example

    def refuse(self, unit: CodeType | type, error: Exception | str) -> None:
        """Record a function after all, because it cannot be compiled."""
        self.refused[unit] = str(error).strip()

    def tell(self, unit: CodeType | type, name: str) -> None:
        """Say that something was compiled, and why."""
        if unit in self._told:
            return
        self._told.add(unit)
        decision = self.decisions[unit]
        warnings.warn_explicit(
            f"{name} is compiled with `script` and called, with its control flow, instead of being recorded: "
            f"{decision.what} in this line. Here: `{line_of(decision.filename, decision.line)}`",
            TracerWarning,
            decision.filename,
            decision.line,
        )

    # --- Compiling ------------------------------------------------------------------------------------------

    def call(self, function: FunctionType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a function that is to be compiled, from the code that stands in for its own."""
        recorder = state.current()
        unit = function.__code__
        if recorder is None or recorder.branches is not self or unit in self.refused:
            return function(*args, **kwargs)
        compiled = self._compiled(function, args, kwargs)
        return function(*args, **kwargs) if compiled is None else compiled(*args, **kwargs)

    def _compiled(self, function: FunctionType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        from ..runtime.api import script

        unit = function.__code__
        try:
            example = _in_order(function, args, kwargs, skip=0)
            key = unit, ", ".join(str(structures.type_of(value)) for value in example)
        except (structures.NotRepresentable, TypeError) as error:
            self.refuse(unit, f"it is called with {error}")
            return None
        compiled = self._functions.get(key)
        if compiled is None:
            with state.paused():
                try:
                    compiled = script(function, example_inputs=[example], fallback=False)
                except Error as error:
                    self.refuse(unit, error)
                    return None
            self._functions[key] = compiled
            self.tell(unit, f"The function '{function.__qualname__}'")
        return compiled

    def scripted(self, module: nn.Module) -> Any:
        """The scripted self of a module; None if it cannot be compiled."""
        known = self._modules.get(id(module))
        if known is None:
            self._modules[id(module)] = known = module, self._scripted(module)
        return known[1]

    def _scripted(self, module: nn.Module) -> Any:
        from ..runtime.api import script

        cls = type(module)
        if cls in self.refused:
            return None
        example = self._examples.get(cls)
        try:
            inputs = None
            if example is not None:
                inputs = [_in_order(cls.forward, *example, skip=1)]
            with state.paused():
                made = script(module, example_inputs=inputs, fallback=False)
        except (Error, TypeError) as error:
            self.refuse(cls, error)
            return None
        self.tell(cls, f"The module '{cls.__qualname__}'")
        return made

    # --- Putting it in place --------------------------------------------------------------------------------

    @contextmanager
    def in_place(self, root: nn.Module | None) -> Iterator[None]:
        """Have what is to be compiled in place of what it was compiled from."""
        classes = {unit for unit in self.decisions if isinstance(unit, type)}
        codes = [unit for unit in self.decisions if isinstance(unit, CodeType) and unit not in self.refused]
        replaced: list[tuple[nn.Module, str, nn.Module]] = []
        if root is not None and classes:
            self._replace(root, classes, replaced, {id(root)})
        with trampolines.installed(codes, self.call) as missing:
            for code in missing:
                self.refuse(code, "its function was not found")
            try:
                yield
            finally:
                for parent, name, child in replaced:
                    parent._modules[name] = child

    def _replace(
        self,
        module: nn.Module,
        classes: set[type],
        replaced: list[tuple[nn.Module, str, nn.Module]],
        seen: set[int],
    ) -> None:
        for name, child in module._modules.items():
            if child is None:
                continue
            compiled = self.scripted(child) if type(child) in classes else None
            if compiled is not None:
                replaced.append((module, name, child))
                module._modules[name] = compiled
            elif id(child) not in seen:
                seen.add(id(child))
                self._replace(child, classes, replaced, seen)


def settled(branches: Branches, root: nn.Module | None, inputs: Any, run: Callable[[], Result]) -> Result:
    """What `run`, which makes a trace, returns once all that is to be compiled is."""
    branches.root = root
    if branches.mode != "script":
        return run()
    before = _Snapshot(root, inputs)
    while True:
        with branches.in_place(root):
            try:
                return run()
            except Decided as decided:
                branches.begin_again(decided)
        before.restore()


class _Snapshot:
    """What a run that is given up may have changed: inputs, buffers, tensors in attributes, random numbers."""

    def __init__(self, root: nn.Module | None, inputs: Any) -> None:
        modules = list(nn.Module.modules(root)) if root is not None else []
        tables: list[dict[str, Any]] = [t for m in modules for t in (m._parameters, m._buffers)]
        self.tables = [(table, dict(table)) for table in tables]
        self.plain = [
            (m, {k: v for k, v in m.__dict__.items() if isinstance(v, torch.Tensor)}) for m in modules
        ]
        tensors = structures.tensors_in(inputs)
        tensors += [t for m in modules for t in m._buffers.values() if t is not None]
        tensors += [t for _, found in self.plain for t in found.values()]
        self.tensors = [(t, t.detach().clone()) for t in tensors]
        self.random = torch.get_rng_state()

    def restore(self) -> None:
        for table, entries in self.tables:
            table.clear()
            table.update(entries)
        for module, found in self.plain:
            module.__dict__.update(found)
        for tensor, content in self.tensors:
            put_back(tensor, content)
        torch.set_rng_state(self.random)


def _in_order(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], *, skip: int) -> tuple[Any, ...]:
    """The arguments of a call in the order of the parameters, defaults included. TypeError for *args."""
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())[skip:]
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TypeError(f"a variable number of arguments ({parameter})")
    bound = signature.replace(parameters=parameters).bind(*args, **kwargs)
    bound.apply_defaults()
    return tuple(without_history(bound.arguments[p.name]) for p in parameters)


_NO_UNITS = frozenset({"<listcomp>", "<genexpr>", "<dictcomp>", "<setcomp>", "<lambda>", "<module>"})
_NO_FUNCTIONS = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


def _units(recorder: Recorder, frame: FrameType | None) -> Iterator[tuple[CodeType | type, Any]]:
    """What can be compiled so that the code of a frame is: its function or module, then those around it.

    With a module comes the call's arguments.
    """
    end = recorder.outermost_code
    while frame is not None and frame.f_code is not end:
        code = original_code(frame.f_code)
        if not is_library(code) and code.co_name not in _NO_UNITS:
            owner = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None
            if isinstance(owner, nn.Module) and owner in recorder.tree:
                scope = next((s for s in reversed(recorder.scopes.stack) if s.module is owner), None)
                yield type(owner), scope.example if scope is not None else None
            elif not code.co_flags & _NO_FUNCTIONS:
                yield code, None
        frame = frame.f_back

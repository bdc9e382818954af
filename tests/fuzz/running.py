"""Run a program in Python and in other ways, and compare everything that can be seen of the runs.

A *runner* makes something callable of a program, once compiled and once run; to plug another back end or pass in, write one:

    class Native(Runner):
        name = "native"
        def prepare(self, entry, module): return torchscript.compile(entry)

    check(program, [Script(), Native()])
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import re
import types
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

import torchscript as jit
from torchscript.codegen.python import compile_function
from torchscript.ir import Function, verify
from torchscript.passes import PASSES, inline_calls, optimize

from .programs import Program


class DisagreementError(AssertionError):
    """A runner does not do what Python does; the message holds the program."""


_KINDS: dict[str, type[DisagreementError]] = {}


def disagreement(kind: str, message: str) -> DisagreementError:
    """An error of a class of its own per kind of disagreement: hypothesis shrinks each class by itself."""
    kind = re.sub(r"'[^']*'|\"[^\"]*\"|\d+", "_", kind)[:120]
    cls = _KINDS.setdefault(kind, type(f"DisagreementError{len(_KINDS)}", (DisagreementError,), {}))
    return cls(message)


@dataclass
class Outcome:
    """What can be seen of one call."""

    value: Any = None
    error: BaseException | None = None
    arguments: tuple[Any, ...] = ()
    state: dict[str, Any] = field(default_factory=dict)  # of the module
    printed: str = ""
    gradients: list[Any] = field(default_factory=list)
    shared: list[int] = field(default_factory=list)  # which lists, dicts and tensors are the same objects

    def __str__(self) -> str:
        result = (
            f"raised {type(self.error).__name__}: {self.error}" if self.error else f"returned {self.value!r}"
        )
        parts = [result, f"arguments after: {self.arguments!r}"]
        if self.state:
            parts.append(f"state after: {self.state!r}")
        if self.printed:
            parts.append(f"printed: {self.printed!r}")
        if self.gradients:
            parts.append(f"gradients: {self.gradients!r}")
        return "\n  ".join([*parts, f"sharing: {self.shared}"])


class Runner:
    """One way to run a program.

    `exact_errors`: exceptions have Python's type (otherwise: there is one). `sees_effects`: changes of arguments,
    printed text and the identity of containers are Python's.
    """

    name = "?"
    exact_errors = True
    sees_effects = True

    def prepare(self, entry: Callable[..., Any], module: types.ModuleType) -> Callable[..., Any]:
        raise NotImplementedError

    def excuses(self, program: Program, expected: Outcome) -> bool:
        """Whether the runner need not agree here, by a documented rule.

        A tensor operator whose result nobody reads is dropped, with the error that PyTorch raises in it (passes/effects.py).
        Errors that the program raises itself have short messages.
        """
        text = str(expected.error)
        if isinstance(expected.error, IndexError):
            return "out of bounds for dimension" in text or "Dimension out of range" in text
        return isinstance(expected.error, RuntimeError) and len(text) > 8

    def survives(self, program: Program, module: types.ModuleType) -> bool:
        """Whether the process outlives a run; if not, there is nothing to compare."""
        return True


class Script(Runner):
    """`torchscript.script`."""

    name = "script"

    def prepare(self, entry: Callable[..., Any], module: types.ModuleType) -> Callable[..., Any]:
        scripted = jit.script(entry)
        verify((scripted.forward if isinstance(entry, torch.nn.Module) else scripted).graph)
        return scripted


class Archive(Runner):
    """Compiled, saved and loaded by us."""

    name = "archive"

    def prepare(self, entry: Callable[..., Any], module: types.ModuleType) -> Callable[..., Any]:
        return jit.load(io.BytesIO(_saved(entry)))

    def excuses(self, program: Program, expected: Outcome) -> bool:
        # a loaded program has classes of its own, which the arguments are no instances of
        foreign = any(name in arguments for name in program.classes for arguments in program.arguments)
        return foreign or super().excuses(program, expected)


class Stock(Archive):
    """Our archive, loaded and run by PyTorch's own implementation."""

    name = "stock"
    exact_errors = False
    sees_effects = False

    def prepare(self, entry: Callable[..., Any], module: types.ModuleType) -> Callable[..., Any]:
        return torch.jit.load(io.BytesIO(_saved(entry)))

    def excuses(self, program: Program, expected: Outcome) -> bool:
        return (
            super().excuses(program, expected)
            or any(word in f"{program.source} {program.arguments}" for word in STOCK_DIFFERS)
            or _returns_object(program)
            or (expected.error is not None and type(expected.error) is not AssertionError)
        )

    def survives(self, program: Program, module: types.ModuleType) -> bool:
        """Tried in a child process: PyTorch's interpreter dies of SIGFPE in `0 // 0`, for example."""
        if "//" not in program.source and "%" not in program.source:
            return True
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                _run(program, module, self.prepare(program.entry(module), module), self)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        return not os.WIFSIGNALED(status)


def _returns_object(program: Program) -> bool:
    """PyTorch gives Python no instance of a script class that the archive alone defines."""
    found = re.findall(r"def (?:main|forward)\(.*\) -> (.*):", program.source)
    return any(f"class {name}:" in program.source for text in found for name in re.findall(r"\w+", text))


STOCK_DIFFERS = ("**", "title()", "capitalize()", "swapcase()", "'é'", "str(", "f'", "format(")
"""What PyTorch's interpreter computes otherwise than Python, whoever compiled the program."""


class Passes(Runner):
    """The graph with calls inlined and passes applied, then run by the Python back end."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.name = "+".join(names) or "optimize"

    def prepare(self, entry: Callable[..., Any], module: types.ModuleType) -> Callable[..., Any]:
        scripted = jit.script(entry)
        method = scripted.forward if isinstance(entry, torch.nn.Module) else scripted
        function = method._ts_function
        graph = function.graph.copy()
        inline_calls(graph)
        if self.names:
            for name in self.names:
                PASSES[name](graph)
        else:
            optimize(graph)
        verify(graph)
        run = compile_function(Function(function.qualified_name, graph, function.schema))
        if isinstance(entry, torch.nn.Module):
            return _Bound(run, scripted)
        return run

    def excuses(self, program: Program, expected: Outcome) -> bool:
        # an optimised program may lose what raises and has no result that is used (passes/effects.py)
        return expected.error is not None and type(expected.error) is not AssertionError


class _Bound:
    """A method's function with its module."""

    def __init__(self, run: Callable[..., Any], module: Any) -> None:
        self.run = run
        self.module = module

    def __call__(self, *arguments: Any) -> Any:
        return self.run(self.module, *arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.module, name)


def _saved(entry: Callable[..., Any]) -> bytes:
    buffer = io.BytesIO()
    jit.save(jit.script(entry), buffer)
    return buffer.getvalue()


def check(program: Program, runners: Sequence[Runner]) -> dict[str, str]:
    """Compare each runner with Python on all calls of the program; `DisagreementError` where one differs.

    What was compared: by the runner's name "returned", "raised" or "excused", of the first call.
    """
    seen: dict[str, str] = {}
    module = program.define()
    try:
        expected = _run(program, module, program.entry(module))
        for runner in runners:
            excused = runner.excuses(program, expected[0]) or not runner.survives(program, module)
            seen[runner.name] = "excused" if excused else "raised" if expected[0].error else "returned"
            if excused:
                continue
            try:
                compiled = runner.prepare(program.entry(module), module)
            except Exception as error:
                kind = f"{runner.name}: {str(error).partition(chr(10))[0]}"
                raise disagreement(kind, f"{runner.name} does not compile:\n{error}\n\n{program}") from error
            for call, (wanted, got) in enumerate(
                zip(expected, _run(program, module, compiled, runner), strict=True)
            ):
                if runner.excuses(program, wanted):
                    break  # what follows starts from another state
                difference = _difference(got, wanted, runner)
                if difference:
                    kind = f"{runner.name} {difference} {wanted.error!r} {got.error!r}"
                    raise disagreement(
                        kind,
                        f"{runner.name} differs from Python in call {call}: {difference}\n"
                        f"Python:\n  {wanted}\n{runner.name}:\n  {got}\n\n{program}",
                    ) from got.error
    finally:
        program.forget()
    return seen


def _run(
    program: Program, module: types.ModuleType, entry: Callable[..., Any], runner: Runner | None = None
) -> list[Outcome]:
    outcomes = []
    for call in range(len(program.arguments)):
        arguments = program.inputs(module, call)
        outcome = Outcome(arguments=arguments)
        leaves = [a for a in arguments if isinstance(a, torch.Tensor)] if program.gradients else []
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            try:
                outcome.value = entry(*arguments)
                outcome.gradients = _gradients(outcome.value, leaves)
            except Exception as error:
                outcome.error = error
        outcome.printed = printed.getvalue()
        outcome.state = _state(entry)
        outcome.shared = _sharing((outcome.value, arguments))
        # later calls may change what this one returned
        outcome.value, outcome.arguments, outcome.state = _snapshot(
            (outcome.value, outcome.arguments, outcome.state)
        )
        outcomes.append(outcome)
    return outcomes


def _gradients(value: Any, leaves: list[torch.Tensor]) -> list[Any]:
    total = torch.zeros(())
    for tensor in _tensors(value):
        if tensor.requires_grad:
            total = total + tensor.sum()
    if not total.requires_grad:
        return []
    return list(torch.autograd.grad(total, leaves, allow_unused=True)) if leaves else []


def _tensors(value: Any) -> Iterable[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors(item)


def _state(entry: Any) -> dict[str, Any]:
    """The attributes of a generated module (a0, a1, …)."""
    if not hasattr(entry, "forward"):
        return {}
    return {f"a{i}": getattr(entry, f"a{i}") for i in range(4) if hasattr(entry, f"a{i}")}


def _snapshot(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if isinstance(value, list):
        return [_snapshot(v) for v in value]
    if isinstance(value, tuple):
        items = [_snapshot(v) for v in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if isinstance(value, dict):
        return {k: _snapshot(v) for k, v in value.items()}
    if hasattr(value, "__dict__"):
        return _Object(type(value).__name__, {k: _snapshot(v) for k, v in _fields(value).items()})
    return value


@dataclass
class _Object:
    """An instance of a class of the program, with what its fields hold."""

    type: str
    fields: dict[str, Any]


def _fields(value: Any) -> dict[str, Any]:
    return {k: getattr(value, k) for k in ("a", "b", "c") if hasattr(value, k)}


def _sharing(value: Any) -> list[int]:
    """For each list, dict, object and tensor in `value`, in order, the number of the first that is the same."""
    found: list[int] = []
    numbers: dict[Any, int] = {}

    def visit(item: Any) -> None:
        key: Any = None
        if isinstance(item, torch.Tensor):
            key = (item.untyped_storage().data_ptr(), item.storage_offset(), item.stride(), item.shape)
        elif isinstance(item, list | dict) or hasattr(item, "a"):
            key = id(item)
        if key is not None:
            found.append(numbers.setdefault(key, len(numbers)))
        if isinstance(item, list | tuple):
            for inner in item:
                visit(inner)
        elif isinstance(item, dict):
            for inner in item.values():
                visit(inner)
        elif hasattr(item, "a"):
            for inner in _fields(item).values():
                visit(inner)

    visit(value)
    return found


def _difference(got: Outcome, wanted: Outcome, runner: Runner) -> str:
    if (got.error is None) != (wanted.error is None):
        return "one raises, the other does not"
    if got.error is not None and runner.exact_errors:
        if type(got.error) is not type(wanted.error):
            return "the exceptions are of different types"
        if str(got.error) != str(wanted.error) and not isinstance(
            wanted.error, KeyError | IndexError | RuntimeError
        ):
            return "the exceptions have different messages"
    if runner.sees_effects or wanted.error is None:
        if not _same(got.value, wanted.value):
            return "the values differ"
        if not _same(got.state, wanted.state):
            return "the module's attributes differ"
        if not _same(got.gradients, wanted.gradients):
            return "the gradients differ"
    if runner.sees_effects:
        if not _same(got.arguments, wanted.arguments):
            return "the arguments differ afterwards"
        if got.printed != wanted.printed:
            return "they print different text"
        if got.shared != wanted.shared:
            return "other values are the same object"
    return ""


def _same(a: Any, b: Any) -> bool:
    if isinstance(b, torch.Tensor):
        return (
            isinstance(a, torch.Tensor)
            and a.shape == b.shape
            and a.dtype == b.dtype
            and a.requires_grad == b.requires_grad
            and torch.allclose(a, b, rtol=1e-5, atol=1e-6, equal_nan=True)
        )
    if isinstance(b, torch.Size):
        return isinstance(a, list | torch.Size) and list(a) == list(b)
    if isinstance(b, tuple) and hasattr(b, "_fields"):
        return isinstance(a, tuple) and len(a) == len(b) and all(map(_same, a, b))
    if type(a) is not type(b):
        return isinstance(a, _Object) is isinstance(b, _Object) is True
    if isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(b, dict):
        return list(a) == list(b) and all(_same(a[k], b[k]) for k in b)
    if isinstance(b, _Object):
        return _same(a.fields, b.fields)
    if isinstance(b, float):
        return a == b or math.isclose(a, b, rel_tol=1e-9) or (math.isnan(a) and math.isnan(b))
    return bool(a == b)
